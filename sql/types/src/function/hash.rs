//! PostgreSQL's hashes of texts and integers, which applications call: they spread keys by them, and make of a name the
//! number of an advisory lock.
//!
//! Source: PostgreSQL `src/common/hashfn.c`, Bob Jenkins' lookup3 with words in little-endian order.

use super::{Call, Function};
use crate::datum::Datum;
use crate::error::Result;
use crate::sqltype::oid::*;

/// Bytes that are mixed in at once: three words.
const BLOCK: usize = 12;
/// Where the third word of the last block begins: its lowest byte is left to the length.
const LAST_WORD: usize = 9;

struct State {
    a: u32,
    b: u32,
    c: u32,
}

impl State {
    /// What the hash of so many bytes begins with. A seed of 0 is none.
    fn new(length: usize, seed: u64) -> State {
        let start = 0x9e37_79b9_u32.wrapping_add(length as u32).wrapping_add(3_923_095);
        let mut state = State { a: start, b: start, c: start };
        if seed != 0 {
            state.a = state.a.wrapping_add((seed >> 32) as u32);
            state.b = state.b.wrapping_add(seed as u32);
            state.mix();
        }
        state
    }

    fn add(&mut self, block: &[u8]) {
        let word = |at: usize| u32::from_le_bytes([block[at], block[at + 1], block[at + 2], block[at + 3]]);
        self.a = self.a.wrapping_add(word(0));
        self.b = self.b.wrapping_add(word(4));
        self.c = self.c.wrapping_add(word(8));
    }

    fn mix(&mut self) {
        let State { mut a, mut b, mut c } = *self;
        a = a.wrapping_sub(c) ^ c.rotate_left(4);
        c = c.wrapping_add(b);
        b = b.wrapping_sub(a) ^ a.rotate_left(6);
        a = a.wrapping_add(c);
        c = c.wrapping_sub(b) ^ b.rotate_left(8);
        b = b.wrapping_add(a);
        a = a.wrapping_sub(c) ^ c.rotate_left(16);
        c = c.wrapping_add(b);
        b = b.wrapping_sub(a) ^ a.rotate_left(19);
        a = a.wrapping_add(c);
        c = c.wrapping_sub(b) ^ b.rotate_left(4);
        b = b.wrapping_add(a);
        *self = State { a, b, c };
    }

    /// The hash of 64 bits, of which the lower half is that of 32.
    fn finish(self) -> u64 {
        let State { mut a, mut b, mut c } = self;
        c = (c ^ b).wrapping_sub(b.rotate_left(14));
        a = (a ^ c).wrapping_sub(c.rotate_left(11));
        b = (b ^ a).wrapping_sub(a.rotate_left(25));
        c = (c ^ b).wrapping_sub(b.rotate_left(16));
        a = (a ^ c).wrapping_sub(c.rotate_left(4));
        b = (b ^ a).wrapping_sub(a.rotate_left(14));
        c = (c ^ b).wrapping_sub(b.rotate_left(24));
        u64::from(b) << 32 | u64::from(c)
    }
}

fn of_bytes(bytes: &[u8], seed: u64) -> u64 {
    let mut state = State::new(bytes.len(), seed);
    let mut blocks = bytes.chunks_exact(BLOCK);
    for block in blocks.by_ref() {
        state.add(block);
        state.mix();
    }
    let rest = blocks.remainder();
    let (words, tail) = rest.split_at(rest.len().min(8));
    let mut last = [0u8; BLOCK];
    last[..words.len()].copy_from_slice(words);
    last[LAST_WORD..LAST_WORD + tail.len()].copy_from_slice(tail);
    state.add(&last);
    state.finish()
}

/// Of one value in any type of integers that it fits: the halves of an int8 make one word, which is the lower one when the
/// other is its sign alone.
fn of_integer(value: i64, seed: u64) -> u64 {
    let (low, high) = (value as u32, (value >> 32) as u32);
    let word = low ^ if value < 0 { !high } else { high };
    let mut state = State::new(size_of::<u32>(), seed);
    state.a = state.a.wrapping_add(word);
    state.finish()
}

fn hash_text(call: &mut Call<'_>) -> Result<Datum> {
    Ok(Datum::Int4(of_bytes(call.str(0)?.as_bytes(), 0) as i32))
}

fn hash_text_seeded(call: &mut Call<'_>) -> Result<Datum> {
    Ok(Datum::Int8(of_bytes(call.str(0)?.as_bytes(), call.i64(1)? as u64) as i64))
}

fn hash_integer(call: &mut Call<'_>) -> Result<Datum> {
    Ok(Datum::Int4(of_integer(call.i64(0)?, 0) as i32))
}

fn hash_integer_seeded(call: &mut Call<'_>) -> Result<Datum> {
    Ok(Datum::Int8(of_integer(call.i64(0)?, call.i64(1)? as u64) as i64))
}

#[rustfmt::skip]
pub(super) static FUNCTIONS: &[Function] = &[
    Function::strict(400, "hashtext", &[TEXT], INT4, hash_text),
    Function::strict(425, "hashint4extended", &[INT4, INT8], INT8, hash_integer_seeded),
    Function::strict(441, "hashint2extended", &[INT2, INT8], INT8, hash_integer_seeded),
    Function::strict(442, "hashint8extended", &[INT8, INT8], INT8, hash_integer_seeded),
    Function::strict(448, "hashtextextended", &[TEXT, INT8], INT8, hash_text_seeded),
    Function::strict(449, "hashint2", &[INT2], INT4, hash_integer),
    Function::strict(450, "hashint4", &[INT4], INT4, hash_integer),
    Function::strict(949, "hashint8", &[INT8], INT4, hash_integer),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Prefixes of this of every length, by characters.
    const TEXT: &str = "abcdefghijklmnopqrstuvwxyz0123456789äöüß";
    const SEED: u64 = 81_985_529_216_486_895;

    /// `hashtext(text)`, and `hashtextextended(text, seed)` with the seeds 0, -5 and [`SEED`], of PostgreSQL 15.
    #[rustfmt::skip]
    const OF_PREFIXES: [(i32, i64, i64, i64); 41] = [
        (-1_477_818_771, -6_939_563_903_564_495_251, 276_691_182_281_719_003, 5_714_803_967_801_994_901),
        (1_075_015_857, 3_591_986_179_850_072_241, 4_255_227_035_821_428_796, 5_474_442_009_769_322_144),
        (1_718_550_461, 2_833_316_173_711_343_549, -51_021_568_542_156_563, -5_949_477_072_058_431_560),
        (-785_388_649, -6_747_756_470_228_489_321, 6_598_607_941_938_570_015, 1_707_808_682_428_204_635),
        (-393_934_804, -1_038_429_303_365_892_052, 6_861_280_532_699_912_484, 5_554_817_899_650_624_818),
        (-445_659_580, 3_076_356_108_696_143_428, 110_079_764_589_208_714, 7_723_065_754_340_031_277),
        (-1_747_460_160, 290_958_262_752_763_840, 823_144_669_323_638_077, -8_120_241_294_044_064_745),
        (501_636_814, -6_158_032_784_613_548_338, -7_803_521_972_835_697_877, 1_046_215_184_117_738_440),
        (-1_960_928_205, -8_882_191_227_074_733_005, -5_255_458_987_635_023_751, -7_862_881_634_097_074_985),
        (-92_131_489, -3_278_210_106_038_014_113, -213_572_496_980_516_057, 1_345_559_329_631_573_216),
        (1_948_051_852, -3_183_301_415_634_409_076, 1_932_160_291_710_535_159, 3_603_660_778_895_362_444),
        (-1_483_803_693, 3_112_909_444_737_856_467, -1_675_843_413_250_973_071, 3_150_430_116_835_806_880),
        (-1_586_087_212, -7_556_637_188_122_330_412, -4_048_106_374_316_729_991, 7_159_717_585_609_413_365),
        (405_849_808, 8_871_624_171_452_417_744, -4_831_976_814_410_643_539, 5_307_507_824_310_379_875),
        (315_215_413, 4_973_135_103_275_945_525, -4_108_556_472_598_433_573, -5_815_326_103_498_549_389),
        (-1_389_283_689, 9_043_359_162_837_317_271, -7_146_366_038_758_751_248, -3_155_191_284_288_866_195),
        (-2_079_749_669, 878_954_068_520_307_163, -2_873_342_517_011_128_273, -8_847_251_413_413_142_275),
        (1_648_114_242, 981_995_727_863_167_554, -6_985_432_419_487_294_399, 428_259_359_747_963_269),
        (-952_297_252, 484_589_330_715_449_564, 2_529_308_546_944_225_346, -7_294_048_750_705_391_754),
        (-684_650_393, -232_611_774_418_841_497, 7_146_876_442_742_103_284, 4_857_699_160_665_950_517),
        (766_334_193, 772_495_730_612_720_881, 8_326_256_274_009_059_600, 8_691_340_569_900_413_162),
        (2_124_303_250, 7_996_419_909_667_933_074, 3_064_039_321_211_980_796, -3_249_138_185_800_248_386),
        (-50_608_962, 5_065_299_895_581_918_398, -2_877_145_460_914_887_306, -2_516_066_259_622_410_115),
        (-1_149_376_136, -1_198_571_854_151_947_912, -4_626_004_259_741_067_778, -6_352_254_423_854_816_831),
        (1_251_586_959, -1_933_194_731_779_935_345, 7_626_597_388_625_350_679, 4_189_765_936_847_585_917),
        (980_150_893, 5_649_064_133_428_767_341, -5_262_172_246_350_491_090, 8_090_569_237_837_293_800),
        (167_831_483, -6_612_928_417_832_572_997, -3_169_111_463_172_781_613, -5_165_364_063_940_768_195),
        (-1_923_549_396, -2_380_771_206_696_995_028, 6_479_560_799_005_272_941, 2_110_304_898_196_535_355),
        (-636_332_337, 6_812_267_027_916_543_695, 5_021_505_933_544_939_544, 1_073_557_646_187_717_669),
        (-412_030_706, 945_567_879_077_619_982, -2_361_539_814_030_243_550, 5_811_562_620_269_950_731),
        (89_653_194, -6_220_525_620_039_254_070, 7_164_471_949_021_693_572, -5_574_253_104_216_590_054),
        (-908_372_798, 2_158_826_814_634_153_154, 3_389_277_484_788_085_696, 2_084_065_876_724_104_834),
        (1_203_288_424, 3_549_018_472_450_668_904, -4_571_558_587_767_705_890, -2_126_747_569_860_206_936),
        (-19_649_275, 5_090_768_811_159_989_509, -5_411_068_743_555_330_804, 5_207_330_524_404_655_824),
        (-189_095_804, 8_980_361_962_424_279_172, -5_037_133_252_123_305_034, -1_065_159_299_621_347_356),
        (-1_475_196_007, -7_327_977_299_585_643_623, -5_234_278_825_090_293_929, -15_799_862_554_264_563),
        (1_318_422_268, -9_049_552_497_159_076_100, -4_568_768_302_394_649_607, -4_712_797_642_285_530_204),
        (-1_926_748_233, -473_281_827_165_427_785, -3_864_194_876_656_557_255, 8_741_273_168_268_792_079),
        (-669_598_239, -8_902_748_073_133_425_183, 7_272_043_564_544_553_107, -5_407_427_679_810_941_286),
        (-1_185_170_168, 3_429_287_769_830_833_416, -1_231_578_469_659_518_398, 4_396_069_128_195_697_095),
        (-727_472_724, 7_179_458_200_165_655_980, 6_586_046_815_415_405_145, -1_316_206_912_057_965_183),
    ];

    #[test]
    fn texts_hash_as_in_postgresql() {
        let ends = TEXT.char_indices().map(|(at, _)| at).chain([TEXT.len()]);
        let found = ends.map(|end| {
            let bytes = &TEXT.as_bytes()[..end];
            let hash = |seed: u64| of_bytes(bytes, seed) as i64;
            (hash(0) as i32, hash(0), hash(-5_i64 as u64), hash(SEED))
        });
        assert_eq!(found.collect::<Vec<_>>(), OF_PREFIXES);
    }

    /// A number, its `hashint8`, and its `hashint8extended` with the seeds 0 and -7, of PostgreSQL 15.
    #[rustfmt::skip]
    const OF_INTEGERS: [(i64, i32, i64, i64); 13] = [
        (0, -272_711_505, 4_154_612_158_245_552_303, 6_070_635_583_126_202_392),
        (1, -1_905_060_026, -3_670_598_878_359_251_130, -7_474_253_914_743_946_148),
        (-1, 385_747_274, -1_888_257_769_727_981_238, -4_439_390_734_192_008_633),
        (42, 1_509_752_520, 8_010_225_493_015_854_792, 9_090_544_348_205_090_820),
        (-42, -487_492_805, 8_809_670_066_178_192_187, 762_078_574_513_819_781),
        (32_767, 1_289_782_602, 1_790_040_721_271_588_170, 1_148_263_283_983_153_706),
        (-32_768, 193_646_934, 8_455_483_389_771_436_374, -5_344_667_288_994_776_081),
        (2_147_483_647, -96_758_253, -9_109_110_466_470_504_941, -2_009_052_510_785_349_830),
        (-2_147_483_648, -1_524_351_049, 1_977_219_185_673_256_887, -4_181_099_878_007_920_731),
        (9_223_372_036_854_775_807, -1_524_351_049, 1_977_219_185_673_256_887, -4_181_099_878_007_920_731),
        (i64::MIN, -96_758_253, -9_109_110_466_470_504_941, -2_009_052_510_785_349_830),
        (4_294_967_296, -1_905_060_026, -3_670_598_878_359_251_130, -7_474_253_914_743_946_148),
        (-4_294_967_296, -272_711_505, 4_154_612_158_245_552_303, 6_070_635_583_126_202_392),
    ];

    #[test]
    fn integers_hash_as_in_postgresql() {
        for (value, plain, unseeded, seeded) in OF_INTEGERS {
            let hash = |seed: u64| of_integer(value, seed) as i64;
            assert_eq!((hash(0) as i32, hash(0), hash(-7_i64 as u64)), (plain, unseeded, seeded), "of {value}");
        }
    }
}

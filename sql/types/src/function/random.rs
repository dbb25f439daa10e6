//! [`Random`]: the numbers of `random()`, those of PostgreSQL 15 from the same seed.
//!
//! Source: PostgreSQL `src/common/pg_prng.c`: xoroshiro128**, its state filled by splitmix64.

/// A generator of pseudo-random numbers.
#[derive(Clone, Debug)]
pub struct Random([u64; 2]);

impl Random {
    /// A generator that nobody can predict.
    pub fn unseeded() -> Random {
        Random(rand::random())
    }

    /// What `setseed` makes of a number from -1 to 1.
    pub fn seeded(seed: f64) -> Random {
        let mut state = (((1u64 << 52) - 1) as f64 * seed) as i64 as u64;
        let mut part = || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let value = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            value ^ (value >> 31)
        };
        Random([part(), part()])
    }

    /// The next number, from 0 and below 1.
    pub fn next_f64(&mut self) -> f64 {
        let [first, second] = self.0;
        let mixed = first ^ second;
        self.0 = [first.rotate_left(24) ^ mixed ^ (mixed << 16), mixed.rotate_left(37)];
        let value = first.wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        (value >> 12) as f64 / (1u64 << 52) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_numbers_of_postgresql() {
        let mut random = Random::seeded(0.5);
        assert_eq!([random.next_f64(), random.next_f64()], [0.985_167_717_534_799_9, 0.825_301_858_027_981]);
    }
}

//! Nanoseconds of the codecs that a keyed statement runs: a row of four columns, an integer key, integers and text to the
//! wire. `cargo bench -p redoubt-types`.
//!
//! Each line is the best of several rounds, since whatever else the machine does only adds.

use std::hint::black_box;
use std::time::Instant;

use types::row::RowLayout;
use types::{Datum, Settings, SqlType, binary_io, keycode, text_io};

const CALLS: u32 = 200_000;
const ROUNDS: usize = 15;

fn measure(name: &str, mut body: impl FnMut()) {
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let started = Instant::now();
        for _ in 0..CALLS {
            body();
        }
        best = best.min(started.elapsed().as_nanos() as f64 / f64::from(CALLS));
    }
    println!("{name:<32} {best:>8.1} ns");
}

fn main() {
    let settings = Settings::default();
    let types = [SqlType::INT4, SqlType::INT4, SqlType::INT8, SqlType::TEXT];
    let text = Datum::text("a filler of no more than some forty bytes");
    let values = [Datum::Int4(4_711), Datum::Int4(-3), Datum::Int8(1_234_567_890_123), text];
    let layout = RowLayout::new(1, &types, &[]);
    let mut row = Vec::new();
    measure("row encode, 4 columns", || {
        row.clear();
        layout.encode(black_box(&values), &mut row).expect("fits");
    });
    let mut back = Vec::with_capacity(types.len());
    measure("row decode, 4 columns", || {
        back.clear();
        layout.decode_into(black_box(&row), &mut back).expect("own bytes");
    });
    measure("row view, one int4", || {
        black_box(layout.view(black_box(&row)).and_then(|view| view.get(1)).expect("own bytes"));
    });
    let mut out = Vec::new();
    measure("key of an int4", || {
        out.clear();
        keycode::encode_key(black_box(&values[..1]), &mut out);
    });
    let key = out.clone();
    measure("int4 of a key", || {
        black_box(keycode::decode_key(black_box(&key), &types[..1]).expect("own bytes"));
    });
    for (name, at) in [("int4", 0), ("int8", 2), ("text", 3)] {
        measure(&format!("{name} to text"), || {
            out.clear();
            text_io::write_text(black_box(&values[at]), types[at], &settings, &mut out).expect("fits");
        });
        measure(&format!("{name} to binary"), || {
            out.clear();
            binary_io::write_binary(black_box(&values[at]), types[at], &mut out).expect("fits");
        });
        let text = text_io::to_text(&values[at], types[at], &settings);
        measure(&format!("{name} from text"), || {
            black_box(text_io::parse(black_box(&text), types[at], &settings).expect("own text"));
        });
        let mut binary = Vec::new();
        binary_io::write_binary(&values[at], types[at], &mut binary).expect("fits");
        measure(&format!("{name} from binary"), || {
            black_box(binary_io::from_binary(black_box(&binary), types[at]).expect("own bytes"));
        });
    }
}

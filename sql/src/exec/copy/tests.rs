//! The formats without a database: what a reader makes of bytes that arrive in pieces.

use proptest::prelude::*;

use super::binary::{HEADER, TRAILER, TupleReader};
use super::read::{Fields, LineReader};
use crate::bound::{CopyFormat, CopyOptions};

/// The defaults of a format.
pub(super) fn options(format: CopyFormat) -> CopyOptions {
    let csv = format == CopyFormat::Csv;
    CopyOptions {
        format,
        delimiter: if csv { b',' } else { b'\t' },
        null: if csv { String::new() } else { "\\N".into() },
        header: false,
        header_match: false,
        quote: b'"',
        escape: b'"',
        force_quote: Vec::new(),
        force_not_null: Vec::new(),
        force_null: Vec::new(),
        freeze: false,
    }
}

type Row = Vec<Option<String>>;

/// Rows, and the error that ended them with its line, from input in pieces of so many bytes.
fn read(input: &[u8], piece: usize, options: &CopyOptions) -> (Vec<Row>, Option<(String, u64)>) {
    let mut reader = LineReader::new(options);
    let mut fields = Fields::default();
    let mut rows = Vec::new();
    let mut pieces = input.chunks(piece.max(1));
    loop {
        match pieces.next() {
            Some(bytes) => reader.push(bytes).expect("a short line"),
            None => reader.end(),
        }
        loop {
            let range = match reader.next_line() {
                Ok(Some(range)) => range,
                Ok(None) => break,
                Err(error) => return (rows, Some((error.message.clone(), reader.number))),
            };
            let line = std::str::from_utf8(reader.bytes(range)).expect("the tests write UTF-8").to_owned();
            if let Err(error) = fields.split(&line, options) {
                return (rows, Some((error.message.clone(), reader.number)));
            }
            let row = (0..fields.fields.len())
                .map(|at| fields.text(&line, at).expect("the tests escape UTF-8").map(str::to_owned));
            rows.push(row.collect());
        }
        if reader.is_finished() {
            return (rows, None);
        }
    }
}

fn row(fields: &[&str]) -> Row {
    fields.iter().map(|field| if *field == "NULL" { None } else { Some((*field).to_owned()) }).collect()
}

#[test]
fn text_has_escapes_and_nulls() {
    let text = options(CopyFormat::Text);
    for piece in 1..20 {
        let (rows, error) = read(b"a\\tb\t\\N\t\\\\N\n\\x41\\102\\q\t\t\\\n\n", piece, &text);
        assert_eq!(error, None);
        assert_eq!(rows, [row(&["a\tb", "NULL", "\\N"]), row(&["ABq", "", "\n"])], "in pieces of {piece}");
    }
}

#[test]
fn a_line_of_backslash_and_dot_ends_the_data() {
    for format in [CopyFormat::Text, CopyFormat::Csv] {
        for piece in 1..8 {
            let (rows, error) = read(b"1\n\\.\n2\n", piece, &options(format));
            assert_eq!((rows, error), (vec![row(&["1"])], None));
        }
    }
    let (rows, _) = read(b"x\\.\n2\n", 100, &options(CopyFormat::Text));
    assert_eq!(rows, [row(&["x."]), row(&["2"])]);
}

#[test]
fn line_ends_are_all_of_one_kind() {
    let text = options(CopyFormat::Text);
    for piece in 1..8 {
        assert_eq!(read(b"1\r\n2\r\n", piece, &text).0, [row(&["1"]), row(&["2"])]);
        assert_eq!(read(b"1\r2\r", piece, &text).0, [row(&["1"]), row(&["2"])]);
        let (_, error) = read(b"1\r\n2\n", piece, &text);
        assert_eq!(error, Some(("literal newline found in data".into(), 2)));
        let (_, error) = read(b"1\n2\r\n", piece, &options(CopyFormat::Csv));
        assert_eq!(error, Some(("unquoted carriage return found in data".into(), 2)));
    }
}

#[test]
fn csv_has_quotes_over_lines() {
    let csv = options(CopyFormat::Csv);
    for piece in 1..30 {
        let input = b"a,\"b,\"\"c\"\"\",\nx\"y\"z,\"\",\"1\n2\"\n,3,4\n";
        let (rows, error) = read(input, piece, &csv);
        assert_eq!(error, None);
        let expected = [row(&["a", "b,\"c\"", "NULL"]), row(&["xyz", "", "1\n2"]), row(&["NULL", "3", "4"])];
        assert_eq!(rows, expected, "in pieces of {piece}");
        let (_, error) = read(b"1,2\n\"open\n", piece, &csv);
        assert_eq!(error.expect("an open quote").0, "unterminated CSV quoted field");
    }
}

#[test]
fn csv_may_have_another_escape() {
    let csv = CopyOptions { escape: b'\\', quote: b'\'', ..options(CopyFormat::Csv) };
    let (rows, error) = read(b"'it\\'s',\\'\n'a\\\\',b\n", 3, &csv);
    assert_eq!(error.expect("the quote of the first line's second field is open").0, "unterminated CSV quoted field");
    assert!(rows.is_empty());
    let (rows, error) = read(b"'it\\'s',x\\y\n'a\\\\',b\n", 3, &csv);
    assert_eq!((rows, error), (vec![row(&["it's", "x\\y"]), row(&["a\\", "b"])], None));
}

#[test]
fn binary_tuples_arrive_in_pieces_and_must_be_whole() {
    let mut input = HEADER.to_vec();
    input.extend(2i16.to_be_bytes());
    input.extend(3i32.to_be_bytes());
    input.extend(b"abc");
    input.extend((-1i32).to_be_bytes());
    for piece in 1..input.len() {
        let mut reader = TupleReader::default();
        let mut tuples = Vec::new();
        for bytes in [input.as_slice(), &TRAILER].concat().chunks(piece) {
            reader.push(bytes).expect("nothing behind the trailer");
            while let Some(tuple) = reader.next_tuple(2).expect("sound") {
                tuples
                    .push(tuple.into_iter().map(|field| field.map(|at| reader.bytes(at).to_vec())).collect::<Vec<_>>());
            }
        }
        assert_eq!(tuples, [vec![Some(b"abc".to_vec()), None]]);
        assert!(reader.push(b"x").is_err(), "data behind the trailer");
    }
    let mut reader = TupleReader::default();
    reader.push(&input[..input.len() - 1]).expect("a part");
    reader.end();
    assert_eq!(reader.next_tuple(2).expect_err("cut off").message, "unexpected EOF in COPY data");
    let mut reader = TupleReader::default();
    reader.push(&[b'x'; 19]).expect("bytes");
    assert_eq!(reader.next_tuple(2).expect_err("no signature").message, "COPY file signature not recognized");
}

proptest! {
    #[test]
    fn any_bytes_are_read_the_same_in_any_pieces(
        input in proptest::collection::vec(proptest::sample::select(b"ab\t,\"\\.N\n\r0x".to_vec()), 0..60),
        piece in 1usize..7,
    ) {
        for format in [CopyFormat::Text, CopyFormat::Csv] {
            let options = options(format);
            // Escapes can spell bytes that are not UTF-8; that is found where values are made.
            if format == CopyFormat::Text && input.windows(2).any(|pair| pair[0] == b'\\' && matches!(pair[1], b'x' | b'0')) {
                continue;
            }
            prop_assert_eq!(read(&input, piece, &options), read(&input, input.len() + 1, &options));
        }
    }
}

//! Bytes that are equal exactly when rows are: the keys of hash tables. Nulls equal each other here.

use types::Datum;

/// The key of a row.
pub(crate) fn of(row: &[Datum]) -> Box<[u8]> {
    let mut key = Vec::with_capacity(row.len() * 10);
    types::keycode::encode_key(row, &mut key);
    key.into_boxed_slice()
}

/// The same, made in memory that is used again.
pub(crate) fn of_in<'k>(row: &[Datum], key: &'k mut Vec<u8>) -> &'k [u8] {
    key.clear();
    types::keycode::encode_key(row, key);
    key
}

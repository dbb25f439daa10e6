//! Bytes that are equal exactly when rows are: the keys of hash tables. Nulls equal each other here.

use types::{Datum, SqlType, oid};

/// The key of a row of join keys, none of which is char(n): that has no order of keys to join by.
pub(crate) fn of(row: &[Datum]) -> Box<[u8]> {
    let mut key = Vec::with_capacity(row.len() * 10);
    types::keycode::encode_key(row, &mut key);
    key.into_boxed_slice()
}

/// How the rows of an operator become keys.
pub(crate) struct KeyTypes {
    /// Empty unless some are char(n), of which the blanks at the end do not count.
    types: Box<[SqlType]>,
}

impl KeyTypes {
    pub fn new(types: impl IntoIterator<Item = SqlType>) -> KeyTypes {
        let types: Box<[SqlType]> = types.into_iter().collect();
        let padded = types.iter().any(|ty| ty.oid == oid::BPCHAR);
        KeyTypes { types: if padded { types } else { Box::default() } }
    }

    /// The key of a row.
    pub fn of(&self, row: &[Datum]) -> Box<[u8]> {
        let mut key = Vec::with_capacity(row.len() * 10);
        self.put(row, &mut key);
        key.into_boxed_slice()
    }

    /// The same, made in memory that is used again.
    pub fn of_in<'k>(&self, row: &[Datum], key: &'k mut Vec<u8>) -> &'k [u8] {
        key.clear();
        self.put(row, key);
        key
    }

    fn put(&self, row: &[Datum], key: &mut Vec<u8>) {
        if self.types.is_empty() {
            types::keycode::encode_key(row, key);
        } else {
            types::keycode::encode_key_typed(row, &self.types, key);
        }
    }
}

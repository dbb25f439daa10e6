//! Bytes that are equal exactly when rows are: the keys of hash tables. Nulls equal each other here.

use types::{Datum, Result, SqlType, oid};

use super::context::ExecContext;
use super::memory::{LateClaim, UNCHARGED_BYTES_MAX};

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
    ///
    /// # Errors
    /// 53200 when there is no memory for it.
    pub fn of(&self, row: &[Datum], context: &ExecContext) -> Result<Box<[u8]>> {
        let _making = LateClaim::of_key(row, context)?;
        let mut key = Vec::with_capacity(row.len() * 10);
        self.put(row, &mut key);
        Ok(key.into_boxed_slice())
    }

    /// The same, made in memory that is used again.
    ///
    /// # Errors
    /// As [`KeyTypes::of`].
    pub fn of_in<'k>(&self, row: &[Datum], context: &ExecContext, key: &'k mut Vec<u8>) -> Result<&'k [u8]> {
        key.clear();
        key.shrink_to(UNCHARGED_BYTES_MAX);
        let _making = LateClaim::of_key(row, context)?;
        self.put(row, key);
        Ok(key)
    }

    fn put(&self, row: &[Datum], key: &mut Vec<u8>) {
        if self.types.is_empty() {
            types::keycode::encode_key(row, key);
        } else {
            types::keycode::encode_key_typed(row, &self.types, key);
        }
    }
}

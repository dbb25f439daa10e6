//! System columns: `ctid`, `xmin` and their kin, which every row has and no table stores.
//!
//! **`ctid`.** PostgreSQL tells where the row is. Here a row has no place that stays, but a key, and its ctid is made of
//! that: the same for all its versions and on every server, as long as it keeps its key. The places of a `tid` are
//! numbered, from `(0,1)` on, and divided.
//!
//! - The lower half is exact. A hidden row id has the place of its number, so that `(0,1)` is the first row of a table
//!   without a primary key; so has a key of one integer, where those from 1 on come first. There is one row to a ctid.
//! - The upper half is for all other keys: texts, uuids, keys of several columns, and bigints that are too large or not
//!   positive. They are spread over it by a hash, and two of them may meet. That is so for two given rows once in 2^47, and
//!   for some two of a million rows once in 280 such tables.
//!
//! A statement that looks for rows of the upper half by their ctids, and finds another beside the one that was meant, would
//! change the wrong row. So an UPDATE or DELETE whose condition reads the ctid of its table remembers what it meets
//! ([`Met`]), and fails at the second row of one ctid. With a ctid from within the statement, as in `WHERE ctid IN (SELECT
//! ctid ... LIMIT 1000)`, the row that was meant is met whenever another is, for both are read at one snapshot; unless the
//! condition goes on, and leaves out that row alone. A ctid that the client has kept may be that of a row that is gone, and
//! another is then changed in its place, with the odds above: a key should be kept instead. A comparison for order, as in
//! `a.ctid < b.ctid`, can only leave out a row too many. The hash is known, so who chooses keys can make two meet: then such
//! statements fail.
//!
//! In PostgreSQL a row that is changed has another ctid from then on. So who looked for it by its ctid, and waited for the
//! change, finds it no more: of two that take `WHERE ctid = (SELECT ctid ... LIMIT 1)` for themselves one gets it. Here it
//! keeps its ctid, and a condition that is judged again, because another transaction has changed the row, is shown
//! [`NOWHERE`] instead.
//!
//! **`xmin`** is the transaction that wrote the version, or the part of it inside a savepoint: the low 32 bits of its id.
//! It changes whenever another transaction writes the row, and else never: a version keeps the id as long as it lasts, also
//! when the commit behind it is long settled (`engine::cell`). So it tells a lost update. The same number comes again after
//! four billion transactions. ALTER TABLE and others that write a table anew are such writers, too.
//!
//! **`xmax`, `cmin`, `cmax`** are 0, as in a row that nobody has locked. Only RETURNING tells of DELETE and of ON CONFLICT
//! DO UPDATE, as PostgreSQL does, that the transaction is the xmax: `RETURNING xmax = 0` tells rows that were inserted
//! from those that were there.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use protocol::TxnId;
use types::keycode::decode_key;
use types::{Datum, Error, Result, SqlState, SqlType, Tid, oid};

use super::context::ExecContext;
use super::memory::LateClaim;
use super::write::SEEN_KEY_BYTES;
use crate::bound::SystemColumn;
use crate::catalog::TableDef;

/// The number of the first place that is not exact.
const SPREAD: u64 = Tid::PLACES / 2;

/// A place that no row has, behind all but those of the last block.
pub(super) const NOWHERE: Tid = Tid { block: u32::MAX, offset: 0 };

/// The value of a system column of a row with this key, in a version of this writer.
pub(crate) fn system_value(column: SystemColumn, table: &TableDef, key: &[u8], writer: Option<TxnId>) -> Datum {
    match column {
        SystemColumn::Key => Datum::Bytea(bytes::Bytes::copy_from_slice(key)),
        SystemColumn::TableOid => Datum::Oid(table.oid),
        SystemColumn::Ctid => place(number_of(&table.shape.key_types, key)),
        SystemColumn::Xmin => transaction(writer),
        SystemColumn::Xmax | SystemColumn::Cmin | SystemColumn::Cmax => Datum::Oid(0),
    }
}

/// The ctid of a row that has only a number, from 0 on.
pub(super) fn place(number: u64) -> Datum {
    Tid::numbered(number).map_or(Datum::Null, Datum::Tid)
}

fn transaction(writer: Option<TxnId>) -> Datum {
    Datum::Oid(writer.map_or(0, |writer| writer.0 as u32))
}

/// The number of the place of a row whose key is of these types; of none: a row id.
fn number_of(types: &[SqlType], key: &[u8]) -> u64 {
    exact_number(types, key).filter(|number| *number < SPREAD).unwrap_or_else(|| SPREAD + spread(key))
}

fn exact_number(types: &[SqlType], key: &[u8]) -> Option<u64> {
    let number = match types {
        [] => return Some(u64::from_be_bytes(key.try_into().ok()?).wrapping_sub(1)),
        [ty] if matches!(ty.oid, oid::INT2 | oid::INT4 | oid::INT8) => {
            decode_key(key, types).ok()?.first()?.as_i64()?.wrapping_sub(1)
        }
        _ => return None,
    };
    // Of the narrower ones all have a place: those that are not positive have theirs behind the others.
    Some(if types[0].oid == oid::INT8 { number as u64 } else { u64::from(number as u32) })
}

/// Spreads keys evenly over as many numbers. It is the same in every version: servers of two may be asked.
fn spread(key: &[u8]) -> u64 {
    const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
    const FINAL_MULTIPLIER: u64 = 0xd6e8_feb8_6659_fd93;
    let folded = |hash: u64, multiplier: u64| {
        let product = u128::from(hash) * u128::from(multiplier);
        product as u64 ^ (product >> 64) as u64
    };
    let mut hash = key.len() as u64 ^ 0x2545_f491_4f6c_dd1d;
    for part in key.chunks(8) {
        let mut word = [0; 8];
        word[..part.len()].copy_from_slice(part);
        hash = folded(hash ^ u64::from_le_bytes(word), MULTIPLIER);
    }
    let hash = folded(hash, FINAL_MULTIPLIER);
    ((u128::from(hash) * u128::from(SPREAD)) >> 64) as u64
}

/// Brings the system columns of a row that a statement changes up to date.
pub(super) fn renew(
    columns: &[(SystemColumn, usize)],
    table: &TableDef,
    key: &[u8],
    writer: Option<TxnId>,
    row: &mut [Datum],
) {
    for (column, at) in columns {
        row[*at] = system_value(*column, table, key, writer);
    }
}

/// Tells in the xmax of a row that the transaction has ended an older version of it.
pub(super) fn tell_ended(columns: &[(SystemColumn, usize)], writer: Option<TxnId>, row: &mut [Datum]) {
    for (_, at) in columns.iter().filter(|(column, _)| *column == SystemColumn::Xmax) {
        row[*at] = transaction(writer);
    }
}

/// The rows of the upper half that a statement has met, by their places.
#[derive(Default)]
pub(super) struct Met {
    keys: HashMap<u64, Box<[u8]>>,
    claim: LateClaim,
}

impl Met {
    /// Meets a row.
    ///
    /// # Errors
    /// 54000 when another of the same ctid was met; 53200: there are too many to remember.
    pub fn meet(&mut self, table: &TableDef, key: &[u8], context: &ExecContext) -> Result<()> {
        let number = number_of(&table.shape.key_types, key);
        if number < SPREAD {
            return Ok(());
        }
        match self.keys.entry(number) {
            Entry::Occupied(known) if **known.get() == *key => Ok(()),
            Entry::Occupied(_) => {
                let message = format!("two rows of table \"{}\" have the same ctid", table.name);
                Err(Error::new(SqlState::PROGRAM_LIMIT_EXCEEDED, message)
                    .detail("The ctid of a row is made of its primary key.")
                    .hint("Name the rows by the primary key."))
            }
            Entry::Vacant(place) => {
                self.claim.add(key.len() + SEEN_KEY_BYTES, context)?;
                place.insert(key.into());
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use types::keycode::encode_key;

    fn number(types: &[SqlType], values: &[Datum]) -> u64 {
        let mut key = Vec::new();
        encode_key(values, &mut key);
        number_of(types, &key)
    }

    #[test]
    fn row_ids_and_single_integers_have_places_of_their_own() {
        assert_eq!([1u64, 2, 70_000].map(|id| number_of(&[], &id.to_be_bytes())), [0, 1, 69_999]);
        let int4 = |value| number(&[SqlType::INT4], &[Datum::Int4(value)]);
        assert_eq!([1, i32::MAX, i32::MIN, 0].map(int4), [0, (1 << 31) - 2, (1 << 31) - 1, u64::from(u32::MAX)]);
        let int2 = |value| number(&[SqlType::INT2], &[Datum::Int2(value)]);
        assert_eq!([1, i16::MAX, -1, 0].map(int2), [0, 32_766, u64::from(u32::MAX) - 1, u64::from(u32::MAX)]);
        let int8 = |value| number(&[SqlType::INT8], &[Datum::Int8(value)]);
        assert_eq!([1, 1 << 40, SPREAD as i64].map(int8), [0, (1 << 40) - 1, SPREAD - 1]);
        let spread: HashSet<u64> = [0, -1, SPREAD as i64 + 1, i64::MIN, i64::MAX].map(int8).into();
        assert!(spread.len() == 5 && spread.iter().all(|number| (SPREAD..Tid::PLACES).contains(number)));
    }

    #[test]
    fn other_keys_are_spread_evenly_and_meet_rarely() {
        let pairs = (0..300).flat_map(|a| (0..300).map(move |b| [Datum::Int4(a), Datum::Int4(b)]));
        let pairs: HashSet<u64> = pairs.map(|pair| number(&[SqlType::INT4; 2], &pair)).collect();
        assert_eq!(pairs.len(), 90_000);
        let text = |n: i32| number(&[SqlType::TEXT], &[Datum::text(&format!("key {n}"))]);
        let texts: HashSet<u64> = (0..90_000).map(text).collect();
        assert_eq!(texts.len(), 90_000);
        for numbers in [pairs, texts] {
            let mut counts = [0; 9];
            for number in numbers {
                counts[((number - SPREAD) / (SPREAD / 9 + 1)) as usize] += 1;
            }
            assert!(counts.iter().all(|count| (9_500..10_500).contains(count)), "{counts:?}");
        }
    }

    /// It is part of what clients see, and the same on servers of different versions.
    #[test]
    fn the_hash_is_pinned() {
        let hashes = [&b""[..], b"a", b"abcdefgh", b"abcdefghi"].map(spread);
        assert_eq!(hashes, [26_784_855_618_384, 37_966_828_459_490, 3_055_065_868_519, 137_103_804_874_478]);
    }
}

//! The state of sequences: outside of transactions, logged ahead of use.
//!
//! A record allows the next [`AHEAD`] values; until they are used up nextval only counts in memory. A session that got a
//! value has observed that record: it may not tell the value before the record is durable, or a crash could hand the same
//! value out again.

use std::collections::HashMap;

use parking_lot::Mutex;
use protocol::Lsn;
use types::{Error, Result, SqlState};

use crate::catalog::{SequenceDef, store};
use crate::functions::SessionContext;

/// Values that one record allows, as in PostgreSQL.
const AHEAD: u32 = 32;

#[derive(Clone, Copy, Debug)]
struct State {
    last: i64,
    /// Whether `last` was handed out.
    called: bool,
    /// Values that may still be taken without a record.
    ahead: u32,
    /// The record that allows them.
    logged_at: Lsn,
}

/// The sequences of a server. Only the writer uses them.
#[derive(Debug, Default)]
pub struct Sequences {
    states: Mutex<HashMap<u32, State>>,
    /// One record is written at a time.
    logging: tokio::sync::Mutex<()>,
}

fn encode(last: i64, called: bool) -> Vec<u8> {
    let mut row = last.to_le_bytes().to_vec();
    row.push(u8::from(called));
    row
}

fn decode(row: &[u8]) -> Option<(i64, bool)> {
    let (last, rest) = row.split_first_chunk::<8>()?;
    Some((i64::from_le_bytes(*last), *rest.first()? != 0))
}

/// The value after `last`, if the sequence has one.
fn step(sequence: &SequenceDef, last: i64, called: bool) -> Option<i64> {
    if !called {
        return Some(last);
    }
    match last.checked_add(sequence.increment) {
        Some(next) if (sequence.min..=sequence.max).contains(&next) => Some(next),
        _ if !sequence.cycle => None,
        _ if sequence.increment > 0 => Some(sequence.min),
        _ => Some(sequence.max),
    }
}

fn exhausted(sequence: &SequenceDef) -> Error {
    let (what, limit) = if sequence.increment > 0 { ("maximum", sequence.max) } else { ("minimum", sequence.min) };
    let message = format!("nextval: reached {what} value of sequence \"{}\" ({limit})", sequence.name);
    Error::new(SqlState::SEQUENCE_GENERATOR_LIMIT_EXCEEDED, message)
}

impl Sequences {
    /// The next value, if no record is needed for it.
    ///
    /// # Errors
    /// 2200H at the end of the sequence.
    pub(crate) fn next_at_once(&self, sequence: &SequenceDef, session: &SessionContext) -> Result<Option<i64>> {
        let mut states = self.states.lock();
        let Some(state) = states.get_mut(&sequence.oid).filter(|state| state.ahead > 0) else { return Ok(None) };
        let next = step(sequence, state.last, state.called).ok_or_else(|| exhausted(sequence))?;
        state.last = next;
        state.called = true;
        state.ahead -= 1;
        session.observe(state.logged_at);
        session.note_currval(sequence.oid, next);
        Ok(Some(next))
    }

    /// The next value.
    ///
    /// # Errors
    /// 2200H at the end of the sequence; what the engine returns.
    pub(crate) async fn next(&self, sequence: &SequenceDef, session: &SessionContext) -> Result<i64> {
        loop {
            if let Some(value) = self.next_at_once(sequence, session)? {
                return Ok(value);
            }
            let _one = self.logging.lock().await;
            // Another session may have done it meanwhile.
            if self.states.lock().get(&sequence.oid).is_some_and(|state| state.ahead > 0) {
                continue;
            }
            self.log_ahead(sequence, session).await?;
        }
    }

    async fn log_ahead(&self, sequence: &SequenceDef, session: &SessionContext) -> Result<()> {
        let known = self.states.lock().get(&sequence.oid).map(|state| (state.last, state.called));
        let (mut from, mut ahead) = ((sequence.start, false), 0);
        let mut none_left = false;
        let key = store::sequence_key(session.catalog().database, sequence.oid);
        let logged_at = store::write_alone(&session.database.engine, &key, |row| {
            // What is in memory is newer than the row, which runs ahead.
            from = known.or_else(|| row.and_then(decode)).unwrap_or((sequence.start, false));
            let (mut last, mut called) = from;
            ahead = 0;
            while ahead < AHEAD
                && let Some(next) = step(sequence, last, called)
            {
                (last, called) = (next, true);
                ahead += 1;
            }
            none_left = ahead == 0;
            encode(last, called)
        })
        .await?;
        if none_left {
            return Err(exhausted(sequence));
        }
        let (last, called) = from;
        self.states.lock().insert(sequence.oid, State { last, called, ahead, logged_at });
        Ok(())
    }

    /// setval and RESTART.
    ///
    /// # Errors
    /// 22003 outside of the sequence's bounds; what the engine returns.
    pub(crate) async fn set(
        &self,
        sequence: &SequenceDef,
        value: i64,
        called: bool,
        session: &SessionContext,
    ) -> Result<()> {
        if !(sequence.min..=sequence.max).contains(&value) {
            let message = format!(
                "setval: value {value} is out of bounds for sequence \"{}\" ({}..{})",
                sequence.name, sequence.min, sequence.max
            );
            return Err(Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, message));
        }
        let _one = self.logging.lock().await;
        let key = store::sequence_key(session.catalog().database, sequence.oid);
        let logged_at = store::write_alone(&session.database.engine, &key, |_| encode(value, called)).await?;
        session.observe(logged_at);
        if called {
            session.note_currval(sequence.oid, value);
        }
        self.states.lock().insert(sequence.oid, State { last: value, called, ahead: 0, logged_at });
        Ok(())
    }

    /// After a change of the parameters: what was logged ahead under the old ones is not to be used.
    pub(crate) fn changed(&self, sequence: u32) {
        if let Some(state) = self.states.lock().get_mut(&sequence) {
            state.ahead = 0;
        }
    }

    /// The last value handed out, if this server knows it.
    pub fn last_value_known(&self, sequence: u32) -> Option<i64> {
        self.states.lock().get(&sequence).filter(|state| state.called).map(|state| state.last)
    }

    /// Forgets everything: this server has just become the writer.
    pub fn clear(&self) {
        self.states.lock().clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use types::SqlType;

    fn sequence(increment: i64, min: i64, max: i64, cycle: bool) -> SequenceDef {
        SequenceDef {
            oid: 1,
            name: Arc::from("s"),
            schema: 0,
            schema_name: Arc::from("public"),
            owner: 10,
            acl: None,
            data_type: SqlType::INT8,
            start: 1,
            increment,
            min,
            max,
            cache: 1,
            cycle,
            owned_by: None,
        }
    }

    #[test]
    fn steps_stop_or_wrap_at_the_bounds() {
        assert_eq!(step(&sequence(1, 1, 3, false), 1, false), Some(1));
        assert_eq!(step(&sequence(1, 1, 3, false), 3, true), None);
        assert_eq!(step(&sequence(1, 1, 3, true), 3, true), Some(1));
        assert_eq!(step(&sequence(-2, -5, -1, true), -5, true), Some(-1));
        assert_eq!(step(&sequence(1, 1, i64::MAX, false), i64::MAX, true), None);
    }

    #[test]
    fn a_state_survives_its_row() {
        assert_eq!(decode(&encode(-7, true)), Some((-7, true)));
        assert_eq!(decode(&[1, 2]), None);
    }
}

//! The state of sequences: outside of transactions, logged ahead of use.
//!
//! **Parameters** are rows of the catalog and change with transactions; the state does not. So each change of parameters,
//! RESTART above all, begins another *generation* with a state of its own, which counts when the change commits; until
//! then the older one stands. While a change is under way, or the sequence is being dropped, the older generation is closed
//! to everyone: who wants a value of it waits for the sequence's lock, looks up which generation counts by then, and opens
//! that again if it is the same. In the transaction that changes the sequence its own generations count; rolled back to a
//! savepoint, it may find an older one closed in the same way. The row of a closed state is removed with the transaction
//! that closed it, and nobody writes to it before that has ended: a record never waits for a transaction.
//!
//! **Turns.** One record of a sequence is written at a time. Who waits for that may be cancelled, as may the write, which
//! storage can hold up. Sequences share [`TURNS_MAX`] turns by their numbers, so that dropped ones leave nothing behind.
//!
//! A record allows the next [`AHEAD`] values; until they are used up nextval only counts in memory. A session that got a
//! value has observed that record: it may not tell the value before the record is durable, or a crash could hand the same
//! value out again.
//!
//! **Looking.** Who asks where a sequence stands is told what is counted in memory. Where nothing is, since this server
//! has not drawn from it or is a replica, the newest row tells, whatever the snapshot: it is ahead of what was given out,
//! as PostgreSQL's is after a crash and on a standby, and never behind.
//!
//! **Forgetting.** Who still has an older catalog may ask for a generation long after it was closed, so a closed state
//! must not pass for one that was never used. But restarts and drops go on for as long as the server does, and closed
//! states are forgotten when the number of all has doubled. What is not in memory, of a sequence no younger than the
//! youngest that was forgotten, is taken for closed: whoever asks looks up under the lock whether it counts. If it does, for
//! its change was taken back, it goes on behind its last record: what that allowed and nobody took is skipped, as by a crash.
//! The states of a definition that was rolled back stay; nothing tells them from those of a live one.

use std::collections::HashMap;

use engine::View;
use parking_lot::Mutex;
use protocol::Lsn;
use tokio::sync::MutexGuard;
use types::{Error, Result, SqlState};

use crate::catalog::SequenceDef;
use crate::catalog::store::{self, Patience};

use crate::exec::Lift;
use crate::functions::SessionContext;

/// Values that one record allows, as in PostgreSQL: the one that is asked for, and 32 behind it.
const AHEAD: u32 = 33;

/// Fewer states than this are kept, closed or not.
const PURGE_MIN: usize = 512;

#[derive(Clone, Copy, Debug)]
struct State {
    /// The last value, and whether it was handed out; `None` when only the row tells.
    at: Option<(i64, bool)>,
    /// Values that may still be taken without a record.
    ahead: u32,
    /// The record that allows them.
    logged_at: Lsn,
    /// A change of parameters has begun: nothing happens to this state without the sequence's lock.
    closed: bool,
}

/// Records, of different sequences, that are written at the same time.
const TURNS_MAX: usize = 64;

/// A sequence's number and its generation.
type Id = (u32, u32);

fn id(sequence: &SequenceDef) -> Id {
    (sequence.oid, sequence.generation)
}

#[derive(Debug, Default)]
struct States {
    known: HashMap<Id, State>,
    /// The number of them at which closed ones are next forgotten.
    purge_at: usize,
    /// No younger sequence has a closed generation that was forgotten.
    forgotten_up_to: u32,
}

impl States {
    fn insert(&mut self, id: Id, state: State) {
        if self.known.len() >= self.purge_at {
            let youngest = self.known.iter().filter(|(_, state)| state.closed).map(|((oid, _), _)| *oid).max();
            self.forgotten_up_to = self.forgotten_up_to.max(youngest.unwrap_or(0));
            self.known.retain(|_, state| !state.closed);
            self.purge_at = PURGE_MIN.max(2 * self.known.len());
        }
        self.known.insert(id, state);
    }

    /// Whether a generation is closed, or may have been.
    fn is_closed(&self, id: Id) -> bool {
        self.known.get(&id).map_or(id.0 <= self.forgotten_up_to, |state| state.closed)
    }
}

/// What asking for a value led to.
pub(crate) enum Drawn {
    Value(i64),
    /// The generation is closed, or may have been: see [`Sequences::open`].
    Closed,
}

/// Where a sequence stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standing {
    pub last: i64,
    /// Whether `last` was handed out.
    pub called: bool,
    /// Values that may still be taken without a record: `log_cnt`.
    pub ahead: u32,
}

/// The sequences of a server. Only the writer has states in memory.
#[derive(Debug)]
pub struct Sequences {
    states: Mutex<States>,
    /// Who writes a record of a sequence holds its turn.
    turns: [tokio::sync::Mutex<()>; TURNS_MAX],
}

impl Default for Sequences {
    fn default() -> Sequences {
        Sequences { states: Mutex::default(), turns: std::array::from_fn(|_| tokio::sync::Mutex::new(())) }
    }
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

/// What the row of a sequence's state says, as `view` sees it; `None` if there is none.
async fn stored(sequence: &SequenceDef, view: &View, session: &SessionContext) -> Result<Option<(i64, bool)>> {
    let engine = &session.database.engine;
    let key = store::sequence_key(session.catalog().database, sequence);
    let row = engine.get(view, engine.catalog_tree(), &key).await.lift()?;
    Ok(row.as_deref().and_then(decode))
}

fn exhausted(sequence: &SequenceDef) -> Error {
    let (what, limit) = if sequence.increment > 0 { ("maximum", sequence.max) } else { ("minimum", sequence.min) };
    let message = format!("nextval: reached {what} value of sequence \"{}\" ({limit})", sequence.name);
    Error::new(SqlState::SEQUENCE_GENERATOR_LIMIT_EXCEEDED, message)
}

impl Sequences {
    async fn turn(&self, sequence: &SequenceDef, patience: &Patience) -> Result<MutexGuard<'_, ()>> {
        patience.take(&self.turns[sequence.oid as usize % TURNS_MAX]).await
    }

    /// The next value, if no record is needed for it.
    ///
    /// # Errors
    /// 2200H at the end of the sequence.
    pub(crate) fn next_at_once(&self, sequence: &SequenceDef, session: &SessionContext) -> Result<Option<i64>> {
        let mut states = self.states.lock();
        let Some(state) = states.known.get_mut(&id(sequence)).filter(|state| state.ahead > 0 && !state.closed) else {
            return Ok(None);
        };
        let (last, called) = state.at.expect("values are allowed behind one that is known");
        let next = step(sequence, last, called).ok_or_else(|| exhausted(sequence))?;
        state.at = Some((next, true));
        state.ahead -= 1;
        session.observe(state.logged_at);
        session.note_drawn(sequence.oid, next);
        Ok(Some(next))
    }

    /// The next value.
    ///
    /// # Errors
    /// 2200H at the end of the sequence; what the engine returns.
    pub(crate) async fn next(&self, sequence: &SequenceDef, session: &SessionContext) -> Result<Drawn> {
        loop {
            if let Some(value) = self.next_at_once(sequence, session)? {
                return Ok(Drawn::Value(value));
            }
            let _turn = self.turn(sequence, &session.patience()).await?;
            {
                let states = self.states.lock();
                if states.is_closed(id(sequence)) {
                    return Ok(Drawn::Closed);
                }
                // Another session has done it meanwhile.
                if states.known.get(&id(sequence)).is_some_and(|state| state.ahead > 0) {
                    continue;
                }
            }
            self.log_ahead(sequence, session).await?;
        }
    }

    async fn log_ahead(&self, sequence: &SequenceDef, session: &SessionContext) -> Result<()> {
        let known = self.states.lock().known.get(&id(sequence)).and_then(|state| state.at);
        let (mut from, mut ahead) = ((sequence.start, false), 0);
        let mut none_left = false;
        let key = store::sequence_key(session.catalog().database, sequence);
        let logged_at = store::write_alone(&session.database.engine, &session.patience(), &key, |row| {
            // What is in memory is newer than the row, which runs ahead.
            from = known.or_else(|| row.and_then(decode)).unwrap_or((sequence.start, false));
            let (mut last, mut called) = from;
            ahead = 0;
            while ahead < AHEAD
                && let Some(next) = step(sequence, last, called)
                // A record ends where the sequence begins anew.
                && (ahead == 0 || next.cmp(&last) == sequence.increment.cmp(&0))
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
        let state = State { at: Some(from), ahead, logged_at, closed: false };
        self.states.lock().insert(id(sequence), state);
        Ok(())
    }

    /// setval. False: the generation is closed, or may have been; see [`Sequences::open`].
    ///
    /// # Errors
    /// 22003 outside of the sequence's bounds; what the engine returns.
    pub(crate) async fn set(
        &self,
        sequence: &SequenceDef,
        value: i64,
        called: bool,
        session: &SessionContext,
    ) -> Result<bool> {
        if !(sequence.min..=sequence.max).contains(&value) {
            let message = format!(
                "setval: value {value} is out of bounds for sequence \"{}\" ({}..{})",
                sequence.name, sequence.min, sequence.max
            );
            return Err(Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, message));
        }
        let patience = session.patience();
        let _turn = self.turn(sequence, &patience).await?;
        if self.states.lock().is_closed(id(sequence)) {
            return Ok(false);
        }
        let key = store::sequence_key(session.catalog().database, sequence);
        let logged_at =
            store::write_alone(&session.database.engine, &patience, &key, |_| encode(value, called)).await?;
        session.observe(logged_at);
        if called {
            session.note_set(sequence.oid, value);
        }
        let state = State { at: Some((value, called)), ahead: 0, logged_at, closed: false };
        self.states.lock().insert(id(sequence), state);
        Ok(true)
    }

    /// Closes the generation of `old`, and begins that of `new` where the old one stands, or at `restart`. The caller holds
    /// the sequence's lock.
    ///
    /// # Errors
    /// What the engine returns.
    pub(crate) async fn change(
        &self,
        old: &SequenceDef,
        new: &SequenceDef,
        restart: Option<i64>,
        session: &SessionContext,
    ) -> Result<()> {
        let patience = session.patience();
        let _turn = self.turn(old, &patience).await?;
        let stands = self.close_state(old, session).await?;
        let (last, called) = restart.map_or(stands, |value| (value, false));
        let key = store::sequence_key(session.catalog().database, new);
        let logged_at = store::write_alone(&session.database.engine, &patience, &key, |_| encode(last, called)).await?;
        let state = State { at: Some((last, called)), ahead: 0, logged_at, closed: false };
        self.states.lock().insert(id(new), state);
        Ok(())
    }

    /// Closes the generation of a sequence that is being dropped. The caller holds the sequence's lock.
    ///
    /// # Errors
    /// What the engine returns.
    pub(crate) async fn close(&self, sequence: &SequenceDef, session: &SessionContext) -> Result<()> {
        let _turn = self.turn(sequence, &session.patience()).await?;
        self.close_state(sequence, session).await.map(|_| ())
    }

    /// Closes a generation and tells where it stands. The caller has the sequence's turn.
    async fn close_state(&self, sequence: &SequenceDef, session: &SessionContext) -> Result<(i64, bool)> {
        // In one step: a value drawn between a look and the closing would be drawn again from the new generation.
        let known = self.states.lock().known.get_mut(&id(sequence)).and_then(|state| {
            state.closed = true;
            state.at
        });
        if let Some(at) = known {
            return Ok(at);
        }
        let engine = &session.database.engine;
        let at = stored(sequence, &engine.view(engine.snapshot()), session).await?;
        let at = at.unwrap_or((sequence.start, false));
        let state = State { at: Some(at), ahead: 0, logged_at: Lsn::ZERO, closed: true };
        self.states.lock().insert(id(sequence), state);
        Ok(at)
    }

    /// Opens a generation that was closed by a change, or a drop, which did not commit, or that may have been for all
    /// that is remembered. The caller holds the sequence's lock, under which it found that the generation still counts.
    pub(crate) fn open(&self, sequence: &SequenceDef) {
        let unread = State { at: None, ahead: 0, logged_at: Lsn::ZERO, closed: false };
        self.states.lock().known.entry(id(sequence)).or_insert(unread).closed = false;
    }

    /// Where a sequence stands: now, and not as of `view`, that of the statement.
    ///
    /// # Errors
    /// What the engine returns.
    pub(crate) async fn read(&self, sequence: &SequenceDef, view: &View, session: &SessionContext) -> Result<Standing> {
        let known = self.states.lock().known.get(&id(sequence)).copied();
        if let Some(State { at: Some((last, called)), ahead, logged_at, .. }) = known {
            session.observe(logged_at);
            return Ok(Standing { last, called, ahead });
        }
        let engine = &session.database.engine;
        let newest = engine.newest_beside(view);
        let mut at = stored(sequence, &newest, session).await?;
        if at.is_none() {
            // Nobody has drawn from it yet, or it began anew since the statement was planned.
            let seen = store::sequence_seen(engine, &newest, session.catalog().database, sequence).await?;
            if let Some(anew) = seen.filter(|seen| seen.generation != sequence.generation) {
                at = stored(&anew, &newest, session).await?;
            }
        }
        let (last, called) = at.unwrap_or((sequence.start, false));
        Ok(Standing { last, called, ahead: 0 })
    }

    /// Forgets everything: this server has just become the writer.
    pub fn clear(&self) {
        *self.states.lock() = States::default();
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
            generation: 0,
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
    fn closed_generations_are_forgotten_and_not_taken_for_new_ones() {
        let sequences = Sequences::default();
        let open = State { at: Some((7, true)), ahead: 0, logged_at: Lsn::ZERO, closed: false };
        sequences.states.lock().insert((1, 0), open);
        for oid in 2..50_000 {
            let mut states = sequences.states.lock();
            states.insert((oid, 0), open);
            assert!(!states.is_closed((oid, 0)));
            states.known.get_mut(&(oid, 0)).expect("it was just put in").closed = true;
            assert!(states.known.len() <= PURGE_MIN, "{} are kept", states.known.len());
        }
        let is_closed = |oid| sequences.states.lock().is_closed((oid, 0));
        assert!((2..50_000).all(is_closed));
        assert!(!is_closed(1), "it is in use");
        assert!(!is_closed(50_000), "it is new");
        // It was dropped, and is back.
        sequences.open(&SequenceDef { oid: 5, ..sequence(1, 1, 3, false) });
        assert!(!is_closed(5));
    }

    #[test]
    fn a_state_survives_its_row() {
        assert_eq!(decode(&encode(-7, true)), Some((-7, true)));
        assert_eq!(decode(&[1, 2]), None);
    }
}

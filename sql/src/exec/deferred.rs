//! Deferred foreign keys: the checks that wait for the end of their transaction, or for SET CONSTRAINTS.
//!
//! **Rule.** A check is kept as its constraint and the key that it is about: of children that need a parent, or of a
//! parent that is gone. It is made by the newest state of both tables when it is due: what was taken back meanwhile, or
//! put in place, needs nothing more, and many rows with one key are one check.
//!
//! **Savepoints.** Each remembers how many checks there were and what SET CONSTRAINTS had said. Rolling back to it
//! drops the later ones, and those that were made since wait again: what they have locked is free.
//!
//! **Caveats.** A constraint that is dropped meanwhile takes its checks with it. A new row that refers to nothing waits
//! for nothing; in PostgreSQL it keeps ALTER TABLE from its table all the same.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use types::keycode::encode_key;
use types::{Datum, Result};

use super::context::ExecContext;
use super::memory::{HeldBytes, row_bytes};
use super::write::{SEEN_KEY_BYTES, TableWriter};
use crate::catalog::{CatalogSnapshot, ConstraintDef, ConstraintKind, ForeignKey};
use crate::session::Database;

/// The side of a foreign key that a check is about.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Side {
    /// Rows with the key were written, which need a parent.
    Child,
    /// A parent with the key is gone, or has another: nobody may refer to it, unless there is another parent with it.
    Parent,
}

/// What a check is told from others by: its constraint, its side, and the bytes of its key.
type Key = (u32, Side, Vec<u8>);

#[derive(Clone)]
struct Check {
    constraint: u32,
    /// The table of its side.
    table: u32,
    side: Side,
    values: Vec<Datum>,
    /// It has been made, under so many savepoints.
    made: Option<usize>,
}

impl Check {
    fn key(&self) -> Key {
        let mut bytes = Vec::new();
        encode_key(&self.values, &mut bytes);
        (self.constraint, self.side, bytes)
    }

    /// What it takes, with its key.
    fn bytes(&self, key: &Key) -> usize {
        size_of::<Check>() + row_bytes(&self.values) + SEEN_KEY_BYTES + key.2.len()
    }
}

/// What SET CONSTRAINTS has said: whether constraints are deferred, all or by oid.
#[derive(Clone, Default)]
struct Modes {
    all: Option<bool>,
    named: HashMap<u32, bool>,
}

/// How things stood at a savepoint.
struct Mark {
    checks: usize,
    modes: Option<Arc<Modes>>,
}

/// The checks of a session's transaction that wait.
pub(crate) struct Deferred {
    modes: Option<Arc<Modes>>,
    checks: Vec<Check>,
    /// The keys of those that have not been made.
    waiting: HashSet<Key>,
    /// Whether there may be others.
    has_made: bool,
    marks: Vec<Mark>,
    held: HeldBytes,
}

impl Deferred {
    pub fn new(database: &Arc<Database>) -> Deferred {
        Deferred {
            modes: None,
            checks: Vec::new(),
            waiting: HashSet::new(),
            has_made: false,
            marks: Vec::new(),
            held: HeldBytes::new(database),
        }
    }

    /// Whether a constraint is judged at the end of the transaction.
    pub fn is_deferred(&self, constraint: &ConstraintDef, foreign: &ForeignKey) -> bool {
        if !foreign.timing.is_deferrable() {
            return false;
        }
        let said = self.modes.as_ref().and_then(|modes| modes.named.get(&constraint.oid).copied().or(modes.all));
        said.unwrap_or(foreign.timing.is_deferred())
    }

    /// SET CONSTRAINTS, of those with these oids or of all.
    pub fn set(&mut self, constraints: Option<&[u32]>, deferred: bool) {
        match constraints {
            Some(oids) => {
                let modes = Arc::make_mut(self.modes.get_or_insert_with(Arc::default));
                modes.named.extend(oids.iter().map(|oid| (*oid, deferred)));
            }
            None => self.modes = Some(Arc::new(Modes { all: Some(deferred), named: HashMap::new() })),
        }
    }

    /// Remembers a check.
    ///
    /// # Errors
    /// 53200: there are too many to remember.
    pub fn add(
        &mut self,
        constraint: &ConstraintDef,
        foreign: &ForeignKey,
        side: Side,
        values: Vec<Datum>,
    ) -> Result<()> {
        let table = match side {
            Side::Child => constraint.table,
            Side::Parent => foreign.parent,
        };
        let check = Check { constraint: constraint.oid, table, side, values, made: None };
        let key = check.key();
        if self.waiting.contains(&key) {
            return Ok(());
        }
        self.held.add(check.bytes(&key))?;
        self.waiting.insert(key);
        self.checks.push(check);
        Ok(())
    }

    /// Whether any check waits.
    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Whether a check waits that rows of this table have caused.
    pub fn concerns(&self, table: u32) -> bool {
        self.checks.iter().any(|check| check.made.is_none() && check.table == table)
    }

    /// The first check at `from` or behind that is due, with its place: any, or one of a constraint that is not
    /// deferred any more.
    fn due(&self, from: usize, all: bool, catalog: &CatalogSnapshot) -> Option<(usize, Arc<ConstraintDef>, Check)> {
        self.checks.iter().enumerate().skip(from).find_map(|(at, check)| {
            let constraint = catalog.constraint(check.constraint)?;
            let ConstraintKind::Foreign(foreign) = &constraint.kind else { return None };
            let is_due = check.made.is_none() && (all || !self.is_deferred(constraint, foreign));
            is_due.then(|| (at, constraint.clone(), check.clone()))
        })
    }

    /// A check has been made.
    fn note_made(&mut self, at: usize) {
        let depth = self.marks.len();
        if let Some(check) = self.checks.get_mut(at) {
            check.made = Some(depth);
            self.has_made = true;
            self.waiting.remove(&check.key());
        }
    }

    /// What has been made is kept only while that may be taken back.
    fn forget_made(&mut self) {
        if self.has_made && self.marks.is_empty() {
            self.checks.retain(|check| check.made.is_none());
            self.has_made = false;
            self.held.keep(self.checks.iter().map(|check| check.bytes(&check.key())).sum());
        }
    }

    /// The transaction stands under so many savepoints: there is a new one, or those beyond were released, or the last
    /// was rolled back to.
    pub fn set_depth(&mut self, depth: usize, undone: bool) {
        while !undone && self.marks.len() < depth {
            self.marks.push(Mark { checks: self.checks.len(), modes: self.modes.clone() });
        }
        let is_released = !undone && self.marks.len() > depth;
        self.marks.truncate(depth);
        if undone {
            self.undo();
        } else if is_released && self.has_made {
            for check in &mut self.checks {
                check.made = check.made.map(|made| made.min(depth));
            }
            self.forget_made();
        }
    }

    /// Goes back to the last savepoint.
    fn undo(&mut self) {
        let Some(mark) = self.marks.last() else { return };
        let depth = self.marks.len();
        self.modes = mark.modes.clone();
        let mut gone = 0;
        for check in self.checks.drain(mark.checks..) {
            let key = check.key();
            gone += check.bytes(&key);
            if check.made.is_none() {
                self.waiting.remove(&key);
            }
        }
        self.held.keep(self.held.bytes().saturating_sub(gone));
        if self.has_made {
            for check in self.checks.iter_mut().filter(|check| check.made.is_some_and(|made| made >= depth)) {
                check.made = None;
                self.waiting.insert(check.key());
            }
            self.has_made = self.checks.iter().any(|check| check.made.is_some());
        }
    }

    /// The transaction ended.
    pub fn end(&mut self) {
        self.modes = None;
        self.marks.clear();
        if !self.checks.is_empty() {
            (self.checks, self.waiting, self.has_made) = (Vec::new(), HashSet::new(), false);
            self.held.keep(0);
        }
    }
}

/// Makes the checks that wait: all of them at the end of the transaction, else those that are not deferred any more.
///
/// # Errors
/// 23503; what the engine returns.
pub(crate) async fn check_deferred(all: bool, context: &Arc<ExecContext>) -> Result<()> {
    let waiting = &context.session.deferred;
    let mut from = 0;
    loop {
        context.check()?;
        let due = waiting.lock().due(from, all, &context.catalog);
        let Some((at, constraint, check)) = due else { break };
        let table = context.catalog.table(check.table);
        if let (Some(table), ConstraintKind::Foreign(foreign)) = (table, &constraint.kind) {
            // Which columns the rows were given is not known any more: who may not read the table is told of none.
            let writer = TableWriter::new(table, context).giving(std::iter::empty());
            writer.check_late(&constraint, foreign, check.side, &check.values).await?;
        }
        waiting.lock().note_made(at);
        from = at + 1;
    }
    let mut waiting = waiting.lock();
    if all {
        waiting.end()
    } else {
        waiting.forget_made()
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use engine::testing::MemoryVolume;
    use engine::{Engine, Options};
    use types::{Datum, Result, Settings};

    use crate::session::{Client, Column, Database, Session, SessionOptions};

    struct Silent;

    impl Client for Silent {
        fn data_row(&mut self, _: &[Datum], _: &[Column], _: &[i16], _: &Settings) -> Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn what_waits_is_held_once_and_given_back() {
        let engine = Engine::bootstrap(MemoryVolume::new(), Options::default()).await.expect("an empty volume");
        let database = Database::open(engine, None).await.expect("a fresh catalog");
        let options =
            SessionOptions { user: "postgres".into(), database: "postgres".into(), ..SessionOptions::default() };
        let mut session = Session::new(database.clone(), options).await.expect("the superuser may connect");
        let mut held = Vec::new();
        for statement in [
            "create table p (id int primary key)",
            "create table c (id int references p deferrable initially deferred)",
            "begin",
            "insert into c select generate_series(1, 100)",
            "insert into c select generate_series(1, 100)",
            "savepoint s",
            "insert into c select generate_series(1, 200)",
            "rollback to s",
            "insert into p select generate_series(1, 100)",
            "set constraints all immediate",
            "rollback to s",
            "release s",
            "insert into p select generate_series(1, 100)",
            "set constraints all immediate",
            "commit",
        ] {
            session.simple(statement, &mut Silent).await.expect(statement);
            held.push(database.memory.used());
        }
        let once = held[3];
        assert!(once > 100 * 64, "{once} bytes are held");
        assert!(held[6] > once, "{held:?}");
        let expected = [0, 0, 0, once, once, once, held[6], once, once, once, once, once, once, 0, 0];
        assert_eq!(held, expected);
    }
}

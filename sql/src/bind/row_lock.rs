//! FOR UPDATE and its kin: which rows a query locks, and when a row that was changed meanwhile still belongs to its result.
//!
//! **What is locked.** A clause concerns the tables of FROM, or those that OF names. A query or view in FROM is locked by
//! being told of the clause itself. If it only filters and lists, as most views do, its plan then becomes part of the
//! plan around it, and its tables are locked there: only the rows that the whole query yields. Otherwise (ORDER BY, LIMIT,
//! WITH, a volatile list) it locks every row that it yields. Of functions, VALUES and queries of WITH nothing is locked, and
//! sequences are refused.
//!
//! **Changed rows.** What held for the version in the snapshot must hold for the newest one: WHERE and the conditions of
//! joins are evaluated again, with the newest values of the rows that are locked and those of the snapshot of all others.
//! Where the condition of an outer join does not hold any more, its other side becomes null.
//!
//! **Outer joins.** What stands on the side that may be missing cannot be locked, unless a condition above lets no missing
//! row pass.
//!
//! **Source.** PostgreSQL's `transformLockingClause`, `markQueryForLocking`, `is_simple_subquery`, `find_nonnullable_rels`.

use std::ops::Range;
use std::sync::Arc;

use types::{Error, Result, SqlState};

use super::Binder;
use super::from::aliased;
use super::scope::{Scope, StarColumn};
use crate::bound::{
    Expr, JoinKind, LockRows, LockStrength, LockWait, Node, Plan, Recheck, ResultColumn, RowLock, ScanColumn,
    SystemColumn, walk,
};
use crate::catalog::{Privileges, SequenceDef, TableDef};
use crate::parse::ast::{self, Alias, LockClause};

/// An item of FROM.
#[derive(Clone)]
pub(crate) struct Item {
    alias: Arc<str>,
    kind: Kind,
    /// The columns of each side of an outer join that it stands on and that may be null.
    pub nullable: Vec<Range<usize>>,
}

#[derive(Clone)]
enum Kind {
    Table(RowLock),
    /// The tables beneath that are locked here; the others it has locked itself.
    Query(Vec<RowLock>),
    WithoutRows(&'static str),
    /// A sequence of this name.
    Sequence(Arc<str>),
}

impl Item {
    /// A table whose scan yields these columns.
    pub fn table(alias: &Arc<str>, table: &Arc<TableDef>, columns: &[ScanColumn]) -> Item {
        let key = columns.iter().position(|column| *column == ScanColumn::System(SystemColumn::Key));
        let lock = RowLock {
            table: table.clone(),
            key: key.expect("every scan offers the key"),
            columns: columns.iter().copied().enumerate().collect(),
            strength: LockStrength::KeyShare,
            wait: LockWait::Block,
        };
        Item { alias: alias.clone(), kind: Kind::Table(lock), nullable: Vec::new() }
    }

    pub fn query(alias: &str, locks: Vec<RowLock>) -> Item {
        Item { alias: Arc::from(alias), kind: Kind::Query(locks), nullable: Vec::new() }
    }

    /// What OF must not name.
    pub fn without_rows(alias: &str, what: &'static str) -> Item {
        Item { alias: Arc::from(alias), kind: Kind::WithoutRows(what), nullable: Vec::new() }
    }

    pub fn sequence(alias: &Arc<str>, sequence: &SequenceDef) -> Item {
        Item { alias: alias.clone(), kind: Kind::Sequence(sequence.name.clone()), nullable: Vec::new() }
    }

    fn locks_mut(&mut self) -> &mut [RowLock] {
        match &mut self.kind {
            Kind::Table(lock) => std::slice::from_mut(lock),
            Kind::Query(locks) => locks,
            Kind::WithoutRows(_) | Kind::Sequence(_) => &mut [],
        }
    }

    /// Moves it behind so many columns.
    pub fn shift(&mut self, by: usize) {
        self.nullable.iter_mut().for_each(|side| *side = side.start + by..side.end + by);
        for lock in self.locks_mut() {
            lock.key += by;
            lock.columns.iter_mut().for_each(|(at, _)| *at += by);
        }
    }
}

impl Binder<'_> {
    /// What the query at hand locks of the item of FROM with this name: the strongest of its clauses, and the strictest way
    /// to wait.
    pub fn lock_of(&self, alias: &str) -> Option<LockClause> {
        let concerns = |clause: &&LockClause| clause.of.is_empty() || clause.of.iter().any(|name| *name.name == *alias);
        self.locking.iter().filter(concerns).fold(None, |found: Option<LockClause>, clause| {
            let (strength, wait) = found.map_or((clause.strength, clause.wait), |it| (it.strength, it.wait));
            let (strength, wait) = (strength.max(clause.strength), wait.max(clause.wait));
            Some(LockClause { strength, of: Vec::new(), wait })
        })
    }

    /// The scope over a query of FROM. If it was told to lock its rows and only filters and lists, they are locked by the
    /// query around it.
    pub fn locked_query(
        &mut self,
        mut plan: Plan,
        columns: Vec<ResultColumn>,
        alias: Option<&Alias>,
        handed: bool,
        query: &ast::Query,
    ) -> Result<(Plan, Scope)> {
        let is_told = handed && query.locks.is_empty();
        let Some((exprs, locks)) = is_told.then(|| lift(&mut plan)).flatten() else {
            return self.derived(plan, columns, alias, None);
        };
        let shown: Arc<str> = Arc::from(alias.map_or("", |alias| alias.name.name.as_str()));
        let columns = columns.into_iter().zip(exprs).map(|(column, expr)| {
            let origin = (column.table, column.attribute);
            StarColumn { name: column.name, expr, origin }
        });
        let item = Item::query(&shown, locks);
        let scope = Scope::of_query(shown, columns.collect(), plan.fields.clone(), item);
        Ok((plan, aliased(scope, alias)?))
    }

    pub fn refuse_row_locks(&self, what: &str) -> Result<()> {
        let Some(lock) = self.locking.first() else { return Ok(()) };
        let message = format!("{} is not allowed with {what}", lock_name(lock.strength));
        Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, message))
    }

    /// Locks the rows of the tables in FROM, whose row is the beginning of the plan's.
    ///
    /// # Errors
    /// 0A000, 42P01, 42809 for what the clauses cannot concern.
    pub fn lock_rows(&mut self, plan: Plan, recheck: Vec<Recheck>) -> Result<Plan> {
        let Some(first) = self.locking.first() else { return Ok(plan) };
        let strength = first.strength;
        let items = self.scopes.last().map(|scope| scope.items.clone()).unwrap_or_default();
        for clause in &self.locking {
            for name in &clause.of {
                let clause = lock_name(clause.strength);
                let (state, message) = match items.iter().rev().find(|item| *item.alias == *name.name) {
                    None => {
                        let message = format!("relation \"{}\" in {clause} clause not found in FROM clause", name.name);
                        (SqlState::UNDEFINED_TABLE, message)
                    }
                    Some(Item { kind: Kind::WithoutRows(what), .. }) => {
                        (SqlState::FEATURE_NOT_SUPPORTED, format!("{clause} cannot be applied to {what}"))
                    }
                    Some(_) => continue,
                };
                return Err(Error::new(state, message).at(name.pos + 1));
            }
        }
        refuse_sequences(&items)?;
        self.row_lock.get_or_insert(strength);
        let certain: Vec<&Expr> = recheck.iter().filter(|it| it.nulls.is_empty()).map(|it| &it.condition).collect();
        let mut locks: Vec<RowLock> = Vec::new();
        for mut item in items {
            let Some(clause) = self.lock_of(&item.alias) else { continue };
            let nullable = matches!(item.kind, Kind::Table(_) | Kind::Query(_))
                && item.nullable.iter().any(|side| !certain.iter().any(|condition| rejects_null(condition, side)));
            if nullable {
                let name = lock_name(clause.strength);
                let message = format!("{name} cannot be applied to the nullable side of an outer join");
                return Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, message));
            }
            if let Kind::Table(lock) = &item.kind {
                self.require(lock.table.oid, Privileges::UPDATE);
            }
            for lock in item.locks_mut() {
                locks.push(RowLock { strength: clause.strength, wait: clause.wait, ..lock.clone() });
            }
        }
        let fields = plan.fields.clone();
        Ok(Plan::new(Node::LockRows(Box::new(LockRows { input: plan, locks, recheck })), fields))
    }
}

/// Refuses sequences beside rows that are locked or changed: each row there is to be found again, and theirs cannot be.
///
/// # Errors
/// 42809 for a sequence.
pub(super) fn refuse_sequences(items: &[Item]) -> Result<()> {
    items.iter().try_for_each(|item| match &item.kind {
        Kind::Sequence(name) => {
            let message = format!("cannot lock rows in sequence \"{name}\"");
            Err(Error::new(SqlState::WRONG_OBJECT_TYPE, message))
        }
        _ => Ok(()),
    })
}

/// Takes the list and the lock off a query that only locks, filters and lists.
fn lift(plan: &mut Plan) -> Option<(Vec<Expr>, Vec<RowLock>)> {
    let is_plain = |expr: &Expr| !expr.is_volatile() && !expr.has_subquery();
    let Node::Project { input, exprs } = &mut plan.node else { return None };
    let Node::LockRows(locked) = &mut input.node else { return None };
    if matches!(locked.input.node, Node::Sort { .. }) || !exprs.iter().all(is_plain) {
        return None;
    }
    let (exprs, locks) = (std::mem::take(exprs), std::mem::take(&mut locked.locks));
    let below = std::mem::replace(&mut locked.input, Plan::one_row());
    *plan = below;
    Some((exprs, locks))
}

/// The conditions that a row of FROM and WHERE meets, in the order in which they are to be evaluated again.
pub(super) fn rechecks(plan: &Plan) -> Vec<Recheck> {
    match &plan.node {
        Node::Filter { input, predicate, .. } => {
            let mut all = rechecks(input);
            all.push(Recheck { condition: predicate.clone(), nulls: Vec::new() });
            all
        }
        Node::Join(join) => {
            let width = join.left.width();
            let (left, mut right) = (rechecks(&join.left), rechecks(&join.right));
            for recheck in &mut right {
                walk::join_right(&mut recheck.condition, width, join.lateral);
                recheck.nulls.iter_mut().for_each(|at| *at += width);
            }
            let of_join = join.filter.iter().cloned().map(|condition| Recheck { condition, nulls: Vec::new() });
            match join.kind {
                JoinKind::Left => {
                    left.into_iter().chain(nulling(right.into_iter().chain(of_join), width..plan.width())).collect()
                }
                JoinKind::Right => {
                    right.into_iter().chain(nulling(left.into_iter().chain(of_join), 0..width)).collect()
                }
                JoinKind::Full => Vec::new(),
                _ => left.into_iter().chain(right).chain(of_join).collect(),
            }
        }
        _ => Vec::new(),
    }
}

/// The conditions of one side of an outer join: where they do not hold, the side becomes null.
fn nulling(side: impl Iterator<Item = Recheck>, columns: Range<usize>) -> impl Iterator<Item = Recheck> {
    side.map(move |it| if it.nulls.is_empty() { Recheck { nulls: columns.clone().collect(), ..it } } else { it })
}

/// Whether a condition is false or null when all these columns are null.
fn rejects_null(condition: &Expr, columns: &Range<usize>) -> bool {
    match condition {
        Expr::And(terms) => terms.iter().any(|term| rejects_null(term, columns)),
        Expr::Or(terms) => terms.iter().all(|term| rejects_null(term, columns)),
        Expr::IsNull { arg, negated: true } => passes_null(arg, columns),
        other => passes_null(other, columns),
    }
}

/// Whether an expression is null when all these columns are.
fn passes_null(expr: &Expr, columns: &Range<usize>) -> bool {
    match expr {
        Expr::Column { index, .. } => columns.contains(index),
        Expr::Cast(cast) => passes_null(&cast.arg, columns),
        Expr::Not(arg) => passes_null(arg, columns),
        Expr::Call(call) => call.function.strict && call.args.iter().any(|arg| passes_null(arg, columns)),
        Expr::InList { arg, .. } => passes_null(arg, columns),
        _ => false,
    }
}

pub(crate) fn lock_name(strength: LockStrength) -> &'static str {
    match strength {
        LockStrength::Update => "FOR UPDATE",
        LockStrength::NoKeyUpdate => "FOR NO KEY UPDATE",
        LockStrength::Share => "FOR SHARE",
        LockStrength::KeyShare => "FOR KEY SHARE",
    }
}

//! Changing rows of one table, with everything that hangs on it: constraints, indexes, references.
//!
//! NOT NULL, CHECK and uniqueness are judged row by row, uniqueness by the engine under the lock of the key. Foreign keys
//! are judged when the statement's rows are all written, as in PostgreSQL, so that rows of one statement may refer to each
//! other: a child takes KEY SHARE on its parent's newest version; whoever deletes a parent or changes its key holds the
//! row's exclusive lock by then, so that no child can appear any more, and looks for children in the newest state. What
//! a constraint leaves to the end of the transaction is handed over instead ([`super::deferred`]).

use std::collections::HashSet;
use std::sync::Arc;

use engine::{EntryMove, InsertOutcome, LockStrength, Txn, Verdict, WriteOutcome};
use smallvec::SmallVec;
use types::text_io::{as_text, cut};
use types::{Datum, Error, Result, SqlState};

use super::context::ExecContext;
use super::deferred::Side;
use super::lift::Lift;
use super::memory::{LateClaim, row_bytes};
use super::reference::{Child, ChildMaker, Children, delete_newest, lock_parent};
use super::table::{entry_key, key_text, row_key, secondary_indexes, tree};
use crate::catalog::{
    ConstraintDef, ConstraintKind, ForeignKey, IndexDef, Privileges, ReferentialAction, Relation, TableDef,
};
use crate::functions::relation_allows;

/// What a key takes in a set beside its bytes.
pub(super) const SEEN_KEY_BYTES: usize = 48;

/// What became of the insertion of a row.
pub(crate) enum Inserted {
    /// Stored under this key.
    Row(Vec<u8>),
    /// The key of this index is taken.
    Duplicate(Arc<IndexDef>),
}

/// A row's old and new values, for the references to it.
struct Change {
    old: Vec<Datum>,
    /// `None`: deleted.
    new: Option<Vec<Datum>>,
}

/// The writes of one statement to one table, and the checks that wait for its end.
pub(crate) struct TableWriter {
    pub table: Arc<TableDef>,
    context: Arc<ExecContext>,
    /// The columns to which a statement of the user gives values. `None`: not he writes, but the server for him.
    given: Option<SmallVec<[usize; 8]>>,
    /// Children to be checked against their parents: the foreign key's number among the constraints, and its values.
    children: HashSet<(usize, Vec<u8>)>,
    child_values: Vec<(usize, Vec<Datum>)>,
    /// Changes of rows that others may refer to.
    parents: Vec<Change>,
    /// What the two hold.
    claim: LateClaim,
    key: Vec<u8>,
    row: Vec<u8>,
}

impl TableWriter {
    pub fn new(table: &Arc<TableDef>, context: &Arc<ExecContext>) -> TableWriter {
        TableWriter {
            table: table.clone(),
            context: context.clone(),
            given: None,
            children: HashSet::new(),
            child_values: Vec::new(),
            parents: Vec::new(),
            claim: LateClaim::default(),
            key: Vec::new(),
            row: Vec::new(),
        }
    }

    /// For a statement that gives values to these columns: of others its errors tell only who may read the table.
    pub fn giving(mut self, columns: impl Iterator<Item = usize>) -> TableWriter {
        self.given = Some(columns.collect());
        self
    }

    /// The only columns whose values the user may be told, if there are others.
    fn told(&self) -> Option<&[usize]> {
        let given = self.given.as_deref()?;
        let (session, catalog) = (&self.context.session, &self.context.catalog);
        let table = Relation::Table(self.table.clone());
        let user = session.actor();
        let may_read =
            user.find(catalog).is_some_and(|role| relation_allows(catalog, role, &table, Privileges::SELECT));
        (!may_read && !session.is_superuser()).then_some(given)
    }

    /// Checks NOT NULL.
    ///
    /// # Errors
    /// 23502.
    pub fn check_nulls(&self, row: &[Datum]) -> Result<()> {
        for (column, value) in self.table.columns.iter().zip(row) {
            if value.is_null() && column.not_null && !column.dropped {
                let message = format!(
                    "null value in column \"{}\" of relation \"{}\" violates not-null constraint",
                    column.name, self.table.name
                );
                let error = self.error(SqlState::NOT_NULL_VIOLATION, message).column(&*column.name);
                return Err(self.with_row(error, row));
            }
        }
        Ok(())
    }

    fn error(&self, state: SqlState, message: String) -> Error {
        Error::new(state, message).schema(&*self.table.schema_name).table(&*self.table.name)
    }

    /// The error of a row, with its values; or why they cannot be shown, as in PostgreSQL.
    fn with_row(&self, error: Error, row: &[Datum]) -> Error {
        match self.failing_row(row) {
            Ok(Some(detail)) => error.detail(detail),
            Ok(None) => error,
            Err(error) => error,
        }
    }

    /// `Failing row contains (1, null).` or `Failing row contains (a) = (1).`
    fn failing_row(&self, row: &[Datum]) -> Result<Option<String>> {
        /// Longer values are cut, as in PostgreSQL.
        const VALUE_BYTES_MAX: usize = 64;
        let shown = |text: &str| match cut(text, VALUE_BYTES_MAX) {
            part if part.len() < text.len() => format!("{part}..."),
            whole => whole.to_owned(),
        };
        let told = self.told();
        let (mut names, mut values) = (Vec::new(), Vec::new());
        for (position, column) in self.table.live_columns() {
            if told.is_some_and(|told| !told.contains(&position)) {
                continue;
            }
            names.push(&*column.name);
            values.push(match &row[position] {
                Datum::Null => "null".to_owned(),
                Datum::Text(text) => shown(text),
                value => shown(&as_text(value, column.ty, &self.context.settings)?),
            });
        }
        let values = values.join(", ");
        Ok(match told {
            None => Some(format!("Failing row contains ({values}).")),
            Some(_) if names.is_empty() => None,
            Some(_) => Some(format!("Failing row contains ({}) = ({values}).", names.join(", "))),
        })
    }

    /// The error of a CHECK constraint that a row violates.
    pub fn check_violation(&self, name: &str, row: &[Datum]) -> Error {
        let message = format!("new row for relation \"{}\" violates check constraint \"{name}\"", self.table.name);
        self.with_row(self.error(SqlState::CHECK_VIOLATION, message).constraint(name), row)
    }

    /// The error of a view's check option that a row violates.
    pub fn check_option_violation(&self, view: &str, row: &[Datum]) -> Error {
        let message = format!("new row violates check option for view \"{view}\"");
        self.with_row(Error::new(SqlState::WITH_CHECK_OPTION_VIOLATION, message), row)
    }

    /// The error of a unique index whose key is taken.
    pub fn unique_violation(&self, index: &IndexDef, row: &[Datum]) -> Error {
        let positions: Vec<usize> = index.column_positions().collect();
        let message = format!("duplicate key value violates unique constraint \"{}\"", index.name);
        let error = self.error(SqlState::UNIQUE_VIOLATION, message).constraint(&*index.name);
        if self.told().is_some() {
            return error;
        }
        let values = positions.iter().map(|position| &row[*position]);
        match key_text(&self.table, &positions, values, &self.context.settings) {
            Ok(key) => error.detail(format!("Key {key} already exists.")),
            Err(error) => error,
        }
    }

    /// Stores a new row, unless a unique key of it is taken. Nothing is undone then: rows and entries that were stored
    /// before the conflict was met stay, and the caller rolls back, or takes them back.
    ///
    /// # Errors
    /// What the engine returns.
    pub async fn insert(&mut self, txn: &mut Txn, row: &[Datum]) -> Result<Inserted> {
        // Only borrowed: sessions on other cores share the table, and the count of its references with it.
        let (table, context) = (&*self.table, &*self.context);
        let (engine, view) = (context.engine(), &context.view);
        let mut key = std::mem::take(&mut self.key);
        key.clear();
        if table.has_row_id() {
            let id = context.session.database.row_ids.next(engine, table.tree).await?;
            key.extend(id.to_be_bytes());
        } else {
            row_key(table, row, &mut key)?;
        }
        self.row.clear();
        table.shape.layout.encode(row, &mut self.row)?;
        if engine.insert(txn, view, tree(table.tree), &key, &self.row).await.lift()? != InsertOutcome::Inserted {
            let primary = table.primary_key().cloned();
            return Ok(Inserted::Duplicate(primary.ok_or_else(|| Error::internal("a row id was given out twice"))?));
        }
        for index in secondary_indexes(table) {
            let Some(entry) = entry_key(context, table, index, row, &key)? else { continue };
            if engine.insert(txn, view, tree(index.tree), &entry, &key).await.lift()? != InsertOutcome::Inserted {
                self.key = key;
                return Ok(Inserted::Duplicate(index.clone()));
            }
        }
        self.note_child(row, None)?;
        Ok(Inserted::Row(key))
    }

    /// Deletes what the last [`TableWriter::insert`] of `row` stored before it met a conflict on `index`.
    ///
    /// # Errors
    /// What the engine returns.
    pub async fn take_back(&mut self, txn: &mut Txn, row: &[Datum], index: &IndexDef) -> Result<()> {
        let table = self.table.clone();
        if index.tree == table.tree {
            return Ok(());
        }
        let key = std::mem::take(&mut self.key);
        for stored in secondary_indexes(&table).take_while(|stored| stored.oid != index.oid) {
            let Some(entry) = entry_key(&self.context, &table, stored, row, &key)? else { continue };
            self.delete_entry(txn, stored.tree, &stored.name, &entry).await?;
        }
        self.delete_entry(txn, table.tree, &table.name, &key).await
    }

    /// Takes back the buffer that [`TableWriter::insert`] returned.
    pub fn recycle(&mut self, key: Vec<u8>) {
        self.key = key;
    }

    /// Remembers the foreign keys of a new or changed row.
    ///
    /// # Errors
    /// 53200: there are too many to remember.
    pub fn note_child(&mut self, row: &[Datum], old: Option<&[Datum]>) -> Result<()> {
        for (number, constraint) in self.table.constraints.iter().enumerate() {
            let ConstraintKind::Foreign(foreign) = &constraint.kind else { continue };
            let values: Vec<Datum> = foreign.columns.iter().map(|position| row[*position].clone()).collect();
            if old.is_some_and(|old| {
                foreign.columns.iter().zip(&values).all(|(position, value)| old[*position] == *value)
            }) {
                continue;
            }
            let nulls = values.iter().filter(|value| value.is_null()).count();
            if nulls == values.len() || (nulls > 0 && !foreign.match_full) {
                continue;
            }
            let _making = LateClaim::of_key(&values, &self.context)?;
            let mut key = Vec::new();
            types::keycode::encode_key(&values, &mut key);
            let bytes = key.len() + SEEN_KEY_BYTES + row_bytes(&values);
            if self.children.insert((number, key)) {
                self.claim.add(bytes, &self.context)?;
                self.child_values.push((number, values));
            }
        }
        Ok(())
    }

    /// Whether a change from `old` to `new` touches a column that another table refers to.
    fn referenced_columns_change(&self, old: &[Datum], new: &[Datum]) -> bool {
        self.table.referenced_by.iter().any(|constraint| match &constraint.kind {
            ConstraintKind::Foreign(foreign) => {
                foreign.parent_columns.iter().any(|position| old[*position] != new[*position])
            }
            _ => false,
        })
    }

    /// How strong a lock a change needs: the strongest if a unique key changes, since others may refer to it.
    pub fn strength(&self, changed: impl Fn(usize) -> bool) -> LockStrength {
        let unique = self.table.indexes.iter().filter(|index| index.is_key());
        if unique.flat_map(|index| index.column_positions()).any(changed) {
            LockStrength::Update
        } else {
            LockStrength::NoKeyUpdate
        }
    }

    /// Whether a change of these columns has to be followed: into another index, or along a foreign key.
    pub fn follows_changes(&self, changed: impl Fn(usize) -> bool) -> bool {
        let table = &self.table;
        let leads = |it: &Arc<ConstraintDef>, is_parent: bool| match &it.kind {
            ConstraintKind::Foreign(foreign) => {
                let columns = if is_parent { &foreign.parent_columns } else { &foreign.columns };
                columns.iter().any(|position| changed(*position))
            }
            _ => false,
        };
        secondary_indexes(table).flat_map(|index| index.named_columns()).any(&changed)
            || table.referenced_by.iter().any(|it| leads(it, true))
            || table.constraints.iter().any(|it| leads(it, false))
    }

    /// The same of a deletion: out of another index, or along a foreign key that leads to the table.
    pub fn follows_deletions(&self) -> bool {
        secondary_indexes(&self.table).next().is_some() || !self.table.referenced_by.is_empty()
    }

    /// Brings indexes up to date after a row's version was replaced in place, and remembers what to check at the end.
    ///
    /// # Errors
    /// 23505; what the engine returns.
    pub async fn after_update(&mut self, txn: &mut Txn, key: &[u8], old: &[Datum], new: &[Datum]) -> Result<()> {
        let table = &*self.table;
        for index in secondary_indexes(table) {
            // Values that make the same key need not meet the same conditions.
            let keeps_key = || index.column_positions().all(|position| same_key(&old[position], &new[position]));
            if index.predicate.is_none() && keeps_key() {
                continue;
            }
            let before = entry_key(&self.context, table, index, old, key)?;
            let after = entry_key(&self.context, table, index, new, key)?;
            if before != after {
                self.replace_entry(txn, index, before.as_deref(), after.as_deref(), key, new).await?;
            }
        }
        self.note_change(old, new)
    }

    /// Puts an entry, if there is to be one, in the place of another, if there is one.
    async fn replace_entry(
        &self,
        txn: &mut Txn,
        index: &Arc<IndexDef>,
        before: Option<&[u8]>,
        after: Option<&[u8]>,
        key: &[u8],
        new: &[Datum],
    ) -> Result<()> {
        let (engine, view) = (self.context.engine(), &self.context.view);
        let Some(after) = after else {
            return match before {
                Some(before) => self.delete_entry(txn, index.tree, &index.name, before).await,
                None => Ok(()),
            };
        };
        if let Some(before) = before {
            match engine.move_entry(txn, view, tree(index.tree), (before, after), key).await.lift()? {
                EntryMove::Done => return Ok(()),
                EntryMove::Deleted => {}
                EntryMove::Nothing => self.delete_entry(txn, index.tree, &index.name, before).await?,
            }
        }
        if engine.insert(txn, view, tree(index.tree), after, key).await.lift()? != InsertOutcome::Inserted {
            return Err(self.unique_violation(index, new));
        }
        Ok(())
    }

    async fn delete_entry(&self, txn: &mut Txn, from: u64, name: &str, entry: &[u8]) -> Result<()> {
        let engine = self.context.engine();
        let mut view = self.context.view.clone();
        loop {
            let outcome = engine.delete(txn, &view, tree(from), entry, None, &mut |_, _| Ok(true)).await.lift()?;
            if entry_followed(outcome, name)? {
                return Ok(());
            }
            view = engine.statement(txn);
        }
    }

    /// Makes an entry that stays lead to the row's new key.
    async fn redirect_entry(&self, txn: &mut Txn, index: &IndexDef, entry: &[u8], key: &[u8]) -> Result<()> {
        let engine = self.context.engine();
        let mut view = self.context.view.clone();
        loop {
            let replace = &mut |_: &[u8], _| Ok(Verdict::Replace(key.to_vec()));
            let strength = LockStrength::Update;
            let outcome = engine.update(txn, &view, tree(index.tree), entry, strength, replace).await.lift()?;
            if entry_followed(outcome, &index.name)? {
                return Ok(());
            }
            view = engine.statement(txn);
        }
    }

    fn note_change(&mut self, old: &[Datum], new: &[Datum]) -> Result<()> {
        self.note_child(new, Some(old))?;
        if self.referenced_columns_change(old, new) {
            self.claim.add(row_bytes(old) + row_bytes(new), &self.context)?;
            self.parents.push(Change { old: old.to_vec(), new: Some(new.to_vec()) });
        }
        Ok(())
    }

    /// Moves a row to another key: a tombstone that names the new key, a new row, and new entries in every index.
    ///
    /// # Errors
    /// 23505; what the engine returns.
    pub async fn after_move(
        &mut self,
        txn: &mut Txn,
        old_key: &[u8],
        new_key: &[u8],
        old: &[Datum],
        new: &[Datum],
    ) -> Result<()> {
        let table = self.table.clone();
        let context = self.context.clone();
        let (engine, view) = (context.engine(), &context.view);
        self.row.clear();
        table.shape.layout.encode(new, &mut self.row)?;
        if engine.insert(txn, view, tree(table.tree), new_key, &self.row).await.lift()? != InsertOutcome::Inserted {
            let primary = table.primary_key().cloned();
            let primary = primary.ok_or_else(|| Error::internal("a row id changed"))?;
            return Err(self.unique_violation(&primary, new));
        }
        for index in secondary_indexes(&table) {
            let before = entry_key(&context, &table, index, old, old_key)?;
            let after = entry_key(&context, &table, index, new, new_key)?;
            match &after {
                // A unique entry keeps its key but leads elsewhere now.
                Some(entry) if before == after => self.redirect_entry(txn, index, entry, new_key).await?,
                _ => self.replace_entry(txn, index, before.as_deref(), after.as_deref(), new_key, new).await?,
            }
        }
        self.note_change(old, new)
    }

    /// Removes the entries of a row that was deleted, and remembers whom to tell.
    ///
    /// # Errors
    /// What the engine returns.
    pub async fn after_delete(&mut self, txn: &mut Txn, key: &[u8], old: Vec<Datum>) -> Result<()> {
        let table = &*self.table;
        for index in secondary_indexes(table) {
            let Some(entry) = entry_key(&self.context, table, index, &old, key)? else { continue };
            self.delete_entry(txn, index.tree, &index.name, &entry).await?;
        }
        if !table.referenced_by.is_empty() {
            self.claim.add(row_bytes(&old), &self.context)?;
            self.parents.push(Change { old, new: None });
        }
        Ok(())
    }

    /// The end of the statement: checks foreign keys and carries out referential actions. The caller does not hold the
    /// transaction: actions evaluate expressions, whose functions may take it.
    ///
    /// # Errors
    /// 23503, and whatever the actions meet.
    pub async fn finish(&mut self) -> Result<()> {
        self.finish_beside(self.has_changed_parents()).await
    }

    /// As [`TableWriter::finish`], of a part of a statement. `acts`: some part of it may act on children.
    ///
    /// # Errors
    /// As [`TableWriter::finish`].
    pub async fn finish_beside(&mut self, acts: bool) -> Result<()> {
        // Actions first: they may make or remove rows that the checks look at.
        self.act_on_children().await?;
        self.check_parents(acts).await
    }

    /// Whether anything waits for the end of the statement.
    pub fn has_unjudged(&self) -> bool {
        self.has_changed_parents() || !self.child_values.is_empty()
    }

    /// Whether rows changed that others may refer to.
    pub fn has_changed_parents(&self) -> bool {
        !self.parents.is_empty()
    }

    /// What the changes of parents mean for their children.
    async fn act_on_children(&mut self) -> Result<()> {
        let table = self.table.clone();
        for change in std::mem::take(&mut self.parents) {
            for constraint in &table.referenced_by {
                if let ConstraintKind::Foreign(foreign) = &constraint.kind {
                    self.act(constraint, foreign, &change).await?;
                }
            }
        }
        Ok(())
    }

    /// Looks for the parents of children. `may_be_gone`: an action of the statement may have taken children away, or have
    /// given them other parents, since they were written.
    async fn check_parents(&mut self, may_be_gone: bool) -> Result<()> {
        let table = self.table.clone();
        self.children.clear();
        for (number, values) in std::mem::take(&mut self.child_values) {
            let constraint = &table.constraints[number];
            if let ConstraintKind::Foreign(foreign) = &constraint.kind
                && !self.defer(constraint, foreign, Side::Child, &values)?
            {
                self.check_parent(constraint, foreign, &values, may_be_gone).await?;
            }
        }
        // COPY goes on after this, with the next batch.
        self.claim = LateClaim::default();
        Ok(())
    }

    /// Leaves a check to the end of the transaction if the constraint is deferred; else it is to be made now.
    fn defer(&self, constraint: &ConstraintDef, foreign: &ForeignKey, side: Side, values: &[Datum]) -> Result<bool> {
        if !foreign.timing.is_deferrable() {
            return Ok(false);
        }
        let mut deferred = self.context.session.deferred.lock();
        let waits = deferred.is_deferred(constraint, foreign);
        if waits {
            deferred.add(constraint, foreign, side, values.to_vec())?;
        }
        Ok(waits)
    }

    /// Makes a check that was deferred, by what rows there are now.
    ///
    /// # Errors
    /// 23503; what the engine returns.
    pub async fn check_late(
        &self,
        constraint: &ConstraintDef,
        foreign: &ForeignKey,
        side: Side,
        values: &[Datum],
    ) -> Result<()> {
        match side {
            Side::Child => self.check_parent(constraint, foreign, values, true).await,
            Side::Parent => {
                let child = self.child_of(constraint)?;
                self.refuse_children(constraint, foreign, child, values, ReferentialAction::NoAction).await
            }
        }
    }

    /// The table of a foreign key that refers to this one.
    fn child_of(&self, constraint: &ConstraintDef) -> Result<&Arc<TableDef>> {
        let child = self.context.catalog.table(constraint.table);
        child.ok_or_else(|| Error::internal("a foreign key without its table"))
    }

    /// A child's values must be those of a parent, which then stays until the transaction ends; unless no row bears them.
    async fn check_parent(
        &self,
        constraint: &ConstraintDef,
        foreign: &ForeignKey,
        values: &[Datum],
        may_be_gone: bool,
    ) -> Result<()> {
        let parent = self.context.catalog.table(foreign.parent);
        let parent = parent.ok_or_else(|| Error::internal("a foreign key without its parent"))?;
        let violation = |detail: String| {
            let message = format!(
                "insert or update on table \"{}\" violates foreign key constraint \"{}\"",
                self.table.name, constraint.name
            );
            self.error(SqlState::FOREIGN_KEY_VIOLATION, message).constraint(&*constraint.name).detail(detail)
        };
        if values.iter().any(Datum::is_null) {
            if may_be_gone && Children::bearing(&self.table, foreign, values).next(&self.context).await?.is_none() {
                return Ok(());
            }
            return Err(violation("MATCH FULL does not allow mixing of null and nonnull key values.".into()));
        }
        if lock_parent(&self.context, parent, foreign, values).await? {
            return Ok(());
        }
        if may_be_gone && Children::of(&self.table, foreign, values).next(&self.context).await?.is_none() {
            return Ok(());
        }
        let key = self.key_shown(&foreign.columns, values)?;
        Err(violation(format!("{key} is not present in table \"{}\".", parent.name)))
    }

    /// What a change of a parent means for its children.
    async fn act(&self, constraint: &ConstraintDef, foreign: &ForeignKey, change: &Change) -> Result<()> {
        let values: Vec<Datum> = foreign.parent_columns.iter().map(|position| change.old[*position].clone()).collect();
        if values.iter().any(Datum::is_null) {
            return Ok(());
        }
        let new_values: Option<Vec<Datum>> = change
            .new
            .as_ref()
            .map(|new| foreign.parent_columns.iter().map(|position| new[*position].clone()).collect());
        if new_values.as_ref() == Some(&values) {
            return Ok(());
        }
        let action = if change.new.is_some() { foreign.on_update } else { foreign.on_delete };
        if action == ReferentialAction::NoAction && self.defer(constraint, foreign, Side::Parent, &values)? {
            return Ok(());
        }
        let child = self.child_of(constraint)?.clone();
        if matches!(action, ReferentialAction::NoAction | ReferentialAction::Restrict) {
            return self.refuse_children(constraint, foreign, &child, &values, action).await;
        }
        let mut children = Children::of(&child, foreign, &values);
        let mut writer = TableWriter::new(&child, &self.context);
        let deletes = change.new.is_none() && action == ReferentialAction::Cascade;
        let made = match deletes {
            true => None,
            false => Some(ChildMaker::bind(&self.context, foreign, &self.table, &child, action)?),
        };
        while let Some(found) = children.next(&self.context).await? {
            let is_done = match &made {
                None => {
                    let mut txn = self.context.txn().await?;
                    let gone = delete_newest(&self.context, &mut txn, &child, &found).await?;
                    if gone {
                        writer.after_delete(&mut txn, &found.key, found.values).await?;
                    }
                    gone
                }
                Some(maker) => {
                    let new = maker.make(&writer, &found.values, new_values.as_deref().unwrap_or(&[])).await?;
                    let mut txn = self.context.txn().await?;
                    writer.change_newest(&mut txn, &found, &new).await?
                }
            };
            if !is_done {
                children.look_again();
            }
        }
        if action == ReferentialAction::SetDefault {
            // The defaults may be what was there: such a child did not change, and nobody else looks at it again.
            self.refuse_children(constraint, foreign, &child, &values, ReferentialAction::NoAction).await?;
        }
        Box::pin(writer.finish()).await
    }

    /// NO ACTION and RESTRICT: there may be no child of these values, the old ones of a parent.
    async fn refuse_children(
        &self,
        constraint: &ConstraintDef,
        foreign: &ForeignKey,
        child: &TableDef,
        values: &[Datum],
        action: ReferentialAction,
    ) -> Result<()> {
        // NO ACTION is judged at the end: another row may have taken the parent's place meanwhile.
        if action == ReferentialAction::NoAction && lock_parent(&self.context, &self.table, foreign, values).await? {
            return Ok(());
        }
        if Children::of(child, foreign, values).next(&self.context).await?.is_none() {
            return Ok(());
        }
        let message = format!(
            "update or delete on table \"{}\" violates foreign key constraint \"{}\" on table \"{}\"",
            self.table.name, constraint.name, child.name
        );
        let key = self.key_shown(&foreign.parent_columns, values)?;
        Err(Error::new(SqlState::FOREIGN_KEY_VIOLATION, message)
            .schema(&*child.schema_name)
            .table(&*child.name)
            .constraint(&*constraint.name)
            .detail(format!("{key} is still referenced from table \"{}\".", child.name)))
    }

    /// `Key (a)=(1)`, or without its values for who may not read the table.
    fn key_shown(&self, columns: &[usize], values: &[Datum]) -> Result<String> {
        if self.told().is_some() {
            return Ok("Key".to_owned());
        }
        Ok(format!("Key {}", key_text(&self.table, columns, values, &self.context.settings)?))
    }

    /// Replaces the newest version of a row that the statement did not choose but must change. False: it is not what was
    /// found any more, and nothing was done.
    async fn change_newest(&mut self, txn: &mut Txn, found: &Child, new: &[Datum]) -> Result<bool> {
        let (key, old) = (&found.key[..], &found.values[..]);
        let table = self.table.clone();
        let engine = self.context.engine().clone();
        let view = engine.statement(txn);
        let mut new_key = key.to_vec();
        if !table.has_row_id() {
            new_key.clear();
            row_key(&table, new, &mut new_key)?;
        }
        if new_key != key {
            let moved = Some(new_key.as_slice());
            let agree = &mut |row: &[u8], _| Ok(row == found.row);
            let outcome = engine.delete(txn, &view, tree(table.tree), key, moved, agree).await.lift()?;
            if outcome != WriteOutcome::Done {
                return Ok(false);
            }
            self.after_move(txn, key, &new_key, old, new).await?;
            return Ok(true);
        }
        let mut bytes = Vec::new();
        table.shape.layout.encode(new, &mut bytes)?;
        let strength = self.strength(|position| !same_key(&old[position], &new[position]));
        let replace =
            &mut |row: &[u8], _| Ok(if row == found.row { Verdict::Replace(bytes.clone()) } else { Verdict::Skip });
        let outcome = engine.update(txn, &view, tree(table.tree), key, strength, replace).await.lift()?;
        if outcome != WriteOutcome::Done {
            return Ok(false);
        }
        self.after_update(txn, key, old, new).await?;
        Ok(true)
    }
}

/// Entries follow their row, whose lock the statement holds: they are written by the newest state, not the view's. False:
/// the entry was made or changed by this statement's own cascade, and is to be looked at with newer eyes.
fn entry_followed(outcome: WriteOutcome, index: &str) -> Result<bool> {
    match outcome {
        WriteOutcome::Done => Ok(true),
        WriteOutcome::SelfModified => Ok(false),
        WriteOutcome::Skipped | WriteOutcome::Gone | WriteOutcome::Moved(_) => {
            Err(Error::new(SqlState::INDEX_CORRUPTED, format!("index \"{index}\" lacks the entry of a row")))
        }
    }
}

/// Whether two values make the same key bytes; values that are equal but look different (1.0 and 1.00) do.
pub(crate) fn same_key(old: &Datum, new: &Datum) -> bool {
    old == new
}

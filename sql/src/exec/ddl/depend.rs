//! What depends on what: for DROP ... RESTRICT and CASCADE.
//!
//! Nothing is recorded: constraints and sequences name what they belong to, views, which the catalog keeps as text, are bound
//! to find what they read, and in [expressions](expression) what they name is found by its form.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use engine::TableLockMode;
use types::{Error, Result, SqlState};

use super::drop;
use super::name::described;
use super::work::Work;
use crate::catalog::codec::Object;
use crate::catalog::describe::{qualified_name, relation_name};
use crate::catalog::{
    CatalogSnapshot, Comment, ConstraintDef, ConstraintKind, Relation, TableDef, ViewDef, expression,
};
use crate::functions::relation_named;
use crate::session::NoticeSeverity;

/// Something that cannot stay without what is dropped.
#[derive(Clone, Debug)]
pub(super) enum Dependent {
    Relation(Relation),
    /// A foreign key or CHECK.
    Constraint(Arc<ConstraintDef>),
    /// The default of a column of a table or view.
    Default {
        relation: u32,
        column: usize,
    },
    /// A generated column.
    Column {
        table: u32,
        column: usize,
    },
}

impl Dependent {
    /// The oid of what is locked for it.
    fn holder(&self) -> u32 {
        match self {
            Dependent::Relation(relation) => relation.oid(),
            Dependent::Constraint(constraint) => constraint.table,
            Dependent::Default { relation, .. } => *relation,
            Dependent::Column { table, .. } => *table,
        }
    }
}

/// A dependent and the sentence that says so.
pub(super) struct Dependence {
    pub dependent: Dependent,
    /// `view v depends on table t`.
    pub sentence: String,
    /// `view v`.
    pub what: String,
}

/// An expression that names relations.
struct Naming {
    /// The table or view that it belongs to.
    holder: u32,
    named: Vec<u32>,
    /// What cannot stay without it.
    dependent: Dependent,
    what: String,
}

impl Work {
    /// A relation's kind and name, with its schema unless the search path finds it.
    pub fn describe(&self, relation: &Relation) -> String {
        match relation_name(&self.catalog, relation.oid(), &self.context.settings.search_path) {
            Some(name) => format!("{} {name}", relation.kind_name()),
            None => described(relation),
        }
    }

    pub fn describe_oid(&self, oid: u32) -> String {
        self.catalog.relation(oid).map_or_else(String::new, |relation| self.describe(relation))
    }

    /// `constraint c on table t`.
    pub fn describe_constraint(&self, constraint: &ConstraintDef) -> String {
        format!("constraint {} on {}", constraint.name, self.describe_oid(constraint.table))
    }
}

/// Finds what must go with these relations, beyond what goes silently (indexes, constraints, owned sequences). The caller has
/// locked the tables and views. The sequences are locked before anything is found, so that no other session begins to name
/// one; what is to go by CASCADE, before it is told: until then it may become something that can stay.
pub(super) async fn of_relations(work: &mut Work, roots: &[Relation], cascade: bool) -> Result<Vec<Dependence>> {
    let mut locked: BTreeSet<u32> = BTreeSet::new();
    let mut wanted: BTreeSet<u32> = BTreeSet::new();
    for root in roots {
        match root {
            Relation::Table(table) => wanted.extend(owned_sequences(work, table)),
            Relation::Sequence(sequence) => {
                wanted.insert(sequence.oid);
            }
            Relation::View(_) | Relation::Index(_) | Relation::Virtual(_) => {}
        }
    }
    loop {
        for oid in &wanted {
            work.lock(u64::from(*oid), TableLockMode::AccessExclusive).await?;
        }
        if !wanted.is_empty() {
            work.reload().await?;
        }
        locked.append(&mut wanted);
        let found = dependences(work, roots);
        if cascade {
            wanted.extend(found.iter().map(|it| it.dependent.holder()).filter(|oid| !locked.contains(oid)));
        }
        if wanted.is_empty() {
            return Ok(found);
        }
    }
}

fn dependences(work: &Work, roots: &[Relation]) -> Vec<Dependence> {
    let mut going: BTreeSet<u32> = BTreeSet::new();
    for root in roots {
        add_with_parts(work, root, &mut going);
    }
    let reads: Vec<(Arc<ViewDef>, Vec<u32>)> = views(work)
        .map(|view| {
            let named = work.named_by(&view);
            (view, named)
        })
        .collect();
    let namings = namings(work);
    let mut told = vec![false; namings.len()];
    let mut found = Vec::new();
    let mut queue: VecDeque<Relation> = roots.iter().cloned().collect();
    while let Some(root) = queue.pop_front() {
        let root_text = work.describe(&root);
        match &root {
            Relation::Table(table) => {
                for constraint in &table.referenced_by {
                    if !going.contains(&constraint.table) {
                        push_constraint(work, &mut found, constraint, &root_text);
                    }
                }
            }
            Relation::Index(index) => {
                for constraint in work.catalog.constraints() {
                    if matches!(&constraint.kind, ConstraintKind::Foreign(foreign) if foreign.parent_index == index.oid)
                    {
                        push_constraint(work, &mut found, constraint, &root_text);
                    }
                }
            }
            Relation::Sequence(_) | Relation::View(_) | Relation::Virtual(_) => {}
        }
        let mut parts = BTreeSet::new();
        add_with_parts(work, &root, &mut parts);
        for (naming, told) in namings.iter().zip(&mut told) {
            let part = naming.named.iter().find(|oid| parts.contains(*oid));
            if let Some(part) = part
                && !going.contains(&naming.holder)
                && !std::mem::replace(told, true)
            {
                let (dependent, what) = (naming.dependent.clone(), naming.what.clone());
                let sentence = format!("{what} depends on {}", work.describe_oid(*part));
                found.push(Dependence { dependent, sentence, what });
            }
        }
        for (view, reads) in &reads {
            let part = reads.iter().find(|oid| parts.contains(*oid));
            if let Some(part) = part
                && going.insert(view.oid)
            {
                let relation = Relation::View(view.clone());
                let what = work.describe(&relation);
                let sentence = format!("{what} depends on {}", work.describe_oid(*part));
                queue.push_back(relation.clone());
                found.push(Dependence { dependent: Dependent::Relation(relation), sentence, what });
            }
        }
    }
    found
}

fn views(work: &Work) -> impl Iterator<Item = Arc<ViewDef>> + '_ {
    work.catalog.relations().filter_map(|relation| match relation {
        Relation::View(view) => Some(view.clone()),
        _ => None,
    })
}

fn add_with_parts(work: &Work, root: &Relation, going: &mut BTreeSet<u32>) {
    going.insert(root.oid());
    if let Relation::Table(table) = root {
        going.extend(table.indexes.iter().map(|index| index.oid));
        going.extend(owned_sequences(work, table));
    }
}

/// The sequences that go with a table.
pub(super) fn owned_sequences(work: &Work, table: &TableDef) -> Vec<u32> {
    let owned = work.catalog.relations().filter_map(|relation| match relation {
        Relation::Sequence(sequence) => {
            sequence.owned_by.filter(|owner| owner.table == table.oid).map(|_| sequence.oid)
        }
        _ => None,
    });
    owned.collect()
}

/// The indexes and sequences that go with a column.
pub(super) fn parts_of_column(work: &Work, table: u32, column: usize) -> Vec<Relation> {
    let is_part = |relation: &&Relation| match relation {
        Relation::Index(index) => index.table == table && index.covers(column),
        Relation::Sequence(sequence) => {
            sequence.owned_by.is_some_and(|owner| (owner.table, owner.column) == (table, column))
        }
        _ => false,
    };
    work.catalog.relations().filter(is_part).cloned().collect()
}

fn push_constraint(work: &Work, found: &mut Vec<Dependence>, constraint: &Arc<ConstraintDef>, on: &str) {
    let known = found.iter().any(|it| matches!(&it.dependent, Dependent::Constraint(c) if c.oid == constraint.oid));
    if !known {
        let what = work.describe_constraint(constraint);
        let sentence = format!("{what} depends on {on}");
        found.push(Dependence { dependent: Dependent::Constraint(constraint.clone()), sentence, what });
    }
}

/// The expressions that name relations.
fn namings(work: &Work) -> Vec<Naming> {
    let path = &work.context.settings.search_path;
    let mut found = Vec::new();
    let mut push = |holder: &Relation, text: &str, dependent: Dependent, part: &str| {
        let named = expression::named_in(text, &work.catalog, path);
        if named.is_empty() {
            return;
        }
        let what = match &dependent {
            Dependent::Constraint(constraint) => work.describe_constraint(constraint),
            Dependent::Column { .. } => format!("column {part} of {}", work.describe(holder)),
            _ => format!("default value for column {part} of {}", work.describe(holder)),
        };
        found.push(Naming { holder: holder.oid(), named, dependent, what });
    };
    for holder in work.catalog.relations() {
        match holder {
            Relation::Table(table) => {
                for (column, def) in table.live_columns() {
                    let dependent = match def.generated {
                        Some(_) => Dependent::Column { table: table.oid, column },
                        None => Dependent::Default { relation: table.oid, column },
                    };
                    push(holder, def.default.as_deref().unwrap_or_default(), dependent, &def.name);
                }
                for constraint in &table.constraints {
                    if let ConstraintKind::Check { expression, .. } = &constraint.kind {
                        push(holder, expression, Dependent::Constraint(constraint.clone()), &constraint.name);
                    }
                }
            }
            Relation::View(view) => {
                for (column, text) in &view.defaults {
                    let dependent = Dependent::Default { relation: view.oid, column: *column };
                    push(holder, text, dependent, &view.columns[*column].0);
                }
            }
            _ => {}
        }
    }
    found
}

/// 2BP01 with what depends.
pub(super) fn refused(what: &str, sentences: Vec<String>) -> Error {
    let message = format!("cannot drop {what} because other objects depend on it");
    with_sentences(message, sentences)
}

/// As [`refused`], of several objects.
pub(super) fn refused_all(sentences: Vec<String>) -> Error {
    with_sentences("cannot drop desired object(s) because other objects depend on them".into(), sentences)
}

fn with_sentences(message: String, sentences: Vec<String>) -> Error {
    Error::new(SqlState::DEPENDENT_OBJECTS_STILL_EXIST, message)
        .detail(sentences.join("\n"))
        .hint("Use DROP ... CASCADE to drop the dependent objects too.")
}

/// The notice of what goes as well.
pub(super) fn tell_cascade(work: &mut Work, whats: &[String]) {
    match whats {
        [] => {}
        [one] => work.notice(SqlState::SUCCESSFUL_COMPLETION, format!("drop cascades to {one}")),
        many => {
            let lines: Vec<String> = many.iter().map(|what| format!("drop cascades to {what}")).collect();
            let message = format!("drop cascades to {} other objects", many.len());
            let notice = Error::new(SqlState::SUCCESSFUL_COMPLETION, message).detail(lines.join("\n"));
            work.notices.push((NoticeSeverity::Notice, notice));
        }
    }
}

/// After a change of a table: views over it must still mean what they did.
///
/// # Errors
/// 0A000 with `message` and the view.
pub(super) fn check_views(work: &Work, table: u32, message: &str) -> Result<()> {
    let broken = broken_views(work, &work.context.catalog, table);
    broken.into_iter().next().map_or(Ok(()), |view| Err(used_by(work, table, view, message)))
}

fn used_by(work: &Work, table: u32, view: Arc<ViewDef>, message: &str) -> Error {
    let (view, table) = (work.describe(&Relation::View(view)), work.describe_oid(table));
    Error::new(SqlState::FEATURE_NOT_SUPPORTED, message).detail(format!("{view} depends on {table}"))
}

/// After a column was renamed: has the views that name it name it so, and show it under the name that they gave it.
///
/// # Errors
/// 0A000 a view would mean something else by any name, as one that merges the column by USING.
pub(super) async fn rename_in_views(
    work: &mut Work,
    before: &Arc<CatalogSnapshot>,
    column: (u32, i16),
    names: (&str, &str),
) -> Result<()> {
    let mut left: Vec<Arc<ViewDef>> =
        views(work).filter(|view| work.reads_of(view, before).contains(&column.0)).collect();
    // Those that read others come after them.
    while let Some(first) = left.first().cloned() {
        let mut waiting = Vec::new();
        for view in &left {
            let Some(text) = work.renamed_in(view, before, column, names) else {
                waiting.push(view.clone());
                continue;
            };
            if *text == *view.query {
                continue;
            }
            put_text(work, view, text).await?;
        }
        if waiting.len() == left.len() {
            return Err(used_by(work, column.0, first, "cannot rename a column used by a view"));
        }
        left = waiting;
    }
    Ok(())
}

/// After relations got other names or schemas than in the catalog `before`: has the expressions and views name them so that
/// name them by literals, as `nextval('s')`.
///
/// # Errors
/// 0A000 with `message` and a view that names one otherwise.
pub(super) async fn follow_names(
    work: &mut Work,
    before: &Arc<CatalogSnapshot>,
    relations: &[u32],
    message: &str,
) -> Result<()> {
    follow_in_expressions(work, before, relations).await?;
    for &relation in relations {
        for view in broken_views(work, before, relation) {
            if let Some(text) = work.renamed(&view, before) {
                put_text(work, &view, text).await?;
            }
        }
        if let Some(view) = broken_views(work, before, relation).into_iter().next() {
            return Err(used_by(work, relation, view, message));
        }
    }
    Ok(())
}

async fn follow_in_expressions(work: &mut Work, before: &CatalogSnapshot, relations: &[u32]) -> Result<()> {
    let (path, catalog) = (work.context.settings.search_path.clone(), work.catalog.clone());
    let renamed = |text: &Arc<str>| -> Arc<str> {
        let other = |name: &str| {
            let oid = relation_named(before, name, &path).ok()?.oid();
            let relation = catalog.relation(oid).filter(|_| relations.contains(&oid))?;
            Some(qualified_name(&catalog, relation))
        };
        Arc::from(expression::with_names(text, other))
    };
    let changes = |text: &Arc<str>| renamed(text) != *text;
    for relation in catalog.relations() {
        match relation {
            Relation::Table(table) => {
                let in_constraint = |it: &Arc<ConstraintDef>| match &it.kind {
                    ConstraintKind::Check { expression, .. } => changes(expression),
                    _ => false,
                };
                let in_column = table.columns.iter().any(|column| column.default.as_ref().is_some_and(changes));
                if !in_column && !table.constraints.iter().any(in_constraint) {
                    continue;
                }
                work.hold(table.oid).await?;
                let Some(table) = work.catalog.table(table.oid).cloned() else { continue };
                for constraint in table.constraints.iter().filter(|it| in_constraint(it)) {
                    if let ConstraintKind::Check { expression, columns } = &constraint.kind {
                        let kind = ConstraintKind::Check { expression: renamed(expression), columns: columns.clone() };
                        work.put(Object::Constraint(ConstraintDef { kind, ..(**constraint).clone() })).await?;
                    }
                }
                let mut new = (*table).clone();
                for column in &mut new.columns {
                    column.default = column.default.as_ref().map(renamed);
                }
                work.put_table(new).await?;
            }
            Relation::View(view) if view.defaults.iter().any(|(_, text)| changes(text)) => {
                work.lock_relation(relation, TableLockMode::AccessExclusive).await?;
                let Some(view) = work.catalog.view(view.oid).cloned() else { continue };
                let mut new = (*view).clone();
                for (_, text) in &mut new.defaults {
                    *text = renamed(text);
                }
                work.put(Object::View(new)).await?;
            }
            _ => {}
        }
    }
    work.reload().await
}

/// Gives a view another text.
async fn put_text(work: &mut Work, view: &Arc<ViewDef>, text: String) -> Result<()> {
    work.lock_relation(&Relation::View(view.clone()), TableLockMode::AccessExclusive).await?;
    // One that was replaced before it was locked does not read the relation any more, which is locked for longer.
    if let Some(found) = work.catalog.view(view.oid).filter(|found| found.query == view.query).cloned() {
        work.put(Object::View(ViewDef { query: Arc::from(text), ..(*found).clone() })).await?;
        work.reload().await?;
    }
    Ok(())
}

/// The views that read a relation in the catalog `before`, and cannot be used any more.
fn broken_views(work: &Work, before: &Arc<CatalogSnapshot>, table: u32) -> Vec<Arc<ViewDef>> {
    // What they read is asked as they were when they were sound: another session may have given one another text since.
    let read = |view: &Arc<ViewDef>| work.reads_of(before.view(view.oid).unwrap_or(view), before).contains(&table);
    views(work).filter(|view| !work.is_sound(view) && read(view)).collect()
}

/// After a column was dropped: drops the views that named it, or refuses.
pub(super) async fn settle_views(work: &mut Work, table: u32, cascade: bool, what: &str) -> Result<()> {
    let broken = broken_views(work, &work.context.catalog, table);
    let whats: Vec<String> = broken.iter().map(|view| work.describe(&Relation::View(view.clone()))).collect();
    if broken.is_empty() {
        return Ok(());
    }
    if !cascade {
        return Err(refused(what, whats.iter().map(|view| format!("{view} depends on {what}")).collect()));
    }
    tell_cascade(work, &whats);
    for view in broken {
        work.lock_relation(&Relation::View(view.clone()), TableLockMode::AccessExclusive).await?;
        if let Some(view) = work.catalog.view(view.oid).cloned() {
            drop::view(work, &view).await?;
        }
    }
    work.reload().await
}

/// Removes the comments on an object; on one of its columns if that is given.
pub(super) async fn remove_comments(work: &Work, class: u32, object: u32, column: Option<i32>) -> Result<()> {
    let found: Vec<Comment> = work
        .catalog
        .comments()
        .iter()
        .filter(|it| it.class == class && it.object == object && column.is_none_or(|column| it.column == column))
        .cloned()
        .collect();
    for comment in found {
        work.remove(Object::Comment(comment)).await?;
    }
    Ok(())
}

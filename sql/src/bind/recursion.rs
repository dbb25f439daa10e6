//! WITH RECURSIVE: which of its queries name which.
//!
//! Whatever the clause says, a query is recursive only if it names itself. It may do so once, in the second term of a UNION,
//! and only where the rows of one round can stand for the whole. All are bound in an order in which each comes after those
//! that it names (`parse_cte.c`).

use types::{Error, Result, SqlState};

use crate::bound::SetOpKind;
use crate::parse::ast::{
    Assignment, Child, Cte, CteBody, Destination, Distinct, Expr, ExprKind, GroupItem, JoinType, Name, OrderBy, Query,
    Select, SetExpr, Statement, Subscript, TableRef, Target, WindowSpec, With,
};

/// Where a name stands, as far as it matters to a query that names itself.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Allowed,
    FirstTerm,
    Subquery,
    OuterJoin,
    Intersect,
    Except,
}

struct Item<'q> {
    cte: &'q Cte,
    recursive: bool,
    /// Others that it names and that are not bound yet.
    needs: Vec<&'q str>,
}

/// The queries of a WITH RECURSIVE in the order in which they are to be bound, and whether each is recursive.
///
/// # Errors
/// 42P19 a query names itself where it may not; 0A000 two name each other.
pub(super) fn ordered(with: &With) -> Result<Vec<(&Cte, bool)>> {
    let mut items: Vec<Item<'_>> = with.ctes.iter().map(|cte| item(cte, with)).collect();
    for at in 0..items.len() {
        let Some(next) = (at..items.len()).find(|&next| items[next].needs.is_empty()) else {
            let message = "mutual recursion between WITH items is not implemented";
            return Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, message).at(items[at].cte.name.pos + 1));
        };
        items.swap(at, next);
        let bound = items[at].cte;
        items[at + 1..].iter_mut().for_each(|item| item.needs.retain(|name| **name != *bound.name.name));
    }
    items.iter().filter(|item| item.recursive).try_for_each(|item| check(item.cte))?;
    Ok(items.into_iter().map(|item| (item.cte, item.recursive)).collect())
}

fn item<'q>(cte: &'q Cte, with: &'q With) -> Item<'q> {
    let mut references = References::new(Place::Allowed);
    references.cte(&cte.body);
    let named = references.found.iter().map(|&(name, _)| name.object());
    let mut needs: Vec<&str> = named.filter(|name| with.ctes.iter().any(|cte| cte.name.name == **name)).collect();
    let recursive = needs.contains(&cte.name.name.as_str());
    needs.retain(|name| *name != cte.name.name);
    Item { cte, recursive, needs }
}

/// Whether a query that names itself does so where it may.
fn check(cte: &Cte) -> Result<()> {
    let name = &cte.name.name;
    let refused = |message: String, pos: u32| Err(Error::new(SqlState::INVALID_RECURSION, message).at(pos + 1));
    let CteBody::Query(query) = &cte.body else {
        let message = format!("recursive query \"{name}\" must not contain data-modifying statements");
        return refused(message, cte.name.pos);
    };
    let SetExpr::SetOp { kind: SetOpKind::Union, left, right, .. } = &query.body else {
        let form = "non-recursive-term UNION [ALL] recursive-term";
        return refused(format!("recursive query \"{name}\" does not have the form {form}"), cte.name.pos);
    };
    let mut references = References::new(Place::FirstTerm);
    references.query(left);
    references.place = Place::Allowed;
    references.query(right);
    references.place = Place::Subquery;
    query.with.iter().for_each(|with| references.with(with));
    let mut named = false;
    for (reference, place) in references.found.iter().filter(|(reference, _)| reference.object() == name) {
        let what = match place {
            Place::Allowed if !named => {
                named = true;
                continue;
            }
            Place::Allowed => "more than once",
            Place::FirstTerm => "within its non-recursive term",
            Place::Subquery => "within a subquery",
            Place::OuterJoin => "within an outer join",
            Place::Intersect => "within INTERSECT",
            Place::Except => "within EXCEPT",
        };
        return refused(format!("recursive reference to query \"{name}\" must not appear {what}"), reference.pos);
    }
    let clauses = [
        ("ORDER BY", query.order.first().map(|item| item.expr.pos)),
        ("OFFSET", query.offset.as_ref().map(|expr| expr.pos)),
        ("LIMIT", query.limit.as_ref().map(|expr| expr.pos)),
    ];
    let unsupported = |clause: &str| {
        let message = format!("{clause} in a recursive query is not implemented");
        Error::new(SqlState::FEATURE_NOT_SUPPORTED, message)
    };
    if let Some((clause, pos)) = clauses.into_iter().find_map(|(clause, pos)| Some((clause, pos?))) {
        return Err(unsupported(clause).at(pos + 1));
    }
    if query.locks.is_empty() { Ok(()) } else { Err(unsupported("FOR UPDATE/SHARE")) }
}

/// The relations that a query names without a schema, those of WITH clauses inside it aside.
struct References<'q> {
    found: Vec<(&'q Name, Place)>,
    place: Place,
    /// Names of the WITH clauses around the place.
    hidden: Vec<&'q str>,
}

impl<'q> References<'q> {
    fn new(place: Place) -> References<'q> {
        References { found: Vec::new(), place, hidden: Vec::new() }
    }

    fn within(&mut self, place: Place, body: impl FnOnce(&mut Self)) {
        let outer = std::mem::replace(&mut self.place, place);
        body(self);
        self.place = outer;
    }

    fn cte(&mut self, body: &'q CteBody) {
        match body {
            CteBody::Query(query) => self.query(query),
            CteBody::Change(statement) => self.change(statement),
        }
    }

    fn change(&mut self, statement: &'q Statement) {
        match statement {
            Statement::Insert(insert) => {
                self.destinations(&insert.columns);
                insert.source.iter().for_each(|source| self.query(source));
                if let Some(update) = insert.on_conflict.as_ref().and_then(|conflict| conflict.update.as_ref()) {
                    self.assignments(&update.assignments);
                    self.exprs(&update.filter);
                }
                self.targets(insert.returning.iter().flatten());
            }
            Statement::Update(update) => {
                update.from.iter().for_each(|item| self.table(item));
                self.assignments(&update.assignments);
                self.exprs(&update.filter);
                self.targets(update.returning.iter().flatten());
            }
            Statement::Delete(delete) => {
                delete.using.iter().for_each(|item| self.table(item));
                self.exprs(&delete.filter);
                self.targets(delete.returning.iter().flatten());
            }
            _ => {}
        }
    }

    fn query(&mut self, query: &'q Query) {
        let hidden = self.hidden.len();
        query.with.iter().for_each(|with| self.with(with));
        match &query.body {
            SetExpr::Select(select) => self.select(select),
            SetExpr::Values(rows) => self.exprs(rows.iter().flatten()),
            SetExpr::SetOp { kind, all, left, right, .. } => {
                let (first, second) = match kind {
                    _ if self.place != Place::Allowed => (self.place, self.place),
                    SetOpKind::Except if !all => (Place::Allowed, Place::Except),
                    SetOpKind::Except => (Place::Except, Place::Except),
                    SetOpKind::Intersect if *all => (Place::Intersect, Place::Intersect),
                    SetOpKind::Union | SetOpKind::Intersect => (Place::Allowed, Place::Allowed),
                };
                self.within(first, |references| references.query(left));
                self.within(second, |references| references.query(right));
            }
        }
        self.order(&query.order);
        self.exprs(query.limit.iter().chain(&query.offset));
        self.hidden.truncate(hidden);
    }

    /// The names stay hidden until the caller shows them again.
    fn with(&mut self, with: &'q With) {
        let names = with.ctes.iter().map(|cte| cte.name.name.as_str());
        if with.recursive {
            self.hidden.extend(names);
            with.ctes.iter().for_each(|cte| self.cte(&cte.body));
            return;
        }
        for (cte, name) in with.ctes.iter().zip(names) {
            self.cte(&cte.body);
            self.hidden.push(name);
        }
    }

    fn select(&mut self, select: &'q Select) {
        if let Some(Distinct::On(exprs)) = &select.distinct {
            self.exprs(exprs);
        }
        self.targets(&select.targets);
        select.from.iter().for_each(|item| self.table(item));
        self.exprs(&select.filter);
        select.group.iter().for_each(|item| self.group(item));
        self.exprs(&select.having);
        select.windows.iter().for_each(|(_, spec)| self.window(spec));
    }

    fn table(&mut self, item: &'q TableRef) {
        match item {
            TableRef::Relation { name, .. } => {
                if name.schema().is_none() && !self.hidden.contains(&name.object()) {
                    self.found.push((name, self.place));
                }
            }
            TableRef::Subquery { query, .. } => self.query(query),
            TableRef::Function { calls, .. } => self.exprs(calls.iter().map(|function| &function.call)),
            TableRef::Join(join) => {
                let (left, right) = match join.kind {
                    JoinType::Cross | JoinType::Inner => (false, false),
                    JoinType::Left => (false, true),
                    JoinType::Right => (true, false),
                    JoinType::Full => (true, true),
                };
                for (side, nullable) in [(&join.left, left), (&join.right, right)] {
                    let outer = nullable && self.place == Place::Allowed;
                    let place = if outer { Place::OuterJoin } else { self.place };
                    self.within(place, |references| references.table(side));
                }
                self.exprs(&join.on);
            }
        }
    }

    fn group(&mut self, item: &'q GroupItem) {
        match item {
            GroupItem::Empty => {}
            GroupItem::Expr(expr) => self.expr(expr),
            GroupItem::Rollup(exprs) | GroupItem::Cube(exprs) => self.exprs(exprs),
            GroupItem::Sets(items) => items.iter().for_each(|item| self.group(item)),
        }
    }

    fn window(&mut self, spec: &'q WindowSpec) {
        self.exprs(&spec.partition);
        self.order(&spec.order);
    }

    fn targets(&mut self, targets: impl IntoIterator<Item = &'q Target>) {
        self.exprs(targets.into_iter().map(|target| &target.expr));
    }

    fn assignments(&mut self, assignments: &'q [Assignment]) {
        for assignment in assignments {
            self.destinations(&assignment.destinations);
            self.expr(&assignment.value);
        }
    }

    fn destinations(&mut self, destinations: &'q [Destination]) {
        for subscript in destinations.iter().flat_map(|destination| &destination.subscripts) {
            match subscript {
                Subscript::Index(index) => self.expr(index),
                Subscript::Slice(lower, upper) => self.exprs(lower.iter().chain(upper)),
            }
        }
    }

    fn order(&mut self, items: &'q [OrderBy]) {
        self.exprs(items.iter().map(|item| &item.expr));
    }

    fn exprs(&mut self, exprs: impl IntoIterator<Item = &'q Expr>) {
        exprs.into_iter().for_each(|expr| self.expr(expr));
    }

    fn expr(&mut self, mut expr: &'q Expr) {
        // A chain of operators leans to the left and can be long.
        while let ExprKind::Binary { left, right, .. } = &expr.kind {
            self.expr(right);
            expr = left;
        }
        expr.kind.children(&mut |child| match child {
            Child::Expr(expr) => self.expr(expr),
            Child::Query(query) => self.within(Place::Subquery, |references| references.query(query)),
        });
    }
}

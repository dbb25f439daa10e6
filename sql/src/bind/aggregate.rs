//! Grouping: what aggregates, window functions and set-returning functions of a select list become.
//!
//! While the list is bound, each such call is set aside in [`Calls`], and the expression holds a column with a number from
//! one of three ranges that no row reaches. [`Grouping::rewrite`] then turns expressions over the FROM row into expressions
//! over the row that [`Node::Aggregate`](crate::bound::Node) yields: keys, then results.

use std::sync::Arc;

use types::{Error, Result, SqlState};

use super::Binder;
use super::scope::Scope;
use crate::bound::{AggregateCall, Expr, Subquery, WindowCall, walk};
use crate::catalog::IndexDef;
use crate::parse::ast::WindowSpec;

/// Columns from here on stand for aggregates, windows and sets, until they are rewritten.
pub(crate) const AGGREGATES: usize = 1 << 40;
/// Those for GROUPING are among the aggregates', for it may stand where an aggregate may, and nowhere else.
pub(crate) const GROUPINGS: usize = AGGREGATES + (1 << 39);
pub(crate) const WINDOWS: usize = 1 << 41;
pub(crate) const SETS: usize = 1 << 42;

/// While the comparison of an ANY is rewritten, its subquery's own columns have numbers from here on.
const TESTED: usize = 1 << 43;

/// The calls set aside while one select list is bound.
#[derive(Default)]
pub(crate) struct Calls {
    pub aggregates: Vec<AggregateCall>,
    /// The arguments of GROUPING, with their places.
    pub groupings: Vec<Vec<(Expr, u32)>>,
    pub windows: Vec<WindowCall>,
    /// Set-returning calls.
    pub sets: Vec<Expr>,
    /// The depth of the scope stack at which the list is bound: calls in subqueries belong to those, but for aggregates of
    /// nothing but our columns.
    pub level: usize,
    /// The WINDOW clause; each with what it takes over from another.
    pub named_windows: Vec<(String, WindowSpec)>,
}

impl Calls {
    /// A window with what it takes over from the one it names; `declared` in WINDOW, or in OVER.
    ///
    /// # Errors
    /// 42704 there is no such window; 42P20 it cannot be taken over.
    pub fn merged(&self, spec: &WindowSpec, declared: bool) -> Result<WindowSpec> {
        let Some(base) = &spec.base else { return Ok(spec.clone()) };
        let name = &base.name;
        let Some((_, known)) = self.named_windows.iter().find(|(other, _)| other == name) else {
            let message = format!("window \"{name}\" does not exist");
            return Err(Error::new(SqlState::UNDEFINED_OBJECT, message).at(spec.pos + 1));
        };
        let refused = |message: String| Error::new(SqlState::WINDOWING_ERROR, message).at(spec.pos + 1);
        if !spec.partition.is_empty() {
            return Err(refused(format!("cannot override PARTITION BY clause of window \"{name}\"")));
        }
        if !spec.order.is_empty() && !known.order.is_empty() {
            return Err(refused(format!("cannot override ORDER BY clause of window \"{name}\"")));
        }
        if known.frame.is_some() {
            let error = refused(format!("cannot copy window \"{name}\" because it has a frame clause"));
            let bare = !declared && spec.order.is_empty() && spec.frame.is_none();
            return Err(if bare { error.hint("Omit the parentheses in this OVER clause.") } else { error });
        }
        let order = if spec.order.is_empty() { &known.order } else { &spec.order };
        Ok(WindowSpec { order: order.clone(), frame: spec.frame.clone(), pos: spec.pos, ..known.clone() })
    }
}

/// The keys of GROUP BY, which grow by columns that depend on them.
#[derive(Default)]
pub(crate) struct Grouping {
    pub keys: Vec<Expr>,
    /// The keys of each set, of GROUPING SETS and its kin.
    pub sets: Option<Vec<Vec<usize>>>,
    /// The items of the select list that GROUP BY means, with their keys.
    pub shown: Vec<(usize, usize)>,
    /// How many aggregates stand behind the keys.
    pub aggregates: usize,
}

impl Grouping {
    /// The keys that a GROUPING asks for, while there are none but those of GROUP BY.
    ///
    /// # Errors
    /// 42803 an argument is no key.
    pub fn asked(&self, args: &[(Expr, u32)]) -> Result<Vec<usize>> {
        let key_of = |(arg, pos): &(Expr, u32)| {
            // Of keys that are the same the first of GROUP BY, not that of the first item.
            self.keys.iter().position(|key| walk::same(key, arg)).ok_or_else(|| {
                let message = "arguments to GROUPING must be grouping expressions of the associated query level";
                Error::new(SqlState::GROUPING_ERROR, message).at(pos + 1)
            })
        };
        args.iter().map(key_of).collect()
    }

    /// Rewrites an expression over the FROM row.
    ///
    /// # Errors
    /// 42803 a column is neither a key nor inside an aggregate, nor depends on a grouped primary key.
    pub fn rewrite(&mut self, expr: &mut Expr, scope: &Scope) -> Result<()> {
        let known = self.first_key(|key| walk::same(key, expr));
        if let Some(at) = known
            && !is_constant(expr)
        {
            *expr = Expr::column(at, expr.ty());
            return Ok(());
        }
        match expr {
            Expr::Column { index, .. } if *index >= WINDOWS => return Ok(()),
            // The place of the result is known only when all keys are: see `settle`.
            Expr::Column { index, .. } if *index >= AGGREGATES => return Ok(()),
            Expr::Column { index, ty } => {
                let (index, ty) = (*index, *ty);
                let at = self.key_of(index, ty, scope)?;
                *expr = Expr::column(at, ty);
                return Ok(());
            }
            Expr::Subquery(subquery) => {
                let Subquery { plan, kind, .. } = &mut **subquery;
                let mut failed = None;
                walk::frames_in_plan(Arc::make_mut(plan), 0, &mut |inner, level| {
                    if let Expr::Outer { depth, index, ty } = inner
                        && *depth == level
                        && *index < AGGREGATES
                    {
                        match self.key_of(*index, *ty, scope) {
                            Ok(at) => *index = at,
                            Err(error) => {
                                failed.get_or_insert(error);
                            }
                        }
                    }
                });
                if let Some(error) = failed {
                    return Err(subquery_error(error));
                }
                return kind.test_mut().map_or(Ok(()), |test| self.rewrite_test(test, scope));
            }
            _ => {}
        }
        let mut result = Ok(());
        walk::children_mut(expr, &mut |child| {
            if result.is_ok() {
                result = self.rewrite(child, scope);
            }
        });
        result
    }

    /// Checks the direct arguments of ordered-set aggregates, of which a group has one value.
    ///
    /// # Errors
    /// 42803 one reads a column that is no key; 0A000 one reads a key that a grouping set lacks.
    pub fn check_direct(&mut self, calls: &[AggregateCall], scope: &Scope) -> Result<()> {
        for arg in calls.iter().flat_map(AggregateCall::direct) {
            let mut arg = arg.clone();
            self.rewrite(&mut arg, scope).map_err(|error| match error.message.starts_with("subquery") {
                true => error,
                false => error.detail("Direct arguments of an ordered-set aggregate must use only grouped columns."),
            })?;
            let mut partial = false;
            walk::columns_of(&arg, &mut |key| partial |= self.sets.iter().flatten().any(|set| !set.contains(&key)));
            if partial {
                return Err(Error::unsupported("a direct argument that reads a column which a grouping set lacks"));
            }
        }
        Ok(())
    }

    /// Rewrites the comparison of a row with those of a subquery: what it reads of the FROM row stands in it as if it stood
    /// outside, and can be a key as a whole.
    fn rewrite_test(&mut self, test: &mut Expr, scope: &Scope) -> Result<()> {
        walk::join_right(test, TESTED, true);
        self.rewrite(test, scope)?;
        walk::shift_expr(test, 1);
        walk::replace_columns(test, &mut |index, ty, depth| match (index.checked_sub(TESTED), depth) {
            (Some(index), None) => Expr::Column { index, ty },
            (Some(index), Some(depth)) => Expr::Outer { depth, index, ty },
            (None, depth) => Expr::Outer { depth: depth.map_or(0, |depth| depth + 1), index, ty },
        });
        Ok(())
    }

    /// The key that a column of the FROM row is, or depends on.
    fn key_of(&mut self, index: usize, ty: types::SqlType, scope: &Scope) -> Result<usize> {
        let column = |expr: &Expr| matches!(expr, Expr::Column { index: other, .. } if *other == index);
        if let Some(at) = self.first_key(column) {
            return Ok(at);
        }
        if self.depends_on_keys(index, scope) {
            let at = self.keys.len();
            self.keys.push(Expr::column(index, ty));
            // Every set has the primary key, so the groups stay what they were.
            self.sets.iter_mut().flatten().for_each(|set| set.push(at));
            return Ok(at);
        }
        let field = &scope.fields[index];
        let shown = match &field.relation {
            Some(relation) => format!("{relation}.{}", field.name),
            None => field.name.to_string(),
        };
        let message =
            format!("column \"{shown}\" must appear in the GROUP BY clause or be used in an aggregate function");
        let error = Error::new(SqlState::GROUPING_ERROR, message);
        Err(match scope.mentioned.iter().find(|(mentioned, _)| *mentioned == index) {
            Some((_, pos)) => error.at(pos + 1),
            None => error,
        })
    }

    /// Whether the table of a column has its primary key among the keys, those of every grouping set.
    fn depends_on_keys(&self, index: usize, scope: &Scope) -> bool {
        scope.entries.iter().any(|entry| {
            let Some(table) = &entry.table else { return false };
            if !entry.attributes.contains(&Some(index)) {
                return false;
            }
            let Some(primary) = table.primary_key() else { return false };
            let positions: Vec<usize> = IndexDef::column_positions(primary).collect();
            !positions.is_empty()
                && positions.iter().all(|&position| {
                    let at = entry.attributes.get(position).copied().flatten();
                    at.is_some_and(|at| {
                        self.keys.iter().enumerate().any(|(number, key)| {
                            matches!(key, Expr::Column { index, .. } if *index == at)
                                && self.sets.iter().flatten().all(|set| set.contains(&number))
                        })
                    })
                })
        })
    }

    /// The number of a key, which is added unless it is there. Beside grouping sets each item of the select list is a key of its
    /// own, even if another is the same expression: in `1 AS a, 1 AS b` each can be null in other rows.
    pub fn key(&mut self, bound: Expr, output: Option<usize>) -> usize {
        let item = |at: usize| self.shown.iter().find(|(_, key)| *key == at).map(|(shown, _)| *shown);
        let known = (0..self.keys.len())
            .find(|&at| walk::same(&self.keys[at], &bound) && (self.sets.is_none() || item(at) == output));
        let at = known.unwrap_or_else(|| {
            self.keys.push(bound);
            self.keys.len() - 1
        });
        self.shown.extend(output.map(|output| (output, at)));
        at
    }

    /// The key that is meant by an expression outside GROUP BY: of several that are the same, that of the first item of the
    /// select list.
    fn first_key(&self, is_it: impl Fn(&Expr) -> bool) -> Option<usize> {
        let item = |at: &usize| self.shown.iter().filter(|(_, key)| key == at).map(|(shown, _)| *shown).min();
        (0..self.keys.len()).filter(|&at| is_it(&self.keys[at])).min_by_key(|at| item(at).unwrap_or(usize::MAX))
    }

    /// The key that an item of the select list is, beside grouping sets: null in the rows of the sets without it. A constant that
    /// is merely equal to it stays as it is, and so does an expression that a constant is a part of.
    pub fn item_shown(&self, output: usize) -> Option<Expr> {
        let (_, at) = self.shown.iter().find(|(shown, _)| *shown == output)?;
        self.sets.as_ref()?;
        Some(Expr::column(*at, self.keys[*at].ty()))
    }

    /// As [`Grouping::item_shown`], of an item of ORDER BY: by the item of the list that it means, or, if it means none and is a
    /// constant, by what is equal to it in GROUP BY.
    pub fn item_sorted(&self, output: Option<usize>, expr: &Expr) -> Option<Expr> {
        if let Some(output) = output {
            return self.item_shown(output);
        }
        self.sets.as_ref().filter(|_| is_constant(expr))?;
        let at = self.keys.iter().position(|key| walk::same(key, expr))?;
        Some(Expr::column(at, self.keys[at].ty()))
    }

    /// Puts the results of aggregates, and those of GROUPING, behind the keys, now that all keys are known.
    pub fn settle(&self, expr: &mut Expr) {
        let keys = self.keys.len();
        walk::map_columns(expr, &|index| match index {
            AGGREGATES..GROUPINGS => keys + index - AGGREGATES,
            GROUPINGS..WINDOWS => keys + self.aggregates + index - GROUPINGS,
            _ => index,
        });
    }
}

pub(super) fn is_constant(expr: &Expr) -> bool {
    matches!(expr, Expr::Const { .. } | Expr::Param { .. })
}

fn subquery_error(mut error: Error) -> Error {
    error.message = error
        .message
        .replacen("column \"", "subquery uses ungrouped column \"", 1)
        .replace("\" must appear in the GROUP BY clause or be used in an aggregate function", "\" from outer query");
    error
}

/// Whether an expression holds a call that was set aside in this range.
pub(crate) fn holds(expr: &Expr, from: usize, to: usize) -> bool {
    let mut found = false;
    walk::columns_of(expr, &mut |index| found |= (from..to).contains(&index));
    found
}

/// Whether an expression holds a call that returns a set, set aside or not.
pub(crate) fn holds_set(expr: &Expr) -> bool {
    let mut found = false;
    walk::visit(expr, &mut |part| {
        found |= match part {
            Expr::Column { index, .. } => *index >= SETS,
            Expr::Call(call) => call.function.returns_set,
            _ => false,
        };
    });
    found
}

/// Refuses an argument that holds a call that returns a set.
///
/// # Errors
/// 0A000.
pub(crate) fn refuse_set(arg: &(Expr, u32), place: &str) -> Result<()> {
    if !holds_set(&arg.0) {
        return Ok(());
    }
    let message = format!("set-returning functions are not allowed in {place}");
    Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, message)
        .hint("You might be able to move the set-returning function into a LATERAL FROM item.")
        .at(arg.1 + 1))
}

impl Binder<'_> {
    /// The calls of the select list being bound, if we are directly in one.
    pub fn calls(&mut self) -> Option<&mut Calls> {
        let level = self.scopes.len();
        self.selects.last_mut().filter(|calls| calls.level == level)
    }
}

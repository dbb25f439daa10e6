//! Lifting: literals of a statement become parameters, where that changes nothing but when their values are known.
//!
//! A literal is lifted where the binder gives a parameter of its type the same meaning, and where nobody looks at its value
//! while planning:
//! - compared (`= <> < <= > >=`, BETWEEN) with a column, in a term of the top conjunction of WHERE in SELECT over one
//!   relation, UPDATE and DELETE;
//! - a value of INSERT ... VALUES;
//! - a value of SET, or an operand of `+ - * /` with a column there.
//!
//! Everything else stays in the statement, and is *pinned*: a plan serves only texts with the same literal in that place.
//! So are positions in ORDER BY and GROUP BY, LIMIT, target lists, typed literals, arguments of functions, IN lists (the
//! binder narrows their items by value), and all that stands in subqueries.

use super::ast::{Assignment, Expr, ExprKind, Query, Select, SetExpr, Statement, TableRef};
use super::shape::Literal;

/// A literal that became a parameter; the parameter's number is that of the slot, from 1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Slot {
    /// Its number among the literals of the text.
    pub literal: usize,
    /// A minus stood before the number.
    pub negated: bool,
}

/// Puts parameters in place of literals. `literals` are those of the statement's text.
pub fn lift(statement: &mut Statement, literals: &[Literal]) -> Vec<Slot> {
    let mut lifter = Lifter { literals, slots: Vec::new() };
    match statement {
        Statement::Query(query) => lifter.query(query),
        Statement::Insert(insert) if insert.with.is_none() => {
            if let Some(source) = &mut insert.source
                && source.is_plain()
                && let SetExpr::Values(rows) = &mut source.body
            {
                rows.iter_mut().flatten().for_each(|value| lifter.literal(value));
            }
            if let Some(update) = insert.on_conflict.as_mut().and_then(|conflict| conflict.update.as_mut()) {
                lifter.assignments(&mut update.assignments);
            }
        }
        Statement::Update(update) if update.with.is_none() && update.from.is_empty() => {
            lifter.assignments(&mut update.assignments);
            lifter.filter(update.filter.as_mut());
        }
        Statement::Delete(delete) if delete.with.is_none() && delete.using.is_empty() => {
            lifter.filter(delete.filter.as_mut());
        }
        _ => {}
    }
    lifter.slots
}

struct Lifter<'a> {
    literals: &'a [Literal],
    slots: Vec<Slot>,
}

impl Lifter<'_> {
    fn query(&mut self, query: &mut Query) {
        if query.with.is_some() {
            return;
        }
        if let SetExpr::Select(select) = &mut query.body {
            let Select { from, filter, .. } = &mut **select;
            if let [TableRef::Relation { .. }] = from.as_slice() {
                self.filter(filter.as_mut());
            }
        }
    }

    fn filter(&mut self, filter: Option<&mut Expr>) {
        let Some(filter) = filter else { return };
        match &mut filter.kind {
            ExprKind::And(terms) => terms.iter_mut().for_each(|term| self.comparison(term)),
            _ => self.comparison(filter),
        }
    }

    fn comparison(&mut self, term: &mut Expr) {
        match &mut term.kind {
            ExprKind::Binary { op, left, right }
                if op.schema.is_none() && matches!(op.name.as_str(), "=" | "<>" | "<" | "<=" | ">" | ">=") =>
            {
                self.operands(left, right);
            }
            ExprKind::Between { arg, low, high, symmetric: false, .. } if is_column(arg) => {
                self.literal(low);
                self.literal(high);
            }
            _ => {}
        }
    }

    fn assignments(&mut self, assignments: &mut [Assignment]) {
        for assignment in assignments.iter_mut().filter(|assignment| !assignment.multiple) {
            let value = &mut assignment.value;
            match &mut value.kind {
                ExprKind::Binary { op, left, right }
                    if op.schema.is_none() && matches!(op.name.as_str(), "+" | "-" | "*" | "/") =>
                {
                    self.operands(left, right);
                }
                _ => self.literal(value),
            }
        }
    }

    /// The literal of a pair whose other side is a column.
    fn operands(&mut self, left: &mut Expr, right: &mut Expr) {
        if is_column(left) {
            self.literal(right);
        } else if is_column(right) {
            self.literal(left);
        }
    }

    /// Lifts an expression if it is a literal.
    fn literal(&mut self, expr: &mut Expr) {
        let (place, negated) = match &expr.kind {
            ExprKind::Integer(_) | ExprKind::Decimal(_) | ExprKind::String(_) => (expr.pos, false),
            ExprKind::Unary { op, arg }
                if op.name == "-"
                    && op.schema.is_none()
                    && matches!(arg.kind, ExprKind::Integer(_) | ExprKind::Decimal(_)) =>
            {
                (arg.pos, true)
            }
            _ => return,
        };
        let Ok(literal) = self.literals.binary_search_by_key(&place, |literal| literal.start) else { return };
        self.slots.push(Slot { literal, negated });
        // A leaf in place of a leaf, or of one with a sign: no height grows.
        expr.kind = ExprKind::Param(self.slots.len() as u32);
    }
}

fn is_column(expr: &Expr) -> bool {
    matches!(expr.kind, ExprKind::Column(_))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::parse;
    use crate::parse::shape::Shape;

    /// The literals that are lifted, as written, a minus before those that are negated.
    fn lifted(text: &str) -> Vec<String> {
        let mut shape = Shape::default();
        assert!(shape.read(text), "{text}");
        let mut parsed = parse(text).expect("well-formed").remove(0);
        let slots = lift(&mut parsed.statement, shape.literals());
        let shown = |slot: &Slot| {
            let minus = if slot.negated { "-" } else { "" };
            format!("{minus}{}", shape.literals()[slot.literal].raw(text))
        };
        slots.iter().map(shown).collect()
    }

    #[test]
    fn compared_stored_and_added_literals_are_lifted() {
        assert_eq!(
            lifted("select a, 1 from t where b = 2 and 3 > c and d = 'x' order by 1 limit 4"),
            ["2", "3", "'x'"]
        );
        assert_eq!(lifted("select a from t where b between 1 and -2.5 and c <> - 3"), ["1", "-2.5", "-3"]);
        assert_eq!(lifted("update t set a = a + -1, b = 'x', c = 2 * c where t.d = 5"), ["-1", "'x'", "2", "5"]);
        assert_eq!(lifted("insert into t values (1, 'a', now()), (-2, default, null)"), ["1", "'a'", "-2"]);
        assert_eq!(lifted("insert into t values (1) on conflict (a) do update set b = 5"), ["1", "5"]);
        assert_eq!(lifted("delete from t where a < 5"), ["5"]);
    }

    #[test]
    fn literals_in_other_places_are_not() {
        for text in [
            "select 1",
            "select 1 + 2 from t group by 1 having count(*) > 1 order by 2 limit 3 offset 4",
            "select a from t where a = 1 + 2",
            "select a from t where a + 1 = 2",
            "select a from t where 1 = 1",
            "select a from t where a = 1 or b = 2",
            "select a from t where not a = 1",
            "select a from t where d = date '2020-01-01' and e = '1'::int and f = cast('2' as int)",
            "select a from t where a in (1, 2) and b like 'x%' and c = any('{1}') and d = abs(1)",
            "select a from t where a between symmetric 1 and 2",
            "select a from t where a = (select 1)",
            "select a from t, u where a = 1",
            "select a from t join u on a = 1 where b = 2",
            "with w as (select 1) select a from t where a = 1",
            "select a from t where a operator(pg_catalog.=) 1",
            "select a from t where a = 1 union select 2",
            "update t set (a, b) = (1, 2)",
            "update t set a = b || 'x', c = 1 + 2",
            "update t set a = 1 from u",
            "delete from t using u where a = 1",
            "insert into t select 1",
            "insert into t values (1 + 1, interval '1 day')",
            "values (1)",
            "explain select a from t where a = 1",
        ] {
            assert_eq!(lifted(text), Vec::<String>::new(), "{text}");
        }
    }
}

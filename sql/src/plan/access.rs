//! The best way into a table for a set of conjuncts.
//!
//! An index serves a prefix of equalities, then at most one column compared with several values or with bounds. A
//! comparison counts when its operator is the key's own order: both operands of one type, or both integers (the executor
//! fits the value to the column's width). What the access guarantees leaves the filter.

use super::implication::has_all;
use super::pushdown::split;
use super::rows::relation_rows;
use crate::bound::{Access, AnyKey, CastExpr, Expr, IndexAccess, KeyBound, Relation, Scan, ScanColumn};
use crate::catalog::{IndexDef, Predicate, TableDef};
use std::sync::Arc;
use types::oid;
use types::operator::Operator;
use types::resolve::Coercion;

/// A comparison of a column of the scan's row with something stable.
enum Comparison<'a> {
    Equal(&'a Expr),
    Lower(&'a Expr, bool),
    Upper(&'a Expr, bool),
    AnyOf(&'a [Expr]),
    AnyIn(&'a Expr),
}

/// Sets the scan's access and leaves what is not guaranteed by it as its filter.
pub fn choose(scan: &mut Scan, conjuncts: Vec<Expr>) {
    let (access, used) = best(scan, &conjuncts);
    scan.access = access;
    let mut position = 0;
    let rest = conjuncts.into_iter().filter(|_| {
        position += 1;
        !used.contains(&(position - 1))
    });
    scan.filter = Expr::and(rest.collect());
}

/// Takes what reads no row out of a scan's filter: it is judged before the scan begins. Beside a key that is at hand it
/// stays, for that reaches one row at most; a condition that fails then does so only if the row is there.
pub fn take_one_time(scan: &mut Scan) -> Vec<Expr> {
    let at_hand = |expr: &Expr| matches!(expr, Expr::Const { .. } | Expr::Param { .. });
    if scan.access.point().is_some_and(|access| access.prefix.iter().all(at_hand)) {
        return Vec::new();
    }
    let conjuncts = scan.filter.take().map(Expr::into_conjuncts).unwrap_or_default();
    let (once, rest) = split(conjuncts, Expr::is_one_time);
    scan.filter = Expr::and(rest);
    once
}

/// The access through which a scan would find rows that equal `keys` in the given attributes, if one covers some of them.
/// Returns it with the positions in `attributes` that it guarantees.
pub fn lookup(scan: &Scan, attributes: &[(usize, Expr)]) -> Option<(IndexAccess, Vec<usize>)> {
    let Relation::Table(table) = &scan.relation else { return None };
    let candidate = |key: &[usize], index: Option<&Arc<IndexDef>>, unique: bool| {
        let mut prefix = Vec::new();
        let mut used = Vec::new();
        for column in key {
            let Some(at) = attributes.iter().position(|(attribute, _)| attribute == column) else { break };
            prefix.push(attributes[at].1.clone());
            used.push(at);
        }
        let unique = unique && prefix.len() == key.len();
        let access = IndexAccess { prefix, unique, ..IndexAccess::ordered(index.cloned(), false) };
        (!used.is_empty()).then_some((access, used))
    };
    candidates(scan, table, &known_conditions(scan))
        .filter_map(|(key, index, unique)| candidate(&key, index, unique))
        .max_by_key(|(access, used)| (access.unique, used.len()))
}

/// Every index of a scan's table that has all rows which meet these conditions: its key columns, its definition (none for
/// the primary key), whether it is unique.
pub fn candidates<'t>(
    scan: &Scan,
    table: &'t TableDef,
    conjuncts: &[Expr],
) -> impl Iterator<Item = (Vec<usize>, Option<&'t Arc<IndexDef>>, bool)> {
    let primary = (!table.key.is_empty()).then(|| (table.key.clone(), None, true));
    let others = table.indexes.iter().filter(move |index| !index.primary && has_all(scan, index, conjuncts));
    primary.into_iter().chain(others.map(|index| (index.column_positions().collect(), Some(index), index.unique)))
}

/// The conditions that the rows of a scan meet in any case, where an index of its table asks for some.
pub fn known_conditions(scan: &Scan) -> Vec<Expr> {
    let Relation::Table(table) = &scan.relation else { return Vec::new() };
    let asks = table.indexes.iter().any(|index| index.predicate.is_some());
    scan.filter.as_ref().filter(|_| asks).map(|filter| filter.clone().into_conjuncts()).unwrap_or_default()
}

/// How much the condition of a partial index asks.
fn asked(predicate: &Predicate) -> u32 {
    match predicate.known() {
        Some(Expr::And(terms)) => terms.len().min(3) as u32,
        _ => 1,
    }
}

fn best(scan: &Scan, conjuncts: &[Expr]) -> (Access, Vec<usize>) {
    let Relation::Table(table) = &scan.relation else { return (Access::Full, Vec::new()) };
    let comparisons: Vec<(usize, usize, Comparison<'_>)> = conjuncts
        .iter()
        .enumerate()
        .filter_map(|(at, conjunct)| comparison(scan, conjunct).map(|(attribute, it)| (at, attribute, it)))
        .collect();
    let mut best: Option<(u32, IndexAccess, Vec<usize>)> = None;
    for (key, index, unique) in candidates(scan, table, conjuncts) {
        let (mut score, access, used) = through(&key, index, unique, &comparisons);
        // Of two that serve as well that has fewer rows which asks more of them.
        if score > 0 {
            score += index.and_then(|index| index.predicate.as_ref()).map_or(0, asked);
        }
        if score > 0 && best.as_ref().is_none_or(|(other, ..)| score > *other) {
            best = Some((score, access, used));
        }
    }
    match best {
        // A bound or two on a tiny table is not worth the detour over a secondary index.
        Some((score, access, _)) if score < 10 && access.index.is_some() && relation_rows(&scan.relation) < 50.0 => {
            (Access::Full, Vec::new())
        }
        Some((_, access, used)) => (Access::Index(access), used),
        None => (Access::Full, Vec::new()),
    }
}

fn through(
    key: &[usize],
    index: Option<&Arc<IndexDef>>,
    unique: bool,
    comparisons: &[(usize, usize, Comparison<'_>)],
) -> (u32, IndexAccess, Vec<usize>) {
    let mut access = IndexAccess::ordered(index.cloned(), false);
    let mut used = Vec::new();
    let mut score = 0;
    for &column in key {
        let of_column = || comparisons.iter().filter(|(_, attribute, _)| *attribute == column);
        let equal = of_column().find_map(|(at, _, it)| match it {
            Comparison::Equal(value) => Some((*at, *value)),
            _ => None,
        });
        if let Some((at, value)) = equal {
            access.prefix.push(value.clone());
            used.push(at);
            score += 20;
            continue;
        }
        for (at, _, it) in of_column() {
            match it {
                Comparison::AnyOf(list) if access.any.is_none() => access.any = Some(AnyKey::List(list.to_vec())),
                Comparison::AnyIn(array) if access.any.is_none() => {
                    access.any = Some(AnyKey::Array(Box::new((*array).clone())));
                }
                _ => continue,
            }
            used.push(*at);
            score += 12;
        }
        if access.any.is_none() {
            for (at, _, it) in of_column() {
                let (bound, value, inclusive) = match it {
                    Comparison::Lower(value, inclusive) => (&mut access.lower, value, inclusive),
                    Comparison::Upper(value, inclusive) => (&mut access.upper, value, inclusive),
                    _ => continue,
                };
                if bound.is_none() {
                    *bound = Some(KeyBound { value: (*value).clone(), inclusive: *inclusive });
                    used.push(*at);
                    score += 4;
                }
            }
        }
        break;
    }
    access.unique = unique && access.prefix.len() == key.len();
    if access.unique {
        score += 1000;
    }
    // The primary key's leaf is the row: no second descent.
    if score > 0 && index.is_none() {
        score += 2;
    }
    (score, access, used)
}

/// `column op stable` or `stable op column`, as a comparison of the attribute.
fn comparison<'a>(scan: &Scan, conjunct: &'a Expr) -> Option<(usize, Comparison<'a>)> {
    match conjunct {
        Expr::Call(call) => {
            let operator = call.operator?;
            let [left, right] = &*call.args else { return None };
            if !keeps_key_order(operator) {
                return None;
            }
            let (attribute, value, name) = match (attribute(scan, left), attribute(scan, right)) {
                (Some(attribute), _) if right.is_stable() => (attribute, right, operator.name),
                (_, Some(attribute)) if left.is_stable() => (attribute, left, mirrored(operator.name)?),
                _ => return None,
            };
            let comparison = match name {
                "=" => Comparison::Equal(value),
                ">" => Comparison::Lower(value, false),
                ">=" => Comparison::Lower(value, true),
                "<" => Comparison::Upper(value, false),
                "<=" => Comparison::Upper(value, true),
                _ => return None,
            };
            Some((attribute, comparison))
        }
        Expr::InList { arg, list, operator, negated: false } if operator.name == "=" && keeps_key_order(operator) => {
            let attribute = attribute(scan, arg)?;
            list.iter().all(Expr::is_stable).then_some((attribute, Comparison::AnyOf(list)))
        }
        Expr::AnyAll { left, array, operator, all: false } if operator.name == "=" && keeps_key_order(operator) => {
            let attribute = attribute(scan, left)?;
            array.is_stable().then_some((attribute, Comparison::AnyIn(array)))
        }
        _ => None,
    }
}

fn mirrored(name: &str) -> Option<&'static str> {
    Some(match name {
        "=" => "=",
        "<" => ">",
        "<=" => ">=",
        ">" => "<",
        ">=" => "<=",
        _ => return None,
    })
}

/// Whether comparing by this operator is comparing keys that are encoded by its types.
pub fn keeps_key_order(operator: &Operator) -> bool {
    let integer = |oid| matches!(oid, oid::INT2 | oid::INT4 | oid::INT8);
    operator.left.is_some_and(|left| left == operator.right || integer(left) && integer(operator.right))
}

/// The attribute that an expression over the scan's row is, seen through conversions that change nothing.
fn attribute(scan: &Scan, expr: &Expr) -> Option<usize> {
    match strip(expr) {
        Expr::Column { index, .. } => match scan.columns[*index] {
            ScanColumn::Attribute(attribute) => Some(attribute),
            ScanColumn::System(_) => None,
        },
        _ => None,
    }
}

/// An expression without the conversions around it that keep the representation.
pub fn strip(expr: &Expr) -> &Expr {
    match expr {
        Expr::Cast(cast) => match &**cast {
            CastExpr { coercion: Coercion::Relabel, arg, to, .. } if to.typmod < 0 => strip(arg),
            _ => expr,
        },
        _ => expr,
    }
}

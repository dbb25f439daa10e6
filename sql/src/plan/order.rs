//! Sorts that the order of a scan makes superfluous.

use super::access::{candidates, known_conditions, strip};
use crate::bound::{Access, Expr, IndexAccess, JoinKind, Node, Plan, Relation, Scan, ScanColumn, SortKey};

/// Makes `plan` yield its rows in the order of `keys` without sorting, if it can, and says whether it does.
/// `any_index`: walking a whole secondary index is worth it.
pub fn satisfy(plan: &mut Plan, keys: &[SortKey], any_index: bool) -> bool {
    let columns: Option<Vec<(usize, bool, bool)>> = keys
        .iter()
        .map(|key| match strip(&key.expr) {
            Expr::Column { index, .. } => Some((*index, key.descending, key.nulls_first)),
            _ => None,
        })
        .collect();
    columns.is_some_and(|columns| satisfy_columns(plan, &columns, any_index))
}

fn satisfy_columns(plan: &mut Plan, keys: &[(usize, bool, bool)], any_index: bool) -> bool {
    match &mut plan.node {
        Node::Filter { input, .. } | Node::Limit { input, limit: None, offset: None, with_ties: None } => {
            satisfy_columns(input, keys, any_index)
        }
        Node::Project { input, exprs } => {
            let mapped: Option<Vec<_>> = keys
                .iter()
                .map(|&(index, descending, nulls_first)| match strip(&exprs[index]) {
                    Expr::Column { index, .. } => Some((*index, descending, nulls_first)),
                    _ => None,
                })
                .collect();
            mapped.is_some_and(|mapped| satisfy_columns(input, &mapped, any_index))
        }
        Node::Join(join) if matches!(join.kind, JoinKind::Inner | JoinKind::Left | JoinKind::Semi | JoinKind::Anti) => {
            let ordered = keys.iter().all(|(index, ..)| *index < join.left.width())
                && satisfy_columns(&mut join.left, keys, any_index);
            join.ordered |= ordered;
            ordered
        }
        Node::Scan(scan) => satisfy_scan(scan, keys, any_index),
        _ => false,
    }
}

fn satisfy_scan(scan: &mut Scan, keys: &[(usize, bool, bool)], any_index: bool) -> bool {
    let Relation::Table(table) = &scan.relation else { return false };
    let attributes: Option<Vec<(usize, bool, bool)>> = keys
        .iter()
        .map(|&(index, descending, nulls_first)| match scan.columns[index] {
            ScanColumn::Attribute(attribute) => Some((attribute, descending, nulls_first)),
            ScanColumn::System(_) => None,
        })
        .collect();
    let Some(attributes) = attributes else { return false };
    let not_null = |attribute: usize| table.columns[attribute].not_null || table.key.contains(&attribute);
    match &mut scan.access {
        Access::Index(access) if access.unique => true,
        Access::Index(access) => {
            let key = match &access.index {
                None => table.key.clone(),
                Some(index) => index.column_positions().collect(),
            };
            let Some(reverse) = direction(&key, access.prefix.len(), &attributes, not_null) else { return false };
            access.reverse = reverse;
            true
        }
        Access::Full => {
            let conditions = known_conditions(scan);
            let ordered = candidates(scan, table, &conditions).filter_map(|(key, index, _)| {
                let allowed = index.is_none() || any_index;
                let reverse = allowed.then(|| direction(&key, 0, &attributes, not_null))??;
                Some(IndexAccess::ordered(index.cloned(), reverse))
            });
            // One that leaves rows out has fewer.
            let has_all = |access: &IndexAccess| access.index.as_ref().is_none_or(|index| index.predicate.is_none());
            let found = ordered.min_by_key(has_all);
            let Some(access) = found else { return false };
            scan.access = Access::Index(access);
            true
        }
    }
}

/// Whether walking the keys whose first `bound` columns are fixed yields this order: forwards `Some(false)`, backwards
/// `Some(true)`. Keys ascend with nulls last.
fn direction(
    key: &[usize],
    bound: usize,
    wanted: &[(usize, bool, bool)],
    not_null: impl Fn(usize) -> bool,
) -> Option<bool> {
    let (fixed, mut rest) = key.split_at(bound);
    let mut reverse = None;
    for &(attribute, descending, nulls_first) in wanted {
        if fixed.contains(&attribute) {
            continue;
        }
        let (first, others) = rest.split_first()?;
        rest = others;
        if *first != attribute || *reverse.get_or_insert(descending) != descending {
            return None;
        }
        if nulls_first != descending && !not_null(attribute) {
            return None;
        }
    }
    Some(reverse.unwrap_or(false))
}

//! Whether a plan has enough to do for columns.
//!
//! Planning for DataFusion costs a millisecond or so, about what the row executor needs for some thousand rows. So a plan
//! goes to DataFusion only if it joins, groups, sorts or deduplicates, and reads enough rows from tables by other means
//! than whole keys. Rows that are merely read and filtered are better read as rows.

use sql::bound::{Access, Expr, Node, Plan, Relation, walk};

/// Plans that read fewer rows than this from tables are left to the row executor.
const ROWS_MIN: f64 = 2_000.0;

/// What a table that was never counted is taken to hold.
const ROWS_UNKNOWN: f64 = 100_000.0;

/// What share of an index a range of it is taken to be.
const RANGE_SHARE: f64 = 0.3;

/// What share of an index the keys with one prefix are taken to be.
const PREFIX_SHARE: f64 = 0.005;

/// Whether DataFusion should run this plan, if it can.
pub(crate) fn is_worth(plan: &Plan) -> bool {
    let mut work = Work::default();
    work.add(plan);
    work.combines && work.rows >= ROWS_MIN
}

#[derive(Default)]
struct Work {
    /// Rows read from tables, an estimate.
    rows: f64,
    /// Whether rows are joined, grouped, sorted or compared with each other.
    combines: bool,
}

impl Work {
    fn add(&mut self, plan: &Plan) {
        match &plan.node {
            Node::Scan(scan) => self.rows += scanned_rows(&scan.relation, &scan.access),
            Node::Join(_) | Node::Aggregate(_) | Node::Sort { .. } | Node::Distinct { .. } | Node::SetOp(_) => {
                self.combines = true;
            }
            _ => {}
        }
        walk::node_exprs(&plan.node, &mut |expr| {
            walk::visit(expr, &mut |expr| {
                if let Expr::Subquery(subquery) = expr {
                    self.combines = true;
                    self.add(&subquery.plan);
                }
            });
        });
        for (input, _) in walk::inputs(&plan.node) {
            self.add(input);
        }
    }
}

fn scanned_rows(relation: &Relation, access: &Access) -> f64 {
    let Relation::Table(table) = relation else { return 0.0 };
    let all = if table.estimated_rows >= 0.0 { table.estimated_rows } else { ROWS_UNKNOWN };
    match access {
        Access::Full => all,
        Access::Index(access) if access.unique => 1.0,
        Access::Index(access) if !access.prefix.is_empty() || access.any.is_some() => all * PREFIX_SHARE,
        Access::Index(access) if access.lower.is_some() || access.upper.is_some() => all * RANGE_SHARE,
        Access::Index(_) => all,
    }
}

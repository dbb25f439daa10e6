//! EXPLAIN: a plan as indented text, with PostgreSQL's words and layout, without costs.
//!
//! Projections are not shown, filters are lines of the node they stand over, and a hash join's right side stands under a
//! line of its own, all as PostgreSQL does it. Subqueries in expressions follow their node as `SubPlan`s.

use types::Settings;

use crate::bound::deparse::{Names, deparse};
use crate::bound::{
    Access, Cte, Explain, Expr, Field, IndexAccess, Join, JoinKind, LockStrength, Node, Plan, Relation, Scan,
    ScanColumn, SetOpKind, SortKey, Statement, Subquery, WithPart, walk,
};
use crate::catalog::TableDef;
use crate::parse::quote_identifier;

/// The lines that EXPLAIN answers with. A query that the vector executor runs stands under a node that says so, and the parts of
/// a WITH clause that changes rows under the topmost node.
pub fn lines(statement: &Statement, with: &[WithPart], explain: &Explain, by_vector: bool) -> Vec<String> {
    let settings = Settings::default();
    let mut printer =
        Printer { lines: Vec::new(), settings: &settings, subplans: 0, inset: 0, verbose: explain.verbose };
    with.iter().for_each(|part| printer.part(part));
    let parts = std::mem::take(&mut printer.lines);
    if by_vector {
        printer.head(0, "Custom Scan (Vector)");
    }
    printer.statement(statement, usize::from(by_vector));
    printer.put_below(0, parts);
    printer.lines
}

/// The name that the target of UPDATE or DELETE goes by: the first table of its source.
fn alias_of(plan: &Plan) -> &str {
    match &plan.node {
        Node::Scan(scan) => &scan.alias,
        node => walk::inputs(node).first().map_or("", |(input, _)| alias_of(input)),
    }
}

struct Printer<'a> {
    lines: Vec<String>,
    settings: &'a Settings,
    subplans: usize,
    /// Names of subplans over the plan that is printed: each moves it in by two.
    inset: usize,
    verbose: bool,
}

impl Printer<'_> {
    fn statement(&mut self, statement: &Statement, level: usize) {
        match statement {
            Statement::Query(query) => self.plan(&query.plan, level, &[], &[]),
            Statement::Insert(insert) => {
                self.change("Insert", &insert.table, &insert.table.name, &insert.source, level);
            }
            Statement::Update(update) => {
                self.change("Update", &update.table, alias_of(&update.source), &update.source, level);
            }
            Statement::Delete(delete) => {
                self.change("Delete", &delete.table, alias_of(&delete.source), &delete.source, level);
            }
            _ => self.head(level, "Utility Statement"),
        }
    }

    fn change(&mut self, verb: &str, table: &TableDef, alias: &str, source: &Plan, level: usize) {
        let name = relation_name(&table.schema_name, &table.name, alias, self.verbose);
        let (ctes, source): (&[Cte], &Plan) = match &source.node {
            Node::With { ctes, body } => (ctes.as_slice(), body.as_ref()),
            _ => (&[], source),
        };
        self.under_with(ctes, level, &[], |printer| {
            printer.head(level, &format!("{verb} on {name}"));
            printer.plan(source, level + 1, &[], &[]);
        });
    }

    /// A part of a WITH clause that changes rows.
    fn part(&mut self, part: &WithPart) {
        match part {
            WithPart::Query(cte) => self.cte(cte, 0, &[]),
            WithPart::Change { name, statement, .. } => {
                self.with_query(name, 0, |printer| printer.statement(statement, 1));
            }
        }
    }

    fn cte(&mut self, cte: &Cte, level: usize, frames: &[&[Field]]) {
        self.with_query(&cte.name, level, |printer| match &cte.recursive {
            None => printer.plan(&cte.plan, level + 1, &[], frames),
            Some(round) => {
                printer.head(level + 1, "Recursive Union");
                printer.plan(&cte.plan, level + 2, &[], frames);
                printer.plan(round, level + 2, &[], frames);
            }
        });
    }

    /// A query of WITH, below a node of this level.
    fn with_query(&mut self, name: &str, level: usize, print: impl FnOnce(&mut Self)) {
        self.subplan(level, &format!("CTE {}", quote_identifier(name)), print);
        // It has a number among the subplans, which is not shown.
        self.subplans += 1;
    }

    /// Prints a node of this level, with the queries of a WITH clause before all else that stands below it.
    fn under_with(&mut self, ctes: &[Cte], level: usize, frames: &[&[Field]], print: impl FnOnce(&mut Self)) {
        let node = self.lines.len();
        ctes.iter().for_each(|cte| self.cte(cte, level, frames));
        let queries = self.lines.split_off(node);
        print(self);
        self.put_below(node, queries);
    }

    /// Puts lines behind the properties of the node whose first line is that of this number.
    fn put_below(&mut self, node: usize, lines: Vec<String>) {
        let is_below = |line: &String| {
            let text = line.trim_start();
            ["->", "CTE ", "InitPlan ", "SubPlan "].iter().any(|start| text.starts_with(start))
        };
        let first = self.lines.iter().skip(node + 1).position(is_below);
        let rest = first.map_or_else(Vec::new, |first| self.lines.split_off(node + 1 + first));
        self.lines.extend(lines);
        self.lines.extend(rest);
    }

    /// What has a name of its own below the node last named at this level.
    fn subplan(&mut self, level: usize, title: &str, print: impl FnOnce(&mut Self)) {
        self.property(level, title);
        self.inset += 1;
        print(self);
        self.inset -= 1;
    }

    /// A line at a level: level 0 is the root, deeper ones carry an arrow.
    fn head(&mut self, level: usize, text: &str) {
        let line = match level {
            0 => text.to_owned(),
            _ => format!("{}->  {text}", " ".repeat(6 * level - 4 + 2 * self.inset)),
        };
        self.lines.push(line);
    }

    /// A property of the node last named at this level.
    fn property(&mut self, level: usize, text: &str) {
        self.lines.push(format!("{}{text}", " ".repeat(6 * level + 2 + 2 * self.inset)));
    }

    fn text(&self, expr: &Expr, fields: &[Field], frames: &[&[Field]], qualified: bool) -> String {
        deparse(expr, &Names { fields, frames, qualified, settings: self.settings })
    }

    /// A condition in parentheses.
    fn condition(
        &mut self,
        level: usize,
        label: &str,
        exprs: &[&Expr],
        fields: &[Field],
        frames: &[&[Field]],
        qualified: bool,
    ) {
        if exprs.is_empty() {
            return;
        }
        let terms: Vec<String> = exprs.iter().map(|expr| self.text(expr, fields, frames, qualified)).collect();
        let text = match terms.as_slice() {
            [only] => only.clone(),
            _ => terms.iter().map(|term| format!("({term})")).collect::<Vec<_>>().join(" AND "),
        };
        self.property(level, &format!("{label}: ({text})"));
    }

    /// Prints a plan under the conditions of filters above it.
    fn plan(&mut self, plan: &Plan, level: usize, filters: &[&Expr], frames: &[&[Field]]) {
        match &plan.node {
            Node::Project { input, exprs } => {
                self.plan(input, level, &[], frames);
                self.subplans(exprs.iter(), level, &input.fields, frames);
                return;
            }
            Node::Filter { input, predicate, .. } => {
                let mut all = filters.to_vec();
                all.push(predicate);
                self.plan(input, level, &all, frames);
                return;
            }
            Node::With { ctes, body } => {
                self.under_with(ctes, level, frames, |printer| printer.plan(body, level, filters, frames));
                return;
            }
            _ => {}
        }
        let filters_over = |printer: &mut Self, fields: &[Field], qualified: bool| {
            printer.condition(level, "Filter", filters, fields, frames, qualified);
            printer.subplans(filters.iter().copied(), level, fields, frames);
        };
        match &plan.node {
            Node::Values(rows) => {
                let one = rows.len() == 1;
                self.head(level, if one { "Result" } else { "Values Scan on \"*VALUES*\"" });
                self.subplans(rows.iter().flatten(), level, &[], frames);
                filters_over(self, &plan.fields, false);
            }
            Node::Scan(scan) => self.scan(scan, plan, level, filters, frames),
            Node::Function(function) => {
                let names: Vec<&str> = function
                    .calls
                    .iter()
                    .map(|call| match call {
                        Expr::Call(call) => call.function.name,
                        _ => "expression",
                    })
                    .collect();
                let name = names.join(", ");
                let alias = plan.fields.first().and_then(|field| field.relation.as_deref()).unwrap_or("");
                let shown = if alias.is_empty() || *alias == *name {
                    name
                } else {
                    format!("{name} {}", quote_identifier(alias))
                };
                self.head(level, &format!("Function Scan on {shown}"));
                filters_over(self, &plan.fields, false);
            }
            Node::ProjectSet { input, .. } => {
                self.head(level, "ProjectSet");
                filters_over(self, &plan.fields, true);
                self.plan(input, level + 1, &[], frames);
            }
            Node::Join(join) => self.join(join, plan, level, filters, frames),
            Node::Aggregate(aggregate) => {
                let name = match (&aggregate.grouping_sets, aggregate.keys.is_empty()) {
                    (Some(_), _) => "MixedAggregate",
                    (None, true) => "Aggregate",
                    (None, false) => "HashAggregate",
                };
                self.head(level, name);
                let keys: Vec<String> = aggregate
                    .keys
                    .iter()
                    .map(|key| {
                        let text = self.text(key, &aggregate.input.fields, frames, many_tables(&aggregate.input));
                        if matches!(key, Expr::Column { .. }) { text } else { format!("({text})") }
                    })
                    .collect();
                if !keys.is_empty() {
                    self.property(level, &format!("Group Key: {}", keys.join(", ")));
                }
                filters_over(self, &plan.fields, false);
                self.plan(&aggregate.input, level + 1, &[], frames);
            }
            Node::Window { input, .. } => {
                self.head(level, "WindowAgg");
                filters_over(self, &plan.fields, true);
                self.plan(input, level + 1, &[], frames);
            }
            Node::Sort { input, keys } => {
                self.head(level, "Sort");
                let shown = self.sort_keys(keys, input, frames);
                self.property(level, &format!("Sort Key: {shown}"));
                self.plan(input, level + 1, &[], frames);
            }
            Node::Distinct { input, on } => {
                self.head(level, if on.is_some() { "Unique" } else { "HashAggregate" });
                if on.is_none() {
                    let keys: Vec<String> = input.fields.iter().map(|field| quote_identifier(&field.name)).collect();
                    self.property(level, &format!("Group Key: {}", keys.join(", ")));
                }
                filters_over(self, &plan.fields, true);
                self.plan(input, level + 1, &[], frames);
            }
            Node::Limit { input, limit, offset, with_ties } => {
                let is_fence = limit.is_none() && offset.is_none() && with_ties.is_none();
                self.head(level, if is_fence { "Subquery Scan" } else { "Limit" });
                filters_over(self, &plan.fields, true);
                self.plan(input, level + 1, &[], frames);
            }
            Node::SetOp(set) => {
                let text = match (set.kind, set.all) {
                    (SetOpKind::Union, true) => "Append",
                    (SetOpKind::Union, false) => "HashAggregate",
                    (SetOpKind::Intersect, true) => "HashSetOp Intersect All",
                    (SetOpKind::Intersect, false) => "HashSetOp Intersect",
                    (SetOpKind::Except, true) => "HashSetOp Except All",
                    (SetOpKind::Except, false) => "HashSetOp Except",
                };
                self.head(level, text);
                filters_over(self, &plan.fields, false);
                let mut below = level + 1;
                if text != "Append" {
                    if set.kind == SetOpKind::Union {
                        let keys: Vec<String> = plan.fields.iter().map(|field| quote_identifier(&field.name)).collect();
                        self.property(level, &format!("Group Key: {}", keys.join(", ")));
                    }
                    self.head(below, "Append");
                    below += 1;
                }
                self.branches(plan, (set.kind, set.all), below, frames);
            }
            Node::CteScan { name, .. } => {
                let alias = plan.fields.first().and_then(|field| field.relation.as_deref()).unwrap_or(name);
                self.head(level, &format!("CTE Scan on {}", with_alias(name, alias)));
                filters_over(self, &plan.fields, false);
            }
            Node::WorkTable { name, .. } => {
                let alias = plan.fields.first().and_then(|field| field.relation.as_deref()).unwrap_or(name);
                self.head(level, &format!("WorkTable Scan on {}", with_alias(name, alias)));
                filters_over(self, &plan.fields, false);
            }
            Node::LockRows(lock) => {
                self.head(level, "LockRows");
                if self.verbose {
                    for lock in &lock.locks {
                        let strength = match lock.strength {
                            LockStrength::Update => "FOR UPDATE",
                            LockStrength::NoKeyUpdate => "FOR NO KEY UPDATE",
                            LockStrength::Share => "FOR SHARE",
                            LockStrength::KeyShare => "FOR KEY SHARE",
                        };
                        self.property(level, &format!("Lock: {} {strength}", quote_identifier(&lock.table.name)));
                    }
                }
                self.plan(&lock.input, level + 1, &[], frames);
            }
            Node::Project { .. } | Node::Filter { .. } | Node::With { .. } => {}
        }
    }

    /// The branches of a chain of one set operation, flat.
    fn branches(&mut self, plan: &Plan, kind: (SetOpKind, bool), level: usize, frames: &[&[Field]]) {
        match &plan.node {
            Node::SetOp(set) if (set.kind, set.all) == kind => {
                self.branches(&set.left, kind, level, frames);
                self.plan(&set.right, level, &[], frames);
            }
            _ => self.plan(plan, level, &[], frames),
        }
    }

    fn sort_keys(&self, keys: &[SortKey], input: &Plan, frames: &[&[Field]]) -> String {
        let shown = keys.iter().map(|key| {
            let mut text = self.text(&key.expr, &input.fields, frames, many_tables(input));
            if !matches!(key.expr, Expr::Column { .. }) {
                text = format!("({text})");
            }
            if key.descending {
                text.push_str(" DESC");
            }
            if key.nulls_first != key.descending {
                text.push_str(if key.nulls_first { " NULLS FIRST" } else { " NULLS LAST" });
            }
            text
        });
        shown.collect::<Vec<_>>().join(", ")
    }

    fn scan(&mut self, scan: &Scan, plan: &Plan, level: usize, filters: &[&Expr], frames: &[&[Field]]) {
        let (schema, name): (&str, &str) = match &scan.relation {
            Relation::Table(table) => (&table.schema_name, &table.name),
            Relation::Virtual(relation) => (relation.schema, relation.name),
            Relation::Sequence(sequence) => (&sequence.schema_name, &sequence.name),
        };
        let target = relation_name(schema, name, &scan.alias, self.verbose);
        // Columns of other tables are written with their names.
        let qualified = !frames.is_empty();
        match (&scan.access, &scan.relation) {
            (Access::Index(access), Relation::Table(table)) => {
                let index = match &access.index {
                    Some(index) => &index.name,
                    None => table.primary_key().map_or(&table.name, |index| &index.name),
                };
                let direction = if access.reverse { " Backward" } else { "" };
                self.head(level, &format!("Index Scan{direction} using {} on {target}", quote_identifier(index)));
                let conditions = self.index_conditions(access, table, scan, plan, frames);
                match conditions.as_slice() {
                    [] => {}
                    [only] => self.property(level, &format!("Index Cond: ({only})")),
                    many => {
                        let text = many.iter().map(|term| format!("({term})")).collect::<Vec<_>>().join(" AND ");
                        self.property(level, &format!("Index Cond: ({text})"));
                    }
                }
            }
            _ => self.head(level, &format!("Seq Scan on {target}")),
        }
        let mut all: Vec<&Expr> = Vec::new();
        match &scan.filter {
            Some(Expr::And(terms)) => all.extend(terms),
            Some(filter) => all.push(filter),
            None => {}
        }
        all.extend(filters);
        self.condition(level, "Filter", &all, &plan.fields, frames, qualified);
        self.subplans(all.into_iter(), level, &plan.fields, frames);
    }

    fn index_conditions(
        &self,
        access: &IndexAccess,
        table: &TableDef,
        scan: &Scan,
        plan: &Plan,
        frames: &[&[Field]],
    ) -> Vec<String> {
        let key: Vec<usize> = match &access.index {
            Some(index) => index.column_positions().collect(),
            None => table.key.clone(),
        };
        let name = |at: usize| {
            let Some(&column) = key.get(at) else { return "?".to_owned() };
            // The name under which the scan knows it, if it does.
            let known = scan.columns.iter().position(|it| *it == ScanColumn::Attribute(column));
            let shown =
                known.and_then(|at| plan.fields.get(at)).map_or(&table.columns[column].name, |field| &field.name);
            quote_identifier(shown)
        };
        let text = |expr: &Expr| self.text(expr, &plan.fields, frames, true);
        let mut conditions: Vec<String> =
            access.prefix.iter().enumerate().map(|(at, value)| format!("{} = {}", name(at), text(value))).collect();
        let next = access.prefix.len();
        match &access.any {
            Some(crate::bound::AnyKey::List(list)) => {
                let values: Vec<String> = list.iter().map(text).collect();
                conditions.push(format!("{} = ANY (ARRAY[{}])", name(next), values.join(", ")));
            }
            Some(crate::bound::AnyKey::Array(array)) => {
                conditions.push(format!("{} = ANY ({})", name(next), text(array)))
            }
            None => {}
        }
        for (bound, op, strict) in [(&access.lower, ">=", ">"), (&access.upper, "<=", "<")] {
            if let Some(bound) = bound {
                let op = if bound.inclusive { op } else { strict };
                conditions.push(format!("{} {op} {}", name(next), text(&bound.value)));
            }
        }
        conditions
    }

    fn join(&mut self, join: &Join, plan: &Plan, level: usize, filters: &[&Expr], frames: &[&[Field]]) {
        let both: Vec<Field> = join.left.fields.iter().chain(&join.right.fields).cloned().collect();
        let hash = !join.keys.is_empty() && !join.lateral;
        let kind = match join.kind {
            JoinKind::Inner => "",
            JoinKind::Left => " Left",
            JoinKind::Right => " Right",
            JoinKind::Full => " Full",
            JoinKind::Semi => " Semi",
            JoinKind::Anti => " Anti",
        };
        let head = match (hash, kind) {
            (true, "") => "Hash Join".to_owned(),
            (true, kind) => format!("Hash{kind} Join"),
            (false, "") => "Nested Loop".to_owned(),
            (false, kind) => format!("Nested Loop{kind} Join"),
        };
        self.head(level, &head);
        let pairs: Vec<String> = join
            .keys
            .iter()
            .map(|(left, right)| {
                let left = self.text(left, &join.left.fields, frames, true);
                format!("({left} = {})", self.text(right, &join.right.fields, frames, true))
            })
            .collect();
        match pairs.as_slice() {
            [] => {}
            [only] => self.property(level, &format!("{}: {only}", if hash { "Hash Cond" } else { "Join Filter" })),
            many => {
                self.property(
                    level,
                    &format!("{}: ({})", if hash { "Hash Cond" } else { "Join Filter" }, many.join(" AND ")),
                );
            }
        }
        let conjuncts: Vec<&Expr> = match &join.filter {
            Some(Expr::And(terms)) => terms.iter().collect(),
            Some(filter) => vec![filter],
            None => Vec::new(),
        };
        self.condition(level, "Join Filter", &conjuncts, &both, frames, true);
        self.subplans(conjuncts.into_iter(), level, &both, frames);
        self.condition(level, "Filter", filters, &plan.fields, frames, true);
        self.subplans(filters.iter().copied(), level, &plan.fields, frames);
        self.plan(&join.left, level + 1, &[], frames);
        let inner: Vec<&[Field]> = if join.lateral {
            frames.iter().copied().chain([join.left.fields.as_slice()]).collect()
        } else {
            frames.to_vec()
        };
        if hash {
            self.head(level + 1, "Hash");
            self.plan(&join.right, level + 2, &[], &inner);
        } else {
            self.plan(&join.right, level + 1, &[], &inner);
        }
    }

    /// The plans of subqueries in expressions over a row of these fields.
    fn subplans<'e>(
        &mut self,
        exprs: impl Iterator<Item = &'e Expr>,
        level: usize,
        fields: &[Field],
        frames: &[&[Field]],
    ) {
        let mut found: Vec<&Subquery> = Vec::new();
        for expr in exprs {
            collect(expr, &mut found);
        }
        for subquery in found {
            self.subplans += 1;
            let name = if subquery.correlated { "SubPlan" } else { "InitPlan" };
            let title = format!("{name} {}", self.subplans);
            let inner: Vec<&[Field]> = frames.iter().copied().chain([fields]).collect();
            self.subplan(level, &title, |printer| printer.plan(&subquery.plan, level + 1, &[], &inner));
        }
    }
}

fn collect<'e>(expr: &'e Expr, found: &mut Vec<&'e Subquery>) {
    if let Expr::Subquery(subquery) = expr {
        found.push(subquery);
    }
    for child in walk::child_refs(expr) {
        collect(child, found);
    }
}

/// `schema.table alias`, as far as each says something.
fn relation_name(schema: &str, name: &str, alias: &str, verbose: bool) -> String {
    let shown = if verbose {
        format!("{}.{}", quote_identifier(schema), quote_identifier(name))
    } else {
        quote_identifier(name)
    };
    if alias == name || alias.is_empty() { shown } else { format!("{shown} {}", quote_identifier(alias)) }
}

fn with_alias(name: &str, alias: &str) -> String {
    if alias == name || alias.is_empty() {
        quote_identifier(name)
    } else {
        format!("{} {}", quote_identifier(name), quote_identifier(alias))
    }
}

/// Whether rows of more than one table come out of a plan, so that columns need their tables' names.
fn many_tables(plan: &Plan) -> bool {
    match &plan.node {
        Node::Join(_) => true,
        node => walk::inputs(node).iter().any(|(input, _)| many_tables(input)),
    }
}

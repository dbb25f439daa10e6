//! Golden statements: what binds to which columns and plan, and what is refused with which words, SQLSTATE and place.
//!
//! A script in `sql/scripts/bind` is a list of statements, each with the answer below it; `REDOUBT_WRITE_SCRIPTS=1` writes
//! the answers anew. Result columns, parameter types and errors are PostgreSQL 15's for the same statements over the same
//! tables; plans are ours.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use types::{Datum, Registry, Settings, SqlType};

use super::{BindContext, bind};
use crate::bound::{self, ConstraintKind, Ddl, Explain, ExplainFormat, Statement};
use crate::catalog::build::{initial_schemas, initial_shared, snapshot};
use crate::catalog::codec::Object;
use crate::catalog::{
    self, CatalogSnapshot, ColumnDef, ConstraintDef, IndexColumn, IndexDef, SequenceDef, TableDef, ViewDef, well_known,
};
use crate::parse::tests::in_small_stack;
use crate::{parse, plan};

/// A catalog made by binding CREATE statements, one after the other.
struct World {
    objects: Vec<Box<dyn Fn() -> Object>>,
    next: u32,
    catalog: Arc<CatalogSnapshot>,
}

impl World {
    fn new() -> World {
        let mut world = World { objects: Vec::new(), next: 16_384, catalog: Arc::default() };
        world.rebuild();
        world
    }

    fn rebuild(&mut self) {
        let base = initial_shared().into_iter().chain(initial_schemas().into_iter().map(Object::Schema));
        let own = self.objects.iter().map(|object| object());
        self.catalog = Arc::new(snapshot(1, well_known::POSTGRES_DATABASE, base.chain(own)));
    }

    fn oid(&mut self) -> u32 {
        self.next += 1;
        self.next
    }

    fn run(&mut self, script: &str) {
        for parsed in parse::parse(script).expect("the setup parses") {
            let settings = settings();
            let context =
                BindContext { catalog: &self.catalog, registry: Registry::builtin(), settings: &settings, unseen: &[] };
            let text = &script[parsed.start..parsed.end];
            let bound = bind(&parsed, script, context, &[]).unwrap_or_else(|error| panic!("{text}: {error}"));
            match bound.statement {
                Statement::Ddl(Ddl::CreateTable(table)) => self.create_table(&table),
                Statement::Ddl(Ddl::CreateIndex(index)) => {
                    let oid = self.oid();
                    let def = IndexDef {
                        oid,
                        name: Arc::from(index.name.as_deref().unwrap_or("index")),
                        schema: index.table.schema,
                        table: index.table.oid,
                        tree: u64::from(oid),
                        valid_from: 0,
                        unique: index.index.unique,
                        primary: false,
                        columns: index.index.columns,
                        options: Vec::new(),
                        predicate: index.index.predicate,
                        constraint: None,
                    };
                    self.objects.push(Box::new(move || Object::Index(def.clone())));
                }
                Statement::Ddl(Ddl::CreateView(view)) => {
                    let bound::CreateView { schema, name, query, columns, search_path, options, .. } = *view;
                    let def = ViewDef {
                        oid: self.oid(),
                        name: Arc::from(name.as_str()),
                        schema: schema.oid,
                        schema_name: schema.name.clone(),
                        owner: well_known::POSTGRES_ROLE,
                        acl: None,
                        row_type: self.oid(),
                        query: Arc::from(query.as_str()),
                        search_path,
                        columns,
                        defaults: Vec::new(),
                        options: options.iter().map(|option| Arc::from(option.as_str())).collect(),
                    };
                    self.objects.push(Box::new(move || Object::View(def.clone())));
                }
                Statement::Ddl(Ddl::CreateSequence { schema, name, .. }) => {
                    let def = SequenceDef {
                        oid: self.oid(),
                        name: Arc::from(name.as_str()),
                        schema: schema.oid,
                        schema_name: schema.name.clone(),
                        owner: well_known::POSTGRES_ROLE,
                        acl: None,
                        data_type: SqlType::INT8,
                        start: 1,
                        increment: 1,
                        min: 1,
                        max: i64::MAX,
                        cache: 1,
                        cycle: false,
                        owned_by: None,
                        generation: 0,
                    };
                    self.objects.push(Box::new(move || Object::Sequence(def.clone())));
                }
                other => panic!("not a part of a setup: {other:?}"),
            }
            self.rebuild();
        }
    }

    fn create_table(&mut self, table: &bound::CreateTable) {
        let oid = self.oid();
        let columns: Vec<ColumnDef> = table
            .columns
            .iter()
            .map(|column| ColumnDef {
                default: column.default.as_deref().or(column.generated.as_deref()).map(Arc::from),
                not_null: column.not_null,
                generated: column.generated.as_ref().map(|_| catalog::Generated::Stored),
                identity: column.identity.as_ref().map(|(identity, _)| *identity),
                missing: Datum::Null,
                ..column.to_def()
            })
            .collect();
        let mut key = Vec::new();
        for constraint in &table.constraints {
            let constraint_oid = self.oid();
            let (positions, primary) = match &constraint.kind {
                ConstraintKind::PrimaryKey { columns, .. } => (columns, true),
                ConstraintKind::Unique { columns, .. } => (columns, false),
                ConstraintKind::Check { text, columns } => {
                    let def = ConstraintDef {
                        oid: constraint_oid,
                        name: Arc::from(constraint.name.as_deref().unwrap_or("check")),
                        schema: table.schema.oid,
                        table: oid,
                        kind: catalog::ConstraintKind::Check {
                            expression: Arc::from(text.as_str()),
                            columns: columns.clone(),
                        },
                        validated: true,
                    };
                    self.objects.push(Box::new(move || Object::Constraint(def.clone())));
                    continue;
                }
                _ => continue,
            };
            let index_oid = self.oid();
            let suffix = if primary { "pkey" } else { "key" };
            let middle = if primary { String::new() } else { format!("_{}", table.columns[positions[0]].name) };
            let name: Arc<str> = Arc::from(format!("{}{middle}_{suffix}", table.name));
            let index = IndexDef {
                oid: index_oid,
                name: name.clone(),
                schema: table.schema.oid,
                table: oid,
                tree: u64::from(if primary { oid } else { index_oid }),
                valid_from: 0,
                unique: true,
                primary,
                columns: positions
                    .iter()
                    .map(|&column| IndexColumn { column, descending: false, nulls_first: false, operator_class: None })
                    .collect(),
                options: Vec::new(),
                predicate: None,
                constraint: Some(constraint_oid),
            };
            let kind = if primary {
                key.clone_from(positions);
                catalog::ConstraintKind::PrimaryKey { index: index_oid }
            } else {
                catalog::ConstraintKind::Unique { index: index_oid }
            };
            let def = ConstraintDef {
                oid: constraint_oid,
                name,
                schema: table.schema.oid,
                table: oid,
                kind,
                validated: true,
            };
            self.objects.push(Box::new(move || Object::Index(index.clone())));
            self.objects.push(Box::new(move || Object::Constraint(def.clone())));
        }
        let def = TableDef {
            oid,
            name: Arc::from(table.name.as_str()),
            schema: table.schema.oid,
            schema_name: table.schema.name.clone(),
            owner: well_known::POSTGRES_ROLE,
            acl: None,
            row_type: self.oid(),
            tree: u64::from(oid),
            valid_from: 0,
            schema_version: 1,
            columns,
            key,
            indexes: Vec::new(),
            constraints: Vec::new(),
            referenced_by: Vec::new(),
            options: Vec::new(),
            unlogged: false,
            estimated_rows: 100_000.0,
            shape: Arc::default(),
        };
        self.objects.push(Box::new(move || Object::Table(Box::new(def.clone()))));
    }

    /// What a statement binds to, or why it does not.
    fn answer(&self, text: &str, with_plan: bool) -> String {
        match self.bound(text) {
            Ok(bound) => describe(bound, with_plan),
            Err(error) => {
                let mut answer = format!("ERROR:  {}: {}", error.sqlstate(), error.message);
                if let Some(position) = error.position {
                    write!(answer, " ({position})").expect("a string takes anything");
                }
                answer
            }
        }
    }

    fn bound(&self, text: &str) -> types::Result<bound::Bound> {
        let settings = settings();
        let context =
            BindContext { catalog: &self.catalog, registry: Registry::builtin(), settings: &settings, unseen: &[] };
        let parsed = parse::parse(text)?.remove(0);
        let mut bound = bind(&parsed, text, context, &[])?;
        plan::optimize(&mut bound.statement);
        Ok(bound)
    }
}

fn settings() -> Settings {
    Settings { database: Arc::from("postgres"), ..Settings::default() }
}

fn describe(bound: bound::Bound, with_plan: bool) -> String {
    let mut answer = String::new();
    let columns: Vec<String> =
        bound.statement.columns().iter().map(|column| format!("{} {}", column.name, column.ty)).collect();
    writeln!(answer, "columns: {}", columns.join(", ")).expect("a string takes anything");
    if !bound.params.is_empty() {
        let params: Vec<String> = bound.params.iter().map(|ty| ty.to_string()).collect();
        writeln!(answer, "parameters: {}", params.join(", ")).expect("a string takes anything");
    }
    if with_plan {
        let explain = Explain {
            statement: Statement::Empty,
            analyze: false,
            verbose: false,
            costs: false,
            timing: false,
            summary: false,
            buffers: false,
            format: ExplainFormat::Text,
        };
        for line in plan::explain::lines(&bound.statement, &bound.with, &explain, false) {
            writeln!(answer, "  {line}").expect("a string takes anything");
        }
    }
    answer.trim_end().to_owned()
}

fn world() -> World {
    let mut world = World::new();
    world.run(include_str!("../../scripts/bind/setup.sql"));
    world
}

/// Runs every statement of a script and compares the answers.
fn script(name: &str, with_plan: bool) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("scripts/bind").join(name);
    let text = std::fs::read_to_string(&path).expect("the script is there");
    let world = world();
    let mut written = String::new();
    let mut wrong = Vec::new();
    for block in text.split("\n\n").filter(|block| !block.trim().is_empty()) {
        if block.starts_with('#') {
            written.push_str(block.trim_end());
            written.push_str("\n\n");
            continue;
        }
        let (statement, expected) = block.split_once("\n----\n").unwrap_or((block.trim_end(), ""));
        let answer = world.answer(statement.trim(), with_plan);
        if answer != expected.trim_end() {
            wrong.push(format!("{statement}\n---- expected\n{}\n---- found\n{answer}", expected.trim_end()));
        }
        write!(written, "{}\n----\n{answer}\n\n", statement.trim()).expect("a string takes anything");
    }
    if std::env::var_os("REDOUBT_WRITE_SCRIPTS").is_some() {
        std::fs::write(&path, written.trim_end().to_owned() + "\n").expect("the script can be written");
        return;
    }
    assert!(wrong.is_empty(), "{} statements differ:\n\n{}", wrong.len(), wrong.join("\n\n"));
}

#[test]
fn result_columns_and_parameters() {
    script("columns.txt", false);
}

#[test]
fn errors() {
    script("errors.txt", false);
}

#[test]
fn plans() {
    script("plans.txt", true);
}

/// Whether a condition is evaluated above where rows come from.
fn has_filter(plan: &bound::Plan) -> bool {
    let inputs = bound::walk::inputs(&plan.node);
    matches!(plan.node, bound::Node::Filter { .. }) || inputs.into_iter().any(|(input, _)| has_filter(input))
}

#[test]
fn views_that_name_a_column_twice_do_not_double_what_is_planned() {
    let mut world = world();
    world.run("create view v0 as select id, a from t");
    for n in 1..=20 {
        world.run(&format!("create view v{n} as select id, a + a as a from v{}", n - 1));
    }
    let bound = world.bound("select id from v20 where a > 5").expect("a filter over projections");
    let Statement::Query(query) = bound.statement else { panic!("it is a query") };
    let mut size = 0;
    crate::bound::walk::visit_plan_frames(&query.plan, 0, &mut |_, _| size += 1);
    assert!(size < 10_000, "{size} expressions");

    // One that is large by itself goes to the rows.
    let arms = "when 1 then 2 ".repeat(1_000);
    world.run(&format!("create view wide as select id, case a {arms} end as a from t"));
    let bound = world.bound("select id from wide where a > 5").expect("a filter over a projection");
    let Statement::Query(query) = bound.statement else { panic!("it is a query") };
    assert!(!has_filter(&query.plan));

    let error = world.bound("update v20 set id = 1").expect_err("over the row of the table it doubles");
    assert_eq!(error.sqlstate().to_string(), "54001");
    assert!(world.bound("update v8 set id = 1 where a > 5").is_ok());
}

#[test]
fn comparisons_go_below_a_view_with_security_barrier_and_what_can_fail_does_not() {
    let mut world = world();
    world.run("create view guarded with (security_barrier) as select id, e from t where a > 2");
    let stays_above = |condition: &str| {
        let bound = world.bound(&format!("select id from guarded where {condition}")).expect("a query");
        let Statement::Query(query) = bound.statement else { panic!("it is a query") };
        has_filter(&query.plan)
    };
    assert!(!stays_above("id = 1"));
    assert!(!stays_above("e in ('x', 'y') or id is null"));
    assert!(stays_above("1 / id = 1"));
    assert!(stays_above("e::int = 1"));
}

#[test]
fn what_is_allowed_fits_a_small_stack() {
    in_small_stack(|| {
        let world = world();
        for text in [
            format!("select {}1{}", "(".repeat(90), ")".repeat(90)),
            format!("select 1{}", " + 1".repeat(990)),
            format!("select {}1{}", "(1 + ".repeat(90), ")".repeat(90)),
            format!("select {}1{}", "case when true then ".repeat(80), " end".repeat(80)),
            format!("select a from t where {}", vec!["a = 1"; 5_000].join(" or ")),
            format!("select {}1{}", "(select ".repeat(40), ")".repeat(40)),
            format!("select 1{}", " union all select 1".repeat(190)),
            format!("select * from t x0{}", (1..60).map(|n| format!(" join t x{n} using (id)")).collect::<String>()),
        ] {
            if let Err(error) = world.bound(&text) {
                assert_eq!(error.sqlstate().to_string(), "54001", "{error}: {}", &text[..60]);
            }
        }
    });
}

//! The part of `information_schema` that clients read: tables, columns, constraints, sequences,
//! and views with what can be changed through them.

use std::sync::Arc;

use types::{Datum, Result, SqlType, oid};

use super::row::{i4, null, opt, t, yes};
use crate::bind;
use crate::catalog::{
    CheckOption, ColumnDef, ConstraintDef, ConstraintKind, ReferentialAction, Relation, TableDef, Timing, ViewDef,
    VirtualSource, expression, is_others, is_temporary,
};

type Rows = Result<Vec<Vec<Datum>>>;

pub(super) fn database(from: &VirtualSource<'_>) -> Datum {
    t(&from.settings.database)
}

pub(super) fn catalog_name(from: &VirtualSource<'_>) -> Rows {
    Ok(vec![vec![database(from)]])
}

pub(super) fn schemata(from: &VirtualSource<'_>) -> Rows {
    let row = |schema: &Arc<crate::catalog::SchemaDef>| {
        let owner = opt(from.catalog.role(schema.owner).map(|role| t(&role.name)));
        vec![database(from), t(&schema.name), owner, null(), null(), null(), null()]
    };
    Ok(from.catalog.schemas().map(row).collect())
}

/// All relations but the temporary ones of other sessions, each with its schema.
pub(super) fn relations<'a>(from: &'a VirtualSource<'_>) -> impl Iterator<Item = (&'a Relation, Arc<str>)> {
    let path = from.session.search_path();
    let with_schemas = from.catalog.relations().map(|relation| (relation, from.catalog.schema_name_of(relation)));
    with_schemas.filter(move |(_, schema)| !is_others(schema, &path))
}

pub(super) fn tables(from: &VirtualSource<'_>) -> Rows {
    let mut rows = Vec::new();
    for (relation, schema) in relations(from) {
        let (kind, insertable) = match relation {
            Relation::Table(_) if is_temporary(&schema) => ("LOCAL TEMPORARY", true),
            Relation::Table(_) => ("BASE TABLE", true),
            Relation::View(view) => {
                let kind = if is_temporary(&schema) { "LOCAL TEMPORARY" } else { "VIEW" };
                (kind, assignable(from, view).contains(&true))
            }
            Relation::Virtual(it) if it.kind == b'v' => ("VIEW", false),
            Relation::Virtual(_) => ("BASE TABLE", true),
            Relation::Index(_) | Relation::Sequence(_) => continue,
        };
        rows.push(vec![
            database(from),
            t(&schema),
            t(relation.name()),
            t(kind),
            null(),
            null(),
            null(),
            null(),
            null(),
            yes(insertable),
            yes(false),
            null(),
        ]);
    }
    Ok(rows)
}

/// Of each column of a view, whether it can be assigned to; empty if no rows change through the view.
fn assignable(from: &VirtualSource<'_>, view: &Arc<ViewDef>) -> Vec<bool> {
    bind::view_updates(view, from.catalog, from.session.registry(), from.settings).unwrap_or_default()
}

pub(super) fn views(from: &VirtualSource<'_>) -> Rows {
    let mut rows = Vec::new();
    for (relation, _) in relations(from) {
        if let Relation::View(it) = relation {
            let definition = format!(" {};", it.query);
            let check_option = match it.parameters().check_option {
                None => "NONE",
                Some(CheckOption::Local) => "LOCAL",
                Some(CheckOption::Cascaded) => "CASCADED",
            };
            let mut row = vec![database(from), t(&it.schema_name), t(&it.name), t(&definition), t(check_option)];
            row.extend(std::iter::repeat_n(yes(assignable(from, it).contains(&true)), 2));
            row.extend(std::iter::repeat_n(yes(false), 3));
            rows.push(row);
        }
    }
    Ok(rows)
}

/// One column as `information_schema.columns` shows it.
struct Column<'a> {
    schema: &'a str,
    table: &'a str,
    name: &'a str,
    number: usize,
    ty: SqlType,
    definition: Option<&'a ColumnDef>,
    default: Option<&'a Arc<str>>,
    updatable: bool,
}

fn data_type(ty: SqlType) -> String {
    if ty.is_array() && ty.oid != oid::INT2VECTOR && ty.oid != oid::OIDVECTOR {
        return "ARRAY".into();
    }
    SqlType::of(ty.oid).name()
}

fn column_row(from: &VirtualSource<'_>, it: &Column<'_>) -> Vec<Datum> {
    let ty = it.ty;
    let (precision, radix, scale) = match ty.oid {
        oid::INT2 => (Some(16), Some(2), Some(0)),
        oid::INT4 => (Some(32), Some(2), Some(0)),
        oid::INT8 => (Some(64), Some(2), Some(0)),
        oid::FLOAT4 => (Some(24), Some(2), None),
        oid::FLOAT8 => (Some(53), Some(2), None),
        oid::NUMERIC => match ty.precision_scale() {
            Some((precision, scale)) => (Some(precision), Some(10), Some(scale)),
            None => (None, Some(10), None),
        },
        _ => (None, None, None),
    };
    let length = ty.char_limit().map(|limit| limit as i32);
    let octets = match ty.oid {
        oid::TEXT => Some(1 << 30),
        oid::VARCHAR | oid::BPCHAR => Some(length.map_or(1 << 30, |length| length.saturating_mul(4))),
        _ => None,
    };
    let fraction = match ty.oid {
        oid::DATE => Some(0),
        oid::TIME | oid::TIMESTAMP | oid::TIMESTAMPTZ | oid::INTERVAL => {
            Some(if ty.typmod >= 0 { ty.typmod & 0xffff } else { 6 })
        }
        _ => None,
    };
    let number = |value: Option<i32>| opt(value.map(i4));
    let definition = it.definition;
    let identity = definition.and_then(|column| column.identity);
    let generated = definition.is_some_and(|column| column.generated.is_some());
    let default = it.default;
    let sequence = identity
        .and(definition)
        .and_then(|column| column.sequence)
        .and_then(|sequence| from.catalog.sequence(sequence));
    let option = |value: Option<i64>| opt(value.map(|value| t(&value.to_string())));
    vec![
        database(from),
        t(it.schema),
        t(it.table),
        t(it.name),
        i4(it.number as i32),
        opt(default.filter(|_| !generated).map(|text| t(&shown(text, from)))),
        yes(!definition.is_some_and(|column| column.not_null)),
        t(&data_type(ty)),
        number(length),
        number(octets),
        number(precision),
        number(radix),
        number(scale),
        number(fraction),
        null(),
        null(),
        null(),
        null(),
        null(),
        null(),
        null(),
        null(),
        null(),
        null(),
        null(),
        database(from),
        t("pg_catalog"),
        opt(ty.row().map(|row| t(row.name))),
        null(),
        null(),
        null(),
        null(),
        t(&it.number.to_string()),
        yes(false),
        yes(identity.is_some()),
        opt(identity.map(|identity| {
            t(match identity {
                crate::catalog::Identity::Always => "ALWAYS",
                crate::catalog::Identity::ByDefault => "BY DEFAULT",
            })
        })),
        option(sequence.map(|sequence| sequence.start)),
        option(sequence.map(|sequence| sequence.increment)),
        option(sequence.map(|sequence| sequence.max)),
        option(sequence.map(|sequence| sequence.min)),
        yes(sequence.is_some_and(|sequence| sequence.cycle)),
        t(if generated { "ALWAYS" } else { "NEVER" }),
        opt(default.filter(|_| generated).map(|text| t(&shown(text, from)))),
        yes(it.updatable),
    ]
}

/// An expression with the names that the search path allows.
fn shown(text: &str, from: &VirtualSource<'_>) -> String {
    expression::enclosed(text, from.catalog, &from.settings.search_path)
}

pub(super) fn columns(from: &VirtualSource<'_>) -> Rows {
    let mut rows = Vec::new();
    for (relation, schema) in relations(from) {
        let of = |name: &str, number, ty, definition: Option<&ColumnDef>, default: Option<&Arc<str>>, updatable| {
            let (schema, table) = (&*schema, relation.name());
            column_row(from, &Column { schema, table, name, number, ty, definition, default, updatable })
        };
        match relation {
            Relation::Table(table) => {
                for (position, column) in table.live_columns() {
                    let default = column.default.as_ref();
                    rows.push(of(&column.name, position + 1, column.ty, Some(column), default, true));
                }
            }
            Relation::View(view) => {
                let assignable = assignable(from, view);
                for (position, (name, ty)) in view.columns.iter().enumerate() {
                    let is_assignable = assignable.get(position) == Some(&true);
                    rows.push(of(name, position + 1, *ty, None, view.default_of(position), is_assignable));
                }
            }
            Relation::Virtual(it) => {
                for (position, column) in it.columns.iter().enumerate() {
                    rows.push(of(column.name, position + 1, column.ty, None, None, false));
                }
            }
            Relation::Index(_) | Relation::Sequence(_) => {}
        }
    }
    Ok(rows)
}

fn constraints<'a>(from: &'a VirtualSource<'_>) -> impl Iterator<Item = (&'a Arc<TableDef>, &'a Arc<ConstraintDef>)> {
    from.catalog.constraints().filter_map(|constraint| Some((from.catalog.table(constraint.table)?, constraint)))
}

pub(super) fn table_constraints(from: &VirtualSource<'_>) -> Rows {
    let row = |(table, constraint): (&Arc<TableDef>, &Arc<ConstraintDef>)| {
        let kind = match constraint.kind {
            ConstraintKind::Check { .. } => "CHECK",
            ConstraintKind::PrimaryKey { .. } => "PRIMARY KEY",
            ConstraintKind::Unique { .. } => "UNIQUE",
            ConstraintKind::Foreign(_) => "FOREIGN KEY",
        };
        let distinct = if kind == "UNIQUE" { yes(true) } else { null() };
        let timing = match &constraint.kind {
            ConstraintKind::Foreign(foreign) => foreign.timing,
            _ => Timing::Immediate,
        };
        vec![
            database(from),
            t(&table.schema_name),
            t(&constraint.name),
            database(from),
            t(&table.schema_name),
            t(&table.name),
            t(kind),
            yes(timing.is_deferrable()),
            yes(timing.is_deferred()),
            yes(true),
            distinct,
        ]
    };
    let path = from.session.search_path();
    let is_shown = |table: &TableDef| !is_others(&table.schema_name, &path);
    let mut rows: Vec<Vec<Datum>> = constraints(from).filter(|(table, _)| is_shown(table)).map(row).collect();
    for table in from.catalog.tables().filter(|table| is_shown(table)) {
        for (position, _) in table.live_columns().filter(|(_, column)| column.not_null) {
            let name = not_null_name(table, position);
            rows.push(vec![
                database(from),
                t(&table.schema_name),
                t(&name),
                database(from),
                t(&table.schema_name),
                t(&table.name),
                t("CHECK"),
                yes(false),
                yes(false),
                yes(true),
                null(),
            ]);
        }
    }
    Ok(rows)
}

/// NOT NULL appears as a CHECK constraint with a name that PostgreSQL makes up in this way.
fn not_null_name(table: &TableDef, position: usize) -> String {
    format!("{}_{}_{}_not_null", table.schema, table.oid, position + 1)
}

pub(super) fn check_constraints(from: &VirtualSource<'_>) -> Rows {
    let mut rows = Vec::new();
    for (table, constraint) in constraints(from) {
        if let ConstraintKind::Check { expression, .. } = &constraint.kind {
            let clause = format!("({})", shown(expression, from));
            rows.push(vec![database(from), t(&table.schema_name), t(&constraint.name), t(&clause)]);
        }
    }
    for table in from.catalog.tables() {
        for (position, column) in table.live_columns().filter(|(_, column)| column.not_null) {
            let name = not_null_name(table, position);
            let clause = format!("{} IS NOT NULL", column.name);
            rows.push(vec![database(from), t(&table.schema_name), t(&name), t(&clause)]);
        }
    }
    Ok(rows)
}

fn key_columns(from: &VirtualSource<'_>, constraint: &ConstraintDef) -> Vec<usize> {
    match &constraint.kind {
        ConstraintKind::PrimaryKey { index } | ConstraintKind::Unique { index } => {
            from.catalog.index(*index).map(|index| index.column_positions().collect()).unwrap_or_default()
        }
        ConstraintKind::Foreign(foreign) => foreign.columns.clone(),
        ConstraintKind::Check { .. } => Vec::new(),
    }
}

pub(super) fn key_column_usage(from: &VirtualSource<'_>) -> Rows {
    let path = from.session.search_path();
    let mut rows = Vec::new();
    for (table, constraint) in constraints(from).filter(|(table, _)| !is_others(&table.schema_name, &path)) {
        for (i, position) in key_columns(from, constraint).into_iter().enumerate() {
            // For a foreign key: the place of the parent's column in the parent's key.
            let in_unique = match &constraint.kind {
                ConstraintKind::Foreign(foreign) => from
                    .catalog
                    .index(foreign.parent_index)
                    .and_then(|index| index.column_positions().position(|column| column == foreign.parent_columns[i])),
                _ => None,
            };
            rows.push(vec![
                database(from),
                t(&table.schema_name),
                t(&constraint.name),
                database(from),
                t(&table.schema_name),
                t(&table.name),
                t(&table.columns[position].name),
                i4(i as i32 + 1),
                opt(in_unique.map(|place| i4(place as i32 + 1))),
            ]);
        }
    }
    Ok(rows)
}

pub(super) fn constraint_column_usage(from: &VirtualSource<'_>) -> Rows {
    let mut rows = Vec::new();
    for (table, constraint) in constraints(from) {
        let (owner, positions) = match &constraint.kind {
            ConstraintKind::Foreign(foreign) => match from.catalog.table(foreign.parent) {
                Some(parent) => (parent, foreign.parent_columns.clone()),
                None => continue,
            },
            ConstraintKind::Check { columns, .. } => (table, columns.clone()),
            _ => (table, key_columns(from, constraint)),
        };
        for position in positions {
            rows.push(vec![
                database(from),
                t(&owner.schema_name),
                t(&owner.name),
                t(&owner.columns[position].name),
                database(from),
                t(&table.schema_name),
                t(&constraint.name),
            ]);
        }
    }
    Ok(rows)
}

fn rule(action: ReferentialAction) -> Datum {
    t(match action {
        ReferentialAction::NoAction => "NO ACTION",
        ReferentialAction::Restrict => "RESTRICT",
        ReferentialAction::Cascade => "CASCADE",
        ReferentialAction::SetNull => "SET NULL",
        ReferentialAction::SetDefault => "SET DEFAULT",
    })
}

pub(super) fn referential_constraints(from: &VirtualSource<'_>) -> Rows {
    let mut rows = Vec::new();
    for (table, constraint) in constraints(from) {
        let ConstraintKind::Foreign(foreign) = &constraint.kind else { continue };
        let unique = from.catalog.constraints().find(|it| match it.kind {
            ConstraintKind::PrimaryKey { index } | ConstraintKind::Unique { index } => index == foreign.parent_index,
            _ => false,
        });
        let unique_schema = from.catalog.table(foreign.parent).map(|parent| t(&parent.schema_name));
        rows.push(vec![
            database(from),
            t(&table.schema_name),
            t(&constraint.name),
            database(from),
            opt(unique_schema),
            opt(unique.map(|it| t(&it.name))),
            t(if foreign.match_full { "FULL" } else { "NONE" }),
            rule(foreign.on_update),
            rule(foreign.on_delete),
        ]);
    }
    Ok(rows)
}

pub(super) fn sequences(from: &VirtualSource<'_>) -> Rows {
    let mut rows = Vec::new();
    for (relation, _) in relations(from) {
        let Relation::Sequence(it) = relation else { continue };
        // The standard does not know the sequence behind an identity column.
        if it.owned_by.is_some_and(|owner| owner.identity) {
            continue;
        }
        let bits = match it.data_type.oid {
            oid::INT2 => 16,
            oid::INT4 => 32,
            _ => 64,
        };
        rows.push(vec![
            database(from),
            t(&it.schema_name),
            t(&it.name),
            t(&it.data_type.name()),
            i4(bits),
            i4(2),
            i4(0),
            t(&it.start.to_string()),
            t(&it.min.to_string()),
            t(&it.max.to_string()),
            t(&it.increment.to_string()),
            yes(it.cycle),
        ]);
    }
    Ok(rows)
}

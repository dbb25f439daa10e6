//! Definitions as SQL text: what `pg_get_indexdef` and its kin show.

use std::sync::Arc;

use types::{Error, SqlState, SqlType, oid};

use super::constraint::{ConstraintDef, ConstraintKind, ReferentialAction, Timing};
use super::expression::{enclosed, shown};
use super::index::IndexDef;
use super::parameters::parts;
use super::relation::Relation;
use super::snapshot::CatalogSnapshot;
use super::table::TableDef;
use crate::bound::deparse::quote_literal;

/// A name as SQL needs it: quoted unless it is a plain lower-case word that is not reserved.
pub fn quote_identifier(name: &str) -> String {
    let mut bytes = name.bytes();
    let plain = bytes.next().is_some_and(|first| first.is_ascii_lowercase() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
        && RESERVED.binary_search(&name).is_err();
    if plain { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

/// Words that cannot stand for a column without quotes (PostgreSQL's `quote_identifier` quotes all but unreserved ones).
static RESERVED: &[&str] = &[
    "all",
    "analyse",
    "analyze",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "asymmetric",
    "authorization",
    "between",
    "bigint",
    "binary",
    "bit",
    "boolean",
    "both",
    "case",
    "cast",
    "char",
    "character",
    "check",
    "coalesce",
    "collate",
    "collation",
    "column",
    "concurrently",
    "constraint",
    "create",
    "cross",
    "current_catalog",
    "current_date",
    "current_role",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_user",
    "dec",
    "decimal",
    "default",
    "deferrable",
    "desc",
    "distinct",
    "do",
    "else",
    "end",
    "except",
    "exists",
    "extract",
    "false",
    "fetch",
    "float",
    "for",
    "foreign",
    "freeze",
    "from",
    "full",
    "grant",
    "greatest",
    "group",
    "grouping",
    "having",
    "ilike",
    "in",
    "initially",
    "inner",
    "inout",
    "int",
    "integer",
    "intersect",
    "interval",
    "into",
    "is",
    "isnull",
    "join",
    "lateral",
    "leading",
    "least",
    "left",
    "like",
    "limit",
    "localtime",
    "localtimestamp",
    "national",
    "natural",
    "nchar",
    "none",
    "normalize",
    "not",
    "notnull",
    "null",
    "nullif",
    "numeric",
    "offset",
    "on",
    "only",
    "or",
    "order",
    "out",
    "outer",
    "overlaps",
    "overlay",
    "placing",
    "position",
    "precision",
    "primary",
    "real",
    "references",
    "returning",
    "right",
    "row",
    "select",
    "session_user",
    "setof",
    "similar",
    "smallint",
    "some",
    "substring",
    "symmetric",
    "table",
    "tablesample",
    "then",
    "time",
    "timestamp",
    "to",
    "trailing",
    "treat",
    "trim",
    "true",
    "union",
    "unique",
    "user",
    "using",
    "values",
    "varchar",
    "variadic",
    "verbose",
    "when",
    "where",
    "window",
    "with",
    "xmlattributes",
    "xmlconcat",
    "xmlelement",
    "xmlexists",
    "xmlforest",
    "xmlnamespaces",
    "xmlparse",
    "xmlpi",
    "xmlroot",
    "xmlserialize",
    "xmltable",
];

/// The default btree operator class of a type: its oid in pg_opclass and its name.
pub(crate) fn operator_class(ty: SqlType) -> (u32, &'static str) {
    OPERATOR_CLASSES
        .iter()
        .find(|(_, _, class_type)| *class_type == ty.oid)
        .map_or((10_000, "array_ops"), |(class, name, _)| (*class, *name))
}

/// (oid, name, type): PostgreSQL's own.
pub(crate) static OPERATOR_CLASSES: &[(u32, &str, u32)] = &[
    (10_000, "array_ops", oid::ANYARRAY),
    (10_003, "bool_ops", oid::BOOL),
    (10_004, "bpchar_ops", oid::BPCHAR),
    (10_006, "bytea_ops", oid::BYTEA),
    (10_007, "char_ops", oid::CHAR),
    (3122, "date_ops", oid::DATE),
    (10_012, "float4_ops", oid::FLOAT4),
    (3123, "float8_ops", oid::FLOAT8),
    (1979, "int2_ops", oid::INT2),
    (1978, "int4_ops", oid::INT4),
    (3124, "int8_ops", oid::INT8),
    (10_022, "interval_ops", oid::INTERVAL),
    (10_028, "name_ops", oid::NAME),
    (3125, "numeric_ops", oid::NUMERIC),
    (1981, "oid_ops", oid::OID),
    (10_032, "oidvector_ops", oid::OIDVECTOR),
    (10_034, "record_ops", oid::RECORD),
    (3126, "text_ops", oid::TEXT),
    (3126, "text_ops", oid::VARCHAR),
    (10_038, "time_ops", oid::TIME),
    (3127, "timestamptz_ops", oid::TIMESTAMPTZ),
    (3128, "timestamp_ops", oid::TIMESTAMP),
    (10_050, "tid_ops", oid::TID),
    (10_053, "xid8_ops", oid::XID8),
    (10_065, "uuid_ops", oid::UUID),
    (10_067, "pg_lsn_ops", oid::PG_LSN),
    (10_088, "jsonb_ops", oid::JSONB),
];

/// Those that are no type's default. The default order is by bytes, and so is theirs.
pub(crate) static OTHER_OPERATOR_CLASSES: &[(u32, &str, u32)] = &[
    (4217, "text_pattern_ops", oid::TEXT),
    (4218, "varchar_pattern_ops", oid::TEXT),
    (4219, "bpchar_pattern_ops", oid::BPCHAR),
    (10_044, "varchar_ops", oid::TEXT),
];

/// Whether an operator class of the type `of` takes values of type `ty`.
pub(crate) fn class_accepts(of: u32, ty: SqlType) -> bool {
    of == ty.oid || of == oid::TEXT && ty.oid == oid::VARCHAR
}

/// 42804: an operator class is of another type.
pub(crate) fn class_refused(class: &str, ty: SqlType) -> Error {
    let message = format!("operator class \"{class}\" does not accept data type {}", SqlType::of(ty.oid));
    Error::new(SqlState::DATATYPE_MISMATCH, message)
}

fn column_list(table: &TableDef, positions: impl Iterator<Item = usize>) -> String {
    positions.map(|position| quote_identifier(&table.columns[position].name)).collect::<Vec<_>>().join(", ")
}

fn index_columns(table: &TableDef, index: &IndexDef) -> String {
    let column = |column: &super::index::IndexColumn| {
        let mut text = quote_identifier(&table.columns[column.column].name);
        if let Some((_, class, _)) = OTHER_OPERATOR_CLASSES.iter().find(|it| Some(it.0) == column.operator_class) {
            text.push(' ');
            text.push_str(class);
        }
        if column.descending {
            text.push_str(" DESC");
        }
        // NULLS FIRST is the default of DESC, NULLS LAST that of ASC.
        match (column.descending, column.nulls_first) {
            (false, true) => text.push_str(" NULLS FIRST"),
            (true, false) => text.push_str(" NULLS LAST"),
            _ => {}
        }
        text
    };
    index.columns.iter().map(column).collect::<Vec<_>>().join(", ")
}

/// ` WITH (fillfactor='70')`, or nothing.
fn index_parameters(index: &IndexDef) -> String {
    let written = |option: &Arc<str>| {
        let (name, value) = parts(option);
        let is_plain = quote_identifier(value) == value;
        format!("{}={}", quote_identifier(name), if is_plain { value.to_owned() } else { quote_literal(value) })
    };
    match index.options.iter().map(written).collect::<Vec<_>>() {
        options if options.is_empty() => String::new(),
        options => format!(" WITH ({})", options.join(", ")),
    }
}

/// The CREATE INDEX statement; or, for `column` above 0, the name of that index column.
pub fn index_definition(catalog: &CatalogSnapshot, index: &IndexDef, column: i32, pretty: bool) -> Option<String> {
    let table = catalog.table(index.table)?;
    if column > 0 {
        let found = index.columns.get(column as usize - 1)?;
        return Some(quote_identifier(&table.columns[found.column].name));
    }
    let unique = if index.unique { "UNIQUE " } else { "" };
    let name = quote_identifier(&index.name);
    let table_name = if pretty && catalog.is_visible(table.oid, &[std::sync::Arc::from("public")]) {
        quote_identifier(&table.name)
    } else {
        format!("{}.{}", quote_identifier(&table.schema_name), quote_identifier(&table.name))
    };
    let columns = index_columns(table, index);
    let mut text = format!("CREATE {unique}INDEX {name} ON {table_name} USING btree ({columns})");
    text.push_str(&index_parameters(index));
    if let Some(predicate) = &index.predicate {
        let show = if pretty { shown } else { enclosed };
        text.push_str(" WHERE ");
        text.push_str(&show(&predicate.text, catalog, &[]));
    }
    Some(text)
}

fn action(clause: &str, action: ReferentialAction) -> String {
    let word = match action {
        ReferentialAction::NoAction => return String::new(),
        ReferentialAction::Restrict => "RESTRICT",
        ReferentialAction::Cascade => "CASCADE",
        ReferentialAction::SetNull => "SET NULL",
        ReferentialAction::SetDefault => "SET DEFAULT",
    };
    format!(" {clause} {word}")
}

/// The constraint as it would stand in CREATE TABLE. Parents outside of the search path get their schema.
pub fn constraint_definition(
    catalog: &CatalogSnapshot,
    constraint: &ConstraintDef,
    search_path: &[std::sync::Arc<str>],
    pretty: bool,
) -> Option<String> {
    let table = catalog.table(constraint.table)?;
    let show = if pretty { shown } else { enclosed };
    let mut text = match &constraint.kind {
        ConstraintKind::Check { expression, .. } => format!("CHECK ({})", show(expression, catalog, search_path)),
        ConstraintKind::PrimaryKey { index } => {
            format!("PRIMARY KEY ({})", column_list(table, catalog.index(*index)?.column_positions()))
        }
        ConstraintKind::Unique { index } => {
            format!("UNIQUE ({})", column_list(table, catalog.index(*index)?.column_positions()))
        }
        ConstraintKind::Foreign(foreign) => {
            let parent = catalog.table(foreign.parent)?;
            let columns = column_list(table, foreign.columns.iter().copied());
            let parent_columns = column_list(parent, foreign.parent_columns.iter().copied());
            let name = relation_name(catalog, parent.oid, search_path)?;
            let matching = if foreign.match_full { " MATCH FULL" } else { "" };
            let actions = action("ON UPDATE", foreign.on_update) + &action("ON DELETE", foreign.on_delete);
            let timing = match foreign.timing {
                Timing::Immediate => "",
                Timing::Deferrable => " DEFERRABLE",
                Timing::Deferred => " DEFERRABLE INITIALLY DEFERRED",
            };
            format!("FOREIGN KEY ({columns}) REFERENCES {name}({parent_columns}){matching}{actions}{timing}")
        }
    };
    if !constraint.validated {
        text.push_str(" NOT VALID");
    }
    Some(text)
}

/// A relation's name as `regclass` prints it: with its schema unless the search path finds it.
pub fn relation_name(catalog: &CatalogSnapshot, oid: u32, search_path: &[std::sync::Arc<str>]) -> Option<String> {
    let relation = catalog.relation(oid)?;
    if catalog.is_visible(oid, search_path) {
        return Some(quote_identifier(relation.name()));
    }
    Some(qualified_name(catalog, relation))
}

/// A relation's name with its schema.
pub fn qualified_name(catalog: &CatalogSnapshot, relation: &Relation) -> String {
    format!("{}.{}", quote_identifier(&catalog.schema_name_of(relation)), quote_identifier(relation.name()))
}

//! pg_class and what hangs on it: attributes, defaults, indexes, constraints, sequences, dependencies, comments.

use std::sync::Arc;

use types::{Datum, Result, SqlType, oid};

use super::row::{acl, attnums, b, c, i2, i4, i8, int2_array, int2_vector, null, o, oid_vector, opt, t, text_array};
use crate::bind;
use crate::catalog::describe::operator_class;
use crate::catalog::{
    CatalogSnapshot, ConstraintKind, FIRST_NORMAL_OID, ReferentialAction, Relation, SEQUENCE_COLUMNS, VirtualSource,
    expression, extension, well_known,
};

type Rows = Result<Vec<Vec<Datum>>>;

pub(super) fn pg_namespace(from: &VirtualSource<'_>) -> Rows {
    let row = |schema: &Arc<crate::catalog::SchemaDef>| {
        vec![o(schema.oid), t(&schema.name), o(schema.owner), acl(&schema.acl, from.catalog)]
    };
    Ok(from.catalog.schemas().map(row).collect())
}

/// The privileges that the schemas of the server had from the start: who copies a database need not grant them.
pub(super) fn pg_init_privs(from: &VirtualSource<'_>) -> Rows {
    let own = from.catalog.schemas().filter(|schema| schema.oid < FIRST_NORMAL_OID && schema.acl.is_some());
    let row = |schema: &std::sync::Arc<crate::catalog::SchemaDef>| {
        vec![o(schema.oid), o(well_known::PG_NAMESPACE), i4(0), c(b'i'), acl(&schema.acl, from.catalog)]
    };
    Ok(own.map(row).collect())
}

/// What pg_class says of a relation, before it becomes a row.
struct Class<'a> {
    oid: u32,
    name: &'a str,
    schema: u32,
    row_type: u32,
    owner: u32,
    access_method: u32,
    file: u32,
    pages: i32,
    tuples: f32,
    has_index: bool,
    kind: u8,
    columns: usize,
    checks: usize,
    has_rules: bool,
    has_triggers: bool,
    persistence: u8,
    acl: Datum,
    options: Datum,
}

fn class<'a>(relation: &'a Relation, catalog: &CatalogSnapshot) -> Class<'a> {
    let schema_of = |name: &str| catalog.schema_named(name).map_or(0, |schema| schema.oid);
    let base = Class {
        oid: relation.oid(),
        name: relation.name(),
        schema: 0,
        row_type: 0,
        owner: well_known::POSTGRES_ROLE,
        access_method: 0,
        file: 0,
        pages: 0,
        tuples: -1.0,
        has_index: false,
        kind: b'r',
        columns: 0,
        checks: 0,
        has_rules: false,
        has_triggers: false,
        persistence: b'p',
        acl: Datum::Null,
        options: Datum::Null,
    };
    match relation {
        Relation::Table(table) => {
            let checks = table.constraints.iter().filter(|it| matches!(it.kind, ConstraintKind::Check { .. })).count();
            let foreign = table.constraints.iter().any(|it| matches!(it.kind, ConstraintKind::Foreign(_)));
            Class {
                schema: table.schema,
                row_type: table.row_type,
                owner: table.owner,
                access_method: well_known::HEAP,
                file: table.oid,
                pages: if table.estimated_rows > 0.0 { (table.estimated_rows / 60.0).ceil() as i32 } else { 0 },
                tuples: table.estimated_rows as f32,
                has_index: !table.indexes.is_empty(),
                columns: table.columns.len(),
                checks,
                has_triggers: foreign || !table.referenced_by.is_empty(),
                persistence: if table.unlogged { b'u' } else { b'p' },
                acl: acl(&table.acl, catalog),
                options: options(&table.options),
                ..base
            }
        }
        Relation::View(view) => Class {
            schema: view.schema,
            row_type: view.row_type,
            owner: view.owner,
            kind: b'v',
            columns: view.columns.len(),
            has_rules: true,
            acl: acl(&view.acl, catalog),
            options: options(&view.options),
            ..base
        },
        Relation::Index(index) => {
            let table = catalog.table(index.table);
            Class {
                schema: index.schema,
                owner: table.map_or(well_known::POSTGRES_ROLE, |table| table.owner),
                access_method: well_known::BTREE,
                file: index.oid,
                tuples: table.map_or(0.0, |table| table.estimated_rows.max(0.0) as f32),
                kind: b'i',
                columns: index.columns.len(),
                options: options(&index.options),
                ..base
            }
        }
        Relation::Sequence(sequence) => Class {
            schema: sequence.schema,
            owner: sequence.owner,
            file: sequence.oid,
            pages: 1,
            tuples: 1.0,
            kind: b'S',
            columns: 3,
            acl: acl(&sequence.acl, catalog),
            ..base
        },
        Relation::Virtual(virtual_relation) => Class {
            schema: schema_of(virtual_relation.schema),
            access_method: if virtual_relation.kind == b'r' { well_known::HEAP } else { 0 },
            kind: virtual_relation.kind,
            columns: virtual_relation.columns.len(),
            has_rules: virtual_relation.kind == b'v',
            ..base
        },
    }
}

pub(super) fn pg_class(from: &VirtualSource<'_>) -> Rows {
    let frozen = super::shared::frozen(from);
    let row = |relation: &Relation| {
        let it = class(relation, from.catalog);
        let stored = matches!(it.kind, b'r' | b'i' | b'S');
        let is_temporary = from.catalog.schema(it.schema).is_some_and(|schema| schema.is_temporary());
        vec![
            o(it.oid),
            t(it.name),
            o(it.schema),
            o(it.row_type),
            o(0),
            o(it.owner),
            o(it.access_method),
            o(it.file),
            o(0),
            i4(it.pages),
            Datum::Float4(it.tuples),
            i4(0),
            o(0),
            b(it.has_index),
            b(false),
            c(if is_temporary { b't' } else { it.persistence }),
            c(it.kind),
            i2(it.columns as i16),
            i2(it.checks as i16),
            b(it.has_rules),
            b(it.has_triggers),
            b(false),
            b(false),
            b(false),
            b(true),
            c(if it.kind == b'r' && it.schema != well_known::PG_CATALOG { b'd' } else { b'n' }),
            b(false),
            o(0),
            if stored && it.kind == b'r' { frozen.clone() } else { o(0) },
            o(if stored && it.kind == b'r' { 1 } else { 0 }),
            it.acl,
            it.options,
            null(),
        ]
    };
    Ok(from.catalog.relations().map(row).collect())
}

/// One attribute, before it becomes a row.
struct Attribute<'a> {
    relation: u32,
    name: &'a str,
    number: i16,
    ty: SqlType,
    not_null: bool,
    has_default: bool,
    identity: u8,
    generated: u8,
    dropped: bool,
}

/// An attribute that is no more than a name and a type.
fn plain(relation: u32, name: &str, number: i16, ty: SqlType, not_null: bool) -> Attribute<'_> {
    Attribute { relation, name, number, ty, not_null, has_default: false, identity: 0, generated: 0, dropped: false }
}

fn attribute_row(it: &Attribute<'_>) -> Vec<Datum> {
    let row = it.ty.row();
    let (by_value, align, storage, collation) =
        row.map_or((false, b'i', b'x', 0), |row| (row.by_value, row.align, row.storage, row.collation));
    let dropped = it.dropped;
    vec![
        o(it.relation),
        t(it.name),
        o(if dropped { 0 } else { it.ty.oid }),
        i4(if dropped { 0 } else { -1 }),
        i2(it.ty.typlen()),
        i2(it.number),
        i4(i32::from(it.ty.is_array() && it.ty.oid != oid::INT2VECTOR && it.ty.oid != oid::OIDVECTOR)),
        i4(-1),
        i4(it.ty.typmod),
        b(by_value),
        c(align),
        c(storage),
        c(0),
        b(it.not_null && !dropped),
        b(it.has_default && !dropped),
        b(false),
        c(it.identity),
        c(it.generated),
        b(dropped),
        b(true),
        i4(0),
        o(collation),
        null(),
        null(),
        null(),
        null(),
    ]
}

/// The system columns of a table.
const SYSTEM_COLUMNS: [(&str, i16, SqlType); 6] = [
    ("tableoid", -6, SqlType::OID),
    ("cmax", -5, SqlType::of(oid::CID)),
    ("xmax", -4, SqlType::XID),
    ("cmin", -3, SqlType::of(oid::CID)),
    ("xmin", -2, SqlType::XID),
    ("ctid", -1, SqlType::of(oid::TID)),
];

pub(super) fn pg_attribute(from: &VirtualSource<'_>) -> Rows {
    let mut rows = Vec::new();
    for relation in from.catalog.relations() {
        let oid = relation.oid();
        match relation {
            Relation::Table(table) => {
                for (name, number, ty) in SYSTEM_COLUMNS {
                    rows.push(attribute_row(&plain(oid, name, number, ty, true)));
                }
                for (position, column) in table.columns.iter().enumerate() {
                    let dropped_name = format!("........pg.dropped.{}........", position + 1);
                    rows.push(attribute_row(&Attribute {
                        relation: oid,
                        name: if column.dropped { &dropped_name } else { &column.name },
                        number: position as i16 + 1,
                        ty: column.ty,
                        not_null: column.not_null,
                        has_default: column.default.is_some(),
                        identity: match column.identity {
                            None => 0,
                            Some(crate::catalog::Identity::Always) => b'a',
                            Some(crate::catalog::Identity::ByDefault) => b'd',
                        },
                        generated: if column.generated.is_some() { b's' } else { 0 },
                        dropped: column.dropped,
                    }));
                }
            }
            Relation::View(view) => {
                for (position, (name, ty)) in view.columns.iter().enumerate() {
                    rows.push(attribute_row(&Attribute {
                        has_default: view.default_of(position).is_some(),
                        ..plain(oid, name, position as i16 + 1, *ty, false)
                    }));
                }
            }
            Relation::Index(index) => {
                let Some(table) = from.catalog.table(index.table) else { continue };
                for (position, column) in index.column_positions().enumerate() {
                    let column = &table.columns[column];
                    rows.push(attribute_row(&plain(oid, &column.name, position as i16 + 1, column.ty, false)));
                }
            }
            Relation::Sequence(_) => {
                for (position, column) in SEQUENCE_COLUMNS.iter().enumerate() {
                    rows.push(attribute_row(&plain(oid, column.name, position as i16 + 1, column.ty, true)));
                }
            }
            Relation::Virtual(virtual_relation) => {
                for (position, column) in virtual_relation.columns.iter().enumerate() {
                    rows.push(attribute_row(&plain(oid, column.name, position as i16 + 1, column.ty, false)));
                }
            }
        }
    }
    Ok(rows)
}

/// Parameters as pg_class lists them.
fn options(options: &[Arc<str>]) -> Datum {
    if options.is_empty() { Datum::Null } else { text_array(options.iter().map(|option| &**option)) }
}

pub(super) fn pg_attrdef(from: &VirtualSource<'_>) -> Rows {
    let mut rows = Vec::new();
    for relation in from.catalog.relations() {
        let oid = relation.oid();
        for (number, default) in defaults(relation) {
            rows.push(vec![o(default_oid(oid, number)), o(oid), i2(number), t(default)]);
        }
    }
    Ok(rows)
}

/// The numbers of the columns that have defaults, with these.
fn defaults(relation: &Relation) -> Vec<(i16, &Arc<str>)> {
    match relation {
        Relation::Table(table) => {
            let columns = table.live_columns();
            columns.filter_map(|(at, column)| Some((at as i16 + 1, column.default.as_ref()?))).collect()
        }
        Relation::View(view) => view.defaults.iter().map(|(at, text)| (*at as i16 + 1, text)).collect(),
        _ => Vec::new(),
    }
}

/// Defaults have no oid of their own in our catalog; one is made that nothing else has.
fn default_oid(table: u32, number: i16) -> u32 {
    0x8000_0000 | (table.wrapping_mul(1601).wrapping_add(number as u32) & 0x7fff_ffff)
}

pub(super) fn pg_index(from: &VirtualSource<'_>) -> Rows {
    let mut rows = Vec::new();
    for table in from.catalog.tables() {
        for index in &table.indexes {
            let types: Vec<SqlType> = index.column_positions().map(|position| table.columns[position].ty).collect();
            let columns = index.columns.len() as i16;
            rows.push(vec![
                o(index.oid),
                o(table.oid),
                i2(columns),
                i2(columns),
                b(index.unique),
                b(false),
                b(index.primary),
                b(false),
                b(true),
                b(false),
                b(true),
                b(false),
                b(true),
                b(true),
                b(false),
                int2_vector(index.column_positions().map(|position| position as i16 + 1)),
                oid_vector(types.iter().map(|ty| ty.row().map_or(0, |row| row.collation))),
                oid_vector(
                    types.iter().zip(&index.columns).map(|(ty, it)| it.operator_class.unwrap_or(operator_class(*ty).0)),
                ),
                int2_vector(index.columns.iter().map(|it| i16::from(it.descending) | (i16::from(it.nulls_first) << 1))),
                null(),
                index.predicate.as_ref().map_or_else(null, |predicate| t(&predicate.text)),
            ]);
        }
    }
    Ok(rows)
}

fn action_letter(action: ReferentialAction) -> u8 {
    match action {
        ReferentialAction::NoAction => b'a',
        ReferentialAction::Restrict => b'r',
        ReferentialAction::Cascade => b'c',
        ReferentialAction::SetNull => b'n',
        ReferentialAction::SetDefault => b'd',
    }
}

pub(super) fn pg_constraint(from: &VirtualSource<'_>) -> Rows {
    let mut rows = Vec::new();
    for constraint in from.catalog.constraints() {
        let index_columns = |oid: u32| -> Vec<usize> {
            from.catalog.index(oid).map(|index| index.column_positions().collect()).unwrap_or_default()
        };
        let (kind, index, columns, expression) = match &constraint.kind {
            ConstraintKind::Check { expression, columns } => (b'c', 0, columns.clone(), Some(expression)),
            ConstraintKind::PrimaryKey { index } => (b'p', *index, index_columns(*index), None),
            ConstraintKind::Unique { index } => (b'u', *index, index_columns(*index), None),
            ConstraintKind::Foreign(foreign) => (b'f', foreign.parent_index, foreign.columns.clone(), None),
        };
        let foreign = match &constraint.kind {
            ConstraintKind::Foreign(foreign) => Some(foreign),
            _ => None,
        };
        let operators = |foreign: &crate::catalog::ForeignKey| {
            let table = from.catalog.table(foreign.parent);
            let equal = foreign.parent_columns.iter().map(|position| {
                let ty = table.and_then(|table| table.columns.get(*position)).map_or(SqlType::INT4, |column| column.ty);
                Datum::Oid(
                    types::operator::operators_named("=")
                        .iter()
                        .find(|operator| operator.left == Some(ty.oid) && operator.right == ty.oid)
                        .map_or(0, |operator| operator.oid),
                )
            });
            Datum::array(oid::OID, equal.collect())
        };
        rows.push(vec![
            o(constraint.oid),
            t(&constraint.name),
            o(constraint.schema),
            c(kind),
            b(foreign.is_some_and(|foreign| foreign.timing.is_deferrable())),
            b(foreign.is_some_and(|foreign| foreign.timing.is_deferred())),
            b(constraint.validated),
            o(constraint.table),
            o(0),
            o(index),
            o(0),
            o(foreign.map_or(0, |foreign| foreign.parent)),
            c(foreign.map_or(b' ', |foreign| action_letter(foreign.on_update))),
            c(foreign.map_or(b' ', |foreign| action_letter(foreign.on_delete))),
            c(foreign.map_or(b' ', |foreign| if foreign.match_full { b'f' } else { b's' })),
            b(true),
            i4(0),
            b(kind != b'c'),
            int2_array(attnums(&columns)),
            opt(foreign.map(|foreign| int2_array(attnums(&foreign.parent_columns)))),
            opt(foreign.map(operators)),
            opt(foreign.map(operators)),
            opt(foreign.map(operators)),
            null(),
            null(),
            opt(expression.map(|expression| t(expression))),
        ]);
    }
    Ok(rows)
}

pub(super) fn pg_sequence(from: &VirtualSource<'_>) -> Rows {
    let mut rows = Vec::new();
    for relation in from.catalog.relations() {
        if let Relation::Sequence(it) = relation {
            rows.push(vec![
                o(it.oid),
                o(it.data_type.oid),
                i8(it.start),
                i8(it.increment),
                i8(it.max),
                i8(it.min),
                i8(it.cache),
                b(it.cycle),
            ]);
        }
    }
    Ok(rows)
}

fn rule_oid(view: u32) -> u32 {
    0x4000_0000 | view
}

/// The rule behind each view, which pg_dump and psql look for.
pub(super) fn pg_rewrite(from: &VirtualSource<'_>) -> Rows {
    let mut rows = Vec::new();
    for relation in from.catalog.relations() {
        if let Relation::View(view) = relation {
            rows.push(vec![
                o(rule_oid(view.oid)),
                t("_RETURN"),
                o(view.oid),
                c(b'1'),
                c(b'O'),
                b(true),
                t("<>"),
                t(&view.query),
            ]);
        }
    }
    Ok(rows)
}

/// Dependencies that clients follow: sequences on their columns, indexes on their constraints and tables, views, defaults and
/// checks on what they name.
pub(super) fn pg_depend(from: &VirtualSource<'_>) -> Rows {
    let mut rows = Vec::new();
    let mut add = |class, object, ref_class, ref_object, ref_column: i32, kind| {
        rows.push(vec![o(class), o(object), i4(0), o(ref_class), o(ref_object), i4(ref_column), c(kind)]);
    };
    add(well_known::PG_NAMESPACE, well_known::REDOUBT, well_known::PG_EXTENSION, extension::OWN, 0, b'e');
    for relation in from.catalog.relations() {
        let oid = relation.oid();
        for (number, default) in defaults(relation) {
            let own = default_oid(oid, number);
            add(well_known::PG_ATTRDEF, own, well_known::PG_CLASS, oid, i32::from(number), b'a');
            for named in named_in(default, from) {
                add(well_known::PG_ATTRDEF, own, well_known::PG_CLASS, named, 0, b'n');
            }
        }
        match relation {
            Relation::Table(table) => {
                for constraint in &table.constraints {
                    let ConstraintKind::Check { expression, .. } = &constraint.kind else { continue };
                    for named in named_in(expression, from) {
                        add(well_known::PG_CONSTRAINT, constraint.oid, well_known::PG_CLASS, named, 0, b'n');
                    }
                }
            }
            Relation::Virtual(own) if own.schema == "redoubt" => {
                add(well_known::PG_CLASS, own.oid, well_known::PG_EXTENSION, extension::OWN, 0, b'e');
            }
            Relation::Sequence(sequence) => {
                if let Some(owner) = sequence.owned_by {
                    let kind = if owner.identity { b'i' } else { b'a' };
                    let column = owner.column as i32 + 1;
                    add(well_known::PG_CLASS, sequence.oid, well_known::PG_CLASS, owner.table, column, kind);
                }
            }
            Relation::View(view) => {
                let rule = rule_oid(view.oid);
                add(well_known::PG_REWRITE, rule, well_known::PG_CLASS, view.oid, 0, b'i');
                let reads = bind::view_reads(view, from.catalog, from.session.registry(), from.settings);
                for (relation, _) in reads.unwrap_or_default().into_iter().filter(|(_, named)| *named) {
                    add(well_known::PG_REWRITE, rule, well_known::PG_CLASS, relation, 0, b'n');
                }
            }
            Relation::Index(index) => match index.constraint {
                Some(constraint) => {
                    add(well_known::PG_CLASS, index.oid, well_known::PG_CONSTRAINT, constraint, 0, b'i');
                }
                None => {
                    for position in index.column_positions() {
                        let column = position as i32 + 1;
                        add(well_known::PG_CLASS, index.oid, well_known::PG_CLASS, index.table, column, b'a');
                    }
                }
            },
            _ => {}
        }
    }
    Ok(rows)
}

/// The relations that an expression names, but for the system's.
fn named_in(text: &str, from: &VirtualSource<'_>) -> Vec<u32> {
    let mut named = expression::named_in(text, from.catalog, &from.settings.search_path);
    named.retain(|oid| *oid >= FIRST_NORMAL_OID);
    named
}

pub(super) fn pg_description(from: &VirtualSource<'_>) -> Rows {
    let row = |comment: &crate::catalog::Comment| {
        vec![o(comment.object), o(comment.class), i4(comment.column), t(&comment.text)]
    };
    let comments = from.catalog.comments().iter();
    let mut rows: Vec<_> = comments.filter(|comment| comment.class != well_known::PG_DATABASE).map(row).collect();
    let public = |row: &Vec<Datum>| row[0] == o(well_known::PUBLIC) && row[1] == o(well_known::PG_NAMESPACE);
    if !rows.iter().any(public) {
        let text = t("standard public schema");
        rows.push(vec![o(well_known::PUBLIC), o(well_known::PG_NAMESPACE), i4(0), text]);
    }
    for extension in &extension::EXTENSIONS {
        if from.catalog.comment(well_known::PG_EXTENSION, extension.oid, 0).is_none() {
            rows.push(vec![o(extension.oid), o(well_known::PG_EXTENSION), i4(0), t(extension.comment)]);
        }
    }
    Ok(rows)
}

pub(super) fn pg_shdescription(from: &VirtualSource<'_>) -> Rows {
    let comments = from.catalog.comments().iter();
    let shared = comments.filter(|comment| comment.class == well_known::PG_DATABASE);
    Ok(shared.map(|comment| vec![o(comment.object), o(comment.class), t(&comment.text)]).collect())
}

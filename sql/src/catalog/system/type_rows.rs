//! Types, functions, operators, casts: rows of the registry. Access methods, collations, languages: a few fixed ones.

use types::aggregate::AggregateKind;
use types::cast::CastContext;
use types::{Datum, Result, Volatility, oid};

use super::row::{b, c, i2, i4, null, o, oid_vector, t};
use crate::catalog::describe::{OPERATOR_CLASSES, OTHER_OPERATOR_CLASSES};
use crate::catalog::{Relation, VirtualSource, well_known};
use crate::functions::procedures::{self, Procedure, ProcedureKind};

type Rows = Result<Vec<Vec<Datum>>>;

const SUPERUSER: u32 = well_known::POSTGRES_ROLE;
const CATALOG: u32 = well_known::PG_CATALOG;

/// A regproc by name: its oid; 0, which prints as `-`, for none.
fn function_oid(from: &VirtualSource<'_>, name: &str) -> Datum {
    o(from.session.registry().functions_named(name).first().map_or(0, |function| function.oid))
}

pub(super) fn pg_type(from: &VirtualSource<'_>) -> Rows {
    let mut rows = Vec::new();
    for ty in types::sqltype::all_types() {
        let subscript = match ty.oid {
            oid::NAME => "raw_array_subscript_handler",
            oid::JSONB => "jsonb_subscript_handler",
            _ if ty.is_array() => "array_subscript_handler",
            _ => "-",
        };
        rows.push(vec![
            o(ty.oid),
            t(ty.name),
            o(CATALOG),
            o(SUPERUSER),
            i2(ty.len),
            b(ty.by_value),
            c(ty.kind),
            c(ty.category),
            b(ty.preferred),
            b(true),
            c(b','),
            o(0),
            function_oid(from, subscript),
            o(ty.element),
            o(ty.array),
            function_oid(from, ty.io[0]),
            function_oid(from, ty.io[1]),
            function_oid(from, ty.io[2]),
            function_oid(from, ty.io[3]),
            o(0),
            o(0),
            o(0),
            c(ty.align),
            c(ty.storage),
            b(false),
            o(0),
            i4(-1),
            i4(0),
            o(ty.collation),
            null(),
            null(),
            null(),
        ]);
    }
    for relation in from.catalog.relations() {
        let (name, schema, owner, row_type) = match relation {
            Relation::Table(table) => (&table.name, table.schema, table.owner, table.row_type),
            Relation::View(view) => (&view.name, view.schema, view.owner, view.row_type),
            _ => continue,
        };
        rows.push(vec![
            o(row_type),
            t(name),
            o(schema),
            o(owner),
            i2(-1),
            b(false),
            c(b'c'),
            c(b'C'),
            b(false),
            b(true),
            c(b','),
            o(relation.oid()),
            o(0),
            o(0),
            o(0),
            function_oid(from, "record_in"),
            function_oid(from, "record_out"),
            function_oid(from, "record_recv"),
            function_oid(from, "record_send"),
            o(0),
            o(0),
            o(0),
            c(b'd'),
            c(b'x'),
            b(false),
            o(0),
            i4(-1),
            i4(0),
            o(0),
            null(),
            null(),
            null(),
        ]);
    }
    Ok(rows)
}

fn procedure_row(it: &Procedure) -> Vec<Datum> {
    vec![
        o(it.oid),
        t(it.name),
        o(CATALOG),
        o(SUPERUSER),
        o(12),
        Datum::Float4(1.0),
        Datum::Float4(if it.returns_set { 1000.0 } else { 0.0 }),
        o(if it.variadic { it.args.last().copied().unwrap_or(0) } else { 0 }),
        o(0),
        c(match it.kind {
            ProcedureKind::Function => b'f',
            ProcedureKind::Aggregate(_) => b'a',
            ProcedureKind::Window => b'w',
        }),
        b(false),
        b(false),
        b(it.strict),
        b(it.returns_set),
        c(match it.volatility {
            Volatility::Immutable => b'i',
            Volatility::Stable => b's',
            Volatility::Volatile => b'v',
        }),
        c(b's'),
        i2(it.args.len() as i16),
        i2(0),
        o(it.result),
        oid_vector(it.args.iter().copied()),
        null(),
        null(),
        null(),
        null(),
        null(),
        t(it.name),
        null(),
        null(),
        null(),
        null(),
    ]
}

pub(super) fn pg_proc(_: &VirtualSource<'_>) -> Rows {
    Ok(procedures::all().map(|procedure| procedure_row(&procedure)).collect())
}

pub(super) fn pg_aggregate(_: &VirtualSource<'_>) -> Rows {
    let row = |aggregate: &types::aggregate::Aggregate| {
        let (kind, direct) = match aggregate.kind {
            AggregateKind::Normal => (b'n', 0),
            AggregateKind::OrderedSet => (b'o', aggregate.args.len() as i16 - 1),
            AggregateKind::HypotheticalSet => (b'h', 1),
        };
        let mut row = vec![o(aggregate.oid), c(kind), i2(direct)];
        row.extend(std::iter::repeat_n(o(0), 8));
        row.extend([b(false), b(false), c(b'r'), c(b'r'), o(0), o(aggregate.result), i4(0), o(0), i4(0)]);
        row.extend([null(), null()]);
        row
    };
    Ok(types::aggregate::all_aggregates().iter().map(row).collect())
}

pub(super) fn pg_operator(_: &VirtualSource<'_>) -> Rows {
    let find = |name: &str, left: Option<u32>, right: u32| {
        let found = types::operator::operators_named(name).iter().find(|it| it.left == left && it.right == right);
        found.map_or(0, |operator| operator.oid)
    };
    let row = |it: &types::operator::Operator| {
        let commutator =
            if it.commutator.is_empty() { 0 } else { find(it.commutator, Some(it.right), it.left.unwrap_or(0)) };
        let negator = if it.negator.is_empty() { 0 } else { find(it.negator, it.left, it.right) };
        vec![
            o(it.oid),
            t(it.name),
            o(CATALOG),
            o(SUPERUSER),
            c(if it.left.is_some() { b'b' } else { b'l' }),
            b(it.name == "="),
            b(it.name == "="),
            o(it.left.unwrap_or(0)),
            o(it.right),
            o(it.result),
            o(commutator),
            o(negator),
            o(it.function.oid),
            o(0),
            o(0),
        ]
    };
    Ok(types::operator::all_operators().iter().map(row).collect())
}

pub(super) fn pg_cast(_: &VirtualSource<'_>) -> Rows {
    let row = |(i, cast): (usize, &types::cast::Cast)| {
        let context = match cast.context {
            CastContext::Implicit => b'i',
            CastContext::Assignment => b'a',
            CastContext::Explicit => b'e',
        };
        vec![o(10_100 + i as u32), o(cast.from), o(cast.to), o(0), c(context), c(b'f')]
    };
    Ok(types::cast::all_casts().iter().enumerate().map(row).collect())
}

pub(super) fn pg_am(_: &VirtualSource<'_>) -> Rows {
    Ok(vec![
        vec![o(well_known::HEAP), t("heap"), o(3), c(b't')],
        vec![o(well_known::BTREE), t("btree"), o(330), c(b'i')],
    ])
}

pub(super) fn pg_collation(_: &VirtualSource<'_>) -> Rows {
    let row = |oid: u32, name: &str, provider: u8, locale: Option<&str>| {
        let locale = locale.map_or(Datum::Null, Datum::text);
        vec![
            o(oid),
            t(name),
            o(CATALOG),
            o(SUPERUSER),
            c(provider),
            b(true),
            i4(-1),
            locale.clone(),
            locale,
            null(),
            null(),
        ]
    };
    Ok(vec![
        row(well_known::DEFAULT_COLLATION, "default", b'd', None),
        row(well_known::C_COLLATION, "C", b'c', Some("C")),
        row(951, "POSIX", b'c', Some("POSIX")),
    ])
}

pub(super) fn pg_language(_: &VirtualSource<'_>) -> Rows {
    let row = |oid: u32, name: &str, trusted: bool| {
        vec![o(oid), t(name), o(SUPERUSER), b(false), b(trusted), o(0), o(0), o(0), null()]
    };
    Ok(vec![row(12, "internal", false), row(13, "c", false), row(14, "sql", true)])
}

pub(super) fn pg_opclass(_: &VirtualSource<'_>) -> Rows {
    let row = |&(oid, name, ty): &(u32, &str, u32), default: bool| {
        vec![o(oid), o(well_known::BTREE), t(name), o(CATALOG), o(SUPERUSER), o(0), o(ty), b(default), o(0)]
    };
    let defaults = OPERATOR_CLASSES.iter().filter(|class| class.2 != oid::VARCHAR).map(|class| row(class, true));
    Ok(defaults.chain(OTHER_OPERATOR_CLASSES.iter().map(|class| row(class, false))).collect())
}

//! The readable views over pg_class: pg_tables, pg_views, pg_indexes, pg_sequences, and the statistics of tables; and
//! pg_timezone_names.

use std::sync::Arc;

use types::datetime::{MICROS_PER_SECOND, TimeZone};
use types::{Datum, Interval, Result};

use super::row::{b, i8, null, o, opt, t};
use crate::catalog::describe::index_definition;
use crate::catalog::{ConstraintKind, Relation, TableDef, VirtualSource, is_others, well_known};
use crate::functions::{LOOKING, sequence_allows};

type Rows = Result<Vec<Vec<Datum>>>;

fn role(from: &VirtualSource<'_>, oid: u32) -> Datum {
    opt(from.catalog.role(oid).map(|role| t(&role.name)))
}

pub(super) fn pg_tables(from: &VirtualSource<'_>) -> Rows {
    let mut rows = Vec::new();
    for relation in from.catalog.relations() {
        match relation {
            Relation::Table(it) => {
                let foreign =
                    it.constraints.iter().any(|constraint| matches!(constraint.kind, ConstraintKind::Foreign(_)));
                rows.push(vec![
                    t(&it.schema_name),
                    t(&it.name),
                    role(from, it.owner),
                    null(),
                    b(!it.indexes.is_empty()),
                    b(false),
                    b(foreign || !it.referenced_by.is_empty()),
                    b(false),
                ]);
            }
            Relation::Virtual(it) if it.kind == b'r' => rows.push(vec![
                t(it.schema),
                t(it.name),
                role(from, well_known::POSTGRES_ROLE),
                null(),
                b(true),
                b(false),
                b(false),
                b(false),
            ]),
            _ => {}
        }
    }
    Ok(rows)
}

pub(super) fn pg_views(from: &VirtualSource<'_>) -> Rows {
    let mut rows = Vec::new();
    for relation in from.catalog.relations() {
        match relation {
            Relation::View(it) => {
                let definition = format!(" {};", it.query);
                rows.push(vec![t(&it.schema_name), t(&it.name), role(from, it.owner), t(&definition)]);
            }
            Relation::Virtual(it) if it.kind == b'v' => {
                rows.push(vec![t(it.schema), t(it.name), role(from, well_known::POSTGRES_ROLE), null()]);
            }
            _ => {}
        }
    }
    Ok(rows)
}

pub(super) fn pg_indexes(from: &VirtualSource<'_>) -> Rows {
    let mut rows = Vec::new();
    for table in from.catalog.tables() {
        for index in &table.indexes {
            let definition = index_definition(from.catalog, index, 0, false);
            rows.push(vec![
                t(&table.schema_name),
                t(&table.name),
                t(&index.name),
                null(),
                opt(definition.map(|text| t(&text))),
            ]);
        }
    }
    Ok(rows)
}

pub(super) fn pg_sequences(from: &VirtualSource<'_>) -> Rows {
    let path = from.session.search_path();
    let user = from.session.role().ok();
    let mut rows = Vec::new();
    for relation in from.catalog.relations() {
        if let Relation::Sequence(it) = relation
            && !is_others(&it.schema_name, &path)
        {
            let may_look = user.as_ref().is_some_and(|user| sequence_allows(from.catalog, user, it, LOOKING));
            let last = from.last_values.get(&it.oid).copied().filter(|_| may_look);
            rows.push(vec![
                t(&it.schema_name),
                t(&it.name),
                role(from, it.owner),
                o(it.data_type.oid),
                i8(it.start),
                i8(it.min),
                i8(it.max),
                i8(it.increment),
                b(it.cycle),
                i8(it.cache),
                opt(last.map(i8)),
            ]);
        }
    }
    Ok(rows)
}

fn table_statistics(from: &VirtualSource<'_>) -> Rows {
    let mut rows = Vec::new();
    for table in from.catalog.tables() {
        let mut row = vec![o(table.oid), t(&table.schema_name), t(&table.name)];
        // Scans and writes are not counted by table; what is not known reads as 0, as on a fresh server.
        row.extend(std::iter::repeat_n(i8(0), 8));
        row.push(i8(table.estimated_rows.max(0.0) as i64));
        row.extend(std::iter::repeat_n(i8(0), 3));
        row.extend(std::iter::repeat_n(null(), 4));
        row.extend(std::iter::repeat_n(i8(0), 4));
        rows.push(row);
    }
    Ok(rows)
}

pub(super) fn pg_stat_all_tables(from: &VirtualSource<'_>) -> Rows {
    table_statistics(from)
}

pub(super) fn pg_stat_user_tables(from: &VirtualSource<'_>) -> Rows {
    table_statistics(from)
}

pub(super) fn pg_stat_user_indexes(from: &VirtualSource<'_>) -> Rows {
    let mut rows = Vec::new();
    for table in from.catalog.tables() {
        for index in &table.indexes {
            rows.push(vec![
                o(table.oid),
                o(index.oid),
                t(&table.schema_name),
                t(&table.name),
                t(&index.name),
                i8(0),
                i8(0),
                i8(0),
            ]);
        }
    }
    Ok(rows)
}

pub(super) fn pg_statio_user_tables(from: &VirtualSource<'_>) -> Rows {
    let row = |table: &Arc<TableDef>| {
        let mut row = vec![o(table.oid), t(&table.schema_name), t(&table.name)];
        // Pages are not counted by table, and no table has another for its long values.
        row.extend(std::iter::repeat_n(i8(0), 4));
        row.extend(std::iter::repeat_n(null(), 4));
        row
    };
    Ok(from.catalog.tables().map(row).collect())
}

pub(super) fn pg_timezone_names(from: &VirtualSource<'_>) -> Rows {
    let now = from.settings.statement_timestamp;
    let row = |(name, zone): (&'static str, TimeZone)| {
        let micros = i64::from(zone.offset_at_utc(now)) * MICROS_PER_SECOND;
        let offset = Datum::Interval(Interval { months: 0, days: 0, micros });
        vec![t(name), t(&zone.abbreviation(now)), offset, b(zone.is_summer_time(now))]
    };
    Ok(TimeZone::all_named().map(row).collect())
}

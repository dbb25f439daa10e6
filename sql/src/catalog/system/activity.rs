//! What goes on in the server: settings and sessions.

use engine::Wait;
use types::{Datum, Result, oid};

use super::row::{b, i4, i8, null, o, opt, t};
use crate::catalog::{VirtualSource, well_known};
use crate::functions::{ListedCursor, ListedStatement, has_rights_of};
use crate::session::Backend;

type Rows = Result<Vec<Vec<Datum>>>;

pub(super) fn pg_settings(from: &VirtualSource<'_>) -> Rows {
    let row = |it: crate::session::SettingRow| {
        vec![
            t(it.name),
            t(&it.value),
            opt(it.unit.map(t)),
            t(it.category),
            t(it.description),
            null(),
            t(it.context),
            t(it.kind),
            t(it.source),
            null(),
            null(),
            null(),
            t(it.default),
            t(it.default),
            null(),
            null(),
            b(false),
        ]
    };
    Ok(from.session.variables().rows().into_iter().map(row).collect())
}

/// Whether the user may know what a session does.
fn may_see(from: &VirtualSource<'_>, backend: &Backend) -> bool {
    let Ok(user) = from.session.role() else { return false };
    let owner = from.catalog.role_named(&backend.user).map(|owner| owner.oid);
    let mut roles = owner.into_iter().chain([well_known::PG_READ_ALL_STATS]);
    roles.any(|role| has_rights_of(from.catalog, &user, role))
}

pub(super) fn pg_stat_activity(from: &VirtualSource<'_>) -> Rows {
    let mut rows = Vec::new();
    for backend in from.session.database.backends.list() {
        let state = backend.state();
        let seen = may_see(from, &backend);
        let private = |value: Datum| if seen { value } else { null() };
        let wait = match backend.cancel.waits_for() {
            Some(Wait::RedoRoom) => Some(("IPC", "RedoRoom")),
            Some(Wait::WriteQuorum) => Some(("IPC", "WriteQuorum")),
            Some(Wait::ObjectLock) => Some(("Lock", "relation")),
            Some(Wait::RowLock) => Some(("Lock", "tuple")),
            Some(Wait::AdvisoryLock) => Some(("Lock", "advisory")),
            None if state.state == "active" => None,
            None => Some(("Client", "ClientRead")),
        };
        let database = from.catalog.database_named(&backend.database_name).map_or(0, |database| database.oid);
        let role = from.catalog.role_named(&backend.user).map_or(0, |role| role.oid);
        rows.push(vec![
            o(database),
            t(&backend.database_name),
            i4(backend.pid),
            null(),
            o(role),
            t(&backend.user),
            t(&state.application_name),
            private(opt(backend.client_address.as_ref().map(|address| t(&address.ip().to_string())))),
            null(),
            private(opt(backend.client_address.as_ref().map(|address| i4(i32::from(address.port()))))),
            private(Datum::Timestamptz(backend.started)),
            private(opt(state.transaction_started.map(Datum::Timestamptz))),
            private(opt(state.query_started.map(Datum::Timestamptz))),
            private(Datum::Timestamptz(state.changed)),
            private(opt(wait.map(|(kind, _)| t(kind)))),
            private(opt(wait.map(|(_, event)| t(event)))),
            private(t(state.state)),
            opt(state.transaction.map(|id| o(id as u32))),
            null(),
            null(),
            if seen { t(&state.query) } else { t("<insufficient privilege>") },
            private(t("client backend")),
        ]);
    }
    Ok(rows)
}

pub(super) fn pg_stat_ssl(from: &VirtualSource<'_>) -> Rows {
    let row = |backend: &std::sync::Arc<Backend>| {
        let encryption = backend.encryption;
        vec![
            i4(backend.pid),
            b(encryption.is_some()),
            opt(encryption.map(|it| t(it.version))),
            opt(encryption.map(|it| t(it.cipher))),
            opt(encryption.map(|it| i4(i32::from(it.bits)))),
            // Clients show no certificates.
            null(),
            null(),
            null(),
        ]
    };
    let backends = from.session.database.backends.list();
    Ok(backends.iter().filter(|backend| may_see(from, backend)).map(row).collect())
}

pub(super) fn pg_stat_gssapi(from: &VirtualSource<'_>) -> Rows {
    let row = |backend: &std::sync::Arc<Backend>| vec![i4(backend.pid), b(false), null(), b(false)];
    let backends = from.session.database.backends.list();
    Ok(backends.iter().filter(|backend| may_see(from, backend)).map(row).collect())
}

pub(super) fn pg_stat_database(from: &VirtualSource<'_>) -> Rows {
    let backends = from.session.database.backends.list();
    let row = |it: &std::sync::Arc<crate::catalog::DatabaseDef>| {
        let count = backends.iter().filter(|backend| *backend.database_name == *it.name).count();
        let mut row = vec![o(it.oid), t(&it.name), i4(count as i32)];
        let (temporary_files, temporary_bytes) = from.session.database.spilled.of(it.oid);
        row.extend(std::iter::repeat_n(i8(0), 10));
        row.extend([i8(temporary_files as i64), i8(temporary_bytes as i64), i8(0)]);
        row.extend([null(), null()]);
        row.extend(std::iter::repeat_n(Datum::Float8(0.0), 5));
        row.extend(std::iter::repeat_n(i8(0), 4));
        row.push(null());
        row
    };
    Ok(from.catalog.databases().map(row).collect())
}

pub(super) fn pg_cursors(from: &VirtualSource<'_>) -> Rows {
    let row = |it: &ListedCursor| {
        let made = Datum::Timestamptz(it.made);
        vec![t(&it.name), t(&it.statement), b(it.holds), b(false), b(it.scrolls), made]
    };
    Ok(from.session.listed().cursors.iter().map(row).collect())
}

pub(super) fn pg_prepared_statements(from: &VirtualSource<'_>) -> Rows {
    let row = |it: &ListedStatement| {
        let types = Datum::array(oid::REGTYPE, it.types.iter().map(|ty| Datum::Oid(*ty)).collect());
        let made = Datum::Timestamptz(it.made);
        // Uses are not counted.
        vec![t(&it.name), t(&it.statement), made, types, b(it.from_sql), i8(0), i8(0)]
    };
    Ok(from.session.listed().statements.iter().map(row).collect())
}

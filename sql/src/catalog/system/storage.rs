//! Storage nodes and protection groups. Outside of a cluster these are empty.

use types::{Datum, Result};

use super::row::{i4, i8, opt, t};
use crate::catalog::VirtualSource;
use crate::functions::NodeRole;

type Rows = Result<Vec<Vec<Datum>>>;

pub(super) fn storage_nodes(from: &VirtualSource<'_>) -> Rows {
    let Ok(admin) = from.session.database.admin() else { return Ok(Vec::new()) };
    let number = |value: Option<u32>| opt(value.map(|value| i4(value as i32)));
    let bytes = |value: Option<u64>| opt(value.map(|value| i8(value as i64)));
    let rows = admin.storage_nodes().into_iter().map(|it| {
        let replaces = match it.role {
            NodeRole::Joining(place) => Some(place.0),
            _ => None,
        };
        vec![
            i4(it.node.0 as i32),
            i4(it.incarnation as i32),
            t(&it.zone),
            t(&it.address),
            t(it.role.name()),
            t(&it.state),
            number(it.pid),
            number(replaces),
            bytes(it.scl_received.map(|lsn| lsn.0)),
            bytes(it.scl_flushed.map(|lsn| lsn.0)),
            bytes(it.behind_bytes),
            bytes(it.hydration.map(|hydration| hydration.bytes)),
            bytes(it.hydration.map(|hydration| hydration.total_bytes)),
            number(it.hydration.map(|hydration| hydration.groups_whole)),
            number(it.groups),
        ]
    });
    Ok(rows.collect())
}

pub(super) fn protection_groups(from: &VirtualSource<'_>) -> Rows {
    let Ok(admin) = from.session.database.admin() else { return Ok(Vec::new()) };
    let rows = admin.protection_groups().into_iter().map(|it| {
        vec![
            i4(it.group.0 as i32),
            i8(it.first_page.0 as i64),
            i4(it.pages as i32),
            i8(it.durable.0 as i64),
            i8(it.highest.0 as i64),
            i4(it.copies as i32),
            i4(it.joining as i32),
            i4(it.membership_epoch as i32),
        ]
    });
    Ok(rows.collect())
}

//! Servers, replicas and changes of writer. Outside of a cluster these are empty.
//!
//! `aurora_replica_status()` has Aurora's columns in Aurora's order, NULL where we have no such thing.

use std::time::Duration;

use protocol::Lsn;
use types::{Datum, Interval, Result};

use super::row::{b, i4, i8, null, opt, t};
use crate::catalog::VirtualSource;
use crate::functions::ServerStatus;

type Rows = Result<Vec<Vec<Datum>>>;

fn lsn(lsn: Lsn) -> Datum {
    i8(lsn.0 as i64)
}

fn interval(time: Duration) -> Datum {
    let micros = i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
    Datum::Interval(Interval { months: 0, days: 0, micros })
}

fn milliseconds(time: Duration) -> Datum {
    Datum::Float8(time.as_secs_f64() * 1000.0)
}

/// Host and port of an address, as far as it has them.
fn host_and_port(address: &str) -> (Datum, Datum) {
    match address.rsplit_once(':') {
        Some((host, port)) => (t(host), opt(port.parse().ok().map(i4))),
        None => (t(address), null()),
    }
}

pub(super) fn pg_stat_replication(from: &VirtualSource<'_>) -> Rows {
    let Ok(admin) = from.session.database.admin() else { return Ok(Vec::new()) };
    let rows = admin.replicas().into_iter().map(|it| {
        let (host, port) = host_and_port(&it.address);
        vec![
            i4(it.pid as i32),
            null(),
            null(),
            t("redoubt replica"),
            host,
            null(),
            port,
            Datum::Timestamptz(it.since),
            null(),
            t(if it.applied < it.sent { "catchup" } else { "streaming" }),
            lsn(it.sent),
            lsn(it.applied),
            lsn(it.applied),
            lsn(it.applied),
            interval(it.lag),
            interval(it.lag),
            interval(it.lag),
            i4(0),
            t("async"),
            Datum::Timestamptz(it.reported),
        ]
    });
    Ok(rows.collect())
}

/// Bytes of LSN between the durable end and what a server shows.
fn lag_bytes(it: &ServerStatus) -> i64 {
    it.durable.0.saturating_sub(it.applied.0) as i64
}

pub(super) fn replica_status(from: &VirtualSource<'_>) -> Rows {
    let Ok(admin) = from.session.database.admin() else { return Ok(Vec::new()) };
    let rows = admin.servers().into_iter().map(|it| {
        vec![
            t(&it.address),
            t(if it.writer { "writer" } else { "replica" }),
            i4(it.pid as i32),
            lsn(it.durable),
            lsn(it.applied),
            i8(lag_bytes(&it)),
            milliseconds(it.lag),
            lsn(it.read_floor),
            opt(it.priority.map(|priority| i4(priority as i32))),
            Datum::Timestamptz(it.updated),
        ]
    });
    Ok(rows.collect())
}

pub(super) fn aurora_replica_status(from: &VirtualSource<'_>) -> Rows {
    let Ok(admin) = from.session.database.admin() else { return Ok(Vec::new()) };
    let rows = admin.servers().into_iter().map(|it| {
        let replica = |value: Datum| if it.writer { null() } else { value };
        vec![
            t(&it.address),
            if it.writer { t("MASTER_SESSION_ID") } else { t(&format!("{:016x}", it.instance)) },
            lsn(it.durable),
            replica(lsn(it.durable)),
            replica(lsn(it.applied)),
            replica(i8(i64::try_from(it.lag.as_micros()).unwrap_or(i64::MAX))),
            null(),
            b(true),
            i4(0),
            null(),
            Datum::Timestamptz(it.updated),
            null(),
            null(),
            replica(milliseconds(it.lag)),
            null(),
            null(),
            null(),
            lsn(it.read_floor),
            null(),
            null(),
            null(),
            null(),
        ]
    });
    Ok(rows.collect())
}

pub(super) fn failovers(from: &VirtualSource<'_>) -> Rows {
    let Ok(admin) = from.session.database.admin() else { return Ok(Vec::new()) };
    let rows = admin.failovers().into_iter().map(|it| {
        vec![
            Datum::Timestamptz(it.at),
            t(if it.silence.is_some() { "silence" } else { "command" }),
            i4(it.epoch as i32),
            lsn(it.vdl),
            opt(it.silence.map(milliseconds)),
            milliseconds(it.recovery),
            milliseconds(it.catch_up),
            milliseconds(it.total),
        ]
    });
    Ok(rows.collect())
}

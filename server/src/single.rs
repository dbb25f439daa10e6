//! `redoubt writer` and `redoubt replica`: one server as a process.

use crate::auth::Authentication;
use crate::compute::{Compute, ComputeOptions, Role};
use crate::options;
use crate::{dashboard, encryption, nodes, signals};
use anyhow::{Context, ensure};
use protocol::task::Runtime;
use std::time::Duration;
use storage::volume::cluster;
use tokio::net::TcpListener;

/// A writer that storage has heard within this time lives.
const LIVES_WITHIN: Duration = Duration::from_millis(500);

/// Runs the writer. It says whose place it takes, if someone's; with `--no-takeover` it leaves a living one alone.
///
/// # Errors
/// As [`run`], and when there is a living writer that is to be left alone.
pub async fn writer(options: options::Writer) -> anyhow::Result<()> {
    // Bad settings are told before anyone is asked for anything.
    Authentication::from_options(&options.compute.server.auth)?;
    encryption::from_options(&options.compute.server.tls)?;
    let storage = nodes::discover(&options.compute.storage, options.compute.volume);
    // Without storage there is nobody to ask, and `run` waits for it and for signals.
    let known = tokio::time::timeout(LIVES_WITHIN, storage).await;
    if options.no_takeover || matches!(known, Ok(Ok(_))) {
        let nodes = match known {
            Ok(nodes) => nodes?,
            Err(_) => nodes::discover(&options.compute.storage, options.compute.volume).await?,
        };
        if let Some(living) = cluster::living_writer(&nodes.seats(), LIVES_WITHIN).await {
            let address = &living.address;
            ensure!(!options.no_takeover, "{address} is the writer and lives (--no-takeover)");
            tracing::info!(address, pid = living.pid, "takes over from the writer that is there");
        }
    }
    run(options.compute, Role::Writer).await
}

/// Runs a server until SIGINT or SIGTERM.
///
/// # Errors
/// When its port cannot be had, or the cluster has no volume.
pub async fn run(options: options::Compute, role: Role) -> anyhow::Result<()> {
    let authentication = Authentication::from_options(&options.server.auth)?;
    let tls = encryption::from_options(&options.server.tls)?;
    let bind =
        async |address: String| TcpListener::bind(&address).await.with_context(|| format!("{address} (--listen)"));
    let listener = bind(options.listen.clone()).await?;
    let address = listener.local_addr()?;
    authentication.check_address(address)?;
    let dashboard_listener = match options.dashboard_port {
        Some(port) => Some(bind(format!("{}:{port}", address.ip())).await?),
        None => None,
    };
    let advertised = options.advertise.unwrap_or_else(|| {
        if address.ip().is_unspecified() {
            tracing::warn!(%address, "servers on other hosts cannot reach this one at that address: say --advertise");
        }
        address.to_string()
    });
    let shutdown = signals::shutdown();
    let storage = tokio::select! {
        found = nodes::discover(&options.storage, options.volume) => found?,
        () = shutdown.cancelled() => return Ok(()),
    };
    let server = Compute::new(ComputeOptions {
        role,
        storage,
        address: advertised,
        cache_bytes: options.server.cache_size,
        lock_table_bytes: options.server.lock_table_size,
        write_timeout: Duration::from_secs(options.server.write_timeout),
        connections_max: options.server.max_connections,
        authentication,
        tls,
        failover: options.server.failover.settings(),
        replace_after: options.server.replacement.settings(),
        storage_runtime: Runtime::Tokio(nodes::runtime()),
    });
    if let Some(listener) = dashboard_listener {
        tokio::spawn(dashboard::serve(listener, vec![server.clone()], shutdown.clone()));
    }
    server.run(listener, shutdown).await
}

//! `redoubt writer` and `redoubt replica`: one server as a process.

use crate::auth::Authentication;
use crate::cli;
use crate::compute::{Compute, ComputeOptions, Role};
use crate::{dashboard, nodes, signals};
use anyhow::Context;
use protocol::task::Runtime;
use std::time::Duration;
use tokio::net::TcpListener;

/// Runs a server until SIGINT or SIGTERM.
///
/// # Errors
/// When its port cannot be had, or the cluster has no volume.
pub async fn run(options: cli::Compute, role: Role) -> anyhow::Result<()> {
    let authentication = Authentication::from_options(&options.auth)?;
    let bind =
        async |address: String| TcpListener::bind(&address).await.with_context(|| format!("{address} (--listen)"));
    let listener = bind(options.listen.clone()).await?;
    let address = listener.local_addr()?;
    authentication.check_address(address)?;
    let dashboard_listener = match options.dashboard_port {
        Some(port) => Some(bind(format!("{}:{port}", address.ip())).await?),
        None => None,
    };
    let shutdown = signals::shutdown();
    let nodes = tokio::select! {
        found = nodes::discover(&options.storage) => found?,
        () = shutdown.cancelled() => return Ok(()),
    };
    let server = Compute::new(ComputeOptions {
        role,
        nodes,
        address: address.to_string(),
        cache_bytes: options.cache_size,
        lock_table_bytes: options.lock_table_size,
        write_timeout: Duration::from_secs(options.write_timeout),
        authentication,
        failover: options.failover.settings(),
        storage_runtime: Runtime::Tokio(nodes::runtime()),
    });
    if let Some(listener) = dashboard_listener {
        tokio::spawn(dashboard::serve(listener, vec![server.clone()], shutdown.clone()));
    }
    server.run(listener, shutdown).await
}

//! `redoubt writer` and `redoubt replica`: one server as a process.

use crate::auth::Authentication;
use crate::compute::{Compute, ComputeOptions, Role};
use crate::life::LEASE;
use crate::options;
use crate::pgwire::Tls;
use crate::{dashboard, encryption, nodes, ports, signals};
use anyhow::{Context, bail};
use protocol::task::Runtime;
use std::time::Duration;
use storage::volume::cluster;
use tokio::net::TcpSocket;

/// A writer that storage has heard within this time lives: as long as it is in the address book. One that was held up for a
/// moment is not dead.
const LIVES_WITHIN: Duration = LEASE;
/// How long a writer that takes over from anybody looks for storage, to say from whom. Beyond that it waits while it runs.
const DISCOVERY_MAX: Duration = Duration::from_secs(5);
/// Between two questions whether there is a writer, when storage does not say.
const RETRY_INTERVAL: Duration = Duration::from_millis(200);

/// What a server will be reached at, and who is let in there. It does not listen yet: a client that connects would wait,
/// and not turn to another server.
struct Doors {
    authentication: Authentication,
    tls: Option<Tls>,
    clients: TcpSocket,
    dashboard: Option<TcpSocket>,
}

impl Doors {
    async fn open(options: &options::Compute) -> anyhow::Result<Doors> {
        let authentication = Authentication::from_options(&options.server.auth)?;
        let tls = encryption::from_options(&options.server.tls)?;
        let keep = async |place: String| ports::keep(&place).await.with_context(|| format!("{place} (--listen)"));
        let clients = keep(options.listen.clone()).await?;
        let address = clients.local_addr()?;
        authentication.check_address(address)?;
        let dashboard = match options.dashboard_port {
            Some(port) => Some(keep(format!("{}:{port}", address.ip())).await?),
            None => None,
        };
        Ok(Doors { authentication, tls, clients, dashboard })
    }
}

/// Runs the writer. It says whose place it takes, if someone's; with `--no-takeover` it leaves a living one alone.
///
/// # Errors
/// As [`run`], and when there is a living writer that is to be left alone.
pub async fn writer(options: options::Writer) -> anyhow::Result<()> {
    // Bad settings and taken ports are told before anyone is asked for anything.
    let doors = Doors::open(&options.compute).await?;
    let known = nodes::discover(&options.compute.storage, options.compute.volume);
    if options.no_takeover {
        let seats = known.await?.seats();
        // Whoever cannot be told that there is none leaves alone whoever there may be.
        let living = loop {
            match cluster::living_writer(&seats, LIVES_WITHIN).await {
                Ok(living) => break living,
                Err(error) => tracing::debug!(%error, "storage does not say whether there is a writer"),
            }
            tokio::time::sleep(RETRY_INTERVAL).await;
        };
        if let Some(living) = living {
            bail!("{} is the writer and lives (--no-takeover)", living.address);
        }
    } else if let Ok(Ok(known)) = tokio::time::timeout(DISCOVERY_MAX, known).await
        && let Ok(Some(living)) = cluster::living_writer(&known.seats(), LIVES_WITHIN).await
    {
        tracing::info!(address = living.address, pid = living.pid, "takes over from the writer that is there");
    }
    serve(options.compute, Role::Writer, doors).await
}

/// Runs a server until SIGINT or SIGTERM.
///
/// # Errors
/// When its port cannot be had, or the cluster has no volume.
pub async fn run(options: options::Compute, role: Role) -> anyhow::Result<()> {
    let doors = Doors::open(&options).await?;
    serve(options, role, doors).await
}

async fn serve(options: options::Compute, role: Role, doors: Doors) -> anyhow::Result<()> {
    let Doors { authentication, tls, clients, dashboard } = doors;
    let address = clients.local_addr()?;
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
    let clients = clients.listen(ports::BACKLOG).with_context(|| format!("{} (--listen)", options.listen))?;
    tracing::info!(%address, "listens for clients");
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
    if let Some(socket) = dashboard {
        let listener = socket.listen(ports::BACKLOG)?;
        tracing::info!(address = %listener.local_addr()?, "dashboard is up");
        tokio::spawn(dashboard::serve(listener, vec![server.clone()], shutdown.clone()));
    }
    server.run(clients, shutdown).await
}

//! PostgreSQL's own client over TLS: what it verifies, what it is refused, and the same through the proxy.

use anyhow::{Context, ensure};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};
use std::time::Instant;
use tests::certificates::Authority;
use tests::cluster::PATIENCE;
use tests::{Cluster, Options};

/// psql on a connection string, with the password that the servers here know.
fn psql(connection: &str, sql: &str) -> anyhow::Result<Output> {
    let mut command = Command::new("psql");
    command.args(["-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", connection, "-c", sql]);
    command.env("PGPASSWORD", "pencil").env("PGUSER", "postgres").env("PGDATABASE", "postgres");
    command.env_remove("PGSSLMODE").output().context("psql")
}

fn answer(connection: &str, sql: &str) -> anyhow::Result<String> {
    let output = psql(connection, sql)?;
    ensure!(output.status.success(), "{connection}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn refusal(connection: &str) -> anyhow::Result<String> {
    let output = psql(connection, "SELECT 1")?;
    ensure!(!output.status.success(), "{connection} was let in");
    Ok(String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Waits until a server answers on this connection.
async fn until_up(cluster: &Cluster, connection: &str) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while let Err(error) = answer(connection, "SELECT 1") {
        ensure!(Instant::now() < deadline, "{error}\n{}", cluster.log());
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    Ok(())
}

fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

#[tokio::test]
async fn psql_connects_as_it_does_to_postgresql() -> anyhow::Result<()> {
    let (authority, stranger) = (Authority::new()?, Authority::new()?);
    let pair = authority.issue("server", 20, 60)?;
    let mut options = Options { processes: true, replicas: 0, ..Options::default() };
    options.arguments.extend(pair.arguments());
    let mut cluster = Cluster::start(options).await?;
    let (trusted, other) = (authority.certificate(), stranger.certificate());
    let (trusted, other) = (trusted.display(), other.display());

    let port = cluster.port(0);
    let encrypted = "SELECT ssl, version, cipher, bits FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    let at = |mode: &str| format!("host=localhost port={port} {mode}");
    assert_eq!(answer(&at("sslmode=disable"), encrypted)?, "f|||");
    assert_eq!(answer(&at("sslmode=require"), encrypted)?, "t|TLSv1.3|TLS_AES_256_GCM_SHA384|256");
    // Without being asked to, libpq encrypts where it can.
    assert_eq!(answer(&at(""), "SELECT count(*) FROM pg_stat_ssl WHERE ssl")?, "1");
    let old = answer(&at("sslmode=require ssl_max_protocol_version=TLSv1.2"), encrypted)?;
    assert!(old.starts_with("t|TLSv1.2|ECDHE-ECDSA-AES"), "{old}");
    let verified = format!("sslmode=verify-full sslrootcert={trusted}");
    let shown = answer(&at(&verified), "\\conninfo")?;
    assert!(shown.contains("SSL connection (protocol: TLSv1.3"), "{shown}");
    assert_eq!(answer(&format!("host=127.0.0.1 port={port} {verified}"), "SELECT 1")?, "1");
    let refused = refusal(&at(&format!("sslmode=verify-full sslrootcert={other}")))?;
    assert!(refused.contains("certificate verify failed"), "{refused}");
    let refused = refusal(&format!("host=elsewhere hostaddr=127.0.0.1 port={port} {verified}"))?;
    assert!(refused.contains("does not match host name"), "{refused}");
    // Results and COPY larger than TLS's records and the sockets' buffers.
    let sum = "SELECT sum(length(repeat('x', 100))) FROM generate_series(1, 20000)";
    assert_eq!(answer(&at("sslmode=require"), sum)?, "2000000");
    let rows =
        answer(&at("sslmode=require"), "COPY (SELECT repeat('x', 100) FROM generate_series(1, 50000)) TO STDOUT")?;
    assert_eq!(rows.len(), 50_000 * 101 - 1);

    // A server that asks for a password, over the same storage.
    let password = authority.path("password");
    std::fs::write(&password, "pencil\n")?;
    std::fs::set_permissions(&password, std::fs::Permissions::from_mode(0o600))?;
    let status = cluster.status(0)?;
    let nodes = status["storage_nodes"].as_array().cloned().unwrap_or_default();
    let nodes: Vec<&str> = nodes.iter().filter_map(|node| node["addr"].as_str()).collect();
    let (storage, port) = (nodes.join(","), free_port()?);
    let mut arguments =
        ["replica", "--storage", &storage, "--listen", &format!("127.0.0.1:{port}")].map(str::to_owned).to_vec();
    arguments.extend(["--auth", "scram", "--password-file", &password.display().to_string()].map(str::to_owned));
    arguments.extend(["--failover-timeout", "0"].map(str::to_owned));
    arguments.extend(pair.arguments());
    cluster.run(&arguments)?;
    let at = |mode: &str| format!("host=localhost port={port} {mode}");
    until_up(&cluster, &at("sslmode=disable")).await?;
    let bound = format!("sslmode=verify-full sslrootcert={trusted} channel_binding=require");
    assert_eq!(answer(&at(&bound), encrypted)?, "t|TLSv1.3|TLS_AES_256_GCM_SHA384|256");
    assert_eq!(answer(&at("sslmode=require channel_binding=disable"), "SELECT 1")?, "1");
    let refused = refusal(&at("sslmode=disable channel_binding=require"))?;
    assert!(refused.contains("channel binding"), "{refused}");
    let refused = refusal(&at("sslmode=require channel_binding=require password=wrong"))?;
    assert!(refused.contains("password authentication failed"), "{refused}");

    // Through the proxy, which ends the encryption: a client may verify it, and cannot bind to a server behind it.
    let proxy = free_port()?;
    let mut arguments =
        ["proxy", "--storage", &storage, "--reader-port", &proxy.to_string()].map(str::to_owned).to_vec();
    arguments.extend(pair.arguments());
    cluster.run(&arguments)?;
    let at = |mode: &str| format!("host=localhost port={proxy} {mode}");
    until_up(&cluster, &at("sslmode=disable")).await?;
    let shown = answer(&at(&verified), "\\conninfo")?;
    assert!(shown.contains("SSL connection (protocol: TLSv1.3"), "{shown}");
    assert_eq!(answer(&at("sslmode=require"), encrypted)?, "f|||", "the proxy's own connection");
    let rows =
        answer(&at("sslmode=require"), "COPY (SELECT repeat('x', 100) FROM generate_series(1, 50000)) TO STDOUT")?;
    assert_eq!(rows.len(), 50_000 * 101 - 1);
    let refused = refusal(&at(&bound))?;
    assert!(refused.contains("channel binding"), "{refused}");
    let refused = refusal(&at(&format!("sslmode=verify-full sslrootcert={other}")))?;
    assert!(refused.contains("certificate verify failed"), "{refused}");
    Ok(())
}

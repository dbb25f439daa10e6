//! PostgreSQL's own client over TLS: what it verifies, what it is refused, and the same through the proxy. And what servers
//! of different hosts send to each other's clients' ports.

use anyhow::{Context, ensure};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};
use std::time::Instant;
use tests::certificates::Authority;
use tests::cluster::{PATIENCE, binary, free_ports, run_to_end};
use tests::hosts::{self, Hosts};
use tests::postgres::succeeded;
use tests::stranger::{Outcome, claim};
use tests::{Cluster, Options};

/// psql on a connection string, with the password that the servers here know.
fn psql(connection: &str, sql: &str) -> anyhow::Result<Output> {
    let mut command = Command::new("psql");
    command.args(["-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", connection, "-c", sql]);
    command.env("PGPASSWORD", hosts::PASSWORD).env("PGUSER", "postgres").env("PGDATABASE", "postgres");
    run_to_end(command.env_remove("PGSSLMODE")).context("psql")
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
async fn until_up(log: impl Fn() -> String, connection: &str) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while let Err(error) = answer(connection, "SELECT 1") {
        ensure!(Instant::now() < deadline, "{error}\n{}", log());
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    Ok(())
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
    // The session of the command before may still be ending.
    let deadline = Instant::now() + PATIENCE;
    while answer(&at(""), "SELECT count(*) FROM pg_stat_ssl WHERE ssl")? != "1" {
        ensure!(Instant::now() < deadline, "sessions that ended are still counted");
    }
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
    std::fs::write(&password, hosts::PASSWORD)?;
    std::fs::set_permissions(&password, std::fs::Permissions::from_mode(0o600))?;
    let (storage, port) = (cluster.storage()?, free_ports(0)?);
    let mut arguments =
        ["replica", "--storage", &storage, "--listen", &format!("127.0.0.1:{port}")].map(str::to_owned).to_vec();
    arguments.extend(["--auth", "scram", "--password-file", &password.display().to_string()].map(str::to_owned));
    arguments.extend(["--failover-timeout", "0"].map(str::to_owned));
    arguments.extend(pair.arguments());
    cluster.run(&arguments)?;
    let at = |mode: &str| format!("host=localhost port={port} {mode}");
    until_up(|| cluster.log(), &at("sslmode=disable")).await?;
    let bound = format!("sslmode=verify-full sslrootcert={trusted} channel_binding=require");
    assert_eq!(answer(&at(&bound), encrypted)?, "t|TLSv1.3|TLS_AES_256_GCM_SHA384|256");
    assert_eq!(answer(&at("sslmode=require channel_binding=disable"), "SELECT 1")?, "1");
    let refused = refusal(&at("sslmode=disable channel_binding=require"))?;
    assert!(refused.contains("channel binding"), "{refused}");
    let refused = refusal(&at("sslmode=require channel_binding=require password=wrong"))?;
    assert!(refused.contains("password authentication failed"), "{refused}");

    // Through the proxy, which ends the encryption: a client may verify it, and cannot bind to a server behind it.
    let proxy = free_ports(0)?;
    let mut arguments =
        ["proxy", "--storage", &storage, "--reader-port", &proxy.to_string()].map(str::to_owned).to_vec();
    arguments.extend(pair.arguments());
    cluster.run(&arguments)?;
    let at = |mode: &str| format!("host=localhost port={proxy} {mode}");
    until_up(|| cluster.log(), &at("sslmode=disable")).await?;
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

/// Two servers that talk to nobody elsewhere in the clear, from a third host.
async fn two_hosts_that_require_encryption() -> anyhow::Result<()> {
    let authority = Authority::new()?;
    // One certificate each, for names that are not theirs: what counts is that it is in the address book.
    let pair = authority.issue("server", 20, 60)?;
    let further = ["--tls-only", "--failover-timeout", "0"].map(str::to_owned);
    let arguments: Vec<String> = pair.arguments().into_iter().chain(further).collect();
    let hosts = Hosts::launch(2, arguments).await?;
    let at = |server: usize, mode: &str| {
        let address = hosts.address(server);
        let (host, port) = address.rsplit_once(':').unwrap_or_default();
        format!("host={host} port={port} {mode}")
    };
    let forwards = "sslmode=require options='-c redoubt.write_forwarding=on'";
    for server in 0..2 {
        until_up(|| hosts.log(), &at(server, "sslmode=require")).await?;
        let refused = refusal(&at(server, "sslmode=disable"))?;
        assert!(refused.contains("no encryption"), "{refused}");
    }
    assert_eq!(answer(&at(1, forwards), "SELECT pg_is_in_recovery()")?, "t");
    answer(&at(1, forwards), "CREATE TABLE t (a int)")?;
    let there = "INSERT INTO t VALUES (1); SELECT pg_is_in_recovery(), ssl, version FROM pg_stat_ssl \
                 WHERE pid = pg_backend_pid()";
    let told = answer(&at(1, forwards), there)?;
    assert!(told.ends_with("f|t|TLSv1.3"), "{told}");
    // More than TLS's records and the sockets' buffers hold, both ways.
    let many = "INSERT INTO t SELECT generate_series(2, 100000) RETURNING a";
    assert!(answer(&at(1, forwards), many)?.lines().count() >= 99_999);
    // The commands ask for encryption, too: of the server named, and of those that it names.
    let command = |arguments: &[&str]| {
        let mut command = Command::new(binary());
        succeeded(run_to_end(command.args(arguments).env("REDOUBT_PASSWORD", hosts::PASSWORD))?)
    };
    let told = command(&["status", &hosts.address(0)])?;
    assert!(told.contains("writer") && told.contains("replica"), "{told}");
    let told = command(&["storage", "revert", "9", "--server", &hosts.address(1)]).expect_err("it stays");
    assert!(told.to_string().contains("there is no member node 9"), "{told}");
    // A stranger is turned away before they can prove anything.
    let outcome = claim(&hosts.address(0), "postgres", hosts::PASSWORD)?;
    let Outcome::Refused(code, message) = outcome else { anyhow::bail!("a stranger is let in") };
    assert!(code == "28000" && message.contains("no encryption"), "{code} {message}");
    Ok(())
}

#[test]
fn between_hosts_that_require_it_forwarding_is_encrypted() -> anyhow::Result<()> {
    if hosts::is_inside() {
        return tokio::runtime::Runtime::new()?.block_on(two_hosts_that_require_encryption());
    }
    let this = "between_hosts_that_require_it_forwarding_is_encrypted";
    let told = succeeded(hosts::inside()?.args(["--exact", this, "--nocapture"]).output()?)?;
    ensure!(told.contains("1 passed"), "{told}");
    Ok(())
}

//! Bad configuration and bad directories: exit codes and messages.

use anyhow::{Context, bail};
use std::io::ErrorKind;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output, Stdio};
use tests::certificates::{Authority, Pair};
use tests::cluster::{PATIENCE, binary, free_ports, redoubt, run_to_end};
use tokio::io::{AsyncBufReadExt, BufReader};

fn message(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn row_47_unknown_keys_wrong_types_and_units_are_named_with_their_place() -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("redoubt.toml");
    for (text, expected) in [
        ("port = 5432\nreplcas = 1\n", "redoubt.toml:2:1: unknown key \"replcas\"; did you mean \"replicas\"?"),
        ("replicas = true\n", "redoubt.toml:1:12: wrong type for \"replicas\""),
        ("cache-size = \"12QB\"\n", "redoubt.toml:1:14: invalid value '12QB'"),
    ] {
        std::fs::write(&file, text)?;
        let output = redoubt(["--config", &file.to_string_lossy(), "local"])?;
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(message(&output).contains(expected), "{}", message(&output));
    }
    Ok(())
}

#[test]
fn row_47_init_needs_six_different_nodes() -> anyhow::Result<()> {
    let five = "127.0.0.1:1,127.0.0.1:2,127.0.0.1:3,127.0.0.1:4,127.0.0.1:5";
    let output = redoubt(["init", "--storage", five])?;
    assert_eq!(output.status.code(), Some(2));
    assert!(message(&output).contains("six"), "{}", message(&output));
    let twice = format!("{five},127.0.0.1:5");
    let output = redoubt(["init", "--storage", &twice])?;
    assert_eq!(output.status.code(), Some(2));
    assert!(message(&output).contains("127.0.0.1:5 twice"), "{}", message(&output));
    Ok(())
}

#[test]
fn row_49_a_port_in_use_is_one_line_with_a_hint() -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let port = taken.local_addr()?.port().to_string();
    let data = directory.path().join("data");
    let output = redoubt(["local", "--data", &data.to_string_lossy(), "--port", &port])?;
    assert_eq!(output.status.code(), Some(1));
    let text = message(&output);
    assert!(text.contains("in use") && text.contains("--port"), "{text}");
    Ok(())
}

/// Where storage does not answer, a writer that takes over from nobody waits until it does.
#[tokio::test]
async fn a_port_in_use_is_told_before_storage_is_asked() -> anyhow::Result<()> {
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let listen = taken.local_addr()?.to_string();
    let mut command = tokio::process::Command::new(binary());
    command.args(["writer", "--no-takeover", "--storage", "127.0.0.1:1", "--listen", &listen]).kill_on_drop(true);
    let output = tokio::time::timeout(PATIENCE, command.output()).await??;
    assert_eq!(output.status.code(), Some(1));
    let text = message(&output);
    assert!(text.contains("in use") && text.contains(&format!("{listen} (--listen)")), "{text}");
    Ok(())
}

/// Clients would wait with it, and not turn to another server.
#[tokio::test]
async fn a_writer_that_waits_for_storage_does_not_listen() -> anyhow::Result<()> {
    let address = format!("127.0.0.1:{}", free_ports(0)?);
    let mut command = tokio::process::Command::new(binary());
    command.args(["writer", "--no-takeover", "--storage", "127.0.0.1:1", "--listen", &address]);
    let mut writer = command.stderr(Stdio::piped()).kill_on_drop(true).spawn()?;
    let mut log = BufReader::new(writer.stderr.take().context("it is piped")?).lines();
    let waits = async {
        while let Some(line) = log.next_line().await? {
            if line.contains("waiting for storage nodes") {
                return anyhow::Ok(());
            }
        }
        bail!("it ended")
    };
    tokio::time::timeout(PATIENCE, waits).await??;
    let refused = tokio::net::TcpStream::connect(address).await.expect_err("it cannot serve");
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    Ok(())
}

#[test]
fn row_49_scram_without_a_password_is_refused() -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let data = directory.path().join("data");
    let mut command = Command::new(binary());
    command.args(["local", "--auth", "scram", "--port", "1", "--data"]).arg(&data).env_remove("REDOUBT_PASSWORD");
    let output = run_to_end(&mut command)?;
    assert_eq!(output.status.code(), Some(2));
    assert!(message(&output).contains("REDOUBT_PASSWORD"), "{}", message(&output));
    assert!(!data.exists(), "nothing was touched");
    Ok(())
}

/// Each command that takes a certificate, with it: none of them gets as far as needing its other settings.
fn with_certificate(pair: &Pair) -> anyhow::Result<Vec<Output>> {
    let data = tempfile::tempdir()?;
    let data = data.path().join("data").display().to_string();
    let storage = ["--storage", "127.0.0.1:1"];
    let mut outputs = Vec::new();
    for command in [
        vec!["local", "--port", "1", "--data", &data],
        vec!["local", "--processes", "--port", "1", "--data", &data],
        vec!["writer", "--listen", "127.0.0.1:1", storage[0], storage[1]],
        vec!["replica", "--listen", "127.0.0.1:1", storage[0], storage[1]],
        vec!["proxy", "--writer-port", "1", storage[0], storage[1]],
    ] {
        outputs.push(run_to_end(Command::new(binary()).args(&command).args(pair.arguments()))?);
    }
    Ok(outputs)
}

#[test]
fn row_49_a_certificate_that_clients_would_stumble_over_is_one_line_with_a_hint() -> anyhow::Result<()> {
    let authority = Authority::new()?;
    let good = authority.issue("good", 20, 60)?;
    let other = authority.issue("other", 20, 60)?;
    let expired = authority.issue("expired", 20, 21)?;
    let early = authority.issue("early", 60, 61)?;
    let with_mode = |name: &str, mode: u32| -> anyhow::Result<std::path::PathBuf> {
        let path = authority.path(name);
        std::fs::copy(&good.key, &path)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode))?;
        Ok(path)
    };
    let (open, absent, noise) = (with_mode("open.key", 0o644)?, authority.path("absent"), authority.path("noise"));
    std::fs::write(&noise, "-----BEGIN CERTIFICATE-----\nTm8gY2VydGlmaWNhdGU=\n-----END CERTIFICATE-----\n")?;
    std::fs::set_permissions(&noise, std::fs::Permissions::from_mode(0o600))?;
    let folder = authority.path("");
    let (certificate, key) = (&good.certificate, &good.key);
    for (certificate, key, expected) in [
        (&absent, key, "absent: No such file or directory (os error 2); --tls-cert is a PEM file"),
        (&folder, key, ": Is a directory (os error 21); --tls-cert is a PEM file"),
        (&noise, key, "noise: not a certificate: "),
        (key, key, "good.key: it holds no certificate; --tls-cert is a PEM file"),
        (
            &expired.certificate,
            &expired.key,
            "expired.crt: the certificate has expired (2021-01-01 00:00:00 UTC); renew it",
        ),
        (
            &early.certificate,
            &early.key,
            "early.crt: the certificate is not valid yet (before 2060-01-01 00:00:00 UTC); is",
        ),
        (certificate, &absent, "absent: No such file or directory (os error 2); --tls-key is a PEM file"),
        (certificate, &open, "open.key: others may read the key (mode 644); chmod 600 it"),
        (certificate, &noise, "noise: it holds no private key; --tls-key is a PEM file"),
        (certificate, &other.key, "other.key: not the key of the certificate in "),
    ] {
        for output in with_certificate(&Pair { certificate: certificate.clone(), key: key.clone() })? {
            let text = message(&output);
            assert_eq!(output.status.code(), Some(1), "{text}");
            assert!(text.starts_with("redoubt: ") && text.contains(expected) && text.lines().count() == 1, "{text}");
        }
    }
    Ok(())
}

#[test]
fn row_49_half_of_a_pair_is_bad_usage() -> anyhow::Result<()> {
    for (arguments, expected) in [
        (&["--tls-cert", "server.crt"][..], "--tls-cert needs --tls-key"),
        (&["--tls-key", "server.key"], "--tls-key needs --tls-cert"),
        (&["--tls-only"], "--tls-only needs --tls-cert and --tls-key"),
    ] {
        let output = run_to_end(Command::new(binary()).args(["local", "--port", "1"]).args(arguments))?;
        assert_eq!(output.status.code(), Some(2));
        assert!(message(&output).contains(expected), "{}", message(&output));
    }
    Ok(())
}

#[test]
fn row_52_a_directory_that_holds_something_else_is_refused_untouched() -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    std::fs::write(directory.path().join("thesis.tex"), "ten years of work")?;
    let path = directory.path().to_string_lossy().into_owned();
    for arguments in [
        vec!["local", "--port", "1", "--dashboard-port", "0", "--data", &path],
        vec!["storage", "--listen", "127.0.0.1:1", "--zone", "a", "--id", "1", "--data", &path],
    ] {
        let output = run_to_end(Command::new(binary()).args(&arguments))?;
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", message(&output));
        assert!(message(&output).contains("not empty"), "{}", message(&output));
    }
    let left: Vec<_> = std::fs::read_dir(directory.path())?.collect::<Result<_, _>>()?;
    assert_eq!(left.len(), 1);
    Ok(())
}

//! Bad configuration and bad directories: exit codes and messages.

use std::net::TcpListener;
use std::process::{Command, Output};
use tests::cluster::{binary, redoubt};

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

#[test]
fn row_49_scram_without_a_password_is_refused() -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let data = directory.path().join("data");
    let output = Command::new(binary())
        .args(["local", "--auth", "scram", "--port", "1", "--data"])
        .arg(&data)
        .env_remove("REDOUBT_PASSWORD")
        .output()?;
    assert_eq!(output.status.code(), Some(2));
    assert!(message(&output).contains("REDOUBT_PASSWORD"), "{}", message(&output));
    assert!(!data.exists(), "nothing was touched");
    Ok(())
}

#[test]
fn row_52_a_directory_that_holds_something_else_is_refused_untouched() -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    std::fs::write(directory.path().join("thesis.tex"), "ten years of work")?;
    let path = directory.path().to_string_lossy().into_owned();
    for arguments in [
        vec!["local", "--port", "1", "--data", &path],
        vec!["storage", "--listen", "127.0.0.1:0", "--zone", "a", "--id", "1", "--data", &path],
    ] {
        let output = Command::new(binary()).args(&arguments).output()?;
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", message(&output));
        assert!(message(&output).contains("not empty"), "{}", message(&output));
    }
    let left: Vec<_> = std::fs::read_dir(directory.path())?.collect::<Result<_, _>>()?;
    assert_eq!(left.len(), 1);
    Ok(())
}

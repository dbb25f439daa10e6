//! Libraries of other languages, in environments beside the binary.

use crate::cluster::binary;
use crate::postgres::succeeded;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// A Python that has psycopg 3 from PyPI.
///
/// # Errors
/// When the library cannot be had.
pub fn python() -> anyhow::Result<PathBuf> {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let environment = binary().with_file_name("psycopg-venv");
    let python = environment.join("bin/python");
    if !Command::new(&python).args(["-c", "import psycopg"]).status().is_ok_and(|status| status.success()) {
        succeeded(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment).output()?)?;
        succeeded(Command::new(&python).args(["-m", "pip", "install", "-q", "psycopg[binary]>=3.2,<4"]).output()?)?;
    }
    Ok(python)
}

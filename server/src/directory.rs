//! The data directory of a local cluster: whose it is, and that only one process has it.

use anyhow::{Context, bail, ensure};
use fs2::FileExt;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::path::Path;

const MARKER: &str = "redoubt";
const FORMAT_LINE: &str = "redoubt cluster directory, format 1";

/// A directory that is held until this is dropped.
pub struct Directory {
    _lock: File,
}

impl Directory {
    /// Opens a cluster's directory, or makes one of a missing or empty directory.
    ///
    /// # Errors
    /// When it holds something else (which is not touched), has a newer format, or is in use.
    pub fn open(path: &Path) -> anyhow::Result<Directory> {
        let name = path.display();
        let marker = path.join(MARKER);
        if !marker.exists() {
            let occupied = path.exists() && std::fs::read_dir(path).with_context(|| name.to_string())?.next().is_some();
            ensure!(!occupied, "{name} is not empty and not a Redoubt directory; it was not touched");
            std::fs::create_dir_all(path).with_context(|| name.to_string())?;
        }
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&marker)?;
        let mut text = String::new();
        if file.try_lock_exclusive().is_err() {
            file.read_to_string(&mut text)?;
            let pid = text.lines().nth(1).unwrap_or("of unknown number");
            bail!("{name} is in use by process {pid}");
        }
        file.read_to_string(&mut text)?;
        let format = text.lines().next().unwrap_or(FORMAT_LINE);
        ensure!(format == FORMAT_LINE, "{name} has another format: \"{format}\"; this binary knows \"{FORMAT_LINE}\"");
        file.set_len(0)?;
        file.rewind()?;
        write!(file, "{FORMAT_LINE}\n{}\n", std::process::id())?;
        Ok(Directory { _lock: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_52_a_newer_format_is_refused_untouched() {
        let path = std::env::temp_dir().join(format!("redoubt-directory-{}", std::process::id()));
        drop(Directory::open(&path).expect("a new directory"));
        let newer = "redoubt cluster directory, format 2\n1\n";
        std::fs::write(path.join(MARKER), newer).expect("writable");
        assert!(Directory::open(&path).is_err());
        assert_eq!(std::fs::read_to_string(path.join(MARKER)).expect("readable"), newer);
        std::fs::remove_dir_all(path).expect("removable");
    }

    #[test]
    fn row_51_a_second_holder_is_refused_with_the_pid() {
        let path = std::env::temp_dir().join(format!("redoubt-directory-held-{}", std::process::id()));
        let held = Directory::open(&path).expect("a new directory");
        let error = Directory::open(&path).err().expect("it is held").to_string();
        assert!(error.ends_with(&format!("in use by process {}", std::process::id())), "{error}");
        drop(held);
        Directory::open(&path).expect("it is free again");
        std::fs::remove_dir_all(path).expect("removable");
    }
}

//! The data directory of a local cluster: whose it is, that only one process has it, and which volume was made in it. So a
//! directory whose nodes have all lost their disks does not look like a new one.

use anyhow::{Context, bail, ensure};
use fs2::FileExt;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::path::Path;

const MARKER: &str = "redoubt";
const FORMAT_LINE: &str = "redoubt cluster directory, format 1";

/// A directory that is held until this is dropped.
pub struct Directory {
    /// Locked while it is open.
    file: File,
    volume: Option<u64>,
}

/// Begins the line that names the volume.
const VOLUME: &str = "volume ";

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
        let volume = text.lines().find_map(|line| u64::from_str_radix(line.strip_prefix(VOLUME)?, 16).ok());
        let mut directory = Directory { file, volume };
        directory.write()?;
        Ok(directory)
    }

    /// The volume that was made here.
    #[must_use]
    pub fn volume(&self) -> Option<u64> {
        self.volume
    }

    /// Notes which volume was made here.
    ///
    /// # Errors
    /// When the note cannot be written.
    pub fn keep_volume(&mut self, volume: u64) -> anyhow::Result<()> {
        if self.volume != Some(volume) {
            self.volume = Some(volume);
            self.write()?;
            self.file.sync_all()?;
        }
        Ok(())
    }

    fn write(&mut self) -> anyhow::Result<()> {
        let volume = self.volume.map_or_else(String::new, |volume| format!("{VOLUME}{volume:016x}\n"));
        let text = format!("{FORMAT_LINE}\n{}\n{volume}", std::process::id());
        // Written over what is there, which is hardly longer: a crash in between leaves the volume's line or a part of both.
        self.file.rewind()?;
        self.file.write_all(text.as_bytes())?;
        self.file.set_len(text.len() as u64)?;
        Ok(())
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
    fn the_volume_that_was_made_here_is_remembered() {
        let path = std::env::temp_dir().join(format!("redoubt-directory-volume-{}", std::process::id()));
        let mut directory = Directory::open(&path).expect("a new directory");
        assert_eq!(directory.volume(), None);
        directory.keep_volume(0xfeed).expect("writable");
        drop(directory);
        assert_eq!(Directory::open(&path).expect("it is ours").volume(), Some(0xfeed));
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

//! Small state in two files, of which one may be torn or rot.
//!
//! Both hold the same: they are written one after the other, the first fsynced before the second is touched, and both before
//! anybody is told. A torn write costs the new state, which nobody was told of; a copy that rots later costs nothing. Of two
//! sound copies the one with the higher sequence number counts.

use super::disk::{Disk, OpenMode, below, read_file};
use protocol::Error;
use std::io;
use std::path::Path;

/// The names of the two copies.
pub type Names = [&'static str; 2];

/// What both files say together.
#[derive(Debug, PartialEq, Eq)]
pub struct Copies<T> {
    /// The newer sound copy; `None` when there is no file at all.
    pub newest: Option<T>,
    /// Which of them is missing or damaged, and how: to be [mended](mend) before the next write, which may tear the sound one.
    pub damage: Option<(usize, Error)>,
}

/// Reads the newer of two copies.
///
/// # Errors
/// I/O errors as such; [`Error`] when no copy is sound, or one is of a newer format.
pub fn read<T>(
    disk: &dyn Disk,
    dir: &Path,
    names: Names,
    decode: impl Fn(&[u8]) -> Result<T, Error>,
    sequence: impl Fn(&T) -> u64,
) -> io::Result<Result<Copies<T>, Error>> {
    let mut copies = Copies { newest: None, damage: None };
    let mut absent = Vec::new();
    for (index, name) in names.into_iter().enumerate() {
        let bytes = match read_file(disk, &below(dir, name)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                absent.push(index);
                continue;
            }
            Err(error) => return Err(error),
        };
        match decode(&bytes) {
            Ok(found) if copies.newest.as_ref().is_none_or(|best| sequence(&found) > sequence(best)) => {
                copies.newest = Some(found);
            }
            Ok(_) => {}
            Err(error @ Error::NewerFormat { .. }) => return Ok(Err(error)),
            Err(error) => copies.damage = Some((index, error)),
        }
    }
    if let [absent] = absent[..] {
        copies.damage.get_or_insert((absent, Error::Truncated { what: names[absent] }));
    }
    Ok(match copies {
        Copies { newest: None, damage: Some((_, error)) } => Err(error),
        copies => Ok(copies),
    })
}

/// Copies the sound file over the other one, the `damaged`-th.
///
/// # Errors
/// Any I/O error.
pub fn mend(disk: &dyn Disk, dir: &Path, names: Names, damaged: usize) -> io::Result<()> {
    let sound = read_file(disk, &below(dir, names[1 - damaged]))?;
    write_one(disk, &below(dir, names[damaged]), &sound)?;
    disk.sync_dir(dir)
}

/// Writes both copies. `sequence` is one above that of the state before, so that the copy which a torn write left damaged is
/// the one that is written first.
///
/// # Errors
/// Any I/O error: it is unknown then whether a start will find the old or the new state.
pub fn write(disk: &dyn Disk, dir: &Path, names: Names, sequence: u64, bytes: &[u8]) -> io::Result<()> {
    for copy in [sequence, sequence + 1] {
        write_one(disk, &below(dir, names[(copy % 2) as usize]), bytes)?;
    }
    // The first write makes the names, the second one after a start that was cut short.
    if sequence <= 2 { disk.sync_dir(dir) } else { Ok(()) }
}

fn write_one(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let file = disk.open(path, OpenMode::OrCreate)?;
    file.write_at(0, bytes)?;
    file.set_len(bytes.len() as u64)?;
    file.sync()
}

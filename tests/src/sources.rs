//! The sources of the project, for tests that hold rules about them.

use std::fs;
use std::path::{Path, PathBuf};

/// Where the workspace lies.
///
/// # Panics
/// Never: this crate lies in it.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests lie in a folder of the root").to_owned()
}

/// Adds every Rust source in a folder and those below it.
///
/// # Panics
/// When a folder cannot be read.
pub fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the folder exists") {
        let path = entry.expect("a readable entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

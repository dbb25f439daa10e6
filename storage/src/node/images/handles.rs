//! Image files that are kept open for reading: to open one takes a few system calls, and may take looking its name up on the
//! disk. By second chance, so that going through many files once does not close those that are read all the time.

use super::super::disk::DiskFile;
use hashbrown::HashMap;
use std::collections::VecDeque;
use std::sync::Arc;

/// Open files, by number.
#[derive(Debug, Default)]
pub struct Handles {
    /// With whether it was used since it was last considered.
    files: HashMap<u32, (Arc<dyn DiskFile>, bool)>,
    /// Those of `files`, the next to be considered first.
    order: VecDeque<u32>,
}

impl Handles {
    /// A file, if it is open.
    pub fn get(&mut self, number: u32) -> Option<Arc<dyn DiskFile>> {
        let (file, used) = self.files.get_mut(&number)?;
        *used = true;
        Some(file.clone())
    }

    /// Keeps a file open. Where there are `files_max` already, or more, one goes for it. What goes is given back: it is closed
    /// when it is dropped, which need not be under a lock.
    pub fn insert(&mut self, number: u32, file: Arc<dyn DiskFile>, files_max: usize) -> Option<Arc<dyn DiskFile>> {
        if let Some((kept, _)) = self.files.get_mut(&number) {
            // Two have opened it at once.
            return Some(std::mem::replace(kept, file));
        }
        let evicted = if self.files.len() >= files_max { self.evict() } else { None };
        self.files.insert(number, (file, false));
        self.order.push_back(number);
        evicted
    }

    fn evict(&mut self) -> Option<Arc<dyn DiskFile>> {
        while let Some(oldest) = self.order.pop_front() {
            match self.files.get_mut(&oldest) {
                Some((_, used)) if *used => {
                    *used = false;
                    self.order.push_back(oldest);
                }
                _ => return self.files.remove(&oldest).map(|(file, _)| file),
            }
        }
        None
    }

    /// Closes a file that is removed.
    pub fn remove(&mut self, number: u32) {
        if self.files.remove(&number).is_some() {
            self.order.retain(|other| *other != number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::disk::{Disk, OpenMode};
    use super::*;
    use crate::sim::SimDisk;
    use std::path::Path;

    #[test]
    fn what_is_read_again_and_again_stays_open() {
        let disk = SimDisk::new();
        let open = |number: u32| {
            let name = number.to_string();
            disk.open(Path::new(&name), OpenMode::OrCreate).expect("it is memory")
        };
        let mut handles = Handles::default();
        for number in 1..=4 {
            assert!(handles.insert(number, open(number), 4).is_none(), "there is room");
        }
        for number in 5..100 {
            assert!(handles.get(2).is_some(), "before {number}");
            assert!(handles.insert(number, open(number), 4).is_some(), "one goes for {number}");
            assert_eq!((handles.files.len(), handles.order.len()), (4, 4));
        }
        assert!(handles.get(1).is_none());
        assert!(handles.insert(2, open(2), 4).is_some(), "the same file once");
        handles.remove(2);
        handles.remove(2);
        assert!(handles.get(2).is_none());
        assert_eq!((handles.files.len(), handles.order.len()), (3, 3));
        assert!(handles.insert(100, open(100), 4).is_none(), "there is room again");
        assert!(handles.insert(101, open(101), 1).is_some(), "one goes for one, whatever there is");
        assert_eq!((handles.files.len(), handles.order.len()), (4, 4));
    }
}

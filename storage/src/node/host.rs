//! The volumes of one storage process: a [`Node`] for each, which share a number, a zone, an address and a file system, and
//! nothing else.
//!
//! **Rule.** A volume has a directory, a log, images, promises, threads, caches and a quota of its own. What damages or fails
//! one, an fsync error in its log, an unreadable superblock, a panic of its thread, leaves the others as they are. A
//! request names its volume and reaches that volume's node or none. Only the file system is common: when it is full, all
//! are.
//!
//! ```text
//! DIR/                                   the first volume, or the one that is to come: superblock, log/, images/
//! DIR/volumes/<volume, 16 digits>/       each further one, laid out in the same way
//! ```
//!
//! So a directory from before there were several is one with one volume. A node of a further volume counts from the moment
//! its superblock has the configuration; a directory without one is what is left of a creation that was cut short, and is
//! used by the next.
//!
//! A volume that failed stays so until the process starts again: a start copies what the kernel may have lost.
//!
//! **Start.** A volume that does not open is *broken*: listed as failed, with the reason, and the others are served. Nothing
//! is served when none opens, or when the directory as such is another process's, another node's or something else.

use super::disk::{Disk, below};
use super::open::OpenError;
use super::service::{check_config, check_version};
use super::superblock::Superblock;
use super::{Node, NodeOptions, Refusal};
use parking_lot::RwLock;
use protocol::NodeId;
use protocol::rpc::storage as rpc;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::watch;

/// Volumes of one process. Each has two threads, its caches and its file handles.
pub const VOLUMES_MAX: usize = 32;

const VOLUMES: &str = "volumes";

/// What a directory holds.
enum Kept {
    /// A volume, or room for the first one.
    Open(Arc<Node>),
    /// A volume that cannot be served, under the number that the directory's name tells.
    Broken { volume: u64, why: String },
}

/// See the module.
pub struct Host {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    options: NodeOptions,
    /// The first volume's directory first. None ever leaves.
    kept: RwLock<Vec<Kept>>,
    /// Held while a volume is created: two creations of one would use the same directory.
    creating: tokio::sync::Mutex<()>,
    /// How many are open.
    opened: watch::Sender<usize>,
}

fn further(dir: &Path) -> PathBuf {
    below(dir, VOLUMES)
}

fn further_dir(dir: &Path, volume: u64) -> PathBuf {
    below(&further(dir), &format!("{volume:016x}"))
}

/// The volumes whose directories are there, ascending.
fn list_further(disk: &dyn Disk, dir: &Path) -> io::Result<Vec<u64>> {
    let names = match disk.list(&further(dir)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        names => names?,
    };
    let number = |name: &String| (name.len() == 16).then(|| u64::from_str_radix(name, 16).ok()).flatten();
    let mut volumes: Vec<u64> = names.iter().filter_map(number).collect();
    volumes.sort_unstable();
    Ok(volumes)
}

/// The number of the volume in a directory, 0 when there is none; nothing when that cannot be read.
fn volume_in(disk: &dyn Disk, dir: &Path) -> Option<u64> {
    let found = Superblock::read(disk, dir).ok()?.ok()?;
    Some(found.newest.and_then(|block| block.config).map_or(0, |config| config.volume))
}

impl OpenError {
    /// Whether it is about more than one volume: then none is touched.
    fn is_of_everything(&self) -> bool {
        matches!(self, OpenError::InUse { .. } | OpenError::OtherNode { .. } | OpenError::Options)
    }
}

impl Host {
    /// Which node a directory belongs to, as the first of its volumes tells that can be asked; none when it is missing,
    /// empty or not a node's. Changes nothing.
    ///
    /// # Errors
    /// As [`Node::identity`], when no volume tells.
    pub fn identity(disk: &dyn Disk, dir: &Path) -> Result<Option<NodeId>, OpenError> {
        let first = Node::identity(disk, dir);
        if first.is_ok() {
            return first;
        }
        let volumes = list_further(disk, dir).unwrap_or_default();
        let told = volumes.iter().find_map(|volume| Node::identity(disk, &further_dir(dir, *volume)).ok().flatten());
        told.map_or(first, |id| Ok(Some(id)))
    }

    /// Opens every volume below `dir`, which is made when missing. `options` are those of each.
    ///
    /// # Errors
    /// As [`Node::open`], when the directory is no node's to use, or no volume opens.
    pub fn open(disk: Arc<dyn Disk>, dir: &Path, options: NodeOptions) -> Result<Arc<Host>, OpenError> {
        let io = |error| OpenError::Io { dir: dir.to_owned(), error };
        let mut kept = Vec::new();
        let mut first_error = None;
        let volumes = list_further(&*disk, dir).map_err(io)?;
        let first = (dir.to_owned(), volume_in(&*disk, dir).unwrap_or(0));
        let further = volumes.into_iter().map(|volume| (further_dir(dir, volume), volume));
        // What is left of a creation that was cut short waits for the next one.
        let further = further.filter(|(dir, _)| volume_in(&*disk, dir) != Some(0));
        for (index, (dir, volume)) in std::iter::once(first).chain(further).enumerate() {
            kept.push(match Node::open(disk.clone(), &dir, options.clone()) {
                Ok(node) => Kept::Open(node),
                Err(error) if index == 0 && error.is_of_everything() => return Err(error),
                Err(error) => {
                    let why = error.to_string();
                    first_error.get_or_insert(error);
                    Kept::Broken { volume, why }
                }
            });
        }
        let opened = kept.iter().filter(|kept| matches!(kept, Kept::Open(_))).count();
        if let Some(error) = first_error.filter(|_| opened == 0) {
            return Err(error);
        }
        for kept in &kept {
            if let Kept::Broken { volume, why } = kept {
                tracing::error!(
                    volume = format!("{volume:016x}"),
                    why,
                    "a volume does not open; the others are served"
                );
            }
        }
        let (kept, opened) = (RwLock::new(kept), watch::Sender::new(opened));
        let (dir, creating) = (dir.to_owned(), tokio::sync::Mutex::default());
        Ok(Arc::new(Host { disk, dir, options, kept, creating, opened }))
    }

    /// The volumes that opened, and the place of the first one while it is vacant. More may come; none goes.
    #[must_use]
    pub fn nodes(&self) -> Vec<Arc<Node>> {
        let kept = self.kept.read();
        let open = kept.iter().filter_map(|kept| match kept {
            Kept::Open(node) => Some(node.clone()),
            Kept::Broken { .. } => None,
        });
        open.collect()
    }

    /// Tells how many [`Host::nodes`] there are, when there is one more.
    #[must_use]
    pub fn opened(&self) -> watch::Receiver<usize> {
        self.opened.subscribe()
    }

    /// Whether there is no volume that works.
    #[must_use]
    pub fn is_failed(&self) -> bool {
        self.nodes().iter().all(|node| !node.summary().why.is_empty())
    }

    /// The node of a volume, which answers everything that is asked about it.
    ///
    /// # Errors
    /// [`Refusal`]: there is none.
    pub fn node(&self, volume: u64, version: u32) -> Result<Arc<Node>, Refusal> {
        check_version(version)?;
        self.find(volume)?.ok_or_else(|| {
            let keeps_any = self.kept.read().iter().any(|kept| match kept {
                Kept::Open(node) => node.volume_id() != 0,
                Kept::Broken { .. } => true,
            });
            if keeps_any { Refusal::OtherVolume } else { Refusal::NoVolume }
        })
    }

    fn find(&self, volume: u64) -> Result<Option<Arc<Node>>, Refusal> {
        // The youngest first: a volume that did not open once may have joined again beside what was left of it.
        for kept in self.kept.read().iter().rev() {
            match kept {
                Kept::Open(node) if volume != 0 && node.volume_id() == volume => return Ok(Some(node.clone())),
                Kept::Broken { volume: broken, why } if volume != 0 && *broken == volume => {
                    return Err(Refusal::Failed(why.clone()));
                }
                _ => {}
            }
        }
        Ok(None)
    }

    /// Keeps a volume from now on: in the first place if that is vacant, else in a directory of its own.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn create(&self, request: rpc::CreateVolumeRequest) -> Result<rpc::CreateVolumeReply, Refusal> {
        check_version(request.version)?;
        let volume = request.config.as_ref().map_or(0, |config| config.volume);
        let _creating = self.creating.lock().await;
        let vacant = || match self.kept.read().first() {
            Some(Kept::Open(node)) if node.volume_id() == 0 => Some(node.clone()),
            _ => None,
        };
        if let Some(node) = self.find(volume)?.or_else(vacant) {
            return node.create_checked(request).await;
        }
        // Before a directory is made for it.
        let config = request.config.as_ref().ok_or_else(|| Refusal::Malformed("a configuration is missing".into()))?;
        check_config(config, &self.options, None).map_err(Refusal::Malformed)?;
        if self.kept.read().len() >= VOLUMES_MAX {
            return Err(Refusal::Malformed(format!("this node keeps {VOLUMES_MAX} volumes, which is the most it may")));
        }
        let (disk, dir, options) = (self.disk.clone(), self.dir.clone(), self.options.clone());
        let opening = move || {
            disk.create_dir(&further_dir(&dir, volume))?;
            disk.sync_dir(&further(&dir))?;
            disk.sync_dir(&dir)?;
            Ok::<_, io::Error>(Node::open(disk, &further_dir(&dir, volume), options))
        };
        let opened = tokio::task::spawn_blocking(opening).await;
        let opened = opened.map_err(|error| Refusal::Failed(error.to_string()))?;
        let node = opened.map_err(|error| error.to_string()).and_then(|it| it.map_err(|error| error.to_string()));
        let node = node.map_err(|error| Refusal::Malformed(format!("no directory for the volume: {error}")))?;
        let reply = match node.create_checked(request).await {
            Ok(reply) => reply,
            Err(refusal) => {
                node.shutdown();
                return Err(refusal);
            }
        };
        tracing::info!(volume = format!("{volume:016x}"), "this node keeps another volume");
        self.kept.write().push(Kept::Open(node));
        self.opened.send_modify(|opened| *opened += 1);
        Ok(reply)
    }

    /// The state of a volume, or, when none is named, of the only one; of the node alone when there is no such volume. All
    /// that is kept is listed with it.
    ///
    /// # Errors
    /// [`Refusal::NewerFormat`].
    pub fn status(&self, request: &rpc::StatusRequest) -> Result<rpc::StatusReply, Refusal> {
        check_version(request.version)?;
        let volumes: Vec<rpc::VolumeSummary> = {
            let summary = |kept: &Kept| match kept {
                Kept::Open(node) => node.summary(),
                Kept::Broken { volume, why } => rpc::VolumeSummary {
                    volume: *volume,
                    state: "failed".into(),
                    why: why.clone(),
                    ..rpc::VolumeSummary::default()
                },
            };
            let vacant = |summary: &rpc::VolumeSummary| summary.volume == 0 && summary.why.is_empty();
            self.kept.read().iter().map(summary).filter(|summary| !vacant(summary)).collect()
        };
        let nodes = self.nodes();
        let asked = match request.volume {
            0 if volumes.len() <= 1 => nodes.first(),
            0 => None,
            volume => nodes.iter().find(|node| node.volume_id() == volume),
        };
        let reply = match asked {
            Some(node) => node.status_checked(request)?,
            None => {
                let options = &self.options;
                let failed = volumes.iter().find(|it| request.volume != 0 && it.volume == request.volume);
                rpc::StatusReply {
                    node: options.id.0,
                    zone: options.zone.clone(),
                    address: options.address.clone(),
                    pid: std::process::id(),
                    state: failed.map_or("empty", |it| &it.state).to_owned(),
                    ..rpc::StatusReply::default()
                }
            }
        };
        Ok(rpc::StatusReply { volumes, ..reply })
    }

    /// Stops every volume's node.
    pub fn shutdown(&self) {
        self.nodes().iter().for_each(|node| node.shutdown());
    }
}

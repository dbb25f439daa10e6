//! The volumes of one storage process: a [`Node`] for each, which share a number, a zone, an address and a file system, and
//! nothing else.
//!
//! **Rule.** A volume has a directory, a log, images, promises, threads, caches and a quota of its own. What damages or fails
//! one, an fsync error in its log, an unreadable superblock, a panic of its thread, leaves the others as they are. A
//! request names its volume and reaches that volume's node or none. Only the file system is common: when it is full, all
//! are; and the memory for sweeps, which they have in turns and without which they manage.
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
//! **Dropping.** A superblock without a volume is written over the one that has it: from then on nothing in the directory is
//! anybody's, and it is removed, now or by the next start. A volume is dropped only when nobody has written to it for
//! [`IN_USE_WITHIN`], or when this node is none of its members any more; one that does not open is left to whoever can look
//! at it. To the volume's other members a drop on one node is the loss of its disk.
//!
//! **Start.** A volume that does not open is *broken*: listed as failed, with the reason, and the others are served. Nothing
//! is served when none opens, or when the directory as such is another process's, another node's or something else.

use super::disk::{Disk, below};
use super::open::{OpenError, sweep, sweep_unused};
use super::reads::TURNS_MAX;
use super::service::{check_config, check_version};
use super::superblock::Superblock;
use super::{Node, NodeOptions, Refusal};
use futures::executor::block_on;
use parking_lot::{Mutex, RwLock};
use protocol::NodeId;
use protocol::rpc::storage as rpc;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Volumes of one process. Each has two threads of its own, its caches and its file handles.
pub const VOLUMES_MAX: usize = 32;

/// Threads of the runtime that wait for disks at once, at most: for every volume those of its [turns](super::reads), and one
/// that writes what a peer gave. With fewer, volumes on a disk that hangs would stop those on others.
pub const THREADS_MAX: usize = VOLUMES_MAX * (TURNS_MAX + 1);

/// A volume whose writer was heard within this time is in use.
pub const IN_USE_WITHIN: Duration = Duration::from_secs(3);

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
    /// In the order of their opening; the first volume's directory first, until that volume is dropped.
    kept: RwLock<Vec<Kept>>,
    /// Of the first directory, once its volume was dropped: it holds the lock that says whose all directories are.
    emptied: Mutex<Option<Arc<Node>>>,
    /// Held while a volume is created or dropped: one directory is one volume's.
    changing: tokio::sync::Mutex<()>,
    /// How many were opened.
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

/// Writes a superblock without a volume, and removes everything else. Nobody uses the directory.
fn clear(disk: &dyn Disk, dir: &Path) -> io::Result<()> {
    let invalid = |error| io::Error::new(io::ErrorKind::InvalidData, error);
    let found = Superblock::read(disk, dir)?.map_err(invalid)?.newest;
    if let Some(found) = found {
        let (sequence, boot) = (found.sequence, found.boot);
        Superblock { sequence, boot, ..Superblock::new(found.node) }.write(disk, dir)?;
    }
    sweep(disk, dir)
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
        let first = volume_in(&*disk, dir);
        let further = volumes.into_iter().map(|volume| (further_dir(dir, volume), volume));
        // What is left of a creation or a drop that was cut short waits for the next creation.
        let (vacant, further): (Vec<_>, Vec<_>) = further.partition(|(dir, _)| volume_in(&*disk, dir) == Some(0));
        let first = (dir.to_owned(), first.unwrap_or(0));
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
        for (dir, volume) in vacant {
            if let Err(error) = sweep_unused(&*disk, &dir) {
                tracing::warn!(volume = format!("{volume:016x}"), %error, "what is left of a volume is not removed");
            }
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
        let (dir, changing) = (dir.to_owned(), tokio::sync::Mutex::default());
        Ok(Arc::new(Host { disk, dir, options, kept, emptied: Mutex::default(), changing, opened }))
    }

    /// The volumes that opened and were not dropped, and the place of the first one while it is vacant. More may come.
    #[must_use]
    pub fn nodes(&self) -> Vec<Arc<Node>> {
        let kept = self.kept.read();
        let open = kept.iter().filter_map(|kept| match kept {
            Kept::Open(node) => Some(node.clone()),
            Kept::Broken { .. } => None,
        });
        open.collect()
    }

    /// Counts openings: when it rises, [`Host::nodes`] has one more.
    #[must_use]
    pub fn opened(&self) -> watch::Receiver<usize> {
        self.opened.subscribe()
    }

    /// Whether the volumes that opened have all failed.
    #[must_use]
    pub fn is_failed(&self) -> bool {
        let nodes = self.nodes();
        // A vacant place does not fail, and serves nobody.
        let has_volume = nodes.iter().any(|node| node.volume_id() != 0);
        let mut judged = nodes.iter().filter(|node| !has_volume || node.volume_id() != 0).peekable();
        judged.peek().is_some() && judged.all(|node| !node.summary().why.is_empty())
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
        let _changing = self.changing.lock().await;
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
        let making = move || {
            let unmade = |why: String| Refusal::Malformed(format!("no directory for the volume: {why}"));
            let own = further_dir(&dir, volume);
            let made = disk.create_dir(&own).and_then(|()| disk.sync_dir(&further(&dir)));
            made.and_then(|()| disk.sync_dir(&dir)).map_err(|error| unmade(error.to_string()))?;
            let node = Node::open(disk, &own, options).map_err(|error| unmade(error.to_string()))?;
            // Here, too: should it come to nothing, whoever lets go of the node waits for its threads and the disk.
            match block_on(node.create_checked(request)) {
                Ok(reply) => Ok((node, reply)),
                Err(refusal) => {
                    node.shutdown();
                    Err(refusal)
                }
            }
        };
        let made = tokio::task::spawn_blocking(making).await;
        let (node, reply) = made.map_err(|error| Refusal::Failed(error.to_string()))??;
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
        let asked = match (request.volume, &volumes[..]) {
            (0, []) => nodes.first(),
            (0, [only]) => nodes.iter().find(|node| only.volume != 0 && node.volume_id() == only.volume),
            (0, _) => None,
            (volume, _) => nodes.iter().find(|node| node.volume_id() == volume),
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

    /// Forgets a volume, and frees what it took.
    ///
    /// # Errors
    /// [`Refusal`]: it is not kept, in use, or does not open; [`Refusal::Failed`] when its files cannot be removed, which the
    /// next start does.
    pub async fn drop_volume(&self, request: &rpc::DropVolumeRequest) -> Result<rpc::DropVolumeReply, Refusal> {
        let _changing = self.changing.lock().await;
        let node = self.node(request.volume, request.version)?;
        if let Some(silence) = node.member_silence().filter(|silence| *silence < IN_USE_WITHIN) {
            let why = format!("the volume is in use: its writer was heard {} ms ago", silence.as_millis());
            return Err(Refusal::Malformed(why));
        }
        // From here on no request finds it.
        self.kept.write().retain(|kept| !matches!(kept, Kept::Open(it) if Arc::ptr_eq(it, &node)));
        if node.dir() == self.dir {
            *self.emptied.lock() = Some(node.clone());
        }
        let disk = self.disk.clone();
        let clearing = tokio::task::spawn_blocking(move || {
            node.shutdown();
            clear(&*disk, node.dir())
        });
        let cleared = clearing.await.map_err(|error| Refusal::Failed(error.to_string()))?;
        cleared.map_err(|error| Refusal::Failed(format!("the volume is not dropped altogether: {error}")))?;
        tracing::info!(volume = format!("{:016x}", request.volume), "this node dropped a volume");
        Ok(rpc::DropVolumeReply {})
    }

    /// Stops every volume's node.
    pub fn shutdown(&self) {
        self.nodes().iter().for_each(|node| node.shutdown());
    }
}

//! Reads a process's file while the process goes on writing it: at each call only what is new.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use leakgate_capture::LengthRecord;
use leakgate_capture::read::{Follow, Grown, ReadError};

use super::decode;
use super::model::{Checkpoint, Container, History, StackId};

/// How far a file has been read, and all that was read of it.
///
/// One follower belongs to one file. Only what the file's header counts is read, so whole records only; what refers to
/// something that is not counted yet is left to the next call.
///
/// ```no_run
/// # use leakgate::profile::follow::Follower;
/// # fn main() -> std::io::Result<()> {
/// let file = std::fs::File::open("captures/quote/process-42-0.lgp")?;
/// let mut follower = Follower::default();
/// let news = follower.read(&file)?; // as often as wanted: what came since the last call
/// println!("{} more checkpoints of {}", news.checkpoints.len(), follower.history().checkpoints.len());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default)]
pub struct Follower {
    follow: Follow,
    history: History,
    /// By container id, its index in the history, once it has a length.
    ids: Vec<Id>,
}

/// What is new in a file.
#[derive(Debug, Clone, Default)]
pub struct News {
    /// Checkpoints, in order, each with the sites that changed.
    pub checkpoints: Vec<Checkpoint>,
    /// Containers that are new, or are gone now, or have a bound now, by id. Their lengths are not in them.
    pub containers: Vec<(u32, Container)>,
    /// Lengths, in order: container id, index of the checkpoint after which it was read, and the length.
    pub lengths: Vec<(u32, usize, u64)>,
}

/// A container's place in the history.
#[derive(Debug, Clone)]
enum Id {
    /// Not known: id 0.
    Unused,
    /// It has no length yet.
    Waiting(Container),
    /// At this index.
    At(usize),
}

/// Why a file cannot be read on.
enum Failed {
    Io(io::Error),
    Damaged(ReadError),
}

impl From<ReadError> for Failed {
    fn from(error: ReadError) -> Self {
        Failed::Damaged(error)
    }
}

impl Follower {
    /// Reads on, and adds what is new to the history.
    ///
    /// # Errors
    /// When the file cannot be read, or holds what no tracker writes (`InvalidData`). The next call begins where this one did.
    pub fn read(&mut self, file: &File) -> io::Result<News> {
        let mut read_at = |at, into: &mut [u8]| file.read_exact_at(into, at).map_err(Failed::Io);
        let news = self.follow.news(&mut read_at).map_err(|failed| match failed {
            Failed::Io(error) => error,
            Failed::Damaged(error) => io::Error::new(io::ErrorKind::InvalidData, error),
        })?;
        for (stack, function) in &news.sites {
            self.history.sites.push((StackId(*stack), decode::allocator_of(*function)));
        }
        let checkpoints: Vec<Checkpoint> = news.moments.iter().filter_map(decode::checkpoint).collect();
        self.history.checkpoints.extend(checkpoints.iter().cloned());
        let containers = news.containers.iter().map(|grown| self.grown(grown)).collect();
        let lengths = news.lengths.iter().map(|record| self.length(record)).collect();
        Ok(News { checkpoints, containers, lengths })
    }

    /// All that was read: what the whole file says at that moment.
    pub fn history(&self) -> &History {
        &self.history
    }

    fn grown(&mut self, grown: &Grown) -> (u32, Container) {
        let container = decode::container(&grown.record, &grown.type_name);
        let id = grown.id as usize;
        if id >= self.ids.len() {
            self.ids.resize(id + 1, Id::Unused);
        }
        match &mut self.ids[id] {
            Id::At(index) => {
                let known = &mut self.history.containers[*index];
                (known.bound, known.gone_at) = (container.bound, container.gone_at);
            }
            other => *other = Id::Waiting(container.clone()),
        }
        (grown.id, container)
    }

    fn length(&mut self, record: &LengthRecord) -> (u32, usize, u64) {
        let containers = &mut self.history.containers;
        // The reader has checked that there is such a container.
        if let Some(id) = self.ids.get_mut(record.container as usize) {
            if let Id::Waiting(container) = id {
                containers.push(container.clone());
                *id = Id::At(containers.len() - 1);
            }
            if let Id::At(index) = id {
                containers[*index].add_length(record);
            }
        }
        (record.container, record.checkpoint as usize - 1, record.length)
    }
}

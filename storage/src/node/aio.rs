//! Writes and fsyncs that nobody waits for in a thread: Linux's io_submit(2), for files that are written past the kernel's
//! memory.
//!
//! **Why.** A commit is six writes and four fsyncs. With a thread for each, most of what they cost is the waking of threads, and
//! where there are two cores most of the time they take, too.
//!
//! **Why not io_uring.** It is not to be had where people run this: container runtimes forbid it. No library offers these calls;
//! they are three.
//!
//! Whoever submits passes bytes, which are copied, and what to do at the end; one thread of the process, which never ends, does
//! all of that. File and buffer are kept until the end is told.
//!
//! Submitting waits where the file system does: when its journal does not get on, or the device takes no more requests. Nodes of
//! one process share a disk as a rule, and each has one call under way.

use super::disk::{BLOCK_BYTES, Done};
use std::cell::RefCell;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};

/// Calls that the kernel may have at once: more than volumes that a process keeps.
const CALLS_MAX: libc::c_long = 256;
/// Ends that are taken at once.
const ENDS_MAX: usize = 16;

/// See include/uapi/linux/aio_abi.h, also for the structs below.
const IOCB_CMD_PWRITE: u16 = 1;
const IOCB_CMD_FDSYNC: u16 = 3;

#[repr(C)]
#[derive(Default)]
struct Control {
    data: u64,
    #[cfg(target_endian = "big")]
    rw_flags: i32,
    key: u32,
    #[cfg(target_endian = "little")]
    rw_flags: i32,
    opcode: u16,
    request_priority: i16,
    file: u32,
    buffer: u64,
    bytes: u64,
    offset: i64,
    reserved: u64,
    flags: u32,
    event_file: u32,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Event {
    data: u64,
    control: u64,
    result: i64,
    result2: i64,
}

const _: () = assert!(size_of::<Control>() == 64 && size_of::<Event>() == 32, "as the kernel has them");

/// What the kernel works on, kept until its end is told.
struct Call {
    control: Control,
    _file: Handle,
    /// Where blocks lie in memory as the device wants them.
    _aligned: Vec<u8>,
    done: Done,
}

/// A file that stays open for as long as it is needed.
pub type Handle = Arc<dyn AsFd + Send + Sync>;

/// The process's queue.
pub struct Aio {
    context: libc::c_ulong,
}

thread_local! {
    /// What is to be begun [together].
    static GATHERED: RefCell<Option<Vec<Call>>> = const { RefCell::new(None) };
}

/// Runs `work`, which must not wait for the end of anything that it begins. What this thread begins to write meanwhile is begun
/// at the end, all at once: the disk is told of it once. What cannot be begun then ends with `EAGAIN`.
pub fn together<T>(work: impl FnOnce() -> T) -> T {
    let _gathering = Gathering { outer: GATHERED.replace(Some(Vec::new())) };
    work()
}

/// While it lives, this thread gathers.
struct Gathering {
    outer: Option<Vec<Call>>,
}

impl Drop for Gathering {
    fn drop(&mut self) {
        let gathered = GATHERED.replace(self.outer.take()).unwrap_or_default();
        let Some(queue) = Aio::get().filter(|_| !gathered.is_empty()) else { return };
        for call in queue.submit(gathered) {
            (call.done)(Err(io::Error::from_raw_os_error(libc::EAGAIN)));
        }
    }
}

impl Aio {
    /// The queue, if the kernel has one for this process.
    #[must_use]
    pub fn get() -> Option<&'static Aio> {
        static QUEUE: OnceLock<Option<Aio>> = OnceLock::new();
        let queue = QUEUE.get_or_init(|| {
            let queue = setup()?;
            let context = queue.context;
            let tell = move || {
                let _panic = catch_unwind(AssertUnwindSafe(|| tell_ends(context)));
                // Nobody would hear of an end again.
                std::process::abort();
            };
            std::thread::Builder::new().name("disk-ends".into()).spawn(tell).ok()?;
            Some(queue)
        });
        queue.as_ref()
    }

    /// Begins to write `blocks`, whole ones, at a multiple of [`BLOCK_BYTES`]. `durably`: it ends as after an fsync of what it
    /// has written; of what was written before that says nothing.
    ///
    /// # Errors
    /// Nothing was begun: the kernel has too much to do, or cannot do it. [Together](together) with others that is the end's.
    pub fn write(&self, file: Handle, offset: u64, blocks: &[u8], durably: bool, done: Done) -> Result<(), Done> {
        let mut aligned: Vec<u8> = Vec::with_capacity(blocks.len() + BLOCK_BYTES);
        let begin = aligned.as_ptr().align_offset(BLOCK_BYTES);
        aligned.resize(begin, 0);
        aligned.extend_from_slice(blocks);
        let control = Control {
            opcode: IOCB_CMD_PWRITE,
            file: file.as_fd().as_raw_fd().cast_unsigned(),
            rw_flags: if durably { libc::RWF_DSYNC } else { 0 },
            buffer: aligned[begin..].as_ptr() as u64,
            bytes: blocks.len() as u64,
            offset: offset.cast_signed(),
            ..Control::default()
        };
        let call = Call { control, _file: file, _aligned: aligned, done };
        let call = GATHERED.with_borrow_mut(|gathered| match gathered {
            Some(gathered) => {
                gathered.push(call);
                None
            }
            None => Some(call),
        });
        call.map_or(Ok(()), |call| self.begin(call))
    }

    /// Begins to make durable what was written.
    ///
    /// # Errors
    /// As [`Aio::write`].
    pub fn sync(&self, file: Handle, done: Done) -> Result<(), Done> {
        let number = file.as_fd().as_raw_fd().cast_unsigned();
        let control = Control { opcode: IOCB_CMD_FDSYNC, file: number, ..Control::default() };
        self.begin(Call { control, _file: file, _aligned: Vec::new(), done })
    }

    fn begin(&self, call: Call) -> Result<(), Done> {
        self.submit(vec![call]).pop().map_or(Ok(()), |call| Err(call.done))
    }

    /// Returns those that the kernel did not take.
    #[expect(unsafe_code, reason = "no library offers the call")]
    fn submit(&self, calls: Vec<Call>) -> Vec<Call> {
        let calls: Vec<*mut Call> = calls.into_iter().map(|call| Box::into_raw(Box::new(call))).collect();
        let controls: Vec<*mut Control> = calls
            .iter()
            .map(|call| {
                // SAFETY: they are ours until they are submitted.
                let control = unsafe { &mut (**call).control };
                control.data = *call as u64;
                &raw mut *control
            })
            .collect();
        let mut taken = 0;
        while taken < controls.len() {
            let rest = &controls[taken..];
            // SAFETY: the context lives as long as the process, and each control with its buffer until `tell_ends` takes it.
            let submitted =
                unsafe { libc::syscall(libc::SYS_io_submit, self.context, rest.len() as libc::c_long, rest.as_ptr()) };
            match usize::try_from(submitted) {
                Ok(more) if more > 0 => taken += more,
                _ => {
                    tracing::debug!(error = %io::Error::last_os_error(), "the kernel does not begin it");
                    break;
                }
            }
        }
        // SAFETY: the kernel did not take these.
        calls[taken..].iter().map(|call| *unsafe { Box::from_raw(*call) }).collect()
    }
}

impl Call {
    /// What the end says, of a call that was to move all its bytes.
    fn end(&self, result: i64) -> io::Result<()> {
        match result {
            error if error < 0 => Err(io::Error::from_raw_os_error(i32::try_from(-error).unwrap_or(libc::EIO))),
            bytes if bytes.cast_unsigned() < self.control.bytes => Err(io::ErrorKind::WriteZero.into()),
            _ => Ok(()),
        }
    }
}

#[expect(unsafe_code, reason = "no library offers the call")]
fn setup() -> Option<Aio> {
    let mut context: libc::c_ulong = 0;
    // SAFETY: the kernel writes one number.
    let made = unsafe { libc::syscall(libc::SYS_io_setup, CALLS_MAX, &raw mut context) };
    (made == 0).then_some(Aio { context })
}

/// Returns when there is no more to be heard.
#[expect(unsafe_code, reason = "no library offers the call")]
fn tell_ends(context: libc::c_ulong) {
    let mut ends = [Event::default(); ENDS_MAX];
    loop {
        let (least, most) = (1 as libc::c_long, ENDS_MAX as libc::c_long);
        let forever = std::ptr::null_mut::<libc::timespec>();
        // SAFETY: the kernel writes at most as many events as there is room for.
        let ended = unsafe { libc::syscall(libc::SYS_io_getevents, context, least, most, ends.as_mut_ptr(), forever) };
        let Ok(ended) = usize::try_from(ended) else {
            let error = io::Error::last_os_error();
            if error.kind() == io::ErrorKind::Interrupted {
                continue;
            }
            tracing::error!(%error, "the kernel does not tell of ends any more");
            return;
        };
        for end in &ends[..ended] {
            // SAFETY: `submit` put it there, the kernel is done with it, and tells of it once.
            let call = unsafe { Box::from_raw(end.data as *mut Call) };
            let said = call.end(end.result);
            (call.done)(said);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{File, OpenOptions};
    use std::os::unix::fs::FileExt;
    use std::sync::mpsc;

    const CALLS: usize = 64;

    fn blocks(number: usize) -> Vec<u8> {
        vec![number as u8 + 1; 2 * BLOCK_BYTES]
    }

    fn at(number: usize) -> u64 {
        (number * 2 * BLOCK_BYTES) as u64
    }

    fn check(file: &File, ends: &mpsc::Receiver<(usize, io::Result<()>)>) {
        let ended = ends.iter().take(CALLS).map(|(number, end)| end.map(|()| number).expect("there is room"));
        let mut ended: Vec<usize> = ended.collect();
        ended.sort_unstable();
        assert_eq!(ended, (0..CALLS).collect::<Vec<_>>(), "each ends once");
        for number in 0..CALLS {
            let mut read = vec![0; 2 * BLOCK_BYTES];
            file.read_exact_at(&mut read, at(number)).expect("it is there");
            assert!(read == blocks(number));
        }
    }

    #[test]
    fn what_is_begun_ends_and_says_how() {
        let Some(queue) = Aio::get() else { return };
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("file");
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path).expect("it can be made");
        let file = Arc::new(file);
        let (sender, ends) = mpsc::channel();
        let done = |number: usize| -> Done {
            let sender = sender.clone();
            Box::new(move |end| sender.send((number, end)).expect("the test waits"))
        };
        let begin = || {
            for number in 0..CALLS {
                let begun = queue.write(file.clone(), at(number), &blocks(number), number % 2 == 0, done(number));
                assert!(begun.is_ok());
            }
        };
        begin();
        check(&file, &ends);
        file.set_len(0).expect("it is open");
        together(|| {
            begin();
            assert!(ends.try_recv().is_err() && file.metadata().expect("it is open").len() == 0, "not before the end");
        });
        check(&file, &ends);
        assert!(queue.sync(file.clone(), done(CALLS)).is_ok());
        assert!(matches!(ends.recv(), Ok((CALLS, Ok(())))));
        // A file that cannot be written tells so at once or at the end.
        let unwritable = Arc::new(OpenOptions::new().read(true).open(&path).expect("it is there"));
        if queue.write(unwritable.clone(), 0, &blocks(0), true, done(CALLS + 1)).is_ok() {
            assert!(matches!(ends.recv(), Ok((_, Err(_)))));
        }
        together(|| assert!(queue.write(unwritable.clone(), 0, &blocks(0), true, done(CALLS + 2)).is_ok()));
        assert!(matches!(ends.recv(), Ok((_, Err(_)))));
    }
}

//! Where DataFusion's operators put what does not fit in memory: files of the session, in the server's own directory for
//! them, without names, and counted against `temp_file_limit` like those of the row executor.

use std::io;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use datafusion::error::Result;
use datafusion::execution::{SpillFile, SpillWriter, TempFileFactory};
use futures::{Stream, StreamExt, stream};
use sql::exec::TemporaryFile;
use sql::functions::SessionContext;

use crate::error::to_datafusion;

/// How many bytes are read at once.
const READ_BYTES: u64 = 128 << 10;

/// Makes the files of one query.
pub(crate) struct SessionFiles {
    session: Arc<SessionContext>,
}

impl SessionFiles {
    pub(crate) fn new(session: Arc<SessionContext>) -> SessionFiles {
        SessionFiles { session }
    }
}

impl TempFileFactory for SessionFiles {
    fn create_temp_file(&self, _description: &str) -> Result<Arc<dyn SpillFile>> {
        let file = TemporaryFile::create(&self.session).map_err(to_datafusion)?;
        Ok(Arc::new(SessionFile(Arc::new(file))))
    }
}

struct SessionFile(Arc<TemporaryFile>);

struct Writer(Arc<TemporaryFile>);

impl SpillFile for SessionFile {
    fn size(&self) -> Option<u64> {
        Some(self.0.len())
    }

    fn read_stream(&self) -> Result<Pin<Box<dyn Stream<Item = Result<Bytes>> + Send>>> {
        let file = Arc::clone(&self.0);
        let chunks = (0..file.len()).step_by(READ_BYTES as usize);
        Ok(Box::pin(stream::iter(chunks).map(move |from| {
            let to = file.len().min(from + READ_BYTES);
            file.read(from..to).map(Bytes::from).map_err(to_datafusion)
        })))
    }

    fn open_writer(&self) -> Result<Box<dyn SpillWriter>> {
        Ok(Box::new(Writer(Arc::clone(&self.0))))
    }
}

impl io::Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.append(bytes).map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl SpillWriter for Writer {
    fn finish(&mut self) -> Result<()> {
        Ok(())
    }
}

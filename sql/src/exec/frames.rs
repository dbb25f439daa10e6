//! Rows, and the enclosing rows that a correlated plan can see.

use std::sync::Arc;

use types::{Datum, Error, Result};

/// One row of a plan node's output.
pub type Row = Vec<Datum>;

/// The enclosing rows, innermost first. Cheap to clone; pushing shares what is below.
#[derive(Clone, Default, Debug)]
pub struct Frames(Option<Arc<Frame>>);

#[derive(Debug)]
struct Frame {
    row: Row,
    outer: Frames,
}

impl Frames {
    /// No enclosing row.
    pub fn none() -> Frames {
        Frames(None)
    }

    /// These frames under a new innermost one.
    pub fn push(&self, row: Row) -> Frames {
        Frames(Some(Arc::new(Frame { row, outer: self.clone() })))
    }

    /// Value `index` of the row `depth` frames out.
    ///
    /// # Errors
    /// XX000 if there is no such frame: the plan was bound wrongly.
    pub fn get(&self, depth: usize, index: usize) -> Result<&Datum> {
        let mut frames = self;
        let mut left = depth;
        while let Some(frame) = &frames.0 {
            if left == 0 {
                return frame.row.get(index).ok_or_else(|| Error::internal("an outer column outside of its frame"));
            }
            left -= 1;
            frames = &frame.outer;
        }
        Err(Error::internal("an outer column without a frame"))
    }
}

//! Tails: the newest records of hot pages, one behind the other as they came.
//!
//! An image of a hot page is due every few hundred records, again and again. By their links each of them costs a look among the
//! runs of its group, one among the recent batches, and a walk through a batch that has records of many pages: most of what the
//! background did while little else was to be done. So a page that grew an image's worth of records in short time keeps those
//! that follow in its [`Head`](super::state::Head), until a sweep finds that it has cooled down.
//!
//! **Rule.** A tail shows a walk where records are and is no word that they count: of what it has, a walk takes what the links
//! lead to ([`pages`](super::pages)).

use super::stored::glances_from;
use protocol::Lsn;
use std::sync::Arc;

/// Pages of a node that have tails.
const TAILS_MAX: usize = 64;
/// A tail that has grown so long is given up: no image of its page can be made.
const TAIL_BYTES_MAX: usize = 128 << 10;

/// How many tails there are: each holds one more of it.
pub type Tails = Arc<()>;

/// See the module.
#[derive(Clone, Debug)]
pub struct Tail {
    /// Encoded records, ascending.
    records: Vec<u8>,
    _one: Tails,
}

impl Tail {
    /// A tail without records, unless there are too many.
    #[must_use]
    pub fn begin(tails: &Tails) -> Option<Box<Tail>> {
        (Arc::strong_count(tails) <= TAILS_MAX).then(|| Box::new(Tail { records: Vec::new(), _one: Arc::clone(tails) }))
    }

    /// Takes the page's next record; `false` when it can take no more.
    pub fn push(&mut self, encoded: &[u8]) -> bool {
        self.records.extend_from_slice(encoded);
        self.records.len() <= TAIL_BYTES_MAX
    }

    /// An image has the records up to this one.
    pub fn cut(&mut self, up_to: Lsn) {
        let kept = glances_from(&self.records, 0).find(|record| record.lsn > up_to);
        let from = kept.map_or(self.records.len(), |record| record.at);
        self.records.drain(..from);
    }

    /// Encoded records, ascending.
    #[must_use]
    pub fn records(&self) -> &[u8] {
        &self.records
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::PageId;
    use protocol::redo::RecordHeader;

    #[test]
    fn a_tail_has_what_no_image_has() {
        let mut tail = Tail::begin(&Tails::default()).expect("it is the first");
        for lsn in [10, 20, 30] {
            let (lsn, prev) = (Lsn(lsn), Lsn(lsn - 10));
            let header = RecordHeader {
                lsn,
                prev_volume: prev,
                prev_group: prev,
                prev_page: prev,
                page: PageId(1),
                end_of_mtr: true,
            };
            let mut encoded = Vec::new();
            header.encode(&[7; 9], &mut encoded);
            assert!(tail.push(&encoded));
        }
        let left = |tail: &Tail| glances_from(tail.records(), 0).map(|record| record.lsn.0).collect::<Vec<_>>();
        assert_eq!(left(&tail), [10, 20, 30]);
        tail.cut(Lsn(9));
        assert_eq!(left(&tail), [10, 20, 30]);
        tail.cut(Lsn(20));
        assert_eq!(left(&tail), [30]);
        tail.cut(Lsn(35));
        assert_eq!(tail.records(), b"");
    }

    #[test]
    fn there_are_so_many_tails_and_no_more() {
        let tails = Tails::default();
        let mut begun: Vec<_> = (0..TAILS_MAX).map(|_| Tail::begin(&tails)).collect();
        assert!(begun.iter().all(Option::is_some) && Tail::begin(&tails).is_none());
        begun.pop();
        assert!(Tail::begin(&tails).is_some());
    }
}

//! The bytes of a file that ends in zeros, which are not stored.

/// See the module.
#[derive(Clone, Debug, Default)]
pub(super) struct Sparse {
    /// Behind these there are only zeros.
    stored: Vec<u8>,
    len: u64,
}

/// What bytes are looked at together when zeros are looked for.
const LOOK_BYTES: usize = 512;

/// The bytes up to the last that is not zero, or a few more.
pub(super) fn without_last_zeros(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.rchunks(LOOK_BYTES).take_while(|chunk| **chunk == [0; LOOK_BYTES][..chunk.len()]);
    &bytes[..bytes.len() - zeros.map(<[u8]>::len).sum::<usize>()]
}

impl Sparse {
    /// Length of the file, in bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Writes `len` bytes at `offset`: `bytes`, and zeros behind them. The file grows as it must, with zeros between.
    pub fn write(&mut self, offset: u64, bytes: &[u8], len: usize) {
        let from = offset as usize;
        let (to, end) = (from + bytes.len(), from + len);
        self.len = self.len.max(end as u64);
        if self.stored.len() < to && !bytes.is_empty() {
            self.stored.resize(to, 0);
        }
        if let Some(place) = self.stored.get_mut(from..to) {
            place.copy_from_slice(bytes);
        }
        let end = end.min(self.stored.len());
        if let Some(place) = self.stored.get_mut(to..end) {
            place.fill(0);
        }
    }

    /// Fills `buffer` with what is at `offset`; `false` when the file ends before.
    #[must_use]
    pub fn read(&self, offset: u64, buffer: &mut [u8]) -> bool {
        if offset.checked_add(buffer.len() as u64).is_none_or(|end| end > self.len) {
            return false;
        }
        let stored = self.stored.get(offset as usize..).unwrap_or_default();
        let (here, zeros) = buffer.split_at_mut(stored.len().min(buffer.len()));
        here.copy_from_slice(&stored[..here.len()]);
        zeros.fill(0);
        true
    }

    /// Cuts the file, or lets it grow by zeros.
    pub fn set_len(&mut self, len: u64) {
        self.len = len;
        self.stored.truncate(usize::try_from(len).unwrap_or(usize::MAX));
    }

    /// Flips bits of a byte; does nothing beyond the end.
    pub fn flip(&mut self, offset: usize, bits: u8) {
        let mut byte = [0];
        if self.read(offset as u64, &mut byte) {
            self.write(offset as u64, &[byte[0] ^ bits], 1);
        }
    }

    /// All of it.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        let mut bytes = self.stored.clone();
        bytes.resize(self.len as usize, 0);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Clone, Debug)]
    enum Step {
        Write { offset: usize, bytes: Vec<u8>, zeros: usize },
        SetLen(usize),
        Flip(usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        let bytes = prop_oneof![prop::collection::vec(any::<u8>(), 0..40), prop::collection::vec(0u8..1, 0..2000)];
        prop_oneof![
            (0usize..3000, bytes, 0usize..1500).prop_map(|(offset, bytes, zeros)| Step::Write { offset, bytes, zeros }),
            (0usize..4000).prop_map(Step::SetLen),
            (0usize..3000).prop_map(Step::Flip),
        ]
    }

    proptest! {
        #[test]
        fn it_reads_as_the_bytes_that_it_stands_for(
            steps in prop::collection::vec(step(), 0..20),
            from in 0usize..4000,
            len in 0usize..600,
        ) {
            let (mut sparse, mut plain) = (Sparse::default(), Vec::new());
            for step in steps {
                match step {
                    Step::Write { offset, mut bytes, zeros } => {
                        bytes.resize(bytes.len() + zeros, 0);
                        let end = offset + bytes.len();
                        plain.resize(plain.len().max(end), 0);
                        plain[offset..end].copy_from_slice(&bytes);
                        sparse.write(offset as u64, without_last_zeros(&bytes), bytes.len());
                    }
                    Step::SetLen(len) => {
                        plain.resize(len, 0);
                        sparse.set_len(len as u64);
                    }
                    Step::Flip(at) => {
                        plain.get_mut(at).into_iter().for_each(|byte| *byte ^= 4);
                        sparse.flip(at, 4);
                    }
                }
                prop_assert_eq!(sparse.len(), plain.len() as u64);
            }
            prop_assert_eq!(&sparse.to_vec(), &plain);
            let mut read = vec![9; len];
            let there = sparse.read(from as u64, &mut read);
            prop_assert_eq!(there.then_some(&read[..]), plain.get(from..from + len));
        }
    }
}

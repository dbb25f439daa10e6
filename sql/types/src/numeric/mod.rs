//! Arbitrary-precision decimals.
use std::cmp::Ordering;
#[derive(Clone, Debug)]
pub struct Numeric(i64);
impl Numeric { pub fn compare(&self, other: &Numeric) -> Ordering { self.0.cmp(&other.0) } }

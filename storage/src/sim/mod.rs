//! The world as a simulator makes it: a disk that loses what was not fsynced, and a clock that stands still until moved.

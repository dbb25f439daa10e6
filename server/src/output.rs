//! What commands print to standard output.
//!
//! **Rule.** A reader that has seen enough closes the pipe, as `head` does. A command that only shows something then ends
//! without a word (`say!`); one that does something, or runs servers, goes on without that reader (`tell!`). Errors go to
//! standard error, if anybody reads that (`complain!`).
//!
//! SIGPIPE stays ignored, as Rust's runtime has it, for a client that closes its connection must not end a server. So a
//! closed pipe is an error of the write, over which `println!` panics.

use std::fmt;
use std::io::{self, ErrorKind, Write};
use std::process;

/// What a shell says of a program that SIGPIPE has ended. Not success: who only looks at the status learns that not all
/// was printed.
const PIPE_CLOSED: i32 = 128 + 13;

/// Prints a line, formatted as by `println!`, or ends the process.
macro_rules! say {
    ($($argument:tt)*) => { $crate::output::print_or_end(format_args!($($argument)*)) };
}

/// Prints a line, formatted as by `println!`, if somebody reads it.
macro_rules! tell {
    ($($argument:tt)*) => { $crate::output::print_if_read(format_args!($($argument)*)) };
}

/// Prints an error, formatted as by `eprintln!`, if somebody reads it.
macro_rules! complain {
    ($($argument:tt)*) => { $crate::output::print_error(format_args!($($argument)*)) };
}

pub(crate) use {complain, say, tell};

pub(crate) fn print_or_end(line: fmt::Arguments<'_>) {
    let Err(error) = print(line) else { return };
    if error.kind() == ErrorKind::BrokenPipe {
        process::exit(PIPE_CLOSED);
    }
    complain!("redoubt: standard output: {error}");
    process::exit(1);
}

pub(crate) fn print_if_read(line: fmt::Arguments<'_>) {
    let _ = print(line);
}

pub(crate) fn print_error(line: fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr(), "{line}");
}

fn print(line: fmt::Arguments<'_>) -> io::Result<()> {
    let mut output = io::stdout().lock();
    writeln!(output, "{line}")?;
    output.flush()
}

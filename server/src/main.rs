//! The one binary. See `redoubt help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    server::cli::main()
}

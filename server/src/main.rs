//! The one binary. See `redoubt help`.

use std::process::ExitCode;

/// Rows are many small allocations that threads hand to each other.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    server::cli::main()
}

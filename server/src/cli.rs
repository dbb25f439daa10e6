//! From a command line to a running command.
//!
//! Flags, environment variables (`REDOUBT_...`) and the keys of a TOML file are one set of settings: a flag wins over the
//! environment, the environment over the file ([`crate::settings`]). Bad usage exits with 2, a failure with 1.

use crate::compute::Role;
use crate::options::{Command, Storage, StorageCommand, Volumes, VolumesCommand};
use crate::output::complain;
use crate::{admin, init, local, node, proxy, settings, simulate, single, threads, volumes};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::process::ExitCode;

/// Parses the command line and runs the command to its end.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match settings::parse_command_line(std::env::args_os().collect()) {
        Ok(cli) => cli,
        Err(settings::UsageError::Clap(error)) => {
            let code = if error.use_stderr() { 2 } else { 0 };
            let _ = error.print();
            return ExitCode::from(code);
        }
        Err(settings::UsageError::File(message)) => {
            complain!("redoubt: {message}");
            return ExitCode::from(2);
        }
    };
    if let Command::Sim(options) = &cli.command {
        // It has time and tasks of its own, and its own reports.
        return simulate::run(options);
    }
    start_logging();
    raise_file_limit();
    let outcome = threads::runtime("redoubt").map_err(anyhow::Error::from).and_then(|runtime| {
        let outcome = runtime.block_on(run(cli.command));
        // Blocking reads of a dead disk must not keep the process.
        runtime.shutdown_background();
        outcome
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain!("redoubt: {error:#}");
            ExitCode::from(if error.is::<settings::BadSetting>() { 2 } else { 1 })
        }
    }
}

/// Files and connections that a process may have open: as many as it may allow itself. What it may without asking, mostly 1024,
/// is meant for programs that wait with `select`.
fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    // Where this is refused it stays as it is, and whoever needs more is told when there is no more.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}

async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Local(options) if options.processes => local::processes::run(options).await,
        Command::Local(options) => local::in_process::run(options).await,
        Command::Init(options) => init::run(options).await,
        Command::Volumes(Volumes { command: Some(VolumesCommand::Drop(options)), .. }) => {
            volumes::drop_volume(options).await
        }
        Command::Volumes(options) => volumes::list(options).await,
        Command::Storage(Storage { command, node }) => match command {
            Some(StorageCommand::Replace(options)) => admin::replace(options).await,
            Some(StorageCommand::Revert(options)) => admin::revert(options).await,
            None => node::run(node).await,
        },
        Command::Writer(options) => single::writer(options).await,
        Command::Replica(options) => single::run(options, Role::Replica).await,
        Command::Proxy(options) => proxy::run(options).await,
        Command::Promote(options) => admin::promote(options).await,
        Command::Status(options) => admin::status(options).await,
        Command::Sim(_) => unreachable!("it was run without a runtime"),
    }
}

fn start_logging() {
    use std::io::IsTerminal;
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_from_env("REDOUBT_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let colours = std::io::stderr().is_terminal();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colours)
        .with_target(false)
        // It would tell them on standard error, and so panic when that is what is closed.
        .log_internal_errors(false)
        .init();
}

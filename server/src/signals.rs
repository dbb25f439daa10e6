//! Ctrl-C and SIGTERM.
//!
//! **Rule.** The first signal stops a process in order, another one ends it at once. To a process that `redoubt local`
//! has started, Ctrl-C comes from the terminal, as to everyone in its process group: the first one is `local`'s, which
//! stops its processes in their order, by SIGTERM. With the second Ctrl-C `local` itself ends at once, and so do they.
//! When it is killed, they stop by themselves.
//!
//! A SIGTERM that comes to all of them, as from systemd but for `KillMode=mixed`, stops all at once. `local`'s own is no
//! second one: whoever does not stop it kills.

use std::os::unix::process::parent_id;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// The environment variable by which `redoubt local` tells a process that it will stop it: the process id of `local`.
pub const STOPPED_BY_LOCAL: &str = "REDOUBT_STOPPED_BY_LOCAL";
/// How often a process looks whether `local` lives.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);
/// How long it then has to stop.
const STOPS_WITHIN: Duration = Duration::from_secs(10);

/// A token that is cancelled by the first SIGINT or SIGTERM; a second one ends the process at once. See the module for
/// the processes of `redoubt local`.
///
/// # Panics
/// When the process may not handle signals, which only a broken sandbox causes.
#[must_use]
pub fn shutdown() -> CancellationToken {
    let token = CancellationToken::new();
    let cancelled = token.clone();
    let mut interrupt = signal(SignalKind::interrupt()).expect("a process may handle SIGINT");
    let mut terminate = signal(SignalKind::terminate()).expect("a process may handle SIGTERM");
    let local = std::env::var(STOPPED_BY_LOCAL).ok().and_then(|pid| pid.parse().ok());
    if let Some(local) = local {
        tokio::spawn(follow(local, token.clone()));
    }
    let mut heard = Heard { stopped_by_local: local.is_some(), ..Heard::default() };
    tokio::spawn(async move {
        loop {
            let answer = tokio::select! {
                _ = interrupt.recv() => heard.interrupt(),
                _ = terminate.recv() => heard.terminate(),
            };
            match answer {
                Answer::Wait => tracing::info!("a signal is left to the process that has started this one"),
                Answer::Stop => {
                    tracing::info!("stopping");
                    cancelled.cancel();
                }
                Answer::End => std::process::exit(130),
            }
        }
    });
    token
}

/// Stops this process when the one that has started it is gone, and another is its parent.
async fn follow(local: u32, token: CancellationToken) {
    while parent_id() == local {
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
    tracing::info!("stopping, for the process that would do it has ended");
    token.cancel();
    // Nobody else would end a process that hangs.
    tokio::time::sleep(STOPS_WITHIN).await;
    std::process::exit(1);
}

/// What a process does about a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Wait,
    Stop,
    End,
}

/// The signals that a process has had.
#[derive(Default)]
struct Heard {
    stopped_by_local: bool,
    interrupted: bool,
    stopping: bool,
}

impl Heard {
    fn interrupt(&mut self) -> Answer {
        let again = std::mem::replace(&mut self.interrupted, true);
        match (self.stopped_by_local, again) {
            (true, false) => Answer::Wait,
            (true, true) => Answer::End,
            (false, _) => self.terminate(),
        }
    }

    fn terminate(&mut self) -> Answer {
        match (self.stopped_by_local, std::mem::replace(&mut self.stopping, true)) {
            (_, false) => Answer::Stop,
            (true, true) => Answer::Wait,
            (false, true) => Answer::End,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(stopped_by_local: bool, signals: &str) -> Vec<Answer> {
        let mut heard = Heard { stopped_by_local, ..Heard::default() };
        signals.chars().map(|it| if it == 'I' { heard.interrupt() } else { heard.terminate() }).collect()
    }

    #[test]
    fn the_first_signal_stops_and_another_ends() {
        for signals in ["II", "IT", "TI", "TT"] {
            assert_eq!(answers(false, signals), [Answer::Stop, Answer::End], "{signals}");
        }
    }

    #[test]
    fn the_first_interrupt_of_a_process_of_local_is_not_for_it() {
        assert_eq!(answers(true, "ITI"), [Answer::Wait, Answer::Stop, Answer::End]);
        assert_eq!(answers(true, "TII"), [Answer::Stop, Answer::Wait, Answer::End]);
        assert_eq!(answers(true, "II"), [Answer::Wait, Answer::End], "local has ended and stops nobody");
        assert_eq!(answers(true, "TT"), [Answer::Stop, Answer::Wait], "one is of whoever stops the whole group");
    }
}

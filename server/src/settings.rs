//! One set of settings from three places: flags, environment, TOML file.
//!
//! The file's keys are the long flags of the command. They are put on the command line before the user's own arguments, so
//! that one parser gives every value its meaning; a key whose environment variable is set is left out, for the environment
//! comes before the file. An unknown key or a bad value is named with its place: `file:line:column`.

use crate::options::Cli;
use clap::{Command, CommandFactory, FromArgMatches};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use toml::Spanned;

/// Why the settings were refused; the process exits with 2.
#[derive(Debug)]
pub enum UsageError {
    /// Bad usage, or a request for help.
    Clap(clap::Error),
    /// A bad file, with the place.
    File(String),
}

/// A combination of settings that cannot be: exits with 2 like bad usage.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BadSetting(pub String);

/// Parses arguments, environment and the file that `--config` names.
///
/// # Errors
/// [`UsageError`].
pub fn parse_command_line(arguments: Vec<OsString>) -> Result<Cli, UsageError> {
    let mut arguments = arguments;
    if let Some((path, position)) = config_file(&arguments) {
        let command = Cli::command();
        let subcommand = command.find_subcommand(&arguments[position]).expect("config_file found its position").clone();
        let from_file = arguments_of_file(Path::new(&path), &subcommand).map_err(UsageError::File)?;
        arguments.splice(position + 1..position + 1, from_file);
    }
    let matches = Cli::command().try_get_matches_from(arguments).map_err(UsageError::Clap)?;
    Cli::from_arg_matches(&matches).map_err(UsageError::Clap)
}

/// The file named by `--config` or the environment, and where the subcommand stands; none when either is missing.
fn config_file(arguments: &[OsString]) -> Option<(OsString, usize)> {
    let command = Cli::command();
    let position = arguments.iter().skip(1).position(|argument| command.find_subcommand(argument).is_some())? + 1;
    let mut path = std::env::var_os("REDOUBT_CONFIG");
    for (index, argument) in arguments.iter().enumerate() {
        if argument == "--config" {
            path = arguments.get(index + 1).cloned();
        } else if let Some(value) = argument.to_str().and_then(|text| text.strip_prefix("--config=")) {
            path = Some(value.into());
        }
    }
    Some((path?, position))
}

#[derive(Deserialize)]
#[serde(transparent)]
struct File(BTreeMap<Spanned<String>, Spanned<toml::Value>>);

fn arguments_of_file(path: &Path, command: &Command) -> Result<Vec<OsString>, String> {
    let name = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| format!("{name}: {error}"))?;
    let place = |at: usize| {
        let before = &text[..at.min(text.len())];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |rest| rest.chars().count()) + 1;
        format!("{name}:{line}:{column}")
    };
    let File(entries) = toml::from_str(&text).map_err(|error: toml::de::Error| {
        let at = error.span().map_or(0, |span| span.start);
        format!("{}: {}", place(at), error.message())
    })?;
    let mut arguments = Vec::new();
    for (key, value) in entries {
        let found = command.get_arguments().find(|argument| argument.get_long() == Some(key.get_ref().as_str()));
        let Some(argument) = found else {
            let known = command.get_arguments().filter_map(|argument| argument.get_long());
            let hint =
                nearest(key.get_ref(), known).map_or(String::new(), |near| format!("; did you mean \"{near}\"?"));
            return Err(format!("{}: unknown key \"{}\"{hint}", place(key.span().start), key.get_ref()));
        };
        let is_flag = matches!(argument.get_action(), clap::ArgAction::SetTrue);
        let rendered = match value.get_ref() {
            toml::Value::Boolean(false) if is_flag => continue,
            toml::Value::Boolean(true) if is_flag => format!("--{}", key.get_ref()),
            toml::Value::String(text) if !is_flag => format!("--{}={text}", key.get_ref()),
            toml::Value::Integer(number) if !is_flag => format!("--{}={number}", key.get_ref()),
            toml::Value::Array(parts) if !is_flag && parts.iter().all(toml::Value::is_str) => {
                let parts: Vec<&str> = parts.iter().filter_map(toml::Value::as_str).collect();
                format!("--{}={}", key.get_ref(), parts.join(","))
            }
            _ => return Err(format!("{}: wrong type for \"{}\"", place(value.span().start), key.get_ref())),
        };
        let alone = Command::new("redoubt").no_binary_name(true).arg(argument.clone().required(false));
        if let Err(error) = alone.try_get_matches_from([&rendered]) {
            let reason = error.to_string();
            let reason = reason.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
            return Err(format!("{}: {reason}", place(value.span().start)));
        }
        if argument.get_env().is_none_or(|variable| std::env::var_os(variable).is_none()) {
            arguments.push(rendered.into());
        }
    }
    Ok(arguments)
}

/// The known key that differs from `key` in the fewest letters, if it is close.
fn nearest<'a>(key: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|name| (edit_distance(key, name), name))
        .filter(|(distance, _)| *distance <= 3)
        .min()
        .map(|(_, name)| name)
}

fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn parse_with_file(text: &str, arguments: &[&str]) -> Result<Cli, String> {
        let path = std::env::temp_dir().join(format!("redoubt-settings-{}-{}.toml", std::process::id(), text.len()));
        std::fs::File::create(&path).and_then(|mut file| file.write_all(text.as_bytes())).expect("temporary file");
        let mut line: Vec<OsString> = vec!["redoubt".into(), "--config".into(), path.clone().into()];
        line.extend(arguments.iter().map(OsString::from));
        let outcome = parse_command_line(line).map_err(|error| match error {
            UsageError::File(message) => message.replace(&path.display().to_string(), "FILE"),
            UsageError::Clap(error) => error.to_string(),
        });
        let _ = std::fs::remove_file(path);
        outcome
    }

    #[test]
    fn a_flag_wins_over_the_file() {
        let cli = parse_with_file("port = 6000\nreplicas = 3\n", &["local", "--replicas", "2"]).expect("valid");
        let crate::options::Command::Local(local) = cli.command else { panic!("the command was local") };
        assert_eq!((local.port, local.replicas), (6000, 2));
    }

    #[test]
    fn row_47_a_bad_file_is_refused_with_the_place() {
        let message = |text: &str| parse_with_file(text, &["local"]).expect_err("bad file");
        assert_eq!(message("port = 1\nreplica = 3"), "FILE:2:1: unknown key \"replica\"; did you mean \"replicas\"?");
        assert_eq!(message("port = true"), "FILE:1:8: wrong type for \"port\"");
        assert!(message("cache-size = \"12QB\"").starts_with("FILE:1:14: invalid value '12QB'"));
        assert!(message("port = ").starts_with("FILE:1:"));
    }

    #[test]
    fn a_failover_timeout_of_nothing_turns_failover_off() {
        let cli = parse_with_file("failover-timeout = 0\nfailover-priority = 3\n", &["local"]).expect("valid");
        let crate::options::Command::Local(local) = cli.command else { panic!("the command was local") };
        assert_eq!((local.server.failover.settings(), local.server.failover.failover_priority), (None, 3));
    }
}

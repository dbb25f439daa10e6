//! What a setting's text means: numbers with units and bounds. Each says what is wrong with a text that it refuses.

use super::Which;
use crate::failover;
use crate::pgwire::CONNECTIONS_RESERVED;
use std::net::IpAddr;
use std::ops::Range;

/// A failover timeout in milliseconds: 0, or long enough for two looks at a writer that says something ten times a second.
///
/// # Errors
/// What is wrong with the text.
pub fn failover_timeout(text: &str) -> Result<u64, String> {
    let least = failover::TIMEOUT_MIN.as_millis() as u64;
    match text.parse() {
        Ok(milliseconds) if milliseconds == 0 || milliseconds >= least => Ok(milliseconds),
        Ok(_) => Err(format!("expected 0 (off) or at least {least}")),
        Err(_) => Err("expected a number of milliseconds".to_owned()),
    }
}

/// A number of bytes with PostgreSQL's units: `B`, `kB`, `MB`, `GB`, `TB`, in powers of 1,024.
///
/// # Errors
/// What is wrong with the text.
pub fn bytes(text: &str) -> Result<u64, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..digits].parse().map_err(|_| "expected a size such as 512MB".to_owned())?;
    let shift = match text[digits..].trim() {
        "" | "B" => 0,
        "kB" | "KB" => 10,
        "MB" => 20,
        "GB" => 30,
        "TB" => 40,
        unit => return Err(format!("unknown unit \"{unit}\"; valid units are B, kB, MB, GB and TB")),
    };
    number.checked_shl(shift).filter(|bytes| bytes >> shift == number).ok_or("size exceeds 64 bits".to_owned())
}

/// The number of a volume: up to sixteen hexadecimal digits, and not 0.
///
/// # Errors
/// What is wrong with the text.
pub fn volume(text: &str) -> Result<u64, String> {
    match u64::from_str_radix(text, 16) {
        Ok(volume) if volume != 0 && !text.starts_with('+') => Ok(volume),
        _ => Err("expected a volume's number, up to sixteen hexadecimal digits".to_owned()),
    }
}

/// `new`, or the number of a volume.
///
/// # Errors
/// What is wrong with the text.
pub fn which_volume(text: &str) -> Result<Which, String> {
    match text {
        "new" => Ok(Which::New),
        number => volume(number).map(Which::This).map_err(|why| format!("{why}, or new")),
    }
}

/// A range of seeds, `A..B`, without B.
///
/// # Errors
/// What is wrong with it.
pub fn seeds(text: &str) -> Result<Range<u64>, String> {
    let (from, to) = text.split_once("..").ok_or("a range is A..B, without B")?;
    let number = |text: &str| text.trim().parse::<u64>().map_err(|error| format!("{text:?}: {error}"));
    let (from, to) = (number(from)?, number(to)?);
    if from < to { Ok(from..to) } else { Err(format!("no seed lies in {from}..{to}")) }
}

/// A bound on connections, from 1 to 100,000.
///
/// # Errors
/// What is wrong with the text.
pub fn connections(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number @ 1..=100_000) => Ok(number),
        _ => Err("expected a number from 1 to 100000".to_owned()),
    }
}

/// A bound on a server's connections: as for the proxy's, and some beyond those that are kept for superusers.
///
/// # Errors
/// What is wrong with the text.
pub fn server_connections(text: &str) -> Result<usize, String> {
    match connections(text)? {
        number if number > CONNECTIONS_RESERVED => Ok(number),
        _ => Err(format!("expected more than the {CONNECTIONS_RESERVED} that are kept for superusers")),
    }
}

/// Where a server listens, `HOST:PORT`; port 0 is any that is free.
///
/// # Errors
/// What is wrong with the text.
pub fn place_to_listen(text: &str) -> Result<String, String> {
    match text.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => Ok(text.to_owned()),
        _ => Err("expected HOST:PORT".to_owned()),
    }
}

/// An address that can be dialled, `HOST:PORT`.
///
/// # Errors
/// What is wrong with the text.
pub fn host_and_port(text: &str) -> Result<String, String> {
    let expected = || "expected HOST:PORT, as others dial it".to_owned();
    let (host, port) = text.rsplit_once(':').ok_or_else(expected)?;
    let port: u16 = port.parse().map_err(|_| expected())?;
    let everywhere = host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|address| address.is_unspecified());
    if host.is_empty() || port == 0 || everywhere { Err(expected()) } else { Ok(text.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failover_timeout_is_off_or_long_enough() {
        assert_eq!(failover_timeout("0"), Ok(0));
        assert_eq!(failover_timeout("300"), Ok(300));
        assert!(failover_timeout("299").is_err());
        assert!(failover_timeout("1s").is_err());
    }

    #[test]
    fn sizes_have_postgresql_units() {
        assert_eq!(bytes("512MB"), Ok(512 << 20));
        assert_eq!(bytes("64 kB"), Ok(64 << 10));
        assert!(bytes("12QB").is_err());
        assert!(bytes("99999999TB").is_err());
        assert!(bytes("").is_err());
    }

    #[test]
    fn a_range_is_half_open_and_not_empty() {
        assert_eq!(seeds("3..7"), Ok(3..7));
        for wrong in ["7", "7..7", "7..3", "a..b", "1..-2"] {
            assert!(seeds(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn connections_have_a_bound() {
        assert_eq!(connections("1"), Ok(1));
        assert_eq!(connections("100000"), Ok(100_000));
        for wrong in ["0", "100001", "-1", "many"] {
            assert!(connections(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_address_is_one_that_others_can_dial() {
        for right in ["writer:5432", "10.0.9.1:5432", "[fd00::1]:5432"] {
            assert_eq!(host_and_port(right), Ok(right.to_owned()));
            assert_eq!(place_to_listen(right), Ok(right.to_owned()));
        }
        assert!(place_to_listen("0.0.0.0:0").is_ok() && place_to_listen("[::]:5432").is_ok());
        for wrong in ["writer", ":5432", "writer:", "writer:x", "writer:70000"] {
            assert!(place_to_listen(wrong).is_err(), "{wrong}");
        }
        for wrong in ["writer", ":5432", "writer:", "writer:0", "writer:70000", "0.0.0.0:5432", "[::]:5432"] {
            assert!(host_and_port(wrong).is_err(), "{wrong}");
        }
    }
}

//! Someone who says that they are a replica of the cluster, and is none.

use crate::cluster::PATIENCE;
use crate::wire::{field, message};
use anyhow::{Context, bail};
use postgres_protocol::authentication::sasl::{ChannelBinding, SCRAM_SHA_256, ScramSha256};
use std::io::Write;
use std::net::TcpStream;

/// What came of the claim.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Believed, with proof or without.
    LetIn,
    /// SQLSTATE and message.
    Refused(String, String),
}

/// Claims to forward a session of `user` to the server at `address`, in the clear, with `secret` as what is known to the
/// replicas of the cluster.
///
/// # Errors
/// When the server does not speak the protocol.
pub fn claim(address: &str, user: &str, secret: &str) -> anyhow::Result<Outcome> {
    let mut packet = (3u32 << 16).to_be_bytes().to_vec();
    for (name, value) in [("user", user), ("database", "postgres"), ("redoubt.forwarded", "on")] {
        packet.extend_from_slice(&[name.as_bytes(), b"\0", value.as_bytes(), b"\0"].concat());
    }
    packet.push(0);
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(&(packet.len() as u32 + 4).to_be_bytes())?;
    stream.write_all(&packet)?;
    let mut scram = ScramSha256::new(secret.as_bytes(), ChannelBinding::unsupported());
    loop {
        let (kind, body) = message(&mut stream)?;
        let (code, rest) = body.split_at_checked(4).context("a short message")?;
        match (kind, code) {
            (b'E', _) => {
                return Ok(Outcome::Refused(field(&body, b'C'), field(&body, b'M')));
            }
            (b'R', [0, 0, 0, 0]) => return Ok(Outcome::LetIn),
            (b'R', [0, 0, 0, 10]) => {
                let first = scram.message();
                let length = (first.len() as u32).to_be_bytes();
                answer(&mut stream, &[SCRAM_SHA_256.as_bytes(), b"\0", &length, first].concat())?;
            }
            (b'R', [0, 0, 0, 11]) => {
                scram.update(rest)?;
                answer(&mut stream, scram.message())?;
            }
            // The server's proof says nothing of ours.
            (b'R', [0, 0, 0, 12]) => {}
            other => bail!("an unexpected message: {other:?}"),
        }
    }
}

fn answer(stream: &mut TcpStream, body: &[u8]) -> anyhow::Result<()> {
    let length = (body.len() as u32 + 4).to_be_bytes();
    Ok(stream.write_all(&[b"p", &length[..], body].concat())?)
}

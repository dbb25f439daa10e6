//! Someone who says that they are a replica of the cluster, and is none.

use crate::cluster::PATIENCE;
use anyhow::{Context, bail};
use postgres_protocol::authentication::sasl::{ChannelBinding, SCRAM_SHA_256, ScramSha256};
use std::io::{Read, Write};
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
                let text = |code: u8| {
                    let mut fields = body.split(|byte| *byte == 0).filter(|field| field.first() == Some(&code));
                    fields.next().map(|field| String::from_utf8_lossy(&field[1..]).into_owned()).unwrap_or_default()
                };
                return Ok(Outcome::Refused(text(b'C'), text(b'M')));
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

fn message(stream: &mut TcpStream) -> anyhow::Result<(u8, Vec<u8>)> {
    let mut header = [0; 5];
    stream.read_exact(&mut header)?;
    let length = u32::from_be_bytes([header[1], header[2], header[3], header[4]]) as usize;
    let mut body = vec![0; length.checked_sub(4).context("a length that no message has")?];
    stream.read_exact(&mut body)?;
    Ok((header[0], body))
}

fn answer(stream: &mut TcpStream, body: &[u8]) -> anyhow::Result<()> {
    let length = (body.len() as u32 + 4).to_be_bytes();
    Ok(stream.write_all(&[b"p", &length[..], body].concat())?)
}

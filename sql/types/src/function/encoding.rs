//! Encodings of bytes, hex, base64 and escape, and md5.

use md5::{Digest, Md5};

use super::args::{RESULT_BYTES_MAX, invalid_parameter, too_long};
use super::{Call, Function};
use crate::datum::Datum;
use crate::error::Result;
use crate::sqltype::oid::*;
use crate::text_io::{parse_bytea_escape, parse_hex, write_hex};

fn hex(bytes: &[u8]) -> String {
    let mut out = Vec::new();
    write_hex(bytes, &mut out);
    String::from_utf8(out).expect("hexadecimal digits are ASCII")
}

fn md5(call: &mut Call<'_>) -> Result<Datum> {
    let digest = match call.arg(0) {
        Datum::Bytea(bytes) => Md5::digest(bytes),
        _ => Md5::digest(call.str(0)?),
    };
    Ok(Datum::Text(hex(&digest).into()))
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// Characters of a base64 line, after RFC 2045.
const BASE64_LINE: usize = 76;

fn encode_base64(bytes: &[u8]) -> String {
    let mut out = String::new();
    for (i, chunk) in bytes.chunks(3).enumerate() {
        let word = chunk.iter().fold(0u32, |word, b| word << 8 | u32::from(*b)) << (8 * (3 - chunk.len()));
        for k in 0..4 {
            let symbol = BASE64[(word >> (18 - 6 * k) & 63) as usize];
            out.push(if k <= chunk.len() { char::from(symbol) } else { '=' });
        }
        // Behind each full line, the last one too.
        if (i + 1) * 4 % BASE64_LINE == 0 {
            out.push('\n');
        }
    }
    out
}

fn decode_base64(text: &str) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    let (mut word, mut held, mut padding) = (0u32, 0, 0);
    for c in text.chars().filter(|c| !c.is_ascii_whitespace()) {
        let value = match u8::try_from(c).ok().and_then(|b| BASE64.iter().position(|s| *s == b)) {
            Some(value) if padding == 0 => value as u32,
            None if c == '=' && held >= 2 => {
                padding += 1;
                0
            }
            None if c == '=' => return Err(invalid_parameter("unexpected \"=\" while decoding base64 sequence")),
            _ => {
                return Err(invalid_parameter(format!("invalid symbol \"{c}\" found while decoding base64 sequence")));
            }
        };
        word = word << 6 | value;
        held += 1;
        if held == 4 {
            out.extend_from_slice(&word.to_be_bytes()[1..4 - padding.min(2)]);
            (word, held) = (0, 0);
        }
    }
    if held != 0 {
        return Err(invalid_parameter("invalid base64 end sequence")
            .hint("Input data is missing padding, is truncated, or is otherwise corrupted."));
    }
    Ok(out)
}

fn encode_escape(bytes: &[u8]) -> String {
    let mut out = String::new();
    for byte in bytes {
        match byte {
            0 | 0x80.. => out.push_str(&format!("\\{byte:03o}")),
            b'\\' => out.push_str("\\\\"),
            _ => out.push(char::from(*byte)),
        }
    }
    out
}

fn unknown_encoding(name: &str) -> crate::Error {
    invalid_parameter(format!("unrecognized encoding: \"{name}\""))
}

fn encode(call: &mut Call<'_>) -> Result<Datum> {
    let (bytes, name) = (call.bytes(0)?, call.str(1)?);
    let encoded = match name.to_ascii_lowercase().as_str() {
        "hex" => hex(bytes),
        "base64" => encode_base64(bytes),
        "escape" => encode_escape(bytes),
        _ => return Err(unknown_encoding(name)),
    };
    Ok(Datum::Text(encoded.into()))
}

fn decode(call: &mut Call<'_>) -> Result<Datum> {
    let (text, name) = (call.str(0)?, call.str(1)?);
    let decoded = match name.to_ascii_lowercase().as_str() {
        "hex" => parse_hex(text)?,
        "base64" => decode_base64(text)?,
        "escape" => parse_bytea_escape(text)?,
        _ => return Err(unknown_encoding(name)),
    };
    Ok(Datum::Bytea(decoded.into()))
}

fn utf8_name(name: &str) -> Result<()> {
    if matches!(name.to_ascii_lowercase().as_str(), "utf8" | "utf-8" | "unicode" | "sql_ascii") {
        return Ok(());
    }
    Err(crate::Error::unsupported(format!("encoding \"{name}\"")))
}

fn convert_to(call: &mut Call<'_>) -> Result<Datum> {
    utf8_name(call.str(1)?)?;
    Ok(Datum::Bytea(bytes::Bytes::copy_from_slice(call.str(0)?.as_bytes())))
}

fn convert_from(call: &mut Call<'_>) -> Result<Datum> {
    utf8_name(call.str(1)?)?;
    Ok(Datum::text(crate::binary_io::check_text(call.bytes(0)?)?))
}

fn bytea_concat(call: &mut Call<'_>) -> Result<Datum> {
    let (a, b) = (call.bytes(0)?, call.bytes(1)?);
    if a.len().saturating_add(b.len()) > RESULT_BYTES_MAX {
        return Err(too_long());
    }
    Ok(Datum::Bytea([a.as_ref(), b.as_ref()].concat().into()))
}

#[rustfmt::skip]
pub(super) static FUNCTIONS: &[Function] = &[
    Function::strict(1714, "convert_from", &[BYTEA, NAME], TEXT, convert_from).stable(),
    Function::strict(1717, "convert_to", &[TEXT, NAME], BYTEA, convert_to).stable(),
    Function::strict(1946, "encode", &[BYTEA, TEXT], TEXT, encode),
    Function::strict(1947, "decode", &[TEXT, TEXT], BYTEA, decode),
    Function::strict(2011, "byteacat", &[BYTEA, BYTEA], BYTEA, bytea_concat),
    Function::strict(2311, "md5", &[TEXT], TEXT, md5),
    Function::strict(2321, "md5", &[BYTEA], TEXT, md5),
];

//! Bits, trimming, overlays and the SHA-2 digests of byte strings.

use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};

use super::args::{RESULT_BYTES_MAX, invalid_parameter, out_of_range, too_long};
use super::{Call, Function};
use crate::datum::Datum;
use crate::error::{Error, Result, SqlState};
use crate::sqltype::oid::*;

fn made(bytes: Vec<u8>) -> Result<Datum> {
    Ok(Datum::Bytea(bytes.into()))
}

fn sha224(call: &mut Call<'_>) -> Result<Datum> {
    made(Sha224::digest(call.bytes(0)?).to_vec())
}

fn sha256(call: &mut Call<'_>) -> Result<Datum> {
    made(Sha256::digest(call.bytes(0)?).to_vec())
}

fn sha384(call: &mut Call<'_>) -> Result<Datum> {
    made(Sha384::digest(call.bytes(0)?).to_vec())
}

fn sha512(call: &mut Call<'_>) -> Result<Datum> {
    made(Sha512::digest(call.bytes(0)?).to_vec())
}

/// The byte that holds a bit, and the bit's place in it; the lowest bit of a byte is its first.
fn bit_index(call: &Call<'_>) -> Result<(usize, u32)> {
    let (bits, at) = (call.bytes(0)?.len() as i64 * 8, call.i64(1)?);
    if !(0..bits).contains(&at) {
        let message = format!("index {at} out of valid range, 0..{}", bits - 1);
        return Err(Error::new(SqlState::ARRAY_ELEMENT_ERROR, message));
    }
    Ok(((at / 8) as usize, (at % 8) as u32))
}

fn get_bit(call: &mut Call<'_>) -> Result<Datum> {
    let (byte, bit) = bit_index(call)?;
    Ok(Datum::Int4(i32::from(call.bytes(0)?[byte] >> bit & 1)))
}

fn set_bit(call: &mut Call<'_>) -> Result<Datum> {
    let (byte, bit) = bit_index(call)?;
    let mut bytes = call.bytes(0)?.to_vec();
    match call.i32(2)? {
        0 => bytes[byte] &= !(1 << bit),
        1 => bytes[byte] |= 1 << bit,
        _ => return Err(invalid_parameter("new bit must be 0 or 1")),
    }
    made(bytes)
}

fn bit_count(call: &mut Call<'_>) -> Result<Datum> {
    Ok(Datum::Int8(call.bytes(0)?.iter().map(|byte| i64::from(byte.count_ones())).sum()))
}

/// The bytes without those of a set at the ends named.
fn trimmed(call: &Call<'_>, left: bool, right: bool) -> Result<Datum> {
    let (bytes, set) = (call.bytes(0)?, call.bytes(1)?);
    let stays = |byte: &u8| !set.contains(byte);
    let from = if left { bytes.iter().position(stays).unwrap_or(bytes.len()) } else { 0 };
    let to = if right { bytes.iter().rposition(stays).map_or(0, |last| last + 1) } else { bytes.len() };
    Ok(Datum::Bytea(bytes.slice(from.min(to)..to)))
}

fn btrim(call: &mut Call<'_>) -> Result<Datum> {
    trimmed(call, true, true)
}

fn ltrim(call: &mut Call<'_>) -> Result<Datum> {
    trimmed(call, true, false)
}

fn rtrim(call: &mut Call<'_>) -> Result<Datum> {
    trimmed(call, false, true)
}

fn overlay(call: &mut Call<'_>) -> Result<Datum> {
    let (whole, with, from) = (call.bytes(0)?, call.bytes(1)?, call.i32(2)?);
    if from <= 0 {
        return Err(Error::new(SqlState::SUBSTRING_ERROR, "negative substring length not allowed"));
    }
    let length = if call.args.len() > 3 { call.i32(3)? } else { with.len() as i32 };
    let resume = from.checked_add(length).ok_or_else(|| out_of_range("integer"))?;
    let head = &whole[..whole.len().min(from as usize - 1)];
    // A negative length shows the bytes before once more.
    let tail = &whole[whole.len().min(resume.max(1) as usize - 1)..];
    if head.len() + with.len() + tail.len() > RESULT_BYTES_MAX {
        return Err(too_long());
    }
    made([head, with.as_ref(), tail].concat())
}

#[rustfmt::skip]
pub(super) static FUNCTIONS: &[Function] = &[
    Function::strict(723, "get_bit", &[BYTEA, INT8], INT4, get_bit),
    Function::strict(724, "set_bit", &[BYTEA, INT8, INT4], BYTEA, set_bit),
    Function::strict(749, "overlay", &[BYTEA, BYTEA, INT4, INT4], BYTEA, overlay),
    Function::strict(752, "overlay", &[BYTEA, BYTEA, INT4], BYTEA, overlay),
    Function::strict(2015, "btrim", &[BYTEA, BYTEA], BYTEA, btrim),
    Function::strict(3419, "sha224", &[BYTEA], BYTEA, sha224),
    Function::strict(3420, "sha256", &[BYTEA], BYTEA, sha256),
    Function::strict(3421, "sha384", &[BYTEA], BYTEA, sha384),
    Function::strict(3422, "sha512", &[BYTEA], BYTEA, sha512),
    Function::strict(6163, "bit_count", &[BYTEA], INT8, bit_count),
    Function::strict(6195, "ltrim", &[BYTEA, BYTEA], BYTEA, ltrim),
    Function::strict(6196, "rtrim", &[BYTEA, BYTEA], BYTEA, rtrim),
];

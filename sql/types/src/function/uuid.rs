//! UUIDs: `gen_random_uuid`, and the extension `uuid-ossp` but for what would tell of the machine and the time.
//!
//! A UUID is made of random bytes, or of the digest of a namespace, which is a UUID, and a name in it (RFC 9562).

use md5::{Digest, Md5};
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

use super::{Call, Function};
use crate::datum::Datum;
use crate::error::Result;
use crate::sqltype::oid::*;

/// With the bits that say of which version it is, and that it is one after the RFC.
fn marked(mut uuid: [u8; 16], version: u8) -> Result<Datum> {
    uuid[6] = uuid[6] & 0x0f | version << 4;
    uuid[8] = uuid[8] & 0x3f | 0x80;
    Ok(Datum::Uuid(uuid))
}

fn random(_call: &mut Call<'_>) -> Result<Datum> {
    marked(rand::random(), 4)
}

/// What the digests are made of.
fn named(call: &Call<'_>) -> Result<Vec<u8>> {
    Ok([call.uuid(0)?.as_slice(), call.str(1)?.as_bytes()].concat())
}

/// Of a digest's first bytes.
fn of_digest(digest: &[u8], version: u8) -> Result<Datum> {
    let mut uuid = [0u8; 16];
    uuid.copy_from_slice(&digest[..16]);
    marked(uuid, version)
}

fn of_md5(call: &mut Call<'_>) -> Result<Datum> {
    of_digest(&Md5::digest(named(call)?), 3)
}

fn of_sha1(call: &mut Call<'_>) -> Result<Datum> {
    of_digest(digest(&SHA1_FOR_LEGACY_USE_ONLY, &named(call)?).as_ref(), 5)
}

fn nil(_call: &mut Call<'_>) -> Result<Datum> {
    Ok(Datum::Uuid([0; 16]))
}

/// One of the namespaces that the RFC defines: they differ in one byte.
fn namespace(byte: u8) -> Result<Datum> {
    Ok(Datum::Uuid([0x6b, 0xa7, 0xb8, byte, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8]))
}

fn of_dns(_call: &mut Call<'_>) -> Result<Datum> {
    namespace(0x10)
}

fn of_url(_call: &mut Call<'_>) -> Result<Datum> {
    namespace(0x11)
}

fn of_oid(_call: &mut Call<'_>) -> Result<Datum> {
    namespace(0x12)
}

fn of_x500(_call: &mut Call<'_>) -> Result<Datum> {
    namespace(0x14)
}

// PostgreSQL numbers what an extension brings when it is created: these oids are our own.
#[rustfmt::skip]
pub(super) static FUNCTIONS: &[Function] = &[
    Function::strict(3432, "gen_random_uuid", &[], UUID, random).volatile(),
    Function::strict(15_940, "uuid_generate_v4", &[], UUID, random).volatile(),
    Function::strict(15_941, "uuid_generate_v3", &[UUID, TEXT], UUID, of_md5),
    Function::strict(15_942, "uuid_generate_v5", &[UUID, TEXT], UUID, of_sha1),
    Function::strict(15_943, "uuid_nil", &[], UUID, nil),
    Function::strict(15_944, "uuid_ns_dns", &[], UUID, of_dns),
    Function::strict(15_945, "uuid_ns_url", &[], UUID, of_url),
    Function::strict(15_946, "uuid_ns_oid", &[], UUID, of_oid),
    Function::strict(15_947, "uuid_ns_x500", &[], UUID, of_x500),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::function::Eval;
    use crate::settings::Settings;
    use crate::sqltype::SqlType;
    use crate::text_io::to_text;

    fn called(eval: Eval, args: &[Datum]) -> Datum {
        eval(&mut Call::new(args, &[], SqlType::UUID, &Settings::default())).expect("a uuid")
    }

    fn shown(eval: Eval, args: &[Datum]) -> String {
        to_text(&called(eval, args), SqlType::UUID, &Settings::default())
    }

    fn of(eval: Eval, space: Eval, name: &str) -> String {
        shown(eval, &[called(space, &[]), Datum::text(name)])
    }

    #[test]
    fn names_make_the_uuids_that_postgresql_makes() {
        assert_eq!(of(of_md5, of_dns, "www.example.com"), "5df41881-3aed-3515-88a7-2f4a814cf09e");
        assert_eq!(of(of_md5, nil, ""), "4ae71336-e44b-39bf-b9d2-752e234818a5");
        assert_eq!(of(of_sha1, of_dns, "www.example.com"), "2ed6657d-e927-568b-95e1-2665a8aea6a2");
        assert_eq!(of(of_sha1, of_x500, "ä"), "89f222ab-ab6d-5a34-b141-b0c8b2e77461");
    }

    #[test]
    fn random_uuids_differ_and_say_that_they_are_random() {
        let (first, second) = (shown(random, &[]), shown(random, &[]));
        assert_ne!(first, second);
        assert_eq!(&first[14..15], "4", "{first}");
        assert!("89ab".contains(&first[19..20]), "{first}");
    }
}

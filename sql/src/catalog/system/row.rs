//! Short words for the values of system relations.

use std::sync::Arc;

use types::{ArrayValue, Datum, oid};

use crate::catalog::{Acl, CatalogSnapshot};

pub(super) fn b(value: bool) -> Datum {
    Datum::Bool(value)
}

pub(super) fn o(value: u32) -> Datum {
    Datum::Oid(value)
}

pub(super) fn i2(value: i16) -> Datum {
    Datum::Int2(value)
}

pub(super) fn i4(value: i32) -> Datum {
    Datum::Int4(value)
}

pub(super) fn i8(value: i64) -> Datum {
    Datum::Int8(value)
}

/// The one-byte type `"char"`.
pub(super) fn c(value: u8) -> Datum {
    Datum::Char(value)
}

pub(super) fn t(value: &str) -> Datum {
    Datum::text(value)
}

pub(super) fn null() -> Datum {
    Datum::Null
}

pub(super) fn opt(value: Option<Datum>) -> Datum {
    value.unwrap_or(Datum::Null)
}

/// `YES` or `NO`.
pub(super) fn yes(value: bool) -> Datum {
    Datum::text(if value { "YES" } else { "NO" })
}

pub(super) fn int2_vector(values: impl IntoIterator<Item = i16>) -> Datum {
    Datum::Array(Arc::new(ArrayValue::vector(oid::INT2, values.into_iter().map(Datum::Int2).collect())))
}

pub(super) fn oid_vector(values: impl IntoIterator<Item = u32>) -> Datum {
    Datum::Array(Arc::new(ArrayValue::vector(oid::OID, values.into_iter().map(Datum::Oid).collect())))
}

pub(super) fn int2_array(values: impl IntoIterator<Item = i16>) -> Datum {
    Datum::array(oid::INT2, values.into_iter().map(Datum::Int2).collect())
}

pub(super) fn text_array<'a>(values: impl IntoIterator<Item = &'a str>) -> Datum {
    Datum::array(oid::TEXT, values.into_iter().map(Datum::text).collect())
}

/// Attribute numbers of positions.
pub(super) fn attnums(positions: &[usize]) -> impl Iterator<Item = i16> + '_ {
    positions.iter().map(|position| *position as i16 + 1)
}

/// A grant list as aclitem[], null for the default.
pub(super) fn acl(acl: &Acl, catalog: &CatalogSnapshot) -> Datum {
    let Some(items) = acl else { return Datum::Null };
    let name = |oid: u32| catalog.role(oid).map_or_else(|| oid.to_string(), |role| role.name.to_string());
    Datum::array(oid::ACLITEM, items.iter().map(|item| Datum::Text(item.text(name).into())).collect())
}

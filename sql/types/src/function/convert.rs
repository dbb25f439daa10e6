//! The functions behind casts, callable by name: `int4(bigint)`, `float8(numeric)`, `text(boolean)`, `date(timestamp)`.

use super::{Call, Function};
use crate::cast::{coerce_typmod, convert};
use crate::datum::Datum;
use crate::error::Result;
use crate::sqltype::SqlType;
use crate::sqltype::oid::*;

/// The length coercions that casts apply after conversion: `varchar(text, typmod, explicit)` and kin.
fn coerce(call: &mut Call<'_>) -> Result<Datum> {
    let explicit = call.args.len() > 2 && call.bool(2)?;
    coerce_typmod(call.arg(0).clone(), SqlType::with_typmod(call.result.oid, call.i32(1)?), explicit)
}

#[rustfmt::skip]
pub(super) static FUNCTIONS: &[Function] = &[
    Function::strict(77, "int4", &[CHAR], INT4, convert),
    Function::strict(78, "char", &[INT4], CHAR, convert),
    Function::strict(235, "float8", &[INT2], FLOAT8, convert),
    Function::strict(236, "float4", &[INT2], FLOAT4, convert),
    Function::strict(237, "int2", &[FLOAT8], INT2, convert),
    Function::strict(238, "int2", &[FLOAT4], INT2, convert),
    Function::strict(311, "float8", &[FLOAT4], FLOAT8, convert),
    Function::strict(312, "float4", &[FLOAT8], FLOAT4, convert),
    Function::strict(313, "int4", &[INT2], INT4, convert),
    Function::strict(314, "int2", &[INT4], INT2, convert),
    Function::strict(316, "float8", &[INT4], FLOAT8, convert),
    Function::strict(317, "int4", &[FLOAT8], INT4, convert),
    Function::strict(318, "float4", &[INT4], FLOAT4, convert),
    Function::strict(319, "int4", &[FLOAT4], INT4, convert),
    Function::strict(401, "text", &[BPCHAR], TEXT, convert),
    Function::strict(406, "text", &[NAME], TEXT, convert),
    Function::strict(407, "name", &[TEXT], NAME, convert),
    Function::strict(408, "bpchar", &[NAME], BPCHAR, convert),
    Function::strict(409, "name", &[BPCHAR], NAME, convert),
    Function::strict(480, "int4", &[INT8], INT4, convert),
    Function::strict(481, "int8", &[INT4], INT8, convert),
    Function::strict(482, "float8", &[INT8], FLOAT8, convert),
    Function::strict(483, "int8", &[FLOAT8], INT8, convert),
    Function::strict(652, "float4", &[INT8], FLOAT4, convert),
    Function::strict(653, "int8", &[FLOAT4], INT8, convert),
    Function::strict(668, "bpchar", &[BPCHAR, INT4, BOOL], BPCHAR, coerce),
    Function::strict(669, "varchar", &[VARCHAR, INT4, BOOL], VARCHAR, coerce),
    Function::strict(714, "int2", &[INT8], INT2, convert),
    Function::strict(754, "int8", &[INT2], INT8, convert),
    Function::strict(860, "bpchar", &[CHAR], BPCHAR, convert),
    Function::strict(944, "char", &[TEXT], CHAR, convert),
    Function::strict(946, "text", &[CHAR], TEXT, convert),
    Function::strict(1079, "regclass", &[TEXT], REGCLASS, convert).stable(),
    Function::strict(1174, "timestamptz", &[DATE], TIMESTAMPTZ, convert).stable(),
    Function::strict(1178, "date", &[TIMESTAMPTZ], DATE, convert).stable(),
    Function::strict(1200, "interval", &[INTERVAL, INT4], INTERVAL, coerce),
    Function::strict(1287, "oid", &[INT8], OID, convert),
    Function::strict(1288, "int8", &[OID], INT8, convert),
    Function::strict(1316, "time", &[TIMESTAMP], TIME, convert),
    Function::strict(1370, "interval", &[TIME], INTERVAL, convert),
    Function::strict(1400, "name", &[VARCHAR], NAME, convert),
    Function::strict(1401, "varchar", &[NAME], VARCHAR, convert),
    Function::strict(1419, "time", &[INTERVAL], TIME, convert),
    Function::strict(1703, "numeric", &[NUMERIC, INT4], NUMERIC, coerce),
    Function::strict(1740, "numeric", &[INT4], NUMERIC, convert),
    Function::strict(1742, "numeric", &[FLOAT4], NUMERIC, convert),
    Function::strict(1743, "numeric", &[FLOAT8], NUMERIC, convert),
    Function::strict(1744, "int4", &[NUMERIC], INT4, convert),
    Function::strict(1745, "float4", &[NUMERIC], FLOAT4, convert),
    Function::strict(1746, "float8", &[NUMERIC], FLOAT8, convert),
    Function::strict(1779, "int8", &[NUMERIC], INT8, convert),
    Function::strict(1781, "numeric", &[INT8], NUMERIC, convert),
    Function::strict(1782, "numeric", &[INT2], NUMERIC, convert),
    Function::strict(1783, "int2", &[NUMERIC], INT2, convert),
    Function::strict(1961, "timestamp", &[TIMESTAMP, INT4], TIMESTAMP, coerce),
    Function::strict(1967, "timestamptz", &[TIMESTAMPTZ, INT4], TIMESTAMPTZ, coerce),
    Function::strict(1968, "time", &[TIME, INT4], TIME, coerce),
    Function::strict(2019, "time", &[TIMESTAMPTZ], TIME, convert).stable(),
    Function::strict(2024, "timestamp", &[DATE], TIMESTAMP, convert),
    Function::strict(2027, "timestamp", &[TIMESTAMPTZ], TIMESTAMP, convert).stable(),
    Function::strict(2028, "timestamptz", &[TIMESTAMP], TIMESTAMPTZ, convert).stable(),
    Function::strict(2029, "date", &[TIMESTAMP], DATE, convert),
    Function::strict(2557, "bool", &[INT4], BOOL, convert),
    Function::strict(2558, "int4", &[BOOL], INT4, convert),
    Function::strict(2971, "text", &[BOOL], TEXT, convert),
    Function::strict(5071, "xid", &[XID8], XID, convert),
];

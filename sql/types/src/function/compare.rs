//! Comparison: the functions behind `=`, `<>`, `<`, `<=`, `>`, `>=` for every type, and the three-way ones of indexes.
//!
//! One implementation serves all types whose datums [`Datum::compare`] orders; char(n) trims blanks first, and mixed dates
//! and timestamps are brought to one kind.

use std::cmp::Ordering;

use super::{Call, Function};
use crate::datetime::{
    DATE_INFINITY, TIMESTAMP_INFINITY, TIMESTAMP_NEG_INFINITY, date_to_timestamp, is_infinite, local_to_utc,
};
use crate::datum::Datum;
use crate::error::Result;
use crate::keycode::unpadded;
use crate::sqltype::oid::*;

fn order(call: &Call<'_>) -> Ordering {
    call.arg(0).compare(call.arg(1))
}

fn equal(call: &mut Call<'_>) -> Result<Datum> {
    Ok(Datum::Bool(order(call).is_eq()))
}

fn not_equal(call: &mut Call<'_>) -> Result<Datum> {
    Ok(Datum::Bool(order(call).is_ne()))
}

fn less(call: &mut Call<'_>) -> Result<Datum> {
    Ok(Datum::Bool(order(call).is_lt()))
}

fn less_equal(call: &mut Call<'_>) -> Result<Datum> {
    Ok(Datum::Bool(order(call).is_le()))
}

fn greater(call: &mut Call<'_>) -> Result<Datum> {
    Ok(Datum::Bool(order(call).is_gt()))
}

fn greater_equal(call: &mut Call<'_>) -> Result<Datum> {
    Ok(Datum::Bool(order(call).is_ge()))
}

fn three_way(call: &mut Call<'_>) -> Result<Datum> {
    Ok(Datum::Int4(order(call) as i32))
}

/// The order of char(n) values: trailing blanks do not count.
pub(crate) fn compare_padded(left: &str, right: &str) -> Ordering {
    unpadded(left).as_bytes().cmp(unpadded(right).as_bytes())
}

fn padded_order(call: &Call<'_>) -> Result<Ordering> {
    Ok(compare_padded(call.str(0)?, call.str(1)?))
}

fn padded_equal(call: &mut Call<'_>) -> Result<Datum> {
    padded_order(call).map(|order| Datum::Bool(order.is_eq()))
}

fn padded_not_equal(call: &mut Call<'_>) -> Result<Datum> {
    padded_order(call).map(|order| Datum::Bool(order.is_ne()))
}

fn padded_less(call: &mut Call<'_>) -> Result<Datum> {
    padded_order(call).map(|order| Datum::Bool(order.is_lt()))
}

fn padded_less_equal(call: &mut Call<'_>) -> Result<Datum> {
    padded_order(call).map(|order| Datum::Bool(order.is_le()))
}

fn padded_greater(call: &mut Call<'_>) -> Result<Datum> {
    padded_order(call).map(|order| Datum::Bool(order.is_gt()))
}

fn padded_greater_equal(call: &mut Call<'_>) -> Result<Datum> {
    padded_order(call).map(|order| Datum::Bool(order.is_ge()))
}

fn padded_three_way(call: &mut Call<'_>) -> Result<Datum> {
    padded_order(call).map(|order| Datum::Int4(order as i32))
}

/// A date, timestamp or timestamptz on one scale: local microseconds, or UTC ones if either side is a timestamptz. A date
/// past the last timestamp counts as just below infinity.
fn moment(value: &Datum, zoned: bool, call: &Call<'_>) -> i64 {
    let local = match value {
        Datum::Timestamptz(micros) => return *micros,
        Datum::Timestamp(micros) => *micros,
        Datum::Date(days) if *days == DATE_INFINITY => TIMESTAMP_INFINITY,
        Datum::Date(days) => date_to_timestamp(*days).unwrap_or(TIMESTAMP_INFINITY - 1),
        _ => TIMESTAMP_NEG_INFINITY,
    };
    if !zoned || is_infinite(local) {
        return local;
    }
    let edge = if local > 0 { TIMESTAMP_INFINITY - 1 } else { TIMESTAMP_NEG_INFINITY + 1 };
    local_to_utc(local, &call.settings.timezone).unwrap_or(edge)
}

fn moment_order(call: &Call<'_>) -> Ordering {
    let zoned = call.args.iter().any(|arg| matches!(arg, Datum::Timestamptz(_)));
    moment(call.arg(0), zoned, call).cmp(&moment(call.arg(1), zoned, call))
}

fn moment_equal(call: &mut Call<'_>) -> Result<Datum> {
    Ok(Datum::Bool(moment_order(call).is_eq()))
}

fn moment_not_equal(call: &mut Call<'_>) -> Result<Datum> {
    Ok(Datum::Bool(moment_order(call).is_ne()))
}

fn moment_less(call: &mut Call<'_>) -> Result<Datum> {
    Ok(Datum::Bool(moment_order(call).is_lt()))
}

fn moment_less_equal(call: &mut Call<'_>) -> Result<Datum> {
    Ok(Datum::Bool(moment_order(call).is_le()))
}

fn moment_greater(call: &mut Call<'_>) -> Result<Datum> {
    Ok(Datum::Bool(moment_order(call).is_gt()))
}

fn moment_greater_equal(call: &mut Call<'_>) -> Result<Datum> {
    Ok(Datum::Bool(moment_order(call).is_ge()))
}

/// Of an xid and an int4, which stands for the xid of its bits.
fn is_transaction(call: &Call<'_>) -> bool {
    matches!((call.arg(0), call.arg(1)), (Datum::Oid(xid), Datum::Int4(number)) if *xid == *number as u32)
}

fn transaction_equal(call: &mut Call<'_>) -> Result<Datum> {
    Ok(Datum::Bool(is_transaction(call)))
}

fn transaction_not_equal(call: &mut Call<'_>) -> Result<Datum> {
    Ok(Datum::Bool(!is_transaction(call)))
}

fn larger(call: &mut Call<'_>) -> Result<Datum> {
    Ok(call.arg(usize::from(order(call).is_lt())).clone())
}

fn smaller(call: &mut Call<'_>) -> Result<Datum> {
    Ok(call.arg(usize::from(order(call).is_gt())).clone())
}

#[rustfmt::skip]
pub(super) static FUNCTIONS: &[Function] = &[
    Function::strict(56, "boollt", &[BOOL, BOOL], BOOL, less),
    Function::strict(57, "boolgt", &[BOOL, BOOL], BOOL, greater),
    Function::strict(60, "booleq", &[BOOL, BOOL], BOOL, equal),
    Function::strict(61, "chareq", &[CHAR, CHAR], BOOL, equal),
    Function::strict(62, "nameeq", &[NAME, NAME], BOOL, equal),
    Function::strict(63, "int2eq", &[INT2, INT2], BOOL, equal),
    Function::strict(64, "int2lt", &[INT2, INT2], BOOL, less),
    Function::strict(65, "int4eq", &[INT4, INT4], BOOL, equal),
    Function::strict(66, "int4lt", &[INT4, INT4], BOOL, less),
    Function::strict(67, "texteq", &[TEXT, TEXT], BOOL, equal),
    Function::strict(68, "xideq", &[XID, XID], BOOL, equal),
    Function::strict(69, "cideq", &[CID, CID], BOOL, equal),
    Function::strict(70, "charne", &[CHAR, CHAR], BOOL, not_equal),
    Function::strict(72, "charle", &[CHAR, CHAR], BOOL, less_equal),
    Function::strict(73, "chargt", &[CHAR, CHAR], BOOL, greater),
    Function::strict(74, "charge", &[CHAR, CHAR], BOOL, greater_equal),
    Function::strict(84, "boolne", &[BOOL, BOOL], BOOL, not_equal),
    Function::strict(144, "int4ne", &[INT4, INT4], BOOL, not_equal),
    Function::strict(145, "int2ne", &[INT2, INT2], BOOL, not_equal),
    Function::strict(146, "int2gt", &[INT2, INT2], BOOL, greater),
    Function::strict(147, "int4gt", &[INT4, INT4], BOOL, greater),
    Function::strict(148, "int2le", &[INT2, INT2], BOOL, less_equal),
    Function::strict(149, "int4le", &[INT4, INT4], BOOL, less_equal),
    Function::strict(150, "int4ge", &[INT4, INT4], BOOL, greater_equal),
    Function::strict(151, "int2ge", &[INT2, INT2], BOOL, greater_equal),
    Function::strict(157, "textne", &[TEXT, TEXT], BOOL, not_equal),
    Function::strict(158, "int24eq", &[INT2, INT4], BOOL, equal),
    Function::strict(159, "int42eq", &[INT4, INT2], BOOL, equal),
    Function::strict(160, "int24lt", &[INT2, INT4], BOOL, less),
    Function::strict(161, "int42lt", &[INT4, INT2], BOOL, less),
    Function::strict(162, "int24gt", &[INT2, INT4], BOOL, greater),
    Function::strict(163, "int42gt", &[INT4, INT2], BOOL, greater),
    Function::strict(164, "int24ne", &[INT2, INT4], BOOL, not_equal),
    Function::strict(165, "int42ne", &[INT4, INT2], BOOL, not_equal),
    Function::strict(166, "int24le", &[INT2, INT4], BOOL, less_equal),
    Function::strict(167, "int42le", &[INT4, INT2], BOOL, less_equal),
    Function::strict(168, "int24ge", &[INT2, INT4], BOOL, greater_equal),
    Function::strict(169, "int42ge", &[INT4, INT2], BOOL, greater_equal),
    Function::strict(184, "oideq", &[OID, OID], BOOL, equal),
    Function::strict(185, "oidne", &[OID, OID], BOOL, not_equal),
    Function::strict(240, "nameeqtext", &[NAME, TEXT], BOOL, equal),
    Function::strict(241, "namelttext", &[NAME, TEXT], BOOL, less),
    Function::strict(242, "nameletext", &[NAME, TEXT], BOOL, less_equal),
    Function::strict(243, "namegetext", &[NAME, TEXT], BOOL, greater_equal),
    Function::strict(244, "namegttext", &[NAME, TEXT], BOOL, greater),
    Function::strict(245, "namenetext", &[NAME, TEXT], BOOL, not_equal),
    Function::strict(247, "texteqname", &[TEXT, NAME], BOOL, equal),
    Function::strict(248, "textltname", &[TEXT, NAME], BOOL, less),
    Function::strict(249, "textlename", &[TEXT, NAME], BOOL, less_equal),
    Function::strict(250, "textgename", &[TEXT, NAME], BOOL, greater_equal),
    Function::strict(251, "textgtname", &[TEXT, NAME], BOOL, greater),
    Function::strict(252, "textnename", &[TEXT, NAME], BOOL, not_equal),
    Function::strict(287, "float4eq", &[FLOAT4, FLOAT4], BOOL, equal),
    Function::strict(288, "float4ne", &[FLOAT4, FLOAT4], BOOL, not_equal),
    Function::strict(289, "float4lt", &[FLOAT4, FLOAT4], BOOL, less),
    Function::strict(290, "float4le", &[FLOAT4, FLOAT4], BOOL, less_equal),
    Function::strict(291, "float4gt", &[FLOAT4, FLOAT4], BOOL, greater),
    Function::strict(292, "float4ge", &[FLOAT4, FLOAT4], BOOL, greater_equal),
    Function::strict(293, "float8eq", &[FLOAT8, FLOAT8], BOOL, equal),
    Function::strict(294, "float8ne", &[FLOAT8, FLOAT8], BOOL, not_equal),
    Function::strict(295, "float8lt", &[FLOAT8, FLOAT8], BOOL, less),
    Function::strict(296, "float8le", &[FLOAT8, FLOAT8], BOOL, less_equal),
    Function::strict(297, "float8gt", &[FLOAT8, FLOAT8], BOOL, greater),
    Function::strict(298, "float8ge", &[FLOAT8, FLOAT8], BOOL, greater_equal),
    Function::strict(299, "float48eq", &[FLOAT4, FLOAT8], BOOL, equal),
    Function::strict(300, "float48ne", &[FLOAT4, FLOAT8], BOOL, not_equal),
    Function::strict(301, "float48lt", &[FLOAT4, FLOAT8], BOOL, less),
    Function::strict(302, "float48le", &[FLOAT4, FLOAT8], BOOL, less_equal),
    Function::strict(303, "float48gt", &[FLOAT4, FLOAT8], BOOL, greater),
    Function::strict(304, "float48ge", &[FLOAT4, FLOAT8], BOOL, greater_equal),
    Function::strict(305, "float84eq", &[FLOAT8, FLOAT4], BOOL, equal),
    Function::strict(306, "float84ne", &[FLOAT8, FLOAT4], BOOL, not_equal),
    Function::strict(307, "float84lt", &[FLOAT8, FLOAT4], BOOL, less),
    Function::strict(308, "float84le", &[FLOAT8, FLOAT4], BOOL, less_equal),
    Function::strict(309, "float84gt", &[FLOAT8, FLOAT4], BOOL, greater),
    Function::strict(310, "float84ge", &[FLOAT8, FLOAT4], BOOL, greater_equal),
    Function::strict(350, "btint2cmp", &[INT2, INT2], INT4, three_way),
    Function::strict(351, "btint4cmp", &[INT4, INT4], INT4, three_way),
    Function::strict(354, "btfloat4cmp", &[FLOAT4, FLOAT4], INT4, three_way),
    Function::strict(355, "btfloat8cmp", &[FLOAT8, FLOAT8], INT4, three_way),
    Function::strict(356, "btoidcmp", &[OID, OID], INT4, three_way),
    Function::strict(358, "btcharcmp", &[CHAR, CHAR], INT4, three_way),
    Function::strict(359, "btnamecmp", &[NAME, NAME], INT4, three_way),
    Function::strict(360, "bttextcmp", &[TEXT, TEXT], INT4, three_way),
    Function::strict(382, "btarraycmp", &[ANYARRAY, ANYARRAY], INT4, three_way),
    Function::strict(390, "array_ne", &[ANYARRAY, ANYARRAY], BOOL, not_equal),
    Function::strict(391, "array_lt", &[ANYARRAY, ANYARRAY], BOOL, less),
    Function::strict(392, "array_gt", &[ANYARRAY, ANYARRAY], BOOL, greater),
    Function::strict(393, "array_le", &[ANYARRAY, ANYARRAY], BOOL, less_equal),
    Function::strict(396, "array_ge", &[ANYARRAY, ANYARRAY], BOOL, greater_equal),
    Function::strict(467, "int8eq", &[INT8, INT8], BOOL, equal),
    Function::strict(468, "int8ne", &[INT8, INT8], BOOL, not_equal),
    Function::strict(469, "int8lt", &[INT8, INT8], BOOL, less),
    Function::strict(470, "int8gt", &[INT8, INT8], BOOL, greater),
    Function::strict(471, "int8le", &[INT8, INT8], BOOL, less_equal),
    Function::strict(472, "int8ge", &[INT8, INT8], BOOL, greater_equal),
    Function::strict(474, "int84eq", &[INT8, INT4], BOOL, equal),
    Function::strict(475, "int84ne", &[INT8, INT4], BOOL, not_equal),
    Function::strict(476, "int84lt", &[INT8, INT4], BOOL, less),
    Function::strict(477, "int84gt", &[INT8, INT4], BOOL, greater),
    Function::strict(478, "int84le", &[INT8, INT4], BOOL, less_equal),
    Function::strict(479, "int84ge", &[INT8, INT4], BOOL, greater_equal),
    Function::strict(619, "oidvectorne", &[OIDVECTOR, OIDVECTOR], BOOL, not_equal),
    Function::strict(655, "namelt", &[NAME, NAME], BOOL, less),
    Function::strict(656, "namele", &[NAME, NAME], BOOL, less_equal),
    Function::strict(657, "namegt", &[NAME, NAME], BOOL, greater),
    Function::strict(658, "namege", &[NAME, NAME], BOOL, greater_equal),
    Function::strict(659, "namene", &[NAME, NAME], BOOL, not_equal),
    Function::strict(677, "oidvectorlt", &[OIDVECTOR, OIDVECTOR], BOOL, less),
    Function::strict(678, "oidvectorle", &[OIDVECTOR, OIDVECTOR], BOOL, less_equal),
    Function::strict(679, "oidvectoreq", &[OIDVECTOR, OIDVECTOR], BOOL, equal),
    Function::strict(680, "oidvectorge", &[OIDVECTOR, OIDVECTOR], BOOL, greater_equal),
    Function::strict(681, "oidvectorgt", &[OIDVECTOR, OIDVECTOR], BOOL, greater),
    Function::strict(716, "oidlt", &[OID, OID], BOOL, less),
    Function::strict(717, "oidle", &[OID, OID], BOOL, less_equal),
    Function::strict(740, "text_lt", &[TEXT, TEXT], BOOL, less),
    Function::strict(741, "text_le", &[TEXT, TEXT], BOOL, less_equal),
    Function::strict(742, "text_gt", &[TEXT, TEXT], BOOL, greater),
    Function::strict(743, "text_ge", &[TEXT, TEXT], BOOL, greater_equal),
    Function::strict(744, "array_eq", &[ANYARRAY, ANYARRAY], BOOL, equal),
    Function::strict(842, "btint8cmp", &[INT8, INT8], INT4, three_way),
    Function::strict(852, "int48eq", &[INT4, INT8], BOOL, equal),
    Function::strict(853, "int48ne", &[INT4, INT8], BOOL, not_equal),
    Function::strict(854, "int48lt", &[INT4, INT8], BOOL, less),
    Function::strict(855, "int48gt", &[INT4, INT8], BOOL, greater),
    Function::strict(856, "int48le", &[INT4, INT8], BOOL, less_equal),
    Function::strict(857, "int48ge", &[INT4, INT8], BOOL, greater_equal),
    Function::strict(1048, "bpchareq", &[BPCHAR, BPCHAR], BOOL, padded_equal),
    Function::strict(1049, "bpcharlt", &[BPCHAR, BPCHAR], BOOL, padded_less),
    Function::strict(1050, "bpcharle", &[BPCHAR, BPCHAR], BOOL, padded_less_equal),
    Function::strict(1051, "bpchargt", &[BPCHAR, BPCHAR], BOOL, padded_greater),
    Function::strict(1052, "bpcharge", &[BPCHAR, BPCHAR], BOOL, padded_greater_equal),
    Function::strict(1053, "bpcharne", &[BPCHAR, BPCHAR], BOOL, padded_not_equal),
    Function::strict(1078, "bpcharcmp", &[BPCHAR, BPCHAR], INT4, padded_three_way),
    Function::strict(1086, "date_eq", &[DATE, DATE], BOOL, equal),
    Function::strict(1087, "date_lt", &[DATE, DATE], BOOL, less),
    Function::strict(1088, "date_le", &[DATE, DATE], BOOL, less_equal),
    Function::strict(1089, "date_gt", &[DATE, DATE], BOOL, greater),
    Function::strict(1090, "date_ge", &[DATE, DATE], BOOL, greater_equal),
    Function::strict(1091, "date_ne", &[DATE, DATE], BOOL, not_equal),
    Function::strict(1092, "date_cmp", &[DATE, DATE], INT4, three_way),
    Function::strict(1102, "time_lt", &[TIME, TIME], BOOL, less),
    Function::strict(1103, "time_le", &[TIME, TIME], BOOL, less_equal),
    Function::strict(1104, "time_gt", &[TIME, TIME], BOOL, greater),
    Function::strict(1105, "time_ge", &[TIME, TIME], BOOL, greater_equal),
    Function::strict(1106, "time_ne", &[TIME, TIME], BOOL, not_equal),
    Function::strict(1107, "time_cmp", &[TIME, TIME], INT4, three_way),
    Function::strict(1145, "time_eq", &[TIME, TIME], BOOL, equal),
    Function::strict(1152, "timestamptz_eq", &[TIMESTAMPTZ, TIMESTAMPTZ], BOOL, equal),
    Function::strict(1153, "timestamptz_ne", &[TIMESTAMPTZ, TIMESTAMPTZ], BOOL, not_equal),
    Function::strict(1154, "timestamptz_lt", &[TIMESTAMPTZ, TIMESTAMPTZ], BOOL, less),
    Function::strict(1155, "timestamptz_le", &[TIMESTAMPTZ, TIMESTAMPTZ], BOOL, less_equal),
    Function::strict(1156, "timestamptz_ge", &[TIMESTAMPTZ, TIMESTAMPTZ], BOOL, greater_equal),
    Function::strict(1157, "timestamptz_gt", &[TIMESTAMPTZ, TIMESTAMPTZ], BOOL, greater),
    Function::strict(1162, "interval_eq", &[INTERVAL, INTERVAL], BOOL, equal),
    Function::strict(1163, "interval_ne", &[INTERVAL, INTERVAL], BOOL, not_equal),
    Function::strict(1164, "interval_lt", &[INTERVAL, INTERVAL], BOOL, less),
    Function::strict(1165, "interval_le", &[INTERVAL, INTERVAL], BOOL, less_equal),
    Function::strict(1166, "interval_ge", &[INTERVAL, INTERVAL], BOOL, greater_equal),
    Function::strict(1167, "interval_gt", &[INTERVAL, INTERVAL], BOOL, greater),
    Function::strict(1246, "charlt", &[CHAR, CHAR], BOOL, less),
    Function::strict(1265, "tidne", &[TID, TID], BOOL, not_equal),
    Function::strict(1292, "tideq", &[TID, TID], BOOL, equal),
    Function::strict(1314, "timestamptz_cmp", &[TIMESTAMPTZ, TIMESTAMPTZ], INT4, three_way),
    Function::strict(1315, "interval_cmp", &[INTERVAL, INTERVAL], INT4, three_way),
    Function::strict(1319, "xideqint4", &[XID, INT4], BOOL, transaction_equal),
    Function::strict(1638, "oidgt", &[OID, OID], BOOL, greater),
    Function::strict(1639, "oidge", &[OID, OID], BOOL, greater_equal),
    Function::strict(1691, "boolle", &[BOOL, BOOL], BOOL, less_equal),
    Function::strict(1692, "boolge", &[BOOL, BOOL], BOOL, greater_equal),
    Function::strict(1693, "btboolcmp", &[BOOL, BOOL], INT4, three_way),
    Function::strict(1718, "numeric_eq", &[NUMERIC, NUMERIC], BOOL, equal),
    Function::strict(1719, "numeric_ne", &[NUMERIC, NUMERIC], BOOL, not_equal),
    Function::strict(1720, "numeric_gt", &[NUMERIC, NUMERIC], BOOL, greater),
    Function::strict(1721, "numeric_ge", &[NUMERIC, NUMERIC], BOOL, greater_equal),
    Function::strict(1722, "numeric_lt", &[NUMERIC, NUMERIC], BOOL, less),
    Function::strict(1723, "numeric_le", &[NUMERIC, NUMERIC], BOOL, less_equal),
    Function::strict(1769, "numeric_cmp", &[NUMERIC, NUMERIC], INT4, three_way),
    Function::strict(1850, "int28eq", &[INT2, INT8], BOOL, equal),
    Function::strict(1851, "int28ne", &[INT2, INT8], BOOL, not_equal),
    Function::strict(1852, "int28lt", &[INT2, INT8], BOOL, less),
    Function::strict(1853, "int28gt", &[INT2, INT8], BOOL, greater),
    Function::strict(1854, "int28le", &[INT2, INT8], BOOL, less_equal),
    Function::strict(1855, "int28ge", &[INT2, INT8], BOOL, greater_equal),
    Function::strict(1856, "int82eq", &[INT8, INT2], BOOL, equal),
    Function::strict(1857, "int82ne", &[INT8, INT2], BOOL, not_equal),
    Function::strict(1858, "int82lt", &[INT8, INT2], BOOL, less),
    Function::strict(1859, "int82gt", &[INT8, INT2], BOOL, greater),
    Function::strict(1860, "int82le", &[INT8, INT2], BOOL, less_equal),
    Function::strict(1861, "int82ge", &[INT8, INT2], BOOL, greater_equal),
    Function::strict(1948, "byteaeq", &[BYTEA, BYTEA], BOOL, equal),
    Function::strict(1949, "bytealt", &[BYTEA, BYTEA], BOOL, less),
    Function::strict(1950, "byteale", &[BYTEA, BYTEA], BOOL, less_equal),
    Function::strict(1951, "byteagt", &[BYTEA, BYTEA], BOOL, greater),
    Function::strict(1952, "byteage", &[BYTEA, BYTEA], BOOL, greater_equal),
    Function::strict(1953, "byteane", &[BYTEA, BYTEA], BOOL, not_equal),
    Function::strict(1954, "byteacmp", &[BYTEA, BYTEA], INT4, three_way),
    Function::strict(2045, "timestamp_cmp", &[TIMESTAMP, TIMESTAMP], INT4, three_way),
    Function::strict(2052, "timestamp_eq", &[TIMESTAMP, TIMESTAMP], BOOL, equal),
    Function::strict(2053, "timestamp_ne", &[TIMESTAMP, TIMESTAMP], BOOL, not_equal),
    Function::strict(2054, "timestamp_lt", &[TIMESTAMP, TIMESTAMP], BOOL, less),
    Function::strict(2055, "timestamp_le", &[TIMESTAMP, TIMESTAMP], BOOL, less_equal),
    Function::strict(2056, "timestamp_ge", &[TIMESTAMP, TIMESTAMP], BOOL, greater_equal),
    Function::strict(2057, "timestamp_gt", &[TIMESTAMP, TIMESTAMP], BOOL, greater),
    Function::strict(2188, "btint48cmp", &[INT4, INT8], INT4, three_way),
    Function::strict(2189, "btint84cmp", &[INT8, INT4], INT4, three_way),
    Function::strict(2190, "btint24cmp", &[INT2, INT4], INT4, three_way),
    Function::strict(2191, "btint42cmp", &[INT4, INT2], INT4, three_way),
    Function::strict(2192, "btint28cmp", &[INT2, INT8], INT4, three_way),
    Function::strict(2193, "btint82cmp", &[INT8, INT2], INT4, three_way),
    Function::strict(2338, "date_lt_timestamp", &[DATE, TIMESTAMP], BOOL, moment_less),
    Function::strict(2339, "date_le_timestamp", &[DATE, TIMESTAMP], BOOL, moment_less_equal),
    Function::strict(2340, "date_eq_timestamp", &[DATE, TIMESTAMP], BOOL, moment_equal),
    Function::strict(2341, "date_gt_timestamp", &[DATE, TIMESTAMP], BOOL, moment_greater),
    Function::strict(2342, "date_ge_timestamp", &[DATE, TIMESTAMP], BOOL, moment_greater_equal),
    Function::strict(2343, "date_ne_timestamp", &[DATE, TIMESTAMP], BOOL, moment_not_equal),
    Function::strict(2351, "date_lt_timestamptz", &[DATE, TIMESTAMPTZ], BOOL, moment_less).stable(),
    Function::strict(2352, "date_le_timestamptz", &[DATE, TIMESTAMPTZ], BOOL, moment_less_equal).stable(),
    Function::strict(2353, "date_eq_timestamptz", &[DATE, TIMESTAMPTZ], BOOL, moment_equal).stable(),
    Function::strict(2354, "date_gt_timestamptz", &[DATE, TIMESTAMPTZ], BOOL, moment_greater).stable(),
    Function::strict(2355, "date_ge_timestamptz", &[DATE, TIMESTAMPTZ], BOOL, moment_greater_equal).stable(),
    Function::strict(2356, "date_ne_timestamptz", &[DATE, TIMESTAMPTZ], BOOL, moment_not_equal).stable(),
    Function::strict(2364, "timestamp_lt_date", &[TIMESTAMP, DATE], BOOL, moment_less),
    Function::strict(2365, "timestamp_le_date", &[TIMESTAMP, DATE], BOOL, moment_less_equal),
    Function::strict(2366, "timestamp_eq_date", &[TIMESTAMP, DATE], BOOL, moment_equal),
    Function::strict(2367, "timestamp_gt_date", &[TIMESTAMP, DATE], BOOL, moment_greater),
    Function::strict(2368, "timestamp_ge_date", &[TIMESTAMP, DATE], BOOL, moment_greater_equal),
    Function::strict(2369, "timestamp_ne_date", &[TIMESTAMP, DATE], BOOL, moment_not_equal),
    Function::strict(2377, "timestamptz_lt_date", &[TIMESTAMPTZ, DATE], BOOL, moment_less).stable(),
    Function::strict(2378, "timestamptz_le_date", &[TIMESTAMPTZ, DATE], BOOL, moment_less_equal).stable(),
    Function::strict(2379, "timestamptz_eq_date", &[TIMESTAMPTZ, DATE], BOOL, moment_equal).stable(),
    Function::strict(2380, "timestamptz_gt_date", &[TIMESTAMPTZ, DATE], BOOL, moment_greater).stable(),
    Function::strict(2381, "timestamptz_ge_date", &[TIMESTAMPTZ, DATE], BOOL, moment_greater_equal).stable(),
    Function::strict(2382, "timestamptz_ne_date", &[TIMESTAMPTZ, DATE], BOOL, moment_not_equal).stable(),
    Function::strict(2520, "timestamp_lt_timestamptz", &[TIMESTAMP, TIMESTAMPTZ], BOOL, moment_less).stable(),
    Function::strict(2521, "timestamp_le_timestamptz", &[TIMESTAMP, TIMESTAMPTZ], BOOL, moment_less_equal).stable(),
    Function::strict(2522, "timestamp_eq_timestamptz", &[TIMESTAMP, TIMESTAMPTZ], BOOL, moment_equal).stable(),
    Function::strict(2523, "timestamp_gt_timestamptz", &[TIMESTAMP, TIMESTAMPTZ], BOOL, moment_greater).stable(),
    Function::strict(2524, "timestamp_ge_timestamptz", &[TIMESTAMP, TIMESTAMPTZ], BOOL, moment_greater_equal).stable(),
    Function::strict(2525, "timestamp_ne_timestamptz", &[TIMESTAMP, TIMESTAMPTZ], BOOL, moment_not_equal).stable(),
    Function::strict(2527, "timestamptz_lt_timestamp", &[TIMESTAMPTZ, TIMESTAMP], BOOL, moment_less).stable(),
    Function::strict(2528, "timestamptz_le_timestamp", &[TIMESTAMPTZ, TIMESTAMP], BOOL, moment_less_equal).stable(),
    Function::strict(2529, "timestamptz_eq_timestamp", &[TIMESTAMPTZ, TIMESTAMP], BOOL, moment_equal).stable(),
    Function::strict(2530, "timestamptz_gt_timestamp", &[TIMESTAMPTZ, TIMESTAMP], BOOL, moment_greater).stable(),
    Function::strict(2531, "timestamptz_ge_timestamp", &[TIMESTAMPTZ, TIMESTAMP], BOOL, moment_greater_equal).stable(),
    Function::strict(2532, "timestamptz_ne_timestamp", &[TIMESTAMPTZ, TIMESTAMP], BOOL, moment_not_equal).stable(),
    Function::strict(2790, "tidgt", &[TID, TID], BOOL, greater),
    Function::strict(2791, "tidlt", &[TID, TID], BOOL, less),
    Function::strict(2792, "tidge", &[TID, TID], BOOL, greater_equal),
    Function::strict(2793, "tidle", &[TID, TID], BOOL, less_equal),
    Function::strict(2794, "bttidcmp", &[TID, TID], INT4, three_way),
    Function::strict(2795, "tidlarger", &[TID, TID], TID, larger),
    Function::strict(2796, "tidsmaller", &[TID, TID], TID, smaller),
    Function::strict(2954, "uuid_lt", &[UUID, UUID], BOOL, less),
    Function::strict(2955, "uuid_le", &[UUID, UUID], BOOL, less_equal),
    Function::strict(2956, "uuid_eq", &[UUID, UUID], BOOL, equal),
    Function::strict(2957, "uuid_ge", &[UUID, UUID], BOOL, greater_equal),
    Function::strict(2958, "uuid_gt", &[UUID, UUID], BOOL, greater),
    Function::strict(2959, "uuid_ne", &[UUID, UUID], BOOL, not_equal),
    Function::strict(2960, "uuid_cmp", &[UUID, UUID], INT4, three_way),
    Function::strict(2981, "record_eq", &[RECORD, RECORD], BOOL, equal),
    Function::strict(2982, "record_ne", &[RECORD, RECORD], BOOL, not_equal),
    Function::strict(2983, "record_lt", &[RECORD, RECORD], BOOL, less),
    Function::strict(2984, "record_gt", &[RECORD, RECORD], BOOL, greater),
    Function::strict(2985, "record_le", &[RECORD, RECORD], BOOL, less_equal),
    Function::strict(2986, "record_ge", &[RECORD, RECORD], BOOL, greater_equal),
    Function::strict(3231, "pg_lsn_lt", &[PG_LSN, PG_LSN], BOOL, less),
    Function::strict(3232, "pg_lsn_le", &[PG_LSN, PG_LSN], BOOL, less_equal),
    Function::strict(3233, "pg_lsn_eq", &[PG_LSN, PG_LSN], BOOL, equal),
    Function::strict(3234, "pg_lsn_ge", &[PG_LSN, PG_LSN], BOOL, greater_equal),
    Function::strict(3235, "pg_lsn_gt", &[PG_LSN, PG_LSN], BOOL, greater),
    Function::strict(3236, "pg_lsn_ne", &[PG_LSN, PG_LSN], BOOL, not_equal),
    Function::strict(3308, "xidneq", &[XID, XID], BOOL, not_equal),
    Function::strict(3309, "xidneqint4", &[XID, INT4], BOOL, transaction_not_equal),
    Function::strict(3508, "enum_eq", &[ANYENUM, ANYENUM], BOOL, equal),
    Function::strict(3509, "enum_ne", &[ANYENUM, ANYENUM], BOOL, not_equal),
    Function::strict(3510, "enum_lt", &[ANYENUM, ANYENUM], BOOL, less),
    Function::strict(3511, "enum_gt", &[ANYENUM, ANYENUM], BOOL, greater),
    Function::strict(3512, "enum_le", &[ANYENUM, ANYENUM], BOOL, less_equal),
    Function::strict(3513, "enum_ge", &[ANYENUM, ANYENUM], BOOL, greater_equal),
    Function::strict(4038, "jsonb_ne", &[JSONB, JSONB], BOOL, not_equal),
    Function::strict(4039, "jsonb_lt", &[JSONB, JSONB], BOOL, less),
    Function::strict(4040, "jsonb_gt", &[JSONB, JSONB], BOOL, greater),
    Function::strict(4041, "jsonb_le", &[JSONB, JSONB], BOOL, less_equal),
    Function::strict(4042, "jsonb_ge", &[JSONB, JSONB], BOOL, greater_equal),
    Function::strict(4043, "jsonb_eq", &[JSONB, JSONB], BOOL, equal),
    Function::strict(4044, "jsonb_cmp", &[JSONB, JSONB], INT4, three_way),
    Function::strict(5034, "xid8lt", &[XID8, XID8], BOOL, less),
    Function::strict(5035, "xid8gt", &[XID8, XID8], BOOL, greater),
    Function::strict(5036, "xid8le", &[XID8, XID8], BOOL, less_equal),
    Function::strict(5037, "xid8ge", &[XID8, XID8], BOOL, greater_equal),
    Function::strict(5084, "xid8eq", &[XID8, XID8], BOOL, equal),
    Function::strict(5085, "xid8ne", &[XID8, XID8], BOOL, not_equal),
];

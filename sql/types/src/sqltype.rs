//! SQL types: PostgreSQL's oids, the rows of `pg_type` we support, and [`SqlType`], a type with its modifier.
//!
//! Every oid is PostgreSQL's real one, because drivers choose their codecs by it. The table [`all_types`] is at once
//! what the catalog shows as `pg_type` and what type resolution reads (category, preferred, element, array).
//!
//! A type modifier (typmod) is PostgreSQL's: -1 for none; `varchar(n)` and `char(n)` n + 4; `numeric(p,s)`
//! ((p << 16) | s) + 4 with an eleven-bit two's-complement scale; times and timestamps the number of fractional digits;
//! intervals (fields << 16) | precision.
//!
//! Types absent on purpose: jsonpath, xml, money, bit, timetz, network, geometric, range and text-search types.

use std::collections::HashMap;
use std::fmt;
use std::sync::LazyLock;

/// A PostgreSQL object identifier.
pub type Oid = u32;

/// The oids of the supported types.
pub mod oid {
    pub const BOOL: u32 = 16;
    pub const BYTEA: u32 = 17;
    pub const CHAR: u32 = 18;
    pub const NAME: u32 = 19;
    pub const INT8: u32 = 20;
    pub const INT2: u32 = 21;
    pub const INT2VECTOR: u32 = 22;
    pub const INT4: u32 = 23;
    pub const REGPROC: u32 = 24;
    pub const TEXT: u32 = 25;
    pub const OID: u32 = 26;
    pub const TID: u32 = 27;
    pub const XID: u32 = 28;
    pub const CID: u32 = 29;
    pub const OIDVECTOR: u32 = 30;
    pub const JSON: u32 = 114;
    pub const PG_NODE_TREE: u32 = 194;
    pub const JSON_ARRAY: u32 = 199;
    pub const XID8_ARRAY: u32 = 271;
    pub const FLOAT4: u32 = 700;
    pub const FLOAT8: u32 = 701;
    pub const UNKNOWN: u32 = 705;
    pub const BOOL_ARRAY: u32 = 1000;
    pub const BYTEA_ARRAY: u32 = 1001;
    pub const CHAR_ARRAY: u32 = 1002;
    pub const NAME_ARRAY: u32 = 1003;
    pub const INT2_ARRAY: u32 = 1005;
    pub const INT2VECTOR_ARRAY: u32 = 1006;
    pub const INT4_ARRAY: u32 = 1007;
    pub const REGPROC_ARRAY: u32 = 1008;
    pub const TEXT_ARRAY: u32 = 1009;
    pub const TID_ARRAY: u32 = 1010;
    pub const XID_ARRAY: u32 = 1011;
    pub const CID_ARRAY: u32 = 1012;
    pub const OIDVECTOR_ARRAY: u32 = 1013;
    pub const BPCHAR_ARRAY: u32 = 1014;
    pub const VARCHAR_ARRAY: u32 = 1015;
    pub const INT8_ARRAY: u32 = 1016;
    pub const FLOAT4_ARRAY: u32 = 1021;
    pub const FLOAT8_ARRAY: u32 = 1022;
    pub const OID_ARRAY: u32 = 1028;
    pub const ACLITEM: u32 = 1033;
    pub const ACLITEM_ARRAY: u32 = 1034;
    pub const BPCHAR: u32 = 1042;
    pub const VARCHAR: u32 = 1043;
    pub const DATE: u32 = 1082;
    pub const TIME: u32 = 1083;
    pub const TIMESTAMP: u32 = 1114;
    pub const TIMESTAMP_ARRAY: u32 = 1115;
    pub const DATE_ARRAY: u32 = 1182;
    pub const TIME_ARRAY: u32 = 1183;
    pub const TIMESTAMPTZ: u32 = 1184;
    pub const TIMESTAMPTZ_ARRAY: u32 = 1185;
    pub const INTERVAL: u32 = 1186;
    pub const INTERVAL_ARRAY: u32 = 1187;
    pub const NUMERIC_ARRAY: u32 = 1231;
    pub const CSTRING_ARRAY: u32 = 1263;
    pub const NUMERIC: u32 = 1700;
    pub const REGPROCEDURE: u32 = 2202;
    pub const REGOPER: u32 = 2203;
    pub const REGOPERATOR: u32 = 2204;
    pub const REGCLASS: u32 = 2205;
    pub const REGTYPE: u32 = 2206;
    pub const REGPROCEDURE_ARRAY: u32 = 2207;
    pub const REGOPER_ARRAY: u32 = 2208;
    pub const REGOPERATOR_ARRAY: u32 = 2209;
    pub const REGCLASS_ARRAY: u32 = 2210;
    pub const REGTYPE_ARRAY: u32 = 2211;
    pub const RECORD: u32 = 2249;
    pub const CSTRING: u32 = 2275;
    pub const ANY: u32 = 2276;
    pub const ANYARRAY: u32 = 2277;
    pub const VOID: u32 = 2278;
    pub const TRIGGER: u32 = 2279;
    pub const LANGUAGE_HANDLER: u32 = 2280;
    pub const INTERNAL: u32 = 2281;
    pub const ANYELEMENT: u32 = 2283;
    pub const RECORD_ARRAY: u32 = 2287;
    pub const ANYNONARRAY: u32 = 2776;
    pub const UUID: u32 = 2950;
    pub const UUID_ARRAY: u32 = 2951;
    pub const PG_LSN: u32 = 3220;
    pub const PG_LSN_ARRAY: u32 = 3221;
    pub const ANYENUM: u32 = 3500;
    pub const JSONB: u32 = 3802;
    pub const JSONB_ARRAY: u32 = 3807;
    pub const EVENT_TRIGGER: u32 = 3838;
    pub const REGNAMESPACE: u32 = 4089;
    pub const REGNAMESPACE_ARRAY: u32 = 4090;
    pub const REGROLE: u32 = 4096;
    pub const REGROLE_ARRAY: u32 = 4097;
    pub const REGCOLLATION: u32 = 4191;
    pub const REGCOLLATION_ARRAY: u32 = 4192;
    pub const XID8: u32 = 5069;
    pub const ANYCOMPATIBLE: u32 = 5077;
    pub const ANYCOMPATIBLEARRAY: u32 = 5078;
    pub const ANYCOMPATIBLENONARRAY: u32 = 5079;
}

/// A type and its modifier. Two types are equal when both are.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub struct SqlType {
    pub oid: u32,
    /// -1 when there is none; the encoding is PostgreSQL's (see the head of this module).
    pub typmod: i32,
}

/// One row of `pg_type`.
#[derive(Debug, PartialEq, Eq)]
pub struct TypeRow {
    pub oid: u32,
    /// The internal name, such as `int4` or `_int4`.
    pub name: &'static str,
    /// Bytes of a fixed-width value, -1 for variable width, -2 for a C string.
    pub len: i16,
    pub by_value: bool,
    /// `b` for a base type, `p` for a pseudo-type.
    pub kind: u8,
    pub category: u8,
    pub preferred: bool,
    /// The type of a subscript's result, or 0.
    pub element: u32,
    /// The array type over this one, or 0.
    pub array: u32,
    /// typinput, typoutput, typreceive, typsend.
    pub io: [&'static str; 4],
    pub align: u8,
    pub storage: u8,
    pub collation: u32,
}

impl TypeRow {
    /// Whether its values are arrays: the category says so, but for record[], which is a pseudo-type.
    pub fn is_array(&self) -> bool {
        self.category == b'A' || self.oid == oid::RECORD_ARRAY
    }
}

/// The header that PostgreSQL counts into the modifiers of varchar, char and numeric.
const TYPMOD_HEADER: i32 = 4;

impl SqlType {
    pub const BOOL: SqlType = SqlType::of(oid::BOOL);
    pub const BYTEA: SqlType = SqlType::of(oid::BYTEA);
    pub const CHAR: SqlType = SqlType::of(oid::CHAR);
    pub const NAME: SqlType = SqlType::of(oid::NAME);
    pub const INT2: SqlType = SqlType::of(oid::INT2);
    pub const INT4: SqlType = SqlType::of(oid::INT4);
    pub const INT8: SqlType = SqlType::of(oid::INT8);
    pub const FLOAT4: SqlType = SqlType::of(oid::FLOAT4);
    pub const FLOAT8: SqlType = SqlType::of(oid::FLOAT8);
    pub const NUMERIC: SqlType = SqlType::of(oid::NUMERIC);
    pub const TEXT: SqlType = SqlType::of(oid::TEXT);
    pub const VARCHAR: SqlType = SqlType::of(oid::VARCHAR);
    pub const BPCHAR: SqlType = SqlType::of(oid::BPCHAR);
    pub const JSON: SqlType = SqlType::of(oid::JSON);
    pub const JSONB: SqlType = SqlType::of(oid::JSONB);
    pub const DATE: SqlType = SqlType::of(oid::DATE);
    pub const TIME: SqlType = SqlType::of(oid::TIME);
    pub const TIMESTAMP: SqlType = SqlType::of(oid::TIMESTAMP);
    pub const TIMESTAMPTZ: SqlType = SqlType::of(oid::TIMESTAMPTZ);
    pub const INTERVAL: SqlType = SqlType::of(oid::INTERVAL);
    pub const OID: SqlType = SqlType::of(oid::OID);
    pub const REGCLASS: SqlType = SqlType::of(oid::REGCLASS);
    pub const REGTYPE: SqlType = SqlType::of(oid::REGTYPE);
    pub const REGPROC: SqlType = SqlType::of(oid::REGPROC);
    pub const TID: SqlType = SqlType::of(oid::TID);
    pub const XID: SqlType = SqlType::of(oid::XID);
    pub const UUID: SqlType = SqlType::of(oid::UUID);
    pub const PG_LSN: SqlType = SqlType::of(oid::PG_LSN);
    pub const UNKNOWN: SqlType = SqlType::of(oid::UNKNOWN);
    pub const VOID: SqlType = SqlType::of(oid::VOID);
    pub const RECORD: SqlType = SqlType::of(oid::RECORD);
    pub const PG_NODE_TREE: SqlType = SqlType::of(oid::PG_NODE_TREE);
    pub const INT2VECTOR: SqlType = SqlType::of(oid::INT2VECTOR);
    pub const OIDVECTOR: SqlType = SqlType::of(oid::OIDVECTOR);
    pub const TEXT_ARRAY: SqlType = SqlType::of(oid::TEXT_ARRAY);
    pub const NAME_ARRAY: SqlType = SqlType::of(oid::NAME_ARRAY);
    pub const INT2_ARRAY: SqlType = SqlType::of(oid::INT2_ARRAY);
    pub const INT4_ARRAY: SqlType = SqlType::of(oid::INT4_ARRAY);
    pub const INT8_ARRAY: SqlType = SqlType::of(oid::INT8_ARRAY);
    pub const OID_ARRAY: SqlType = SqlType::of(oid::OID_ARRAY);

    /// A type without a modifier.
    pub const fn of(oid: u32) -> SqlType {
        SqlType { oid, typmod: -1 }
    }

    pub const fn with_typmod(oid: u32, typmod: i32) -> SqlType {
        SqlType { oid, typmod }
    }

    /// `varchar(n)`, n in characters.
    pub const fn varchar(n: i32) -> SqlType {
        SqlType { oid: oid::VARCHAR, typmod: n + TYPMOD_HEADER }
    }

    /// `char(n)`, n in characters.
    pub const fn bpchar(n: i32) -> SqlType {
        SqlType { oid: oid::BPCHAR, typmod: n + TYPMOD_HEADER }
    }

    /// `numeric(precision, scale)`; the scale may be negative.
    pub const fn numeric(precision: i32, scale: i32) -> SqlType {
        SqlType { oid: oid::NUMERIC, typmod: ((precision << 16) | (scale & 0x7ff)) + TYPMOD_HEADER }
    }

    /// The declared length in characters of a varchar or char, if there is one.
    pub const fn char_limit(self) -> Option<usize> {
        if self.typmod >= TYPMOD_HEADER && (self.oid == oid::VARCHAR || self.oid == oid::BPCHAR) {
            Some((self.typmod - TYPMOD_HEADER) as usize)
        } else {
            None
        }
    }

    /// The declared (precision, scale) of a numeric, if there is one.
    pub const fn precision_scale(self) -> Option<(i32, i32)> {
        if self.oid == oid::NUMERIC && self.typmod >= TYPMOD_HEADER {
            let bits = self.typmod - TYPMOD_HEADER;
            Some(((bits >> 16) & 0xffff, ((bits & 0x7ff) ^ 1024) - 1024))
        } else {
            None
        }
    }

    /// The row of `pg_type`, or `None` for a type this crate does not know (a table's row type, an enum).
    pub fn row(self) -> Option<&'static TypeRow> {
        type_row(self.oid)
    }

    /// What messages call it, such as `character varying(22)`: [`format_type`], but for a char without a length, which is
    /// `character`. An unknown oid prints as `???`.
    pub fn name(self) -> String {
        match self.oid {
            oid::BPCHAR if self.typmod < 0 => "character".into(),
            oid::BPCHAR_ARRAY if self.typmod < 0 => "character[]".into(),
            _ => format_type(self.oid, self.typmod),
        }
    }

    /// Bytes of a fixed-width value, -1 for variable width.
    pub fn typlen(self) -> i16 {
        self.row().map_or(-1, |row| row.len)
    }

    /// PostgreSQL's type category: `N` numbers, `S` strings, `D` dates and times, `B` booleans, `A` arrays ...
    pub fn category(self) -> u8 {
        self.row().map_or(b'U', |row| row.category)
    }

    /// Whether this is the preferred type of its category.
    pub fn is_preferred(self) -> bool {
        self.row().is_some_and(|row| row.preferred)
    }

    /// int2, int4, int8, float4, float8 or numeric.
    pub const fn is_numeric(self) -> bool {
        matches!(self.oid, oid::INT2 | oid::INT4 | oid::INT8 | oid::FLOAT4 | oid::FLOAT8 | oid::NUMERIC)
    }

    /// int2, int4 or int8.
    pub const fn is_integer(self) -> bool {
        matches!(self.oid, oid::INT2 | oid::INT4 | oid::INT8)
    }

    /// text, varchar, char(n) or name.
    pub const fn is_string(self) -> bool {
        matches!(self.oid, oid::TEXT | oid::VARCHAR | oid::BPCHAR | oid::NAME)
    }

    /// Whether values are a [`Datum::Oid`](crate::Datum::Oid).
    pub const fn is_oid_like(self) -> bool {
        matches!(self.oid, oid::OID | oid::XID | oid::CID) || self.is_reg()
    }

    /// regclass and its kin: an oid whose text form is a name.
    pub const fn is_reg(self) -> bool {
        matches!(
            self.oid,
            oid::REGPROC
                | oid::REGPROCEDURE
                | oid::REGOPER
                | oid::REGOPERATOR
                | oid::REGCLASS
                | oid::REGTYPE
                | oid::REGROLE
                | oid::REGNAMESPACE
                | oid::REGCOLLATION
        )
    }

    /// Whether this is an array, int2vector and oidvector included.
    pub fn is_array(self) -> bool {
        self.row().is_some_and(TypeRow::is_array)
    }

    pub fn is_pseudo(self) -> bool {
        self.row().is_some_and(|row| row.kind == b'p')
    }

    /// The element type of an array, with the array's modifier; `None` if this is not an array.
    pub fn element(self) -> Option<SqlType> {
        let row = self.row().filter(|row| row.is_array() && row.element != 0)?;
        Some(SqlType { oid: row.element, typmod: self.typmod })
    }

    /// The array over this type, or `None` if there is none.
    pub fn array(self) -> Option<SqlType> {
        let row = self.row().filter(|row| row.array != 0)?;
        Some(SqlType { oid: row.array, typmod: self.typmod })
    }
}

impl fmt::Display for SqlType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}

/// Every row of `pg_type` this crate knows, by ascending oid.
pub fn all_types() -> &'static [TypeRow] {
    TYPE_ROWS
}

static BY_NAME: LazyLock<HashMap<&'static str, &'static TypeRow>> =
    LazyLock::new(|| TYPE_ROWS.iter().map(|row| (row.name, row)).collect());

/// The row with this oid.
pub fn type_row(oid: u32) -> Option<&'static TypeRow> {
    TYPE_ROWS.binary_search_by_key(&oid, |row| row.oid).ok().map(|at| &TYPE_ROWS[at])
}

/// The type with this internal name (`int4`, `_text`), as a quoted name in SQL would find it.
pub fn type_by_internal_name(name: &str) -> Option<&'static TypeRow> {
    BY_NAME.get(name).copied()
}

/// The type that a lower-case SQL name denotes, without modifier or brackets: internal names and the standard's
/// spellings (`integer`, `double precision`, `timestamp with time zone`, `character varying`).
pub fn type_by_name(name: &str) -> Option<SqlType> {
    let oid = match name {
        "boolean" => oid::BOOL,
        "smallint" => oid::INT2,
        "int" | "integer" => oid::INT4,
        "bigint" => oid::INT8,
        "real" => oid::FLOAT4,
        "float" | "double precision" => oid::FLOAT8,
        "decimal" | "dec" => oid::NUMERIC,
        // Without a length, SQL's char means char(1); the quoted name "char" is another type.
        "char" | "character" | "nchar" => return Some(SqlType::bpchar(1)),
        "\"char\"" => oid::CHAR,
        "character varying" | "char varying" | "national character varying" => oid::VARCHAR,
        "time without time zone" => oid::TIME,
        "timestamp without time zone" => oid::TIMESTAMP,
        "timestamp with time zone" => oid::TIMESTAMPTZ,
        other => type_by_internal_name(other)?.oid,
    };
    Some(SqlType::of(oid))
}

/// PostgreSQL's `format_type(oid, typmod)`, which reads back as the same type. An unknown oid prints as `???`.
pub fn format_type(oid: u32, typmod: i32) -> String {
    let Some(row) = type_row(oid) else { return if oid == 0 { "-".into() } else { "???".into() } };
    // int2vector and oidvector are arrays by category, but have names of their own.
    if row.is_array() && row.name.starts_with('_') {
        return format!("{}[]", format_type(row.element, typmod));
    }
    let precision = |name: &str, rest: &str| {
        if typmod >= 0 { format!("{name}({typmod}){rest}") } else { format!("{name}{rest}") }
    };
    match oid {
        oid::BOOL => "boolean".into(),
        oid::CHAR => "\"char\"".into(),
        oid::INT2 => "smallint".into(),
        oid::INT4 => "integer".into(),
        oid::INT8 => "bigint".into(),
        oid::FLOAT4 => "real".into(),
        oid::FLOAT8 => "double precision".into(),
        oid::ANY => "\"any\"".into(),
        oid::VARCHAR | oid::BPCHAR => {
            let long = if oid == oid::VARCHAR { "character varying" } else { "character" };
            match SqlType::with_typmod(oid, typmod).char_limit() {
                Some(n) => format!("{long}({n})"),
                // A char without a length is not char(1), so it keeps its internal name.
                None if oid == oid::BPCHAR => "bpchar".into(),
                None => long.into(),
            }
        }
        oid::NUMERIC => match SqlType::with_typmod(oid, typmod).precision_scale() {
            Some((precision, scale)) => format!("numeric({precision},{scale})"),
            None => "numeric".into(),
        },
        oid::TIME => precision("time", " without time zone"),
        oid::TIMESTAMP => precision("timestamp", " without time zone"),
        oid::TIMESTAMPTZ => precision("timestamp", " with time zone"),
        oid::INTERVAL => format!("interval{}", interval_typmod(typmod)),
        _ => row.name.into(),
    }
}

/// Bits of an interval's field mask, as in PostgreSQL's `INTERVAL_MASK`.
pub mod interval_field {
    pub const MONTH: i32 = 1 << 1;
    pub const YEAR: i32 = 1 << 2;
    pub const DAY: i32 = 1 << 3;
    pub const HOUR: i32 = 1 << 10;
    pub const MINUTE: i32 = 1 << 11;
    pub const SECOND: i32 = 1 << 12;
    /// No restriction.
    pub const FULL_RANGE: i32 = 0x7fff;
    /// No precision given.
    pub const FULL_PRECISION: i32 = 0xffff;
}

fn interval_typmod(typmod: i32) -> String {
    use interval_field::*;
    if typmod < 0 {
        return String::new();
    }
    let (fields, precision) = ((typmod >> 16) & FULL_RANGE, typmod & 0xffff);
    let mut text = String::new();
    if fields != FULL_RANGE {
        let names =
            [(YEAR, "year"), (MONTH, "month"), (DAY, "day"), (HOUR, "hour"), (MINUTE, "minute"), (SECOND, "second")];
        let mut present = names.iter().filter(|(bit, _)| fields & bit != 0).map(|(_, name)| *name);
        if let Some(first) = present.next() {
            text.push(' ');
            text.push_str(first);
            if let Some(last) = present.next_back() {
                text.push_str(" to ");
                text.push_str(last);
            }
        }
    }
    if precision != FULL_PRECISION {
        text.push_str(&format!("({precision})"));
    }
    text
}

#[allow(clippy::too_many_arguments, reason = "one argument for each column of pg_type")]
const fn row(
    oid: u32,
    name: &'static str,
    len: i16,
    by_value: bool,
    kind: u8,
    category: u8,
    preferred: bool,
    element: u32,
    array: u32,
    io: [&'static str; 4],
    align: u8,
    storage: u8,
    collation: u32,
) -> TypeRow {
    TypeRow { oid, name, len, by_value, kind, category, preferred, element, array, io, align, storage, collation }
}

#[rustfmt::skip]
static TYPE_ROWS: &[TypeRow] = &[
    row(16, "bool", 1, true, b'b', b'B', true, 0, 1000, ["boolin", "boolout", "boolrecv", "boolsend"], b'c', b'p', 0),
    row(17, "bytea", -1, false, b'b', b'U', false, 0, 1001, ["byteain", "byteaout", "bytearecv", "byteasend"], b'i', b'x', 0),
    row(18, "char", 1, true, b'b', b'Z', false, 0, 1002, ["charin", "charout", "charrecv", "charsend"], b'c', b'p', 0),
    row(19, "name", 64, false, b'b', b'S', false, 18, 1003, ["namein", "nameout", "namerecv", "namesend"], b'c', b'p', 950),
    row(20, "int8", 8, true, b'b', b'N', false, 0, 1016, ["int8in", "int8out", "int8recv", "int8send"], b'd', b'p', 0),
    row(21, "int2", 2, true, b'b', b'N', false, 0, 1005, ["int2in", "int2out", "int2recv", "int2send"], b's', b'p', 0),
    row(22, "int2vector", -1, false, b'b', b'A', false, 21, 1006, ["int2vectorin", "int2vectorout", "int2vectorrecv", "int2vectorsend"], b'i', b'p', 0),
    row(23, "int4", 4, true, b'b', b'N', false, 0, 1007, ["int4in", "int4out", "int4recv", "int4send"], b'i', b'p', 0),
    row(24, "regproc", 4, true, b'b', b'N', false, 0, 1008, ["regprocin", "regprocout", "regprocrecv", "regprocsend"], b'i', b'p', 0),
    row(25, "text", -1, false, b'b', b'S', true, 0, 1009, ["textin", "textout", "textrecv", "textsend"], b'i', b'x', 100),
    row(26, "oid", 4, true, b'b', b'N', true, 0, 1028, ["oidin", "oidout", "oidrecv", "oidsend"], b'i', b'p', 0),
    row(27, "tid", 6, false, b'b', b'U', false, 0, 1010, ["tidin", "tidout", "tidrecv", "tidsend"], b's', b'p', 0),
    row(28, "xid", 4, true, b'b', b'U', false, 0, 1011, ["xidin", "xidout", "xidrecv", "xidsend"], b'i', b'p', 0),
    row(29, "cid", 4, true, b'b', b'U', false, 0, 1012, ["cidin", "cidout", "cidrecv", "cidsend"], b'i', b'p', 0),
    row(30, "oidvector", -1, false, b'b', b'A', false, 26, 1013, ["oidvectorin", "oidvectorout", "oidvectorrecv", "oidvectorsend"], b'i', b'p', 0),
    row(114, "json", -1, false, b'b', b'U', false, 0, 199, ["json_in", "json_out", "json_recv", "json_send"], b'i', b'x', 0),
    row(194, "pg_node_tree", -1, false, b'b', b'Z', false, 0, 0, ["pg_node_tree_in", "pg_node_tree_out", "pg_node_tree_recv", "pg_node_tree_send"], b'i', b'x', 100),
    row(199, "_json", -1, false, b'b', b'A', false, 114, 0, ["array_in", "array_out", "array_recv", "array_send"], b'i', b'x', 0),
    row(271, "_xid8", -1, false, b'b', b'A', false, 5069, 0, ["array_in", "array_out", "array_recv", "array_send"], b'd', b'x', 0),
    row(700, "float4", 4, true, b'b', b'N', false, 0, 1021, ["float4in", "float4out", "float4recv", "float4send"], b'i', b'p', 0),
    row(701, "float8", 8, true, b'b', b'N', true, 0, 1022, ["float8in", "float8out", "float8recv", "float8send"], b'd', b'p', 0),
    row(705, "unknown", -2, false, b'p', b'X', false, 0, 0, ["unknownin", "unknownout", "unknownrecv", "unknownsend"], b'c', b'p', 0),
    row(1000, "_bool", -1, false, b'b', b'A', false, 16, 0, ["array_in", "array_out", "array_recv", "array_send"], b'i', b'x', 0),
    row(1001, "_bytea", -1, false, b'b', b'A', false, 17, 0, ["array_in", "array_out", "array_recv", "array_send"], b'i', b'x', 0),
    row(1002, "_char", -1, false, b'b', b'A', false, 18, 0, ["array_in", "array_out", "array_recv", "array_send"], b'i', b'x', 0),
    row(1003, "_name", -1, false, b'b', b'A', false, 19, 0, ["array_in", "array_out", "array_recv", "array_send"], b'i', b'x', 950),
    row(1005, "_int2", -1, false, b'b', b'A', false, 21, 0, ["array_in", "array_out", "array_recv", "array_send"], b'i', b'x', 0),
    row(1006, "_int2vector", -1, false, b'b', b'A', false, 22, 0, ["array_in", "array_out", "array_recv", "array_send"], b'i', b'x', 0),
    row(1007, "_int4", -1, false, b'b', b'A', false, 23, 0, ["array_in", "array_out", "array_recv", "array_send"], b'i', b'x', 0),
    row(1008, "_regproc", -1, false, b'b', b'A', false, 24, 0, ["array_in", "array_out", "array_recv", "array_send"], b'i', b'x', 0),
    row(1009, "_text", -1, false, b'b', b'A', false, 25, 0, ["array_in", "array_out", "array_recv", "array_send"], b'i', b'x', 100),
    row(1010, "_tid", -1, false, b'b', b'A', false, 27, 0, ["array_in", "array_out", "array_recv", "array_send"], b'i', b'x', 0),
    row(1011, "_xid", -1, false, b'b', b'A', false, 28, 0, ["array_in", "array_out", "array_recv", "array_send"], b'i', b'x', 0),
    row(1012, "_cid", -1, false, b'b', b'A', false, 29, 0, ["array_in", "array_out", "array_recv", "array_send"], b'i', b'x', 0),
    row(1013, "_oidvector", -1, false, b'b', b'A', false, 30, 0, ["array_in", "array_out", "array_recv", "array_send"], b'i', b'x', 0),
    row(1014, "_bpchar", -1, false, b'b', b'A', false, 1042, 0, ["array_in", "array_out", "array_recv", "array_send"], b'i', b'x', 100),
    row(1015, "_varchar", -1, false, b'b', b'A', false, 1043, 0, ["array_in", "array_out", "array_recv", "array_send"], b'i', b'x', 100),
    row(1016, "_int8", -1, false, b'b', b'A', false, 20, 0, ["array_in", "array_out", "array_recv", "array_send"], b'd', b'x', 0),
    row(1021, "_float4", -1, false, b'b', b'A', false, 700, 0, ["array_in", "array_out", "array_recv", "array_send"], b'i', b'x', 0),
    row(1022, "_float8", -1, false, b'b', b'A', false, 701, 0, ["array_in", "array_out", "array_recv", "array_send"], b'd', b'x', 0),
    row(1028, "_oid", -1, false, b'b', b'A', false, 26, 0, ["array_in", "array_out", "array_recv", "array_send"], b'i', b'x', 0),
    row(1033, "aclitem", 12, false, b'b', b'U', false, 0, 1034, ["aclitemin", "aclitemout", "-", "-"], b'i', b'p', 0),
    row(1034, "_aclitem", -1, false, b'b', b'A', false, 1033, 0, ["array_in", "array_out", "array_recv", "array_send"], b'i', b'x', 0),
    row(1042, "bpchar", -1, false, b'b', b'S', false, 0, 1014, ["bpcharin", "bpcharout", "bpcharrecv", "bpcharsend"], b'i', b'x', 100),
    row(1043, "varchar", -1, false, b'b', b'S', false, 0, 1015, ["varcharin", "varcharout", "varcharrecv", "varcharsend"], b'i', b'x', 100),
    row(1082, "date", 4, true, b'b', b'D', false, 0, 1182, ["date_in", "date_out", "date_recv", "date_send"], b'i', b'p', 0),
    row(1083, "time", 8, true, b'b', b'D', false, 0, 1183, ["time_in", "time_out", "time_recv", "time_send"], b'd', b'p', 0),
    row(1114, "timestamp", 8, true, b'b', b'D', false, 0, 1115, ["timestamp_in", "timestamp_out", "timestamp_recv", "timestamp_send"], b'd', b'p', 0),
    row(1115, "_timestamp", -1, false, b'b', b'A', false, 1114, 0, ["array_in", "array_out", "array_recv", "array_send"], b'd', b'x', 0),
    row(1182, "_date", -1, false, b'b', b'A', false, 1082, 0, ["array_in", "array_out", "array_recv", "array_send"], b'i', b'x', 0),
    row(1183, "_time", -1, false, b'b', b'A', false, 1083, 0, ["array_in", "array_out", "array_recv", "array_send"], b'd', b'x', 0),
    row(1184, "timestamptz", 8, true, b'b', b'D', true, 0, 1185, ["timestamptz_in", "timestamptz_out", "timestamptz_recv", "timestamptz_send"], b'd', b'p', 0),
    row(1185, "_timestamptz", -1, false, b'b', b'A', false, 1184, 0, ["array_in", "array_out", "array_recv", "array_send"], b'd', b'x', 0),
    row(1186, "interval", 16, false, b'b', b'T', true, 0, 1187, ["interval_in", "interval_out", "interval_recv", "interval_send"], b'd', b'p', 0),
    row(1187, "_interval", -1, false, b'b', b'A', false, 1186, 0, ["array_in", "array_out", "array_recv", "array_send"], b'd', b'x', 0),
    row(1231, "_numeric", -1, false, b'b', b'A', false, 1700, 0, ["array_in", "array_out", "array_recv", "array_send"], b'i', b'x', 0),
    row(1263, "_cstring", -1, false, b'b', b'A', false, 2275, 0, ["array_in", "array_out", "array_recv", "array_send"], b'i', b'x', 0),
    row(1700, "numeric", -1, false, b'b', b'N', false, 0, 1231, ["numeric_in", "numeric_out", "numeric_recv", "numeric_send"], b'i', b'm', 0),
    row(2202, "regprocedure", 4, true, b'b', b'N', false, 0, 2207, ["regprocedurein", "regprocedureout", "regprocedurerecv", "regproceduresend"], b'i', b'p', 0),
    row(2203, "regoper", 4, true, b'b', b'N', false, 0, 2208, ["regoperin", "regoperout", "regoperrecv", "regopersend"], b'i', b'p', 0),
    row(2204, "regoperator", 4, true, b'b', b'N', false, 0, 2209, ["regoperatorin", "regoperatorout", "regoperatorrecv", "regoperatorsend"], b'i', b'p', 0),
    row(2205, "regclass", 4, true, b'b', b'N', false, 0, 2210, ["regclassin", "regclassout", "regclassrecv", "regclasssend"], b'i', b'p', 0),
    row(2206, "regtype", 4, true, b'b', b'N', false, 0, 2211, ["regtypein", "regtypeout", "regtyperecv", "regtypesend"], b'i', b'p', 0),
    row(2207, "_regprocedure", -1, false, b'b', b'A', false, 2202, 0, ["array_in", "array_out", "array_recv", "array_send"], b'i', b'x', 0),
    row(2208, "_regoper", -1, false, b'b', b'A', false, 2203, 0, ["array_in", "array_out", "array_recv", "array_send"], b'i', b'x', 0),
    row(2209, "_regoperator", -1, false, b'b', b'A', false, 2204, 0, ["array_in", "array_out", "array_recv", "array_send"], b'i', b'x', 0),
    row(2210, "_regclass", -1, false, b'b', b'A', false, 2205, 0, ["array_in", "array_out", "array_recv", "array_send"], b'i', b'x', 0),
    row(2211, "_regtype", -1, false, b'b', b'A', false, 2206, 0, ["array_in", "array_out", "array_recv", "array_send"], b'i', b'x', 0),
    row(2249, "record", -1, false, b'p', b'P', false, 0, 2287, ["record_in", "record_out", "record_recv", "record_send"], b'd', b'x', 0),
    row(2275, "cstring", -2, false, b'p', b'P', false, 0, 1263, ["cstring_in", "cstring_out", "cstring_recv", "cstring_send"], b'c', b'p', 0),
    row(2276, "any", 4, true, b'p', b'P', false, 0, 0, ["any_in", "any_out", "-", "-"], b'i', b'p', 0),
    row(2277, "anyarray", -1, false, b'p', b'P', false, 0, 0, ["anyarray_in", "anyarray_out", "anyarray_recv", "anyarray_send"], b'd', b'x', 0),
    row(2278, "void", 4, true, b'p', b'P', false, 0, 0, ["void_in", "void_out", "void_recv", "void_send"], b'i', b'p', 0),
    row(2279, "trigger", 4, true, b'p', b'P', false, 0, 0, ["trigger_in", "trigger_out", "-", "-"], b'i', b'p', 0),
    row(2280, "language_handler", 4, true, b'p', b'P', false, 0, 0, ["language_handler_in", "language_handler_out", "-", "-"], b'i', b'p', 0),
    row(2281, "internal", 8, true, b'p', b'P', false, 0, 0, ["internal_in", "internal_out", "-", "-"], b'd', b'p', 0),
    row(2283, "anyelement", 4, true, b'p', b'P', false, 0, 0, ["anyelement_in", "anyelement_out", "-", "-"], b'i', b'p', 0),
    row(2287, "_record", -1, false, b'p', b'P', false, 2249, 0, ["array_in", "array_out", "array_recv", "array_send"], b'd', b'x', 0),
    row(2776, "anynonarray", 4, true, b'p', b'P', false, 0, 0, ["anynonarray_in", "anynonarray_out", "-", "-"], b'i', b'p', 0),
    row(2950, "uuid", 16, false, b'b', b'U', false, 0, 2951, ["uuid_in", "uuid_out", "uuid_recv", "uuid_send"], b'c', b'p', 0),
    row(2951, "_uuid", -1, false, b'b', b'A', false, 2950, 0, ["array_in", "array_out", "array_recv", "array_send"], b'i', b'x', 0),
    row(3220, "pg_lsn", 8, true, b'b', b'U', false, 0, 3221, ["pg_lsn_in", "pg_lsn_out", "pg_lsn_recv", "pg_lsn_send"], b'd', b'p', 0),
    row(3221, "_pg_lsn", -1, false, b'b', b'A', false, 3220, 0, ["array_in", "array_out", "array_recv", "array_send"], b'd', b'x', 0),
    row(3500, "anyenum", 4, true, b'p', b'P', false, 0, 0, ["anyenum_in", "anyenum_out", "-", "-"], b'i', b'p', 0),
    row(3802, "jsonb", -1, false, b'b', b'U', false, 0, 3807, ["jsonb_in", "jsonb_out", "jsonb_recv", "jsonb_send"], b'i', b'x', 0),
    row(3807, "_jsonb", -1, false, b'b', b'A', false, 3802, 0, ["array_in", "array_out", "array_recv", "array_send"], b'i', b'x', 0),
    row(3838, "event_trigger", 4, true, b'p', b'P', false, 0, 0, ["event_trigger_in", "event_trigger_out", "-", "-"], b'i', b'p', 0),
    row(4089, "regnamespace", 4, true, b'b', b'N', false, 0, 4090, ["regnamespacein", "regnamespaceout", "regnamespacerecv", "regnamespacesend"], b'i', b'p', 0),
    row(4090, "_regnamespace", -1, false, b'b', b'A', false, 4089, 0, ["array_in", "array_out", "array_recv", "array_send"], b'i', b'x', 0),
    row(4096, "regrole", 4, true, b'b', b'N', false, 0, 4097, ["regrolein", "regroleout", "regrolerecv", "regrolesend"], b'i', b'p', 0),
    row(4097, "_regrole", -1, false, b'b', b'A', false, 4096, 0, ["array_in", "array_out", "array_recv", "array_send"], b'i', b'x', 0),
    row(4191, "regcollation", 4, true, b'b', b'N', false, 0, 4192, ["regcollationin", "regcollationout", "regcollationrecv", "regcollationsend"], b'i', b'p', 0),
    row(4192, "_regcollation", -1, false, b'b', b'A', false, 4191, 0, ["array_in", "array_out", "array_recv", "array_send"], b'i', b'x', 0),
    row(5069, "xid8", 8, true, b'b', b'U', false, 0, 271, ["xid8in", "xid8out", "xid8recv", "xid8send"], b'd', b'p', 0),
    row(5077, "anycompatible", 4, true, b'p', b'P', false, 0, 0, ["anycompatible_in", "anycompatible_out", "-", "-"], b'i', b'p', 0),
    row(5078, "anycompatiblearray", -1, false, b'p', b'P', false, 0, 0, ["anycompatiblearray_in", "anycompatiblearray_out", "anycompatiblearray_recv", "anycompatiblearray_send"], b'd', b'x', 0),
    row(5079, "anycompatiblenonarray", 4, true, b'p', b'P', false, 0, 0, ["anycompatiblenonarray_in", "anycompatiblenonarray_out", "-", "-"], b'i', b'p', 0),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_sorted_and_arrays_point_back() {
        assert!(TYPE_ROWS.is_sorted_by_key(|row| row.oid));
        for row in TYPE_ROWS.iter().filter(|row| row.array != 0 && row.kind == b'b') {
            assert_eq!(type_row(row.array).expect("the array type is in the table").element, row.oid);
        }
    }

    #[test]
    fn names_are_those_of_format_type() {
        assert_eq!(SqlType::varchar(22).name(), "character varying(22)");
        assert_eq!(SqlType::bpchar(1).name(), "character(1)");
        assert_eq!(SqlType::BPCHAR.name(), "character");
        assert_eq!(SqlType::of(oid::BPCHAR_ARRAY).name(), "character[]");
        assert_eq!(format_type(oid::BPCHAR, -1), "bpchar");
        assert_eq!(SqlType::numeric(10, 2).name(), "numeric(10,2)");
        assert_eq!(SqlType::numeric(3, -2).name(), "numeric(3,-2)");
        assert_eq!(SqlType::with_typmod(oid::TIMESTAMPTZ, 3).name(), "timestamp(3) with time zone");
        assert_eq!(SqlType::TEXT_ARRAY.name(), "text[]");
        assert_eq!(SqlType::with_typmod(oid::VARCHAR_ARRAY, 14).name(), "character varying(10)[]");
        assert_eq!(SqlType::with_typmod(oid::INTERVAL, 0x0018_ffff & !0x0010_0000).name(), "interval day");
        assert_eq!(SqlType::CHAR.name(), "\"char\"");
        assert_eq!(SqlType::OIDVECTOR.name(), "oidvector");
    }
}

//! Names of types.

use types::sqltype::{type_by_internal_name, type_by_name};
use types::{Error, Result, SqlState, SqlType, oid};

use super::Binder;
use crate::parse::ast::{ExprKind, TypeName};
use crate::parse::interval_modifier;

impl Binder<'_> {
    /// # Errors
    /// 42704 no such type, 22023 a wrong modifier, 0A000 a type we do not have.
    pub fn type_name(&mut self, name: &TypeName) -> Result<SqlType> {
        let object = name.names.last().map_or("", String::as_str);
        let foreign = name.names.len() > 1 && name.names[name.names.len() - 2] != "pg_catalog";
        let found = if foreign {
            None
        } else if name.exact {
            type_by_internal_name(object).map(|row| SqlType::of(row.oid))
        } else {
            type_by_name(object)
        };
        let missing = || {
            let message = format!("type \"{}\" does not exist", name.names.join("."));
            Error::new(SqlState::UNDEFINED_OBJECT, message).at(name.pos + 1)
        };
        const ABSENT: &[&str] = &[
            "jsonb",
            "xml",
            "money",
            "timetz",
            "time with time zone",
            "inet",
            "cidr",
            "macaddr",
            "macaddr8",
            "point",
            "line",
            "lseg",
            "box",
            "path",
            "polygon",
            "circle",
            "tsvector",
            "tsquery",
            "varbit",
            "int4range",
            "int8range",
            "numrange",
            "tsrange",
            "tstzrange",
            "daterange",
            "jsonpath",
            "refcursor",
            "txid_snapshot",
            "pg_snapshot",
        ];
        let Some(mut ty) = found.filter(|ty| ty.oid != oid::UNKNOWN || name.exact) else {
            if !foreign && ABSENT.contains(&object) {
                return Err(Error::unsupported(format!("type {object}")).at(name.pos + 1));
            }
            return Err(missing());
        };
        let modifiers: Vec<i32> = name
            .modifiers
            .iter()
            .map(|expr| match &expr.kind {
                ExprKind::Integer(text) => text.parse().unwrap_or(i32::MAX),
                _ => i32::MAX,
            })
            .collect();
        let invalid = |message: String| Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, message).at(name.pos + 1));
        match (ty.oid, modifiers.as_slice()) {
            (oid::INTERVAL, []) => ty.typmod = interval_modifier(name.interval_fields, None),
            (oid::INTERVAL, [precision]) => {
                ty.typmod = interval_modifier(name.interval_fields, Some((*precision).min(6)))
            }
            (_, []) => {}
            (oid::VARCHAR | oid::BPCHAR, [length]) => {
                let shown = if ty.oid == oid::VARCHAR { "varchar" } else { "char" };
                if *length < 1 {
                    return invalid(format!("length for type {shown} must be at least 1"));
                }
                if *length > 10_485_760 {
                    return invalid(format!("length for type {shown} cannot exceed 10485760"));
                }
                ty = if ty.oid == oid::VARCHAR { SqlType::varchar(*length) } else { SqlType::bpchar(*length) };
            }
            (oid::NUMERIC, [precision, rest @ ..]) if rest.len() < 2 => {
                let scale = rest.first().copied().unwrap_or(0);
                if !(1..=1000).contains(precision) {
                    return invalid(format!("NUMERIC precision {precision} must be between 1 and 1000"));
                }
                if !(-1000..=1000).contains(&scale) {
                    return invalid(format!("NUMERIC scale {scale} must be between -1000 and 1000"));
                }
                ty = SqlType::numeric(*precision, scale);
            }
            (oid::TIME | oid::TIMESTAMP | oid::TIMESTAMPTZ, [precision]) => {
                if *precision < 0 {
                    return invalid(format!(
                        "{}({precision}) precision must not be negative",
                        ty.name().to_ascii_uppercase()
                    ));
                }
                ty.typmod = (*precision).min(6);
            }
            (oid::VARCHAR | oid::BPCHAR | oid::NUMERIC | oid::TIME | oid::TIMESTAMP | oid::TIMESTAMPTZ, _) => {
                return invalid("invalid type modifier".to_owned());
            }
            _ => {
                let message = format!("type modifier is not allowed for type \"{object}\"");
                return Err(Error::new(SqlState::SYNTAX_ERROR, message).at(name.pos + 1));
            }
        }
        if name.array { ty.array().ok_or_else(missing) } else { Ok(ty) }
    }
}

//! `json_to_record` and `json_to_recordset`: objects as rows of the types that a column definition list in FROM gives.
//! And `json_populate_record` and `json_populate_recordset`: the same, with a null of a table's row type for the list.
//!
//! The binder tells the columns by arguments that a caller cannot give: behind the json the columns' names in an array,
//! then a null of each column's type. It leaves that null of a row type out; another row to be populated is refused.
//!
//! A value becomes one of its column's type by its text form, an array of JSON one of SQL, whose dimensions are those
//! down to its first scalar or object. Source: `populate_record_field` in PostgreSQL's `jsonfuncs.c`.

use std::sync::Arc;

use super::args::invalid_parameter;
use super::json::{rows, text};
use super::{Call, Function};
use crate::array_io::{DIMENSIONS_MAX, ELEMENTS_MAX, too_many_dimensions, too_many_elements};
use crate::datum::{ArrayValue, Datum};
use crate::error::{Error, Result, SqlState};
use crate::json::scan::{self, Kind, Walk};
use crate::json::write;
use crate::settings::Settings;
use crate::sqltype::SqlType;
use crate::sqltype::oid::*;
use crate::text_io;

/// A column of a row: its name and type.
type Column = (String, SqlType);

fn is_jsonb(call: &Call<'_>) -> bool {
    [0, 1].into_iter().any(|i| call.arg_type(i).oid == JSONB)
}

fn columns(call: &Call<'_>, name: &str) -> Result<Vec<Column>> {
    if call.arg_type(1).oid != TEXT_ARRAY {
        let message = format!("could not determine row type for result of {name}");
        return Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, message).hint(
            "Provide a non-null record argument, or call the function in the FROM clause using a column definition \
             list.",
        ));
    }
    let names = call.array(1)?.elements.iter().map(|name| name.as_str().unwrap_or("").to_owned());
    Ok(names.enumerate().map(|(i, name)| (name, call.arg_type(i + 2))).collect())
}

/// The row that an object holds: of members with one key the last, null for those that are not there.
fn row(object: &str, mut members: Walk, columns: &[Column], settings: &Settings) -> Result<Datum> {
    let mut parts = vec![None; columns.len()];
    while let Some((key, part)) = members.member(object)? {
        for ((name, _), slot) in columns.iter().zip(&mut parts) {
            if *name == key {
                *slot = Some(part);
            }
        }
    }
    let fields = columns.iter().zip(parts).map(|((name, ty), part)| match part {
        Some(part) => field(part, *ty, name, settings),
        None => Ok(Datum::Null),
    });
    Ok(Datum::Record(fields.collect::<Result<Vec<Datum>>>()?.into()))
}

/// The value of the column `key`.
fn field(part: &str, ty: SqlType, key: &str, settings: &Settings) -> Result<Datum> {
    match ty.element() {
        Some(element) if !matches!(scan::kind(part)?, Kind::Null | Kind::String) => {
            // As many as begin before anything else. Each is searched for its end: too many would be searched long.
            let tokens = part.bytes().filter(|byte| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
            let dimensions = tokens.take_while(|byte| *byte == b'[').count();
            if dimensions > DIMENSIONS_MAX {
                return Err(too_many_dimensions(dimensions));
            }
            let (dims, met) = (vec![None; dimensions], vec![0; dimensions]);
            let mut gathered = Gathered { element, key, settings, dims, met, elements: Vec::new() };
            gathered.add(part, 0)?;
            Ok(gathered.array())
        }
        _ => scalar(part, ty, settings),
    }
}

fn scalar(part: &str, ty: SqlType, settings: &Settings) -> Result<Datum> {
    let Some(mut text) = scan::as_text(part)? else { return Ok(Datum::Null) };
    if matches!(ty.oid, JSON | JSONB) && scan::kind(part)? == Kind::String {
        let mut quoted = String::new();
        write::checked_string(&text, &mut quoted)?;
        text = quoted;
    }
    text_io::parse(&text, ty, settings)
}

/// An array on its way from JSON to SQL.
struct Gathered<'a> {
    element: SqlType,
    key: &'a str,
    settings: &'a Settings,
    /// The length of each dimension, `None` until the first array of it has ended.
    dims: Vec<Option<i32>>,
    /// How many elements of the array at hand were met, in each dimension.
    met: Vec<i32>,
    elements: Vec<Datum>,
}

impl Gathered<'_> {
    /// Adds a value that stands in `depth` arrays.
    fn add(&mut self, part: &str, depth: usize) -> Result<()> {
        let array = if depth > 0 && depth == self.dims.len() { None } else { Walk::array(part)? };
        let Some(mut walk) = array else {
            if depth == 0 || depth < self.dims.len() {
                return Err(self.not_an_array(depth));
            }
            if self.elements.len() >= ELEMENTS_MAX {
                return Err(too_many_elements());
            }
            self.elements.push(scalar(part, self.element, self.settings)?);
            self.met[depth - 1] += 1;
            return Ok(());
        };
        while let Some(element) = walk.element(part)? {
            self.add(element, depth + 1)?;
        }
        let length = std::mem::take(&mut self.met[depth]);
        if *self.dims[depth].get_or_insert(length) != length {
            return Err(Error::new(SqlState::INVALID_TEXT_REPRESENTATION, "malformed JSON array")
                .detail("Multidimensional arrays must have sub-arrays with matching dimensions."));
        }
        if depth > 0 {
            self.met[depth - 1] += 1;
        }
        Ok(())
    }

    fn not_an_array(&self, depth: usize) -> Error {
        let place: String = self.met[..depth].iter().map(|at| format!("[{at}]")).collect();
        let hint = match depth {
            0 => format!("See the value of key \"{}\".", self.key),
            _ => format!("See the array element {place} of key \"{}\".", self.key),
        };
        Error::new(SqlState::INVALID_TEXT_REPRESENTATION, "expected JSON array").hint(hint)
    }

    fn array(self) -> Datum {
        if self.elements.is_empty() {
            return Datum::array(self.element.oid, Vec::new());
        }
        let dims: Vec<i32> = self.dims.into_iter().flatten().collect();
        let lower_bounds = vec![1; dims.len()];
        Datum::Array(Arc::new(ArrayValue { element: self.element.oid, dims, lower_bounds, elements: self.elements }))
    }
}

/// A row; the names are those of the function for json and for jsonb.
fn record(call: &mut Call<'_>, names: [&'static str; 2]) -> Result<Datum> {
    let columns = columns(call, names[usize::from(is_jsonb(call))])?;
    if call.arg(0).is_null() {
        return Ok(Datum::Record(vec![Datum::Null; columns.len()].into()));
    }
    let object = text(call, 0)?;
    let Some(members) = Walk::object(object)? else {
        let what = if scan::kind(object)? == Kind::Array { "an array" } else { "a scalar" };
        return Err(invalid_parameter(format!("cannot call populate_composite on {what}")));
    };
    row(object, members, &columns, call.settings)
}

/// Rows; the names are those of the function for json and for jsonb.
fn recordset(call: &mut Call<'_>, names: [&'static str; 2]) -> Result<Datum> {
    let name = names[usize::from(is_jsonb(call))];
    let columns = columns(call, name)?;
    if call.arg(0).is_null() {
        return call.return_set(Box::new(std::iter::empty()));
    }
    let array = text(call, 0)?;
    let Some(mut walk) = Walk::array(array)? else {
        let what = match scan::kind(array)? {
            _ if is_jsonb(call) => "a non-array",
            Kind::Object => "an object",
            _ => "a scalar",
        };
        return Err(invalid_parameter(format!("cannot call {name} on {what}")));
    };
    let settings = call.settings.clone();
    rows(call, move |_, array| {
        let Some(object) = walk.element(array)? else { return Ok(None) };
        let Some(members) = Walk::object(object)? else {
            return Err(invalid_parameter(format!("argument of {name} must be an array of objects")));
        };
        row(object, members, &columns, &settings).map(Some)
    })
}

fn to_record(call: &mut Call<'_>) -> Result<Datum> {
    record(call, ["json_to_record", "jsonb_to_record"])
}

fn to_recordset(call: &mut Call<'_>) -> Result<Datum> {
    recordset(call, ["json_to_recordset", "jsonb_to_recordset"])
}

fn populate_record(call: &mut Call<'_>) -> Result<Datum> {
    record(call, ["json_populate_record", "jsonb_populate_record"])
}

fn populate_recordset(call: &mut Call<'_>) -> Result<Datum> {
    recordset(call, ["json_populate_recordset", "jsonb_populate_recordset"])
}

#[rustfmt::skip]
pub(super) static FUNCTIONS: &[Function] = &[
    Function::strict(3204, "json_to_record", &[JSON], RECORD, to_record).stable().called_on_null(),
    Function::strict(3205, "json_to_recordset", &[JSON], RECORD, to_recordset).stable().called_on_null().set(),
    Function::strict(3209, "jsonb_populate_record", &[ANYELEMENT, JSONB], ANYELEMENT, populate_record).stable().called_on_null(),
    Function::strict(3475, "jsonb_populate_recordset", &[ANYELEMENT, JSONB], ANYELEMENT, populate_recordset).stable().called_on_null().set(),
    Function::strict(3490, "jsonb_to_record", &[JSONB], RECORD, to_record).stable().called_on_null(),
    Function::strict(3491, "jsonb_to_recordset", &[JSONB], RECORD, to_recordset).stable().called_on_null().set(),
    Function::strict(3960, "json_populate_record", &[ANYELEMENT, JSON], ANYELEMENT, populate_record).stable().called_on_null(),
    Function::strict(3961, "json_populate_recordset", &[ANYELEMENT, JSON], ANYELEMENT, populate_recordset).stable().called_on_null().set(),
];

//! Aggregates that make JSON: arrays of values, objects of names and values. Nulls count.

use super::Accumulator;
use crate::datum::Datum;
use crate::error::{Error, Result, SqlState};
use crate::json::{Jsonb, write};
use crate::settings::Settings;
use crate::sqltype::SqlType;

/// The text so far, without what closes it.
#[derive(Default)]
struct Text {
    written: String,
    types: Vec<SqlType>,
    settings: Settings,
}

impl Text {
    fn bind(&mut self, arg_types: &[SqlType], settings: &Settings) {
        self.types = arg_types.to_vec();
        self.settings = settings.clone();
    }

    fn ty(&self, i: usize) -> SqlType {
        self.types.get(i).copied().unwrap_or(SqlType::TEXT)
    }

    fn value(&mut self, args: &[Datum], i: usize) -> Result<()> {
        write::value(&args[i], self.ty(i), &self.settings, false, &mut self.written)
    }

    /// The value when `close` is behind it; null when there were no rows.
    fn finish<const BINARY: bool>(&self, close: &str) -> Result<Datum> {
        if self.written.is_empty() {
            return Ok(Datum::Null);
        }
        let text = format!("{}{close}", self.written);
        if BINARY { Jsonb::parse(&text).map(Datum::Jsonb) } else { Ok(Datum::Text(text.into())) }
    }
}

/// json_agg, and jsonb_agg when `BINARY`. `ROWS` are shown on lines of their own, and so are arrays.
#[derive(Default)]
pub(super) struct JsonArray<const BINARY: bool, const ROWS: bool>(Text);

impl<const BINARY: bool, const ROWS: bool> Accumulator for JsonArray<BINARY, ROWS> {
    fn bind(&mut self, arg_types: &[SqlType], settings: &Settings) {
        self.0.bind(arg_types, settings);
    }

    fn add(&mut self, args: &[Datum]) -> Result<()> {
        let separator = match self.0.written.is_empty() {
            true => "[",
            false if ROWS || self.0.ty(0).is_array() => ", \n ",
            false => ", ",
        };
        self.0.written.push_str(separator);
        self.0.value(args, 0)
    }

    fn finish(&mut self) -> Result<Datum> {
        self.0.finish::<BINARY>("]")
    }

    fn size(&self) -> usize {
        self.0.written.capacity()
    }
}

/// json_object_agg, and jsonb_object_agg when `BINARY`.
#[derive(Default)]
pub(super) struct JsonObject<const BINARY: bool>(Text);

impl<const BINARY: bool> Accumulator for JsonObject<BINARY> {
    fn bind(&mut self, arg_types: &[SqlType], settings: &Settings) {
        self.0.bind(arg_types, settings);
    }

    fn add(&mut self, args: &[Datum]) -> Result<()> {
        if args[0].is_null() {
            return Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, "field name must not be null"));
        }
        let separator = if self.0.written.is_empty() { "{ " } else { ", " };
        self.0.written.push_str(separator);
        let ty = self.0.ty(0);
        write::key(&args[0], ty, &self.0.settings, &mut self.0.written)?;
        self.0.written.push_str(" : ");
        self.0.value(args, 1)
    }

    fn finish(&mut self) -> Result<Datum> {
        self.0.finish::<BINARY>(" }")
    }

    fn size(&self) -> usize {
        self.0.written.capacity()
    }
}

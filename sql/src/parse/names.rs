//! Names of objects and of types.

use types::{Error, Result, SqlState};

use super::ast::{Expr, ExprKind, Ident, Name, TypeName};
use super::keyword;
use super::lexer::Tok;
use super::parser::Parser;
use crate::catalog::{PG_TEMP, is_temporary};

/// PostgreSQL's bits of an interval's fields (`utils/timestamp.h`), as they stand in a modifier.
const YEAR: i32 = 1 << 2;
const MONTH: i32 = 1 << 1;
const DAY: i32 = 1 << 3;
const HOUR: i32 = 1 << 10;
const MINUTE: i32 = 1 << 11;
const SECOND: i32 = 1 << 12;

impl Parser<'_> {
    /// `[[catalog.]schema.]object`.
    pub(super) fn object_name(&mut self) -> Result<Name> {
        let first = self.ident()?;
        self.name_after(first)
    }

    /// The name of something new, in the schema `pg_temp` if it is temporary.
    ///
    /// # Errors
    /// 42P16 for something temporary in another schema.
    pub(super) fn new_name(&mut self, temporary: bool) -> Result<Name> {
        let mut name = self.object_name()?;
        if temporary {
            match name.schema().map(|schema| schema == PG_TEMP || is_temporary(schema)) {
                None => name.parts.insert(0, PG_TEMP.to_owned()),
                Some(true) => {}
                Some(false) => {
                    let message = "cannot create temporary relation in non-temporary schema";
                    return Err(Error::new(SqlState::INVALID_TABLE_DEFINITION, message).at(name.pos + 1));
                }
            }
        }
        Ok(name)
    }

    /// The rest of a name whose first part has been read.
    pub(super) fn name_after(&mut self, first: Ident) -> Result<Name> {
        let mut name = Name { parts: vec![first.name], pos: first.pos };
        while self.is_sym(".") && matches!(self.peek_at(1), Tok::Word(_) | Tok::Quoted(_)) {
            self.advance();
            name.parts.push(self.label()?.name);
        }
        if name.parts.len() > 3 {
            let message = format!("improper qualified name (too many dotted names): {}", name.shown());
            return Err(Error::new(SqlState::SYNTAX_ERROR, message).at(name.pos + 1));
        }
        Ok(name)
    }

    /// Column names in parentheses.
    pub(super) fn column_list(&mut self) -> Result<Vec<Ident>> {
        self.paren_list(Self::ident)
    }

    pub(super) fn optional_column_list(&mut self) -> Result<Vec<Ident>> {
        if self.is_sym("(") { self.column_list() } else { Ok(Vec::new()) }
    }

    /// A type, brackets included.
    pub(super) fn type_name(&mut self) -> Result<TypeName> {
        if self.accept_word("setof") {
            return self.unsupported("SETOF");
        }
        let mut ty = self.simple_type()?;
        if self.accept_word("array") {
            ty.array = true;
            if self.accept_sym("[") {
                self.integer()?;
                self.expect_sym("]")?;
            }
        }
        while self.is_sym("[") && (self.is_sym_at(1, "]") || self.is_sym_at(2, "]")) {
            self.advance();
            if !self.is_sym("]") {
                self.integer()?;
            }
            self.expect_sym("]")?;
            ty.array = true;
        }
        Ok(ty)
    }

    fn simple_type(&mut self) -> Result<TypeName> {
        let pos = self.pos();
        let Tok::Word(word) = self.peek().clone() else { return self.generic_type() };
        let ty = |name: &str| TypeName {
            names: vec![name.to_owned()],
            exact: false,
            modifiers: Vec::new(),
            array: false,
            interval_fields: None,
            pos,
        };
        // A schema in front makes it a plain name.
        if self.is_sym_at(1, ".") {
            return self.generic_type();
        }
        let mut ty = match word.as_ref() {
            "double" if self.is_word_at(1, "precision") => {
                self.advance();
                ty("double precision")
            }
            "national" => {
                self.advance();
                ty("character")
            }
            "nchar" | "character" | "char" => ty("character"),
            "int" | "integer" | "smallint" | "bigint" | "real" | "float" | "decimal" | "dec" | "numeric"
            | "boolean" | "varchar" | "time" | "timestamp" | "interval" => ty(&word),
            "bit" => return self.unsupported("type bit"),
            _ => return self.generic_type(),
        };
        self.advance();
        match ty.names[0].as_str() {
            "character" => {
                if self.accept_word("varying") {
                    ty.names[0] = "character varying".to_owned();
                }
                self.modifiers(&mut ty)?;
            }
            "float" if self.accept_sym("(") => {
                let at = self.pos();
                let bits = self.integer()?;
                self.expect_sym(")")?;
                let limit = |message: &str| Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, message).at(at + 1));
                match bits {
                    ..=0 => return limit("precision for type float must be at least 1 bit"),
                    1..=24 => ty.names[0] = "real".to_owned(),
                    25..=53 => {}
                    _ => return limit("precision for type float must be less than 54 bits"),
                }
            }
            "time" | "timestamp" => {
                self.modifiers(&mut ty)?;
                if self.accept_words(&["with", "time", "zone"]) {
                    ty.names[0] = format!("{} with time zone", ty.names[0]);
                } else {
                    self.accept_words(&["without", "time", "zone"]);
                }
            }
            "interval" => {
                if self.is_sym("(") {
                    self.modifiers(&mut ty)?;
                } else {
                    self.interval_fields(&mut ty)?;
                }
            }
            "numeric" | "decimal" | "dec" | "varchar" => self.modifiers(&mut ty)?,
            _ => {}
        }
        Ok(ty)
    }

    /// The fields an interval is restricted to, if any are named.
    pub(super) fn interval_fields(&mut self, ty: &mut TypeName) -> Result<()> {
        let field = |word: &str| match word {
            "year" => Some(YEAR),
            "month" => Some(MONTH),
            "day" => Some(DAY),
            "hour" => Some(HOUR),
            "minute" => Some(MINUTE),
            "second" => Some(SECOND),
            _ => None,
        };
        const ORDER: [i32; 6] = [YEAR, MONTH, DAY, HOUR, MINUTE, SECOND];
        let Tok::Word(word) = self.peek() else { return Ok(()) };
        let Some(from) = field(word) else { return Ok(()) };
        self.advance();
        let mut fields = from;
        let mut last = from;
        if self.is_word("to")
            && let Tok::Word(word) = self.peek_at(1)
            && let Some(to) = field(word)
        {
            self.advance();
            self.advance();
            let place = |field| ORDER.iter().position(|other| *other == field).unwrap_or(0);
            fields = ORDER[place(from)..=place(to).max(place(from))].iter().sum();
            last = to;
        }
        if last == SECOND && self.is_sym("(") {
            self.modifiers(ty)?;
        }
        ty.interval_fields = Some(fields);
        Ok(())
    }

    fn generic_type(&mut self) -> Result<TypeName> {
        let quoted = matches!(self.peek(), Tok::Quoted(_));
        let first = self.ident_if(|word| !keyword::is_reserved(word))?;
        let pos = first.pos;
        let name = self.name_after(first)?;
        let exact = quoted || name.parts.len() > 1;
        let mut ty =
            TypeName { names: name.parts, exact, modifiers: Vec::new(), array: false, interval_fields: None, pos };
        if self.is_sym("(") {
            self.modifiers(&mut ty)?;
        }
        Ok(ty)
    }

    fn modifiers(&mut self, ty: &mut TypeName) -> Result<()> {
        if self.is_sym("(") {
            ty.modifiers = self.paren_list(|parser| {
                let pos = parser.pos();
                let value = parser.integer()?;
                Ok(Expr::new(pos, ExprKind::Integer(value.to_string())))
            })?;
        }
        Ok(())
    }
}

/// The modifier of an interval type with these fields and precision, as PostgreSQL encodes it.
pub fn interval_modifier(fields: Option<i32>, precision: Option<i32>) -> i32 {
    const ALL_FIELDS: i32 = 0x7fff;
    const FULL_PRECISION: i32 = 0xffff;
    match (fields, precision) {
        (None, None) => -1,
        (fields, precision) => (fields.unwrap_or(ALL_FIELDS) << 16) | precision.unwrap_or(FULL_PRECISION),
    }
}

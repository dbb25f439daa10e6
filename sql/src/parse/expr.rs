//! Expressions, by precedence climbing.
//!
//! PostgreSQL's levels (`gram.y`, manual table 4.2), loosest first; each binds tighter than the one above:
//!
//! | level | operators | |
//! |---|---|---|
//! | 1 | OR | left, a list |
//! | 2 | AND | left, a list |
//! | 3 | NOT | prefix |
//! | 4 | IS, ISNULL, NOTNULL | none |
//! | 5 | < > = <= >= <> | none |
//! | 6 | BETWEEN IN LIKE ILIKE SIMILAR | none |
//! | 7 | every other operator, prefix ones too | left |
//! | 8 | + - | left |
//! | 9 | * / % | left |
//! | 10 | ^ | left |
//! | 11 | AT TIME ZONE | left |
//! | 12 | COLLATE | left |
//! | 13 | unary + - | prefix |
//! | 14 | \[\] :: . | postfix |
//!
//! Operators without associativity cannot be chained: `a < b < c` is a syntax error. But what ends with a word, a name or a
//! parenthesis of its own, such as `a IS NULL`, `a IN (b)` and `a = ANY (b)`, leaves no operand that the next operator could
//! take: it is whole, whatever comes next. `a IS NULL IS NULL` and `a IS NULL::text` are tests and casts of the test.

use types::{Error, Result, SqlState};

use super::ast::{
    Expr, ExprKind, Frame, FrameBound, FunctionArg, FunctionCall, LikeKind, Name, Operator, OrderBy, Over,
    SessionValue, Subscript, TypeName, WindowSpec,
};
use super::lexer::Tok;
use super::parser::{Parser, is_query_word, too_deep};
use super::{TERMS_MAX, keyword};
use crate::bound::{FrameExclusion, FrameMode};

const OR: u8 = 1;
const AND: u8 = 2;
const NOT: u8 = 3;
const IS: u8 = 4;
const COMPARISON: u8 = 5;
const LIKE: u8 = 6;
const OTHER: u8 = 7;
const SUM: u8 = 8;
const PRODUCT: u8 = 9;
const POWER: u8 = 10;
const AT: u8 = 11;
const COLLATE: u8 = 12;
const SIGN: u8 = 13;

fn operator_level(op: &str) -> u8 {
    match op {
        "<" | ">" | "=" | "<=" | ">=" | "<>" => COMPARISON,
        "+" | "-" => SUM,
        "*" | "/" | "%" => PRODUCT,
        "^" => POWER,
        _ => OTHER,
    }
}

/// Whether what an infix operator has made ends with no operand of its own.
fn is_whole(kind: &ExprKind) -> bool {
    matches!(
        kind,
        ExprKind::IsNull { .. }
            | ExprKind::IsBool { .. }
            | ExprKind::In { .. }
            | ExprKind::InQuery { .. }
            | ExprKind::AnyAll { .. }
            | ExprKind::AnyAllQuery { .. }
            | ExprKind::Collate { .. }
    )
}

impl Parser<'_> {
    pub(super) fn expr(&mut self) -> Result<Expr> {
        self.expr_above(OR)
    }

    /// An expression in which neither AND, OR, NOT nor IS appear at the top: the `b_expr` of DEFAULT and BETWEEN.
    pub(super) fn restricted_expr(&mut self) -> Result<Expr> {
        self.expr_above(COMPARISON)
    }

    /// An expression of operators of at least this level.
    fn expr_above(&mut self, level: u8) -> Result<Expr> {
        self.nested(|parser| {
            let mut left = parser.prefix(level)?;
            // The level of the last operator without associativity, which may not be repeated.
            let mut spent = 0;
            while let Some(next) = parser.infix_level()
                && next >= level
            {
                if next == spent {
                    return Err(parser.unexpected());
                }
                left = parser.infix(left, next)?;
                if is_whole(&left.kind) {
                    left = parser.casts(left)?;
                    spent = 0;
                } else {
                    spent = if matches!(next, IS | COMPARISON | LIKE) { next } else { 0 };
                }
            }
            Ok(left)
        })
    }

    /// The level of the operator that comes next, if one does.
    fn infix_level(&self) -> Option<u8> {
        Some(match self.peek() {
            Tok::Op(op) => operator_level(op),
            Tok::Word(word) => match word.as_ref() {
                "or" => OR,
                "and" => AND,
                "is" | "isnull" | "notnull" => IS,
                "between" | "in" | "like" | "ilike" => LIKE,
                "similar" if self.is_word_at(1, "to") => LIKE,
                "not" => match self.peek_at(1) {
                    Tok::Word(next) if matches!(next.as_ref(), "between" | "in" | "like" | "ilike" | "similar") => LIKE,
                    _ => return None,
                },
                "overlaps" => OTHER,
                "operator" if self.is_sym_at(1, "(") => OTHER,
                "at" if self.is_word_at(1, "time") => AT,
                "collate" => COLLATE,
                _ => return None,
            },
            _ => return None,
        })
    }

    fn infix(&mut self, left: Expr, level: u8) -> Result<Expr> {
        let pos = self.pos();
        match level {
            OR | AND => self.junction(left, level),
            IS => self.is_test(left, pos),
            LIKE => self.like_in_between(left, pos),
            AT => {
                self.expect_words(&["at", "time", "zone"])?;
                let zone = self.expr_above(AT + 1)?;
                self.call(pos, "timezone", vec![zone, left])
            }
            COLLATE => {
                self.advance();
                let first = self.label()?;
                let collation = self.name_after(first)?;
                self.make(pos, ExprKind::Collate { arg: Box::new(left), collation })
            }
            _ if self.accept_word("overlaps") => {
                let right = self.expr_above(OTHER + 1)?;
                match (left.kind, right.kind) {
                    (ExprKind::Row(mut fields), ExprKind::Row(others)) if fields.len() == 2 && others.len() == 2 => {
                        fields.extend(others);
                        self.call(pos, "overlaps", fields)
                    }
                    _ => Err(Error::new(
                        SqlState::SYNTAX_ERROR,
                        "wrong number of parameters on left side of OVERLAPS expression",
                    )
                    .at(pos + 1)),
                }
            }
            _ => self.binary(left, level),
        }
    }

    /// The terms of an OR or AND chain.
    fn junction(&mut self, left: Expr, level: u8) -> Result<Expr> {
        let pos = self.pos();
        let word = if level == OR { "or" } else { "and" };
        let mut terms = vec![left];
        while self.accept_word(word) {
            if terms.len() == TERMS_MAX {
                return Err(too_deep(pos));
            }
            terms.push(self.expr_above(level + 1)?);
        }
        self.make(pos, if level == OR { ExprKind::Or(terms) } else { ExprKind::And(terms) })
    }

    fn operator(&mut self) -> Result<Operator> {
        let pos = self.pos();
        if self.accept_word("operator") {
            self.expect_sym("(")?;
            let mut schema = None;
            if matches!(self.peek(), Tok::Word(_) | Tok::Quoted(_)) {
                schema = Some(self.label()?.name);
                self.expect_sym(".")?;
            }
            let Tok::Op(op) = *self.peek() else { return Err(self.unexpected()) };
            self.advance();
            self.expect_sym(")")?;
            return Ok(Operator { schema, name: op.to_owned(), pos });
        }
        let Tok::Op(op) = *self.peek() else { return Err(self.unexpected()) };
        self.advance();
        Ok(Operator { schema: None, name: op.to_owned(), pos })
    }

    fn binary(&mut self, left: Expr, level: u8) -> Result<Expr> {
        let op = self.operator()?;
        let pos = op.pos;
        if self.is_any_word(&["any", "some", "all"]) && self.is_sym_at(1, "(") {
            return self.any_all(left, op);
        }
        let right = Box::new(self.expr_above(level + 1)?);
        self.make(pos, ExprKind::Binary { op, left: Box::new(left), right })
    }

    /// Behind an operator, with ANY, SOME or ALL and a parenthesis coming next.
    fn any_all(&mut self, left: Expr, op: Operator) -> Result<Expr> {
        let all = self.is_word("all");
        let pos = op.pos;
        let left = Box::new(left);
        self.advance();
        if self.opens_query() {
            let query = self.paren_query()?;
            return self.make(pos, ExprKind::AnyAllQuery { op, left, query, all });
        }
        self.expect_sym("(")?;
        let array = Box::new(self.expr()?);
        self.expect_sym(")")?;
        self.make(pos, ExprKind::AnyAll { op, left, array, all })
    }

    fn is_test(&mut self, left: Expr, pos: u32) -> Result<Expr> {
        let arg = Box::new(left);
        if self.accept_word("isnull") {
            return self.make(pos, ExprKind::IsNull { arg, negated: false });
        }
        if self.accept_word("notnull") {
            return self.make(pos, ExprKind::IsNull { arg, negated: true });
        }
        self.expect_word("is")?;
        let negated = self.accept_word("not");
        let Tok::Word(word) = self.peek().clone() else { return Err(self.unexpected()) };
        let test = match word.as_ref() {
            "null" => {
                self.advance();
                return self.make(pos, ExprKind::IsNull { arg, negated });
            }
            "true" => Some(true),
            "false" => Some(false),
            "unknown" => None,
            "distinct" => {
                self.expect_words(&["distinct", "from"])?;
                let right = Box::new(self.expr_above(IS + 1)?);
                return self.make(pos, ExprKind::IsDistinct { left: arg, right, negated });
            }
            "document" | "normalized" | "nfc" | "nfd" | "nfkc" | "nfkd" | "json" => {
                return self.unsupported(&format!("IS {}", word.to_ascii_uppercase()));
            }
            _ => return Err(self.unexpected()),
        };
        self.advance();
        self.make(pos, ExprKind::IsBool { arg, test, negated })
    }

    fn like_in_between(&mut self, left: Expr, pos: u32) -> Result<Expr> {
        let negated = self.accept_word("not");
        let arg = Box::new(left);
        if self.accept_word("between") {
            let symmetric = self.accept_word("symmetric");
            if !symmetric {
                self.accept_word("asymmetric");
            }
            let low = Box::new(self.expr_above(LIKE + 1)?);
            self.expect_word("and")?;
            let high = Box::new(self.expr_above(LIKE + 1)?);
            return self.make(pos, ExprKind::Between { arg, low, high, negated, symmetric });
        }
        if self.accept_word("in") {
            if self.opens_query() {
                let query = self.paren_query()?;
                return self.make(pos, ExprKind::InQuery { arg, query, negated });
            }
            let list = self.paren_list(Self::expr)?;
            return self.make(pos, ExprKind::In { arg, list, negated });
        }
        let kind = if self.accept_word("like") {
            LikeKind::Like
        } else if self.accept_word("ilike") {
            LikeKind::ILike
        } else {
            self.expect_words(&["similar", "to"])?;
            LikeKind::Similar
        };
        if kind != LikeKind::Similar && self.is_any_word(&["any", "some", "all"]) && self.is_sym_at(1, "(") {
            let name = match (kind, negated) {
                (LikeKind::ILike, false) => "~~*",
                (LikeKind::ILike, true) => "!~~*",
                (_, false) => "~~",
                (_, true) => "!~~",
            };
            return self.any_all(*arg, Operator { schema: None, name: name.to_owned(), pos });
        }
        let pattern = Box::new(self.expr_above(LIKE + 1)?);
        let escape = if self.accept_word("escape") { Some(Box::new(self.expr_above(LIKE + 1)?)) } else { None };
        self.make(pos, ExprKind::Like { arg, pattern, escape, negated, kind })
    }

    /// What stands before any operator: NOT, signs and other prefix operators, or a primary with its postfixes.
    fn prefix(&mut self, level: u8) -> Result<Expr> {
        let pos = self.pos();
        match self.peek() {
            Tok::Word(word) if word == "not" && level <= NOT => {
                self.advance();
                let arg = Box::new(self.expr_above(NOT)?);
                self.make(pos, ExprKind::Not(arg))
            }
            Tok::Op("+" | "-") => {
                let op = self.operator()?;
                let arg = Box::new(self.expr_above(SIGN)?);
                self.make(pos, ExprKind::Unary { op, arg })
            }
            Tok::Op(_) => {
                let op = self.operator()?;
                let arg = Box::new(self.expr_above(OTHER + 1)?);
                self.make(pos, ExprKind::Unary { op, arg })
            }
            Tok::Word(word) if word == "operator" && self.is_sym_at(1, "(") => {
                let op = self.operator()?;
                let arg = Box::new(self.expr_above(OTHER + 1)?);
                self.make(pos, ExprKind::Unary { op, arg })
            }
            _ => {
                let primary = self.primary()?;
                self.postfix(primary)
            }
        }
    }

    /// Casts, subscripts and field selections behind a primary.
    fn postfix(&mut self, mut base: Expr) -> Result<Expr> {
        loop {
            let pos = self.pos();
            if self.accept_sym("::") {
                let ty = self.type_name()?;
                base = self.make(pos, ExprKind::Cast { arg: Box::new(base), ty })?;
            } else if self.is_sym("[") {
                let mut subscripts = Vec::new();
                while self.accept_sym("[") {
                    subscripts.push(self.subscript()?);
                }
                let pos = base.pos;
                base = self.make(pos, ExprKind::Subscript { base: Box::new(base), subscripts })?;
            } else if self.is_sym(".") && !matches!(base.kind, ExprKind::Column(_)) {
                self.advance();
                if self.accept_op("*") {
                    return self.make(pos, ExprKind::FieldStar(Box::new(base)));
                }
                let name = self.label()?.name;
                base = self.make(pos, ExprKind::Field { base: Box::new(base), name })?;
            } else {
                return Ok(base);
            }
        }
    }

    /// Casts alone, behind what is no primary.
    fn casts(&mut self, mut base: Expr) -> Result<Expr> {
        loop {
            let pos = self.pos();
            if !self.accept_sym("::") {
                return Ok(base);
            }
            let ty = self.type_name()?;
            base = self.make(pos, ExprKind::Cast { arg: Box::new(base), ty })?;
        }
    }

    /// Behind an opening bracket.
    pub(super) fn subscript(&mut self) -> Result<Subscript> {
        let lower = if self.is_sym(":") { None } else { Some(self.expr()?) };
        if self.accept_sym(":") {
            let upper = if self.is_sym("]") { None } else { Some(self.expr()?) };
            self.expect_sym("]")?;
            return Ok(Subscript::Slice(lower, upper));
        }
        self.expect_sym("]")?;
        match lower {
            Some(index) => Ok(Subscript::Index(index)),
            None => Err(self.unexpected()),
        }
    }

    fn primary(&mut self) -> Result<Expr> {
        let pos = self.pos();
        let kind = match self.peek() {
            Tok::Integer(digits) => ExprKind::Integer((*digits).to_owned()),
            Tok::Decimal(digits) => ExprKind::Decimal((*digits).to_owned()),
            Tok::String(text) => ExprKind::String(text.clone().into_owned()),
            Tok::Param(number) => ExprKind::Param(*number),
            Tok::Sym("(") => return self.parenthesis(pos),
            Tok::Quoted(_) => return self.name_or_call(),
            Tok::Word(_) => return self.word(pos),
            _ => return Err(self.unexpected()),
        };
        self.advance();
        self.make(pos, kind)
    }

    fn parenthesis(&mut self, pos: u32) -> Result<Expr> {
        if self.opens_query() {
            let query = self.paren_query()?;
            return self.make(pos, ExprKind::Subquery(query));
        }
        self.expect_sym("(")?;
        let first = self.expr()?;
        if self.accept_sym(",") {
            let mut fields = vec![first];
            fields.extend(self.list(Self::expr)?);
            self.expect_sym(")")?;
            return self.make(pos, ExprKind::Row(fields));
        }
        self.expect_sym(")")?;
        // `(t).a` selects a field of t, where `t.a` would be a qualified name; `(a)` is just a.
        if self.is_sym(".") && matches!(first.kind, ExprKind::Column(_)) {
            self.advance();
            let kind = if self.accept_op("*") {
                ExprKind::FieldStar(Box::new(first))
            } else {
                let name = self.label()?.name;
                ExprKind::Field { base: Box::new(first), name }
            };
            return self.make(pos, kind);
        }
        Ok(first)
    }

    /// A primary that begins with an unquoted word.
    fn word(&mut self, pos: u32) -> Result<Expr> {
        let Tok::Word(word) = self.peek().clone() else { return Err(self.unexpected()) };
        let call = self.is_sym_at(1, "(");
        let simple = match word.as_ref() {
            "null" => Some(ExprKind::Null),
            "true" => Some(ExprKind::Bool(true)),
            "false" => Some(ExprKind::Bool(false)),
            "default" => Some(ExprKind::Default),
            _ => None,
        };
        if let Some(kind) = simple {
            self.advance();
            return self.make(pos, kind);
        }
        match word.as_ref() {
            "case" => self.nested(Self::case),
            "cast" if call => {
                self.advance();
                self.expect_sym("(")?;
                let arg = Box::new(self.expr()?);
                self.expect_word("as")?;
                let ty = self.type_name()?;
                self.expect_sym(")")?;
                self.make(pos, ExprKind::Cast { arg, ty })
            }
            "array" => self.array(),
            "row" if call => {
                self.advance();
                self.expect_sym("(")?;
                let fields = if self.is_sym(")") { Vec::new() } else { self.list(Self::expr)? };
                self.expect_sym(")")?;
                self.make(pos, ExprKind::Row(fields))
            }
            "exists" if call => {
                self.advance();
                if !self.opens_query() {
                    self.advance();
                    return Err(self.unexpected());
                }
                let query = self.paren_query()?;
                self.make(pos, ExprKind::Exists(query))
            }
            "coalesce" | "greatest" | "least" | "nullif" | "grouping" if call => {
                self.advance();
                let mut args = self.paren_list(Self::expr)?;
                let kind = match word.as_ref() {
                    "coalesce" => ExprKind::Coalesce(args),
                    "grouping" => ExprKind::Grouping(args),
                    "nullif" => {
                        let (Some(right), Some(left), true) = (args.pop(), args.pop(), args.is_empty()) else {
                            return Err(self.unexpected());
                        };
                        ExprKind::NullIf(Box::new(left), Box::new(right))
                    }
                    which => ExprKind::MinMax { greatest: which == "greatest", args },
                };
                self.make(pos, kind)
            }
            "extract" | "overlay" | "position" | "substring" | "trim" if call => self.standard_call(&word),
            "treat" | "xmlconcat" | "xmlelement" | "xmlexists" | "xmlforest" | "xmlparse" | "xmlpi" | "xmlroot"
            | "xmlserialize"
                if call =>
            {
                self.unsupported(&word.to_ascii_uppercase())
            }
            "current" if self.is_word_at(1, "of") => {
                self.advance();
                self.advance();
                let cursor = self.name_string()?;
                self.make(pos, ExprKind::CurrentOf(cursor))
            }
            _ => {
                if let Some(value) = self.session_value(&word)? {
                    return self.make(pos, ExprKind::Session(value));
                }
                if let Some(literal) = self.typed_literal()? {
                    return Ok(literal);
                }
                self.name_or_call()
            }
        }
    }

    /// CURRENT_DATE and the others that are written without parentheses.
    fn session_value(&mut self, word: &str) -> Result<Option<SessionValue>> {
        let value = match word {
            "current_date" => SessionValue::CurrentDate,
            "current_role" => SessionValue::CurrentRole,
            "current_user" => SessionValue::CurrentUser,
            "session_user" => SessionValue::SessionUser,
            "user" => SessionValue::User,
            "current_catalog" => SessionValue::CurrentCatalog,
            "current_schema" if !self.is_sym_at(1, "(") => SessionValue::CurrentSchema,
            "current_time" | "current_timestamp" | "localtime" | "localtimestamp" => {
                self.advance();
                let mut precision = None;
                if self.accept_sym("(") {
                    precision = i32::try_from(self.integer()?).ok();
                    self.expect_sym(")")?;
                }
                return Ok(Some(match word {
                    "current_time" => SessionValue::CurrentTime(precision),
                    "current_timestamp" => SessionValue::CurrentTimestamp(precision),
                    "localtime" => SessionValue::LocalTime(precision),
                    _ => SessionValue::LocalTimestamp(precision),
                }));
            }
            _ => return Ok(None),
        };
        self.advance();
        Ok(Some(value))
    }

    /// `date '2020-01-01'`, `interval '1' day`, `double precision '1'`: a type and a string behind it.
    fn typed_literal(&mut self) -> Result<Option<Expr>> {
        let Tok::Word(word) = self.peek() else { return Ok(None) };
        let spelled = matches!(
            word.as_ref(),
            "double"
                | "character"
                | "char"
                | "varchar"
                | "nchar"
                | "national"
                | "numeric"
                | "decimal"
                | "dec"
                | "float"
                | "time"
                | "timestamp"
                | "interval"
        );
        let direct = matches!(self.peek_at(1), Tok::String(_));
        if keyword::is_reserved(word) || !(direct || spelled && matches!(self.peek_at(1), Tok::Sym("(") | Tok::Word(_)))
        {
            return Ok(None);
        }
        let mark = self.mark();
        let pos = self.pos();
        let interval = word == "interval";
        let Ok(mut ty) = self.type_name() else {
            self.rewind(mark);
            return Ok(None);
        };
        let string_pos = self.pos();
        let Tok::String(text) = self.peek().clone() else {
            self.rewind(mark);
            return Ok(None);
        };
        self.advance();
        if interval && ty.interval_fields.is_none() && ty.modifiers.is_empty() {
            self.interval_fields(&mut ty)?;
        }
        let arg = Box::new(self.make(string_pos, ExprKind::String(text.into_owned()))?);
        Ok(Some(self.make(pos, ExprKind::Cast { arg, ty })?))
    }

    fn case(&mut self) -> Result<Expr> {
        let pos = self.pos();
        self.expect_word("case")?;
        let operand = if self.is_word("when") { None } else { Some(Box::new(self.expr()?)) };
        let mut arms = Vec::new();
        while self.accept_word("when") {
            let when = self.expr()?;
            self.expect_word("then")?;
            arms.push((when, self.expr()?));
        }
        if arms.is_empty() {
            return Err(self.unexpected());
        }
        let otherwise = if self.accept_word("else") { Some(Box::new(self.expr()?)) } else { None };
        self.expect_word("end")?;
        self.make(pos, ExprKind::Case { operand, arms, otherwise })
    }

    fn array(&mut self) -> Result<Expr> {
        let pos = self.pos();
        self.expect_word("array")?;
        if self.is_sym("(") {
            if !self.opens_query() {
                self.advance();
                return Err(self.unexpected());
            }
            let query = self.paren_query()?;
            return self.make(pos, ExprKind::ArrayQuery(query));
        }
        self.array_elements(pos)
    }

    /// `[a, b]`, or `[[a], [b]]` where inner brackets need no ARRAY.
    fn array_elements(&mut self, pos: u32) -> Result<Expr> {
        self.expect_sym("[")?;
        let mut elements = Vec::new();
        if !self.is_sym("]") {
            elements = self.list(|parser| {
                if parser.is_sym("[") {
                    let pos = parser.pos();
                    parser.nested(|parser| parser.array_elements(pos))
                } else {
                    parser.expr()
                }
            })?;
        }
        self.expect_sym("]")?;
        self.make(pos, ExprKind::Array(elements))
    }

    /// A call that the parser itself makes up.
    fn call(&mut self, pos: u32, name: &str, args: Vec<Expr>) -> Result<Expr> {
        let args = args.into_iter().map(|expr| FunctionArg { name: None, expr }).collect();
        let name = Name { parts: vec!["pg_catalog".to_owned(), name.to_owned()], pos };
        let call = plain_call(name, args);
        self.make(pos, ExprKind::Function(Box::new(call)))
    }

    /// The functions whose arguments the standard separates by words.
    fn standard_call(&mut self, word: &str) -> Result<Expr> {
        let pos = self.pos();
        self.advance();
        self.expect_sym("(")?;
        let (name, args) = match word {
            "extract" => {
                let at = self.pos();
                let field = match self.peek() {
                    Tok::String(text) => text.clone().into_owned(),
                    Tok::Word(word) => word.clone().into_owned(),
                    Tok::Quoted(name) => name.clone(),
                    _ => return Err(self.unexpected()),
                };
                self.advance();
                self.expect_word("from")?;
                let field = self.make(at, ExprKind::String(field))?;
                ("extract", vec![field, self.expr()?])
            }
            "position" => {
                let needle = self.expr_above(OTHER)?;
                self.expect_word("in")?;
                let hay = self.expr_above(OTHER)?;
                ("position", vec![hay, needle])
            }
            "overlay" => {
                let mut args = vec![self.expr()?];
                for word in ["placing", "from"] {
                    if !self.accept_word(word) && !self.accept_sym(",") {
                        return Err(self.unexpected());
                    }
                    args.push(self.expr()?);
                }
                if self.accept_word("for") || self.accept_sym(",") {
                    args.push(self.expr()?);
                }
                ("overlay", args)
            }
            "substring" => ("substring", self.substring_args()?),
            _ => {
                let name = if self.accept_word("leading") {
                    "ltrim"
                } else if self.accept_word("trailing") {
                    "rtrim"
                } else {
                    self.accept_word("both");
                    "btrim"
                };
                let mut args = Vec::new();
                if self.accept_word("from") {
                    args = self.list(Self::expr)?;
                } else {
                    let first = self.expr()?;
                    if self.accept_word("from") {
                        args = self.list(Self::expr)?;
                        args.push(first);
                    } else {
                        args.push(first);
                        while self.accept_sym(",") {
                            args.push(self.expr()?);
                        }
                    }
                }
                (name, args)
            }
        };
        self.expect_sym(")")?;
        self.call(pos, name, args)
    }

    fn substring_args(&mut self) -> Result<Vec<Expr>> {
        let mut args = vec![self.expr_above(LIKE + 1)?];
        if self.accept_word("similar") {
            args.push(self.expr()?);
            self.expect_word("escape")?;
            args.push(self.expr()?);
        } else if self.accept_word("from") {
            args.push(self.expr()?);
            if self.accept_word("for") {
                args.push(self.expr()?);
            }
        } else if self.accept_word("for") {
            let length = self.expr()?;
            if self.accept_word("from") {
                args.push(self.expr()?);
            } else {
                let pos = length.pos;
                args.push(self.make(pos, ExprKind::Integer("1".to_owned()))?);
            }
            args.push(length);
        } else {
            while self.accept_sym(",") {
                args.push(self.expr()?);
            }
        }
        Ok(args)
    }

    /// A column, `t.*`, a call, or a literal of a type named before it.
    fn name_or_call(&mut self) -> Result<Expr> {
        let pos = self.pos();
        let call = self.is_sym_at(1, "(");
        let first = self.ident_if(|word| {
            keyword::is_column_name(word) && (!call || keyword::is_function_name(word))
                || keyword::is_function_name(word)
        })?;
        let unqualified = first.name.clone();
        let mut parts = vec![first.name];
        let quoted = self.text.as_bytes()[pos as usize] == b'"';
        while self.is_sym(".") {
            self.advance();
            if self.accept_op("*") {
                return self.make(pos, ExprKind::Star(parts));
            }
            parts.push(self.label()?.name);
        }
        if self.is_sym("(") {
            return self.nested(|parser| parser.function_call(Name { parts, pos }));
        }
        if let Tok::String(text) = self.peek().clone() {
            // `pg_catalog.int4 '1'`.
            let at = self.pos();
            self.advance();
            let exact = quoted || parts.len() > 1;
            let ty = TypeName { names: parts, exact, modifiers: Vec::new(), array: false, interval_fields: None, pos };
            let arg = Box::new(self.make(at, ExprKind::String(text.into_owned()))?);
            return self.make(pos, ExprKind::Cast { arg, ty });
        }
        if parts.len() == 1 && !quoted && !keyword::is_column_name(&unqualified) {
            return Err(self.unexpected());
        }
        if parts.len() > 4 {
            let message = format!("improper qualified name (too many dotted names): {}", parts.join("."));
            return Err(Error::new(SqlState::SYNTAX_ERROR, message).at(pos + 1));
        }
        self.make(pos, ExprKind::Column(parts))
    }

    /// The arguments of a call and what may follow them.
    pub(super) fn function_call(&mut self, name: Name) -> Result<Expr> {
        let pos = name.pos;
        let mut call = plain_call(name, Vec::new());
        self.expect_sym("(")?;
        if self.accept_op("*") {
            call.star = true;
        } else if !self.is_sym(")") {
            if self.accept_word("distinct") {
                call.distinct = true;
            } else {
                self.accept_word("all");
            }
            loop {
                call.variadic = self.accept_word("variadic");
                call.args.push(self.function_arg()?);
                if call.variadic || !self.accept_sym(",") {
                    break;
                }
            }
            if self.accept_words(&["order", "by"]) {
                call.order = self.list(Self::order_item)?;
            }
        }
        self.expect_sym(")")?;
        if self.is_word("within") && self.is_word_at(1, "group") {
            self.within_group(&mut call)?;
        }
        if self.is_word("filter") && self.is_sym_at(1, "(") {
            self.advance();
            self.expect_sym("(")?;
            self.expect_word("where")?;
            call.filter = Some(self.expr()?);
            self.expect_sym(")")?;
        }
        if self.accept_word("over") {
            call.over = Some(if self.is_sym("(") {
                Over::Spec(Box::new(self.window_spec()?))
            } else {
                Over::Named(self.ident()?)
            });
        }
        self.make(pos, ExprKind::Function(Box::new(call)))
    }

    fn within_group(&mut self, call: &mut FunctionCall) -> Result<()> {
        let pos = self.pos();
        self.expect_words(&["within", "group"])?;
        self.expect_sym("(")?;
        self.expect_words(&["order", "by"])?;
        let order = self.list(Self::order_item)?;
        self.expect_sym(")")?;
        let refused = if !call.order.is_empty() {
            "multiple ORDER BY clauses"
        } else if call.variadic {
            "VARIADIC"
        } else if call.distinct {
            "DISTINCT"
        } else {
            (call.order, call.within_group) = (order, true);
            return Ok(());
        };
        Err(Error::new(SqlState::SYNTAX_ERROR, format!("cannot use {refused} with WITHIN GROUP")).at(pos + 1))
    }

    fn function_arg(&mut self) -> Result<FunctionArg> {
        let named =
            matches!(self.peek(), Tok::Word(_) | Tok::Quoted(_)) && matches!(self.peek_at(1), Tok::Sym("=>" | ":="));
        let name = if named {
            let name = self.label()?;
            self.advance();
            Some(name)
        } else {
            None
        };
        Ok(FunctionArg { name, expr: self.expr()? })
    }

    pub(super) fn order_item(&mut self) -> Result<OrderBy> {
        let expr = self.expr()?;
        let mut descending = false;
        if self.accept_word("using") {
            let op = self.operator()?;
            descending = match op.name.as_str() {
                "<" => false,
                ">" => true,
                _ => {
                    let message = format!("operator {} is not a valid ordering operator", op.name);
                    return Err(Error::new(SqlState::WRONG_OBJECT_TYPE, message).at(op.pos + 1));
                }
            };
        } else if !self.accept_word("asc") {
            descending = self.accept_word("desc");
        }
        Ok(OrderBy { expr, descending, nulls_first: self.nulls_order()? })
    }

    /// `NULLS FIRST`, `NULLS LAST` or nothing.
    pub(super) fn nulls_order(&mut self) -> Result<Option<bool>> {
        if !self.accept_word("nulls") {
            return Ok(None);
        }
        if self.accept_word("first") {
            return Ok(Some(true));
        }
        self.expect_word("last")?;
        Ok(Some(false))
    }

    pub(super) fn window_spec(&mut self) -> Result<WindowSpec> {
        let mut spec = WindowSpec { pos: self.pos(), ..WindowSpec::default() };
        self.expect_sym("(")?;
        if !self.is_any_word(&["partition", "order", "rows", "range", "groups"]) && !self.is_sym(")") {
            spec.base = Some(self.ident()?);
        }
        if self.accept_words(&["partition", "by"]) {
            spec.partition = self.list(Self::expr)?;
        }
        if self.accept_words(&["order", "by"]) {
            spec.order = self.list(Self::order_item)?;
        }
        let mode = if self.accept_word("rows") {
            Some(FrameMode::Rows)
        } else if self.accept_word("range") {
            Some(FrameMode::Range)
        } else if self.accept_word("groups") {
            Some(FrameMode::Groups)
        } else {
            None
        };
        if let Some(mode) = mode {
            let between = self.accept_word("between");
            let start_pos = self.pos();
            let start = self.frame_bound()?;
            let (end, end_pos) = if between {
                self.expect_word("and")?;
                let pos = self.pos();
                (self.frame_bound()?, pos)
            } else {
                (FrameBound::CurrentRow, start_pos)
            };
            check_frame(&start, &end, between).map_err(|(of_end, message)| {
                let pos = if of_end { end_pos } else { start_pos };
                Error::new(SqlState::WINDOWING_ERROR, message).at(pos + 1)
            })?;
            spec.frame = Some(Frame { mode, start, end, exclude: self.frame_exclusion()? });
        }
        self.expect_sym(")")?;
        Ok(spec)
    }

    fn frame_exclusion(&mut self) -> Result<FrameExclusion> {
        if !self.accept_word("exclude") {
            return Ok(FrameExclusion::NoOthers);
        }
        Ok(if self.accept_word("current") {
            self.expect_word("row")?;
            FrameExclusion::CurrentRow
        } else if self.accept_word("group") {
            FrameExclusion::Group
        } else if self.accept_word("ties") {
            FrameExclusion::Ties
        } else {
            self.expect_words(&["no", "others"])?;
            FrameExclusion::NoOthers
        })
    }

    fn frame_bound(&mut self) -> Result<FrameBound> {
        if self.accept_words(&["unbounded", "preceding"]) {
            return Ok(FrameBound::UnboundedPreceding);
        }
        if self.accept_words(&["unbounded", "following"]) {
            return Ok(FrameBound::UnboundedFollowing);
        }
        if self.accept_words(&["current", "row"]) {
            return Ok(FrameBound::CurrentRow);
        }
        let offset = self.expr()?;
        if self.accept_word("preceding") {
            return Ok(FrameBound::Preceding(offset));
        }
        self.expect_word("following")?;
        Ok(FrameBound::Following(offset))
    }

    /// Whether a query comes next, in parentheses or not.
    pub(super) fn at_query(&self) -> bool {
        match self.peek() {
            Tok::Word(word) => is_query_word(word),
            Tok::Sym("(") => self.opens_query(),
            _ => false,
        }
    }
}

/// Whether a frame cannot be: why, and whether it is because of its end.
fn check_frame(start: &FrameBound, end: &FrameBound, between: bool) -> std::result::Result<(), (bool, &'static str)> {
    match (start, end) {
        (FrameBound::UnboundedFollowing, _) => Err((false, "frame start cannot be UNBOUNDED FOLLOWING")),
        (_, FrameBound::UnboundedPreceding) => Err((true, "frame end cannot be UNBOUNDED PRECEDING")),
        (FrameBound::Following(_), FrameBound::CurrentRow) if !between => {
            Err((false, "frame starting from following row cannot end with current row"))
        }
        (FrameBound::CurrentRow, FrameBound::Preceding(_)) => {
            Err((true, "frame starting from current row cannot have preceding rows"))
        }
        (FrameBound::Following(_), FrameBound::Preceding(_) | FrameBound::CurrentRow) => {
            Err((true, "frame starting from following row cannot have preceding rows"))
        }
        _ => Ok(()),
    }
}

/// A call with nothing but its arguments.
fn plain_call(name: Name, args: Vec<FunctionArg>) -> FunctionCall {
    FunctionCall {
        name,
        args,
        variadic: false,
        star: false,
        distinct: false,
        order: Vec::new(),
        within_group: false,
        filter: None,
        over: None,
    }
}

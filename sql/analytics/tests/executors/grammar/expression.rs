//! Expressions of a given type over the columns in sight.

use super::{Maker, Random, TYPES, Ty};

/// The columns in sight, by their names in the query.
#[derive(Clone)]
pub struct Scope {
    pub columns: Vec<(String, Ty)>,
}

impl Scope {
    pub fn and(mut self, other: &Scope) -> Scope {
        self.columns.extend(other.columns.iter().cloned());
        self
    }

    /// A column of this type.
    pub fn pick(&self, random: &mut Random, ty: Ty) -> Option<String> {
        let like: Vec<&String> = self.columns.iter().filter(|(_, other)| *other == ty).map(|(name, _)| name).collect();
        if like.is_empty() { None } else { Some((*random.pick(&like)).clone()) }
    }
}

impl Maker {
    /// An expression of exactly this type, modifier included.
    pub fn expression(&mut self, ty: Ty, depth: usize, scope: &Scope) -> String {
        if depth == 0 || self.random.one_in(3) {
            return self.leaf(ty, scope);
        }
        if self.random.one_in(5) {
            return self.conditional(ty, depth - 1, scope);
        }
        let made = self.operation(ty, depth - 1, scope);
        made.unwrap_or_else(|| self.leaf(ty, scope))
    }

    fn leaf(&mut self, ty: Ty, scope: &Scope) -> String {
        if !self.random.one_in(4)
            && let Some(column) = scope.pick(&mut self.random, ty)
        {
            return column;
        }
        if self.random.one_in(8) {
            return format!("null::{}", ty.name());
        }
        format!("'{}'::{}", self.random.pick(ty.values()), ty.name())
    }

    /// What is there for every type.
    fn conditional(&mut self, ty: Ty, depth: usize, scope: &Scope) -> String {
        let (a, b) = (self.expression(ty, depth, scope), self.expression(ty, depth, scope));
        let when = self.expression(Ty::Bool, depth, scope);
        let made = match self.random.below(5) {
            0 => format!("case when {when} then {a} else {b} end"),
            1 => format!("coalesce({a}, {b})"),
            2 => format!("nullif({a}, {b})"),
            3 => format!("greatest({a}, {b})"),
            _ => format!("case when {when} then {a} end"),
        };
        match ty {
            Ty::Fixed | Ty::Varchar | Ty::Padded => format!("({made})::{}", ty.name()),
            _ => made,
        }
    }

    /// Notes that the expression may fail.
    fn fails(&mut self, text: String) -> String {
        self.errors += 1;
        text
    }

    fn operation(&mut self, ty: Ty, depth: usize, scope: &Scope) -> Option<String> {
        let of = |maker: &mut Maker, ty| maker.expression(ty, depth, scope);
        Some(match ty {
            Ty::Bool => return Some(self.condition_of(depth, scope)),
            Ty::Int2 | Ty::Int4 | Ty::Int8 => {
                let (a, b) = (of(self, ty), of(self, ty));
                match self.random.below(8) {
                    0 => self.fails(format!("({a} + {b})")),
                    1 => self.fails(format!("({a} - {b})")),
                    2 => self.fails(format!("({a} * {b})")),
                    3 => self.fails(format!("({a} / {b})")),
                    4 => self.fails(format!("({a} % {b})")),
                    5 => self.fails(format!("(- {a})")),
                    6 if ty == Ty::Int4 => {
                        let text = of(self, Ty::Text);
                        format!("length({text})")
                    }
                    6 => self.fails(format!("abs({a})")),
                    _ => {
                        let from = *self.random.pick(&[Ty::Int2, Ty::Int4, Ty::Int8, Ty::Fixed, Ty::Float8]);
                        let value = of(self, from);
                        self.fails(format!("({value})::{}", ty.name()))
                    }
                }
            }
            Ty::Float4 | Ty::Float8 => {
                let (a, b) = (of(self, ty), of(self, ty));
                match self.random.below(5) {
                    0 => self.fails(format!("({a} + {b})")),
                    1 => self.fails(format!("({a} * {b})")),
                    2 => self.fails(format!("({a} / {b})")),
                    3 => format!("abs({a})"),
                    _ => {
                        let from = *self.random.pick(&[Ty::Int4, Ty::Int8, Ty::Fixed]);
                        let value = of(self, from);
                        self.fails(format!("({value})::{}", ty.name()))
                    }
                }
            }
            Ty::Fixed | Ty::Numeric => {
                let from = *self.random.pick(&[Ty::Fixed, Ty::Numeric, Ty::Fixed]);
                let (a, b) = (of(self, from), of(self, Ty::Fixed));
                let made = match self.random.below(6) {
                    0 => format!("({a} + {b})"),
                    1 => format!("({a} - {b})"),
                    2 => format!("({a} * {b})"),
                    3 => self.fails(format!("({a} / {b})")),
                    4 => {
                        let value = of(self, Ty::Int8);
                        format!("({value})::numeric")
                    }
                    _ => format!("round({a}, 1)"),
                };
                if ty == Ty::Fixed { self.fails(format!("({made})::numeric(10,2)")) } else { made }
            }
            Ty::Text => {
                let (a, b) = (of(self, Ty::Text), of(self, Ty::Text));
                match self.random.below(7) {
                    0 => format!("({a} || {b})"),
                    1 => format!("upper({a})"),
                    2 => format!("substr({a}, 2)"),
                    3 => format!("replace({a}, 'a', {b})"),
                    4 => {
                        let from =
                            *self.random.pick(&[Ty::Int4, Ty::Date, Ty::Fixed, Ty::Bool, Ty::Padded, Ty::Varchar]);
                        let value = of(self, from);
                        format!("({value})::text")
                    }
                    5 => format!("left({a}, 1)"),
                    _ => format!("md5({a})"),
                }
            }
            Ty::Varchar | Ty::Padded => {
                let text = of(self, Ty::Text);
                format!("({text})::{}", ty.name())
            }
            Ty::Date => {
                let (a, days) = (of(self, Ty::Date), of(self, Ty::Int2));
                match self.random.below(3) {
                    0 => self.fails(format!("({a} + {days}::int4)")),
                    1 => {
                        let value = of(self, Ty::Timestamp);
                        format!("({value})::date")
                    }
                    _ => return None,
                }
            }
            Ty::Time => {
                let value = of(self, Ty::Timestamp);
                format!("({value})::time")
            }
            Ty::Timestamp => {
                let (a, by) = (of(self, Ty::Timestamp), of(self, Ty::Interval));
                match self.random.below(4) {
                    0 => self.fails(format!("({a} + {by})")),
                    1 => format!("date_trunc('{}', {a})", self.random.pick(&["month", "hour", "year"])),
                    2 => {
                        let value = of(self, Ty::Date);
                        self.fails(format!("({value})::timestamp"))
                    }
                    _ => {
                        let value = of(self, Ty::Timestamptz);
                        format!("({value} at time zone 'UTC')")
                    }
                }
            }
            Ty::Timestamptz => {
                let (a, by) = (of(self, Ty::Timestamptz), of(self, Ty::Interval));
                self.fails(format!("({a} - {by})"))
            }
            Ty::Interval => {
                let (a, b) = (of(self, Ty::Interval), of(self, Ty::Interval));
                let sign = *self.random.pick(&["+", "-"]);
                self.fails(format!("({a} {sign} {b})"))
            }
            Ty::Array => {
                let (a, b) = (of(self, Ty::Int4), of(self, Ty::Int4));
                format!("array[{a}, {b}]")
            }
            Ty::Bytea | Ty::Uuid => return None,
        })
    }

    fn condition_of(&mut self, depth: usize, scope: &Scope) -> String {
        let ty = *self.random.pick(TYPES);
        let (a, b) = (self.expression(ty, depth, scope), self.expression(ty, depth, scope));
        let operator = *self.random.pick(&["=", "<>", "<", "<=", ">", ">="]);
        match self.random.below(16) {
            0..=4 => format!("({a} {operator} {b})"),
            5 => format!("({a} is null)"),
            6 => format!("({a} is not distinct from {b})"),
            7 => {
                let c = self.expression(ty, depth, scope);
                format!("({a} between {b} and {c})")
            }
            8 => {
                let c = self.leaf(ty, scope);
                let not = self.random.pick(&["", "not "]);
                format!("({a} {not}in ({b}, {c}))")
            }
            9 => {
                let (left, right) = (self.expression(Ty::Bool, depth, scope), self.expression(Ty::Bool, depth, scope));
                format!("({left} and {right})")
            }
            10 => {
                let (left, right) = (self.expression(Ty::Bool, depth, scope), self.expression(Ty::Bool, depth, scope));
                format!("({left} or {right})")
            }
            11 => {
                let value = self.expression(Ty::Bool, depth, scope);
                format!("(not {value})")
            }
            12 => {
                let text = *self.random.pick(&[Ty::Text, Ty::Varchar, Ty::Padded]);
                let value = self.expression(text, depth, scope);
                let pattern = *self.random.pick(&["a%", "%b", "_", "%", "h\\%l", "%l%"]);
                format!("({value} {} '{pattern}')", self.random.pick(&["like", "not like", "ilike"]))
            }
            13 => {
                let value = self.expression(Ty::Bool, depth, scope);
                format!("({value} is {})", self.random.pick(&["true", "not true", "false", "unknown", "not unknown"]))
            }
            14 => {
                let other = *self.random.pick(TYPES);
                let (c, d) = (self.expression(other, depth, scope), self.expression(other, depth, scope));
                format!("(({a}, {c}) {operator} ({b}, {d}))")
            }
            _ => {
                let (number, array) =
                    (self.expression(Ty::Int4, depth, scope), self.expression(Ty::Array, depth, scope));
                format!("({number} {operator} any ({array}))")
            }
        }
    }
}

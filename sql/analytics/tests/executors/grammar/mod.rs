//! The grammar: tables of every type the vector executor has a form for, and queries over them.
//!
//! A query is valid by construction, so that what it is about is evaluated and not its text. Expressions that can fail
//! (arithmetic at the ends of the types, division, casts) are counted: with several of them in one query, which one fails
//! first is a matter of the order of evaluation, and any error will do.

mod expression;

use expression::Scope;

/// A small generator of pseudo-random numbers (SplitMix64: Steele, Lea and Flood, OOPSLA 2014).
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5bf0_3635_dcf9_8ab1)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    /// True once in so many times.
    pub fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}

/// The types of columns and expressions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ty {
    Bool,
    Int2,
    Int4,
    Int8,
    Float4,
    Float8,
    /// numeric(10,2)
    Fixed,
    /// numeric without a modifier
    Numeric,
    Text,
    /// varchar(5)
    Varchar,
    /// char(4)
    Padded,
    Date,
    Time,
    Timestamp,
    Timestamptz,
    Interval,
    Bytea,
    Uuid,
    /// int4[]
    Array,
}

pub const TYPES: &[Ty] = &[
    Ty::Bool,
    Ty::Int2,
    Ty::Int4,
    Ty::Int8,
    Ty::Float4,
    Ty::Float8,
    Ty::Fixed,
    Ty::Numeric,
    Ty::Text,
    Ty::Varchar,
    Ty::Padded,
    Ty::Date,
    Ty::Time,
    Ty::Timestamp,
    Ty::Timestamptz,
    Ty::Interval,
    Ty::Bytea,
    Ty::Uuid,
    Ty::Array,
];

impl Ty {
    pub fn name(self) -> &'static str {
        match self {
            Ty::Bool => "bool",
            Ty::Int2 => "int2",
            Ty::Int4 => "int4",
            Ty::Int8 => "int8",
            Ty::Float4 => "float4",
            Ty::Float8 => "float8",
            Ty::Fixed => "numeric(10,2)",
            Ty::Numeric => "numeric",
            Ty::Text => "text",
            Ty::Varchar => "varchar(5)",
            Ty::Padded => "char(4)",
            Ty::Date => "date",
            Ty::Time => "time",
            Ty::Timestamp => "timestamp",
            Ty::Timestamptz => "timestamptz",
            Ty::Interval => "interval",
            Ty::Bytea => "bytea",
            Ty::Uuid => "uuid",
            Ty::Array => "int4[]",
        }
    }

    /// Values that meet each other, and the ends of the type.
    pub fn values(self) -> &'static [&'static str] {
        match self {
            Ty::Bool => &["true", "false"],
            Ty::Int2 => &["0", "1", "2", "-1", "7", "32767", "-32768"],
            Ty::Int4 => &["0", "1", "2", "-1", "7", "100", "2147483647", "-2147483648"],
            Ty::Int8 => &["0", "1", "2", "-1", "7", "2147483648", "9223372036854775807", "-9223372036854775808"],
            Ty::Float4 => &["0", "-0", "1", "2.5", "-1", "NaN", "Infinity", "-Infinity", "3.4e38"],
            Ty::Float8 => &["0", "-0", "1", "2.5", "-1", "NaN", "Infinity", "-Infinity", "1.7e308", "1e-300"],
            Ty::Fixed => &["0", "1", "2.50", "-1", "7.25", "99999999.99", "-99999999.99", "NaN"],
            Ty::Numeric => &["0", "1", "1.0", "2.50", "-1", "1e30", "0.000000000000000000001", "NaN", "-1e20", "1e40"],
            Ty::Text => &["", "a", "A", "ab", "b ", "b", "hello", "h%l", "ä", "a_b"],
            Ty::Varchar => &["", "a", "A", "ab", "b ", "b", "hello", "ä"],
            Ty::Padded => &["", "a", "A", "ab", "b", "hell", "ä"],
            Ty::Date => {
                &["2024-02-29", "2024-03-01", "1999-12-31", "0001-01-01 BC", "infinity", "-infinity", "2000-01-01"]
            }
            Ty::Time => &["00:00", "12:30:15.25", "24:00", "23:59:59.999999"],
            Ty::Timestamp => {
                &["2024-02-29 12:30", "2000-01-01", "1999-12-31 23:59:59.999999", "infinity", "-infinity", "2024-03-01"]
            }
            Ty::Timestamptz => {
                &["2024-02-29 12:30+00", "2000-01-01 00:00+00", "1999-12-31 23:59:59+02", "infinity", "-infinity"]
            }
            Ty::Interval => &["1 month", "30 days", "1 day", "24 hours", "-1 year", "0", "00:00:01.5"],
            Ty::Bytea => &["\\x", "\\x00", "\\x6162", "\\xff"],
            Ty::Uuid => &["00000000-0000-0000-0000-000000000000", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"],
            Ty::Array => &["{}", "{1}", "{1,2,NULL}", "{2,1}", "{-1,0}", "{{1,2},{3,4}}"],
        }
    }
}

/// Statements that make the tables of a world: two with a column `c0` and so on of each type beside a key, and an empty
/// one.
pub fn tables(world: u64) -> Vec<String> {
    let mut random = Random::new(world ^ 0x7ab1e5);
    let columns: Vec<String> = TYPES.iter().enumerate().map(|(i, ty)| format!("c{i} {}", ty.name())).collect();
    let mut statements = Vec::new();
    for (table, rows) in [("t", 40), ("u", 25), ("e", 0)] {
        statements.push(format!("create table {table} (k int4 primary key, {})", columns.join(", ")));
        for k in 0..rows {
            let values: Vec<String> = TYPES
                .iter()
                .map(|ty| if random.one_in(5) { "null".into() } else { format!("'{}'", random.pick(ty.values())) })
                .collect();
            statements.push(format!("insert into {table} values ({k}, {})", values.join(", ")));
        }
    }
    statements.push("analyze".into());
    statements
}

/// A query and what is known of its answer.
pub struct Query {
    pub sql: String,
    /// Whether the order of the rows is part of the answer.
    pub ordered: bool,
    /// How many expressions in it can fail.
    pub errors: usize,
}

/// The query of a seed.
pub fn query(seed: u64) -> Query {
    let mut maker = Maker { random: Random::new(seed), errors: 0, aliases: 0 };
    let (body, width) = maker.set_query();
    let mut sql = body;
    let mut ordered = false;
    if maker.random.one_in(2) {
        // All columns: what is equal in all of them is the same row.
        let keys: Vec<String> = (1..=width)
            .map(|at| {
                let way = maker.random.pick(&["", " desc", " nulls first", " desc nulls last"]);
                format!("{at}{way}")
            })
            .collect();
        sql = format!("{sql} order by {}", keys.join(", "));
        ordered = true;
        if maker.random.one_in(2) {
            sql = format!("{sql} limit {}", maker.random.below(12));
        }
        if maker.random.one_in(3) {
            sql = format!("{sql} offset {}", maker.random.below(5));
        }
    }
    Query { sql, ordered, errors: maker.errors }
}

/// What a query is made with.
pub struct Maker {
    pub random: Random,
    pub errors: usize,
    aliases: usize,
}

impl Maker {
    fn alias(&mut self) -> String {
        self.aliases += 1;
        format!("q{}", self.aliases)
    }

    /// A query or a set operation of two, and how many columns it has.
    fn set_query(&mut self) -> (String, usize) {
        if !self.random.one_in(6) {
            return self.select(2, None);
        }
        let types = self.types(3);
        let (left, width) = self.select(1, Some(&types));
        let (right, _) = self.select(1, Some(&types));
        let operation =
            self.random.pick(&["union", "union all", "intersect", "except", "intersect all", "except all"]).to_string();
        (format!("({left}) {operation} ({right})"), width)
    }

    fn types(&mut self, most: usize) -> Vec<Ty> {
        let count = 1 + self.random.below(most);
        (0..count).map(|_| *self.random.pick(TYPES)).collect()
    }

    /// A FROM item: its text and the columns it offers.
    fn table(&mut self, depth: usize) -> (String, Scope) {
        let alias = self.alias();
        if depth > 0 && self.random.one_in(6) {
            let types = self.types(4);
            let (sql, _) = self.select(depth - 1, Some(&types));
            let names: Vec<String> = (0..types.len()).map(|at| format!("d{at}")).collect();
            let columns = names.iter().zip(&types).map(|(name, ty)| (format!("{alias}.{name}"), *ty)).collect();
            return (format!("({sql}) {alias} ({})", names.join(", ")), Scope { columns });
        }
        let table = *self.random.pick(&["t", "t", "t", "u", "u", "e"]);
        let mut columns = vec![(format!("{alias}.k"), Ty::Int4)];
        columns.extend(TYPES.iter().enumerate().map(|(at, ty)| (format!("{alias}.c{at}"), *ty)));
        (format!("{table} {alias}"), Scope { columns })
    }

    /// One to three tables, joined.
    fn from(&mut self, depth: usize) -> (String, Scope) {
        let (mut sql, mut scope) = self.table(depth);
        let joins = *self.random.pick(&[0, 0, 1, 1, 2]);
        for _ in 0..joins {
            let (right, offered) = self.table(depth);
            let kind = *self.random.pick(&["join", "left join", "right join", "full join", "join", "left join"]);
            let mut terms = Vec::new();
            for _ in 0..=self.random.below(2) {
                let (name, ty) = self.random.pick(&offered.columns).clone();
                let like: Vec<&(String, Ty)> = scope.columns.iter().filter(|(_, other)| *other == ty).collect();
                if let Some((other, _)) = like.get(self.random.below(like.len().max(1))) {
                    terms.push(format!("{other} = {name}"));
                }
            }
            let both = scope.clone().and(&offered);
            // A full join wants terms that can be hashed; others may have any condition.
            if kind != "full join" && self.random.one_in(3) {
                terms.push(self.expression(Ty::Bool, 1, &both));
            }
            if terms.is_empty() {
                terms.push(if kind == "full join" { "1 = 1".into() } else { "true".to_string() });
            }
            sql = format!("{sql} {kind} {right} on {}", terms.join(" and "));
            scope = both;
        }
        (sql, scope)
    }

    /// A SELECT with these columns, or with any.
    fn select(&mut self, depth: usize, wanted: Option<&[Ty]>) -> (String, usize) {
        let (from, scope) = self.from(depth);
        let condition = match self.random.below(3) {
            0 => String::new(),
            _ => format!(" where {}", self.condition(depth, &scope)),
        };
        let types = match wanted {
            Some(types) => types.to_vec(),
            None => self.types(4),
        };
        if self.random.one_in(3) {
            return (self.grouped(&from, &condition, &types, &scope), types.len());
        }
        let items: Vec<String> = types.iter().map(|ty| self.item(*ty, depth, &scope)).collect();
        let distinct = if self.random.one_in(5) { "distinct " } else { "" };
        (format!("select {distinct}{} from {from}{condition}", items.join(", ")), types.len())
    }

    /// An expression of a select list.
    fn item(&mut self, ty: Ty, depth: usize, scope: &Scope) -> String {
        if depth > 0 && self.random.one_in(12) {
            // A scalar subquery, correlated by equality or not at all.
            let (from, inner) = self.table(0);
            let outer = scope.pick(&mut self.random, Ty::Int4);
            let own = inner.pick(&mut self.random, Ty::Int4);
            let value = inner.pick(&mut self.random, ty);
            if let (Some(outer), Some(own), Some(value)) = (outer, own, value)
                && !matches!(ty, Ty::Bool | Ty::Bytea | Ty::Uuid)
            {
                let way = *self.random.pick(&["min", "max"]);
                return match self.random.one_in(3) {
                    true => format!("(select {way}({value}) from {from})"),
                    false => format!("(select {way}({value}) from {from} where {own} = {outer})"),
                };
            }
        }
        self.expression(ty, 2, scope)
    }

    /// A condition of WHERE.
    fn condition(&mut self, depth: usize, scope: &Scope) -> String {
        let plain = self.expression(Ty::Bool, 2, scope);
        if depth == 0 || !self.random.one_in(3) {
            return plain;
        }
        let (from, inner) = self.from(0);
        let ty = *self.random.pick(TYPES);
        let (Some(own), Some(outer)) = (inner.pick(&mut self.random, ty), scope.pick(&mut self.random, ty)) else {
            return plain;
        };
        let further = if self.random.one_in(3) {
            format!(" and {}", self.expression(Ty::Bool, 1, &inner))
        } else {
            String::new()
        };
        let term = match self.random.below(6) {
            0 => format!("exists (select 1 from {from} where {own} = {outer}{further})"),
            1 => format!("not exists (select 1 from {from} where {own} = {outer}{further})"),
            2 => format!("{outer} in (select {own} from {from} where true{further})"),
            3 => format!("{outer} not in (select {own} from {from} where {own} is not null{further})"),
            4 => format!("{outer} not in (select {own} from {from} where true{further})"),
            _ if matches!(ty, Ty::Bool | Ty::Bytea | Ty::Uuid) => {
                format!("exists (select 1 from {from} where true{further})")
            }
            _ => format!("{outer} >= (select min({own}) from {from} where true{further})"),
        };
        match self.random.below(3) {
            0 => term,
            1 => format!("{term} and {plain}"),
            _ => format!("{plain} and {term}"),
        }
    }

    /// A SELECT with GROUP BY, or with aggregates alone.
    fn grouped(&mut self, from: &str, condition: &str, types: &[Ty], scope: &Scope) -> String {
        let mut keys: Vec<String> = Vec::new();
        let alone = self.random.one_in(4);
        let items: Vec<String> = types
            .iter()
            .map(|ty| {
                if !alone
                    && self.random.one_in(2)
                    && let Some(key) = scope.pick(&mut self.random, *ty)
                {
                    keys.push(key.clone());
                    return key;
                }
                self.aggregate(*ty, scope)
            })
            .collect();
        let mut sql = format!("select {} from {from}{condition}", items.join(", "));
        if !alone && self.random.one_in(4) {
            keys.push(self.expression(Ty::Int4, 1, scope));
        }
        if !keys.is_empty() {
            sql = format!("{sql} group by {}", keys.join(", "));
        }
        if self.random.one_in(4) {
            let value = self.aggregate(Ty::Int8, scope);
            sql = format!("{sql} having {value} > {}", self.random.below(4));
        }
        sql
    }

    /// An aggregate with a result of this type.
    fn aggregate(&mut self, ty: Ty, scope: &Scope) -> String {
        let distinct = if self.random.one_in(5) { "distinct " } else { "" };
        let filter = if self.random.one_in(5) {
            format!(" filter (where {})", self.expression(Ty::Bool, 1, scope))
        } else {
            String::new()
        };
        let any = scope.columns[self.random.below(scope.columns.len())].clone().0;
        let call = match ty {
            Ty::Bool => {
                format!("{}({})", self.random.pick(&["bool_and", "bool_or"]), self.expression(Ty::Bool, 1, scope))
            }
            Ty::Int8 if self.random.one_in(2) => match scope.pick(&mut self.random, Ty::Int4) {
                Some(column) => format!("sum({distinct}{column})"),
                None => format!("count({distinct}{any})"),
            },
            Ty::Int8 => match self.random.one_in(3) {
                true => "count(*)".into(),
                false => format!("count({distinct}{any})"),
            },
            Ty::Numeric => {
                let from = *self.random.pick(&[Ty::Int8, Ty::Fixed, Ty::Numeric]);
                let way = *self.random.pick(&["sum", "avg", "sum"]);
                format!("{way}({distinct}{})", self.expression(from, 1, scope))
            }
            Ty::Bytea | Ty::Uuid => {
                // There is no min of these: what is left is null.
                return format!("case when count(*) < 0 then '{}'::{} end", ty.values()[0], ty.name());
            }
            _ => format!("{}({})", self.random.pick(&["min", "max"]), self.expression(ty, 1, scope)),
        };
        // The minimum of a column has no modifier; a set operation wants one type.
        match ty {
            Ty::Fixed | Ty::Varchar | Ty::Padded => format!("({call}{filter})::{}", ty.name()),
            _ => format!("{call}{filter}"),
        }
    }
}

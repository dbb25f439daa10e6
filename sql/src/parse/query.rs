//! Queries, and the statements that change rows.
//!
//! UNION and EXCEPT bind equally and to the left, INTERSECT tighter. ORDER BY, LIMIT and locking belong to the whole.

use types::{Error, Result, SqlState};

use super::SET_OPERATIONS_MAX;
use super::ast::{
    Alias, Assignment, ColumnDefinition, ConflictTarget, ConflictUpdate, Cte, CteBody, Delete, Destination, Distinct,
    Expr, ExprKind, GroupItem, Ident, Insert, JoinRef, JoinType, LockClause, OnConflict, Query, Select, SetExpr,
    Statement, TableFunction, TableRef, Target, Update, With,
};
use super::keyword;
use super::lexer::Tok;
use super::parser::{Parser, QUERY_COST, too_deep};
use crate::bound::{LockStrength, LockWait, SetOpKind};

impl Parser<'_> {
    /// A query with everything that may belong to it; the caller's expressions do not count into its height.
    pub(super) fn query(&mut self) -> Result<Query> {
        self.query_at(false)
    }

    /// `top`: it is the statement itself, with or without parentheses, so its WITH may change rows.
    pub(super) fn query_at(&mut self, top: bool) -> Result<Query> {
        let outside = std::mem::take(&mut self.height);
        let result = self.nested_by(QUERY_COST, |parser| {
            let with = parser.with_clause(top)?;
            parser.query_after(with, top)
        });
        let inside = self.height;
        self.height = outside.max(inside);
        let mut query = result?;
        query.height = query.height.max(inside + 1);
        Ok(query)
    }

    /// A query in parentheses.
    pub(super) fn paren_query(&mut self) -> Result<Box<Query>> {
        self.expect_sym("(")?;
        let query = self.query()?;
        self.expect_sym(")")?;
        Ok(Box::new(query))
    }

    /// A query whose WITH has been read. Parentheses around all of what follows are as good as none: the clauses before and
    /// behind them join those within, `(select ... offset 1) limit 2`.
    pub(super) fn query_after(&mut self, with: Option<With>, top: bool) -> Result<Query> {
        let pos = self.pos();
        let mut query = self.set_chain(pos, 0, top)?;
        self.query_tail(&mut query)?;
        if let Some(with) = with {
            if query.with.is_some() {
                return Err(twice("WITH", with.pos));
            }
            query.with = Some(with);
        }
        Ok(query)
    }

    fn set_chain(&mut self, pos: u32, level: u8, top: bool) -> Result<Query> {
        let mut left = if level == 0 { self.set_chain(pos, 1, top)? } else { self.query_primary(top)? };
        let mut length = 1;
        loop {
            let at = self.pos();
            let kind = if level == 0 && self.is_word("union") {
                SetOpKind::Union
            } else if level == 0 && self.is_word("except") {
                SetOpKind::Except
            } else if level == 1 && self.is_word("intersect") {
                SetOpKind::Intersect
            } else {
                return Ok(left);
            };
            // Known only now: the query in parentheses before the operator is not the statement.
            let mut ctes = left.with.iter().flat_map(|with| &with.ctes);
            if let Some(change) = ctes.find(|cte| matches!(cte.body, CteBody::Change(_))) {
                return Err(change_below_top(&change.name));
            }
            self.advance();
            let all = self.accept_word("all");
            if !all {
                self.accept_word("distinct");
            }
            let next = self.pos();
            let right = if level == 0 { self.set_chain(next, 1, false)? } else { self.query_primary(false)? };
            length += 1;
            let height = left.height.max(right.height) + 1;
            if length > SET_OPERATIONS_MAX || height > super::HEIGHT_MAX {
                return Err(too_deep(at));
            }
            let body = SetExpr::SetOp { kind, all, left: Box::new(left), right: Box::new(right), pos: at };
            left = plain_query(body, pos);
            left.height = height;
        }
    }

    /// SELECT, VALUES, TABLE or a query in parentheses.
    fn query_primary(&mut self, top: bool) -> Result<Query> {
        let pos = self.pos();
        if self.accept_sym("(") {
            let query = self.query_at(top)?;
            self.expect_sym(")")?;
            return Ok(query);
        }
        if self.accept_word("values") {
            let rows = self.list(|parser| parser.paren_list(Self::expr))?;
            return Ok(plain_query(SetExpr::Values(rows), pos));
        }
        if self.accept_word("table") {
            self.accept_word("only");
            let name = self.object_name()?;
            self.accept_op("*");
            let star = self.make(pos, ExprKind::Star(Vec::new()))?;
            let end = self.last_end();
            let select = Select {
                targets: vec![Target { expr: star, alias: None, ends: (end, end) }],
                from: vec![TableRef::Relation { name, alias: None }],
                ..Select::default()
            };
            return Ok(plain_query(SetExpr::Select(Box::new(select)), pos));
        }
        self.expect_word("select")?;
        let select = self.select()?;
        Ok(plain_query(SetExpr::Select(Box::new(select)), pos))
    }

    /// `top`: at the head of a statement, where its queries may change rows.
    pub(super) fn with_clause(&mut self, top: bool) -> Result<Option<With>> {
        let pos = self.pos();
        if !self.accept_word("with") {
            return Ok(None);
        }
        let recursive = self.accept_word("recursive");
        let ctes = self.list(|parser| {
            let name = parser.ident()?;
            let columns = parser.optional_column_list()?;
            parser.expect_word("as")?;
            let materialized = if parser.accept_words(&["not", "materialized"]) {
                Some(false)
            } else if parser.accept_word("materialized") {
                Some(true)
            } else {
                None
            };
            if parser.is_sym("(")
                && matches!(parser.peek_at(1), Tok::Word(word) if matches!(word.as_ref(), "insert" | "update" | "delete"))
            {
                if !top {
                    return Err(change_below_top(&name));
                }
                parser.expect_sym("(")?;
                let change = parser.nested(|parser| parser.change(None))?;
                parser.expect_sym(")")?;
                return Ok(Cte { name, columns, materialized, body: CteBody::Change(Box::new(change)) });
            }
            let query = parser.paren_query()?;
            if parser.is_any_word(&["search", "cycle"]) {
                return parser.unsupported("SEARCH and CYCLE in WITH");
            }
            Ok(Cte { name, columns, materialized, body: CteBody::Query(query) })
        })?;
        Ok(Some(With { recursive, ctes, pos }))
    }

    /// Behind SELECT.
    fn select(&mut self) -> Result<Select> {
        let mut select = Select::default();
        if self.accept_word("distinct") {
            select.distinct =
                Some(if self.accept_word("on") { Distinct::On(self.paren_list(Self::expr)?) } else { Distinct::All });
        } else {
            self.accept_word("all");
        }
        let empty = self.at_end()
            || self.is_sym(";")
            || self.is_sym(")")
            || self.is_any_word(&[
                "from",
                "where",
                "group",
                "having",
                "union",
                "intersect",
                "except",
                "order",
                "limit",
                "offset",
                "fetch",
                "for",
                "window",
                "into",
            ]);
        // Only a SELECT with nothing before its list may leave the list out.
        if !empty || select.distinct.is_some() {
            select.targets = self.list(Self::target)?;
        }
        if self.accept_word("into") {
            if self.is_any_word(&["local", "global"])
                && ["temporary", "temp"].iter().any(|word| self.is_word_at(1, word))
            {
                self.advance();
            }
            let temporary = self.accept_word("temporary") || self.accept_word("temp");
            self.accept_word("table");
            select.into = Some(self.new_name(temporary)?);
        }
        if self.accept_word("from") {
            select.from = self.list(Self::table_ref)?;
        }
        if self.accept_word("where") {
            select.filter = Some(self.expr()?);
        }
        if self.accept_words(&["group", "by"]) {
            if self.accept_word("distinct") {
                return self.unsupported("GROUP BY DISTINCT");
            }
            self.accept_word("all");
            select.group = self.list(Self::group_item)?;
        }
        if self.accept_word("having") {
            select.having = Some(self.expr()?);
        }
        if self.accept_word("window") {
            select.windows = self.list(|parser| {
                let name = parser.ident()?;
                parser.expect_word("as")?;
                Ok((name, parser.window_spec()?))
            })?;
        }
        Ok(select)
    }

    fn group_item(&mut self) -> Result<GroupItem> {
        if self.is_sym("(") && self.is_sym_at(1, ")") {
            self.advance();
            self.advance();
            return Ok(GroupItem::Empty);
        }
        if self.is_word("rollup") && self.is_sym_at(1, "(") {
            self.advance();
            return Ok(GroupItem::Rollup(self.paren_list(Self::expr)?));
        }
        if self.is_word("cube") && self.is_sym_at(1, "(") {
            self.advance();
            return Ok(GroupItem::Cube(self.paren_list(Self::expr)?));
        }
        if self.accept_words(&["grouping", "sets"]) {
            return self.nested(|parser| Ok(GroupItem::Sets(parser.paren_list(Self::group_item)?)));
        }
        Ok(GroupItem::Expr(self.expr()?))
    }

    pub(super) fn target(&mut self) -> Result<Target> {
        let pos = self.pos();
        if self.accept_op("*") {
            let (expr, end) = (self.make(pos, ExprKind::Star(Vec::new()))?, self.last_end());
            return Ok(Target { expr, alias: None, ends: (end, end) });
        }
        let expr = self.expr()?;
        let end = self.last_end();
        let alias = if self.accept_word("as") {
            Some(self.label()?.name)
        } else {
            match self.peek() {
                Tok::Quoted(_) => Some(self.label()?.name),
                Tok::Word(word) if keyword::is_bare_label(word) => Some(self.label()?.name),
                _ => None,
            }
        };
        Ok(Target { expr, alias, ends: (end, self.last_end()) })
    }

    pub(super) fn returning(&mut self) -> Result<Option<Vec<Target>>> {
        if self.accept_word("returning") { Ok(Some(self.list(Self::target)?)) } else { Ok(None) }
    }

    /// An item of FROM with the joins behind it.
    pub(super) fn table_ref(&mut self) -> Result<TableRef> {
        self.nested(|parser| {
            let mut left = parser.table_primary()?;
            let mut joins = 0;
            while let Some((kind, natural, pos)) = parser.join_type()? {
                joins += 1;
                if joins > super::HEIGHT_MAX {
                    return Err(too_deep(pos));
                }
                left = parser.join(left, kind, natural, pos)?;
            }
            Ok(left)
        })
    }

    /// The join of a table with the one that follows, and its condition.
    fn join(&mut self, left: TableRef, kind: JoinType, natural: bool, pos: u32) -> Result<TableRef> {
        let right = self.table_primary()?;
        let mut join =
            JoinRef { kind, natural, left, right, on: None, using: None, using_alias: None, alias: None, pos };
        if kind != JoinType::Cross && !natural {
            // `a join b join c on .. on ..`: the condition belongs to the inner join.
            if !self.is_any_word(&["on", "using"]) {
                join.right = self.joins_of(join.right)?;
            }
            if self.accept_word("on") {
                join.on = Some(self.expr()?);
            } else {
                self.expect_word("using")?;
                join.using = Some(self.column_list()?);
                if self.accept_word("as") {
                    join.using_alias = Some(self.ident()?);
                }
            }
        }
        Ok(TableRef::Join(Box::new(join)))
    }

    /// One more join on a table that is itself the right side of one.
    fn joins_of(&mut self, left: TableRef) -> Result<TableRef> {
        self.nested(|parser| {
            let Some((kind, natural, pos)) = parser.join_type()? else { return Err(parser.unexpected()) };
            let joined = parser.join(left, kind, natural, pos)?;
            if parser.is_any_word(&["on", "using"]) { Ok(joined) } else { parser.joins_of(joined) }
        })
    }

    fn join_type(&mut self) -> Result<Option<(JoinType, bool, u32)>> {
        let pos = self.pos();
        if self.accept_words(&["cross", "join"]) {
            return Ok(Some((JoinType::Cross, false, pos)));
        }
        let natural = self.accept_word("natural");
        let kind = if self.accept_word("inner") {
            Some(JoinType::Inner)
        } else if self.accept_word("left") {
            Some(JoinType::Left)
        } else if self.accept_word("right") {
            Some(JoinType::Right)
        } else if self.accept_word("full") {
            Some(JoinType::Full)
        } else {
            None
        };
        if matches!(kind, Some(JoinType::Left | JoinType::Right | JoinType::Full)) {
            self.accept_word("outer");
        }
        if kind.is_some() || natural {
            self.expect_word("join")?;
            return Ok(Some((kind.unwrap_or(JoinType::Inner), natural, pos)));
        }
        Ok(self.accept_word("join").then_some((JoinType::Inner, false, pos)))
    }

    fn table_primary(&mut self) -> Result<TableRef> {
        let pos = self.pos();
        let lateral = self.accept_word("lateral");
        if self.is_sym("(") {
            if self.opens_query() {
                let query = self.paren_query()?;
                let alias = self.alias()?;
                if alias.is_none() {
                    return Err(Error::new(SqlState::SYNTAX_ERROR, "subquery in FROM must have an alias")
                        .hint("For example, FROM (SELECT ...) [AS] foo.")
                        .at(pos + 1));
                }
                return Ok(TableRef::Subquery { lateral, query, alias, pos });
            }
            if lateral {
                return Err(self.unexpected());
            }
            self.expect_sym("(")?;
            let mut inner = self.table_ref()?;
            if !matches!(inner, TableRef::Join(_)) {
                return Err(self.unexpected());
            }
            self.expect_sym(")")?;
            if let (Some(alias), TableRef::Join(join)) = (self.alias()?, &mut inner) {
                join.alias = Some(alias);
            }
            return Ok(inner);
        }
        if self.is_word("rows") && self.is_word_at(1, "from") && self.is_sym_at(2, "(") {
            self.expect_words(&["rows", "from"])?;
            let calls = self.paren_list(Self::table_function)?;
            return self.function_ref(lateral, calls, pos);
        }
        let only = self.accept_word("only");
        if !only && self.is_table_function() {
            let call = self.restricted_expr()?;
            return self.function_ref(lateral, vec![TableFunction { call, definitions: Vec::new() }], pos);
        }
        if lateral {
            return Err(self.unexpected());
        }
        let name = self.object_name()?;
        self.accept_op("*");
        let alias = self.alias()?;
        if self.is_word("tablesample") {
            return self.unsupported("TABLESAMPLE");
        }
        Ok(TableRef::Relation { name, alias })
    }

    /// Whether a call (or a value of the session's, which the grammar allows too) comes next in FROM.
    fn is_table_function(&self) -> bool {
        if self.is_any_word(&[
            "current_date",
            "current_timestamp",
            "current_user",
            "session_user",
            "user",
            "current_role",
            "current_catalog",
            "localtime",
            "localtimestamp",
        ]) {
            return true;
        }
        let mut ahead = 0;
        while matches!(self.peek_at(ahead), Tok::Word(_) | Tok::Quoted(_)) && self.is_sym_at(ahead + 1, ".") {
            ahead += 2;
        }
        matches!(self.peek_at(ahead), Tok::Word(_) | Tok::Quoted(_)) && self.is_sym_at(ahead + 1, "(")
    }

    /// An item of ROWS FROM.
    fn table_function(&mut self) -> Result<TableFunction> {
        let call = self.restricted_expr()?;
        let definitions = if self.accept_word("as") { self.column_definitions()? } else { Vec::new() };
        Ok(TableFunction { call, definitions })
    }

    fn function_ref(&mut self, lateral: bool, calls: Vec<TableFunction>, pos: u32) -> Result<TableRef> {
        let ordinality = self.accept_words(&["with", "ordinality"]);
        let mut definitions = Vec::new();
        let mut alias = None;
        if self.is_word("as") && self.is_sym_at(1, "(") {
            self.advance();
            definitions = self.column_definitions()?;
        } else if let Some(name) = self.alias_name()? {
            let mut columns = Vec::new();
            // Behind the name of a column that is defined stands its type.
            if self.is_sym("(") && !self.is_sym_at(2, ",") && !self.is_sym_at(2, ")") {
                definitions = self.column_definitions()?;
            } else {
                columns = self.optional_column_list()?;
            }
            alias = Some(Alias { name, columns });
        }
        Ok(TableRef::Function { lateral, calls, ordinality, alias, definitions, pos })
    }

    fn column_definitions(&mut self) -> Result<Vec<ColumnDefinition>> {
        self.paren_list(|parser| Ok((parser.ident()?, parser.type_name()?)))
    }

    fn alias(&mut self) -> Result<Option<Alias>> {
        let Some(name) = self.alias_name()? else { return Ok(None) };
        Ok(Some(Alias { name, columns: self.optional_column_list()? }))
    }

    fn alias_name(&mut self) -> Result<Option<Ident>> {
        if self.accept_word("as") {
            return self.ident().map(Some);
        }
        match self.peek() {
            // What may follow a table and is not reserved.
            Tok::Word(word) if !keyword::is_column_name(word) => Ok(None),
            Tok::Word(word) if word == "set" => Ok(None),
            Tok::Word(_) | Tok::Quoted(_) => self.ident().map(Some),
            _ => Ok(None),
        }
    }

    /// ORDER BY, and behind it, in either order, locking and LIMIT, OFFSET and FETCH. Beside those of a query in parentheses
    /// they may be too many; which of them is told of first is PostgreSQL's `insertSelectOptions`.
    fn query_tail(&mut self, query: &mut Query) -> Result<()> {
        if self.accept_words(&["order", "by"]) {
            let pos = self.pos();
            let order = self.list(Self::order_item)?;
            if !query.order.is_empty() {
                return Err(twice("ORDER BY", pos));
            }
            query.order = order;
        }
        let locks_first = self.lock_clauses(query)?;
        let (limit, offset, with_ties) = self.limits()?;
        if !locks_first {
            self.lock_clauses(query)?;
        }
        let limited = limit.is_some() || offset.is_some();
        if let Some(offset) = offset {
            if query.offset.is_some() {
                return Err(twice("OFFSET", offset.pos));
            }
            query.offset = Some(offset);
        }
        if let Some(limit) = limit {
            if query.limit.is_some() {
                return Err(twice("LIMIT", limit.pos));
            }
            query.limit = Some(limit);
        }
        let refused = |message: &str| Err(Error::new(SqlState::SYNTAX_ERROR, message));
        if limited && query.with_ties {
            return refused("multiple limit options not allowed");
        }
        if with_ties {
            if query.order.is_empty() {
                return refused("WITH TIES cannot be specified without ORDER BY clause");
            }
            if query.locks.iter().any(|lock| lock.wait == LockWait::SkipLocked) {
                return refused("SKIP LOCKED and WITH TIES options cannot be used together");
            }
            query.with_ties = true;
        }
        Ok(())
    }

    /// LIMIT or FETCH, and OFFSET, in either order; and whether FETCH says WITH TIES.
    fn limits(&mut self) -> Result<(Option<Expr>, Option<Expr>, bool)> {
        let (mut limit, mut offset, mut with_ties) = (None, None, false);
        loop {
            let pos = self.pos();
            if limit.is_none() && self.accept_word("limit") {
                let value = self.pos();
                // LIMIT ALL is a clause like any other.
                limit = Some(if self.accept_word("all") { self.make(value, ExprKind::Null)? } else { self.expr()? });
                if self.is_sym(",") {
                    return Err(Error::new(SqlState::SYNTAX_ERROR, "LIMIT #,# syntax is not supported")
                        .hint("Use separate LIMIT and OFFSET clauses.")
                        .at(pos + 1));
                }
            } else if limit.is_none() && self.accept_word("fetch") {
                if !self.accept_word("first") {
                    self.expect_word("next")?;
                }
                limit = Some(if self.is_any_word(&["row", "rows"]) {
                    self.make(pos, ExprKind::Integer("1".to_owned()))?
                } else {
                    self.restricted_expr()?
                });
                if !self.accept_word("rows") {
                    self.expect_word("row")?;
                }
                if !self.accept_word("only") {
                    self.expect_words(&["with", "ties"])?;
                    with_ties = true;
                }
            } else if offset.is_none() && self.accept_word("offset") {
                offset = Some(self.expr()?);
                if !self.accept_word("rows") {
                    self.accept_word("row");
                }
            } else {
                return Ok((limit, offset, with_ties));
            }
        }
    }

    /// FOR UPDATE and its kin, as many as there are, or FOR READ ONLY, which says nothing. Whether there are any.
    fn lock_clauses(&mut self, query: &mut Query) -> Result<bool> {
        if self.accept_words(&["for", "read", "only"]) {
            return Ok(true);
        }
        let known = query.locks.len();
        while self.is_word("for") {
            query.locks.push(self.lock_clause()?);
        }
        Ok(query.locks.len() > known)
    }

    fn lock_clause(&mut self) -> Result<LockClause> {
        self.expect_word("for")?;
        let strength = if self.accept_word("update") {
            LockStrength::Update
        } else if self.accept_words(&["no", "key", "update"]) {
            LockStrength::NoKeyUpdate
        } else if self.accept_word("share") {
            LockStrength::Share
        } else {
            self.expect_words(&["key", "share"])?;
            LockStrength::KeyShare
        };
        let of = if self.accept_word("of") { self.list(Self::ident)? } else { Vec::new() };
        let wait = if self.accept_word("nowait") {
            LockWait::NoWait
        } else if self.accept_words(&["skip", "locked"]) {
            LockWait::SkipLocked
        } else {
            LockWait::Block
        };
        Ok(LockClause { strength, of, wait })
    }

    /// INSERT, UPDATE or DELETE, its WITH read.
    pub(super) fn change(&mut self, with: Option<With>) -> Result<Statement> {
        if self.accept_word("insert") {
            return self.insert(with);
        }
        if self.accept_word("update") {
            return self.update(with);
        }
        self.expect_word("delete")?;
        self.expect_word("from")?;
        let (table, alias) = self.changed_table()?;
        let using = if self.accept_word("using") { self.list(Self::table_ref)? } else { Vec::new() };
        let filter = if self.accept_word("where") { Some(self.expr()?) } else { None };
        let returning = self.returning()?;
        Ok(Statement::Delete(Box::new(Delete { with, table, alias, using, filter, returning })))
    }

    fn changed_table(&mut self) -> Result<(super::ast::Name, Option<Ident>)> {
        self.accept_word("only");
        let table = self.object_name()?;
        self.accept_op("*");
        let alias = if self.accept_word("as") {
            Some(self.ident()?)
        } else if self.is_word("set") {
            None
        } else {
            self.accept_ident()
        };
        Ok((table, alias))
    }

    fn insert(&mut self, with: Option<With>) -> Result<Statement> {
        self.expect_word("into")?;
        let table = self.object_name()?;
        let alias = if self.accept_word("as") { Some(self.ident()?) } else { None };
        let columns =
            if self.is_sym("(") && !self.opens_query() { self.paren_list(Self::destination)? } else { Vec::new() };
        let overriding = if self.accept_word("overriding") {
            let system = self.accept_word("system");
            if !system {
                self.expect_word("user")?;
            }
            self.expect_word("value")?;
            Some(system)
        } else {
            None
        };
        let bare = columns.is_empty() && overriding.is_none();
        let source = if bare && self.accept_words(&["default", "values"]) { None } else { Some(self.query()?) };
        let on_conflict = if self.is_word("on") { Some(self.on_conflict()?) } else { None };
        let returning = self.returning()?;
        let insert = Insert { with, table, alias, columns, overriding, source, on_conflict, returning };
        Ok(Statement::Insert(Box::new(insert)))
    }

    fn on_conflict(&mut self) -> Result<OnConflict> {
        let pos = self.pos();
        self.expect_words(&["on", "conflict"])?;
        let target = if self.accept_words(&["on", "constraint"]) {
            Some(ConflictTarget::Constraint(self.ident()?))
        } else if self.is_sym("(") {
            let columns = self.paren_list(|parser| {
                if parser.is_sym("(") {
                    return parser.unsupported("ON CONFLICT on an expression");
                }
                let column = parser.ident()?;
                if parser.is_sym("(") {
                    return parser.unsupported("ON CONFLICT on an expression");
                }
                if parser.is_word("collate") {
                    return parser.unsupported("ON CONFLICT with a collation");
                }
                Ok(column)
            })?;
            let predicate = if self.accept_word("where") { Some(self.expr()?) } else { None };
            Some(ConflictTarget::Columns(columns, predicate))
        } else {
            None
        };
        self.expect_word("do")?;
        if self.accept_word("nothing") {
            return Ok(OnConflict { target, update: None, pos });
        }
        self.expect_words(&["update", "set"])?;
        let assignments = self.list(Self::assignment)?;
        let filter = if self.accept_word("where") { Some(self.expr()?) } else { None };
        Ok(OnConflict { target, update: Some(ConflictUpdate { assignments, filter }), pos })
    }

    fn assignment(&mut self) -> Result<Assignment> {
        let multiple = self.is_sym("(");
        let destinations = if multiple { self.paren_list(Self::destination)? } else { vec![self.destination()?] };
        if !self.accept_op("=") {
            return Err(self.unexpected());
        }
        Ok(Assignment { destinations, value: self.expr()?, multiple })
    }

    fn destination(&mut self) -> Result<Destination> {
        let column = self.ident()?;
        let mut subscripts = Vec::new();
        while self.accept_sym("[") {
            subscripts.push(self.subscript()?);
        }
        if self.is_sym(".") {
            return self.unsupported("assignment to a field");
        }
        Ok(Destination { column, subscripts })
    }

    fn update(&mut self, with: Option<With>) -> Result<Statement> {
        let (table, alias) = self.changed_table()?;
        self.expect_word("set")?;
        let assignments = self.list(Self::assignment)?;
        let from = if self.accept_word("from") { self.list(Self::table_ref)? } else { Vec::new() };
        let filter = if self.accept_word("where") { Some(self.expr()?) } else { None };
        let returning = self.returning()?;
        Ok(Statement::Update(Box::new(Update { with, table, alias, assignments, from, filter, returning })))
    }
}

fn plain_query(body: SetExpr, pos: u32) -> Query {
    Query {
        with: None,
        body,
        order: Vec::new(),
        limit: None,
        offset: None,
        with_ties: false,
        locks: Vec::new(),
        pos,
        height: 0,
    }
}

fn twice(what: &str, pos: u32) -> Error {
    Error::new(SqlState::SYNTAX_ERROR, format!("multiple {what} clauses not allowed")).at(pos + 1)
}

fn change_below_top(name: &Ident) -> Error {
    let message = "WITH clause containing a data-modifying statement must be at the top level";
    Error::new(SqlState::FEATURE_NOT_SUPPORTED, message).at(name.pos + 1)
}

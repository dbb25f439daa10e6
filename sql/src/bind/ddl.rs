//! Statements that change the catalog, tables' columns and constraints excepted: see [`table`](super::table).

use std::ops::Range;
use std::sync::Arc;

use types::{Error, RegNames, Result, Settings, SqlState, SqlType, Styles, oid};

use super::Binder;
use super::query::Unknowns;
use crate::bound::deparse::quote_literal;
use crate::bound::{
    AlterIndex, AlterTable, AlterView, CreateIndex, CreateTableAs, CreateView, Ddl, DropKind, Expr, Grant, GrantTarget,
    IndexSpec, Plan, ResultColumn, SequenceOptions,
};
use crate::catalog::describe::{
    OPERATOR_CLASSES, OTHER_OPERATOR_CLASSES, class_accepts, class_refused, operator_class, qualified_name,
    quote_identifier,
};
use crate::catalog::extension::{self, Extension};
use crate::catalog::{
    CatalogSnapshot, IndexColumn, IndexDef, PG_TEMP, Relation, SchemaDef, ViewDef, ViewParameters, is_others,
    is_temporary, named_part, own_temporary,
};
use crate::parse::ast::{
    self, AlterAction, Distinct, ExprKind, Ident, Name, ObjectKind, SequenceOption, SetExpr, Target,
};
use crate::parse::{self, Tok};

impl Binder<'_> {
    pub fn ddl(&mut self, statement: &ast::Statement) -> Result<Ddl> {
        Ok(match statement {
            ast::Statement::CreateTable(table) => Ddl::CreateTable(Box::new(self.create_table(table)?)),
            ast::Statement::CreateTableAs(table) => {
                let schema = self.creation_schema(&table.name)?;
                let (plan, outputs) = self.query(&table.query, Unknowns::Text)?;
                Ddl::CreateTableAs(Box::new(CreateTableAs {
                    schema,
                    name: table.name.object().to_owned(),
                    if_not_exists: table.if_not_exists,
                    unlogged: table.unlogged,
                    columns: renamed(outputs, &table.columns, "CREATE TABLE AS")?,
                    plan: table.with_data.then(|| Arc::<Plan>::new(plan)),
                    options: table.options.clone(),
                    on_commit: table.on_commit,
                }))
            }
            ast::Statement::CreateIndex(index) => Ddl::CreateIndex(Box::new(self.create_index(index)?)),
            ast::Statement::CreateSequence { name, if_not_exists, options } => Ddl::CreateSequence {
                schema: self.creation_schema(name)?,
                name: name.object().to_owned(),
                options: self.sequence_options(options)?,
                if_not_exists: *if_not_exists,
            },
            ast::Statement::AlterSequence { name, if_exists, options } => {
                match self.relation_of(name, ObjectKind::Sequence) {
                    Ok(Relation::Sequence(sequence)) => {
                        Ddl::AlterSequence { sequence, options: self.sequence_options(options)? }
                    }
                    Ok(_) => return Err(wrong_kind(name, ObjectKind::Sequence)),
                    Err(error) => self.skipped(error, *if_exists, name, "ALTER SEQUENCE")?,
                }
            }
            ast::Statement::CreateView(view) => {
                let ast::CreateView { name, replace, columns, query, text, options } = &**view;
                if query.first_select().is_some_and(|select| select.into.is_some()) {
                    return Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, "views must not contain SELECT INTO"));
                }
                // A schema that is missing comes first.
                self.creation_schema(name)?;
                self.stars = Some(Vec::new());
                self.kept_names = Some(Vec::new());
                let (_, outputs) = self.query(query, Unknowns::Text)?;
                let schema = self.schema_of_view(name)?;
                let named = named_part(&self.search_path);
                let search_path = if schema.is_temporary() { self.search_path.to_vec() } else { named.to_vec() };
                if !self.params.is_empty() {
                    return Err(Error::new(SqlState::UNDEFINED_PARAMETER, "there is no parameter $1"));
                }
                let outputs = renamed(outputs, columns, "CREATE VIEW")?;
                for (at, column) in outputs.iter().enumerate() {
                    if outputs[..at].iter().any(|other| other.name == column.name) {
                        let message = format!("column \"{}\" specified more than once", column.name);
                        return Err(Error::new(SqlState::DUPLICATE_COLUMN, message));
                    }
                }
                if ViewParameters::read(options)?.check_option.is_some() {
                    self.check_takes_check_option(query)?;
                }
                let range = text.0 as usize..text.1 as usize;
                // A dump has nothing but the text.
                let query = match self.named_items(query, columns) {
                    Some(named) => self.view_text(range, named),
                    None => {
                        let names = outputs.iter().map(|column| &column.name);
                        super::with_names(&self.view_text(range, Vec::new()), name.object(), names)
                    }
                };
                Ddl::CreateView(Box::new(CreateView {
                    schema,
                    name: name.object().to_owned(),
                    replace: *replace,
                    query,
                    columns: outputs.into_iter().map(|column| (column.name, column.ty)).collect(),
                    search_path,
                    options: options.clone(),
                }))
            }
            ast::Statement::CreateSchema { name, if_not_exists, owner } => Ddl::CreateSchema {
                name: name.as_ref().map(|name| name.name.clone()),
                if_not_exists: *if_not_exists,
                owner: owner.clone(),
            },
            ast::Statement::CreateExtension { name, if_not_exists } => self.create_extension(name, *if_not_exists)?,
            ast::Statement::DropExtensions { names, if_exists } => self.drop_extensions(names, *if_exists)?,
            ast::Statement::Drop { kind, names, if_exists, cascade } => {
                self.drop_objects(*kind, names, *if_exists, *cascade)?
            }
            ast::Statement::AlterTable { kind, name, if_exists, actions } => match self.relation_of(name, *kind) {
                Ok(relation) => self.alter_relation(relation, actions, alter_tag(*kind))?,
                Err(error) => self.skipped(error, *if_exists, name, alter_tag(*kind))?,
            },
            ast::Statement::RenameSchema { name, to } => {
                Ddl::RenameSchema { schema: self.schema(name)?, name: to.clone() }
            }
            ast::Statement::SetSchemaOwner { name, owner } => {
                Ddl::SetSchemaOwner { schema: self.schema(name)?, owner: owner.clone() }
            }
            ast::Statement::CreateRole { name, options } => {
                Ddl::CreateRole { name: name.clone(), options: options.clone() }
            }
            ast::Statement::AlterRole { name, options } => {
                Ddl::AlterRole { name: name.clone(), options: options.clone() }
            }
            ast::Statement::AlterRoleSet { name, setting, value } => {
                Ddl::AlterRoleSet { name: name.clone(), setting: setting.clone(), value: value.clone() }
            }
            ast::Statement::RenameRole { name, to } => Ddl::RenameRole { name: name.clone(), to: to.clone() },
            ast::Statement::DropRoles { names, if_exists } => {
                Ddl::DropRoles { names: names.clone(), if_exists: *if_exists }
            }
            ast::Statement::ReassignOwned { from, to } => Ddl::ReassignOwned { from: from.clone(), to: to.clone() },
            ast::Statement::DropOwned { roles, cascade } => Ddl::DropOwned { roles: roles.clone(), cascade: *cascade },
            ast::Statement::Grant(grant) => Ddl::Grant(Box::new(self.grant(grant)?)),
            ast::Statement::CreateDatabase(database) => Ddl::CreateDatabase(database.clone()),
            ast::Statement::AlterDatabase { name, change } => {
                Ddl::AlterDatabase { name: name.clone(), change: change.clone() }
            }
            ast::Statement::DropDatabase { name, if_exists } => {
                Ddl::DropDatabase { name: name.clone(), if_exists: *if_exists }
            }
            ast::Statement::Comment { kind, name, text } => self.comment(*kind, name, text.clone())?,
            ast::Statement::CommentConstraint { constraint, table, text } => {
                let table = self.find_table(table).map_err(super::without_position)?;
                let found = table.constraints.iter().find(|it| *it.name == *constraint.name);
                let found = found.ok_or_else(|| {
                    let message =
                        format!("constraint \"{}\" for table \"{}\" does not exist", constraint.name, table.name);
                    Error::new(SqlState::UNDEFINED_OBJECT, message)
                })?;
                Ddl::CommentConstraint { constraint: found.oid, table: table.clone(), text: text.clone() }
            }
            ast::Statement::Reindex { tables } => {
                let mut found = Vec::new();
                for name in tables {
                    match self.find_relation(name)? {
                        Relation::Index(index) => found.extend(self.catalog.table(index.table).cloned()),
                        _ => found.push(self.find_table(name)?),
                    }
                }
                Ddl::Reindex { tables: found }
            }
            _ => return Err(Error::unsupported("this statement")),
        })
    }

    fn create_extension(&mut self, name: &str, if_not_exists: bool) -> Result<Ddl> {
        let Some(extension) = extension::named(name) else {
            let message = format!("extension \"{name}\" is not available");
            return Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, message)
                .detail("There are no extensions but those that pg_available_extensions lists."));
        };
        let message = format!("extension \"{name}\" already exists");
        if if_not_exists {
            self.notice(SqlState::DUPLICATE_OBJECT, format!("{message}, skipping"));
        } else if extension.is_given {
            return Err(Error::new(SqlState::DUPLICATE_OBJECT, message));
        }
        Ok(Ddl::Nothing { tag: "CREATE EXTENSION" })
    }

    fn drop_extensions(&mut self, names: &[String], if_exists: bool) -> Result<Ddl> {
        for name in names {
            match extension_named(name) {
                Ok(extension) => {
                    let name = extension.name;
                    let message = format!("cannot drop extension {name} because it is required by the database system");
                    return Err(Error::new(SqlState::DEPENDENT_OBJECTS_STILL_EXIST, message));
                }
                Err(error) if if_exists => {
                    self.notice(SqlState::SUCCESSFUL_COMPLETION, format!("{}, skipping", error.message));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(Ddl::Nothing { tag: "DROP EXTENSION" })
    }

    /// A missing object that IF EXISTS allows to be missing: a notice, and nothing to do.
    fn skipped(&mut self, error: Error, if_exists: bool, name: &Name, tag: &'static str) -> Result<Ddl> {
        if !if_exists || error.sqlstate() != SqlState::UNDEFINED_TABLE {
            return Err(error);
        }
        let message = format!("relation \"{}\" does not exist, skipping", name.object());
        self.notice(SqlState::SUCCESSFUL_COMPLETION, message);
        Ok(Ddl::Nothing { tag })
    }

    pub fn schema(&self, name: &Ident) -> Result<Arc<SchemaDef>> {
        self.catalog.schema_named(&name.name).cloned().ok_or_else(|| missing_schema(&name.name, name.pos))
    }

    /// A part of the statement's text in which every relation that was found by the search path is qualified, in literals of
    /// type `regclass`, too, and stars are the columns they stand for: it means the same under any other path, and when its
    /// tables get more columns. What is in `named` stands for what is at its place.
    pub fn view_text(&self, range: Range<usize>, named: Vec<(Range<usize>, String)>) -> String {
        let schemas = self.unqualified.iter().map(|(pos, schema)| (*pos..*pos, quote_identifier(schema) + "."));
        let stars = self.stars.iter().flatten().map(|(place, columns)| (place.clone(), self.listed(place, columns)));
        let mut places: Vec<_> = named.into_iter().chain(schemas).chain(stars).chain(self.named_literals()).collect();
        places.sort_by_key(|(place, _)| place.start);
        places.dedup_by_key(|(place, _)| place.start);
        let mut text = String::new();
        let mut at = range.start;
        for (place, shown) in places.iter().filter(|(place, _)| range.contains(&place.start)) {
            text.push_str(self.text.get(at..place.start).unwrap_or_default());
            text.push_str(shown);
            at = place.end;
        }
        text.push_str(self.text.get(at..range.end).unwrap_or_default());
        text.trim().to_owned()
    }

    /// The literals that name relations, with their schemas, and where they stand.
    fn named_literals(&self) -> Vec<(Range<usize>, String)> {
        let names = self.kept_names.as_deref().unwrap_or_default();
        let tokens = if names.is_empty() { Vec::new() } else { parse::tokens(self.text).unwrap_or_default().0 };
        let literal = |&(pos, relation): &(u32, u32)| {
            let at = tokens.binary_search_by_key(&pos, |token| token.start).ok()?;
            let token = tokens.get(at).filter(|token| matches!(token.tok, Tok::String(_)))?;
            let relation = self.catalog.relation(relation).filter(|it| !matches!(it, Relation::Virtual(_)))?;
            let name = qualified_name(self.catalog, relation);
            Some((token.start as usize..token.end as usize, quote_literal(&name)))
        };
        names.iter().filter_map(literal).collect()
    }

    /// What says the same as the star at this place: a list of columns, and for `TABLE` what goes with it.
    fn listed(&self, place: &Range<usize>, columns: &[String]) -> String {
        let list = columns.join(", ");
        let is_table = self.text.get(place.clone()).is_some_and(|word| word.eq_ignore_ascii_case("table"));
        if is_table { format!("SELECT {list} FROM") } else { list }
    }

    /// What gives a view's columns these names where its text lists them. `None` if its items cannot have the names, as
    /// where ORDER BY looks for those that they have.
    fn named_items(&self, query: &ast::Query, names: &[Ident]) -> Option<Vec<(Range<usize>, String)>> {
        let mut named = Vec::new();
        let mut names = names.iter().map(|name| quote_identifier(&name.name)).peekable();
        if names.peek().is_none() {
            return Some(named);
        }
        let SetExpr::Select(select) = &query.body else { return None };
        if !query.order.is_empty() || !select.group.is_empty() || matches!(select.distinct, Some(Distinct::On(_))) {
            return None;
        }
        for Target { expr, ends, .. } in &select.targets {
            match &expr.kind {
                ExprKind::Star(_) => {
                    let mut stars = self.stars.iter().flatten();
                    let (place, columns) = stars.find(|(place, _)| place.start == expr.pos as usize)?;
                    let item = |column: &String| match names.next() {
                        Some(name) => format!("{column} AS {name}"),
                        None => column.clone(),
                    };
                    let columns: Vec<String> = columns.iter().map(item).collect();
                    named.push((place.clone(), self.listed(place, &columns)));
                }
                ExprKind::FieldStar(_) => return None,
                _ => {
                    let Some(name) = names.next() else { break };
                    named.push((ends.0 as usize..ends.1 as usize, format!(" AS {name}")));
                }
            }
        }
        Some(named)
    }

    /// The schema that a new object of this name goes to.
    pub fn creation_schema(&self, name: &Name) -> Result<Arc<SchemaDef>> {
        let schema = match name.schema() {
            Some(schema) => self.schema_to_fill(schema).ok_or_else(|| missing_schema(schema, name.pos))?,
            None => self.catalog.creation_schema(&self.search_path).ok_or_else(|| {
                Error::new(SqlState::INVALID_SCHEMA_NAME, "no schema has been selected to create in").at(name.pos + 1)
            })?,
        };
        if is_others(&schema.name, &self.search_path) {
            let message = "cannot create relations in temporary schemas of other sessions";
            return Err(Error::new(SqlState::INVALID_TABLE_DEFINITION, message).at(name.pos + 1));
        }
        Ok(schema)
    }

    fn schema_to_fill(&self, name: &str) -> Option<Arc<SchemaDef>> {
        match own_temporary(&self.search_path) {
            Some(own) if name == PG_TEMP => self.catalog.schema_to_fill(own),
            _ => self.catalog.schema_named(name).cloned(),
        }
    }

    /// The schema that a new view goes to: what reads something temporary is temporary.
    ///
    /// # Errors
    /// 42P16 for such a view in a schema that stays; as [`Binder::creation_schema`].
    fn schema_of_view(&mut self, name: &Name) -> Result<Arc<SchemaDef>> {
        let schema = self.creation_schema(name)?;
        let reads_temporary = self.required.iter().any(|required| {
            let read = self.catalog.relation(required.relation);
            read.is_some_and(|read| is_temporary(&self.catalog.schema_name_of(read)))
        });
        if schema.is_temporary() || !reads_temporary {
            return Ok(schema);
        }
        let message = format!("view \"{}\" will be a temporary view", name.object());
        self.notice(SqlState::SUCCESSFUL_COMPLETION, message);
        match (name.schema(), self.schema_to_fill(PG_TEMP)) {
            (None, Some(schema)) => Ok(schema),
            _ => {
                let message = "cannot create temporary relation in non-temporary schema";
                Err(Error::new(SqlState::INVALID_TABLE_DEFINITION, message))
            }
        }
    }

    /// A relation of this kind. ALTER TABLE takes any; others only their own.
    fn relation_of(&self, name: &Name, kind: ObjectKind) -> Result<Relation> {
        let relation = self.find_relation(name).map_err(super::without_position)?;
        let fits = match (&relation, kind) {
            (_, ObjectKind::Table) => !matches!(relation, Relation::Virtual(_)),
            (Relation::View(_), ObjectKind::View)
            | (Relation::Index(_), ObjectKind::Index)
            | (Relation::Sequence(_), ObjectKind::Sequence) => true,
            _ => false,
        };
        if matches!(relation, Relation::Virtual(_)) {
            let message = format!("permission denied: \"{}\" is a system catalog", name.object());
            return Err(Error::new(SqlState::INSUFFICIENT_PRIVILEGE, message));
        }
        if fits { Ok(relation) } else { Err(wrong_kind(name, kind)) }
    }

    fn drop_objects(&mut self, kind: ObjectKind, names: &[Name], if_exists: bool, cascade: bool) -> Result<Ddl> {
        let word = kind_word(kind);
        if kind == ObjectKind::Schema {
            let mut schemas = Vec::new();
            for name in names {
                match self.catalog.schema_named(name.object()) {
                    Some(schema) => schemas.push(schema.clone()),
                    None if if_exists => {
                        let message = format!("schema \"{}\" does not exist, skipping", name.object());
                        self.notice(SqlState::SUCCESSFUL_COMPLETION, message);
                    }
                    None => return Err(super::without_position(missing_schema(name.object(), name.pos))),
                }
            }
            return Ok(if schemas.is_empty() {
                Ddl::Nothing { tag: "DROP SCHEMA" }
            } else {
                Ddl::DropSchemas { schemas, cascade }
            });
        }
        let mut relations: Vec<Relation> = Vec::new();
        for name in names {
            if let Some(schema) = name.schema()
                && self.catalog.schema_called(schema, &self.search_path).is_none()
            {
                if !if_exists {
                    return Err(super::without_position(missing_schema(schema, name.pos)));
                }
                let message = format!("schema \"{schema}\" does not exist, skipping");
                self.notice(SqlState::SUCCESSFUL_COMPLETION, message);
                continue;
            }
            self.check_schema(name).map_err(super::without_position)?;
            let found = self.catalog.find_relation(name.schema(), name.object(), &self.search_path).cloned();
            match found {
                None if if_exists => {
                    let message = format!("{word} \"{}\" does not exist, skipping", name.object());
                    self.notice(SqlState::SUCCESSFUL_COMPLETION, message);
                }
                None => {
                    let message = format!("{word} \"{}\" does not exist", name.object());
                    let state =
                        if kind == ObjectKind::Index { SqlState::UNDEFINED_OBJECT } else { SqlState::UNDEFINED_TABLE };
                    return Err(Error::new(state, message));
                }
                Some(Relation::Virtual(relation)) => {
                    let message = format!("permission denied: \"{}\" is a system catalog", relation.name);
                    return Err(Error::new(SqlState::INSUFFICIENT_PRIVILEGE, message));
                }
                Some(relation) => {
                    if relation.kind_name() != word {
                        let hint = format!(
                            "Use DROP {} to remove a {}.",
                            relation.kind_name().to_ascii_uppercase(),
                            relation.kind_name()
                        );
                        let article = if matches!(kind, ObjectKind::Index) { "an" } else { "a" };
                        let message = format!("\"{}\" is not {article} {word}", name.object());
                        return Err(Error::new(SqlState::WRONG_OBJECT_TYPE, message).hint(hint));
                    }
                    if !relations.iter().any(|known| known.oid() == relation.oid()) {
                        relations.push(relation);
                    }
                }
            }
        }
        if relations.is_empty() {
            let tag = match kind {
                ObjectKind::View => "DROP VIEW",
                ObjectKind::Index => "DROP INDEX",
                ObjectKind::Sequence => "DROP SEQUENCE",
                _ => "DROP TABLE",
            };
            return Ok(Ddl::Nothing { tag });
        }
        Ok(Ddl::DropRelations { relations, cascade })
    }

    fn alter_relation(&mut self, relation: Relation, actions: &[AlterAction], tag: &'static str) -> Result<Ddl> {
        if let [action] = actions {
            match action {
                AlterAction::Rename(name) => return Ok(Ddl::RenameRelation { relation, name: name.clone() }),
                AlterAction::SetSchema(name) => {
                    let schema = self.schema_to_fill(&name.name);
                    let schema = schema.ok_or_else(|| missing_schema(&name.name, name.pos))?;
                    return Ok(Ddl::SetSchema { schema, relation });
                }
                AlterAction::Owner(owner) => return Ok(Ddl::SetOwner { relation, owner: owner.clone() }),
                _ => {}
            }
        }
        let table = match relation {
            Relation::Table(table) => table,
            Relation::View(view) => {
                let actions = actions.iter().map(|action| self.alter_view(&view, action)).collect::<Result<_>>()?;
                return Ok(Ddl::AlterView { view, actions, tag });
            }
            Relation::Index(index) => {
                let actions = actions.iter().map(|action| alter_index(&index, action)).collect::<Result<_>>()?;
                return Ok(Ddl::AlterIndex { index, actions, tag });
            }
            _ => {
                let message = format!("\"{}\" is not a table", relation.name());
                return Err(Error::new(SqlState::WRONG_OBJECT_TYPE, message));
            }
        };
        let actions: Vec<AlterTable> = self.alter_table(&table, actions).map_err(super::without_position)?;
        Ok(Ddl::AlterTable { table, actions })
    }

    fn alter_view(&mut self, view: &ViewDef, action: &AlterAction) -> Result<AlterView> {
        match action {
            AlterAction::SetOptions(options) => Ok(AlterView::SetOptions(options.clone())),
            AlterAction::ResetOptions(names) => Ok(AlterView::ResetOptions(names.clone())),
            AlterAction::SetDefault { column, expr } => {
                let mut columns = view.columns.iter().enumerate();
                let Some((at, (name, ty))) = columns.find(|(_, (name, _))| **name == *column.name) else {
                    let message = format!("column \"{}\" of relation \"{}\" does not exist", column.name, view.name);
                    return Err(Error::new(SqlState::UNDEFINED_COLUMN, message));
                };
                let text = match expr {
                    Some(expr) => self.default_text(expr, *ty, name).map_err(super::without_position)?,
                    None => None,
                };
                Ok(AlterView::SetDefault { column: at, text })
            }
            _ => Err(only_for_tables(action, &view.name, ("VIEW", "views"))),
        }
    }

    fn create_index(&mut self, index: &ast::CreateIndex) -> Result<CreateIndex> {
        let table = match self.find_relation(&index.table).map_err(super::without_position)? {
            Relation::Table(table) => table,
            Relation::Virtual(_) => self.find_table(&index.table)?,
            _ => {
                let message = format!("cannot create index on relation \"{}\"", index.table.object());
                return Err(Error::new(SqlState::WRONG_OBJECT_TYPE, message));
            }
        };
        let mut columns = Vec::with_capacity(index.columns.len());
        for element in &index.columns {
            let name = match &element.expr.kind {
                ExprKind::Column(parts) if parts.len() == 1 => parts[0].clone(),
                // A collation that orders by bytes is the order we have.
                ExprKind::Collate { arg, collation } if matches!(collation.object(), "C" | "POSIX" | "default") => {
                    match &arg.kind {
                        ExprKind::Column(parts) if parts.len() == 1 => parts[0].clone(),
                        _ => return Err(Error::unsupported("index on an expression").at(element.expr.pos + 1)),
                    }
                }
                ExprKind::Collate { collation, .. } => {
                    return Err(Error::unsupported(format!("collation \"{}\" in an index", collation.shown()))
                        .at(element.expr.pos + 1));
                }
                _ => return Err(Error::unsupported("index on an expression").at(element.expr.pos + 1)),
            };
            let Some(column) = table.column_named(&name) else {
                return Err(Error::new(SqlState::UNDEFINED_COLUMN, format!("column \"{name}\" does not exist")));
            };
            let ty = table.columns[column].ty;
            let operator_class = match &element.operator_class {
                Some(class) => self.operator_class(class, ty)?,
                None => None,
            };
            indexable(ty)?;
            let descending = element.descending;
            let nulls_first = element.nulls_first.unwrap_or(descending);
            columns.push(IndexColumn { column, descending, nulls_first, operator_class });
        }
        if columns.len() > 32 {
            return Err(Error::new(SqlState::TOO_MANY_COLUMNS, "cannot use more than 32 columns in an index"));
        }
        let predicate = index.predicate.as_ref().map(|expr| self.index_predicate(expr, &table)).transpose()?;
        Ok(CreateIndex {
            table,
            name: index.name.clone(),
            concurrently: index.concurrently,
            if_not_exists: index.if_not_exists,
            index: IndexSpec { unique: index.unique, columns, options: index.options.clone(), predicate },
        })
    }

    /// The operator class of a column that an index names: `None` if it is the default of the column's type.
    fn operator_class(&self, class: &Name, ty: SqlType) -> Result<Option<u32>> {
        let is_here = class.schema().is_none_or(|schema| schema == "pg_catalog");
        if let Some(schema) = class.schema()
            && self.catalog.schema_named(schema).is_none()
        {
            return Err(Error::new(SqlState::INVALID_SCHEMA_NAME, format!("schema \"{schema}\" does not exist")));
        }
        let (name, shown) = (class.object(), class.shown());
        if is_here && name == operator_class(ty).1 {
            return Ok(None);
        }
        let mut others = OTHER_OPERATOR_CLASSES.iter();
        if is_here && let Some(found) = others.find(|it| it.1 == name && class_accepts(it.2, ty)) {
            return Ok(Some(found.0));
        }
        if is_here && OPERATOR_CLASSES.iter().chain(OTHER_OPERATOR_CLASSES).any(|it| it.1 == name) {
            return Err(class_refused(&shown, ty));
        }
        let message = format!("operator class \"{shown}\" does not exist for access method \"btree\"");
        Err(Error::new(SqlState::UNDEFINED_OBJECT, message))
    }

    pub fn sequence_options(&mut self, options: &[SequenceOption]) -> Result<SequenceOptions> {
        let mut bound = SequenceOptions::default();
        for option in options {
            let repeated = match option {
                SequenceOption::As(ty) => {
                    let ty = self.type_name(ty)?;
                    if !ty.is_integer() {
                        let message = "sequence type must be smallint, integer, or bigint";
                        return Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, message));
                    }
                    bound.data_type.replace(ty).is_some()
                }
                SequenceOption::Increment(value) => {
                    if *value == 0 {
                        return Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, "INCREMENT must not be zero"));
                    }
                    bound.increment.replace(*value).is_some()
                }
                SequenceOption::Min(value) => bound.min.replace(*value).is_some(),
                SequenceOption::Max(value) => bound.max.replace(*value).is_some(),
                SequenceOption::Start(value) => bound.start.replace(*value).is_some(),
                SequenceOption::Restart(value) => bound.restart.replace(*value).is_some(),
                SequenceOption::Cache(value) => {
                    if *value <= 0 {
                        let message = format!("CACHE ({value}) must be greater than zero");
                        return Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, message));
                    }
                    bound.cache.replace(*value).is_some()
                }
                SequenceOption::Cycle(value) => bound.cycle.replace(*value).is_some(),
                SequenceOption::OwnedBy(None) => bound.owned_by.replace(None).is_some(),
                SequenceOption::OwnedBy(Some(name)) => {
                    let [table @ .., column] = name.parts.as_slice() else { continue };
                    if table.is_empty() {
                        return Err(Error::new(SqlState::SYNTAX_ERROR, "invalid OWNED BY option")
                            .hint("Specify OWNED BY table.column or OWNED BY NONE."));
                    }
                    let table = self.find_table(&Name { parts: table.to_vec(), pos: name.pos })?;
                    let at = table.column_named(column).ok_or_else(|| {
                        let message = format!("column \"{column}\" of relation \"{}\" does not exist", table.name);
                        Error::new(SqlState::UNDEFINED_COLUMN, message)
                    })?;
                    bound.owned_by.replace(Some((table.oid, at))).is_some()
                }
                SequenceOption::Name(name) => bound.name.replace(name.object().to_owned()).is_some(),
            };
            if repeated {
                return Err(Error::new(SqlState::SYNTAX_ERROR, "conflicting or redundant options"));
            }
        }
        Ok(bound)
    }

    fn grant(&mut self, grant: &ast::Grant) -> Result<Grant> {
        let on = match &grant.on {
            ast::GrantTarget::Relations(names) => GrantTarget::Relations(self.granted(names)?),
            ast::GrantTarget::Sequences(names) => GrantTarget::Sequences(self.granted(names)?),
            ast::GrantTarget::AllTablesIn(schemas) => GrantTarget::AllTablesIn(self.searched(schemas)?),
            ast::GrantTarget::AllSequencesIn(schemas) => GrantTarget::AllSequencesIn(self.searched(schemas)?),
            ast::GrantTarget::Schemas(schemas) => GrantTarget::Schemas(self.schemas(schemas)?),
            ast::GrantTarget::Databases(names) => GrantTarget::Databases(names.clone()),
            ast::GrantTarget::Roles(names) => GrantTarget::Roles(names.clone()),
            ast::GrantTarget::Other(what) => GrantTarget::Other(what.clone()),
        };
        Ok(Grant {
            revoke: grant.revoke,
            privileges: grant.privileges.clone(),
            on,
            grantees: grant.grantees.clone(),
            grant_option: grant.grant_option,
            grantor: grant.grantor.clone(),
            cascade: grant.cascade,
        })
    }

    fn granted(&self, names: &[Name]) -> Result<Vec<Relation>> {
        names.iter().map(|name| self.find_relation(name).map_err(super::without_position)).collect()
    }

    /// The schemas with these names, for what is inside.
    fn searched(&self, names: &[Ident]) -> Result<Vec<Arc<SchemaDef>>> {
        let schemas = self.schemas(names)?;
        schemas.iter().try_for_each(|schema| self.check_usable(schema))?;
        Ok(schemas)
    }

    fn schemas(&self, names: &[Ident]) -> Result<Vec<Arc<SchemaDef>>> {
        names.iter().map(|name| self.schema(name).map_err(super::without_position)).collect()
    }

    fn comment(&mut self, kind: ObjectKind, name: &Name, text: Option<String>) -> Result<Ddl> {
        if kind == ObjectKind::Column {
            let [table @ .., column] = name.parts.as_slice() else {
                return Err(Error::new(SqlState::SYNTAX_ERROR, "column name must be qualified"));
            };
            if table.is_empty() {
                return Err(Error::new(SqlState::SYNTAX_ERROR, "column name must be qualified"));
            }
            let table = self.find_table(&Name { parts: table.to_vec(), pos: name.pos })?;
            let at = table.column_named(column).ok_or_else(|| {
                let message = format!("column \"{column}\" of relation \"{}\" does not exist", table.name);
                Error::new(SqlState::UNDEFINED_COLUMN, message)
            })?;
            return Ok(Ddl::Comment {
                kind: DropKind::Column,
                relation: Relation::Table(table),
                column: Some(at),
                text,
            });
        }
        if let (ObjectKind::Schema, [schema]) = (kind, name.parts.as_slice()) {
            let schema =
                self.schema(&Ident { name: schema.clone(), pos: name.pos }).map_err(super::without_position)?;
            return Ok(Ddl::CommentSchema { schema, text });
        }
        if kind == ObjectKind::Extension {
            return Ok(Ddl::CommentExtension { extension: extension_named(name.object())?, text });
        }
        let shown = match kind {
            ObjectKind::Table => DropKind::Table,
            ObjectKind::View => DropKind::View,
            ObjectKind::Index => DropKind::Index,
            ObjectKind::Sequence => DropKind::Sequence,
            _ => return Err(Error::unsupported(format!("COMMENT ON {}", kind_word(kind).to_ascii_uppercase()))),
        };
        let relation = self.find_relation(name).map_err(super::without_position)?;
        if relation.kind_name() != kind_word(kind) {
            return Err(wrong_kind(name, kind));
        }
        Ok(Ddl::Comment { kind: shown, relation, column: None, text })
    }

    /// The text of an expression as the catalog keeps it: over the columns of a table, unqualified.
    /// Its literals are written so that they are read alike in every style.
    pub fn kept_text(&self, expr: &Expr, fields: &[crate::bound::Field]) -> String {
        let mut settings = Settings { styles: Styles::default(), ..self.settings.clone() };
        settings.reg_names = settings.reg_names.map(|names| {
            let kept: Arc<dyn RegNames> = Arc::new(KeptNames { names, catalog: self.catalog.clone() });
            kept
        });
        let names = crate::bound::deparse::Names { fields, frames: &[], qualified: false, settings: &settings };
        crate::bound::deparse::deparse(expr, &names)
    }
}

/// Names as they are found by every session: those of relations have their schemas.
struct KeptNames {
    names: Arc<dyn RegNames>,
    catalog: Arc<CatalogSnapshot>,
}

impl RegNames for KeptNames {
    fn name_of(&self, reg_type: u32, number: u32) -> Option<String> {
        match self.catalog.relation(number) {
            Some(relation) if reg_type == oid::REGCLASS => Some(qualified_name(&self.catalog, relation)),
            _ => self.names.name_of(reg_type, number),
        }
    }

    fn oid_of(&self, reg_type: u32, name: &str) -> Result<u32> {
        self.names.oid_of(reg_type, name)
    }
}

pub(super) fn missing_schema(name: &str, pos: u32) -> Error {
    Error::new(SqlState::INVALID_SCHEMA_NAME, format!("schema \"{name}\" does not exist")).at(pos + 1)
}

/// # Errors
/// 42704 there is none with this name.
fn extension_named(name: &str) -> Result<&'static Extension> {
    let missing = || Error::new(SqlState::UNDEFINED_OBJECT, format!("extension \"{name}\" does not exist"));
    extension::named(name).ok_or_else(missing)
}

fn alter_tag(kind: ObjectKind) -> &'static str {
    match kind {
        ObjectKind::View => "ALTER VIEW",
        ObjectKind::Index => "ALTER INDEX",
        ObjectKind::Sequence => "ALTER SEQUENCE",
        _ => "ALTER TABLE",
    }
}

fn kind_word(kind: ObjectKind) -> &'static str {
    match kind {
        ObjectKind::Table => "table",
        ObjectKind::View => "view",
        ObjectKind::Index => "index",
        ObjectKind::Sequence => "sequence",
        ObjectKind::Schema => "schema",
        ObjectKind::Column => "column",
        ObjectKind::Database => "database",
        ObjectKind::Role => "role",
        ObjectKind::Extension => "extension",
    }
}

fn wrong_kind(name: &Name, kind: ObjectKind) -> Error {
    let article = if kind == ObjectKind::Index { "an" } else { "a" };
    let message = format!("\"{}\" is not {article} {}", name.object(), kind_word(kind));
    Error::new(SqlState::WRONG_OBJECT_TYPE, message)
}

/// Output columns under the names of a list.
fn renamed(mut outputs: Vec<ResultColumn>, names: &[Ident], what: &str) -> Result<Vec<ResultColumn>> {
    if names.len() > outputs.len() {
        let message = if what == "CREATE VIEW" {
            "CREATE VIEW specifies more column names than columns"
        } else {
            "too many column names were specified"
        };
        return Err(Error::new(SqlState::SYNTAX_ERROR, message));
    }
    for (column, name) in outputs.iter_mut().zip(names) {
        column.name = Arc::from(name.name.as_str());
    }
    Ok(outputs)
}

/// Types that have an order, and so can be in a key.
///
/// # Errors
/// 42704 the type has none.
pub(crate) fn indexable(ty: SqlType) -> Result<()> {
    if matches!(ty.oid, oid::JSON | oid::XID | oid::CID | oid::ACLITEM | oid::PG_NODE_TREE) {
        let message = format!("data type {ty} has no default operator class for access method \"btree\"");
        return Err(Error::new(SqlState::UNDEFINED_OBJECT, message).hint(
            "You must specify an operator class for the index or define a default operator class for the data type.",
        ));
    }
    Ok(())
}

fn alter_index(index: &IndexDef, action: &AlterAction) -> Result<AlterIndex> {
    match action {
        AlterAction::SetOptions(options) => Ok(AlterIndex::SetOptions(options.clone())),
        AlterAction::ResetOptions(names) => Ok(AlterIndex::ResetOptions(names.clone())),
        _ => Err(only_for_tables(action, &index.name, ("INDEX", "indexes"))),
    }
}

/// The error of an action of ALTER TABLE on a relation of another kind.
fn only_for_tables(action: &AlterAction, name: &str, (kind, kinds): (&str, &str)) -> Error {
    let refused = match action {
        AlterAction::AddColumn { .. } => "ADD COLUMN",
        AlterAction::DropColumn { .. } => "DROP COLUMN",
        AlterAction::SetNotNull { not_null: true, .. } => "ALTER COLUMN ... SET NOT NULL",
        AlterAction::SetNotNull { .. } => "ALTER COLUMN ... DROP NOT NULL",
        AlterAction::SetType { .. } => "ALTER COLUMN ... SET DATA TYPE",
        AlterAction::AddConstraint(_) => "ADD CONSTRAINT",
        AlterAction::DropConstraint { .. } => "DROP CONSTRAINT",
        _ => return Error::unsupported(format!("this form of ALTER {kind}")),
    };
    let message = format!("ALTER action {refused} cannot be performed on relation \"{name}\"");
    Error::new(SqlState::WRONG_OBJECT_TYPE, message).detail(format!("This operation is not supported for {kinds}."))
}

//! [`CatalogSnapshot`]: everything one database holds at one snapshot, ready for lookups by name and by oid.
//!
//! Immutable once built. Names are looked up schema by schema along the search path; `pg_catalog` is searched first
//! unless the path names it, as in PostgreSQL.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use protocol::Lsn;

use super::constraint::ConstraintDef;
use super::database::DatabaseDef;
use super::index::IndexDef;
use super::relation::{Relation, VirtualRelation};
use super::role::RoleDef;
use super::schema::{self, PG_TEMP, SchemaDef};
use super::sequence::SequenceDef;
use super::table::TableDef;
use super::view::ViewDef;
use super::well_known;

/// COMMENT ON: the object is (catalog's oid, object's oid, column or 0).
#[derive(Clone, Debug)]
pub struct Comment {
    pub class: u32,
    pub object: u32,
    pub column: i32,
    pub text: Arc<str>,
}

#[derive(Clone, Debug, Default)]
pub struct CatalogSnapshot {
    /// Rises with every committed DDL statement; private snapshots of a transaction with DDL have numbers of their own
    /// above 2^63.
    pub version: u64,
    /// Oid of the database.
    pub database: u32,
    /// The highest commit LSN among what was read: it must be durable before a client is told of anything in here.
    pub observed: Lsn,
    pub(super) schemas: BTreeMap<u32, Arc<SchemaDef>>,
    pub(super) schemas_by_name: HashMap<Arc<str>, u32>,
    pub(super) relations: BTreeMap<u32, Relation>,
    pub(super) relations_by_name: HashMap<(u32, Arc<str>), u32>,
    pub(super) constraints: BTreeMap<u32, Arc<ConstraintDef>>,
    pub(super) roles: BTreeMap<u32, Arc<RoleDef>>,
    pub(super) roles_by_name: HashMap<Arc<str>, u32>,
    pub(super) databases: BTreeMap<u32, Arc<DatabaseDef>>,
    pub(super) comments: Vec<Comment>,
}

impl CatalogSnapshot {
    pub fn schema(&self, oid: u32) -> Option<&Arc<SchemaDef>> {
        self.schemas.get(&oid)
    }

    pub fn schema_named(&self, name: &str) -> Option<&Arc<SchemaDef>> {
        self.schemas.get(self.schemas_by_name.get(name)?)
    }

    /// The schema that a session with this search path calls so: `pg_temp` is its own.
    pub fn schema_called(&self, name: &str, search_path: &[Arc<str>]) -> Option<&Arc<SchemaDef>> {
        let own = schema::own_temporary(search_path).filter(|_| name == PG_TEMP);
        self.schema_named(own.map_or(name, |own| &**own))
    }

    pub fn schemas(&self) -> impl Iterator<Item = &Arc<SchemaDef>> {
        self.schemas.values()
    }

    /// The relation with this oid, virtual ones included.
    pub fn relation(&self, oid: u32) -> Option<&Relation> {
        self.relations.get(&oid)
    }

    /// The relation with this name in this schema.
    pub fn relation_in(&self, schema: u32, name: &str) -> Option<&Relation> {
        // The key owns its name; a lookup is rare (plans are cached), so the copy does not matter.
        let oid = self.relations_by_name.get(&(schema, Arc::from(name)))?;
        self.relations.get(oid)
    }

    /// Looks a relation up: in `schema` if it is given, else along the search path. `None` if there is none; whether
    /// the schema exists is the caller's question.
    pub fn find_relation(&self, schema: Option<&str>, name: &str, search_path: &[Arc<str>]) -> Option<&Relation> {
        if let Some(schema) = schema {
            return self.relation_in(self.schema_called(schema, search_path)?.oid, name);
        }
        self.search_schemas(search_path).find_map(|schema| self.relation_in(schema, name))
    }

    /// The oids of the schemas that unqualified names are searched in, in order: `pg_catalog` first unless the path
    /// names it; names of schemas that do not exist are skipped.
    pub fn search_schemas<'a>(&'a self, search_path: &'a [Arc<str>]) -> impl Iterator<Item = u32> + 'a {
        let named = search_path.iter().any(|name| &**name == "pg_catalog");
        let implicit = (!named).then_some(well_known::PG_CATALOG);
        implicit.into_iter().chain(search_path.iter().filter_map(|name| self.schemas_by_name.get(name).copied()))
    }

    /// The schema that new objects without a schema go to: the first that the path names, exists and is not `pg_catalog`.
    pub fn creation_schema(&self, search_path: &[Arc<str>]) -> Option<Arc<SchemaDef>> {
        let mut named = schema::named_part(search_path).iter().filter(|name| &***name != "pg_catalog");
        named.find_map(|name| self.schema_to_fill(name))
    }

    /// The schema with this name. That of a session's temporary objects need not be there yet.
    pub fn schema_to_fill(&self, name: &str) -> Option<Arc<SchemaDef>> {
        self.schema_named(name).cloned().or_else(|| SchemaDef::temporary(name).map(Arc::new))
    }

    /// Whether an unqualified `name` finds exactly the relation with this oid.
    pub fn is_visible(&self, oid: u32, search_path: &[Arc<str>]) -> bool {
        let Some(relation) = self.relation(oid) else { return false };
        self.find_relation(None, relation.name(), search_path).is_some_and(|found| found.oid() == oid)
    }

    /// The oid of the schema that a relation belongs to.
    pub fn schema_of(&self, relation: &Relation) -> u32 {
        match relation {
            Relation::Table(table) => table.schema,
            Relation::View(view) => view.schema,
            Relation::Index(index) => index.schema,
            Relation::Sequence(sequence) => sequence.schema,
            Relation::Virtual(relation) => self.schema_named(relation.schema).map_or(0, |schema| schema.oid),
        }
    }

    /// The name of the schema that a relation belongs to.
    pub fn schema_name_of(&self, relation: &Relation) -> Arc<str> {
        self.schema(self.schema_of(relation)).map_or_else(|| Arc::from(""), |schema| schema.name.clone())
    }

    /// Every relation by oid, virtual ones included.
    pub fn relations(&self) -> impl Iterator<Item = &Relation> {
        self.relations.values()
    }

    pub fn table(&self, oid: u32) -> Option<&Arc<TableDef>> {
        match self.relation(oid)? {
            Relation::Table(table) => Some(table),
            _ => None,
        }
    }

    pub fn view(&self, oid: u32) -> Option<&Arc<ViewDef>> {
        match self.relation(oid)? {
            Relation::View(view) => Some(view),
            _ => None,
        }
    }

    pub fn index(&self, oid: u32) -> Option<&Arc<IndexDef>> {
        match self.relation(oid)? {
            Relation::Index(index) => Some(index),
            _ => None,
        }
    }

    pub fn sequence(&self, oid: u32) -> Option<&Arc<SequenceDef>> {
        match self.relation(oid)? {
            Relation::Sequence(sequence) => Some(sequence),
            _ => None,
        }
    }

    pub fn virtual_relation(&self, oid: u32) -> Option<&'static VirtualRelation> {
        match self.relation(oid)? {
            Relation::Virtual(relation) => Some(relation),
            _ => None,
        }
    }

    pub fn tables(&self) -> impl Iterator<Item = &Arc<TableDef>> {
        self.relations.values().filter_map(|relation| match relation {
            Relation::Table(table) => Some(table),
            _ => None,
        })
    }

    pub fn constraint(&self, oid: u32) -> Option<&Arc<ConstraintDef>> {
        self.constraints.get(&oid)
    }

    pub fn constraints(&self) -> impl Iterator<Item = &Arc<ConstraintDef>> {
        self.constraints.values()
    }

    pub fn role(&self, oid: u32) -> Option<&Arc<RoleDef>> {
        self.roles.get(&oid)
    }

    pub fn role_named(&self, name: &str) -> Option<&Arc<RoleDef>> {
        self.roles.get(self.roles_by_name.get(name)?)
    }

    pub fn roles(&self) -> impl Iterator<Item = &Arc<RoleDef>> {
        self.roles.values()
    }

    pub fn database(&self, oid: u32) -> Option<&Arc<DatabaseDef>> {
        self.databases.get(&oid)
    }

    pub fn database_named(&self, name: &str) -> Option<&Arc<DatabaseDef>> {
        self.databases.values().find(|database| &*database.name == name)
    }

    pub fn databases(&self) -> impl Iterator<Item = &Arc<DatabaseDef>> {
        self.databases.values()
    }

    pub fn comment(&self, class: u32, object: u32, column: i32) -> Option<&Arc<str>> {
        self.comments
            .iter()
            .find(|comment| (comment.class, comment.object, comment.column) == (class, object, column))
            .map(|comment| &comment.text)
    }

    pub fn comments(&self) -> &[Comment] {
        &self.comments
    }
}

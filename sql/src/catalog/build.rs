//! Putting a [`CatalogSnapshot`] together from definitions.

use std::collections::HashMap;
use std::sync::Arc;

use super::acl::{AclItem, Privileges};
use super::codec::Object;
use super::constraint::{ConstraintDef, ConstraintKind};
use super::database::DatabaseDef;
use super::index::IndexDef;
use super::relation::Relation;
use super::role::RoleDef;
use super::schema::SchemaDef;
use super::snapshot::CatalogSnapshot;
use super::table::TableDef;
use super::{system, well_known};

/// Builds a snapshot of `database` from the rows that a scan found, in any order.
pub(crate) fn snapshot(version: u64, database: u32, objects: impl IntoIterator<Item = Object>) -> CatalogSnapshot {
    let mut snapshot = CatalogSnapshot { version, database, ..CatalogSnapshot::default() };
    let mut tables: Vec<TableDef> = Vec::new();
    let mut indexes: HashMap<u32, Vec<Arc<IndexDef>>> = HashMap::new();
    let mut constraints: HashMap<u32, Vec<Arc<ConstraintDef>>> = HashMap::new();
    let mut references: HashMap<u32, Vec<Arc<ConstraintDef>>> = HashMap::new();
    let mut views = Vec::new();
    let mut sequences = Vec::new();
    for object in objects {
        match object {
            Object::Schema(stored) => {
                snapshot.schemas_by_name.insert(stored.name.clone(), stored.oid);
                let schema = shown(stored);
                if schema.oid == well_known::REDOUBT {
                    for name in ["redoubt", REDOUBT_SHOWN] {
                        snapshot.schemas_by_name.insert(Arc::from(name), schema.oid);
                    }
                }
                snapshot.schemas.insert(schema.oid, Arc::new(schema));
            }
            Object::Table(table) => tables.push(*table),
            Object::Index(index) => indexes.entry(index.table).or_default().push(Arc::new(index)),
            Object::Constraint(constraint) => {
                let constraint = Arc::new(constraint);
                if let ConstraintKind::Foreign(foreign) = &constraint.kind {
                    references.entry(foreign.parent).or_default().push(constraint.clone());
                }
                snapshot.constraints.insert(constraint.oid, constraint.clone());
                constraints.entry(constraint.table).or_default().push(constraint);
            }
            Object::View(view) => views.push(view),
            Object::Sequence(sequence) => sequences.push(sequence),
            Object::Role(role) => {
                snapshot.roles_by_name.insert(role.name.clone(), role.oid);
                snapshot.roles.insert(role.oid, Arc::new(role));
            }
            Object::Database(found) => {
                snapshot.databases.insert(found.oid, Arc::new(found));
            }
            Object::Comment(comment) => snapshot.comments.push(comment),
            Object::Counter(_) => {}
        }
    }
    let schema_name = |schemas: &std::collections::BTreeMap<u32, Arc<SchemaDef>>, oid: u32| -> Arc<str> {
        schemas.get(&oid).map_or_else(|| Arc::from(""), |schema| schema.name.clone())
    };
    for mut table in tables {
        table.schema_name = schema_name(&snapshot.schemas, table.schema);
        table.indexes = indexes.remove(&table.oid).unwrap_or_default();
        table.indexes.sort_by_key(|index| index.oid);
        table.constraints = constraints.remove(&table.oid).unwrap_or_default();
        table.constraints.sort_by(|a, b| a.name.cmp(&b.name));
        table.referenced_by = references.remove(&table.oid).unwrap_or_default();
        table.referenced_by.sort_by_key(|constraint| constraint.oid);
        for index in &table.indexes {
            snapshot.add(index.schema, Relation::Index(index.clone()));
        }
        snapshot.add(table.schema, Relation::Table(Arc::new(table)));
    }
    for mut view in views {
        view.schema_name = schema_name(&snapshot.schemas, view.schema);
        snapshot.add(view.schema, Relation::View(Arc::new(view)));
    }
    for mut sequence in sequences {
        sequence.schema_name = schema_name(&snapshot.schemas, sequence.schema);
        snapshot.add(sequence.schema, Relation::Sequence(Arc::new(sequence)));
    }
    for relation in system::relations() {
        if let Some(schema) = snapshot.schemas_by_name.get(relation.schema).copied() {
            snapshot.add(schema, Relation::Virtual(relation));
        }
    }
    snapshot
}

/// A schema as a snapshot has it: our own has another name than old volumes store.
pub(super) fn shown(stored: SchemaDef) -> SchemaDef {
    match stored.oid {
        well_known::REDOUBT => SchemaDef { name: Arc::from(REDOUBT_SHOWN), ..stored },
        _ => stored,
    }
}

impl CatalogSnapshot {
    fn add(&mut self, schema: u32, relation: Relation) {
        self.relations_by_name.insert((schema, Arc::from(relation.name())), relation.oid());
        self.relations.insert(relation.oid(), relation);
    }
}

/// The shared objects of a new volume: roles and databases.
pub(crate) fn initial_shared() -> Vec<Object> {
    let mut objects = Vec::new();
    for (oid, name) in PREDEFINED_ROLES {
        let superuser = *oid == well_known::POSTGRES_ROLE;
        objects.push(Object::Role(RoleDef {
            oid: *oid,
            name: Arc::from(*name),
            superuser,
            inherit: true,
            create_role: superuser,
            create_database: superuser,
            login: superuser,
            replication: superuser,
            bypass_row_security: superuser,
            connection_limit: -1,
            password: None,
            valid_until: None,
            member_of: match *name {
                "pg_monitor" => vec![well_known::PG_READ_ALL_SETTINGS, well_known::PG_READ_ALL_STATS, 3377],
                _ => Vec::new(),
            },
            admin_of: Vec::new(),
            settings: Vec::new(),
        }));
    }
    let databases = [
        (well_known::TEMPLATE1, "template1", true, true),
        (well_known::TEMPLATE0, "template0", true, false),
        (well_known::POSTGRES_DATABASE, "postgres", false, true),
    ];
    for (oid, name, is_template, allow_connections) in databases {
        let everything = AclItem {
            grantee: well_known::POSTGRES_ROLE,
            grantor: well_known::POSTGRES_ROLE,
            privileges: Privileges::ALL_DATABASE,
            grantable: Privileges::NONE,
        };
        let connect = AclItem { grantee: 0, privileges: Privileges::CONNECT, ..everything };
        objects.push(Object::Database(DatabaseDef {
            oid,
            name: Arc::from(name),
            owner: well_known::POSTGRES_ROLE,
            acl: is_template.then(|| Arc::from([connect, everything])),
            is_template,
            allow_connections,
            connection_limit: -1,
            settings: Vec::new(),
        }));
    }
    objects
}

/// The name under which clients see our own schema: that of a system's, which they hide. It is found as `redoubt`, too.
const REDOUBT_SHOWN: &str = "pg_redoubt";

/// The schemas that every database has from the start.
pub(crate) fn initial_schemas() -> Vec<SchemaDef> {
    let item = |grantee, grantor, privileges| AclItem { grantee, grantor, privileges, grantable: Privileges::NONE };
    let superuser = well_known::POSTGRES_ROLE;
    let owner = well_known::PG_DATABASE_OWNER;
    let readable: Arc<[AclItem]> =
        Arc::from([item(superuser, superuser, Privileges::ALL_SCHEMA), item(0, superuser, Privileges::USAGE)]);
    let public: Arc<[AclItem]> =
        Arc::from([item(owner, owner, Privileges::ALL_SCHEMA), item(0, owner, Privileges::USAGE)]);
    let schema = |oid, name: &str, owner, acl| SchemaDef { oid, name: Arc::from(name), owner, acl };
    vec![
        schema(well_known::PG_CATALOG, "pg_catalog", superuser, Some(readable.clone())),
        schema(well_known::PG_TOAST, "pg_toast", superuser, None),
        schema(well_known::PUBLIC, "public", owner, Some(public)),
        schema(well_known::INFORMATION_SCHEMA, "information_schema", superuser, Some(readable.clone())),
        schema(well_known::REDOUBT, REDOUBT_SHOWN, superuser, Some(readable)),
    ]
}

const PREDEFINED_ROLES: &[(u32, &str)] = &[
    (well_known::POSTGRES_ROLE, "postgres"),
    (well_known::PG_DATABASE_OWNER, "pg_database_owner"),
    (well_known::PG_READ_ALL_DATA, "pg_read_all_data"),
    (well_known::PG_WRITE_ALL_DATA, "pg_write_all_data"),
    (3373, "pg_monitor"),
    (well_known::PG_READ_ALL_SETTINGS, "pg_read_all_settings"),
    (well_known::PG_READ_ALL_STATS, "pg_read_all_stats"),
    (3377, "pg_stat_scan_tables"),
    (4569, "pg_read_server_files"),
    (4570, "pg_write_server_files"),
    (4571, "pg_execute_server_program"),
    (well_known::PG_SIGNAL_BACKEND, "pg_signal_backend"),
    (well_known::PG_CHECKPOINT, "pg_checkpoint"),
];

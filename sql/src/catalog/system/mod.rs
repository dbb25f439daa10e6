//! The system relations: `pg_catalog` and `information_schema` as tables that any query can join.
//!
//! Their columns are PostgreSQL's; their rows are made from a catalog snapshot whenever they are scanned. Relations of
//! things we do not have are there and empty, because clients look into them.

mod activity;
mod columns;
mod extensions;
mod information;
mod locks;
mod privileges;
mod relations;
mod replication;
mod row;
mod shared;
mod storage;
mod type_rows;
mod views;

use crate::catalog::{VirtualColumn, VirtualRelation, VirtualSource, well_known};
use types::{Datum, Result};

/// Every system relation.
pub(crate) fn relations() -> &'static [VirtualRelation] {
    RELATIONS
}

type Rows = fn(&VirtualSource<'_>) -> Result<Vec<Vec<Datum>>>;

fn empty(_: &VirtualSource<'_>) -> Result<Vec<Vec<Datum>>> {
    Ok(Vec::new())
}

const fn catalog(
    oid: u32,
    name: &'static str,
    kind: u8,
    columns: &'static [VirtualColumn],
    rows: Rows,
) -> VirtualRelation {
    VirtualRelation { oid, schema: "pg_catalog", name, kind, columns, rows }
}

const fn standard(
    oid: u32,
    name: &'static str,
    kind: u8,
    columns: &'static [VirtualColumn],
    rows: Rows,
) -> VirtualRelation {
    VirtualRelation { oid, schema: "information_schema", name, kind, columns, rows }
}

const fn own(oid: u32, name: &'static str, columns: &'static [VirtualColumn], rows: Rows) -> VirtualRelation {
    VirtualRelation { oid, schema: "redoubt", name, kind: b'v', columns, rows }
}

/// Relations that are called as functions, too: those of other systems are functions.
pub(crate) fn is_called(relation: &VirtualRelation) -> bool {
    relation.schema == "redoubt" || relation.name == "aurora_replica_status"
}

static RELATIONS: &[VirtualRelation] = &[
    catalog(2_600, "pg_aggregate", b'r', columns::PG_AGGREGATE, type_rows::pg_aggregate),
    catalog(2_601, "pg_am", b'r', columns::PG_AM, type_rows::pg_am),
    catalog(13_601, "aurora_replica_status", b'v', columns::AURORA_REPLICA_STATUS, replication::aurora_replica_status),
    own(13_602, "replica_status", columns::REPLICA_STATUS, replication::replica_status),
    own(13_603, "failovers", columns::FAILOVERS, replication::failovers),
    own(13_604, "storage_nodes", columns::STORAGE_NODES, storage::storage_nodes),
    own(13_605, "protection_groups", columns::PROTECTION_GROUPS, storage::protection_groups),
    catalog(2_602, "pg_amop", b'r', columns::PG_AMOP, empty),
    catalog(2_603, "pg_amproc", b'r', columns::PG_AMPROC, empty),
    catalog(2_604, "pg_attrdef", b'r', columns::PG_ATTRDEF, relations::pg_attrdef),
    catalog(1_249, "pg_attribute", b'r', columns::PG_ATTRIBUTE, relations::pg_attribute),
    catalog(1_261, "pg_auth_members", b'r', columns::PG_AUTH_MEMBERS, shared::pg_auth_members),
    catalog(1_260, "pg_authid", b'r', columns::PG_AUTHID, shared::pg_authid),
    catalog(
        12_081,
        "pg_available_extensions",
        b'v',
        columns::PG_AVAILABLE_EXTENSIONS,
        extensions::pg_available_extensions,
    ),
    catalog(
        12_085,
        "pg_available_extension_versions",
        b'v',
        columns::PG_AVAILABLE_EXTENSION_VERSIONS,
        extensions::pg_available_extension_versions,
    ),
    catalog(2_605, "pg_cast", b'r', columns::PG_CAST, type_rows::pg_cast),
    catalog(1_259, "pg_class", b'r', columns::PG_CLASS, relations::pg_class),
    catalog(3_456, "pg_collation", b'r', columns::PG_COLLATION, type_rows::pg_collation),
    catalog(2_606, "pg_constraint", b'r', columns::PG_CONSTRAINT, relations::pg_constraint),
    catalog(2_607, "pg_conversion", b'r', columns::PG_CONVERSION, empty),
    catalog(12_077, "pg_cursors", b'v', columns::PG_CURSORS, activity::pg_cursors),
    catalog(1_262, "pg_database", b'r', columns::PG_DATABASE, shared::pg_database),
    catalog(2_964, "pg_db_role_setting", b'r', columns::PG_DB_ROLE_SETTING, shared::pg_db_role_setting),
    catalog(826, "pg_default_acl", b'r', columns::PG_DEFAULT_ACL, empty),
    catalog(2_608, "pg_depend", b'r', columns::PG_DEPEND, relations::pg_depend),
    catalog(2_609, "pg_description", b'r', columns::PG_DESCRIPTION, relations::pg_description),
    catalog(3_501, "pg_enum", b'r', columns::PG_ENUM, empty),
    catalog(3_466, "pg_event_trigger", b'r', columns::PG_EVENT_TRIGGER, empty),
    catalog(3_079, "pg_extension", b'r', columns::PG_EXTENSION, extensions::pg_extension),
    catalog(2_328, "pg_foreign_data_wrapper", b'r', columns::PG_FOREIGN_DATA_WRAPPER, empty),
    catalog(1_417, "pg_foreign_server", b'r', columns::PG_FOREIGN_SERVER, empty),
    catalog(3_118, "pg_foreign_table", b'r', columns::PG_FOREIGN_TABLE, empty),
    catalog(12_010, "pg_group", b'v', columns::PG_GROUP, shared::pg_group),
    catalog(2_610, "pg_index", b'r', columns::PG_INDEX, relations::pg_index),
    catalog(12_043, "pg_indexes", b'v', columns::PG_INDEXES, views::pg_indexes),
    catalog(2_611, "pg_inherits", b'r', columns::PG_INHERITS, empty),
    catalog(3_394, "pg_init_privs", b'r', columns::PG_INIT_PRIVS, relations::pg_init_privs),
    catalog(2_612, "pg_language", b'r', columns::PG_LANGUAGE, type_rows::pg_language),
    catalog(2_995, "pg_largeobject_metadata", b'r', columns::PG_LARGEOBJECT_METADATA, empty),
    catalog(12_073, "pg_locks", b'v', columns::PG_LOCKS, locks::pg_locks),
    catalog(12_038, "pg_matviews", b'v', columns::PG_MATVIEWS, empty),
    catalog(2_615, "pg_namespace", b'r', columns::PG_NAMESPACE, relations::pg_namespace),
    catalog(2_616, "pg_opclass", b'r', columns::PG_OPCLASS, type_rows::pg_opclass),
    catalog(2_617, "pg_operator", b'r', columns::PG_OPERATOR, type_rows::pg_operator),
    catalog(2_753, "pg_opfamily", b'r', columns::PG_OPFAMILY, empty),
    catalog(6_243, "pg_parameter_acl", b'r', columns::PG_PARAMETER_ACL, empty),
    catalog(3_350, "pg_partitioned_table", b'r', columns::PG_PARTITIONED_TABLE, empty),
    catalog(12_018, "pg_policies", b'v', columns::PG_POLICIES, empty),
    catalog(3_256, "pg_policy", b'r', columns::PG_POLICY, empty),
    catalog(12_095, "pg_prepared_statements", b'v', columns::PG_PREPARED_STATEMENTS, activity::pg_prepared_statements),
    catalog(12_090, "pg_prepared_xacts", b'v', columns::PG_PREPARED_XACTS, empty),
    catalog(1_255, "pg_proc", b'r', columns::PG_PROC, type_rows::pg_proc),
    catalog(6_104, "pg_publication", b'r', columns::PG_PUBLICATION, empty),
    catalog(6_237, "pg_publication_namespace", b'r', columns::PG_PUBLICATION_NAMESPACE, empty),
    catalog(6_106, "pg_publication_rel", b'r', columns::PG_PUBLICATION_REL, empty),
    catalog(12_068, "pg_publication_tables", b'v', columns::PG_PUBLICATION_TABLES, empty),
    catalog(3_541, "pg_range", b'r', columns::PG_RANGE, empty),
    catalog(12_257, "pg_replication_slots", b'v', columns::PG_REPLICATION_SLOTS, empty),
    catalog(2_618, "pg_rewrite", b'r', columns::PG_REWRITE, relations::pg_rewrite),
    catalog(12_000, "pg_roles", b'v', columns::PG_ROLES, shared::pg_roles),
    catalog(12_023, "pg_rules", b'v', columns::PG_RULES, empty),
    catalog(3_596, "pg_seclabel", b'r', columns::PG_SECLABEL, empty),
    catalog(12_099, "pg_seclabels", b'v', columns::PG_SECLABELS, empty),
    catalog(2_224, "pg_sequence", b'r', columns::PG_SEQUENCE, relations::pg_sequence),
    catalog(well_known::PG_SEQUENCES, "pg_sequences", b'v', columns::PG_SEQUENCES, views::pg_sequences),
    catalog(12_104, "pg_settings", b'v', columns::PG_SETTINGS, activity::pg_settings),
    catalog(well_known::PG_SHADOW, "pg_shadow", b'v', columns::PG_SHADOW, shared::pg_user),
    catalog(1_214, "pg_shdepend", b'r', columns::PG_SHDEPEND, empty),
    catalog(2_396, "pg_shdescription", b'r', columns::PG_SHDESCRIPTION, relations::pg_shdescription),
    catalog(3_592, "pg_shseclabel", b'r', columns::PG_SHSECLABEL, empty),
    catalog(12_222, "pg_stat_activity", b'v', columns::PG_STAT_ACTIVITY, activity::pg_stat_activity),
    catalog(12_142, "pg_stat_all_tables", b'v', columns::PG_STAT_ALL_TABLES, views::pg_stat_all_tables),
    catalog(12_161, "pg_stat_user_tables", b'v', columns::PG_STAT_USER_TABLES, views::pg_stat_user_tables),
    catalog(12_183, "pg_stat_all_indexes", b'v', columns::PG_STAT_ALL_INDEXES, views::pg_stat_user_indexes),
    catalog(12_192, "pg_stat_user_indexes", b'v', columns::PG_STAT_USER_INDEXES, views::pg_stat_user_indexes),
    catalog(12_266, "pg_stat_database", b'v', columns::PG_STAT_DATABASE, activity::pg_stat_database),
    catalog(12_289, "pg_stat_bgwriter", b'v', columns::PG_STAT_BGWRITER, empty),
    catalog(12_227, "pg_stat_replication", b'v', columns::PG_STAT_REPLICATION, replication::pg_stat_replication),
    catalog(12_249, "pg_stat_ssl", b'v', columns::PG_STAT_SSL, activity::pg_stat_ssl),
    catalog(12_253, "pg_stat_gssapi", b'v', columns::PG_STAT_GSSAPI, activity::pg_stat_gssapi),
    catalog(12_170, "pg_statio_all_tables", b'v', columns::PG_STATIO_USER_TABLES, views::pg_statio_user_tables),
    catalog(12_179, "pg_statio_user_tables", b'v', columns::PG_STATIO_USER_TABLES, views::pg_statio_user_tables),
    catalog(2_619, "pg_statistic", b'r', columns::PG_STATISTIC, empty),
    catalog(3_381, "pg_statistic_ext", b'r', columns::PG_STATISTIC_EXT, empty),
    catalog(3_429, "pg_statistic_ext_data", b'r', columns::PG_STATISTIC_EXT_DATA, empty),
    catalog(12_053, "pg_stats", b'v', columns::PG_STATS, empty),
    catalog(6_100, "pg_subscription", b'r', columns::PG_SUBSCRIPTION, empty),
    catalog(6_102, "pg_subscription_rel", b'r', columns::PG_SUBSCRIPTION_REL, empty),
    catalog(12_033, "pg_tables", b'v', columns::PG_TABLES, views::pg_tables),
    catalog(1_213, "pg_tablespace", b'r', columns::PG_TABLESPACE, shared::pg_tablespace),
    catalog(12_126, "pg_timezone_names", b'v', columns::PG_TIMEZONE_NAMES, views::pg_timezone_names),
    catalog(3_576, "pg_transform", b'r', columns::PG_TRANSFORM, empty),
    catalog(2_620, "pg_trigger", b'r', columns::PG_TRIGGER, empty),
    catalog(3_602, "pg_ts_config", b'r', columns::PG_TS_CONFIG, empty),
    catalog(3_603, "pg_ts_config_map", b'r', columns::PG_TS_CONFIG_MAP, empty),
    catalog(3_600, "pg_ts_dict", b'r', columns::PG_TS_DICT, empty),
    catalog(3_601, "pg_ts_parser", b'r', columns::PG_TS_PARSER, empty),
    catalog(3_764, "pg_ts_template", b'r', columns::PG_TS_TEMPLATE, empty),
    catalog(1_247, "pg_type", b'r', columns::PG_TYPE, type_rows::pg_type),
    catalog(12_014, "pg_user", b'v', columns::PG_USER, shared::pg_user),
    catalog(1_418, "pg_user_mapping", b'r', columns::PG_USER_MAPPING, empty),
    catalog(12_327, "pg_user_mappings", b'v', columns::PG_USER_MAPPINGS, empty),
    catalog(12_028, "pg_views", b'v', columns::PG_VIEWS, views::pg_views),
    standard(13_425, "tables", b'v', columns::IS_TABLES, information::tables),
    standard(13_295, "columns", b'v', columns::IS_COLUMNS, information::columns),
    standard(13_382, "schemata", b'v', columns::IS_SCHEMATA, information::schemata),
    standard(13_483, "views", b'v', columns::IS_VIEWS, information::views),
    standard(13_411, "table_constraints", b'v', columns::IS_TABLE_CONSTRAINTS, information::table_constraints),
    standard(13_329, "key_column_usage", b'v', columns::IS_KEY_COLUMN_USAGE, information::key_column_usage),
    standard(
        13_300,
        "constraint_column_usage",
        b'v',
        columns::IS_CONSTRAINT_COLUMN_USAGE,
        information::constraint_column_usage,
    ),
    standard(
        13_339,
        "referential_constraints",
        b'v',
        columns::IS_REFERENTIAL_CONSTRAINTS,
        information::referential_constraints,
    ),
    standard(13_260, "check_constraints", b'v', columns::IS_CHECK_CONSTRAINTS, information::check_constraints),
    standard(13_386, "sequences", b'v', columns::IS_SEQUENCES, information::sequences),
    standard(13_377, "routines", b'v', columns::IS_ROUTINES, empty),
    standard(13_334, "parameters", b'v', columns::IS_PARAMETERS, empty),
    standard(
        13_227,
        "information_schema_catalog_name",
        b'v',
        columns::IS_INFORMATION_SCHEMA_CATALOG_NAME,
        information::catalog_name,
    ),
    standard(13_440, "triggers", b'v', columns::IS_TRIGGERS, empty),
    standard(13_325, "enabled_roles", b'v', columns::IS_ENABLED_ROLES, privileges::enabled_roles),
    standard(13_236, "applicable_roles", b'v', columns::IS_APPLICABLE_ROLES, privileges::applicable_roles),
    standard(13_416, "table_privileges", b'v', columns::IS_TABLE_PRIVILEGES, privileges::table_privileges),
    standard(13_421, "role_table_grants", b'v', columns::IS_ROLE_TABLE_GRANTS, privileges::role_table_grants),
    standard(13_285, "column_privileges", b'v', columns::IS_COLUMN_PRIVILEGES, privileges::column_privileges),
    standard(13_320, "domains", b'v', columns::IS_DOMAINS, empty),
    standard(13_493, "element_types", b'v', columns::IS_ELEMENT_TYPES, empty),
    standard(13_478, "view_table_usage", b'v', columns::IS_VIEW_TABLE_USAGE, empty),
    standard(13_305, "constraint_table_usage", b'v', columns::IS_CONSTRAINT_TABLE_USAGE, empty),
];

//! Functions over the catalog: names, definitions, visibility, descriptions.

use types::oid::*;
use types::{Call, Datum, Error, Function, RegNames, Result, Settings, SqlState};

use super::context::SessionContext;
use super::procedures;
use crate::bind;
use crate::catalog::describe::{constraint_definition, index_definition};
use crate::catalog::expression;
use crate::catalog::extension::EXTENSIONS;
use crate::catalog::{AclItem, PG_TEMP, Privileges, Relation, is_others, own_temporary, well_known};

fn number(call: &Call<'_>, i: usize) -> u32 {
    call.args.get(i).and_then(Datum::as_oid).unwrap_or(0)
}

fn text(call: &Call<'_>, i: usize) -> String {
    call.args.get(i).and_then(Datum::as_str).unwrap_or("").to_owned()
}

fn flag(call: &Call<'_>, i: usize) -> bool {
    call.args.get(i).and_then(Datum::as_bool).unwrap_or(false)
}

fn optional(text: Option<impl Into<types::Str>>) -> Result<Datum> {
    Ok(text.map_or(Datum::Null, |text| Datum::Text(text.into())))
}

fn get_userbyid(call: &mut Call<'_>) -> Result<Datum> {
    let role = number(call, 0);
    let catalog = SessionContext::of(call)?.catalog();
    let unknown = || format!("unknown (OID={role})");
    optional(Some(catalog.role(role).map_or_else(unknown, |role| role.name.to_string())))
}

fn table_is_visible(call: &mut Call<'_>) -> Result<Datum> {
    let session = SessionContext::of(call)?;
    let catalog = session.catalog();
    let oid = number(call, 0);
    if catalog.relation(oid).is_none() {
        return Ok(Datum::Null);
    }
    Ok(Datum::Bool(catalog.is_visible(oid, &session.usable_path())))
}

fn type_is_visible(call: &mut Call<'_>) -> Result<Datum> {
    let oid = number(call, 0);
    if types::sqltype::type_row(oid).is_some() {
        return Ok(Datum::Bool(true));
    }
    let session = SessionContext::of(call)?;
    let catalog = session.catalog();
    let relation = catalog.relations().find(|relation| match relation {
        Relation::Table(table) => table.row_type == oid,
        Relation::View(view) => view.row_type == oid,
        _ => false,
    });
    Ok(relation.map_or(Datum::Null, |relation| Datum::Bool(catalog.is_visible(relation.oid(), &session.usable_path()))))
}

/// Functions, operators, collations: ours are all in pg_catalog, which is always searched.
fn always_visible(_: &mut Call<'_>) -> Result<Datum> {
    Ok(Datum::Bool(true))
}

/// Definitions are kept as text, so there is nothing to decompile; only relations are named as the search path has them.
fn get_expr(call: &mut Call<'_>) -> Result<Datum> {
    let session = SessionContext::of(call)?;
    let show = if flag(call, 2) { expression::shown } else { expression::enclosed };
    optional(call.args[0].as_str().map(|kept| show(kept, &session.catalog(), &session.usable_path())))
}

fn get_indexdef(call: &mut Call<'_>) -> Result<Datum> {
    let catalog = SessionContext::of(call)?.catalog();
    let column = call.args.get(1).and_then(Datum::as_i64).unwrap_or(0) as i32;
    let pretty = flag(call, 2);
    let Some(index) = catalog.index(number(call, 0)) else { return Ok(Datum::Null) };
    optional(index_definition(&catalog, index, column, pretty))
}

fn get_constraintdef(call: &mut Call<'_>) -> Result<Datum> {
    let session = SessionContext::of(call)?;
    let catalog = session.catalog();
    let Some(constraint) = catalog.constraint(number(call, 0)) else { return Ok(Datum::Null) };
    optional(constraint_definition(&catalog, constraint, &session.usable_path(), flag(call, 1)))
}

fn get_viewdef(call: &mut Call<'_>) -> Result<Datum> {
    let session = SessionContext::of(call)?;
    let catalog = session.catalog();
    let oid = match &call.args[0] {
        Datum::Text(name) => session.oid_of(REGCLASS, name)?,
        other => other.as_oid().unwrap_or(0),
    };
    optional(catalog.view(oid).map(|view| format!(" {};", view.query)))
}

/// For kinds of objects that do not exist here.
fn nothing(_: &mut Call<'_>) -> Result<Datum> {
    Ok(Datum::Null)
}

fn no_rows(call: &mut Call<'_>) -> Result<Datum> {
    call.return_set(Box::new(std::iter::empty()))
}

fn function_result(call: &mut Call<'_>) -> Result<Datum> {
    optional(procedures::by_oid(number(call, 0)).map(|procedure| {
        let name = types::SqlType::of(procedure.result).name();
        if procedure.returns_set { format!("SETOF {name}") } else { name }
    }))
}

fn function_arguments(call: &mut Call<'_>) -> Result<Datum> {
    optional(procedures::by_oid(number(call, 0)).map(|procedure| procedure.arguments()))
}

/// Of each column of a relation, whether it can be assigned to; `None` if the relation's rows do not change.
fn updates(session: &SessionContext, settings: &Settings, relation: u32) -> Option<Vec<bool>> {
    let catalog = session.catalog();
    match catalog.relation(relation)? {
        Relation::Table(table) => Some(vec![true; table.columns.len()]),
        Relation::Virtual(it) if it.kind == b'r' => Some(vec![true; it.columns.len()]),
        Relation::View(view) => bind::view_updates(view, &catalog, session.registry(), settings),
        _ => None,
    }
}

/// A set of statements, each as PostgreSQL's `1 << CMD_...`.
fn relation_is_updatable(call: &mut Call<'_>) -> Result<Datum> {
    const UPDATE: i32 = 1 << 2;
    const INSERT: i32 = 1 << 3;
    const DELETE: i32 = 1 << 4;
    let events = match updates(SessionContext::of(call)?, call.settings, number(call, 0)) {
        None => 0,
        Some(columns) if columns.is_empty() || columns.contains(&true) => UPDATE | INSERT | DELETE,
        Some(_) => DELETE,
    };
    Ok(Datum::Int4(events))
}

fn column_is_updatable(call: &mut Call<'_>) -> Result<Datum> {
    let Some(attribute) = call.args.get(1).and_then(Datum::as_i64) else { return Ok(Datum::Null) };
    let columns = updates(SessionContext::of(call)?, call.settings, number(call, 0)).unwrap_or_default();
    let position = usize::try_from(attribute - 1).ok();
    Ok(Datum::Bool(position.and_then(|at| columns.get(at)) == Some(&true)))
}

fn relation_is_publishable(call: &mut Call<'_>) -> Result<Datum> {
    let catalog = SessionContext::of(call)?.catalog();
    Ok(Datum::Bool(catalog.table(number(call, 0)).is_some()))
}

/// The oid of the system relation whose objects a name in `obj_description(oid, name)` means.
fn class_named(name: &str) -> Option<u32> {
    Some(match name {
        "pg_class" => well_known::PG_CLASS,
        "pg_type" => well_known::PG_TYPE,
        "pg_proc" => well_known::PG_PROC,
        "pg_namespace" => well_known::PG_NAMESPACE,
        "pg_constraint" => well_known::PG_CONSTRAINT,
        "pg_database" => well_known::PG_DATABASE,
        "pg_authid" => well_known::PG_AUTHID,
        "pg_extension" => well_known::PG_EXTENSION,
        _ => return None,
    })
}

fn obj_description(call: &mut Call<'_>) -> Result<Datum> {
    let catalog = SessionContext::of(call)?.catalog();
    let object = number(call, 0);
    if call.args.len() == 1 {
        let found = catalog.comments().iter().find(|comment| comment.object == object && comment.column == 0);
        return optional(found.map(|comment| comment.text.clone()));
    }
    let Some(class) = class_named(&text(call, 1)) else { return Ok(Datum::Null) };
    if let Some(comment) = catalog.comment(class, object, 0) {
        return optional(Some(comment.clone()));
    }
    let fixed = match (class, object) {
        (well_known::PG_NAMESPACE, well_known::PUBLIC) => Some("standard public schema"),
        (well_known::PG_NAMESPACE, well_known::PG_CATALOG) => Some("system catalog schema"),
        (well_known::PG_DATABASE, well_known::POSTGRES_DATABASE) => Some("default administrative connection database"),
        (well_known::PG_DATABASE, well_known::TEMPLATE1) => Some("default template for new databases"),
        (well_known::PG_DATABASE, well_known::TEMPLATE0) => Some("unmodifiable empty database"),
        (well_known::PG_EXTENSION, oid) => EXTENSIONS.iter().find(|it| it.oid == oid).map(|it| it.comment),
        _ => None,
    };
    optional(fixed)
}

fn col_description(call: &mut Call<'_>) -> Result<Datum> {
    let catalog = SessionContext::of(call)?.catalog();
    let column = call.args[1].as_i64().unwrap_or(0) as i32;
    optional(catalog.comment(well_known::PG_CLASS, number(call, 0), column).cloned())
}

fn get_serial_sequence(call: &mut Call<'_>) -> Result<Datum> {
    let session = SessionContext::of(call)?;
    let catalog = session.catalog();
    let table_oid = session.oid_of(REGCLASS, &text(call, 0))?;
    let Some(table) = catalog.table(table_oid) else { return Ok(Datum::Null) };
    let column = text(call, 1);
    let position = table.column_named(&column).ok_or_else(|| {
        let message = format!("column \"{column}\" of relation \"{}\" does not exist", table.name);
        Error::new(SqlState::UNDEFINED_COLUMN, message)
    })?;
    let sequence = table.columns[position].sequence.and_then(|oid| catalog.sequence(oid));
    let sequence = sequence.or_else(|| {
        catalog.relations().find_map(|relation| match relation {
            Relation::Sequence(sequence)
                if sequence.owned_by.is_some_and(|owner| owner.table == table_oid && owner.column == position) =>
            {
                Some(sequence)
            }
            _ => None,
        })
    });
    optional(sequence.map(|sequence| {
        let quote = crate::catalog::describe::quote_identifier;
        let is_own = own_temporary(&session.search_path()) == Some(&sequence.schema_name);
        let schema: &str = if is_own { PG_TEMP } else { &sequence.schema_name };
        format!("{}.{}", quote(schema), quote(&sequence.name))
    }))
}

/// `to_regclass` and its kin: null instead of an error, but for a schema that the user may not look into.
fn to_reg(call: &mut Call<'_>) -> Result<Datum> {
    let session = SessionContext::of(call)?;
    match session.oid_of(call.result.oid, &text(call, 0)) {
        Ok(oid) => Ok(Datum::Oid(oid)),
        Err(error) if error.sqlstate() == SqlState::INSUFFICIENT_PRIVILEGE => Err(error),
        Err(_) => Ok(Datum::Null),
    }
}

fn encoding_to_char(call: &mut Call<'_>) -> Result<Datum> {
    optional(Some(match call.args[0].as_i64() {
        Some(6) => "UTF8",
        Some(0) => "SQL_ASCII",
        _ => "",
    }))
}

fn char_to_encoding(call: &mut Call<'_>) -> Result<Datum> {
    Ok(Datum::Int4(match text(call, 0).to_ascii_lowercase().as_str() {
        "utf8" | "utf-8" | "unicode" => 6,
        "sql_ascii" => 0,
        _ => -1,
    }))
}

fn relation_filenode(call: &mut Call<'_>) -> Result<Datum> {
    Ok(call.args[0].clone())
}

fn is_other_temp_schema(call: &mut Call<'_>) -> Result<Datum> {
    let session = SessionContext::of(call)?;
    let (catalog, path) = (session.catalog(), session.search_path());
    let schema = catalog.schema(number(call, 0));
    Ok(Datum::Bool(schema.is_some_and(|schema| is_others(&schema.name, &path))))
}

/// `acldefault(kind, owner)`: the grants that an object has before the first GRANT.
fn acl_default(call: &mut Call<'_>) -> Result<Datum> {
    let catalog = SessionContext::of(call)?.catalog();
    let Datum::Char(kind) = call.args[0] else { return Ok(Datum::Null) };
    let owner = number(call, 1);
    let (all, public) = match kind {
        b'c' => (Privileges::NONE, Privileges::NONE),
        b'r' => (Privileges::ALL_TABLE, Privileges::NONE),
        b's' => (Privileges::ALL_SEQUENCE, Privileges::NONE),
        b'd' => (Privileges::ALL_DATABASE, Privileges::TEMPORARY.union(Privileges::CONNECT)),
        b'f' => (Privileges::EXECUTE, Privileges::EXECUTE),
        b'l' | b'T' => (Privileges::USAGE, Privileges::USAGE),
        b'L' => (Privileges::SELECT.union(Privileges::UPDATE), Privileges::NONE),
        b'n' => (Privileges::ALL_SCHEMA, Privileges::NONE),
        b't' => (Privileges::CREATE, Privileges::NONE),
        b'F' | b'S' => (Privileges::USAGE, Privileges::NONE),
        other => {
            let message = format!("unrecognized object type abbreviation: {}", char::from(other));
            return Err(Error::new(SqlState::INTERNAL_ERROR, message));
        }
    };
    let name = |oid: u32| catalog.role(oid).map_or_else(|| oid.to_string(), |role| role.name.to_string());
    let items = AclItem::defaults(owner, all, public);
    Ok(Datum::array(ACLITEM, items.iter().map(|item| Datum::Text(item.text(name).into())).collect()))
}

/// `aclexplode(acl)`: each privilege of each item as grantor, grantee, its word and whether it may be granted on.
fn acl_explode(call: &mut Call<'_>) -> Result<Datum> {
    let catalog = SessionContext::of(call)?.catalog();
    let Some(acl) = call.args[0].as_array().cloned() else { return no_rows(call) };
    let role = |name: &str| catalog.role_named(name).map(|role| role.oid).or_else(|| name.parse().ok());
    let mut rows = Vec::new();
    for item in acl.elements.iter().filter_map(Datum::as_str).filter_map(|text| AclItem::parse(text, role)) {
        rows.extend(item.privileges.each().map(|(privilege, word)| {
            let is_grantable = Datum::Bool(item.grantable.contains(privilege));
            let (grantor, grantee) = (Datum::Oid(item.grantor), Datum::Oid(item.grantee));
            Ok(Datum::Record(vec![grantor, grantee, Datum::text(word), is_grantable].into()))
        }));
    }
    call.return_set(Box::new(rows.into_iter()))
}

/// `pg_options_to_table(options)`: each `name=value` as two columns.
fn options_to_table(call: &mut Call<'_>) -> Result<Datum> {
    let Some(options) = call.args[0].as_array().cloned() else { return no_rows(call) };
    call.return_set(Box::new((0..options.elements.len()).map(move |i| {
        let option = options.elements[i].as_str().unwrap_or("");
        let columns = match option.split_once('=') {
            Some((name, value)) => vec![Datum::text(name), Datum::text(value)],
            None => vec![Datum::text(option), Datum::Null],
        };
        Ok(Datum::Record(columns.into()))
    })))
}

fn describe_object(call: &mut Call<'_>) -> Result<Datum> {
    let session = SessionContext::of(call)?;
    let catalog = session.catalog();
    let name = session.name_of(REGCLASS, number(call, 1));
    let kind = catalog.relation(number(call, 1)).map(Relation::kind_name);
    optional(kind.zip(name).map(|(kind, name)| format!("{kind} {name}")))
}

pub(super) static FUNCTIONS: &[Function] = &[
    Function::strict(1642, "pg_get_userbyid", &[OID], NAME, get_userbyid).stable(),
    Function::strict(2079, "pg_table_is_visible", &[OID], BOOL, table_is_visible).stable(),
    Function::strict(2080, "pg_type_is_visible", &[OID], BOOL, type_is_visible).stable(),
    Function::strict(2081, "pg_function_is_visible", &[OID], BOOL, always_visible).stable(),
    Function::strict(2082, "pg_operator_is_visible", &[OID], BOOL, always_visible).stable(),
    Function::strict(2083, "pg_opclass_is_visible", &[OID], BOOL, always_visible).stable(),
    Function::strict(2093, "pg_conversion_is_visible", &[OID], BOOL, always_visible).stable(),
    Function::strict(3829, "pg_opfamily_is_visible", &[OID], BOOL, always_visible).stable(),
    Function::strict(3815, "pg_collation_is_visible", &[OID], BOOL, always_visible).stable(),
    Function::strict(3403, "pg_statistics_obj_is_visible", &[OID], BOOL, always_visible).stable(),
    Function::strict(3756, "pg_ts_parser_is_visible", &[OID], BOOL, always_visible).stable(),
    Function::strict(3757, "pg_ts_dict_is_visible", &[OID], BOOL, always_visible).stable(),
    Function::strict(3758, "pg_ts_config_is_visible", &[OID], BOOL, always_visible).stable(),
    Function::strict(3768, "pg_ts_template_is_visible", &[OID], BOOL, always_visible).stable(),
    Function::strict(1716, "pg_get_expr", &[PG_NODE_TREE, OID], TEXT, get_expr).stable(),
    Function::strict(2509, "pg_get_expr", &[PG_NODE_TREE, OID, BOOL], TEXT, get_expr).stable(),
    Function::strict(1643, "pg_get_indexdef", &[OID], TEXT, get_indexdef).stable(),
    Function::strict(2507, "pg_get_indexdef", &[OID, INT4, BOOL], TEXT, get_indexdef).stable(),
    Function::strict(1387, "pg_get_constraintdef", &[OID], TEXT, get_constraintdef).stable(),
    Function::strict(2508, "pg_get_constraintdef", &[OID, BOOL], TEXT, get_constraintdef).stable(),
    Function::strict(1640, "pg_get_viewdef", &[TEXT], TEXT, get_viewdef).stable(),
    Function::strict(1641, "pg_get_viewdef", &[OID], TEXT, get_viewdef).stable(),
    Function::strict(2505, "pg_get_viewdef", &[TEXT, BOOL], TEXT, get_viewdef).stable(),
    Function::strict(2506, "pg_get_viewdef", &[OID, BOOL], TEXT, get_viewdef).stable(),
    Function::strict(3159, "pg_get_viewdef", &[OID, INT4], TEXT, get_viewdef).stable(),
    Function::strict(1573, "pg_get_ruledef", &[OID], TEXT, nothing).stable(),
    Function::strict(2504, "pg_get_ruledef", &[OID, BOOL], TEXT, nothing).stable(),
    Function::strict(1662, "pg_get_triggerdef", &[OID], TEXT, nothing).stable(),
    Function::strict(2730, "pg_get_triggerdef", &[OID, BOOL], TEXT, nothing).stable(),
    Function::strict(2098, "pg_get_functiondef", &[OID], TEXT, nothing).stable(),
    Function::strict(6197, "pg_get_function_sqlbody", &[OID], TEXT, nothing).stable(),
    Function::strict(3943, "acldefault", &[CHAR, OID], ACLITEM_ARRAY, acl_default).stable(),
    Function::strict(1689, "aclexplode", &[ACLITEM_ARRAY], RECORD, acl_explode).stable().set(),
    Function::strict(2289, "pg_options_to_table", &[TEXT_ARRAY], RECORD, options_to_table).stable().set(),
    Function::strict(3352, "pg_get_partkeydef", &[OID], TEXT, nothing).stable(),
    Function::strict(3408, "pg_get_partition_constraintdef", &[OID], TEXT, nothing).stable(),
    Function::strict(6174, "pg_get_statisticsobjdef_columns", &[OID], TEXT, nothing).stable(),
    Function::strict(6120, "pg_get_replica_identity_index", &[REGCLASS], REGCLASS, nothing).stable(),
    Function::strict(3425, "pg_partition_ancestors", &[REGCLASS], REGCLASS, no_rows).stable().set(),
    Function::strict(2165, "pg_get_function_result", &[OID], TEXT, function_result).stable(),
    Function::strict(2162, "pg_get_function_arguments", &[OID], TEXT, function_arguments).stable(),
    Function::strict(2232, "pg_get_function_identity_arguments", &[OID], TEXT, function_arguments).stable(),
    Function::strict(6121, "pg_relation_is_publishable", &[REGCLASS], BOOL, relation_is_publishable).stable(),
    Function::strict(3842, "pg_relation_is_updatable", &[REGCLASS, BOOL], INT4, relation_is_updatable).stable(),
    Function::strict(3843, "pg_column_is_updatable", &[REGCLASS, INT2, BOOL], BOOL, column_is_updatable).stable(),
    Function::strict(1348, "obj_description", &[OID], TEXT, obj_description).stable(),
    Function::strict(1215, "obj_description", &[OID, NAME], TEXT, obj_description).stable(),
    Function::strict(1993, "shobj_description", &[OID, NAME], TEXT, obj_description).stable(),
    Function::strict(1216, "col_description", &[OID, INT4], TEXT, col_description).stable(),
    Function::strict(1665, "pg_get_serial_sequence", &[TEXT, TEXT], TEXT, get_serial_sequence).stable(),
    Function::strict(3479, "to_regprocedure", &[TEXT], REGPROCEDURE, to_reg).stable(),
    Function::strict(3492, "to_regoper", &[TEXT], REGOPER, to_reg).stable(),
    Function::strict(3494, "to_regproc", &[TEXT], REGPROC, to_reg).stable(),
    Function::strict(3495, "to_regclass", &[TEXT], REGCLASS, to_reg).stable(),
    Function::strict(3493, "to_regtype", &[TEXT], REGTYPE, to_reg).stable(),
    Function::strict(4086, "to_regnamespace", &[TEXT], REGNAMESPACE, to_reg).stable(),
    Function::strict(4093, "to_regrole", &[TEXT], REGROLE, to_reg).stable(),
    Function::strict(4195, "to_regcollation", &[TEXT], REGCOLLATION, to_reg).stable(),
    Function::strict(1597, "pg_encoding_to_char", &[INT4], NAME, encoding_to_char).stable(),
    Function::strict(1264, "pg_char_to_encoding", &[NAME], INT4, char_to_encoding).stable(),
    Function::strict(2999, "pg_relation_filenode", &[REGCLASS], OID, relation_filenode).stable(),
    Function::strict(3778, "pg_tablespace_location", &[OID], TEXT, empty_text).stable(),
    Function::strict(2855, "pg_is_other_temp_schema", &[OID], BOOL, is_other_temp_schema).stable(),
    Function::strict(3537, "pg_describe_object", &[OID, OID, INT4], TEXT, describe_object).stable(),
];

fn empty_text(_: &mut Call<'_>) -> Result<Datum> {
    Ok(Datum::text(""))
}

//! What roles may do: which roles' rights they have, and what that lets them do with what is [`Secured`].

use std::sync::Arc;

use types::{Error, Result, SqlState};

use crate::catalog::{
    Acl, AclItem, CatalogSnapshot, DatabaseDef, PG_TEMP, Privileges, Relation, RoleDef, SchemaDef, SequenceDef,
    well_known,
};

/// Whether `role` is `group`, or a member of it, directly or not; when it `inherits`, by way of roles that inherit rights.
fn is_within(catalog: &CatalogSnapshot, role: &RoleDef, group: u32, inherits: bool) -> bool {
    // Most roles are members of none.
    let may_be_member = !role.member_of.is_empty() || group == well_known::PG_DATABASE_OWNER;
    role.oid == group || may_be_member && roles_of(catalog, role, inherits).contains(&group)
}

/// Whether a user has the rights of a role without becoming it: being it, inheriting them as a member, or as a superuser.
pub(crate) fn has_rights_of(catalog: &CatalogSnapshot, user: &RoleDef, role: u32) -> bool {
    user.superuser || is_within(catalog, user, role, true)
}

/// Whether a user may become a role: being it, being a member of it, or as a superuser.
pub(crate) fn may_become(catalog: &CatalogSnapshot, user: &RoleDef, role: u32) -> bool {
    user.superuser || is_member(catalog, user, role)
}

/// Whether a role is another or a member of it, directly or not, as `role` is here and the others are in the catalog.
pub(crate) fn is_member(catalog: &CatalogSnapshot, role: &RoleDef, group: u32) -> bool {
    is_within(catalog, role, group, false)
}

/// Whether a user may say who is a member of a role: by ADMIN OPTION, given to them or to what they are a member of.
pub(crate) fn may_admit(catalog: &CatalogSnapshot, user: &RoleDef, role: u32) -> bool {
    let is_admin = |member: u32| catalog.role(member).is_some_and(|member| member.admin_of.contains(&role));
    user.superuser || roles_of(catalog, user, false).into_iter().any(is_admin)
}

/// A role, what it is a member of, then what that is, each once; when it `inherits`, by way of roles that inherit rights.
fn roles_of(catalog: &CatalogSnapshot, role: &RoleDef, inherits: bool) -> Vec<u32> {
    let owner = catalog.database(catalog.database).map(|database| database.owner);
    let mut roles = vec![role.oid];
    let mut at = 0;
    while at < roles.len() {
        let member = if at == 0 { Some(role) } else { catalog.role(roles[at]).map(|member| &**member) };
        if let Some(member) = member.filter(|member| member.inherit || !inherits) {
            let mut groups = member.member_of.clone();
            groups.sort_unstable();
            groups.extend((owner == Some(member.oid)).then_some(well_known::PG_DATABASE_OWNER));
            groups.retain(|group| !roles.contains(group));
            roles.extend(groups);
        }
        at += 1;
    }
    roles
}

/// What kind of object it is, as far as rights go without a grant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Relation,
    Schema,
    Database,
}

/// An object with its owner and its grants.
///
/// **Rule.** Owners may do what is granted to them, which is everything until somebody revokes it, and may always grant
/// everything. Superusers may do all. Members of `pg_read_all_data` and `pg_write_all_data` read and change all relations and
/// use all schemas. See `aclmask` and `pg_class_aclmask` of PostgreSQL.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Secured<'a> {
    kind: Kind,
    owner: u32,
    acl: &'a Acl,
}

impl<'a> Secured<'a> {
    /// A table, view or sequence.
    pub fn relation(owner: u32, acl: &'a Acl) -> Secured<'a> {
        Secured { kind: Kind::Relation, owner, acl }
    }

    pub fn schema(schema: &'a SchemaDef) -> Secured<'a> {
        Secured { kind: Kind::Schema, owner: schema.owner, acl: &schema.acl }
    }

    pub fn database(database: &'a DatabaseDef) -> Secured<'a> {
        Secured { kind: Kind::Database, owner: database.owner, acl: &database.acl }
    }

    /// The grants, with those that there are before the first GRANT. `all` is everything that applies to such an object.
    pub fn items(self, all: Privileges) -> Vec<AclItem> {
        match self.acl {
            Some(items) => items.to_vec(),
            None => AclItem::defaults(self.owner, all, self.public()),
        }
    }

    pub fn owner(self) -> u32 {
        self.owner
    }

    /// What everybody may do before the first GRANT.
    fn public(self) -> Privileges {
        match self.kind {
            Kind::Relation | Kind::Schema => Privileges::NONE,
            Kind::Database => Privileges::CONNECT.union(Privileges::TEMPORARY),
        }
    }

    fn granted(self) -> &'a [AclItem] {
        self.acl.as_deref().unwrap_or_default()
    }

    /// Of each grant to a role, itself or by way of others, a part.
    fn of_role(self, catalog: &CatalogSnapshot, role: &RoleDef, part: impl Fn(&AclItem) -> Privileges) -> Privileges {
        let items = self.granted().iter();
        let to_role = items.filter(|item| item.grantee == 0 || has_rights_of(catalog, role, item.grantee));
        to_role.fold(Privileges::NONE, |held, item| held.union(part(item)))
    }

    /// What a role may do without a grant, by way of predefined roles.
    fn of_predefined(self, catalog: &CatalogSnapshot, role: &RoleDef) -> Privileges {
        let when = |has: bool, privileges: Privileges| if has { privileges } else { Privileges::NONE };
        let reads = has_rights_of(catalog, role, well_known::PG_READ_ALL_DATA);
        let writes = has_rights_of(catalog, role, well_known::PG_WRITE_ALL_DATA);
        match self.kind {
            Kind::Relation => when(reads, Privileges::SELECT).union(when(writes, Privileges::CHANGES)),
            Kind::Schema => when(reads || writes, Privileges::USAGE),
            Kind::Database => Privileges::NONE,
        }
    }

    /// What a role may do by grants, or before the first GRANT.
    fn of_grants(self, catalog: &CatalogSnapshot, role: &RoleDef) -> Privileges {
        match self.acl {
            _ if role.superuser => Privileges::ALL,
            Some(_) => self.of_role(catalog, role, |item| item.privileges),
            None if has_rights_of(catalog, role, self.owner) => Privileges::ALL,
            None => self.public(),
        }
    }

    /// Everything that a role may do.
    pub fn held(self, catalog: &CatalogSnapshot, role: &RoleDef) -> Privileges {
        self.of_grants(catalog, role).union(self.of_predefined(catalog, role))
    }

    /// Whether a role may do all of this. Each statement asks: who was granted it is not looked for among predefined roles.
    pub fn allows(self, catalog: &CatalogSnapshot, role: &RoleDef, wanted: Privileges) -> bool {
        let granted = self.of_grants(catalog, role);
        granted.contains(wanted) || granted.union(self.of_predefined(catalog, role)).contains(wanted)
    }

    /// What a role may grant.
    pub fn grantable(self, catalog: &CatalogSnapshot, role: &RoleDef) -> Privileges {
        match has_rights_of(catalog, role, self.owner) {
            true => Privileges::ALL,
            false => self.of_role(catalog, role, |item| item.grantable),
        }
    }

    /// As whom a user grants or revokes, and what of `wanted`: as the owner if they can, or else as the one of their roles
    /// that may grant the most of it.
    pub fn grantor(self, catalog: &CatalogSnapshot, user: &RoleDef, wanted: Privileges) -> (u32, Privileges) {
        if user.superuser {
            return (self.owner, wanted);
        }
        let mut best = (user.oid, Privileges::NONE);
        for role in roles_of(catalog, user, true) {
            let own = self.granted().iter().filter(|item| item.grantee == role);
            let options = own.fold(Privileges::NONE, |options, item| options.union(item.grantable));
            let options = if role == self.owner { wanted } else { options.common(wanted) };
            if options.count() > best.1.count() {
                best = (role, options);
            }
        }
        best
    }
}

/// # Errors
/// 42501 unless a role may look into a schema.
pub(crate) fn check_usable(catalog: &CatalogSnapshot, role: &RoleDef, schema: &SchemaDef) -> Result<()> {
    if Secured::schema(schema).allows(catalog, role, Privileges::USAGE) {
        return Ok(());
    }
    let message = format!("permission denied for schema {}", schema.name);
    Err(Error::new(SqlState::INSUFFICIENT_PRIVILEGE, message))
}

/// A search path without the schemas that a role may not look into, as if they were not there.
pub(crate) fn usable_path(catalog: &CatalogSnapshot, role: &RoleDef, path: &[Arc<str>]) -> Arc<[Arc<str>]> {
    let is_usable = |name: &&Arc<str>| {
        let schema = catalog.schema_named(name);
        schema.is_none_or(|schema| Secured::schema(schema).allows(catalog, role, Privileges::USAGE))
    };
    path.iter().filter(is_usable).cloned().collect()
}

/// The names of a search path in whose schemas a role looks: those that are there, and that it may look into. Whoever is nobody
/// looks in all.
pub(crate) fn searched<'p>(
    catalog: &CatalogSnapshot,
    role: Option<&Arc<RoleDef>>,
    path: &'p [Arc<str>],
) -> Vec<&'p Arc<str>> {
    let is_searched = |name: &&Arc<str>| match catalog.schema_named(name) {
        Some(schema) => role.is_none_or(|role| Secured::schema(schema).allows(catalog, role, Privileges::USAGE)),
        // That of temporary objects comes with the first of them.
        None => name.starts_with(PG_TEMP),
    };
    path.iter().filter(is_searched).collect()
}

/// The relations of the system that tell what not everyone may know.
pub(crate) const SECRET: [u32; 2] = [well_known::PG_AUTHID, well_known::PG_SHADOW];

/// Whether a role may do `wanted` with a relation.
pub(crate) fn relation_allows(
    catalog: &CatalogSnapshot,
    role: &RoleDef,
    relation: &Relation,
    wanted: Privileges,
) -> bool {
    match secured(catalog, relation) {
        Some(secured) => secured.allows(catalog, role, wanted),
        // Everyone may look at what the server tells, but for what is secret.
        None if wanted != Privileges::SELECT => role.superuser,
        None => !SECRET.contains(&relation.oid()) || has_rights_of(catalog, role, well_known::PG_READ_ALL_DATA),
    }
}

/// Whether a role may grant `wanted` on a relation.
pub(crate) fn relation_grantable(
    catalog: &CatalogSnapshot,
    role: &RoleDef,
    relation: &Relation,
    wanted: Privileges,
) -> bool {
    match secured(catalog, relation) {
        Some(secured) => secured.grantable(catalog, role).contains(wanted),
        None => role.superuser,
    }
}

/// A relation with its grants, an index with its table's; `None` for those of the system.
fn secured<'a>(catalog: &'a CatalogSnapshot, relation: &'a Relation) -> Option<Secured<'a>> {
    match relation {
        Relation::Table(it) => Some(Secured::relation(it.owner, &it.acl)),
        Relation::View(it) => Some(Secured::relation(it.owner, &it.acl)),
        Relation::Sequence(it) => Some(Secured::relation(it.owner, &it.acl)),
        Relation::Index(it) => catalog.table(it.table).map(|it| Secured::relation(it.owner, &it.acl)),
        Relation::Virtual(_) => None,
    }
}

/// Whether a role has any of these privileges on a sequence.
pub(crate) fn sequence_allows(
    catalog: &CatalogSnapshot,
    role: &RoleDef,
    sequence: &SequenceDef,
    any: &[Privileges],
) -> bool {
    let secured = Secured::relation(sequence.owner, &sequence.acl);
    any.iter().any(|wanted| secured.allows(catalog, role, *wanted))
}

//! Who a session is: its session user and its current user, as SET SESSION AUTHORIZATION and SET ROLE make them.
//!
//! **Rule.** Whatever a role may do is looked up by the current user and in the catalog of the statement, each time
//! that it is asked. Nothing that is kept (a plan, a prepared statement) holds the answer, so that nothing has to be
//! told when the role changes, is altered, renamed or dropped. Which schemas names are looked for in is asked when they
//! are bound; a plan is kept for one user and one version of the catalog, and what a session has prepared goes on where
//! another user finds names along the same path, as in PostgreSQL.
//!
//! Both are settings, `session_authorization` and `role`, and come and go with transactions and savepoints as others
//! do. Their values are kept together with the role's oid: a role that is renamed stays what it is, and one that is
//! dropped is nobody, who may do nothing. Setting `session_authorization` unsets the role, for as long as itself lasts.
//!
//! A session may become what it logged in as, or anyone if that was a superuser then (`session_authorization`), and
//! each role of which its session user is a member (`role`).

use std::sync::Arc;

use types::{Error, Result, SqlState};

use crate::catalog::{CatalogSnapshot, RoleDef};
use crate::functions::{SessionContext, may_become};

/// The setting that is the current user, unless it is [`NO_ROLE`].
pub(super) const ROLE: &str = "role";
/// The setting that is the session user.
pub(super) const SESSION_AUTHORIZATION: &str = "session_authorization";
/// The current user is the session user.
pub(super) const NO_ROLE: &str = "none";

/// A role that a session acts as.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Actor {
    /// Under whatever name.
    Known { oid: u32, superuser: bool },
    /// It was set on the writer, and this replica has not heard yet of a role by this name that the session may become.
    /// Until then it is nobody.
    Unknown(Arc<str>),
}

impl Actor {
    pub fn of(role: &RoleDef) -> Actor {
        Actor::Known { oid: role.oid, superuser: role.superuser }
    }

    /// The role as it is in this catalog.
    pub fn find<'c>(&self, catalog: &'c CatalogSnapshot) -> Option<&'c Arc<RoleDef>> {
        match self {
            Actor::Known { oid, .. } => catalog.role(*oid),
            Actor::Unknown(_) => None,
        }
    }

    /// The role's name as it is in this catalog, or will be; `None` when it was dropped.
    pub fn name(&self, catalog: &CatalogSnapshot) -> Option<Arc<str>> {
        match self {
            Actor::Known { oid, .. } => catalog.role(*oid).map(|role| role.name.clone()),
            Actor::Unknown(name) => Some(name.clone()),
        }
    }

    /// Whether it is this role.
    pub fn is(&self, role: &RoleDef) -> bool {
        matches!(self, Actor::Known { oid, .. } if *oid == role.oid)
    }

    /// Whether it was a superuser when it was set: `is_superuser` says so until another is.
    pub fn was_superuser(&self) -> bool {
        matches!(self, Actor::Known { superuser: true, .. })
    }

    /// 42704: there is no such role.
    pub fn missing(&self) -> Error {
        let message = match self {
            Actor::Known { oid, .. } => format!("invalid role OID: {oid}"),
            Actor::Unknown(name) => format!("role \"{name}\" does not exist"),
        };
        Error::new(SqlState::UNDEFINED_OBJECT, message)
    }
}

/// The setting by this name, if it is one of the two.
pub(crate) fn identity(name: &str) -> Option<&'static str> {
    [ROLE, SESSION_AUTHORIZATION].into_iter().find(|setting| setting.eq_ignore_ascii_case(name))
}

/// Why a session cannot be who it is to be.
pub(crate) enum Refused {
    Missing,
    Denied,
}

impl SessionContext {
    /// The current user.
    pub(crate) fn actor(&self) -> Actor {
        self.variables().actor().unwrap_or_else(|| self.authenticated.clone())
    }

    /// The session user.
    pub(crate) fn session_actor(&self) -> Actor {
        self.variables().session_actor().unwrap_or_else(|| self.authenticated.clone())
    }

    /// The current user.
    ///
    /// # Errors
    /// 42704 when it was dropped.
    pub(crate) fn role(&self) -> Result<Arc<RoleDef>> {
        let actor = self.actor();
        actor.find(&self.catalog()).cloned().ok_or_else(|| actor.missing())
    }

    /// The session user.
    ///
    /// # Errors
    /// 42704 when it was dropped.
    pub(crate) fn session_role(&self) -> Result<Arc<RoleDef>> {
        let actor = self.session_actor();
        actor.find(&self.catalog()).cloned().ok_or_else(|| actor.missing())
    }

    /// Whether the current user is a superuser, now.
    pub fn is_superuser(&self) -> bool {
        self.role().is_ok_and(|role| role.superuser)
    }

    /// Whom the session would act as with this value of `role` or `session_authorization`; `None` with no role.
    pub(crate) fn judge(&self, setting: &str, value: &str) -> std::result::Result<Option<Actor>, Refused> {
        if setting == ROLE && value == NO_ROLE {
            return Ok(None);
        }
        let catalog = self.catalog();
        let role = catalog.role_named(value).ok_or(Refused::Missing)?;
        let may = match setting {
            ROLE => self.session_actor().find(&catalog).is_some_and(|user| may_become(&catalog, user, role.oid)),
            _ => self.authenticated.is(role) || self.authenticated.was_superuser(),
        };
        if may { Ok(Some(Actor::of(role))) } else { Err(Refused::Denied) }
    }

    fn actor_for(&self, setting: &str, value: &str) -> Result<Option<Actor>> {
        self.judge(setting, value).map_err(|refused| match refused {
            Refused::Missing => {
                Error::new(SqlState::INVALID_PARAMETER_VALUE, format!("role \"{value}\" does not exist"))
            }
            Refused::Denied => {
                let message = format!("permission denied to set {} \"{value}\"", setting.replace('_', " "));
                Error::new(SqlState::INSUFFICIENT_PRIVILEGE, message)
            }
        })
    }

    /// SET, or SET LOCAL when `local`, of any variable.
    ///
    /// # Errors
    /// As [`Variables::set`](super::Variables::set); 22023 for a role that does not exist, 42501 for one that the
    /// session may not become.
    pub(crate) fn set_variable(&self, name: &str, value: &str, local: bool) -> Result<()> {
        let Some(setting) = identity(name) else { return self.variables().set(name, value, local) };
        let actor = self.actor_for(setting, value)?;
        self.variables().set_actor(setting, value, actor, local);
        Ok(())
    }

    /// Sets a value that RESET returns to. Who has logged in stays the session user whatever is given.
    ///
    /// # Errors
    /// As [`SessionContext::set_variable`].
    pub(crate) fn set_default(&self, name: &str, value: &str) -> Result<()> {
        let Some(setting) = identity(name) else { return self.variables().set_default(name, value) };
        let actor = self.actor_for(setting, value)?;
        if setting == ROLE {
            self.variables().set_default_role(value, actor);
        }
        Ok(())
    }

    /// Takes over who the session is where its last transaction ran.
    pub(super) fn adopt_identity(&self, setting: &str, value: &str) {
        let is_role = setting != ROLE || value != NO_ROLE;
        let actor = is_role.then(|| Actor::Unknown(Arc::from(value)));
        self.variables().adopt_actor(setting, value, actor);
        self.recognize();
    }

    /// Looks in the present catalog for roles that the session has become elsewhere and that were unknown here.
    pub(crate) fn recognize(&self) {
        for setting in [SESSION_AUTHORIZATION, ROLE] {
            if let Some(Actor::Unknown(name)) = self.variables().actor_of(setting)
                && let Ok(actor) = self.judge(setting, &name)
            {
                self.variables().adopt_actor(setting, &name, actor);
            }
        }
    }

    /// What another server is to be told of one of the two: the name that the role has now. One that was dropped has
    /// none, and is refused there.
    pub(super) fn name_to_pass_on(&self, setting: &str) -> String {
        match self.variables().actor_of(setting) {
            Some(actor) => actor.name(&self.catalog()).map(|name| name.to_string()).unwrap_or_default(),
            None => NO_ROLE.to_owned(),
        }
    }
}

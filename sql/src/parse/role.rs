//! Roles and privileges.

use types::Result;

use super::ast::{Grant, GrantTarget, Statement};
use super::lexer::Tok;
use super::parser::Parser;
use crate::bound::{RoleOption, SetValue};

impl Parser<'_> {
    /// A role's name: an identifier, or one of the words that stand for the present user.
    pub(super) fn role_name(&mut self) -> Result<String> {
        if self.is_any_word(&["current_user", "session_user", "current_role"]) {
            return Ok(self.label()?.name);
        }
        self.name_string()
    }

    fn role_names(&mut self) -> Result<Vec<String>> {
        self.list(Self::role_name)
    }

    /// Behind CREATE and ROLE, USER or GROUP; users may log in.
    pub(super) fn create_role(&mut self, user: bool) -> Result<Statement> {
        let name = self.role_name()?;
        self.accept_word("with");
        let mut options = if user { vec![RoleOption::Login(true)] } else { Vec::new() };
        self.role_options(&mut options)?;
        Ok(Statement::CreateRole { name, options })
    }

    fn role_options(&mut self, options: &mut Vec<RoleOption>) -> Result<()> {
        loop {
            let Tok::Word(word) = self.peek().clone() else { return Ok(()) };
            let flag = match word.as_ref() {
                "superuser" => Some(RoleOption::Superuser(true)),
                "nosuperuser" => Some(RoleOption::Superuser(false)),
                "createdb" => Some(RoleOption::CreateDatabase(true)),
                "nocreatedb" => Some(RoleOption::CreateDatabase(false)),
                "createrole" | "createuser" => Some(RoleOption::CreateRole(true)),
                "nocreaterole" | "nocreateuser" => Some(RoleOption::CreateRole(false)),
                "inherit" => Some(RoleOption::Inherit(true)),
                "noinherit" => Some(RoleOption::Inherit(false)),
                "login" => Some(RoleOption::Login(true)),
                "nologin" => Some(RoleOption::Login(false)),
                "replication" => Some(RoleOption::Replication(true)),
                "noreplication" => Some(RoleOption::Replication(false)),
                "bypassrls" => Some(RoleOption::BypassRowSecurity(true)),
                "nobypassrls" => Some(RoleOption::BypassRowSecurity(false)),
                _ => None,
            };
            if let Some(flag) = flag {
                self.advance();
                options.push(flag);
                continue;
            }
            let option = if self.accept_words(&["connection", "limit"]) {
                RoleOption::ConnectionLimit(i32::try_from(self.integer()?).unwrap_or(i32::MAX))
            } else if self.accept_word("encrypted") || self.is_word("password") {
                self.expect_word("password")?;
                RoleOption::Password(if self.accept_word("null") { None } else { Some(self.string()?) })
            } else if self.accept_words(&["valid", "until"]) {
                RoleOption::ValidUntil(self.string()?)
            } else if self.accept_words(&["in", "role"]) || self.accept_words(&["in", "group"]) {
                RoleOption::InRole(self.role_names()?)
            } else if self.accept_word("role") || self.accept_word("user") {
                RoleOption::Members(self.role_names()?)
            } else if self.accept_word("admin") {
                RoleOption::Admins(self.role_names()?)
            } else if self.accept_word("sysid") {
                self.integer()?;
                continue;
            } else {
                return Ok(());
            };
            options.push(option);
        }
    }

    /// Behind ALTER and ROLE, USER or GROUP.
    pub(super) fn alter_role(&mut self) -> Result<Statement> {
        if self.is_word("all") {
            return self.unsupported("ALTER ROLE ALL");
        }
        let name = self.role_name()?;
        if self.accept_words(&["rename", "to"]) {
            return Ok(Statement::RenameRole { name, to: self.name_string()? });
        }
        if self.is_word("in") && self.is_word_at(1, "database") {
            return self.unsupported("ALTER ROLE IN DATABASE");
        }
        if let Some((setting, value)) = self.stored_setting()? {
            return Ok(Statement::AlterRoleSet { name, setting, value });
        }
        self.accept_word("with");
        let mut options = Vec::new();
        self.role_options(&mut options)?;
        Ok(Statement::AlterRole { name, options })
    }

    /// SET or RESET of a role or database: the setting, and its value unless it is to have none.
    pub(super) fn stored_setting(&mut self) -> Result<Option<(String, Option<Vec<String>>)>> {
        if self.accept_word("reset") {
            return Ok(Some((self.setting_name()?, None)));
        }
        if !self.accept_word("set") {
            return Ok(None);
        }
        let (setting, value) = match self.set_identity()? {
            Some((setting, value)) => (setting.to_owned(), value),
            None => {
                let zone = self.is_word("time") && self.is_word_at(1, "zone");
                let setting = self.setting_name()?;
                if !zone && !self.accept_word("to") && !self.accept_op("=") {
                    return Err(self.unexpected());
                }
                (setting, if zone { self.time_zone_value()? } else { self.set_value()? })
            }
        };
        let value = match value {
            SetValue::Default => None,
            SetValue::Values(values) => Some(values),
        };
        Ok(Some((setting, value)))
    }

    pub(super) fn drop_role(&mut self) -> Result<Statement> {
        let if_exists = self.accept_words(&["if", "exists"]);
        Ok(Statement::DropRoles { names: self.role_names()?, if_exists })
    }

    /// Behind DROP OWNED.
    pub(super) fn drop_owned(&mut self) -> Result<Statement> {
        self.expect_word("by")?;
        let roles = self.role_names()?;
        let cascade = self.accept_word("cascade");
        if !cascade {
            self.accept_word("restrict");
        }
        Ok(Statement::DropOwned { roles, cascade })
    }

    pub(super) fn reassign_owned(&mut self) -> Result<Statement> {
        self.expect_words(&["reassign", "owned", "by"])?;
        let from = self.role_names()?;
        self.expect_word("to")?;
        Ok(Statement::ReassignOwned { from, to: self.role_name()? })
    }

    pub(super) fn grant(&mut self) -> Result<Statement> {
        let revoke = self.is_word("revoke");
        self.advance();
        let mut grant = Grant {
            revoke,
            privileges: Vec::new(),
            on: GrantTarget::Roles(Vec::new()),
            grantees: Vec::new(),
            grant_option: false,
            grantor: None,
            cascade: false,
        };
        if revoke && (self.accept_words(&["grant", "option", "for"]) || self.accept_words(&["admin", "option", "for"]))
        {
            grant.grant_option = true;
        }
        if self.accept_word("all") {
            self.accept_word("privileges");
            if self.is_sym("(") {
                return self.unsupported("GRANT on columns");
            }
        } else {
            grant.privileges = self.list(|parser| {
                let name = parser.label()?.name;
                let columns = parser.optional_column_list()?.into_iter().map(|column| column.name).collect();
                Ok((name, columns))
            })?;
        }
        if self.accept_word("on") {
            for (name, _) in &mut grant.privileges {
                name.make_ascii_uppercase();
            }
            grant.on = self.grant_target()?;
        } else {
            let roles = grant.privileges.drain(..).map(|(name, _)| name).collect();
            grant.on = GrantTarget::Roles(roles);
        }
        self.expect_word(if revoke { "from" } else { "to" })?;
        grant.grantees = self.list(|parser| {
            parser.accept_word("group");
            parser.role_name()
        })?;
        if !revoke
            && (self.accept_words(&["with", "grant", "option"]) || self.accept_words(&["with", "admin", "option"]))
        {
            grant.grant_option = true;
        }
        if self.accept_words(&["granted", "by"]) {
            grant.grantor = Some(self.role_name()?);
        }
        if revoke {
            grant.cascade = self.accept_word("cascade");
            self.accept_word("restrict");
        }
        Ok(Statement::Grant(Box::new(grant)))
    }

    fn grant_target(&mut self) -> Result<GrantTarget> {
        if self.accept_words(&["all", "tables", "in", "schema"]) {
            return Ok(GrantTarget::AllTablesIn(self.list(Self::ident)?));
        }
        if self.accept_words(&["all", "sequences", "in", "schema"]) {
            return Ok(GrantTarget::AllSequencesIn(self.list(Self::ident)?));
        }
        if self.accept_word("schema") {
            return Ok(GrantTarget::Schemas(self.list(Self::ident)?));
        }
        if self.accept_word("database") {
            return Ok(GrantTarget::Databases(self.list(Self::name_string)?));
        }
        let others =
            ["function", "procedure", "routine", "language", "type", "domain", "tablespace", "foreign", "large", "all"];
        if self.is_any_word(&others) {
            let what = self.label()?.name;
            while !self.is_any_word(&["to", "from"]) && !self.at_end() && !self.is_sym(";") {
                self.advance();
            }
            return Ok(GrantTarget::Other(what));
        }
        if self.accept_word("sequence") {
            return Ok(GrantTarget::Sequences(self.list(Self::object_name)?));
        }
        self.accept_word("table");
        Ok(GrantTarget::Relations(self.list(Self::object_name)?))
    }
}

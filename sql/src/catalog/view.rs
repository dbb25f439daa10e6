//! Views: a query with a name, options, and defaults of its columns.

use std::sync::Arc;

use types::{Result, SqlType};

use super::acl::Acl;
use super::parameters::{self, Bearer};

/// A view. Its query is kept as text and bound where the view is used, under the search path it was written with.
#[derive(Clone, Debug)]
pub struct ViewDef {
    pub oid: u32,
    pub name: Arc<str>,
    pub schema: u32,
    pub schema_name: Arc<str>,
    pub owner: u32,
    pub acl: Acl,
    pub row_type: u32,
    /// The SELECT or VALUES statement, without a semicolon.
    pub query: Arc<str>,
    /// Schemas in the order in which the query's names are looked up.
    pub search_path: Vec<Arc<str>>,
    /// Output columns, renamed by the view's column list where it has one.
    pub columns: Vec<(Arc<str>, SqlType)>,
    /// What an INSERT through the view puts into a column that it does not name: the column's position, and an expression as
    /// SQL text. Elsewhere the table's own default decides.
    pub defaults: Vec<(usize, Arc<str>)>,
    /// Parameters as written, such as `check_option=local`: see [`ViewDef::parameters`].
    pub options: Vec<Arc<str>>,
}

/// What the options of a view say.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct ViewParameters {
    pub check_option: Option<CheckOption>,
    /// Conditions of who reads the view see no rows but the view's.
    pub security_barrier: bool,
    /// What the view reads is read with the rights of who reads the view, and not of its owner.
    pub security_invoker: bool,
}

/// `WITH CHECK OPTION`: which conditions rows must meet that are written through a view.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CheckOption {
    /// The view's own.
    Local,
    /// Those of the views below it, too.
    Cascaded,
}

impl ViewDef {
    /// The role whose privileges count for what the view reads; `None`: the current user, also behind other views.
    pub fn reader(&self) -> Option<u32> {
        (!self.parameters().security_invoker).then_some(self.owner)
    }

    /// The default of the column at this position.
    pub fn default_of(&self, column: usize) -> Option<&Arc<str>> {
        self.defaults.iter().find(|(at, _)| *at == column).map(|(_, text)| text)
    }

    pub fn parameters(&self) -> ViewParameters {
        // They were read when they were stored.
        ViewParameters::read(&self.options).unwrap_or_default()
    }
}

impl ViewParameters {
    /// Reads options as they are written: `name=value`.
    ///
    /// # Errors
    /// As [`parameters::check`].
    pub fn read(options: &[impl AsRef<str>]) -> Result<ViewParameters> {
        parameters::check(Bearer::View, options)?;
        let mut read = ViewParameters::default();
        for option in options {
            let (name, value) = parameters::parts(option.as_ref());
            match name {
                "security_barrier" => read.security_barrier = parameters::is_on(value),
                "security_invoker" => read.security_invoker = parameters::is_on(value),
                _ => {
                    let known = [CheckOption::Local, CheckOption::Cascaded];
                    read.check_option = known.into_iter().find(|it| it.word().eq_ignore_ascii_case(value));
                }
            }
        }
        Ok(read)
    }
}

impl CheckOption {
    /// The value of the parameter `check_option`.
    fn word(self) -> &'static str {
        match self {
            CheckOption::Local => "local",
            CheckOption::Cascaded => "cascaded",
        }
    }

    /// The option that says so.
    pub fn option(self) -> String {
        format!("check_option={}", self.word())
    }
}

//! The stored form of definitions.
//!
//! Each row is one byte of format version and then the fields in order: integers little-endian, text as a length of four
//! bytes and UTF-8, lists as a count of four bytes and the items, optional values behind a byte of 0 or 1. What a
//! definition shows beside its own fields (a table's indexes and constraints) is put together when a snapshot is built.
//!
//! Fields that came with a later version stand where older rows end, or behind a bit that these do not have.

use std::sync::Arc;

use types::{Datum, Error, Result, SqlState, SqlType};

use super::acl::{Acl, AclItem, Privileges};
use super::constraint::{ConstraintDef, ConstraintKind, ForeignKey, ReferentialAction, Timing};
use super::database::DatabaseDef;
use super::grants::merged;
use super::index::{IndexColumn, IndexDef, Predicate};
use super::role::RoleDef;
use super::schema::SchemaDef;
use super::sequence::{SequenceDef, SequenceOwner};
use super::snapshot::Comment;
use super::table::{ColumnDef, Generated, Identity, TableDef};
use super::view::{CheckOption, ViewDef};

const FORMAT: u8 = 1;

/// What a catalog row defines.
#[derive(Clone, Debug)]
pub(crate) enum Object {
    Schema(SchemaDef),
    Table(Box<TableDef>),
    View(ViewDef),
    Index(IndexDef),
    Constraint(ConstraintDef),
    Sequence(SequenceDef),
    Role(RoleDef),
    Database(DatabaseDef),
    Comment(Comment),
    /// A counter: the next oid.
    Counter(u64),
}

/// The class of a row: the second part of its key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Class {
    Counter = 0,
    Database = 1,
    Role = 2,
    Schema = 3,
    Table = 4,
    Index = 5,
    Constraint = 6,
    Sequence = 7,
    View = 8,
    Comment = 9,
    /// Rows of the sequences' states; not part of a snapshot.
    SequenceState = 10,
}

impl Class {
    fn from_byte(byte: u8) -> Option<Class> {
        const ALL: [Class; 11] = [
            Class::Counter,
            Class::Database,
            Class::Role,
            Class::Schema,
            Class::Table,
            Class::Index,
            Class::Constraint,
            Class::Sequence,
            Class::View,
            Class::Comment,
            Class::SequenceState,
        ];
        ALL.get(usize::from(byte)).copied()
    }
}

/// The key of a row: database (0 for shared objects), class, oid, and for comments the rest of their identity; integers
/// big-endian, so that a database's rows stand together.
pub(crate) fn key(database: u32, class: Class, oid: u32) -> Vec<u8> {
    let mut key = Vec::with_capacity(9);
    key.extend(database.to_be_bytes());
    key.push(class as u8);
    key.extend(oid.to_be_bytes());
    key
}

pub(crate) fn comment_key(database: u32, comment: &Comment) -> Vec<u8> {
    let mut key = key(database, Class::Comment, comment.object);
    key.extend(comment.class.to_be_bytes());
    key.extend(comment.column.to_be_bytes());
    key
}

/// The class a key belongs to.
pub(crate) fn class_of(key: &[u8]) -> Option<Class> {
    Class::from_byte(*key.get(4)?)
}

/// The stored form.
///
/// # Errors
/// XX000 when a missing value is not of its column's type.
pub(crate) fn encode(object: &Object) -> Result<Vec<u8>> {
    let mut out = Writer(vec![FORMAT]);
    match object {
        Object::Schema(it) => {
            out.u32(it.oid);
            out.text(&it.name);
            out.owned(it.owner, &it.acl, Privileges::ALL_SCHEMA);
        }
        Object::Table(it) => out.table(it)?,
        Object::View(it) => {
            out.u32(it.oid);
            out.text(&it.name);
            out.u32(it.schema);
            out.owned(it.owner, &it.acl, Privileges::ALL_TABLE);
            out.u32(it.row_type);
            out.text(&it.query);
            out.list(&it.search_path, |out, name| out.text(name));
            out.list(&it.columns, |out, (name, ty)| {
                out.text(name);
                out.ty(*ty);
            });
            let check_option = it.parameters().check_option;
            out.option(&check_option, |out, option| out.bool(*option == CheckOption::Cascaded));
            // What has no more than that is what servers read that know of no more.
            let alone = check_option.map(CheckOption::option);
            if !it.defaults.is_empty() || !it.options.iter().map(|option| &**option).eq(alone.as_deref()) {
                out.list(&it.options, |out, option| out.text(option));
                out.list(&it.defaults, |out, (column, text)| {
                    out.u32(*column as u32);
                    out.text(text);
                });
            }
        }
        Object::Index(it) => {
            out.u32(it.oid);
            out.text(&it.name);
            out.u32(it.schema);
            out.u32(it.table);
            out.u64(it.tree);
            out.u64(it.valid_from);
            out.bool(it.unique);
            out.bool(it.primary);
            out.list(&it.columns, |out, column| {
                out.u32(column.column as u32);
                out.bool(column.descending);
                // A second bit announces an operator class, which older rows do not have.
                out.u8(u8::from(column.nulls_first) | (u8::from(column.operator_class.is_some()) << 1));
                if let Some(class) = column.operator_class {
                    out.u32(class);
                }
            });
            out.option(&it.constraint, |out, oid| out.u32(*oid));
            // What has neither is what servers read that know of neither.
            if !it.options.is_empty() || it.predicate.is_some() {
                out.list(&it.options, |out, option| out.text(option));
            }
            if let Some(predicate) = &it.predicate {
                out.text(&predicate.text);
                out.positions(&predicate.columns);
            }
        }
        Object::Constraint(it) => out.constraint(it),
        Object::Sequence(it) => {
            out.u32(it.oid);
            out.text(&it.name);
            out.u32(it.schema);
            out.owned(it.owner, &it.acl, Privileges::ALL_SEQUENCE);
            out.ty(it.data_type);
            for value in [it.start, it.increment, it.min, it.max, it.cache] {
                out.i64(value);
            }
            out.bool(it.cycle);
            out.option(&it.owned_by, |out, owner| {
                out.u32(owner.table);
                out.u32(owner.column as u32);
                out.bool(owner.identity);
            });
            out.u32(it.generation);
        }
        Object::Role(it) => {
            out.u32(it.oid);
            out.text(&it.name);
            let flags = [
                it.superuser,
                it.inherit,
                it.create_role,
                it.create_database,
                it.login,
                it.replication,
                it.bypass_row_security,
            ];
            for flag in flags {
                out.bool(flag);
            }
            out.i64(i64::from(it.connection_limit));
            out.option(&it.password, |out, text| out.text(text));
            out.option(&it.valid_until, |out, at| out.i64(*at));
            out.list(&it.member_of, |out, oid| out.u32(*oid));
            out.settings(&it.settings);
            // Who has none is what servers read that know of none.
            if !it.admin_of.is_empty() {
                out.list(&it.admin_of, |out, oid| out.u32(*oid));
            }
        }
        Object::Database(it) => {
            out.u32(it.oid);
            out.text(&it.name);
            out.owned(it.owner, &it.acl, Privileges::ALL_DATABASE);
            out.bool(it.is_template);
            out.bool(it.allow_connections);
            out.i64(i64::from(it.connection_limit));
            out.settings(&it.settings);
        }
        Object::Comment(it) => {
            out.u32(it.class);
            out.u32(it.object);
            out.i64(i64::from(it.column));
            out.text(&it.text);
        }
        Object::Counter(value) => out.u64(*value),
    }
    Ok(out.0)
}

/// Reads a row of this class.
///
/// # Errors
/// XX001 for bytes that no definition has, or a newer format.
pub(crate) fn decode(class: Class, bytes: &[u8]) -> Result<Object> {
    let mut input = Reader { bytes };
    let format = input.u8()?;
    if format != FORMAT {
        return Err(corrupt(format!("a catalog row has format {format}")));
    }
    let object = match class {
        Class::Schema => {
            let (oid, name) = (input.u32()?, input.text()?);
            let (owner, acl) = input.owned(Privileges::ALL_SCHEMA)?;
            Object::Schema(SchemaDef { oid, name, owner, acl })
        }
        Class::Table => Object::Table(Box::new(input.table()?)),
        Class::View => Object::View(input.view()?),
        Class::Index => Object::Index(IndexDef {
            oid: input.u32()?,
            name: input.text()?,
            schema: input.u32()?,
            table: input.u32()?,
            tree: input.u64()?,
            valid_from: input.u64()?,
            unique: input.bool()?,
            primary: input.bool()?,
            columns: input.list(|input| {
                let (column, descending, flags) = (input.u32()? as usize, input.bool()?, input.u8()?);
                if flags > 3 {
                    return Err(corrupt(format!("{flags} are no flags of an index column in a catalog row")));
                }
                let operator_class = if flags & 2 == 0 { None } else { Some(input.u32()?) };
                Ok(IndexColumn { column, descending, nulls_first: flags & 1 != 0, operator_class })
            })?,
            constraint: input.option(Reader::u32)?,
            options: if input.bytes.is_empty() { Vec::new() } else { input.list(Reader::text)? },
            predicate: match input.bytes.is_empty() {
                true => None,
                false => Some(Predicate::new(input.text()?, input.positions()?)),
            },
        }),
        Class::Constraint => Object::Constraint(input.constraint()?),
        Class::Sequence => Object::Sequence(input.sequence()?),
        Class::Role => Object::Role(RoleDef {
            oid: input.u32()?,
            name: input.text()?,
            superuser: input.bool()?,
            inherit: input.bool()?,
            create_role: input.bool()?,
            create_database: input.bool()?,
            login: input.bool()?,
            replication: input.bool()?,
            bypass_row_security: input.bool()?,
            connection_limit: input.i64()? as i32,
            password: input.option(Reader::text)?,
            valid_until: input.option(Reader::i64)?,
            member_of: input.list(Reader::u32)?,
            settings: input.settings()?,
            admin_of: if input.bytes.is_empty() { Vec::new() } else { input.list(Reader::u32)? },
        }),
        Class::Database => {
            let (oid, name) = (input.u32()?, input.text()?);
            let (owner, acl) = input.owned(Privileges::ALL_DATABASE)?;
            Object::Database(DatabaseDef {
                oid,
                name,
                owner,
                acl,
                is_template: input.bool()?,
                allow_connections: input.bool()?,
                connection_limit: input.i64()? as i32,
                settings: input.settings()?,
            })
        }
        Class::Comment => Object::Comment(Comment {
            class: input.u32()?,
            object: input.u32()?,
            column: input.i64()? as i32,
            text: input.text()?,
        }),
        Class::Counter | Class::SequenceState => Object::Counter(input.u64()?),
    };
    if input.bytes.is_empty() { Ok(object) } else { Err(corrupt("bytes are left over in a catalog row")) }
}

fn corrupt(why: impl Into<String>) -> Error {
    Error::new(SqlState::DATA_CORRUPTED, why)
}

struct Writer(Vec<u8>);

impl Writer {
    fn u8(&mut self, value: u8) {
        self.0.push(value);
    }
    fn bool(&mut self, value: bool) {
        self.0.push(u8::from(value));
    }
    fn u16(&mut self, value: u16) {
        self.0.extend(value.to_le_bytes());
    }
    fn u32(&mut self, value: u32) {
        self.0.extend(value.to_le_bytes());
    }
    fn u64(&mut self, value: u64) {
        self.0.extend(value.to_le_bytes());
    }
    fn i64(&mut self, value: i64) {
        self.0.extend(value.to_le_bytes());
    }
    fn blob(&mut self, bytes: &[u8]) {
        self.u32(bytes.len() as u32);
        self.0.extend(bytes);
    }
    fn text(&mut self, text: &str) {
        self.blob(text.as_bytes());
    }
    fn ty(&mut self, ty: SqlType) {
        self.u32(ty.oid);
        self.u32(ty.typmod as u32);
    }
    fn option<T>(&mut self, value: &Option<T>, write: impl FnOnce(&mut Writer, &T)) {
        self.bool(value.is_some());
        if let Some(value) = value {
            write(self, value);
        }
    }
    fn list<T>(&mut self, items: &[T], mut write: impl FnMut(&mut Writer, &T)) {
        self.u32(items.len() as u32);
        for item in items {
            write(self, item);
        }
    }
    fn positions(&mut self, positions: &[usize]) {
        self.list(positions, |out, position| out.u32(*position as u32));
    }
    fn settings(&mut self, settings: &[(Arc<str>, Arc<str>)]) {
        self.list(settings, |out, (name, value)| {
            out.text(name);
            out.text(value);
        });
    }

    /// An owner, and the grants of what they own: behind a 0 none, behind a 1 grants that the owner has made, who is granted
    /// `all` there, behind a 2 any. To older servers, which know no 2, only the owner made grants, and kept all whatever
    /// these say.
    fn owned(&mut self, owner: u32, acl: &Acl, all: Privileges) {
        self.u32(owner);
        let Some(items) = acl else { return self.u8(0) };
        let keeps_all = items.iter().any(|item| item.grantee == owner && item.privileges.contains(all));
        let made_all = items.iter().all(|item| item.grantor == owner);
        self.u8(if keeps_all && made_all { 1 } else { 2 });
        self.list(items, |out, item| {
            out.u32(item.grantee);
            out.u32(item.grantor);
            out.u16(item.privileges.0);
            out.u16(item.grantable.0);
        });
    }

    fn table(&mut self, it: &TableDef) -> Result<()> {
        self.u32(it.oid);
        self.text(&it.name);
        self.u32(it.schema);
        self.owned(it.owner, &it.acl, Privileges::ALL_TABLE);
        self.u32(it.row_type);
        self.u64(it.tree);
        self.u64(it.valid_from);
        self.u16(it.schema_version);
        self.u32(it.columns.len() as u32);
        for column in &it.columns {
            self.column(column)?;
        }
        self.positions(&it.key);
        self.list(&it.options, |out, text| out.text(text));
        self.bool(it.unlogged);
        self.u64(it.estimated_rows.to_bits());
        Ok(())
    }

    fn column(&mut self, column: &ColumnDef) -> Result<()> {
        self.text(&column.name);
        self.ty(column.ty);
        self.bool(column.not_null);
        self.option(&column.default, |out, text| out.text(text));
        self.u8(match column.identity {
            None => 0,
            Some(Identity::Always) => 1,
            Some(Identity::ByDefault) => 2,
        });
        self.bool(column.generated.is_some());
        self.option(&column.sequence, |out, oid| out.u32(*oid));
        self.bool(column.dropped);
        self.u16(column.added_in);
        // A value stands alone, in the codec that rows have.
        let mut missing = Vec::new();
        types::row::encode_row(std::slice::from_ref(&column.missing), &[column.ty], &mut missing)?;
        self.blob(&missing);
        Ok(())
    }

    fn constraint(&mut self, it: &ConstraintDef) {
        self.u32(it.oid);
        self.text(&it.name);
        self.u32(it.schema);
        self.u32(it.table);
        match &it.kind {
            ConstraintKind::Check { expression, columns } => {
                self.u8(0);
                self.text(expression);
                self.positions(columns);
            }
            ConstraintKind::PrimaryKey { index } => {
                self.u8(1);
                self.u32(*index);
            }
            ConstraintKind::Unique { index } => {
                self.u8(2);
                self.u32(*index);
            }
            ConstraintKind::Foreign(foreign) => {
                self.u8(3);
                self.positions(&foreign.columns);
                self.u32(foreign.parent);
                self.positions(&foreign.parent_columns);
                self.u32(foreign.parent_index);
                self.u8(foreign.on_delete as u8);
                self.u8(foreign.on_update as u8);
                // Rows from before constraints could be deferred have no bits but the lowest.
                self.u8(u8::from(foreign.match_full) | ((foreign.timing as u8) << 1));
            }
        }
        self.bool(it.validated);
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
}

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N]> {
        match self.bytes.split_first_chunk::<N>() {
            Some((head, rest)) => {
                self.bytes = rest;
                Ok(*head)
            }
            None => Err(corrupt("a catalog row ends too early")),
        }
    }
    fn u8(&mut self) -> Result<u8> {
        Ok(self.take::<1>()?[0])
    }
    fn bool(&mut self) -> Result<bool> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(corrupt(format!("{other} is no boolean in a catalog row"))),
        }
    }
    fn u16(&mut self) -> Result<u16> {
        Ok(u16::from_le_bytes(self.take()?))
    }
    fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_le_bytes(self.take()?))
    }
    fn u64(&mut self) -> Result<u64> {
        Ok(u64::from_le_bytes(self.take()?))
    }
    fn i64(&mut self) -> Result<i64> {
        Ok(i64::from_le_bytes(self.take()?))
    }
    fn blob(&mut self) -> Result<&[u8]> {
        let length = self.u32()? as usize;
        let Some((head, rest)) = self.bytes.split_at_checked(length) else {
            return Err(corrupt("a catalog row ends too early"));
        };
        self.bytes = rest;
        Ok(head)
    }
    fn text(&mut self) -> Result<Arc<str>> {
        std::str::from_utf8(self.blob()?).map(Arc::from).map_err(|_| corrupt("text in a catalog row is not UTF-8"))
    }
    fn ty(&mut self) -> Result<SqlType> {
        Ok(SqlType { oid: self.u32()?, typmod: self.u32()? as i32 })
    }
    fn option<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T>) -> Result<Option<T>> {
        if self.bool()? { read(self).map(Some) } else { Ok(None) }
    }
    fn list<T>(&mut self, mut read: impl FnMut(&mut Self) -> Result<T>) -> Result<Vec<T>> {
        let count = self.u32()? as usize;
        // A count beyond the bytes is refused by the first item that is missing, not by an allocation.
        let mut items = Vec::with_capacity(count.min(self.bytes.len()));
        for _ in 0..count {
            items.push(read(self)?);
        }
        Ok(items)
    }
    fn positions(&mut self) -> Result<Vec<usize>> {
        self.list(|input| Ok(input.u32()? as usize))
    }
    fn settings(&mut self) -> Result<Vec<(Arc<str>, Arc<str>)>> {
        self.list(|input| Ok((input.text()?, input.text()?)))
    }

    /// See [`Writer::owned`].
    fn owned(&mut self, all: Privileges) -> Result<(u32, Acl)> {
        let owner = self.u32()?;
        let by_owner = match self.u8()? {
            0 => return Ok((owner, None)),
            1 => true,
            2 => false,
            other => return Err(corrupt(format!("{other} is no kind of grants in a catalog row"))),
        };
        let mut items = self.list(|input| {
            Ok(AclItem {
                grantee: input.u32()?,
                grantor: input.u32()?,
                privileges: Privileges(input.u16()?),
                grantable: Privileges(input.u16()?),
            })
        })?;
        if by_owner {
            // An older server has left the names of former owners there.
            let own = AclItem::defaults(owner, all, Privileges::NONE);
            items = merged(items.into_iter().map(|item| AclItem { grantor: owner, ..item }).chain(own));
        }
        Ok((owner, Some(items.into())))
    }

    fn sequence(&mut self) -> Result<SequenceDef> {
        let (oid, name, schema) = (self.u32()?, self.text()?, self.u32()?);
        let (owner, acl) = self.owned(Privileges::ALL_SEQUENCE)?;
        Ok(SequenceDef {
            oid,
            name,
            schema,
            schema_name: Arc::from(""),
            owner,
            acl,
            data_type: self.ty()?,
            start: self.i64()?,
            increment: self.i64()?,
            min: self.i64()?,
            max: self.i64()?,
            cache: self.i64()?,
            cycle: self.bool()?,
            owned_by: self.option(|input| {
                let table = input.u32()?;
                let column = input.u32()? as usize;
                Ok(SequenceOwner { table, column, identity: input.bool()? })
            })?,
            // Rows from before there were generations end here.
            generation: if self.bytes.is_empty() { 0 } else { self.u32()? },
        })
    }

    fn view(&mut self) -> Result<ViewDef> {
        let (oid, name, schema) = (self.u32()?, self.text()?, self.u32()?);
        let (owner, acl) = self.owned(Privileges::ALL_TABLE)?;
        let mut view = ViewDef {
            oid,
            name,
            schema,
            schema_name: Arc::from(""),
            owner,
            acl,
            row_type: self.u32()?,
            query: self.text()?,
            search_path: self.list(Self::text)?,
            columns: self.list(|input| Ok((input.text()?, input.ty()?)))?,
            defaults: Vec::new(),
            options: Vec::new(),
        };
        // Rows from before there were check options end here, and those of views with nothing else behind it.
        if !self.bytes.is_empty()
            && let Some(cascaded) = self.option(Self::bool)?
        {
            let option = if cascaded { CheckOption::Cascaded } else { CheckOption::Local };
            view.options.push(Arc::from(option.option()));
        }
        if !self.bytes.is_empty() {
            view.options = self.list(Self::text)?;
            view.defaults = self.list(|input| Ok((input.u32()? as usize, input.text()?)))?;
        }
        Ok(view)
    }

    fn table(&mut self) -> Result<TableDef> {
        let (oid, name, schema) = (self.u32()?, self.text()?, self.u32()?);
        let (owner, acl) = self.owned(Privileges::ALL_TABLE)?;
        let mut table = TableDef {
            oid,
            name,
            schema,
            schema_name: Arc::from(""),
            owner,
            acl,
            row_type: self.u32()?,
            tree: self.u64()?,
            valid_from: self.u64()?,
            schema_version: self.u16()?,
            columns: self.list(Self::column)?,
            key: self.positions()?,
            indexes: Vec::new(),
            constraints: Vec::new(),
            referenced_by: Vec::new(),
            options: self.list(Self::text)?,
            unlogged: self.bool()?,
            estimated_rows: f64::from_bits(self.u64()?),
            shape: Arc::default(),
        };
        if table.key.iter().any(|position| *position >= table.columns.len()) {
            return Err(corrupt("a table's key names a column that it does not have"));
        }
        table.reshape();
        Ok(table)
    }

    fn column(&mut self) -> Result<ColumnDef> {
        let name = self.text()?;
        let ty = self.ty()?;
        Ok(ColumnDef {
            name,
            ty,
            not_null: self.bool()?,
            default: self.option(Self::text)?,
            identity: match self.u8()? {
                0 => None,
                1 => Some(Identity::Always),
                2 => Some(Identity::ByDefault),
                other => return Err(corrupt(format!("{other} is no kind of identity"))),
            },
            generated: self.bool()?.then_some(Generated::Stored),
            sequence: self.option(Self::u32)?,
            dropped: self.bool()?,
            added_in: self.u16()?,
            missing: {
                let bytes = self.blob()?;
                let row = types::row::decode_row(bytes, &[ty], &[])?;
                row.into_iter().next().unwrap_or(Datum::Null)
            },
        })
    }

    fn action(&mut self) -> Result<ReferentialAction> {
        Ok(match self.u8()? {
            0 => ReferentialAction::NoAction,
            1 => ReferentialAction::Restrict,
            2 => ReferentialAction::Cascade,
            3 => ReferentialAction::SetNull,
            4 => ReferentialAction::SetDefault,
            other => return Err(corrupt(format!("{other} is no referential action"))),
        })
    }

    fn foreign_key(&mut self) -> Result<ForeignKey> {
        let (columns, parent) = (self.positions()?, self.u32()?);
        let (parent_columns, parent_index) = (self.positions()?, self.u32()?);
        let (on_delete, on_update) = (self.action()?, self.action()?);
        let bits = self.u8()?;
        let timing = match bits >> 1 {
            0 => Timing::Immediate,
            1 => Timing::Deferrable,
            2 => Timing::Deferred,
            other => return Err(corrupt(format!("{other} is no timing of a foreign key"))),
        };
        let match_full = bits & 1 != 0;
        Ok(ForeignKey { columns, parent, parent_columns, parent_index, on_delete, on_update, match_full, timing })
    }

    fn constraint(&mut self) -> Result<ConstraintDef> {
        Ok(ConstraintDef {
            oid: self.u32()?,
            name: self.text()?,
            schema: self.u32()?,
            table: self.u32()?,
            kind: match self.u8()? {
                0 => ConstraintKind::Check { expression: self.text()?, columns: self.positions()? },
                1 => ConstraintKind::PrimaryKey { index: self.u32()? },
                2 => ConstraintKind::Unique { index: self.u32()? },
                3 => ConstraintKind::Foreign(self.foreign_key()?),
                other => return Err(corrupt(format!("{other} is no kind of constraint"))),
            },
            validated: self.bool()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_and_defaults_of_views_stand_behind_what_there_was_before() {
        let view = |options: &[&str], defaults: &[(usize, &str)]| ViewDef {
            oid: 16_400,
            name: Arc::from("v"),
            schema: 2200,
            schema_name: Arc::from(""),
            owner: 10,
            acl: None,
            row_type: 16_401,
            query: Arc::from("select 1 as one"),
            search_path: vec![Arc::from("public")],
            columns: vec![(Arc::from("one"), SqlType::INT4)],
            defaults: defaults.iter().map(|(at, text)| (*at, Arc::from(*text))).collect(),
            options: options.iter().map(|option| Arc::from(*option)).collect(),
        };
        let written = |view: &ViewDef| encode(&Object::View(view.clone())).expect("a view");
        let read = |bytes: &[u8]| match decode(Class::View, bytes) {
            Ok(Object::View(view)) => (view.options, view.defaults),
            other => panic!("{other:?}"),
        };
        let plain = written(&view(&[], &[]));
        let before = &plain[..plain.len() - 1];
        assert_eq!(read(before), (Vec::new(), Vec::new()));
        assert_eq!(written(&view(&["check_option=cascaded"], &[])), [before, &[1, 1][..]].concat());
        for it in [
            view(&[], &[]),
            view(&["check_option=local"], &[]),
            view(&["check_option=LOCAL"], &[]),
            view(&["security_barrier=true", "check_option=cascaded"], &[]),
            view(&["check_option=local"], &[(0, "7")]),
            view(&[], &[(0, "7")]),
        ] {
            assert_eq!(read(&written(&it)), (it.options.clone(), it.defaults.clone()));
        }
    }

    #[test]
    fn parameters_and_conditions_of_indexes_stand_behind_what_there_was_before() {
        let index = |options: &[&str], predicate: Option<&Predicate>| IndexDef {
            oid: 16_402,
            name: Arc::from("i"),
            schema: 2200,
            table: 16_400,
            tree: 7,
            valid_from: 0,
            unique: false,
            primary: false,
            columns: vec![IndexColumn { column: 1, descending: true, nulls_first: true, operator_class: None }],
            options: options.iter().map(|option| Arc::from(*option)).collect(),
            predicate: predicate.cloned(),
            constraint: None,
        };
        let written = |options: &[&str], predicate: Option<&Predicate>| {
            encode(&Object::Index(index(options, predicate))).expect("an index")
        };
        let (options, predicate) =
            (["fillfactor=70", "deduplicate_items=off"], Predicate::new("a > 1".into(), vec![0, 3]));
        for (options, predicate) in
            [(&[][..], None), (&options[..], None), (&[], Some(&predicate)), (&options, Some(&predicate))]
        {
            let bytes = written(options, predicate);
            assert!(bytes.starts_with(&written(&[], None)));
            let Ok(Object::Index(read)) = decode(Class::Index, &bytes) else { panic!("it is an index") };
            assert!(read.options.iter().map(|option| &**option).eq(options.iter().copied()));
            let parts = |it: &Predicate| (it.text.clone(), it.columns.clone());
            assert_eq!(read.predicate.as_ref().map(parts), predicate.map(parts));
        }
    }

    #[test]
    fn grants_from_before_grantors_counted_are_the_owners_who_has_all() {
        let item = |grantee, grantor, privileges| AclItem { grantee, grantor, privileges, grantable: Privileges::NONE };
        let all = Privileges::ALL_SCHEMA;
        let own = item(10, 10, all);
        let written = |items: &[AclItem]| {
            let schema = SchemaDef { oid: 16_400, name: Arc::from("s"), owner: 10, acl: Some(Arc::from(items)) };
            encode(&Object::Schema(schema)).expect("a schema")
        };
        let read = |bytes: &[u8]| match decode(Class::Schema, bytes) {
            Ok(Object::Schema(schema)) => schema.acl.map(|items| items.to_vec()),
            other => panic!("{other:?}"),
        };
        // Behind format, oid, name and owner.
        const KIND: usize = 1 + 4 + 5 + 4;
        let (by_former, by_owner) = (item(0, 11, Privileges::USAGE), item(0, 10, Privileges::USAGE));
        for (items, kind, was) in [
            (vec![own, by_owner], 1, vec![own, by_owner]),
            (vec![by_owner], 2, vec![by_owner, own]),
            (vec![], 2, vec![own]),
            (vec![item(10, 10, Privileges::USAGE), by_owner], 2, vec![own, by_owner]),
            (vec![by_former, own, by_owner], 2, vec![by_owner, own]),
        ] {
            let mut bytes = written(&items);
            assert_eq!((bytes[KIND], read(&bytes)), (kind, Some(items)));
            bytes[KIND] = 1;
            assert_eq!(read(&bytes), Some(was));
        }
    }

    #[test]
    fn a_foreign_key_from_before_any_could_be_deferred_is_immediate() {
        let foreign = ForeignKey {
            columns: vec![1],
            parent: 16_400,
            parent_columns: vec![0],
            parent_index: 16_401,
            on_delete: ReferentialAction::Cascade,
            on_update: ReferentialAction::NoAction,
            match_full: true,
            timing: Timing::Deferred,
        };
        let constraint = ConstraintDef {
            oid: 16_402,
            name: Arc::from("c_pid_fkey"),
            schema: 2200,
            table: 16_403,
            kind: ConstraintKind::Foreign(foreign),
            validated: true,
        };
        let mut bytes = encode(&Object::Constraint(constraint)).expect("a constraint");
        let read = |bytes: &[u8]| match decode(Class::Constraint, bytes) {
            Ok(Object::Constraint(ConstraintDef { kind: ConstraintKind::Foreign(foreign), .. })) => {
                (foreign.match_full, foreign.timing)
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(read(&bytes), (true, Timing::Deferred));
        // Behind it is only whether it is validated.
        let at = bytes.len() - 2;
        bytes[at] = 1;
        assert_eq!(read(&bytes), (true, Timing::Immediate));
    }
}

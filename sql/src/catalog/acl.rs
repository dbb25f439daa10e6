//! Access privileges: who may do what with an object.

use std::sync::Arc;

/// A set of privileges, as bits in the order of PostgreSQL's `ACL_*`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Privileges(pub u16);

impl Privileges {
    pub const NONE: Privileges = Privileges(0);
    pub const INSERT: Privileges = Privileges(1);
    pub const SELECT: Privileges = Privileges(1 << 1);
    pub const UPDATE: Privileges = Privileges(1 << 2);
    pub const DELETE: Privileges = Privileges(1 << 3);
    pub const TRUNCATE: Privileges = Privileges(1 << 4);
    pub const REFERENCES: Privileges = Privileges(1 << 5);
    pub const TRIGGER: Privileges = Privileges(1 << 6);
    pub const EXECUTE: Privileges = Privileges(1 << 7);
    pub const USAGE: Privileges = Privileges(1 << 8);
    pub const CREATE: Privileges = Privileges(1 << 9);
    pub const TEMPORARY: Privileges = Privileges(1 << 10);
    pub const CONNECT: Privileges = Privileges(1 << 11);
    /// Everything that applies to anything.
    pub const ALL: Privileges = Privileges(0xfff);
    /// What changes the rows of a table.
    pub const CHANGES: Privileges = Privileges(1 | 1 << 2 | 1 << 3);
    /// Everything that applies to a table or view.
    pub const ALL_TABLE: Privileges = Privileges(0x7f);
    /// Everything that applies to a single column.
    pub const ALL_COLUMN: Privileges = Privileges(1 | 1 << 1 | 1 << 2 | 1 << 5);
    pub const ALL_SEQUENCE: Privileges = Privileges(1 << 1 | 1 << 2 | 1 << 8);
    pub const ALL_SCHEMA: Privileges = Privileges(1 << 8 | 1 << 9);
    pub const ALL_DATABASE: Privileges = Privileges(1 << 9 | 1 << 10 | 1 << 11);

    /// The letter of each bit in an aclitem.
    const LETTERS: &'static [u8; 12] = b"arwdDxtXUCTc";

    pub fn contains(self, other: Privileges) -> bool {
        self.0 & other.0 == other.0
    }

    pub fn union(self, other: Privileges) -> Privileges {
        Privileges(self.0 | other.0)
    }

    /// What is in both.
    pub fn common(self, other: Privileges) -> Privileges {
        Privileges(self.0 & other.0)
    }

    pub fn without(self, other: Privileges) -> Privileges {
        Privileges(self.0 & !other.0)
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub fn count(self) -> u32 {
        self.0.count_ones()
    }

    /// The privilege that a word of GRANT or has_table_privilege names.
    pub fn named(word: &str) -> Option<Privileges> {
        Some(match word.trim().to_ascii_uppercase().as_str() {
            "INSERT" => Privileges::INSERT,
            "SELECT" => Privileges::SELECT,
            "UPDATE" => Privileges::UPDATE,
            "DELETE" => Privileges::DELETE,
            "TRUNCATE" => Privileges::TRUNCATE,
            "REFERENCES" => Privileges::REFERENCES,
            "TRIGGER" => Privileges::TRIGGER,
            "EXECUTE" => Privileges::EXECUTE,
            "USAGE" => Privileges::USAGE,
            "CREATE" => Privileges::CREATE,
            "TEMPORARY" | "TEMP" => Privileges::TEMPORARY,
            "CONNECT" => Privileges::CONNECT,
            _ => return None,
        })
    }
}

/// One grant: what `grantor` gave to `grantee`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AclItem {
    /// A role, or 0 for PUBLIC.
    pub grantee: u32,
    pub grantor: u32,
    pub privileges: Privileges,
    /// The part of `privileges` that may be granted on.
    pub grantable: Privileges,
}

impl AclItem {
    /// What there is before the first GRANT: all for the owner, and for PUBLIC what everybody has.
    pub fn defaults(owner: u32, all: Privileges, public: Privileges) -> Vec<AclItem> {
        let own = AclItem { grantee: owner, grantor: owner, privileges: all, grantable: Privileges::NONE };
        let others = AclItem { grantee: 0, privileges: public, ..own };
        [others, own].into_iter().filter(|item| !item.privileges.is_empty()).collect()
    }

    /// Whether the other is of the same grantee and grantor.
    pub fn is_between(&self, other: AclItem) -> bool {
        (self.grantee, self.grantor) == (other.grantee, other.grantor)
    }

    /// The text of an aclitem: `grantee=arwdDxt/grantor`, a star behind what may be granted on. Names with other characters
    /// than letters, digits and underscores are quoted.
    pub fn text(&self, role_name: impl Fn(u32) -> String) -> String {
        let role_name = |role: u32| {
            let name = role_name(role);
            let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            if is_plain { name } else { format!("\"{}\"", name.replace('"', "\"\"")) }
        };
        let mut text = if self.grantee == 0 { String::new() } else { role_name(self.grantee) };
        text.push('=');
        for (bit, letter) in Privileges::LETTERS.iter().enumerate() {
            if self.privileges.0 & (1 << bit) != 0 {
                text.push(char::from(*letter));
                if self.grantable.0 & (1 << bit) != 0 {
                    text.push('*');
                }
            }
        }
        text.push('/');
        text.push_str(&role_name(self.grantor));
        text
    }
}

/// The grants of one object; `None` stands for the defaults of its kind ([`AclItem::defaults`]).
pub type Acl = Option<Arc<[AclItem]>>;

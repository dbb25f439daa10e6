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

    /// The word of each bit.
    const WORDS: [&'static str; 12] = [
        "INSERT",
        "SELECT",
        "UPDATE",
        "DELETE",
        "TRUNCATE",
        "REFERENCES",
        "TRIGGER",
        "EXECUTE",
        "USAGE",
        "CREATE",
        "TEMPORARY",
        "CONNECT",
    ];

    /// Each of them by itself with its word.
    pub fn each(self) -> impl Iterator<Item = (Privileges, &'static str)> {
        let all = Privileges::WORDS.into_iter().enumerate().map(|(bit, word)| (Privileges(1 << bit), word));
        all.filter(move |(privilege, _)| self.contains(*privilege))
    }

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
        let word = word.trim().to_ascii_uppercase();
        let word = if word == "TEMP" { "TEMPORARY" } else { word.as_str() };
        Privileges::WORDS.iter().position(|known| *known == word).map(|bit| Privileges(1 << bit))
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

    /// The item of a text that [`AclItem::text`] has made; `None` for other texts and those with a role that is not there.
    pub fn parse(text: &str, role: impl Fn(&str) -> Option<u32>) -> Option<AclItem> {
        let (grantee, rest) = split_role(text)?;
        let (letters, rest) = rest.strip_prefix('=')?.split_once('/')?;
        let (grantor, _) = split_role(rest)?;
        let grantee = if grantee.is_empty() { 0 } else { role(&grantee)? };
        let (mut privileges, mut grantable) = (Privileges::NONE, Privileges::NONE);
        let mut last = Privileges::NONE;
        for letter in letters.bytes() {
            if letter == b'*' {
                grantable = grantable.union(last);
                continue;
            }
            last = Privileges(1 << Privileges::LETTERS.iter().position(|known| *known == letter)?);
            privileges = privileges.union(last);
        }
        Some(AclItem { grantee, grantor: role(&grantor)?, privileges, grantable })
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

/// The name of a role at the start of a text, and what follows.
fn split_role(text: &str) -> Option<(String, &str)> {
    let Some(mut rest) = text.strip_prefix('"') else {
        let (name, behind) = text.split_at(text.find('=').unwrap_or(text.len()));
        return Some((name.to_owned(), behind));
    };
    let mut name = String::new();
    loop {
        let (part, behind) = rest.split_once('"')?;
        name.push_str(part);
        match behind.strip_prefix('"') {
            Some(more) => {
                name.push('"');
                rest = more;
            }
            None => return Some((name, behind)),
        }
    }
}

/// The grants of one object; `None` stands for the defaults of its kind ([`AclItem::defaults`]).
pub type Acl = Option<Arc<[AclItem]>>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_is_read_as_it_is_written() {
        let names = ["", "plain_1", "my \"role\"", "a=b/c"];
        let name = |role: u32| names[role as usize].to_owned();
        let role = |name: &str| names.iter().position(|known| *known == name).map(|at| at as u32);
        for (grantee, grantor, text) in [
            (0, 1, "=ar*c/plain_1"),
            (2, 1, "\"my \"\"role\"\"\"=ar*c/plain_1"),
            (1, 3, "plain_1=ar*c/\"a=b/c\""),
            (3, 2, "\"a=b/c\"=ar*c/\"my \"\"role\"\"\""),
        ] {
            let privileges = Privileges::INSERT.union(Privileges::SELECT).union(Privileges::CONNECT);
            let item = AclItem { grantee, grantor, privileges, grantable: Privileges::SELECT };
            assert_eq!(item.text(name), text);
            assert_eq!(AclItem::parse(text, role), Some(item));
        }
        for other in ["", "plain_1", "plain_1=a", "plain_1=a/nobody", "plain_1=z/plain_1", "\"plain_1=a/plain_1"] {
            assert_eq!(AclItem::parse(other, role), None, "{other}");
        }
    }
}

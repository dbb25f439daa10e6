//! [`Grants`]: the grants of one object while they change.
//!
//! **Rule.** Whoever grants a privilege holds the option to: the owner, who always has all, or somebody to whom it was
//! granted with that option. So every grant hangs from one of the owner's. One that hangs from an option that is revoked goes
//! with it (CASCADE) or forbids that (RESTRICT), and nobody gives an option to those that they have it from, which could keep
//! it alive among themselves.
//!
//! These are `aclupdate`, `recursive_revoke`, `check_circularity` and `aclnewowner` of PostgreSQL (utils/adt/acl.c).

use types::{Error, Result, SqlState};

use super::acl::{AclItem, Privileges};

/// The grants of one object. There is one item for each grantee and grantor, in the order of their first grants.
pub(crate) struct Grants<'a> {
    items: Vec<AclItem>,
    owner: u32,
    /// Whether the first role has the rights of the second.
    has_rights_of: &'a dyn Fn(u32, u32) -> bool,
}

impl<'a> Grants<'a> {
    pub fn new(items: Vec<AclItem>, owner: u32, has_rights_of: &'a dyn Fn(u32, u32) -> bool) -> Grants<'a> {
        Grants { items, owner, has_rights_of }
    }

    pub fn into_items(self) -> Vec<AclItem> {
        self.items
    }

    /// Adds to what a grantee has from a grantor.
    ///
    /// # Errors
    /// 0LP01 for an option that the grantor has by way of the grantee alone.
    pub fn add(&mut self, given: AclItem) -> Result<()> {
        if given.privileges.is_empty() {
            return Ok(());
        }
        self.check_circularity(given)?;
        match self.items.iter_mut().find(|item| item.is_between(given)) {
            Some(item) => {
                item.privileges = item.privileges.union(given.privileges);
                item.grantable = item.grantable.union(given.grantable);
            }
            None => self.items.push(given),
        }
        Ok(())
    }

    /// Takes from what a grantee has from a grantor, and what hangs from it if `cascade`.
    ///
    /// # Errors
    /// 2BP01 when something hangs from it otherwise.
    pub fn remove(&mut self, taken: AclItem, cascade: bool) -> Result<()> {
        let mut pending = vec![taken];
        while let Some(taken) = pending.pop() {
            let lost = self.take(taken);
            // They may have the option from somebody else still.
            let lost = lost.without(self.options(taken.grantee));
            let hanging = self.items.iter().filter(|item| item.grantor == taken.grantee);
            let hanging = hanging.filter(|item| !item.privileges.common(lost).is_empty());
            pending.extend(hanging.map(|item| AclItem { privileges: lost, grantable: lost, ..*item }));
            if !cascade && !pending.is_empty() {
                return Err(Error::new(SqlState::DEPENDENT_OBJECTS_STILL_EXIST, "dependent privileges exist")
                    .hint("Use CASCADE to revoke them too."));
            }
        }
        Ok(())
    }

    /// Takes that, and returns the options that are gone with it.
    fn take(&mut self, taken: AclItem) -> Privileges {
        let Some(at) = self.items.iter().position(|item| item.is_between(taken)) else { return Privileges::NONE };
        let item = &mut self.items[at];
        let lost = item.grantable.common(taken.grantable);
        item.privileges = item.privileges.without(taken.privileges);
        item.grantable = item.grantable.without(taken.grantable);
        if item.privileges.is_empty() {
            self.items.remove(at);
        }
        lost
    }

    /// What a role may grant, itself or by way of others.
    fn options(&self, role: u32) -> Privileges {
        if (self.has_rights_of)(role, self.owner) {
            return Privileges::ALL;
        }
        let held = self.items.iter().filter(|item| (self.has_rights_of)(role, item.grantee));
        held.fold(Privileges::NONE, |options, item| options.union(item.grantable))
    }

    fn check_circularity(&self, given: AclItem) -> Result<()> {
        if given.grantable.is_empty() || given.grantor == self.owner {
            return Ok(());
        }
        // What there would be without the grantee's options.
        let mut others = Grants { items: self.items.clone(), ..*self };
        for item in self.items.iter().filter(|item| item.grantee == given.grantee && !item.grantable.is_empty()) {
            others.remove(*item, true)?;
        }
        if others.options(given.grantor).contains(given.grantable) {
            return Ok(());
        }
        let message = "grant options cannot be granted back to your own grantor";
        Err(Error::new(SqlState::INVALID_GRANT_OPERATION, message))
    }
}

/// The grants of an object that has got another owner, who takes the place of the old one in each.
pub(crate) fn with_new_owner(items: &[AclItem], from: u32, to: u32) -> Vec<AclItem> {
    let follow = |role: u32| if role == from { to } else { role };
    let items = items.iter();
    merged(items.map(|item| AclItem { grantee: follow(item.grantee), grantor: follow(item.grantor), ..*item }))
}

/// The same with one item for each grantee and grantor.
pub(crate) fn merged(items: impl Iterator<Item = AclItem>) -> Vec<AclItem> {
    let mut merged: Vec<AclItem> = Vec::new();
    for item in items {
        match merged.iter_mut().find(|other| other.is_between(item)) {
            Some(other) => {
                other.privileges = other.privileges.union(item.privileges);
                other.grantable = other.grantable.union(item.grantable);
            }
            None => merged.push(item),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWNER: u32 = 1;
    const ANN: u32 = 2;
    const BOB: u32 = 3;
    const CAT: u32 = 4;

    fn item(grantee: u32, grantor: u32, privileges: Privileges, grantable: Privileges) -> AclItem {
        AclItem { grantee, grantor, privileges, grantable }
    }

    fn with_option(grantee: u32, grantor: u32) -> AclItem {
        item(grantee, grantor, Privileges::SELECT, Privileges::SELECT)
    }

    fn plain(grantee: u32, grantor: u32) -> AclItem {
        item(grantee, grantor, Privileges::SELECT, Privileges::NONE)
    }

    fn is(role: u32, other: u32) -> bool {
        role == other
    }

    #[test]
    fn what_hangs_from_an_option_goes_with_it_or_keeps_it() {
        let all = vec![with_option(ANN, OWNER), with_option(BOB, ANN), plain(CAT, BOB)];
        let mut grants = Grants::new(all.clone(), OWNER, &is);
        assert!(grants.remove(with_option(ANN, OWNER), false).is_err());
        let mut grants = Grants::new(all.clone(), OWNER, &is);
        grants.remove(with_option(ANN, OWNER), true).expect("it cascades");
        assert!(grants.into_items().is_empty());
        // The option alone.
        let mut grants = Grants::new(all, OWNER, &is);
        grants.remove(item(ANN, OWNER, Privileges::NONE, Privileges::SELECT), true).expect("it cascades");
        assert_eq!(grants.into_items(), [plain(ANN, OWNER)]);
    }

    #[test]
    fn an_option_that_is_had_twice_may_be_revoked_once() {
        let all = vec![with_option(ANN, OWNER), with_option(BOB, OWNER), with_option(BOB, ANN), plain(CAT, BOB)];
        let mut grants = Grants::new(all.clone(), OWNER, &is);
        grants.remove(with_option(BOB, OWNER), false).expect("bob has it of ann");
        assert_eq!(grants.into_items(), [all[0], all[2], all[3]]);
        // Or by way of a role whose rights they have.
        let all = vec![with_option(ANN, OWNER), with_option(BOB, OWNER), plain(CAT, BOB)];
        let follows = |role: u32, other: u32| role == other || (role, other) == (BOB, ANN);
        let mut grants = Grants::new(all.clone(), OWNER, &follows);
        grants.remove(with_option(BOB, OWNER), false).expect("bob has it of ann");
        assert_eq!(grants.into_items(), [all[0], all[2]]);
    }

    #[test]
    fn an_option_does_not_go_back_to_where_it_came_from() {
        let all = vec![with_option(ANN, OWNER), with_option(BOB, ANN)];
        let mut grants = Grants::new(all.clone(), OWNER, &is);
        assert!(grants.add(with_option(ANN, BOB)).is_err());
        grants.add(plain(ANN, BOB)).expect("no option");
        let mut grants = Grants::new([all, vec![with_option(BOB, OWNER)]].concat(), OWNER, &is);
        grants.add(with_option(ANN, BOB)).expect("bob has it of the owner, too");
    }

    #[test]
    fn the_owner_never_loses_an_option() {
        let all = vec![item(OWNER, OWNER, Privileges::ALL_TABLE, Privileges::ALL_TABLE), plain(ANN, OWNER)];
        let mut grants = Grants::new(all.clone(), OWNER, &is);
        grants.remove(all[0], false).expect("nothing hangs from it");
        assert_eq!(grants.into_items(), [all[1]]);
    }

    #[test]
    fn a_new_owner_takes_the_place_of_the_old_one() {
        let own = item(OWNER, OWNER, Privileges::ALL_TABLE, Privileges::NONE);
        let all = vec![own, with_option(ANN, OWNER), with_option(BOB, ANN), plain(CAT, OWNER)];
        assert_eq!(
            with_new_owner(&all, OWNER, ANN),
            [item(ANN, ANN, Privileges::ALL_TABLE, Privileges::SELECT), with_option(BOB, ANN), plain(CAT, ANN)]
        );
    }
}

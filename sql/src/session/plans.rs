//! Plans of statement texts, shared by the sessions of a server.
//!
//! A client that sends the same text with each execution (drivers without named statements do) is served without parsing,
//! binding and planning. A plan is found by everything that it was made from: text, parameter types, database, catalog
//! version, search path, user and time zone. A session with DDL of its own in progress plans for itself.
//!
//! When the cache is full it is emptied: texts that repeat are back at once, and those that do not were no use.

use std::sync::Arc;

use hashbrown::HashMap;
use parking_lot::Mutex;
use types::datetime::TimeZone;

use super::portal::Prepared;

/// Plans kept at most.
const PLANS_MAX: usize = 1024;
/// Longer texts are not kept, in bytes: they are data more often than statements.
pub(super) const TEXT_BYTES_MAX: usize = 16 << 10;

/// What a plan was made from.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct PlanKey {
    pub text: Arc<str>,
    pub given: Vec<u32>,
    pub database: u32,
    pub catalog: u64,
    pub search_path: Arc<[Arc<str>]>,
    pub user: Arc<str>,
    pub time_zone: TimeZone,
}

/// See the module.
#[derive(Default)]
pub(crate) struct Plans {
    entries: Mutex<HashMap<PlanKey, Arc<Prepared>>>,
}

impl Plans {
    pub(super) fn get(&self, key: &PlanKey) -> Option<Arc<Prepared>> {
        self.entries.lock().get(key).cloned()
    }

    pub(super) fn put(&self, key: PlanKey, plan: Arc<Prepared>) {
        let mut entries = self.entries.lock();
        if entries.len() >= PLANS_MAX {
            entries.clear();
        }
        entries.insert(key, plan);
    }
}

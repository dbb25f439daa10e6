//! Plans that the sessions of a server share.
//!
//! A client that sends the same text with each execution, or the same text with other literals in it, is served without
//! parsing, binding and planning. A plan is found by everything that it was made from:
//! - in the extended protocol the text and the types given for its parameters;
//! - in the simple protocol the text's [`Shape`], which holds the type of every literal but not its value. The literals
//!   that planning did not look at have become parameters of the plan (see [`lift`](crate::parse::lift)); a text that differs
//!   in one of the others is a *variant*, with a plan of its own;
//! - database, search path, user, time zone, styles ([`Origin`]), and the version of the catalog: any DDL empties the cache.
//!
//! A session with DDL of its own in progress plans for itself. So does one with `plan_cache_mode = force_custom_plan`, which
//! is how tests hold the two ways to the same answers.
//!
//! **Bounds.** [`PLANS_BYTES_MAX`] by a rough count of what each plan holds. When it is reached, what was not used since the
//! last time goes; texts that never repeat (a LIMIT that moves on) so leave those in place that do.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hashbrown::{DefaultHashBuilder, HashTable};
use parking_lot::Mutex;
use types::Styles;
use types::datetime::TimeZone;

use super::identity::Actor;
use super::portal::Prepared;
use crate::bound::{Expr, Field, Node, Plan, Statement, walk};
use crate::parse::shape::{Literal, Shape};

/// Bytes of all plans kept, about.
const PLANS_BYTES_MAX: usize = 16 << 20;
/// Longer texts are not kept, in bytes: they are data more often than statements.
pub(super) const TEXT_BYTES_MAX: usize = 16 << 10;
/// Plans for texts of one shape.
const VARIANTS_MAX: usize = 8;

/// What a plan was made from, besides its text and the catalog.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Origin {
    /// Of all the others: an origin is made rarely and looked for often.
    hash: u64,
    database: u32,
    search_path: Arc<[Arc<str>]>,
    pub user: Actor,
    time_zone: TimeZone,
    /// By which literals are read.
    styles: Styles,
}

impl Origin {
    pub fn new(
        database: u32,
        search_path: Arc<[Arc<str>]>,
        user: Actor,
        time_zone: TimeZone,
        styles: Styles,
    ) -> Arc<Origin> {
        let hasher = BuildHasherDefault::<DefaultHasher>::default();
        let hash = hasher.hash_one((database, &search_path, &user, time_zone, styles));
        Arc::new(Origin { hash, database, search_path, user, time_zone, styles })
    }
}

/// What a plan is looked for by.
#[derive(Clone, Copy)]
pub(super) enum Key<'a> {
    /// A text, literals and all, with the types given for its parameters.
    Text { text: &'a str, given: &'a [u32] },
    /// A text by its shape.
    Shape { text: &'a str, shape: &'a Shape },
}

impl<'a> Key<'a> {
    fn bytes(&self) -> &'a [u8] {
        match self {
            Key::Text { text, .. } => text.as_bytes(),
            Key::Shape { shape, .. } => shape.bytes(),
        }
    }

    fn given(&self) -> Option<&'a [u32]> {
        match self {
            Key::Text { given, .. } => Some(given),
            Key::Shape { .. } => None,
        }
    }

    fn literals(&self) -> (&'a str, &'a [Literal]) {
        match self {
            Key::Text { text, .. } => (text, &[]),
            Key::Shape { text, shape } => (text, shape.literals()),
        }
    }
}

/// A literal that every text served by a plan has.
struct Pinned {
    literal: usize,
    raw: Box<str>,
}

struct Variant {
    pinned: Box<[Pinned]>,
    plan: Arc<Prepared>,
    bytes: usize,
}

impl Variant {
    fn serves(&self, key: Key<'_>) -> bool {
        let (text, literals) = key.literals();
        self.pinned.iter().all(|pinned| literals[pinned.literal].raw(text) == &*pinned.raw)
    }
}

struct Entry {
    hash: u64,
    origin: Arc<Origin>,
    /// The text or the shape.
    text: Box<[u8]>,
    /// `None` for a shape.
    given: Option<Box<[u32]>>,
    variants: Vec<Variant>,
    /// Since room was last made.
    used: bool,
}

impl Entry {
    fn is_for(&self, hash: u64, origin: &Arc<Origin>, key: Key<'_>) -> bool {
        self.hash == hash
            && *self.text == *key.bytes()
            && self.given.as_deref() == key.given()
            && (Arc::ptr_eq(&self.origin, origin) || self.origin == *origin)
    }

    fn bytes(&self) -> usize {
        size_of::<Entry>() + self.text.len() + self.variants.iter().map(|variant| variant.bytes).sum::<usize>()
    }
}

#[derive(Default)]
struct Kept {
    /// The version of the catalog that all plans were made under.
    catalog: u64,
    entries: HashTable<Entry>,
    bytes: usize,
    /// As in [`PlanStats`].
    found: u64,
}

/// See the module.
#[derive(Default)]
pub(crate) struct Plans {
    hasher: DefaultHashBuilder,
    kept: Mutex<Kept>,
    made: AtomicU64,
}

/// What a server's shared plans were good for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PlanStats {
    /// Statements that found a plan.
    pub found: u64,
    /// Plans that were made to be shared.
    pub made: u64,
    /// Bytes of the plans that are kept, about.
    pub bytes: usize,
}

impl Plans {
    fn hash(&self, origin: &Origin, key: Key<'_>) -> u64 {
        self.hasher.hash_one((key.bytes(), key.given(), origin.hash))
    }

    pub(super) fn get(&self, catalog: u64, origin: &Arc<Origin>, key: Key<'_>) -> Option<Arc<Prepared>> {
        let hash = self.hash(origin, key);
        let mut kept = self.kept.lock();
        if kept.catalog != catalog {
            return None;
        }
        let entry = kept.entries.find_mut(hash, |entry| entry.is_for(hash, origin, key))?;
        entry.used = true;
        let plan = entry.variants.iter().find(|variant| variant.serves(key))?.plan.clone();
        kept.found += 1;
        Some(plan)
    }

    /// Keeps a plan that was made under this version of the catalog.
    pub(super) fn put(&self, catalog: u64, origin: &Arc<Origin>, key: Key<'_>, plan: Arc<Prepared>) {
        self.made.fetch_add(1, Ordering::Relaxed);
        let hash = self.hash(origin, key);
        let (text, literals) = key.literals();
        let is_lifted = |number: usize| plan.lifted.iter().any(|slot| slot.literal == number);
        let pinned: Box<[Pinned]> = (0..literals.len())
            .filter(|number| !is_lifted(*number))
            .map(|literal| Pinned { literal, raw: literals[literal].raw(text).into() })
            .collect();
        let variant = Variant { pinned, bytes: plan_bytes(&plan), plan };
        let mut kept = self.kept.lock();
        if kept.catalog != catalog {
            if kept.catalog > catalog {
                return;
            }
            *kept = Kept { catalog, found: kept.found, ..Kept::default() };
        }
        if kept.bytes + variant.bytes > PLANS_BYTES_MAX {
            kept.make_room();
        }
        let Kept { entries, bytes, .. } = &mut *kept;
        let hash_of = |entry: &Entry| entry.hash;
        let mut entry =
            entries.entry(hash, |entry| entry.is_for(hash, origin, key), hash_of).or_insert_with(|| Entry {
                hash,
                origin: origin.clone(),
                text: key.bytes().into(),
                given: key.given().map(Into::into),
                variants: Vec::new(),
                used: false,
            });
        let entry = entry.get_mut();
        let before = if entry.variants.is_empty() { 0 } else { entry.bytes() };
        // Two sessions may have planned it at the same time.
        entry.variants.retain(|variant| !variant.serves(key));
        if entry.variants.len() == VARIANTS_MAX {
            entry.variants.remove(0);
        }
        entry.variants.push(variant);
        *bytes = *bytes + entry.bytes() - before;
    }

    pub(crate) fn stats(&self) -> PlanStats {
        let kept = self.kept.lock();
        PlanStats { found: kept.found, made: self.made.load(Ordering::Relaxed), bytes: kept.bytes }
    }

    #[cfg(test)]
    fn bytes(&self) -> usize {
        let kept = self.kept.lock();
        assert_eq!(kept.bytes, kept.entries.iter().map(Entry::bytes).sum::<usize>(), "the count is of what there is");
        kept.bytes
    }
}

impl Kept {
    /// Drops what was not used since the last time, and everything if that is not much.
    fn make_room(&mut self) {
        self.entries.retain(|entry| std::mem::take(&mut entry.used));
        self.bytes = self.entries.iter().map(Entry::bytes).sum();
        if self.bytes > PLANS_BYTES_MAX / 2 {
            self.entries.clear();
            self.bytes = 0;
        }
    }
}

/// About how much memory a plan holds that is not the catalog's.
fn plan_bytes(plan: &Prepared) -> usize {
    /// Of a syntax tree, for each byte of the text.
    const TREE_BYTES_PER_BYTE: usize = 40;
    const FIXED_BYTES: usize = 1 << 10;
    let rows = match &plan.bound.statement {
        Statement::Query(query) => plan_tree_bytes(&query.plan),
        Statement::Insert(insert) => plan_tree_bytes(&insert.source) + insert.table.columns.len() * EXPR_BYTES,
        Statement::Update(update) => plan_tree_bytes(&update.source) + update.table.columns.len() * EXPR_BYTES,
        Statement::Delete(delete) => plan_tree_bytes(&delete.source),
        _ => 0,
    };
    FIXED_BYTES + plan.sql.len() * (1 + TREE_BYTES_PER_BYTE) + rows
}

/// An expression with what hangs on it.
const EXPR_BYTES: usize = 2 * size_of::<Expr>();

fn plan_tree_bytes(plan: &Plan) -> usize {
    let mut bytes = size_of::<Node>() + plan.fields.len() * (size_of::<Field>() + size_of::<usize>());
    walk::visit_plan_frames(plan, 0, &mut |expr, _| {
        bytes += EXPR_BYTES;
        if let Expr::Const { value, .. } = expr {
            bytes += value.heap_bytes();
        }
    });
    bytes + walk::inputs(&plan.node).into_iter().map(|(input, _)| node_bytes(input)).sum::<usize>()
}

/// The nodes alone: their expressions were counted from the top.
fn node_bytes(plan: &Plan) -> usize {
    let own = size_of::<Node>() + plan.fields.len() * (size_of::<Field>() + size_of::<usize>());
    own + walk::inputs(&plan.node).into_iter().map(|(input, _)| node_bytes(input)).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::lift::Slot;

    fn origin(database: u32) -> Arc<Origin> {
        let user = Actor::Known { oid: 10, superuser: true };
        Origin::new(database, Arc::from([Arc::from("public")]), user, TimeZone::UTC, Styles::default())
    }

    fn plan(text: &str, lifted: &[usize]) -> Arc<Prepared> {
        let lifted = lifted.iter().map(|&literal| Slot { literal, negated: false }).collect();
        Arc::new(Prepared { lifted, ..Prepared::empty(Arc::from(text)) })
    }

    /// Gets the plan of a text, made and kept with these literals lifted if there is none. Returns its text.
    fn planned(plans: &Plans, catalog: u64, text: &str, lifted: &[usize]) -> String {
        let mut shape = Shape::default();
        assert!(shape.read(text));
        let key = Key::Shape { text, shape: &shape };
        let origin = origin(1);
        if let Some(found) = plans.get(catalog, &origin, key) {
            return found.sql.to_string();
        }
        plans.put(catalog, &origin, key, plan(text, lifted));
        text.to_owned()
    }

    #[test]
    fn texts_that_differ_in_lifted_literals_share_a_plan_and_others_do_not() {
        let plans = Plans::default();
        let first = "select 1 from t where a = 2";
        assert_eq!(planned(&plans, 1, first, &[1]), first);
        assert_eq!(planned(&plans, 1, "select 1 from t where a = 3", &[1]), first);
        let variant = "select 5 from t where a = 3";
        assert_eq!(planned(&plans, 1, variant, &[1]), variant);
        assert_eq!(planned(&plans, 1, "select 5 from t where a = 2", &[1]), variant);
        assert_eq!(planned(&plans, 1, "select 1 from t where a = 7", &[1]), first);
        // An int8 is another shape.
        let wide = "select 1 from t where a = 3000000000";
        assert_eq!(planned(&plans, 1, wide, &[1]), wide);
        plans.bytes();
    }

    #[test]
    fn what_a_plan_was_made_from_is_part_of_the_key() {
        let plans = Plans::default();
        let text = "select a from t";
        let key = Key::Text { text, given: &[23] };
        plans.put(1, &origin(1), key, plan(text, &[]));
        assert!(plans.get(1, &origin(1), key).is_some());
        assert!(plans.get(1, &origin(2), key).is_none());
        assert!(plans.get(1, &origin(1), Key::Text { text, given: &[] }).is_none());
        let mut shape = Shape::default();
        assert!(shape.read(text));
        assert!(plans.get(1, &origin(1), Key::Shape { text, shape: &shape }).is_none());
        // DDL: nothing of before is found, and nothing of before comes back.
        assert!(plans.get(2, &origin(1), key).is_none());
        plans.put(2, &origin(1), Key::Text { text, given: &[] }, plan(text, &[]));
        assert!(plans.get(1, &origin(1), key).is_none());
        plans.put(1, &origin(1), key, plan(text, &[]));
        assert!(plans.get(2, &origin(1), key).is_none());
        plans.bytes();
    }

    #[test]
    fn bytes_are_bounded_and_what_is_used_stays() {
        let plans = Plans::default();
        let hot = "select a from t where b = 1";
        planned(&plans, 1, hot, &[0]);
        for number in 0..50_000 {
            let text = format!("select a{number} from t");
            assert_eq!(planned(&plans, 1, &text, &[]), text);
            assert_eq!(planned(&plans, 1, "select a from t where b = 2", &[0]), hot);
            if number % 1000 == 0 {
                assert!(plans.bytes() <= PLANS_BYTES_MAX, "{}", plans.bytes());
            }
        }
        for number in 0..100 {
            planned(&plans, 1, &format!("select {number}"), &[]);
        }
        plans.bytes();
        let kept = plans.kept.lock();
        assert!(kept.entries.iter().all(|entry| entry.variants.len() <= VARIANTS_MAX));
    }
}

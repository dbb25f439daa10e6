//! Changes of members under the model checker: the sixth member is replaced by a seventh node, while writers write,
//! recoverers interrupt each other and know only a part of the change, and the sixth disk is lost.
//!
//! Beside what `recovery_model.rs` models: a writer offers other members to some nodes and is cut off there; a change is
//! made by quorums of the members after it; a later writer finishes or reverts what it found; recoverers begin with
//! the members that `init` chose and learn of others from promises.

#[expect(unused, reason = "each test file uses a part of it")]
mod recovery_world;

use recovery_world::{Bounds, Members, Set, holds, refuted};
use storage::volume::recovery::SetRule;

const LOST: &str = "what was acknowledged or shown disappeared";

/// A, B, and who joins.
const ABG: Set = 0b1000011;
const ABCG: Set = 0b1000111;
const ABCDG: Set = 0b1001111;
const DEF: Set = 0b0111000;
const CDEF: Set = 0b0111100;
const ABF: Set = 0b0100011;
const CDEG: Set = 0b1011100;

/// One record on C to F, acknowledged by the members before; a change, and a recovery.
fn replacing() -> Bounds {
    Bounds {
        placements: vec![CDEF],
        prepares: vec![vec![ABCG, DEF, CDEG]],
        rests: vec![ABCDG | 0b100000, CDEG | 0b100000],
        recoveries: 1,
        changes: 3,
        change_sets: vec![ABG, ABCDG, DEF],
        changes_to: vec![Members::Joint, Members::After],
        ..Bounds::default()
    }
}

#[test]
fn the_rules_hold_for_a_replacement_that_is_cut_off_anywhere() {
    holds(replacing(), 10_000);
    holds(Bounds { losses: 1, ..replacing() }, 30_000);
}

#[test]
fn the_rules_hold_for_a_replacement_that_is_reverted_and_begun_again() {
    let bounds = Bounds { changes_to: vec![Members::Joint, Members::Before, Members::After], ..replacing() };
    holds(bounds.clone(), 20_000);
    holds(Bounds { losses: 1, ..bounds }, 50_000);
}

#[test]
fn the_rules_hold_for_recoveries_that_know_different_parts_of_a_change() {
    let bounds = Bounds {
        placements: vec![],
        records: 0,
        recoveries: 2,
        writes: 1,
        write_sets: vec![CDEF],
        changes: 2,
        change_sets: vec![ABG, ABCDG],
        prepares: vec![vec![DEF], vec![ABCG, ABG]],
        rests: vec![CDEF],
        ..replacing()
    };
    holds(bounds, 10_000);
}

/// T7.
#[test]
fn a_member_that_is_not_hydrated_and_counts_loses_an_acknowledged_record() {
    for sets in [SetRule::All, SetRule::Any, SetRule::Newest] {
        let mut bounds = replacing();
        bounds.rules.count_unhydrated = true;
        bounds.rules.sets = sets;
        refuted(bounds, LOST);
    }
}

#[test]
fn a_replacement_finished_before_the_new_member_has_everything_loses_an_acknowledged_record() {
    refuted(Bounds { finished_unhydrated: true, ..replacing() }, LOST);
}

/// A quorum of any one set: the recovery that asks only those before hears neither the change, which those after it made, nor
/// what was written after it.
#[test]
fn the_or_of_two_sets_loses_an_acknowledged_record() {
    let mut bounds = Bounds {
        placements: vec![],
        records: 0,
        writes: 1,
        write_sets: vec![ABCG],
        changes: 2,
        change_sets: vec![ABCDG, ABCG],
        prepares: vec![vec![DEF]],
        rests: vec![CDEG | 0b100000],
        ..replacing()
    };
    holds(bounds.clone(), 1_000);
    bounds.rules.sets = SetRule::Any;
    refuted(bounds, LOST);
}

/// T8.
#[test]
fn an_emptied_disk_that_returns_as_the_same_member_loses_an_acknowledged_record() {
    let mut bounds = Bounds { prepares: vec![vec![ABF, ABCG]], changes: 0, losses: 1, ..replacing() };
    holds(bounds.clone(), 100);
    bounds.emptied_returns = true;
    refuted(bounds, LOST);
}

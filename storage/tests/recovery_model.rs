//! The production recovery core under a model checker: small worlds of six nodes, a writer, and recoverers that interrupt
//! each other.
//!
//! What is modelled: nodes (promise, table, records held), records with their links, writers that a recovery did not reach
//! and that go on writing, requests and their replies as one step, in any interleaving of the actors; a recoverer that
//! crashes is one that takes no further step. What is not: messages under way for long (only whole late deliveries), the
//! flushed VDL heard as the start of the walk. Changes of members are in `membership_model.rs`.
//!
//! The properties, over everything a recovery opens with: what was acknowledged or shown stays; what was cut never comes
//! back, nor does a recovery end there; no record below the VDL' is missing everywhere; no LSN is used twice; no replaced
//! writer acknowledges anything.
//! They hold under the rules, and each broken rule is refuted by a trace.

#[expect(unused, reason = "each test file uses a part of it")]
mod recovery_world;

use recovery_world::{Bounds, FIRST_FOUR, FIRST_HALF, LAST_FOUR, SECOND_HALF, holds, refuted};
use storage::volume::recovery::{Pick, Rules};

fn broken(change: impl FnOnce(&mut Rules)) -> Bounds {
    let mut bounds = Bounds::default();
    change(&mut bounds.rules);
    bounds
}

#[test]
fn the_rules_hold_for_two_recoverers_that_race_or_follow_each_other() {
    holds(Bounds::default(), 10_000);
}

#[test]
fn the_rules_hold_for_three_recoverers_with_different_quorums() {
    let bounds = Bounds {
        placements: vec![FIRST_HALF],
        prepares: vec![vec![FIRST_HALF, SECOND_HALF], vec![SECOND_HALF], vec![FIRST_HALF]],
        recoveries: 3,
        ..Bounds::default()
    };
    holds(bounds, 20_000);
}

#[test]
fn the_rules_hold_for_the_highest_pgcl_as_for_the_floor() {
    holds(broken(|rules| rules.pick = Pick::Highest), 10_000);
}

#[test]
fn the_rules_hold_for_two_groups_and_records_that_never_arrived() {
    let placements = vec![0, 0b000001, FIRST_FOUR, LAST_FOUR];
    holds(Bounds { records: 3, groups: 2, recoveries: 1, placements, ..Bounds::default() }, 2_000);
}

#[test]
fn the_rules_hold_with_new_writers_late_batches_and_restarts() {
    let bounds = Bounds {
        placements: vec![0, FIRST_HALF],
        prepares: vec![vec![SECOND_HALF, LAST_FOUR]],
        rests: vec![LAST_FOUR],
        writes: 1,
        write_sets: vec![0b000100, LAST_FOUR],
        late: 1,
        restarts: 1,
        ..Bounds::default()
    };
    holds(bounds, 10_000);
}

#[test]
fn a_pgcl_by_minimum_or_one_rank_lower_loses_an_acknowledged_record() {
    for pick in [Pick::Lowest, Pick::BelowFloor] {
        refuted(broken(|rules| rules.pick = pick), "what was acknowledged or shown disappeared");
    }
}

#[test]
fn without_r7_what_was_shown_disappears_in_the_next_recovery() {
    for fill_quorum in [0, 3] {
        refuted(broken(|rules| rules.fill_quorum = fill_quorum), "what was acknowledged or shown disappeared");
    }
}

#[test]
fn without_r6_an_annulled_record_comes_back() {
    let mut bounds = broken(|rules| (rules.install_quorum, rules.fill_quorum) = (0, 0));
    bounds.prepares = vec![vec![SECOND_HALF], vec![FIRST_HALF]];
    // One node adopts the table of the first recovery, and the second does not hear it.
    bounds.rests = vec![0b001000, 0b000001];
    bounds.placements = vec![FIRST_HALF];
    // Readers see nothing that could disappear: what comes back is the record that was cut.
    refuted(bounds, "an annulled record came back");
}

#[test]
fn without_clipping_a_recovery_ends_at_an_annulled_record() {
    refuted(broken(|rules| rules.clip = false), "a recovery ended at an annulled record");
}

#[test]
fn a_promise_lost_at_a_restart_loses_an_acknowledged_record() {
    let lossy = Bounds {
        promise_is_durable: false,
        placements: vec![0],
        prepares: vec![vec![LAST_FOUR]],
        rests: vec![LAST_FOUR],
        recoveries: 1,
        write_sets: vec![LAST_FOUR],
        late: 1,
        restarts: 1,
        ..Bounds::default()
    };
    refuted(lossy.clone(), "what was acknowledged or shown disappeared");
    holds(Bounds { promise_is_durable: true, ..lossy }, 10);
}

#[test]
fn a_first_lsn_above_the_vdl_alone_is_used_twice() {
    let writing = Bounds {
        placements: vec![0],
        prepares: vec![vec![SECOND_HALF]],
        rests: vec![LAST_FOUR],
        writes: 1,
        write_sets: vec![0b000100],
        ..Bounds::default()
    };
    let mut bounds = writing.clone();
    bounds.rules.first_lsn_by_table = false;
    refuted(bounds, "an LSN was used twice");
    holds(writing, 10);
}

#[test]
fn without_the_walk_along_prev_volume_there_is_a_hole() {
    let mut bounds = broken(|rules| rules.walk = false);
    bounds.records = 3;
    bounds.groups = 2;
    bounds.recoveries = 1;
    bounds.placements = vec![0, FIRST_FOUR];
    refuted(bounds, "a hole in volume order");
}

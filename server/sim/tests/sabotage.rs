//! The simulation finds bugs: each deliberate one within a bounded number of seeds.

use sim::nemesis::Harm;
use sim::sabotage::Sabotage;
use sim::{Options, run_seed};
use std::ops::Range;

/// Runs seeds until one fails for a reason that has `sign` in it.
fn found(sabotage: Sabotage, seeds: Range<u64>, sign: &str) {
    found_by(sabotage, None, seeds, sign);
}

/// As [`found`], with one kind of harm only: for what shows when one thing follows another, and hardly ever else.
fn found_by(sabotage: Sabotage, only: Option<Harm>, seeds: Range<u64>, sign: &str) {
    let options = Options { sabotage: Some(sabotage), only, ..Options::default() };
    let first = seeds.start;
    for seed in seeds.clone() {
        let report = run_seed(seed, options);
        if let Some(violation) = report.violations.iter().find(|violation| violation.contains(sign)) {
            println!("{sabotage:?}: seed {seed}, the {}th: {violation}", seed - first + 1);
            return;
        }
    }
    panic!("{sabotage:?} is not found in {seeds:?}");
}

#[test]
fn a_commit_acknowledged_before_it_is_durable_is_found() {
    // By the second seed when this was written.
    found(Sabotage::AckBeforeDurable, 0..12, "was told under");
}

#[test]
fn a_commit_that_joins_a_group_and_is_told_with_the_one_before_is_found() {
    found_by(Sabotage::GroupJoinerTold, Some(Harm::Swap), 0..40, "was told under");
}

#[test]
fn half_of_a_mini_transaction_on_a_replica_is_found() {
    // By the first.
    found(Sabotage::HalfMtr, 0..4, "I6");
}

#[test]
fn a_floor_above_what_a_replica_reads_is_found() {
    // By the second.
    found(Sabotage::GcAboveReader, 0..12, "I8");
}

#[test]
fn a_page_above_the_read_point_is_found() {
    // By the first.
    found(Sabotage::ReadAboveReadPoint, 0..4, "no node has a sound page");
}

#[test]
fn an_ack_without_an_fsync_is_found() {
    // By the first. In seed 0 a page lacks what its next record builds on, and the engine ends the process.
    found(Sabotage::AckWithoutFsync, 1..24, "");
}

#[test]
fn a_page_read_before_its_placeholder_is_found() {
    // By the third.
    found(Sabotage::StaleFetch, 0..16, "");
}

#[test]
fn three_copies_taken_for_a_quorum_are_found() {
    // By the first.
    found_by(Sabotage::QuorumOfThree, Some(Harm::Swap), 0..8, "");
}

#[test]
fn a_promise_forgotten_at_a_restart_is_found() {
    found(Sabotage::PromiseForgotten, 6..40, "");
}

#[test]
fn an_allocation_limit_that_is_too_small_is_found() {
    // By seed 4; those before take time only.
    found(Sabotage::LalIgnored, 4..40, "I1");
}

#[test]
fn what_is_only_received_taken_for_flushed_is_found() {
    // By the first.
    found_by(Sabotage::ReceivedAsFlushed, Some(Harm::DieFlushingAll), 0..8, "");
}

#[test]
fn gossip_that_revives_annulled_redo_is_found() {
    found(Sabotage::GossipRevives, 0..40, "");
}

#[test]
fn a_recovery_that_repairs_nothing_is_found() {
    // By the second.
    found_by(Sabotage::RepairSkipped, Some(Harm::Relay), 0..24, "");
}

#[test]
fn a_recovery_that_takes_every_record_for_valid_is_found() {
    // By the third; it takes eleven from seed 0 on.
    found_by(Sabotage::NoClipping, Some(Harm::Revive), 8..40, "T1");
}

#[test]
fn a_node_that_reads_under_a_ballot_whose_table_it_lacks_is_found() {
    // By the first.
    found_by(Sabotage::ReadUnderPromise, Some(Harm::ReadStale), 0..8, "I7");
}

#[test]
fn a_new_member_that_counts_before_it_has_anything_is_found() {
    // By the tenth: seed 269, alone of the first thousand.
    found_by(Sabotage::JoinerCounts, Some(Harm::Usurp), 260..640, "I7");
}

#[test]
fn an_emptied_node_that_comes_back_as_the_member_it_was_is_found() {
    found_by(Sabotage::EmptiedReturns, Some(Harm::Usurp), 0..24, "");
}

#[test]
fn a_session_that_does_not_wait_for_what_it_wrote_is_found() {
    // By the first.
    found(Sabotage::OwnWritesUnseen, 0..8, "lacks it at");
}

#[test]
fn what_was_not_read_taken_for_read_is_found() {
    found(Sabotage::UnreadAsRead, 0..8, "");
}

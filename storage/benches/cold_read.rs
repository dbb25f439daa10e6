//! What a node needs to build a page that no cache has: by links of the page's chain, by records in each batch, from
//! memory and from the log. The best of many reads is shown.
//!
//! `cargo bench -p redoubt-storage --bench cold_read` prints one line for each.

use protocol::batch::BatchBuilder;
use protocol::node::StorageNode;
use protocol::page::PageKind;
use protocol::redo::{Change, Patch, RecordHeader};
use protocol::rpc::storage::{
    AppendOutcome, AppendRequest, CreateVolumeRequest, Member, ReadOutcome, ReadPageRequest, VolumeConfig,
};
use protocol::{Ballot, FORMAT_VERSION, GroupId, Lsn, NodeId, PageId};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;
use storage::node::disk::RealDisk;
use storage::node::{Mode, Node, NodeOptions};
use storage::quorum::MEMBERSHIP_EPOCH;

const READS: u32 = 50;

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    println!("{:>6} {:>14} {:>8} {:>10}", "links", "records/batch", "from", "us");
    for records in [5, 60, 1000] {
        for links in [20, 400] {
            for (from, recent_bytes) in [("memory", 256 << 20), ("log", 0)] {
                let micros = runtime.block_on(measure(links, records, recent_bytes));
                println!("{links:>6} {records:>14} {from:>8} {micros:>10.0}");
            }
        }
    }
}

async fn measure(links: u64, records: u64, recent_bytes: usize) -> f64 {
    let directory = tempfile::tempdir().expect("a directory");
    let options =
        NodeOptions { mode: Mode::Inline, recent_bytes, page_cache_bytes: 0, ..NodeOptions::new(NodeId(1), "a", "") };
    let node = Node::open(Arc::new(RealDisk), directory.path(), options).expect("a node opens");
    let members = (1..=6).map(|node| Member { node, zone: "a".into(), ..Member::default() }).collect();
    let config =
        VolumeConfig { volume: 1, pages_per_group: 1 << 20, lal_bytes: 64 << 20, members, ..VolumeConfig::default() };
    let request = CreateVolumeRequest { version: FORMAT_VERSION, config: Some(config) };
    node.create_volume(request).await.expect("an empty node takes a volume");
    let on_reply = Arc::new(|reply: protocol::rpc::storage::AppendReply| {
        assert_eq!(reply.outcome(), AppendOutcome::Flushed);
    });
    let mut stream = node.append(on_reply).await.expect("a stream opens");
    let (mut last, mut last_of_page) = (Lsn::ZERO, HashMap::<PageId, Lsn>::new());
    for batch in 0..links {
        let mut builder = BatchBuilder::new(GroupId(0), Ballot::ZERO, MEMBERSHIP_EPOCH);
        for record in 0..records {
            // Page 1 in the middle of each batch, others once in a while.
            let page = PageId(if record == records / 2 { 1 } else { 2 + batch * 7 + record });
            let prev_page = last_of_page.get(&page).copied().unwrap_or_default();
            let change = if prev_page.is_zero() {
                let (right, left) = (PageId::NONE, PageId::NONE);
                Change::Init { kind: PageKind::Raw, level: 0, flags: 0, owner: 0, right, left }
            } else {
                let bytes = bytes::Bytes::copy_from_slice(&[batch as u8; 60]);
                Change::PatchRaw { patches: vec![Patch { offset: 100, bytes }] }
            };
            let lsn = last.advance(100);
            let header = RecordHeader { lsn, prev_volume: last, prev_group: last, prev_page, page, end_of_mtr: true };
            let mut encoded = Vec::new();
            change.encode(&mut encoded);
            builder.push(&header, &encoded);
            last = lsn;
            last_of_page.insert(page, lsn);
        }
        let batch = builder.finish();
        let request = AppendRequest { volume: 1, version: FORMAT_VERSION, batch, ..AppendRequest::default() };
        stream.send(request).expect("the stream is open");
    }
    let read = || {
        node.read_page(ReadPageRequest {
            volume: 1,
            version: FORMAT_VERSION,
            ballot: 0,
            page: 1,
            read_point: last.0,
            group_tail: last.0,
        })
    };
    let mut best = f64::MAX;
    for _ in 0..READS {
        let begin = Instant::now();
        let reply = read().await.expect("it is answered");
        best = best.min(begin.elapsed().as_secs_f64() * 1e6);
        assert_eq!(reply.outcome(), ReadOutcome::Ok);
    }
    best
}

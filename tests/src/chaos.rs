//! What is done to a cluster whose every process has a host of its own: hosts are killed, paused and cut off while clients
//! write and read, and their [`history`](crate::history) must be clean.

use crate::history::History;
use crate::hosts::{Hosts, NODES};
use anyhow::Context;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

const WRITERS: usize = 6;
/// Acknowledgements that show that all goes on.
const PROGRESS: u64 = 4 * WRITERS as u64;

/// What is done to the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Blow {
    KillNode,
    PauseNode,
    CutNode,
    KillZone,
    CutZone,
    CutThreeNodes,
    KillWriter,
    KillWriterAndPromote,
    PauseWriterAndPromote,
    CutWriterAndPromote,
    Promote,
    KillReplica,
    CutReplica,
    KillEverything,
}

const BLOWS: [Blow; 14] = [
    Blow::KillNode,
    Blow::PauseNode,
    Blow::CutNode,
    Blow::KillZone,
    Blow::CutZone,
    Blow::CutThreeNodes,
    Blow::KillWriter,
    Blow::KillWriterAndPromote,
    Blow::PauseWriterAndPromote,
    Blow::CutWriterAndPromote,
    Blow::Promote,
    Blow::KillReplica,
    Blow::CutReplica,
    Blow::KillEverything,
];

/// What one run was.
#[derive(Debug)]
pub struct Report {
    pub acknowledged: u64,
    pub sightings: usize,
    pub blows: BTreeMap<String, u64>,
    /// The longest time without an acknowledgement during each blow, in milliseconds, with its kind. Some blows leave no
    /// write quorum until they are healed, up to 2.5 seconds later.
    pub stalls: Vec<(u128, String)>,
    pub refusals: BTreeMap<String, u64>,
}

/// Runs the clients and the blows for `time`, heals everything, and checks.
///
/// # Errors
/// When a promise is broken, with what broke it; or when the cluster does not come back.
pub async fn run(seed: u64, time: Duration) -> anyhow::Result<Report> {
    let mut hosts = Hosts::start(3).await?;
    let result = attack(&mut hosts, seed, time).await;
    result.with_context(|| format!("seed {seed}; the end of the log:\n{}", hosts.log()))
}

async fn attack(hosts: &mut Hosts, seed: u64, time: Duration) -> anyhow::Result<Report> {
    let targets = (0..hosts.servers.len()).map(|server| hosts.target(server)).collect();
    let history = History::begin(targets).await?;
    let mut rng = StdRng::seed_from_u64(seed);
    let clients = history.start(WRITERS, &mut rng);
    history.progress(PROGRESS).await?;

    let (begin, mut blows, mut stalls) = (Instant::now(), BTreeMap::new(), Vec::new());
    // Every kind once, in an order of the seed's choice, then at random.
    let mut order: Vec<Blow> = BLOWS.to_vec();
    rand::seq::SliceRandom::shuffle(&mut order[..], &mut rng);
    while begin.elapsed() < time {
        let blow = order.pop().unwrap_or_else(|| *BLOWS.choose(&mut rng).expect("there are some"));
        let before = history.acknowledged();
        println!("{:>6.1} s  {blow:?}  ({before} acknowledged)", begin.elapsed().as_secs_f64());
        let (over, watch) = tokio::sync::oneshot::channel();
        let watch = tokio::spawn(history.clone().longest_silence(watch));
        strike(hosts, &history, blow, &mut rng).await.with_context(|| format!("{blow:?}"))?;
        history.progress(PROGRESS).await.with_context(|| format!("after {blow:?}"))?;
        drop(over);
        stalls.push((watch.await?.as_millis(), format!("{blow:?}")));
        *blows.entry(format!("{blow:?}")).or_default() += 1;
        tokio::time::sleep(Duration::from_millis(rng.random_range(0..300))).await;
    }
    history.stop();
    for client in clients {
        client.await?;
    }
    history.check().await?;
    stalls.sort();
    Ok(Report {
        acknowledged: history.acknowledged(),
        sightings: history.sightings(),
        blows,
        stalls,
        refusals: history.refusals(),
    })
}

async fn a_while(rng: &mut StdRng) {
    tokio::time::sleep(Duration::from_millis(rng.random_range(200..2500))).await;
}

/// Does one thing to the cluster and, after a while, heals it.
async fn strike(hosts: &mut Hosts, history: &History, blow: Blow, rng: &mut StdRng) -> anyhow::Result<()> {
    let node = rng.random_range(0..NODES);
    let zone = [node / 2 * 2, node / 2 * 2 + 1];
    let nodes: Vec<usize> = match blow {
        Blow::KillNode | Blow::PauseNode | Blow::CutNode => vec![node],
        Blow::KillZone | Blow::CutZone => zone.to_vec(),
        Blow::CutThreeNodes => vec![zone[0], zone[1], (zone[1] + 1) % NODES],
        _ => Vec::new(),
    };
    match blow {
        Blow::KillNode | Blow::KillZone => {
            for &node in &nodes {
                hosts.nodes[node].kill()?;
            }
            a_while(rng).await;
            for &node in &nodes {
                hosts.start_node(node)?;
            }
        }
        Blow::PauseNode => {
            hosts.nodes[node].pause(true)?;
            a_while(rng).await;
            hosts.nodes[node].pause(false)?;
        }
        Blow::CutNode | Blow::CutZone | Blow::CutThreeNodes => {
            for &node in &nodes {
                hosts.nodes[node].cut(true)?;
            }
            a_while(rng).await;
            for &node in &nodes {
                hosts.nodes[node].cut(false)?;
            }
        }
        Blow::KillEverything => {
            for host in hosts.nodes.iter_mut().chain(&mut hosts.servers) {
                host.kill()?;
            }
            for node in 0..NODES {
                hosts.start_node(node)?;
            }
            for server in 0..hosts.servers.len() {
                hosts.start_server(server, if server == 0 { "writer" } else { "replica" })?;
            }
        }
        _ => strike_server(hosts, history, blow, rng).await?,
    }
    Ok(())
}

async fn strike_server(hosts: &mut Hosts, history: &History, blow: Blow, rng: &mut StdRng) -> anyhow::Result<()> {
    let writer = history.find_writer().await?;
    let other = (writer + rng.random_range(1..hosts.servers.len())) % hosts.servers.len();
    match blow {
        Blow::KillWriter => {
            hosts.servers[writer].kill()?;
            hosts.start_server(writer, "writer")?;
        }
        Blow::KillWriterAndPromote => {
            hosts.servers[writer].kill()?;
            hosts.promote(other).await?;
            a_while(rng).await;
            hosts.start_server(writer, "replica")?;
        }
        Blow::PauseWriterAndPromote => {
            hosts.servers[writer].pause(true)?;
            hosts.promote(other).await?;
            a_while(rng).await;
            hosts.servers[writer].pause(false)?;
        }
        Blow::CutWriterAndPromote => {
            hosts.servers[writer].cut(true)?;
            hosts.promote(other).await?;
            a_while(rng).await;
            hosts.servers[writer].cut(false)?;
        }
        Blow::Promote => hosts.promote(other).await?,
        Blow::KillReplica => {
            hosts.servers[other].kill()?;
            a_while(rng).await;
            hosts.start_server(other, "replica")?;
        }
        _ => {
            hosts.servers[other].cut(true)?;
            a_while(rng).await;
            hosts.servers[other].cut(false)?;
        }
    }
    Ok(())
}

//! Which conditions are served by an index, as EXPLAIN shows it.

use super::pair::{two, value};
use super::support::run;

#[tokio::test(flavor = "multi_thread")]
async fn a_varchar_is_found_through_its_index() {
    let setup = "create table t (k varchar(10) primary key, w varchar unique, v int);
        insert into t select 'k' || g, 'w' || g, g from generate_series(1, 5000) g; analyze";
    let (_volume, _database, mut one, _two) = two(setup).await;
    for condition in ["k = 'k7'", "'k7'::text = k", "k::varchar = 'k7'", "w = 'w7'::varchar", "w::text in ('w7')"] {
        let query = format!("select v from t where {condition}");
        let lines = run(&mut one, &format!("explain {query}")).await;
        assert!(lines.iter().any(|line| line.contains("Index Scan")), "{condition}: {lines:?}");
        assert_eq!(run(&mut one, &query).await[1], "7", "{condition}");
    }
    let lines = run(&mut one, "explain select v from t where k::varchar(2) = 'k7'").await;
    assert!(!lines.iter().any(|line| line.contains("Index Scan")), "{lines:?}");
}

/// Blanks at its end count neither in the value nor in the key.
#[tokio::test(flavor = "multi_thread")]
async fn a_char_is_found_through_its_index() {
    let setup = "create table t (k char(10) primary key, w bpchar unique, x text unique, v int);
        insert into t select 'k' || g, 'w' || g || '  ', 'x' || g || ' ', g from generate_series(1, 5000) g;
        create table few (c char(4), d bpchar);
        insert into few values ('k7', 'w7 ');
        analyze";
    let (_volume, _database, mut one, _two) = two(setup).await;
    for (from, condition) in [
        ("t", "k = 'k7'"),
        ("t", "'k7    ' = k"),
        ("t", "k = 'k7'::char(3)"),
        ("t", "k = 'k7 '::varchar"),
        ("t", "k::bpchar = 'k7'"),
        ("t", "k in ('k7', 'k7 ')"),
        ("t", "k = any ('{k7,\"k7  \",k}')"),
        ("t", "k >= 'k7 ' and k < 'k7!'"),
        ("t", "w = 'w7'"),
        ("t", "w in ('w7', 'w7   ')"),
        ("t", "w >= 'w7    ' and w <= E'w7\\t'"),
        ("few, t", "k = c"),
        ("few, t", "d = w"),
        ("few, t", "k = c and w = d"),
    ] {
        let query = format!("select v from {from} where {condition}");
        let lines = run(&mut one, &format!("explain {query}")).await;
        assert!(lines.iter().any(|line| line.contains("Index Scan")), "{condition}: {lines:?}");
        assert_eq!(value(&mut one, &query).await, "7", "{condition}");
    }
    // Another length cuts, and in a text blanks count, so that it has other keys.
    for condition in ["k::char(2) = 'k7'", "k = 'k7'::text", "x::bpchar = 'x7'"] {
        let query = format!("select min(v) from t where {condition}");
        let lines = run(&mut one, &format!("explain {query}")).await;
        assert!(!lines.iter().any(|line| line.contains("Index Scan")), "{condition}: {lines:?}");
        assert_eq!(value(&mut one, &query).await, "7", "{condition}");
    }
    let query = "select count(*) from t a join t b on a.k = replace(b.w, 'w', 'k')::char(7)";
    let lines = run(&mut one, &format!("explain {query}")).await;
    assert!(lines.iter().any(|line| line.contains("Hash Cond")), "{lines:?}");
    assert_eq!(value(&mut one, query).await, "5000");
}

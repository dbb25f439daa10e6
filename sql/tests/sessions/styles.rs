//! Styles of dates, intervals and bytes: what clients are told of them, and that each session has its own.

use bytes::Bytes;

use super::support::{Recorder, run, run_with};
use super::{ROWS, ok, two, value};

#[tokio::test(flavor = "multi_thread")]
async fn the_client_is_told_of_styles() {
    let (_volume, _database, mut one, _two) = two(ROWS).await;
    let mut client = Recorder::default();
    for statement in ["set datestyle = german", "set intervalstyle = ISO_8601", "set bytea_output = escape"] {
        one.simple(statement, &mut client).await.expect(statement);
    }
    let told: Vec<(&str, &str)> = client.statuses.iter().map(|(name, value)| (&**name, &**value)).collect();
    assert_eq!(told, [("DateStyle", "German, DMY"), ("IntervalStyle", "iso_8601")]);
}

/// Plans are shared, but not between sessions that read the same literal differently.
#[tokio::test(flavor = "multi_thread")]
async fn each_session_reads_and_shows_in_its_own_styles() {
    let (_volume, _database, mut one, mut other) = two("create table dated (d date)").await;
    ok(&run(&mut one, "insert into dated values ('2024-02-01'), ('2024-01-02')").await);
    ok(&run(&mut other, "set datestyle = german").await);
    let queries =
        ["select d from dated where d = '01/02/2024'", "select d::text from dated where d = date '01/02/2024'"];
    for query in queries.repeat(3) {
        assert_eq!(value(&mut one, query).await, "2024-01-02", "{query}");
        assert_eq!(value(&mut other, query).await, "01.02.2024", "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn views_mean_the_same_in_every_style() {
    let (_volume, _database, mut one, mut other) = two("create table dated (d date)").await;
    ok(&run(&mut one, "insert into dated values ('2024-02-01')").await);
    ok(&run(&mut one, "create view early as select d from dated where d < '02/13/2024'").await);
    ok(&run(&mut other, "set datestyle = dmy; set intervalstyle = sql_standard").await);
    assert_eq!(value(&mut other, "select d from early").await, "2024-02-01");
    ok(&run(&mut other, "alter table dated rename column d to x").await);
    assert_eq!(value(&mut other, "select d from early").await, "2024-02-01");
    for query in ["select date '03/01/2024'", "select date '13/01/2024'", "select interval '-1 2:00'"] {
        let refused = "ERROR:  0A000: a literal in a view that is read otherwise with the default DateStyle and \
                       IntervalStyle is not supported";
        assert_eq!(run(&mut other, &format!("create view late as {query}")).await, [refused], "{query}");
    }
    let query = "select date '2024-01-03' as d, interval '1 2:00' as i, '03/01/2024' as t";
    ok(&run(&mut other, &format!("create view late as {query}")).await);
    assert_eq!(value(&mut one, "select * from late").await, "2024-01-03|1 day 02:00:00|03/01/2024");
}

#[tokio::test(flavor = "multi_thread")]
async fn copy_reads_and_writes_in_the_styles_of_the_session() {
    let (_volume, _database, mut one, _two) = two("create table shown (d date, i interval, b bytea)").await;
    ok(&run(&mut one, "set datestyle = german; set intervalstyle = iso_8601; set bytea_output = escape").await);
    let line = "01.02.2024\tP1DT2H\tj\\\\000";
    ok(&run_with(&mut one, "copy shown from stdin", vec![Bytes::from(format!("{line}\n"))]).await);
    assert_eq!(run(&mut one, "copy shown to stdout").await[0], line);
    ok(&run(&mut one, "set datestyle = iso; set bytea_output = hex").await);
    assert_eq!(value(&mut one, "select d, b from shown").await, "2024-02-01|\\x6a00");
}

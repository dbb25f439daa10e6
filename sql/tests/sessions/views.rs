//! Views: their text, the rows that change through them, and who may read them.

use super::pair::{ROWS, ok, two};
use super::support::{run, session_of};

#[tokio::test(flavor = "multi_thread")]
async fn the_renaming_of_a_column_is_followed_in_views_unless_they_would_mean_something_else() {
    let (_volume, _database, mut one, _two) = two(ROWS).await;
    ok(&run(&mut one, "create table u (v int, w int)").await);
    for query in [
        "select id from t join u using (v)",
        "select id from t natural join u",
        // The new name is found nearer.
        "select (select v from (select 1 as x) as s) from t",
        "select id as x from t order by v",
    ] {
        ok(&run(&mut one, &format!("create view viewing as {query}")).await);
        let refused =
            ["ERROR:  0A000: cannot rename a column used by a view", "DETAIL:  view viewing depends on table t"];
        assert_eq!(run(&mut one, "alter table t rename column v to x").await, refused, "{query}");
        ok(&run(&mut one, "drop view viewing").await);
    }
    ok(&run(&mut one, "create view viewing as select v, \"t\" . /* v */ v + 1 as v1 from t order by v, v + 1").await);
    ok(&run(&mut one, "create view casting as select v::text from t").await);
    ok(&run(&mut one, "alter table t rename column v to \"X\"").await);
    assert_eq!(
        run(&mut one, "select pg_get_viewdef('casting')").await[1],
        " SELECT * FROM (select \"X\"::text from public.t) AS casting (v);"
    );
    assert_eq!(
        run(&mut one, "select pg_get_viewdef('viewing')").await[1],
        " select \"X\" AS v, \"t\" . /* v */ \"X\" + 1 as v1 from public.t order by v, \"X\" + 1;"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_text_of_a_view_gives_its_columns_their_names() {
    let (_volume, _database, mut one, _two) = two(ROWS).await;
    let query = "with w as (select * from t) select v, id, 1 as r from w order by id desc limit 1";
    ok(&run(&mut one, &format!("create view \"Listed\" (p, \"Q\") as {query}")).await);
    let text = run(&mut one, "select pg_get_viewdef('\"Listed\"')").await.remove(1);
    ok(&run(&mut one, &format!("create view restored as{text}")).await);
    for view in ["\"Listed\"", "restored"] {
        let lines = run(&mut one, &format!("select * from {view}")).await;
        assert_eq!(lines, ["p|Q|r", "20|2|1", "(1 row)"], "{view}: {text}");
    }
    let query = "select t.*, id + 1 \"next\" from t where id < 100";
    ok(&run(&mut one, &format!("create view changing (p, \"Q\", r) as {query} with check option")).await);
    let text = run(&mut one, "select pg_get_viewdef('changing')").await.remove(1);
    assert_eq!(text, " select t.id AS p, t.v AS \"Q\", id + 1 AS r from public.t where id < 100;");
    ok(&run(&mut one, &format!("create view changed as{} with check option", text.trim_end_matches(';'))).await);
    for (view, id) in [("changing", 10), ("changed", 11)] {
        let lines = run(&mut one, &format!("insert into {view} (\"Q\", p) values (1, {id}) returning *")).await;
        assert_eq!(lines, ["p|Q|r", &format!("{id}|1|{}", id + 1), "(1 row)", "INSERT 0 1"], "{view}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_change_through_a_view_whose_names_stand_around_its_query() {
    let (_volume, _database, mut one, _two) = two(ROWS).await;
    ok(&run(&mut one, "create view listed (p, q) as select v, id from t order by v").await);
    let text = run(&mut one, "select pg_get_viewdef('listed')").await.remove(1);
    assert_eq!(text, " SELECT * FROM (select v, id from public.t order by v) AS listed (p, q);");
    let lines = run(&mut one, "insert into listed (q, p) values (10, 1) returning q").await;
    assert_eq!(lines, ["q", "10", "(1 row)", "INSERT 0 1"]);
    let refused = [
        "ERROR:  42809: cannot copy to view \"listed\"",
        "HINT:  To enable copying to a view, provide an INSTEAD OF INSERT trigger.",
    ];
    assert_eq!(run(&mut one, "copy listed from stdin").await, refused);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_catalogs_tell_of_views_whose_columns_double_from_one_to_the_next() {
    let (_volume, _database, mut one, _two) = two(ROWS).await;
    ok(&run(&mut one, "create view w0 as select id, v from t").await);
    for at in 1..30 {
        ok(&run(&mut one, &format!("create view w{at} as select id, v + v as v from w{}", at - 1)).await);
    }
    let columns =
        "select column_name, is_updatable from information_schema.columns where table_name = 'w29' order by 1";
    assert_eq!(run(&mut one, columns).await, ["column_name|is_updatable", "id|YES", "v|NO", "(2 rows)"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn whether_a_view_may_read_a_table_is_asked_when_it_is_read() {
    let (_volume, database, mut one, _two) = two(ROWS).await;
    ok(&run(&mut one, "create role low login; grant create on schema public to low").await);
    let mut low = session_of(&database, "low").await;
    ok(&run(&mut low, "create view lows as select id from t where id = 1").await);
    let refused = ["ERROR:  42501: permission denied for table t"];
    assert_eq!(run(&mut low, "select * from lows").await, refused);
    assert_eq!(run(&mut low, "insert into lows values (10)").await, refused);
    assert_eq!(run(&mut low, "create table copied as select id from t").await, refused);
    ok(&run(&mut one, "grant select on t to low").await);
    assert_eq!(run(&mut low, "select count(*) from lows").await, ["count", "1", "(1 row)"]);
}

//! Who a session is: plans, prepared statements and portals when its role changes, and roles that change under it.

use sql::session::{Session, SessionOptions};
use types::Datum;

use super::support::{Recorder, run, session_of};
use super::{ROWS, let_wait, ok, spawn, two, value};

const DENIED: [&str; 1] = ["ERROR:  42501: permission denied for table t"];
const WHO: &str = "select session_user::text || ' as ' || current_user::text";

/// Runs a Query, and returns the settings that it reports.
async fn reported(session: &mut Session, sql: &str) -> Vec<String> {
    let mut client = Recorder::default();
    session.simple(sql, &mut client).await.expect(sql);
    client.statuses.iter().map(|(name, value)| format!("{name}={value}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_plan_brings_the_rights_of_whom_it_was_made_for() {
    let (_volume, database, mut one, mut two) = two(ROWS).await;
    ok(&run(&mut one, "create role app login").await);
    let mut app = session_of(&database, "app").await;
    let query = "select v from t where id = 1";
    // Of one shape and of one text, found by whoever asks next.
    for _ in 0..2 {
        assert_eq!(run(&mut one, query).await, ["v", "10", "(1 row)"]);
        assert_eq!(run(&mut app, query).await, DENIED);
        ok(&run(&mut two, "set role app").await);
        assert_eq!(run(&mut two, query).await, DENIED);
        ok(&run(&mut two, "reset role").await);
        assert_eq!(run(&mut two, query).await, ["v", "10", "(1 row)"]);
    }
    ok(&run(&mut one, "grant select on t to app").await);
    ok(&run(&mut two, "set role app").await);
    for session in [&mut app, &mut two] {
        assert_eq!(run(session, query).await, ["v", "10", "(1 row)"]);
        assert_eq!(run(session, "update t set v = 11 where id = 1").await, DENIED);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prepared_statement_is_run_by_whoever_binds_it() {
    let (_volume, _database, mut one, _two) = two(ROWS).await;
    ok(&run(&mut one, "create role app; create schema app authorization app; create table app.t (v text)").await);
    ok(&run(&mut one, "grant select on app.t to app").await);
    let mut client = Recorder::default();
    let state = |result: types::Result<()>| result.expect_err("refused").sqlstate().to_string();
    one.parse("reads", "select v from public.t where id = $1", &[]).await.expect("a query");
    one.parse("writes", "update public.t set v = 0", &[]).await.expect("a change");
    one.parse("who", "select current_user::text", &[]).await.expect("a query");
    one.parse("named", "select count(*) from t", &[]).await.expect("a query");
    ok(&run(&mut one, "set role app").await);
    assert_eq!(state(one.bind("", "reads", &[], &[Some(b"1")], &[]).await), "42501");
    one.fail();
    one.sync().await.expect("nothing to do");
    one.bind("", "writes", &[], &[], &[]).await.expect("a change is refused when it runs");
    assert_eq!(state(one.execute("", 0, &mut client).await), "42501");
    one.fail();
    one.sync().await.expect("nothing to do");
    // Its own table of that name comes first.
    for (role, name, rows) in [("app", "app", 0), ("none", "postgres", 2)] {
        ok(&run(&mut one, &format!("set role {role}")).await);
        client.values.clear();
        for statement in ["who", "named"] {
            one.bind("", statement, &[], &[], &[]).await.expect(statement);
            one.execute("", 0, &mut client).await.expect(statement);
        }
        one.sync().await.expect("commits");
        assert_eq!(client.values, [[Datum::text(name)], [Datum::Int8(rows)]]);
    }
}

/// As PostgreSQL has it: what a portal reads was allowed when it was bound.
#[tokio::test(flavor = "multi_thread")]
async fn a_portal_is_what_it_was_when_it_was_bound() {
    let (_volume, _database, mut one, _two) = two(ROWS).await;
    ok(&run(&mut one, "create role app; create schema app authorization app; create table app.t (v int)").await);
    let mut client = Recorder::default();
    one.parse("", "select v from t order by id", &[]).await.expect("a query");
    one.bind("reads", "", &[], &[], &[]).await.expect("it may be read");
    one.parse("", "set role app", &[]).await.expect("a statement");
    one.bind("", "", &[], &[], &[]).await.expect("bound");
    one.execute("", 0, &mut client).await.expect("set");
    one.execute("reads", 0, &mut client).await.expect("as it was bound");
    assert_eq!(client.values, [[Datum::Int4(10)], [Datum::Int4(20)]]);
    one.parse("", "select v from public.t", &[]).await.expect("a query");
    assert_eq!(one.bind("", "", &[], &[], &[]).await.expect_err("not by app").sqlstate().to_string(), "42501");
    one.fail();
    one.sync().await.expect("nothing to do");
    // The error took the role back.
    assert_eq!(value(&mut one, WHO).await, "postgres as postgres");
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_are_told_who_they_are() {
    let (_volume, _database, mut one, _two) = two("create role app; create role chief superuser").await;
    assert_eq!(reported(&mut one, "set role app").await, ["is_superuser=off"]);
    assert_eq!(reported(&mut one, "set role chief").await, ["is_superuser=on"]);
    assert!(reported(&mut one, "reset role").await.is_empty());
    ok(&run(&mut one, "begin").await);
    assert_eq!(
        reported(&mut one, "set session authorization app").await,
        ["is_superuser=off", "session_authorization=app"]
    );
    assert_eq!(reported(&mut one, "rollback").await, ["is_superuser=on", "session_authorization=postgres"]);
    ok(&run(&mut one, "begin; set local role app").await);
    assert_eq!(reported(&mut one, "commit").await, ["is_superuser=on"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_is_the_same_under_another_name_and_nobody_when_it_is_dropped() {
    let (_volume, database, mut one, mut two) = two(ROWS).await;
    ok(&run(&mut two, "create role app; grant select on t to app; create role member login; grant app to member")
        .await);
    let mut member = session_of(&database, "member").await;
    for session in [&mut one, &mut member] {
        ok(&run(session, "set role app").await);
    }
    ok(&run(&mut two, "alter role app rename to renamed; create role app superuser").await);
    for session in [&mut one, &mut member] {
        assert_eq!(value(session, "select current_user").await, "renamed");
        assert_eq!(value(session, "select count(*) from t").await, "2");
        assert_eq!(run(session, "delete from t").await, DENIED);
        assert_eq!(value(session, "show role").await, "app");
    }
    ok(&run(&mut two, "alter role member rename to other").await);
    assert_eq!(value(&mut member, WHO).await, "other as renamed");
    ok(&run(&mut two, "revoke select on t from renamed; drop role renamed").await);
    for session in [&mut one, &mut member] {
        let lines = run(session, "select current_user").await;
        assert!(lines[0].starts_with("ERROR:  42704: invalid role OID: "), "{lines:?}");
        assert_eq!(run(session, "select count(*) from t").await, DENIED);
        assert!(run(session, "create temp table mine (a int)").await[0].starts_with("ERROR:  42704: "));
        ok(&run(session, "reset role").await);
    }
    assert_eq!(value(&mut one, "select count(*) from t").await, "2");
    assert_eq!(value(&mut member, WHO).await, "other as other");
    // A superuser that is none any more has the rights of none.
    ok(&run(&mut two, "create role chief superuser").await);
    ok(&run(&mut one, "set role chief; select count(*) from t").await);
    ok(&run(&mut two, "alter role chief nosuperuser").await);
    assert_eq!(run(&mut one, "select count(*) from t").await, DENIED);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_begins_with_the_role_that_its_role_sets() {
    let (_volume, database, mut one, _two) = two(ROWS).await;
    ok(&run(&mut one, "create role app; create role member login; grant app to member").await);
    ok(&run(&mut one, "alter role member set role = app").await);
    let mut member = session_of(&database, "member").await;
    assert_eq!(value(&mut member, WHO).await, "member as app");
    ok(&run(&mut member, "set role none").await);
    assert_eq!(value(&mut member, WHO).await, "member as member");
    ok(&run(&mut member, "discard all").await);
    assert_eq!(value(&mut member, WHO).await, "member as app");
    ok(&run(&mut member, "set session authorization member").await);
    assert_eq!(value(&mut member, WHO).await, "member as member");
    let refused = ["ERROR:  42501: permission denied to set session authorization \"app\""];
    assert_eq!(run(&mut member, "set session authorization app").await, refused);
    ok(&run(&mut one, "revoke app from member").await);
    let mut member = session_of(&database, "member").await;
    let mut told = Recorder::default();
    member.tell(&mut told);
    assert_eq!(told.lines, ["WARNING:  42501: permission denied to set role \"app\""]);
    assert_eq!(value(&mut member, WHO).await, "member as member");
    for setting in ["role", "session_authorization"] {
        let options = SessionOptions {
            user: "member".into(),
            database: "postgres".into(),
            settings: vec![(setting.to_owned(), "postgres".to_owned())],
            ..SessionOptions::default()
        };
        let refused = Session::new(database.clone(), options).await.map(drop).expect_err("it may not");
        assert_eq!(refused.sqlstate().to_string(), "42501");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_superuser_ends_no_sessions_as_a_role_that_may_not() {
    let (_volume, _database, mut one, _two) = two("create role app").await;
    ok(&run(&mut one, "set role app").await);
    let cancels = "select pg_cancel_backend(pid) from pg_stat_activity where pid <> pg_backend_pid()";
    assert_eq!(run(&mut one, cancels).await, ["ERROR:  42501: must be a superuser to cancel superuser query"]);
    let seen = "select usename, query = '<insufficient privilege>' from pg_stat_activity";
    assert_eq!(run(&mut one, seen).await[1..], ["postgres|t", "postgres|t", "(2 rows)"]);
}

/// What a session that comes back from the writer has become there.
#[tokio::test(flavor = "multi_thread")]
async fn who_it_is_goes_along_to_another_server_and_back() {
    let (_volume, _database, mut one, mut two) = two(ROWS).await;
    ok(&run(&mut two, "create role app; grant select on t to app").await);
    assert_eq!(one.settings_to_pass_on()["role"], "none");
    ok(&run(&mut one, "set role app").await);
    assert_eq!(one.settings_to_pass_on()["role"], "app");
    ok(&run(&mut two, "alter role app rename to renamed").await);
    assert_eq!(value(&mut one, "select count(*) from t").await, "2");
    assert_eq!(one.settings_to_pass_on()["role"], "renamed");
    ok(&run(&mut one, "reset role").await);

    // It may be one that is not known here yet: until then it may do nothing.
    one.adopt_setting("role", "later");
    assert_eq!(run(&mut one, "select count(*) from t").await, DENIED);
    assert_eq!(run(&mut one, "select current_user").await, ["ERROR:  42704: role \"later\" does not exist"]);
    assert_eq!(one.settings_to_pass_on()["role"], "later");
    ok(&run(&mut two, "create role later; grant select on t to later").await);
    assert_eq!(value(&mut one, WHO).await, "postgres as later");
    assert_eq!(value(&mut one, "select count(*) from t").await, "2");
    assert_eq!(run(&mut one, "delete from t").await, DENIED);
    one.adopt_setting("role", "none");
    assert_eq!(value(&mut one, WHO).await, "postgres as postgres");
    one.adopt_setting("role", "later");
    one.adopt_setting("session_authorization", "renamed");
    assert_eq!(value(&mut one, WHO).await, "renamed as later");
    let passed = one.settings_to_pass_on();
    assert_eq!((&*passed["session_authorization"], &*passed["role"]), ("renamed", "later"));
    one.adopt_setting("session_authorization", "postgres");
    one.adopt_setting("role", "none");
    assert_eq!(value(&mut one, WHO).await, "postgres as postgres");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_of_a_database_has_its_rights_by_inheriting_them() {
    let (_volume, database, mut one, _two) = two(ROWS).await;
    ok(&run(&mut one, "create role app noinherit login").await);
    ok(&run(&mut one, "create database theirs owner app").await);
    let options = SessionOptions { user: "app".into(), database: "theirs".into(), ..SessionOptions::default() };
    let mut app = Session::new(database.clone(), options).await.expect("it may connect");
    for (right, has) in [("usage", "f"), ("member", "t")] {
        assert_eq!(value(&mut app, &format!("select pg_has_role('pg_database_owner', '{right}')")).await, has);
    }
    let make = "create table public.made (a int)";
    assert_eq!(run(&mut app, make).await, ["ERROR:  42501: permission denied for schema public"]);
    ok(&run(&mut one, "alter role app inherit").await);
    ok(&run(&mut app, make).await);
}

/// It was not known yet when it came from the writer, and the end of a transaction brings back what it was then.
#[tokio::test(flavor = "multi_thread")]
async fn a_role_is_known_from_the_moment_that_it_is_there() {
    let (_volume, _database, mut one, mut two) = two(ROWS).await;
    one.parse("reads", "select count(*) from t", &[]).await.expect("a query");
    one.adopt_setting("role", "later");
    ok(&run(&mut one, "begin").await);
    ok(&run(&mut two, "create role later; grant select on t to later").await);
    one.bind("", "reads", &[], &[], &[]).await.expect("it may be read");
    ok(&run(&mut one, "rollback").await);
    assert_eq!(value(&mut one, WHO).await, "postgres as later");
}

/// No plan brings the right to draw, and no values that are at hand.
#[tokio::test(flavor = "multi_thread")]
async fn the_right_to_draw_is_asked_for_with_each_value() {
    let setup = "create role app login; create table s (id serial, v int); grant insert on s to app";
    let (_volume, database, mut one, _two) = two(setup).await;
    let mut app = session_of(&database, "app").await;
    let mut client = Recorder::default();
    app.parse("adds", "insert into s (v) values ($1)", &[]).await.expect("a change");
    for (change, refused) in [
        ("grant usage on sequence s_id_seq to app", None),
        ("revoke usage on sequence s_id_seq from app", Some("42501")),
        ("grant update on sequence s_id_seq to app", None),
        ("revoke update on sequence s_id_seq from app", Some("42501")),
        ("alter role app superuser", None),
        ("alter role app nosuperuser", Some("42501")),
    ] {
        ok(&run(&mut one, change).await);
        app.bind("", "adds", &[], &[Some(b"1")], &[]).await.expect("a change is refused when it runs");
        let state = app.execute("", 0, &mut client).await.err().map(|error| error.sqlstate().to_string());
        assert_eq!(state.as_deref(), refused, "{change}");
        if refused.is_some() {
            app.fail();
        }
        app.sync().await.expect("it ends");
    }
    assert_eq!(value(&mut one, "select max(id) from s").await, "3");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_tables_are_cleaned_for_who_owns_them_or_the_database() {
    let (_volume, database, mut one, _two) = two(ROWS).await;
    ok(&run(&mut one, "create role app login; create schema app authorization app").await);
    ok(&run(&mut one, "create database apps owner app").await);
    let mut app = session_of(&database, "app").await;
    ok(&run(&mut app, "create table own (a int); insert into own values (1), (2), (3)").await);
    for (statement, what) in [("vacuum", "vacuum"), ("analyze", "analyze"), ("vacuum analyze", "vacuum")] {
        let warning = format!("WARNING:  01000: skipping \"t\" --- only table or database owner can {what} it");
        assert_eq!(run(&mut app, statement).await, [warning, statement[..what.len()].to_uppercase()]);
    }
    let rows = |table: &str| format!("select reltuples from pg_class where relname = '{table}'");
    assert_eq!(value(&mut one, &rows("own")).await, "3");
    assert_ne!(value(&mut one, &rows("t")).await, "2");

    let options =
        |user: &str| SessionOptions { user: user.into(), database: "apps".into(), ..SessionOptions::default() };
    let mut one = Session::new(database.clone(), options("postgres")).await.expect("it may connect");
    ok(&run(&mut one, "create table t (a int); insert into t values (1), (2)").await);
    let mut app = Session::new(database.clone(), options("app")).await.expect("it may connect");
    assert_eq!(run(&mut app, "vacuum analyze").await, ["VACUUM"]);
    assert_eq!(value(&mut one, &rows("t")).await, "2");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_of_pg_checkpoint_may_checkpoint() {
    let (_volume, _database, mut one, _two) = two("create role app; set role app").await;
    let refused = "ERROR:  42501: must be superuser or have privileges of pg_checkpoint to do CHECKPOINT";
    assert_eq!(run(&mut one, "checkpoint").await, [refused]);
    ok(&run(&mut one, "reset role; grant pg_checkpoint to app; set role app").await);
    assert_eq!(run(&mut one, "checkpoint").await, ["CHECKPOINT"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_is_looked_into_as_long_as_it_may_be_used() {
    let (_volume, database, mut one, _two) = two(ROWS).await;
    let setup = "create role app login; create schema den; create table den.t (v int); grant select on den.t to app";
    ok(&run(&mut one, setup).await);
    let mut app = session_of(&database, "app").await;
    ok(&run(&mut app, "set search_path = den, public").await);
    let named = "select count(*) from den.t";
    let refused = ["ERROR:  42501: permission denied for schema den"];
    for _ in 0..2 {
        assert_eq!(run(&mut app, named).await, refused);
        // It is as if the schema were not there.
        assert_eq!(run(&mut app, "select v from t").await, DENIED);
        ok(&run(&mut one, "grant usage on schema den to app").await);
        assert_eq!(run(&mut app, named).await, ["count", "0", "(1 row)"]);
        assert_eq!(run(&mut app, "select v from t").await, ["v", "(0 rows)"]);
        ok(&run(&mut one, "revoke usage on schema den from app").await);
    }
    // By way of a role.
    ok(&run(&mut one, "grant pg_read_all_data to app").await);
    assert_eq!(run(&mut app, named).await, ["count", "0", "(1 row)"]);
    ok(&run(&mut one, "revoke pg_read_all_data from app").await);
    assert_eq!(run(&mut app, named).await, refused);
    // Who may is not kept out by what others were refused.
    assert_eq!(run(&mut one, named).await, ["count", "0", "(1 row)"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_that_each_make_half_of_a_circle_do_not_close_it() {
    for second in ["grant b to a", "create role c in role b role a", "alter role b user a"] {
        let (_volume, database, mut one, mut two) = two("create role a; create role b").await;
        ok(&run(&mut one, "begin; grant a to b").await);
        ok(&run(&mut two, "begin").await);
        let waiting = spawn(two, second);
        let_wait(&database).await;
        ok(&run(&mut one, "commit").await);
        let (_two, lines) = waiting.await.expect("no panic");
        assert!(lines.iter().any(|line| line.starts_with("ERROR:  0LP01")), "{second}: {lines:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rights_come_a_long_way_and_by_many_ways() {
    const STEPS: usize = 40;
    let (_volume, _database, mut one, _two) = two("create role a0; create role b0").await;
    let step = |n: usize| format!("create role a{n} role a{0}, b{0}; create role b{n} role a{0}, b{0}", n - 1);
    for n in 1..=STEPS {
        ok(&run(&mut one, &step(n)).await);
    }
    let asked = |role: &str, what: &str| format!("select pg_has_role('a0', '{role}', '{what}')");
    for what in ["usage", "member"] {
        assert_eq!(value(&mut one, &asked(&format!("b{STEPS}"), what)).await, "t");
        assert_eq!(value(&mut one, &asked("pg_monitor", what)).await, "f");
    }
    let circle = format!("grant a0 to a{STEPS}");
    let refused = format!("ERROR:  0LP01: role \"a0\" is a member of role \"a{STEPS}\"");
    assert_eq!(run(&mut one, &circle).await, [refused]);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_grant_is_left_of_a_role_that_is_dropped_beside_it() {
    for (grant, found) in [
        ("grant select on t to a", "privileges for table t"),
        ("grant usage on schema public to a", "privileges for schema public"),
    ] {
        let (_volume, database, mut one, two) = two(ROWS).await;
        ok(&run(&mut one, "create role a").await);
        ok(&run(&mut one, "begin").await);
        ok(&run(&mut one, grant).await);
        let waiting = spawn(two, "drop role a");
        let_wait(&database).await;
        ok(&run(&mut one, "commit").await);
        let (two, lines) = waiting.await.expect("no panic");
        let refused = "ERROR:  2BP01: role \"a\" cannot be dropped because some objects depend on it";
        assert_eq!(lines, [refused.to_owned(), format!("DETAIL:  {found}")]);
        // The other way round.
        ok(&run(&mut one, &grant.replace("grant", "revoke").replace(" to ", " from ")).await);
        ok(&run(&mut one, "begin; drop role a").await);
        let waiting = spawn(two, grant);
        let_wait(&database).await;
        ok(&run(&mut one, "commit").await);
        let (_two, lines) = waiting.await.expect("no panic");
        assert_eq!(lines, ["ERROR:  42704: role \"a\" does not exist"]);
    }
    let (_volume, database, mut one, two) = two("create role a; create role b").await;
    ok(&run(&mut one, "begin; grant a to b").await);
    let waiting = spawn(two, "drop role a");
    let_wait(&database).await;
    ok(&run(&mut one, "commit").await);
    let (_two, lines) = waiting.await.expect("no panic");
    assert_eq!(lines, ["DROP ROLE"]);
    let memberships =
        "select count(*) from pg_auth_members m join pg_roles r on r.oid = m.member where r.rolname = 'b'";
    assert_eq!(value(&mut one, memberships).await, "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_left_to_a_role_that_is_dropped_beside_it() {
    let roles = "create role a; create role b; grant create on schema public to public; \
                 create table t (id int); create view v as select 1 as one; create sequence s; create schema box; \
                 set role b; create table of_b (id int); reset role";
    for (taking, found) in [
        ("set role a; create table new (id int); reset role", "owner of table new"),
        ("set role a; create view new as select 1 as one; reset role", "owner of view new"),
        ("set role a; create sequence new; reset role", "owner of sequence new"),
        ("create schema new authorization a", "owner of schema new"),
        ("alter table t owner to a", "owner of table t"),
        ("alter view v owner to a", "owner of view v"),
        ("alter sequence s owner to a", "owner of sequence s"),
        ("alter schema box owner to a", "owner of schema box"),
        ("reassign owned by b to a", "owner of table of_b"),
    ] {
        let (_volume, database, mut one, two) = two(roles).await;
        ok(&run(&mut one, "begin").await);
        ok(&run(&mut one, taking).await);
        let waiting = spawn(two, "drop role a");
        let_wait(&database).await;
        ok(&run(&mut one, "commit").await);
        let (two, lines) = waiting.await.expect("no panic");
        let refused = "ERROR:  2BP01: role \"a\" cannot be dropped because some objects depend on it";
        assert_eq!(lines, [refused.to_owned(), format!("DETAIL:  {found}")], "{taking}");
        // The other way round.
        ok(&run(&mut one, "reassign owned by a to b; begin; drop role a").await);
        let waiting = spawn(two, taking.split("; reset").next().unwrap_or(taking));
        let_wait(&database).await;
        ok(&run(&mut one, "commit").await);
        let (_two, lines) = waiting.await.expect("no panic");
        let refused = lines.last().expect("an answer");
        assert!(refused.starts_with("ERROR:  42704: role "), "{taking}: {refused}");
    }
}

//! pg_dump of the installed PostgreSQL reads a database, and psql makes the same one of what it wrote.

use std::io::Write;
use std::process::{Command, Stdio};

use tests::postgres::{psql, succeeded};
use tests::{Cluster, Options};

/// Schemas, sequences of all kinds, constraints, a view over unqualified names, privileges, comments, odd values.
const CONTENT: &str = r#"
create schema shop;
create table shop.customer (id serial primary key, name varchar(40) not null unique, email text,
    made timestamptz default '2024-01-01 00:00+00', constraint mail check (email like '%@%'));
create table product (id bigint generated always as identity primary key, code char(6) not null,
    price numeric(10,2) check (price >= 0), tags text[], notes text default 'it''s "quoted"');
create table shop.sale (customer int references shop.customer (id) on delete cascade, product bigint references product,
    at date not null, qty smallint not null default 1, primary key (customer, product, at));
create index sale_at on shop.sale (at desc);
create unique index product_code on product (code, price);
create view sales as select c.name, p.code, s.qty * p.price as total
    from shop.sale s join shop.customer c on c.id = s.customer join product p on p.id = s.product
    where exists (select 1 from product where product.id = s.product);
create view best as with t as (select * from sales) select name from t where total > 10;
create sequence shop.ticket start 100 increment 10;
create table shop.rule (a boolean default (1 = 1 and 2 = 2), b boolean default (now() is null), c int default 1 + 1,
    d int generated always as (c * 2) stored, constraint known check (c > 0 or c is null));
insert into shop.rule default values;
comment on constraint known on shop.rule is 'or nothing is';
create table shop.queue (n bigint default nextval('shop.ticket'), constraint drawn check (n <= currval('shop.ticket')));
create table plain (a int, b text, c bytea, d float8, e uuid, f interval, g boolean, h time, i timestamp, j json, k date);
insert into shop.customer (name, email)
    select 'c' || i, case when i % 3 = 0 then null else 'c' || i || '@x.org' end from generate_series(1, 500) i;
insert into product (code, price, tags) select 'P' || i, i * 1.25, array['t' || i, null, 'a,b'] from generate_series(1, 20) i;
insert into shop.sale select 1 + i % 500, 1 + i % 20, date '2024-01-01' + i, i % 7 + 1 from generate_series(1, 1000) i;
insert into plain values
    (1, E'tab\there\nnewline\\ \\N', '\x00ff', 'NaN', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '1 mon 2 days', true, '12:30',
        '2024-02-29 01:02:03.5', '{"a": 1}', 'infinity'),
    (null, null, null, null, null, null, null, null, null, null, null),
    (2, '', '', '-2.5e-300', null, '-1 day', false, '24:00', '-infinity', 'null', '0044-03-15 BC');
select nextval('shop.ticket');
create role reader;
create role passer;
create role taker;
grant usage on schema shop to reader, passer;
grant select on shop.customer to reader;
grant select, insert on shop.customer to passer with grant option;
revoke truncate on shop.customer from postgres;
set role passer;
grant select on shop.customer to taker;
reset role;
comment on schema shop is 'all that is sold';
comment on table shop.customer is 'who buys';
comment on column shop.customer.email is 'may be missing';
"#;

/// Feeds a script to psql, which stops at the first error.
fn restore(cluster: &Cluster, database: &str, script: &str) -> anyhow::Result<()> {
    let mut psql = Command::new("psql")
        .args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-U", "postgres", "-d", database])
        .args(["-p", &cluster.port(0).to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut input = psql.stdin.take().expect("it was piped");
    let script = script.to_owned();
    let writer = std::thread::spawn(move || input.write_all(script.as_bytes()));
    succeeded(psql.wait_with_output()?)?;
    writer.join().expect("no panic")?;
    Ok(())
}

/// What pg_dump writes, without what differs from run to run.
fn dump(cluster: &Cluster, arguments: &[&str]) -> anyhow::Result<String> {
    let text = succeeded(cluster.client(0, "pg_dump", arguments)?)?;
    let lines = text.lines().filter(|line| !line.starts_with("\\restrict") && !line.starts_with("\\unrestrict"));
    Ok(lines.collect::<Vec<_>>().join("\n"))
}

/// Shows the first line in which two dumps differ, for they are long.
fn assert_same(dump: &str, expected: &str) {
    let differs = dump.lines().zip(expected.lines()).find(|(line, expected)| line != expected);
    assert!(differs.is_none() && dump.lines().count() == expected.lines().count(), "{differs:?}");
}

#[tokio::test]
async fn a_dumped_database_is_restored_the_same() -> anyhow::Result<()> {
    let cluster = Cluster::start(Options::default()).await?;
    restore(&cluster, "postgres", CONTENT)?;
    let first = dump(&cluster, &["postgres"])?;
    for expected in [
        "COPY shop.sale",
        "ALTER SEQUENCE shop.customer_id_seq OWNED BY",
        "n bigint DEFAULT nextval('shop.ticket'::regclass)",
        "CHECK ((n <= currval('shop.ticket'::regclass)))",
        "DEFAULT ((1 = 1) AND (2 = 2))",
        "GRANT SELECT ON TABLE shop.customer",
        "REVOKE ALL ON TABLE shop.customer FROM postgres",
        "SET SESSION AUTHORIZATION passer;\nGRANT SELECT ON TABLE shop.customer TO taker",
    ] {
        assert!(first.contains(expected), "{expected} is missing in\n{first}");
    }
    // What is the server's own is not the database's content.
    for own in ["redoubt", "pg_catalog TO"] {
        assert!(!first.contains(own), "{own} is dumped:\n{first}");
    }
    for (database, arguments) in
        [("copied", &["postgres"][..]), ("inserted", &["--inserts", "--no-comments", "postgres"])]
    {
        psql(&cluster, 0, &format!("create database {database}"))?;
        restore(&cluster, database, &dump(&cluster, arguments)?)?;
    }
    assert_same(&dump(&cluster, &["copied"])?, &first);
    assert_same(&dump(&cluster, &["--data-only", "inserted"])?, &dump(&cluster, &["--data-only", "postgres"])?);
    // The copy works: its sequences go on, its view finds its tables.
    let client = |sql: &str| {
        let arguments = ["-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", "copied", "-c", sql];
        succeeded(cluster.client(0, "psql", &arguments)?)
    };
    let added = client("insert into shop.customer (name) values ('new') returning id")?;
    assert_eq!(added.lines().next(), Some("501"));
    assert_eq!(client("select count(*), sum(total) from sales")?, "1000|52533.75\n");
    assert_eq!(client("select nextval('shop.ticket')")?, "110\n");
    Ok(())
}

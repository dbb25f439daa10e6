# Temporary tables, sequences and views.
> create temp table t (id serial primary key, v text unique, n int default 7 check (n > 0))
CREATE TABLE

> insert into t (v) values ('a'), ('b') returning id, v, n
id|v|n
1|a|7
2|b|7
(2 rows)
INSERT 0 2

> insert into t (v) values ('a')
ERROR:  23505: duplicate key value violates unique constraint "t_v_key"
DETAIL:  Key (v)=(a) already exists.

> insert into t (v, n) values ('c', 0)
ERROR:  23514: new row for relation "t" violates check constraint "t_n_check"
DETAIL:  Failing row contains (4, c, 0).

> select pg_get_serial_sequence('t', 'id')
pg_get_serial_sequence
pg_temp.t_id_seq
(1 row)

> create index on t (n)
CREATE INDEX

> select relname, relkind, relpersistence from pg_class where relnamespace = pg_my_temp_schema() order by 1
relname|relkind|relpersistence
t|r|t
t_id_seq|S|t
t_n_idx|i|t
t_pkey|i|t
t_v_key|i|t
(5 rows)

> select nspname like 'pg_temp_%', pg_is_other_temp_schema(oid) from pg_namespace where oid = pg_my_temp_schema()
?column?|pg_is_other_temp_schema
t|f
(1 row)

> select table_type, commit_action from information_schema.tables where table_name = 't'
table_type|commit_action
LOCAL TEMPORARY|
(1 row)

> select current_schema(), current_schemas(false), array_length(current_schemas(true), 1)
current_schema|current_schemas|array_length
public|{public}|3
(1 row)

> select 't'::regclass, 'pg_temp.t'::regclass, pg_table_is_visible('t'::regclass)
regclass|regclass|pg_table_is_visible
t|t|t
(1 row)

# The temporary table hides another of its name.
> create table public.t (a int)
CREATE TABLE

> select count(*) from public.t
count
0
(1 row)

> select count(*) from t
count
2
(1 row)

> select count(*) from pg_temp.t
count
2
(1 row)

> select pg_temp.t.id, pg_temp.t.v from t order by pg_temp.t.id
id|v
1|a
2|b
(2 rows)

> update pg_temp.t set n = pg_temp.t.n + 1 where pg_temp.t.id = 1 returning pg_temp.t.*
id|v|n
1|a|8
(1 row)
UPDATE 1

> drop table t
DROP TABLE

> select count(*) from t
count
0
(1 row)

> drop table t
DROP TABLE

> drop table if exists pg_temp.t
NOTICE:  00000: table "t" does not exist, skipping
DROP TABLE

> drop table pg_temp.t
ERROR:  42P01: table "t" does not exist

> drop index if exists public.absent; drop index public.absent
NOTICE:  00000: index "absent" does not exist, skipping
DROP INDEX
ERROR:  42704: index "absent" does not exist

# Spellings.
> create temporary table a1 (a int) on commit preserve rows
CREATE TABLE

> create local table a0 (a int)
ERROR:  42601: syntax error at or near "table"

> create global unlogged table a0 (a int)
ERROR:  42601: syntax error at or near "unlogged"

> create local temp table if not exists a1 (a int)
NOTICE:  42P07: relation "a1" already exists, skipping
CREATE TABLE

> create temporary table a2 as select g from generate_series(1, 3) g
SELECT 3

> create temp table a3 (x, y) on commit preserve rows as select 1, 2 with no data
CREATE TABLE AS

> select * into temp a4 from a2
SELECT 3

> select g into local temporary table a5 from a2 where g > 1
SELECT 2

> select g into table a6 from a2
SELECT 3

> create temp table a7 (like a1)
CREATE TABLE

> create table pg_temp.a8 (a int)
CREATE TABLE

> select relname, relpersistence from pg_class where relname ~ '^a[1-8]$' order by 1
relname|relpersistence
a1|t
a2|t
a3|t
a4|t
a5|t
a6|p
a7|t
a8|t
(8 rows)

> create temp table public.a9 (a int)
ERROR:  42P16: cannot create temporary relation in non-temporary schema

> create table pg_temp.a9 (a int) on commit drop
CREATE TABLE

> create table pg_temp.a9 on commit drop as select 1
ERROR:  42P16: ON COMMIT can only be used on temporary tables

> create table a9 (a int) on commit drop
ERROR:  42P16: ON COMMIT can only be used on temporary tables

> create temp index i on a1 (a)
ERROR:  42601: syntax error at or near "index"

> create temp unlogged table a9 (a int)
ERROR:  42601: syntax error at or near "unlogged"

> create temp schema s
ERROR:  42601: syntax error at or near "schema"

# Keys between what stays and what does not.
> create table p (id int primary key)
CREATE TABLE

> create temp table tp (id int primary key)
CREATE TABLE

> create table c (id int references tp)
ERROR:  42P16: constraints on permanent tables may reference only permanent tables

> create temp table c (id int references p)
ERROR:  42P16: constraints on temporary tables may reference only temporary tables

> create temp table tc (id int references tp)
CREATE TABLE

> create table up (id int primary key)
CREATE TABLE

> create temp table up (id int primary key, parent int references up)
CREATE TABLE

> insert into up values (1, 1)
INSERT 0 1

> drop table up
DROP TABLE

> drop table up
DROP TABLE

> insert into tc values (1)
ERROR:  23503: insert or update on table "tc" violates foreign key constraint "tc_id_fkey"
DETAIL:  Key (id)=(1) is not present in table "tp".

> alter table a6 add foreign key (g) references tp
ERROR:  42P16: constraints on permanent tables may reference only permanent tables

> alter table tc add foreign key (id) references p
ERROR:  42P16: constraints on temporary tables may reference only temporary tables

> alter table tc set schema public
ERROR:  0A000: cannot move objects into or out of temporary schemas

> alter table p set schema pg_temp
ERROR:  0A000: cannot move objects into or out of temporary schemas

> alter table tc set unlogged
ERROR:  42P16: cannot change logged status of table "tc" because it is temporary

# Views of what is temporary are temporary, too.
> create view v as select * from tp
NOTICE:  00000: view "v" will be a temporary view
CREATE VIEW

> create view w as select * from v
NOTICE:  00000: view "w" will be a temporary view
CREATE VIEW

> create or replace view v as select id from tp where id > 0
NOTICE:  00000: view "v" will be a temporary view
CREATE VIEW

> create temp view x as select * from p
CREATE VIEW

> create view y as select * from p
CREATE VIEW

> select relname, relpersistence from pg_class where relname in ('v', 'w', 'x', 'y') order by 1
relname|relpersistence
v|t
w|t
x|t
y|p
(4 rows)

> select table_name, table_type from information_schema.tables where table_name in ('tp', 'x', 'y') order by 1
table_name|table_type
tp|LOCAL TEMPORARY
x|LOCAL TEMPORARY
y|VIEW
(3 rows)

> drop table tp
ERROR:  2BP01: cannot drop table tp because other objects depend on it
DETAIL:  constraint tc_id_fkey on table tc depends on table tp
view v depends on table tp
view w depends on view v
HINT:  Use DROP ... CASCADE to drop the dependent objects too.

> drop view v cascade
NOTICE:  00000: drop cascades to view w
DROP VIEW

> drop table tp cascade
NOTICE:  00000: drop cascades to constraint tc_id_fkey on table tc
DROP TABLE

# Sequences.
> create temp sequence q
CREATE SEQUENCE

> select nextval('q'), nextval('pg_temp.q'), currval('q')
nextval|nextval|currval
1|2|2
(1 row)

> create table d (id int default nextval('q'))
CREATE TABLE

# In a transaction that only reads.
> create temp table r (id serial, v text)
CREATE TABLE

> begin read only
BEGIN

> insert into r (v) values ('x') returning id
id
1
(1 row)
INSERT 0 1

> update r set v = 'y'
UPDATE 1

> with it as (insert into r (v) values ('z') returning id) select id from it
id
2
(1 row)

> delete from r where id = 2
DELETE 1

> savepoint s
SAVEPOINT

> create temp table r2 (a int)
ERROR:  25006: cannot execute CREATE TABLE in a read-only transaction

> rollback to s
ROLLBACK

> insert into p values (1)
ERROR:  25006: cannot execute INSERT in a read-only transaction

> rollback to s
ROLLBACK

> truncate r
ERROR:  25006: cannot execute TRUNCATE TABLE in a read-only transaction

> rollback to s
ROLLBACK

> commit
COMMIT

> select * from r
id|v
1|y
(1 row)

# What is rolled back was never there.
> begin
BEGIN

> create temp table gone (a int)
CREATE TABLE

> savepoint s
SAVEPOINT

> create temp table gone2 (a int)
CREATE TABLE

> rollback to s
ROLLBACK

> select count(*) from gone
count
0
(1 row)

> select count(*) from gone2
ERROR:  42P01: relation "gone2" does not exist

> rollback
ROLLBACK

> select count(*) from gone
ERROR:  42P01: relation "gone" does not exist

# At a commit.
> begin
BEGIN

> create temp table rows_go (id int primary key, v text) on commit delete rows
CREATE TABLE

> create temp table goes on commit drop as select 1 as a
SELECT 1

> create view goes_too as select * from goes
NOTICE:  00000: view "goes_too" will be a temporary view
CREATE VIEW

> insert into rows_go values (1, 'a'), (2, 'b')
INSERT 0 2

> select count(*) from rows_go, goes_too
count
2
(1 row)

> commit
COMMIT

> select count(*) from rows_go
count
0
(1 row)

> select count(*) from goes
ERROR:  42P01: relation "goes" does not exist

> select count(*) from goes_too
ERROR:  42P01: relation "goes_too" does not exist

> insert into rows_go values (1, 'again')
INSERT 0 1

> select count(*) from rows_go
count
0
(1 row)

> begin
BEGIN

> insert into rows_go values (1, 'and again')
INSERT 0 1

> savepoint s
SAVEPOINT

> create temp table goes (a int) on commit drop
CREATE TABLE

> rollback to s
ROLLBACK

> select count(*) from rows_go
count
1
(1 row)

> commit
COMMIT

> select count(*) from rows_go
count
0
(1 row)

> create temp table goes (a int) on commit drop
CREATE TABLE

> create temp table goes (a int) on commit drop
CREATE TABLE

> select count(*) from goes
ERROR:  42P01: relation "goes" does not exist

# Tables that refer to each other lose their rows together.
> create temp table parents (id int primary key) on commit delete rows
CREATE TABLE

> create temp table children (id int references parents) on commit delete rows
CREATE TABLE

> begin
BEGIN

> insert into parents values (1)
INSERT 0 1

> insert into children values (1)
INSERT 0 1

> commit
COMMIT

> select count(*) from parents, children
count
0
(1 row)

> begin
BEGIN

> create temp table kept (id int references parents)
CREATE TABLE

> commit
ERROR:  0A000: unsupported ON COMMIT and foreign key combination
DETAIL:  Table "kept" references "parents", but they do not have the same ON COMMIT setting.

> begin
BEGIN

> create temp table gone_first (id int references parents) on commit drop
CREATE TABLE

> commit
ERROR:  0A000: unsupported ON COMMIT and foreign key combination
DETAIL:  Table "gone_first" references "parents", but they do not have the same ON COMMIT setting.

> select count(*) from kept
ERROR:  42P01: relation "kept" does not exist

> insert into parents values (2)
INSERT 0 1

# Prepared statements, savepoints and views see what there is.
> prepare p as select count(*) from rows_go
PREPARE

> begin
BEGIN

> insert into rows_go values (1, 'prepared')
INSERT 0 1

> execute p
count
1
(1 row)

> savepoint s
SAVEPOINT

> truncate rows_go
TRUNCATE TABLE

> insert into rows_go values (2, 'undone')
INSERT 0 1

> rollback to s
ROLLBACK

> select v from rows_go
v
prepared
(1 row)

> commit
COMMIT

> execute p
count
0
(1 row)

> begin isolation level repeatable read
BEGIN

> select count(*) from rows_go
count
0
(1 row)

> insert into rows_go values (1, 'repeatable')
INSERT 0 1

> commit and chain
COMMIT

> execute p
count
0
(1 row)

> commit
COMMIT

> begin read only
BEGIN

> insert into rows_go values (1, 'read only')
INSERT 0 1

> commit
COMMIT

> execute p
count
0
(1 row)

> begin
BEGIN

> create temp table again_made on commit drop as select 1 as a
SELECT 1

> drop table again_made
DROP TABLE

> create temp table again_made (b int)
CREATE TABLE

> commit
COMMIT

> select * from again_made
b
(0 rows)

# Where the search path names it.
> set search_path = public, pg_temp
SET

> create table t (a int)
CREATE TABLE

> create temp table t (a int)
CREATE TABLE

> insert into t values (1)
INSERT 0 1

> select count(*) from t
count
1
(1 row)

> select count(*) from pg_temp.t
count
0
(1 row)

> set search_path = pg_temp, public
SET

> create table here (a int)
CREATE TABLE

> select relpersistence from pg_class where relname = 'here'
relpersistence
t
(1 row)

> select count(*) from t
count
0
(1 row)

> reset search_path
RESET

# All of it goes at once.
> discard temp
DISCARD TEMP

> select count(*) from pg_class where relnamespace = pg_my_temp_schema()
count
0
(1 row)

> select column_default from information_schema.columns where table_name = 'd'
column_default
(1 row)

> create temp table again (a int)
CREATE TABLE

> begin
BEGIN

> discard temp
DISCARD TEMP

> rollback
ROLLBACK

> select count(*) from again
count
0
(1 row)

> begin
BEGIN

> discard all
ERROR:  25001: DISCARD ALL cannot run inside a transaction block

> rollback
ROLLBACK

> discard all
DISCARD ALL

> select count(*) from again
ERROR:  42P01: relation "again" does not exist

# Who may.
> create role mortal
CREATE ROLE

> set role mortal
SET

> create temp table theirs (a int)
CREATE TABLE

> insert into theirs values (1)
INSERT 0 1

> reset role
RESET

> select tableowner from pg_tables where tablename = 'theirs'
tableowner
mortal
(1 row)

> drop table theirs
DROP TABLE

> drop role mortal
DROP ROLE

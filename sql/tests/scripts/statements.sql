# Statements that PostgreSQL's own regression tests make.
> create table sv (a int, b int)
CREATE TABLE

> create table sw (a int, "B" int)
CREATE TABLE

> create view sv_all as select * from sv
CREATE VIEW

> create view sv_two as select v.*, sw.* from sv_all as v (x, y), sw
CREATE VIEW

> create view sv_join as select * from sv left join sw using (a) where exists (select * from sw)
CREATE VIEW

> create view sv_full (p, q, r) as select * from sv full join (select * from sw) as s using (a)
CREATE VIEW

> create view sv_table as table sv union all (table only sw)
CREATE VIEW

> create view sv_comment as select sv.-- not this *
> *, 1 as one from sv
CREATE VIEW

> select one from sv_comment
one
(0 rows)

> drop view sv_comment
DROP VIEW

> alter table sv add column c int
ALTER TABLE

> alter table sw add column c int
ALTER TABLE

> insert into sv values (1, 2, 3)
INSERT 0 1

> insert into sw values (1, 5, 6), (7, 8, 9)
INSERT 0 2

> select * from sv_all
a|b
1|2
(1 row)

> select * from sv_table order by a, b
a|b
1|2
1|5
7|8
(3 rows)

> drop view sv_table
DROP VIEW

> select * from sv_two order by a
x|y|a|B
1|2|1|5
1|2|7|8
(2 rows)

> select * from sv_join
a|b|B
1|2|5
(1 row)

> select * from sv_full order by p
p|q|r
1|2|5
7||8
(2 rows)

> create or replace view sv_all as select *, 'new' as d from sv
CREATE VIEW

> select * from sv_two order by a
x|y|a|B
1|2|1|5
1|2|7|8
(2 rows)

> drop view sv_join, sv_full
DROP VIEW

> drop table sw
ERROR:  2BP01: cannot drop table sw because other objects depend on it
DETAIL:  view sv_two depends on table sw
HINT:  Use DROP ... CASCADE to drop the dependent objects too.

> drop view sv_two
DROP VIEW

> create table wr (a int, b text)
CREATE TABLE

> insert into wr values (1, 'one'), (2, null)
INSERT 0 2

> select x, count(w), count(w.*), w, w is null as missing from (values (1), (2), (3)) v (x) left join wr w on w.a = v.x group by x, w order by x
x|count|count|w|missing
1|1|1|(1,one)|f
2|1|1|(2,)|f
3|0|0||t
(3 rows)

> select count(v), count(w) from wr w right join (select 3 as x) v on w.a = v.x
count|count
1|0
(1 row)

> select count(v), count(w) from wr w full join (select 3 as x) v on w.a = v.x
count|count
1|2
(1 row)

> select row_to_json(w), to_jsonb(w) from (values (3)) v (x) left join wr w on w.a = v.x
row_to_json|to_jsonb
|
(1 row)

> select coalesce(w::text, 'none'), (w).a from (values (1), (3)) v (x) left join wr w on w.a = v.x order by x
coalesce|a
(1,one)|1
none|
(2 rows)

> select count(row(w.a, w.b)), count(w) from (values (3)) v (x) left join wr w on w.a = v.x
count|count
1|0
(1 row)

> select row(w.*), row(w.a, w.*, 0), w.*::text from wr w order by w.*
row|row|w
(1,one)|(1,1,one,0)|(1,one)
(2,)|(2,2,,0)|(2,)
(2 rows)

> select w.a from wr w where w.* = row(1, 'one'::text)
a
1
(1 row)

> select a.a, b.a from wr a, wr b where a.* <> b.* order by 1
a|a
1|2
2|1
(2 rows)

> select a.a from wr a where row(a.*) = row(1, 'one')
a
1
(1 row)

> insert into wr as w values (1, 'uno') returning w.*::text, w.* is null
w|?column?
(1,uno)|f
(1 row)
INSERT 0 1

> select *::text from wr
ERROR:  42601: syntax error at or near "::"

> select nosuch.*::text from wr
ERROR:  42P01: missing FROM-clause entry for table "nosuch"

> select array[row(1, 2)] as a, pg_typeof(array[row(1, 2)]), array[row(1, 'x')]::text as t
a|pg_typeof|t
{"(1,2)"}|record[]|{"(1,x)"}
(1 row)

> select array[row(1, 2)] || row(3, 4) as a, row(3, 4) = any (array[row(1, 2), row(3, 4)]) as b, row(1, 1) <> all (array[row(1, 2)]) as c
a|b|c
{"(1,2)","(3,4)"}|t|t
(1 row)

> select (array[row(1, 2), row(3, 4)])[2] as a, unnest(array[row(5, 6), row(7, 8)]) as u
a|u
(3,4)|(5,6)
(3,4)|(7,8)
(2 rows)

> select p + q as s from unnest(array[row(1, 2), row(3, 4)]) as x (p int, q int)
s
3
7
(2 rows)

> with recursive g (f, t) as (values (1, 2), (2, 3), (3, 1)), s (f, t, cycle, path) as (
>   select f, t, false, array[row(f, t)] from g where f = 1
>   union all select g.f, g.t, row(g.f, g.t) = any (path), path || row(g.f, g.t) from g, s where g.f = s.t and not cycle)
> select * from s order by path
f|t|cycle|path
1|2|f|{"(1,2)"}
2|3|f|{"(1,2)","(2,3)"}
3|1|f|{"(1,2)","(2,3)","(3,1)"}
1|2|t|{"(1,2)","(2,3)","(3,1)","(1,2)"}
(4 rows)

> create table wrong (a record[])
ERROR:  42P16: column "a" has pseudo-type record[]

> select (values (1)), (select 1 union select 1), (select a from wr limit 1)
column1|?column?|a
1|1|1
(1 row)

> create table vc (a varchar(10), b char(5))
CREATE TABLE

> insert into vc values ('x', 'y'), ('a', 'b'), ('x', 'z')
INSERT 0 3

> select string_agg(distinct a, ',' order by a desc), string_agg(distinct b, ',' order by b), string_agg(distinct a::text, ',' order by a::text) from vc
string_agg|string_agg|string_agg
x,a|b,y,z|a,x
(1 row)

> select string_agg(distinct a, ',' order by b) from vc
ERROR:  42P10: in an aggregate with DISTINCT, ORDER BY expressions must appear in argument list

> select d, count(*) over (order by d range between '7 days' preceding and current row), last_value(d) over (order by d desc range between current row and interval '1 month' following) from (values (date '2024-01-01'), ('2024-01-05'), ('2024-01-08'), ('2024-02-01'), ('infinity'), (null)) t (d) order by d
d|count|last_value
2024-01-01|1|2024-01-01
2024-01-05|2|2024-01-01
2024-01-08|3|2024-01-01
2024-02-01|1|2024-01-01
infinity|1|infinity
|1|
(6 rows)

> select t, sum(x) over (order by t range between interval '90 minutes' preceding and interval '1 hour' following) from (values (timestamp '2024-01-01 10:00', 1), ('2024-01-01 11:30', 2), ('2024-01-01 12:45', 4), ('-infinity', 8)) v (t, x) order by t
t|sum
-infinity|8
2024-01-01 10:00:00|1
2024-01-01 11:30:00|3
2024-01-01 12:45:00|6
(4 rows)

> select t::time, count(*) over (order by t::time range between interval '1 day 1 hour' preceding and current row), count(*) over (order by t range between interval '1 day' preceding and current row) from (values (timestamptz '2024-03-01 10:00+00'), ('2024-03-02 10:00+00'), ('2024-03-03 11:30+00')) v (t) order by t
t|count|count
10:00:00|2|1
10:00:00|2|2
11:30:00|1|1
(3 rows)

> select t, count(*) over (order by t range between interval '-1 day 1 hour' preceding and current row) from (values (time '10:00'), ('11:00')) v (t) order by t
t|count
10:00:00|1
11:00:00|2
(2 rows)

> select t, count(*) over (order by t range between interval '1 day -1 hour' preceding and current row) from (values (time '10:00'), ('11:00')) v (t) order by t
ERROR:  22013: invalid preceding or following size in window function

> select i, count(*) over (order by i desc range between '1 day' preceding and '12 hours' following) from (values (interval '1 day'), ('36 hours'), ('1 mon')) v (i) order by i
i|count
1 day|2
36:00:00|2
1 mon|1
(3 rows)

> select x, sum(x) over (order by x range between 0.5 preceding and 1 following), first_value(x) over (order by x desc range between 'Infinity' preceding and current row) from (values (1.0), (1.5), (2.25), ('NaN'), ('Infinity'), ('-Infinity')) v (x) order by x
x|sum|first_value
-Infinity|-Infinity|Infinity
1.0|2.5|Infinity
1.5|4.75|Infinity
2.25|2.25|Infinity
Infinity|Infinity|Infinity
NaN|NaN|NaN
(6 rows)

> select x, last_value(x) over w, first_value(x) over w from (values (1::float4), ('-infinity'), ('infinity'), ('nan'), (7)) v (x) window w as (order by x range between 'inf' preceding and 'inf' following) order by x
x|last_value|first_value
-Infinity|Infinity|-Infinity
1|Infinity|-Infinity
7|Infinity|-Infinity
Infinity|Infinity|-Infinity
NaN|NaN|NaN
(5 rows)

> select x, sum(1) over (order by x range between 1 preceding and current row), sum(1) over (order by x range between 1::bigint preceding and 2147483647 following) from (values (1::smallint), (2), (32767)) v (x) order by x
x|sum|sum
1|1|3
2|2|3
32767|1|1
(3 rows)

> select sum(1) over (order by x range between 1.5 preceding and current row) from (values (1)) v (x)
ERROR:  0A000: RANGE with offset PRECEDING/FOLLOWING is not supported for column type integer and offset type numeric
HINT:  Cast the offset value to an appropriate type.

> select sum(1) over (order by x range between 1 preceding and current row) from (values (date '2024-01-01')) v (x)
ERROR:  0A000: RANGE with offset PRECEDING/FOLLOWING is not supported for column type date and offset type integer
HINT:  Cast the offset value to an appropriate type.

> select sum(1) over (order by x range between interval '-1 day' preceding and current row) from (values (date '2024-01-01')) v (x)
ERROR:  22013: invalid preceding or following size in window function

> select sum(1) over (order by x range between null preceding and current row) from (values (1)) v (x)
ERROR:  22004: frame starting offset must not be null

> select sum(1) over (order by x range between 'NaN' preceding and current row) from (values (1.5)) v (x)
ERROR:  22013: invalid preceding or following size in window function

> create table ia (a int generated always as identity, b text)
CREATE TABLE

> create table id (a int generated by default as identity, b text)
CREATE TABLE

> insert into ia overriding user value values (10, 'x'), (default, 'y') returning *
a|b
1|x
2|y
(2 rows)
INSERT 0 2

> insert into ia (b, a) overriding user value select 'z', 30 returning *
a|b
3|z
(1 row)
INSERT 0 1

> insert into ia (a) overriding user value values (5) returning *
a|b
4|
(1 row)
INSERT 0 1

> insert into id overriding user value values (10, 'x'), (default, 'y') returning *
a|b
1|x
2|y
(2 rows)
INSERT 0 2

> insert into id overriding user value select g, 'z' from generate_series(10, 11) g returning *
a|b
3|z
4|z
(2 rows)
INSERT 0 2

> insert into id values (10, 'x') returning *
a|b
10|x
(1 row)
INSERT 0 1

> insert into ia overriding system value values (10, 'x') returning *
a|b
10|x
(1 row)
INSERT 0 1

> insert into ia values (10, 'x')
ERROR:  428C9: cannot insert a non-DEFAULT value into column "a"
DETAIL:  Column "a" is an identity column defined as GENERATED ALWAYS.
HINT:  Use OVERRIDING SYSTEM VALUE to override.

> create table gc (a int, b int generated always as (a * 2) stored generated always as (a * 3) stored)
ERROR:  42601: multiple generation clauses specified for column "b" of table "gc"

> create table gc (a int, b int generated always as (b * 2) stored)
ERROR:  42P17: cannot use generated column "b" in column generation expression
DETAIL:  A generated column cannot reference another generated column.

> create table gc (a int, b int generated always as (a * 2) stored, c int generated always as (b * 3) stored)
ERROR:  42P17: cannot use generated column "b" in column generation expression
DETAIL:  A generated column cannot reference another generated column.

> create table gc (a int, b int default 5 generated always as (a * 2) stored)
ERROR:  42601: both default and generation expression specified for column "b" of table "gc"

> create table gc (a int, b int generated always as identity generated always as (a * 2) stored)
ERROR:  42601: both identity and generation expression specified for column "b" of table "gc"

> create table gc (a int, b int generated always as identity generated by default as identity)
ERROR:  42601: multiple identity specifications for column "b" of table "gc"

> create table gc (a int, b serial generated always as (a * 2) stored)
ERROR:  42601: both default and generation expression specified for column "b" of table "gc"

> create table gc (a int, b int generated always as ((select a)) stored)
ERROR:  0A000: cannot use subquery in column generation expression

> create table gc (d date, s text generated always as (d::text) stored)
ERROR:  42P17: generation expression is not immutable

> create table gc (s text, i interval generated always as (s::interval) stored)
ERROR:  42P17: generation expression is not immutable

> create table gc (z timestamptz[], d date[] generated always as (z::date[]) stored)
ERROR:  42P17: generation expression is not immutable

> create table gc (z timestamptz, d date generated always as (z::date) stored)
ERROR:  42P17: generation expression is not immutable

> create table gc (b bytea, s text generated always as (b::text) stored, n int[], v bigint[] generated always as (n::bigint[]) stored)
CREATE TABLE

> drop table gc
DROP TABLE

> create table gc (a int, b int generated always as (generate_series(1, a)) stored)
ERROR:  0A000: set-returning functions are not allowed in column generation expressions

> create table gc (a int, b int generated by default as (a * 2) stored)
ERROR:  42601: for a generated column, GENERATED ALWAYS must be specified

> create table gc (a int, b int generated always as (a * 2) stored)
CREATE TABLE

> alter table gc add column c int generated always as (b + 1) stored
ERROR:  42P17: cannot use generated column "b" in column generation expression
DETAIL:  A generated column cannot reference another generated column.

> copy gc (a, b) to stdout
ERROR:  42P10: column "b" is a generated column
DETAIL:  Generated columns cannot be used in COPY.

> copy gc (b) from stdin
ERROR:  42P10: column "b" is a generated column
DETAIL:  Generated columns cannot be used in COPY.

> create table gd (like gc including all, c int)
CREATE TABLE

> create table ge (like gc)
CREATE TABLE

> insert into gd values (1, default, 3) returning *
a|b|c
1|2|3
(1 row)
INSERT 0 1

> insert into ge values (1, 5) returning *
a|b
1|5
(1 row)
INSERT 0 1

> create table altered (f1 int, f2 text, f3 text, n int not null)
CREATE TABLE

> insert into altered values (1, 'one', 'uno', 7), (2, 'two', 'due', 8)
INSERT 0 2

> alter table altered alter f1 type text using f2 || ' and ' || f3 || ' more', alter f2 type bigint using f1 * 10, drop column f3, alter n type varchar(5)
ALTER TABLE

> select * from altered order by f2
f1|f2|n
one and uno more|10|7
two and due more|20|8
(2 rows)

> alter table altered alter f1 type text using f2, alter n drop not null, alter f2 type numeric using length(f1)
ALTER TABLE

> select * from altered order by f1
f1|f2|n
10|16|7
20|16|8
(2 rows)

> alter table altered alter f1 type varchar(10), alter f1 type text
ERROR:  0A000: cannot alter type of column "f1" twice

> create table la (x int primary key, y int, gone int, z text unique)
CREATE TABLE

> create unique index on la (y)
CREATE INDEX

> create index named on la (z desc, y)
CREATE INDEX

> alter table la drop column gone
ALTER TABLE

> create table lb (like la including all)
CREATE TABLE

> create table lc (w int, like la including all excluding indexes)
CREATE TABLE

> select indexname, indexdef from pg_indexes where tablename in ('lb', 'lc') order by 1
indexname|indexdef
lb_pkey|CREATE UNIQUE INDEX lb_pkey ON public.lb USING btree (x)
lb_y_idx|CREATE UNIQUE INDEX lb_y_idx ON public.lb USING btree (y)
lb_z_key|CREATE UNIQUE INDEX lb_z_key ON public.lb USING btree (z)
lb_z_y_idx|CREATE INDEX lb_z_y_idx ON public.lb USING btree (z DESC, y)
(4 rows)

> insert into lb values (1, 1, 'a'), (2, 1, 'b')
ERROR:  23505: duplicate key value violates unique constraint "lb_y_idx"
DETAIL:  Key (y)=(1) already exists.

> begin
BEGIN

> savepoint a
SAVEPOINT

> set transaction read only
SET

> insert into altered values ('no', 1, 'no')
ERROR:  25006: cannot execute INSERT in a read-only transaction

> rollback to a
ROLLBACK

> insert into altered values ('yes', 1, 'yes')
INSERT 0 1

> set transaction read only
SET

> release a
RELEASE

> show transaction_read_only
transaction_read_only
off
(1 row)

> savepoint b
SAVEPOINT

> set transaction isolation level read committed
SET

> rollback
ROLLBACK

> begin
BEGIN

> savepoint a
SAVEPOINT

> set transaction isolation level repeatable read
ERROR:  25001: SET TRANSACTION ISOLATION LEVEL must not be called in a subtransaction

> rollback
ROLLBACK

> begin read only
BEGIN

> savepoint a
SAVEPOINT

> set transaction read write
ERROR:  25001: cannot set transaction read-write mode inside a read-only transaction

> rollback
ROLLBACK

> create view viewed with (security_barrier) as select 1 as a
CREATE VIEW

> create or replace view viewed with (security_invoker = off, security_barrier = false) as select 1 as a
CREATE VIEW

> create or replace view viewed with (security_barrier = 100) as select 1 as a
ERROR:  22023: invalid value for boolean option "security_barrier": 100

> create or replace view viewed with (nosuch) as select 1 as a
ERROR:  22023: unrecognized parameter "nosuch"

> alter table ia alter a type text
ERROR:  22023: identity column type must be smallint, integer, or bigint

> alter table ia alter a type bigint
ALTER TABLE

> alter table ia alter b add generated always as identity
ERROR:  22023: identity column type must be smallint, integer, or bigint

> alter table ia add column xmin int
ERROR:  42701: column name "xmin" conflicts with a system column name

> alter table ia rename column b to ctid
ERROR:  42701: column name "ctid" conflicts with a system column name

> create table keyed (id int primary key, d text)
CREATE TABLE

> create view by_key as select id, d from keyed group by id
CREATE VIEW

> alter table keyed drop constraint keyed_pkey
ERROR:  2BP01: cannot drop constraint keyed_pkey on table keyed because other objects depend on it
DETAIL:  view by_key depends on constraint keyed_pkey on table keyed
HINT:  Use DROP ... CASCADE to drop the dependent objects too.

> alter table keyed drop constraint keyed_pkey cascade
NOTICE:  00000: drop cascades to view by_key
ALTER TABLE

> select * from by_key
ERROR:  42P01: relation "by_key" does not exist

> create table drawn (a int generated always as identity, b serial)
CREATE TABLE

> select sequence_name from information_schema.sequences where sequence_name like 'drawn%'
sequence_name
drawn_b_seq
(1 row)

> create table ra (a int, b text, c int)
CREATE TABLE

> create table rb (b text, d int)
CREATE TABLE

> insert into ra values (1, 'x', 2), (2, 'y', 3)
INSERT 0 2

> insert into rb values ('x', 5), ('z', 6)
INSERT 0 2

> create view r_star as select * from ra
CREATE VIEW

> create view r_more as select v.b, ra.c from r_star as v join ra on ra.b = v.b
CREATE VIEW

> create view r_named as with w as (select b, a from ra) select s.b, ra.b as e, (select max(b) from w where a = ra.a) as m from public.ra, (select b from rb) as s (b) where exists (select from rb where b = ra.b) group by ra.b, s.b, ra.a order by b
CREATE VIEW

> create view r_inner as select b from rb where d in (select d from ra where ra.b = rb.b)
CREATE VIEW

> alter table ra rename column b to "B c"
ALTER TABLE

> alter table rb rename column b to c
ALTER TABLE

> alter table ra rename column c to "order"
ALTER TABLE

> alter table ra add column b text
ALTER TABLE

> select * from r_star order by a
a|b|c
1|x|2
2|y|3
(2 rows)

> select * from r_more order by b
b|c
x|2
y|3
(2 rows)

> select * from r_named order by b
b|e|m
x|x|x
z|x|x
(2 rows)

> select * from r_inner
b
x
(1 row)

> create table jn (f1 int, b int)
CREATE TABLE

> insert into jn values (null, null), (1, null)
INSERT 0 2

> select to_json(jn), row_to_json(jn) from jn order by f1
to_json|row_to_json
{"f1":1,"b":null}|{"f1":1,"b":null}
{"f1":null,"b":null}|{"f1":null,"b":null}
(2 rows)

> select row_to_json(s), to_json(o) from (select null::int as k) as s left join (select 1 as f1) as o on o.f1 = s.k
row_to_json|to_json
{"k":null}|
(1 row)

> create table ty (a int not null, b int not null, c int check (c > 0))
CREATE TABLE

> insert into ty values (1, 2, 3)
INSERT 0 1

> alter table ty alter a type text using a::text, alter b drop not null, alter b type text using nullif(b, 2)::text, drop constraint ty_c_check, alter c type int using -c
ALTER TABLE

> select * from ty
a|b|c
1||-3
(1 row)

> create table small (x int, y text)
CREATE TABLE

> insert into small values (1, 'a'), (2, 'b')
INSERT 0 2

> select distinct from small
ERROR:  42601: syntax error at or near "from"

> select distinct on (x) from small
ERROR:  42601: syntax error at or near "from"

> select * from small order by x fetch first null rows with ties
ERROR:  2201W: row count cannot be null in FETCH FIRST ... WITH TIES clause

> begin; declare c scroll cursor for select * from small for update
BEGIN
ERROR:  0A000: DECLARE SCROLL CURSOR ... FOR UPDATE is not supported
DETAIL:  Scrollable cursors must be READ ONLY.

> rollback
ROLLBACK

> begin; declare c scroll cursor for (select * from small for share)
BEGIN
ERROR:  0A000: DECLARE SCROLL CURSOR ... FOR SHARE is not supported
DETAIL:  Scrollable cursors must be READ ONLY.

> rollback
ROLLBACK

> copy small to stdout with (header match)
ERROR:  0A000: cannot use "match" with HEADER in COPY TO

> create table small_2 (x int references small on update set null (x))
ERROR:  0A000: a column list with SET NULL is only supported for ON DELETE actions

> set application_name = a, b
ERROR:  22023: SET application_name takes only one argument

> set work_mem = '1MB', '2MB'
ERROR:  22023: SET work_mem takes only one argument

> set nosuch.name = a, b
ERROR:  22023: SET nosuch.name takes only one argument

> alter role postgres set application_name = a, b
ERROR:  22023: SET application_name takes only one argument

> set role none
SET

> show role
role
none
(1 row)

> select current_setting('role'), count(*) from pg_settings where name = 'role'
current_setting|count
none|0
(1 row)

> set role to 'postgres'; show role; reset role
SET
role
postgres
(1 row)
RESET

> show role
role
none
(1 row)

> create role zoned
CREATE ROLE

> alter role zoned set time zone 'Europe/Berlin'
ALTER ROLE

> select setconfig from pg_db_role_setting where setrole = 'zoned'::regrole
setconfig
{TimeZone=Europe/Berlin}
(1 row)

> alter role zoned reset time zone; alter role zoned set time zone local
ALTER ROLE
ALTER ROLE

> select setconfig from pg_db_role_setting where setrole = 'zoned'::regrole
setconfig
(0 rows)

> drop role zoned
DROP ROLE

> create table narrow (f1 numeric(16,4), c char(5), v varchar(7), t timestamp(3), a numeric(5,1)[])
CREATE TABLE

> insert into narrow values (1.5, 'ab', 'cd', '2001-02-03 04:05:06.789', '{1,2}')
INSERT 0 1

> create table wide as select f1::numeric as a, c::bpchar as b, v::varchar as c, t::timestamp as d, f1::numeric(18,2) as e, coalesce(f1, 1) as f, a::numeric[] as g, cast(f1 as numeric) as h, 1.5::numeric(5,3)::numeric as i from narrow
SELECT 1

> select attname, format_type(atttypid, atttypmod) from pg_attribute where attrelid = 'wide'::regclass and attnum > 0 order by attnum
attname|format_type
a|numeric
b|bpchar
c|character varying
d|timestamp without time zone
e|numeric(18,2)
f|numeric
g|numeric[]
h|numeric
i|numeric
(9 rows)

> insert into wide (a, c) values (1.23456789, 'longer than seven')
INSERT 0 1

> select a, b || '.', c, d, e, g, i from wide order by a
a|?column?|c|d|e|g|i
1.23456789||longer than seven||||
1.5000|ab.|cd|2001-02-03 04:05:06.789|1.50|{1.0,2.0}|1.500
(2 rows)

> select f1::numeric, count(*), sum(f1::numeric) from narrow where v::varchar = 'cd' and c::bpchar = 'ab' group by f1::numeric order by f1::numeric
f1|count|sum
1.5000|1|1.5000
(1 row)

> create table colled (a int collate "C")
ERROR:  42804: collations are not supported by type integer

> select 0.0e+a
ERROR:  42601: trailing junk after numeric literal at or near "0.0e+"

> select 1e-
ERROR:  42601: trailing junk after numeric literal at or near "1e-"

# What is appended to a text is as immutable as its text form.
> create table appended (a int, b date, c text generated always as ('x' || a || '/') stored, d text generated always as (a || 'x') stored)
CREATE TABLE

> insert into appended (a) values (5) returning *
a|b|c|d
5||x5/|5x
(1 row)
INSERT 0 1

> alter table appended add e text generated always as ('x' || b) stored
ERROR:  42P17: generation expression is not immutable

> drop table appended
DROP TABLE

# Options of views, the defaults of their columns, and who may read what they read.

> create table t (a int, b text default 'of t', c int generated always as identity, g int generated always as (a + 1) stored)
CREATE TABLE

> insert into t (a) values (1)
INSERT 0 1

> create view v with (security_barrier, check_option = LOCAL) as select a, b, c from t
CREATE VIEW

> create view w with (security_barrier = 1, security_invoker = 'on') as select a, b from v with cascaded check option
CREATE VIEW

> create view n as select 1 as a
CREATE VIEW

> create view x with (security_barrier = maybe) as select 1 as a
ERROR:  22023: invalid value for boolean option "security_barrier": maybe

> create view x with (security_barrier, security_barrier = false) as select 1 as a
ERROR:  22023: parameter "security_barrier" specified more than once

> create view x with (nonsense) as select a from missing
ERROR:  42P01: relation "missing" does not exist

> create view x with (nonsense) as select 1 as a
ERROR:  22023: unrecognized parameter "nonsense"

> select relname, reloptions from pg_class where relname in ('v', 'w', 'n') order by 1
relname|reloptions
n|
v|{security_barrier=true,check_option=local}
w|{security_barrier=1,security_invoker=on,check_option=cascaded}
(3 rows)

> alter view v set (security_invoker)
ALTER VIEW

> alter view v set (check_option = 'cascaded')
ALTER VIEW

> select reloptions from pg_class where relname = 'v'
reloptions
{security_barrier=true,security_invoker=true,check_option=cascaded}
(1 row)

> select check_option from information_schema.views where table_name = 'v'
check_option
CASCADED
(1 row)

> alter view n set (check_option = local)
ERROR:  0A000: WITH CHECK OPTION is supported only on automatically updatable views
HINT:  Views that do not select from a single table or view are not automatically updatable.

> alter view n set (fillfactor = 10)
ERROR:  22023: unrecognized parameter "fillfactor"

> alter view v set (security_invoker, security_invoker = off)
ERROR:  22023: parameter "security_invoker" specified more than once

> alter view v set (security_barrier = maybe)
ERROR:  22023: invalid value for boolean option "security_barrier": maybe

> alter view v reset (check_option = 1)
ERROR:  42601: RESET must not include values for parameters

> alter view v reset (nonsense, check_option)
ALTER VIEW

> alter table w set (security_barrier = false), reset (security_invoker)
ALTER TABLE

> select relname, reloptions from pg_class where relname in ('v', 'w', 'n') order by 1
relname|reloptions
n|
v|{security_barrier=true,security_invoker=true}
w|{check_option=cascaded,security_barrier=false}
(3 rows)

> alter view v reset (security_barrier, security_invoker)
ALTER VIEW

> create or replace view w as select a, b from v
CREATE VIEW

> select relname, reloptions from pg_class where relname in ('v', 'w', 'n') order by 1
relname|reloptions
n|
v|
w|
(3 rows)

> alter view if exists missing set (security_barrier)
NOTICE:  00000: relation "missing" does not exist, skipping
ALTER VIEW

> alter view t set (security_barrier)
ERROR:  42809: "t" is not a view

> alter table v add column x int
ERROR:  42809: ALTER action ADD COLUMN cannot be performed on relation "v"
DETAIL:  This operation is not supported for views.

> alter table v drop column a
ERROR:  42809: ALTER action DROP COLUMN cannot be performed on relation "v"
DETAIL:  This operation is not supported for views.

> alter view v alter a set not null
ERROR:  42809: ALTER action ALTER COLUMN ... SET NOT NULL cannot be performed on relation "v"
DETAIL:  This operation is not supported for views.

> alter table v alter a drop not null
ERROR:  42809: ALTER action ALTER COLUMN ... DROP NOT NULL cannot be performed on relation "v"
DETAIL:  This operation is not supported for views.

> alter table v alter a type text
ERROR:  42809: ALTER action ALTER COLUMN ... SET DATA TYPE cannot be performed on relation "v"
DETAIL:  This operation is not supported for views.

> alter table v add constraint v_a check (a > 0)
ERROR:  42809: ALTER action ADD CONSTRAINT cannot be performed on relation "v"
DETAIL:  This operation is not supported for views.

# A view's default comes before that of the view or table below.
> create sequence s
CREATE SEQUENCE

> alter view v alter a set default 7, alter column b set default 'of v'
ALTER VIEW

> alter table w alter a set default nextval('s')
ALTER TABLE

> alter view v alter zz set default 1
ERROR:  42703: column "zz" of relation "v" does not exist

> alter view v alter a set default 'x'
ERROR:  22P02: invalid input syntax for type integer: "x"

> alter view v alter a set default a + 1
ERROR:  0A000: cannot use column reference in DEFAULT expression

> insert into v default values
INSERT 0 1

> insert into w default values
INSERT 0 1

> insert into w (a) values (20), (default) returning *
a|b
20|of v
2|of v
(2 rows)
INSERT 0 2

> insert into w values (default, default), (30, 'given') returning *
a|b
3|of v
30|given
(2 rows)
INSERT 0 2

> insert into w (b) select 'queried' returning *
a|b
4|queried
(1 row)
INSERT 0 1

> select a, b, c, g from t order by c
a|b|c|g
1|of t|1|2
7|of v|2|8
1|of v|3|2
20|of v|4|21
2|of v|5|3
3|of v|6|4
30|given|7|31
4|queried|8|5
(8 rows)

> update v set b = default where c = 1 returning a, b
a|b
1|of v
(1 row)
UPDATE 1

> update w set a = default, b = default where a = 20 returning *
a|b
5|
(1 row)
UPDATE 1

> select attname, atthasdef from pg_attribute where attrelid = 'w'::regclass and attnum > 0 order by attnum
attname|atthasdef
a|t
b|f
(2 rows)

> select pg_get_expr(adbin, adrelid) from pg_attrdef where adrelid in ('v'::regclass, 'w'::regclass) order by 1
pg_get_expr
'of v'::text
7
nextval('s'::regclass)
(3 rows)

> select column_name, column_default from information_schema.columns where table_name in ('v', 'w') order by table_name, ordinal_position
column_name|column_default
a|7
b|'of v'::text
c|
a|nextval('s'::regclass)
b|
(5 rows)

> alter view v alter c set default 9
ALTER VIEW

> insert into v (a) values (40)
ERROR:  428C9: cannot insert a non-DEFAULT value into column "c"
DETAIL:  Column "c" is an identity column defined as GENERATED ALWAYS.
HINT:  Use OVERRIDING SYSTEM VALUE to override.

> insert into v (a) overriding user value values (40) returning a
a
40
(1 row)
INSERT 0 1

> alter view v alter c drop default
ALTER VIEW

> insert into v (a, c) values (50, default) returning a, b
a|b
50|of v
(1 row)
INSERT 0 1

> drop sequence s
ERROR:  2BP01: cannot drop sequence s because other objects depend on it
DETAIL:  default value for column a of view w depends on sequence s
HINT:  Use DROP ... CASCADE to drop the dependent objects too.

> create or replace view w as select a, b, c from v
CREATE VIEW

> insert into w (b) values ('kept') returning a
a
6
(1 row)
INSERT 0 1

> drop sequence s cascade
NOTICE:  00000: drop cascades to default value for column a of view w
DROP SEQUENCE

> insert into w (b) values ('gone') returning a
a
7
(1 row)
INSERT 0 1

> create view computed as select a, a + 1 as more from t
CREATE VIEW

> alter view computed alter more set default 3
ALTER VIEW

> insert into computed (a) values (60)
ERROR:  0A000: cannot insert into column "more" of view "computed"
DETAIL:  View columns that are not columns of their base relation are not updatable.

> update computed set a = a where a = 1
UPDATE 2

> alter view computed alter more set default null
ALTER VIEW

> insert into computed (a) values (60) returning *
a|more
60|61
(1 row)
INSERT 0 1

# What a view with security_invoker reads is read with the rights of its user, behind another view, too.

> create table paper (id int, title text)
CREATE TABLE

> insert into paper values (1, 'one')
INSERT 0 1

> create role reader
CREATE ROLE

> create view by_owner as select id, title from paper
CREATE VIEW

> create view by_user with (security_invoker) as select id, title from paper
CREATE VIEW

> create view over_user as select id, title from by_user
CREATE VIEW

> create view over_owner with (security_invoker) as select id, title from by_owner
CREATE VIEW

> grant select, insert, update, delete on by_owner, by_user, over_user, over_owner to reader
GRANT

> set role reader
SET

> select * from by_owner
id|title
1|one
(1 row)

> select * from by_user
ERROR:  42501: permission denied for table paper

> select * from over_user
ERROR:  42501: permission denied for table paper

> select * from over_owner
id|title
1|one
(1 row)

> insert into by_owner values (2, 'two')
INSERT 0 1

> insert into by_user values (3, 'three')
ERROR:  42501: permission denied for table paper

> update over_user set title = 'other'
ERROR:  42501: permission denied for table paper

> update over_owner set title = 'new' where id = 2 returning *
id|title
2|new
(1 row)
UPDATE 1

> delete from by_user
ERROR:  42501: permission denied for table paper

> reset role
RESET

> grant select, insert on paper to reader
GRANT

> set role reader
SET

> select * from by_user order by id
id|title
1|one
2|new
(2 rows)

> insert into over_user values (4, 'four')
INSERT 0 1

> update by_user set title = 'other'
ERROR:  42501: permission denied for table paper

> reset role
RESET

> alter view by_user reset (security_invoker)
ALTER VIEW

> set role reader
SET

> update by_user set title = 'other' where id = 4 returning *
id|title
4|other
(1 row)
UPDATE 1

> reset role
RESET

> alter view by_user set (security_invoker = true)
ALTER VIEW

> drop view over_owner
DROP VIEW

> drop table paper
ERROR:  2BP01: cannot drop table paper because other objects depend on it
DETAIL:  view by_owner depends on table paper
view by_user depends on table paper
view over_user depends on view by_user
HINT:  Use DROP ... CASCADE to drop the dependent objects too.

> drop view by_owner, over_user, by_user
DROP VIEW

> drop table paper; drop role reader
DROP TABLE
DROP ROLE

# Conditions that could tell of a row by failing see no row that a view with security_barrier hides.

> create table note (id int primary key, weight int)
CREATE TABLE

> create table share (note int)
CREATE TABLE

> insert into note select n, n - 5 from generate_series(1, 20) n
INSERT 0 20

> insert into share select n from generate_series(6, 20, 2) n
INSERT 0 8

> create view shared with (security_barrier) as select id, weight from note where exists (select 1 from share where share.note = note.id)
CREATE VIEW

> create view over_shared as select id, weight from shared where id < 20
CREATE VIEW

> select id from shared where 10 / weight > 1 order by id
id
6
8
10
(3 rows)

> select id from over_shared where 10 / weight > 1 and id <> 8 order by id
id
6
10
(2 rows)

> select id, weight from shared where id = 6
id|weight
6|1
(1 row)

> select id from shared where id = 5 and 10 / weight > 1
id
(0 rows)

> select s.id, n.id from shared s join note n on n.id = 10 / s.weight order by 1
id|id
6|10
8|3
10|2
12|1
14|1
(5 rows)

> update shared set weight = weight + 100 where 10 / weight > 1
UPDATE 3

> update over_shared set weight = weight - 100 where 10 / (weight - 100) > 1 and id > 6
UPDATE 2

> select id, weight from shared order by id
id|weight
6|101
8|3
10|5
12|7
14|9
16|11
18|13
20|15
(8 rows)

> delete from over_shared where 10 / weight = 1
DELETE 2

> select id from shared where weight > 0 order by id limit 2 for update
id
6
8
(2 rows)

> select count(*) from note
count
18
(1 row)

# What a literal of type regclass names is found when the view is made.

> create schema one; create schema two; create table one.it (a int); create table two.it (a int); create sequence one.counter
CREATE SCHEMA
CREATE SCHEMA
CREATE TABLE
CREATE TABLE
CREATE SEQUENCE

> set search_path to one
SET

> create view named as select 'it'::regclass = 'one.it'::regclass as cast_to, regclass 'it' = 'one.it'::regclass as typed, 'it' as label, 'pg_class'::regclass as system
CREATE VIEW

> create view counted (n) as select nextval('counter')
CREATE VIEW

> create view over_named as select cast_to, typed, label from named
CREATE VIEW

> set search_path to two
SET

> select * from one.named
cast_to|typed|label|system
t|t|it|pg_class
(1 row)

> select * from one.over_named
cast_to|typed|label
t|t|it
(1 row)

> select * from one.counted
n
1
(1 row)

> alter table one.it rename to "It"
ALTER TABLE

> alter sequence one.counter rename to numbers
ALTER SEQUENCE

> alter sequence one.numbers set schema two
ALTER SEQUENCE

> create table one.rows (n serial)
CREATE TABLE

> create view drawn as select nextval('one.rows_n_seq') as n
CREATE VIEW

> alter table one.rows set schema two
ALTER TABLE

> select cast_to, typed, label from one.named
cast_to|typed|label
t|t|it
(1 row)

> select n from one.counted
n
2
(1 row)

> select n from drawn
n
1
(1 row)

> drop view drawn; drop table two.rows; alter sequence two.numbers rename to counter; alter sequence two.counter set schema one; alter table one."It" rename to it
DROP VIEW
DROP TABLE
ALTER SEQUENCE
ALTER SEQUENCE
ALTER TABLE

> drop table one.it
ERROR:  2BP01: cannot drop table one.it because other objects depend on it
DETAIL:  view one.named depends on table one.it
view one.over_named depends on view one.named
HINT:  Use DROP ... CASCADE to drop the dependent objects too.

> drop sequence one.counter
ERROR:  2BP01: cannot drop sequence one.counter because other objects depend on it
DETAIL:  view one.counted depends on sequence one.counter
HINT:  Use DROP ... CASCADE to drop the dependent objects too.

> create or replace view one.counted as select currval('one.counter') as n, 'one.counted'::regclass is not null as is_there
CREATE VIEW

> select * from one.counted
n|is_there
2|t
(1 row)

> drop view one.named, one.over_named
DROP VIEW

> drop table one.it
DROP TABLE

> reset search_path
RESET

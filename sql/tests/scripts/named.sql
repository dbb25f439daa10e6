# What defaults, generated columns and CHECKs name by literals of type regclass.

> create schema one; create schema two; set search_path to one
CREATE SCHEMA
CREATE SCHEMA
SET

> create sequence s; create table t (a int default nextval('s'), b bigint check (b < currval('s')), c regclass generated always as ('s') stored)
CREATE SEQUENCE
CREATE TABLE

> select pg_get_expr(adbin, adrelid) from pg_attrdef where adrelid = 't'::regclass order by adnum
pg_get_expr
nextval('s'::regclass)
's'::regclass
(2 rows)

> select pg_get_constraintdef(oid, true) from pg_constraint where conrelid = 't'::regclass
pg_get_constraintdef
CHECK (b < currval('s'::regclass))
(1 row)

# They mean the same whatever the path is.
> set search_path to two; create sequence s start 100
SET
CREATE SEQUENCE

> insert into one.t default values returning a, c
a|c
1|one.s
(1 row)
INSERT 0 1

> select pg_get_expr(adbin, adrelid) from pg_attrdef where adrelid = 'one.t'::regclass order by adnum
pg_get_expr
nextval('one.s'::regclass)
'one.s'::regclass
(2 rows)

> select pg_get_constraintdef(oid, true) from pg_constraint where conrelid = 'one.t'::regclass
pg_get_constraintdef
CHECK (b < currval('one.s'::regclass))
(1 row)

> select column_default, generation_expression from information_schema.columns where table_name = 't' order by ordinal_position
column_default|generation_expression
nextval('one.s'::regclass)|
|
|'one.s'::regclass
(3 rows)

> select check_clause like '%(''one.s''::regclass)%' from information_schema.check_constraints where constraint_name = 't_b_check'
?column?
t
(1 row)

# They follow a name and a schema.
> drop sequence s; set search_path to one
DROP SEQUENCE
SET

> alter sequence s rename to "It's"
ALTER SEQUENCE

> insert into t default values returning a, c
a|c
2|"It's"
(1 row)
INSERT 0 1

> insert into t (b) values (2)
INSERT 0 1

> select pg_get_expr(adbin, adrelid) from pg_attrdef where adrelid = 't'::regclass order by adnum
pg_get_expr
nextval('"It''s"'::regclass)
'"It''s"'::regclass
(2 rows)

> select pg_get_constraintdef(oid, true) from pg_constraint where conrelid = 't'::regclass
pg_get_constraintdef
CHECK (b < currval('"It''s"'::regclass))
(1 row)

> alter sequence "It's" set schema two
ALTER SEQUENCE

> insert into t default values returning a, c
a|c
4|two."It's"
(1 row)
INSERT 0 1

> select column_default, generation_expression from information_schema.columns where table_name = 't' order by ordinal_position
column_default|generation_expression
nextval('two."It''s"'::regclass)|
|
|'two."It''s"'::regclass
(3 rows)

> alter schema two rename to three
ALTER SCHEMA

> insert into t (b) values (3) returning a, b, c
a|b|c
5|3|three."It's"
(1 row)
INSERT 0 1

> select pg_get_expr(adbin, adrelid) from pg_attrdef where adrelid = 't'::regclass order by adnum
pg_get_expr
nextval('three."It''s"'::regclass)
'three."It''s"'::regclass
(2 rows)

> begin; alter sequence three."It's" rename to gone; rollback
BEGIN
ALTER SEQUENCE
ROLLBACK

> insert into t (b) values (4) returning a
a
6
(1 row)
INSERT 0 1

# What is named is not dropped without them.
> drop sequence three."It's"
ERROR:  2BP01: cannot drop sequence three."It's" because other objects depend on it
DETAIL:  default value for column a of table t depends on sequence three."It's"
column c of table t depends on sequence three."It's"
constraint t_b_check on table t depends on sequence three."It's"
HINT:  Use DROP ... CASCADE to drop the dependent objects too.

> select d.classid::regclass, d.refobjid::regclass, d.deptype from pg_depend d where d.refobjid = 'three."It''s"'::regclass order by 1
classid|refobjid|deptype
pg_attrdef|three."It's"|n
pg_attrdef|three."It's"|n
pg_constraint|three."It's"|n
(3 rows)

> drop schema three
ERROR:  2BP01: cannot drop schema three because other objects depend on it
DETAIL:  sequence three."It's" depends on schema three
default value for column a of table t depends on sequence three."It's"
column c of table t depends on sequence three."It's"
constraint t_b_check on table t depends on sequence three."It's"
HINT:  Use DROP ... CASCADE to drop the dependent objects too.

> alter table t drop column c; alter table t drop constraint t_b_check
ALTER TABLE
ALTER TABLE

> drop sequence three."It's" cascade
NOTICE:  00000: drop cascades to default value for column a of table t
DROP SEQUENCE

> insert into t default values returning a
a
(1 row)
INSERT 0 1

> drop schema three
DROP SCHEMA

> create sequence s; select nextval('s'); alter table t add check (b > currval('s') - 10)
CREATE SEQUENCE
nextval
1
(1 row)
ALTER TABLE

> drop sequence s
ERROR:  2BP01: cannot drop sequence s because other objects depend on it
DETAIL:  constraint t_b_check on table t depends on sequence s
HINT:  Use DROP ... CASCADE to drop the dependent objects too.

> drop sequence s cascade
NOTICE:  00000: drop cascades to constraint t_b_check on table t
DROP SEQUENCE

> create sequence s; alter table t add c regclass generated always as ('s') stored
CREATE SEQUENCE
ALTER TABLE

> drop sequence s
ERROR:  2BP01: cannot drop sequence s because other objects depend on it
DETAIL:  column c of table t depends on sequence s
HINT:  Use DROP ... CASCADE to drop the dependent objects too.

> drop sequence s cascade
NOTICE:  00000: drop cascades to column c of table t
DROP SEQUENCE

> select * from t limit 0
a|b
(0 rows)

# Tables, indexes and views are named, too.
> create table named (a int primary key); create view seen as select 1 as a
CREATE TABLE
CREATE VIEW

> create table names (t regclass default 'named', i regclass default 'named_pkey', v text default 'seen'::regclass, s text default 'pg_class'::regclass)
CREATE TABLE

> alter table named rename to other; alter view seen rename to also; alter index named_pkey rename to other_key
ALTER TABLE
ALTER VIEW
ALTER INDEX

> insert into names default values returning *
t|i|v|s
other|other_key|also|pg_class
(1 row)
INSERT 0 1

> alter table other rename constraint other_key to other_pkey
ALTER TABLE

> insert into names default values returning *
t|i|v|s
other|other_pkey|also|pg_class
(1 row)
INSERT 0 1

> create schema four; alter table other set schema four; alter view also set schema four
CREATE SCHEMA
ALTER TABLE
ALTER VIEW

> insert into names default values returning *
t|i|v|s
four.other|four.other_pkey|four.also|pg_class
(1 row)
INSERT 0 1

> select column_default from information_schema.columns where table_name = 'names' order by ordinal_position
column_default
'four.other'::regclass
'four.other_pkey'::regclass
'four.also'::regclass
'pg_class'::regclass
(4 rows)

> drop view four.also
ERROR:  2BP01: cannot drop view four.also because other objects depend on it
DETAIL:  default value for column v of table names depends on view four.also
HINT:  Use DROP ... CASCADE to drop the dependent objects too.

> alter table four.other drop constraint other_pkey
ERROR:  2BP01: cannot drop constraint other_pkey on table four.other because other objects depend on it
DETAIL:  default value for column i of table names depends on index four.other_pkey
HINT:  Use DROP ... CASCADE to drop the dependent objects too.

> alter table four.other drop constraint other_pkey cascade
NOTICE:  00000: drop cascades to default value for column i of table names
ALTER TABLE

> drop table four.other
ERROR:  2BP01: cannot drop table four.other because other objects depend on it
DETAIL:  default value for column t of table names depends on table four.other
HINT:  Use DROP ... CASCADE to drop the dependent objects too.

> drop table four.other cascade
NOTICE:  00000: drop cascades to default value for column t of table names
DROP TABLE

> drop view four.also cascade
NOTICE:  00000: drop cascades to default value for column v of table names
DROP VIEW

> drop schema four
DROP SCHEMA

> insert into names default values returning *
t|i|v|s
|||pg_class
(1 row)
INSERT 0 1

> alter table names rename to renamed; alter table renamed alter t set default 'renamed'
ALTER TABLE
ALTER TABLE

> alter table renamed rename to names
ALTER TABLE

> insert into names default values returning t
t
names
(1 row)
INSERT 0 1

> drop table names
DROP TABLE

# Sequences that belong to columns.
> create table numbered (id serial, n int); alter table numbered alter n set default currval('numbered_id_seq'); create table copied (like numbered including defaults)
CREATE TABLE
ALTER TABLE
CREATE TABLE

> alter sequence numbered_id_seq rename to numbers
ALTER SEQUENCE

> insert into numbered default values returning *
id|n
1|1
(1 row)
INSERT 0 1

> insert into copied default values returning *
id|n
2|2
(1 row)
INSERT 0 1

> alter table numbered set schema four
ERROR:  3F000: schema "four" does not exist

> create schema four; alter table numbered set schema four
CREATE SCHEMA
ALTER TABLE

> insert into copied default values returning *
id|n
3|3
(1 row)
INSERT 0 1

> drop table four.numbered
ERROR:  2BP01: cannot drop table four.numbered because other objects depend on it
DETAIL:  default value for column id of table copied depends on sequence four.numbers
default value for column n of table copied depends on sequence four.numbers
HINT:  Use DROP ... CASCADE to drop the dependent objects too.

> alter table four.numbered drop column id
ERROR:  2BP01: cannot drop column id of table four.numbered because other objects depend on it
DETAIL:  default value for column n of table four.numbered depends on sequence four.numbers
default value for column id of table copied depends on sequence four.numbers
default value for column n of table copied depends on sequence four.numbers
HINT:  Use DROP ... CASCADE to drop the dependent objects too.

> drop table copied
DROP TABLE

> alter table four.numbered drop column id
ERROR:  2BP01: cannot drop column id of table four.numbered because other objects depend on it
DETAIL:  default value for column n of table four.numbered depends on sequence four.numbers
HINT:  Use DROP ... CASCADE to drop the dependent objects too.

> alter table four.numbered drop column id cascade
NOTICE:  00000: drop cascades to default value for column n of table four.numbered
ALTER TABLE

> insert into four.numbered default values returning *
n
(1 row)
INSERT 0 1

> select count(*) from pg_class where relname = 'numbers'
count
0
(1 row)

> create table own (a int generated always as identity, b int); alter table own alter b set default currval('own_a_seq')
CREATE TABLE
ALTER TABLE

> alter table own alter a drop identity
ERROR:  2BP01: cannot drop sequence own_a_seq because other objects depend on it
DETAIL:  default value for column b of table own depends on sequence own_a_seq
HINT:  Use DROP ... CASCADE to drop the dependent objects too.

> alter table own alter b drop default, alter a drop identity
ALTER TABLE

> create sequence of_b owned by own.b; alter table own drop column b
CREATE SEQUENCE
ALTER TABLE

> select nextval('of_b')
ERROR:  42P01: relation "of_b" does not exist

# Defaults of views.
> create sequence s; create view shown as select * from own; alter view shown alter a set default nextval('s')
CREATE SEQUENCE
CREATE VIEW
ALTER VIEW

> alter sequence s rename to r
ALTER SEQUENCE

> insert into shown default values returning *
a
1
(1 row)
INSERT 0 1

> drop sequence r
ERROR:  2BP01: cannot drop sequence r because other objects depend on it
DETAIL:  default value for column a of view shown depends on sequence r
HINT:  Use DROP ... CASCADE to drop the dependent objects too.

> drop sequence r cascade
NOTICE:  00000: drop cascades to default value for column a of view shown
DROP SEQUENCE

> insert into shown values (7) returning *
a
7
(1 row)
INSERT 0 1

# Those of temporary sequences.
> create temp sequence s; create temp table drawn (a int default nextval('s'))
CREATE SEQUENCE
CREATE TABLE

> alter sequence s rename to r
ALTER SEQUENCE

> insert into drawn default values returning *
a
1
(1 row)
INSERT 0 1

> select column_default from information_schema.columns where table_name = 'drawn'
column_default
nextval('r'::regclass)
(1 row)

> drop sequence r cascade
NOTICE:  00000: drop cascades to default value for column a of table drawn
DROP SEQUENCE

> insert into drawn default values returning *
a
(1 row)
INSERT 0 1

# Those of views name the sequences that go with a table.
> create table counted (id serial); create view counts as select currval('counted_id_seq') as now
CREATE TABLE
CREATE VIEW

> drop table counted
ERROR:  2BP01: cannot drop table counted because other objects depend on it
DETAIL:  view counts depends on sequence counted_id_seq
HINT:  Use DROP ... CASCADE to drop the dependent objects too.

> drop table counted cascade
NOTICE:  00000: drop cascades to view counts
DROP TABLE

# Who asks needs USAGE of the schemas that literals name; what is kept has been asked already.
> create schema hidden; create sequence hidden.s; create role asker; grant usage on sequence hidden.s to asker
CREATE SCHEMA
CREATE SEQUENCE
CREATE ROLE
GRANT

> create table kept (a bigint default nextval('hidden.s'), b regclass generated always as ('hidden.s') stored, check (a <= currval('hidden.s'))); grant select, insert on kept to asker
CREATE TABLE
GRANT

> create view keeping as select 'hidden.s'::regclass::oid = b::oid as same from kept; grant select on keeping to asker
CREATE VIEW
GRANT

> set search_path to one, hidden; grant usage on schema one to asker
SET
GRANT

> set role asker
SET

> insert into one.kept default values returning a, b
a|b
1|hidden.s
(1 row)
INSERT 0 1

> select * from one.keeping
same
t
(1 row)

> select pg_get_expr(adbin, adrelid) from pg_attrdef where adrelid = 'one.kept'::regclass order by adnum
pg_get_expr
nextval('hidden.s'::regclass)
'hidden.s'::regclass
(2 rows)

> select pg_get_constraintdef(oid, true) from pg_constraint where conrelid = 'one.kept'::regclass
pg_get_constraintdef
CHECK (a <= currval('hidden.s'::regclass))
(1 row)

> select nextval('hidden.s')
ERROR:  42501: permission denied for schema hidden

> select 'hidden.s'::regclass
ERROR:  42501: permission denied for schema hidden

> select 'hidden.s'::text::regclass
ERROR:  42501: permission denied for schema hidden

> select to_regclass('hidden.s')
ERROR:  42501: permission denied for schema hidden

> select 'absent.s'::regclass
ERROR:  3F000: schema "absent" does not exist

> select to_regclass('absent.s')
to_regclass
(1 row)

> select nextval('s')
ERROR:  42P01: relation "s" does not exist

> select has_sequence_privilege('hidden.s', 'usage')
ERROR:  42501: permission denied for schema hidden

> reset role; grant usage on schema hidden to asker; set role asker
RESET
GRANT
SET

> select nextval('s'), nextval('hidden.s'), to_regclass('hidden.s')
nextval|nextval|to_regclass
2|3|s
(1 row)

> reset role
RESET

> drop schema hidden cascade
NOTICE:  00000: drop cascades to 5 other objects
DROP SCHEMA

> drop table one.kept; revoke usage on schema one from asker; drop role asker
DROP TABLE
REVOKE
DROP ROLE

# An index that becomes a constraint's gets its name.
> set search_path to one; create table keyed (a int not null, b int not null); create unique index of_a on keyed (a); create unique index of_b on keyed (b)
SET
CREATE TABLE
CREATE INDEX
CREATE INDEX

> create table naming (i regclass default 'of_a', j regclass default 'of_b')
CREATE TABLE

> alter table keyed add constraint keyed_key unique using index of_a
NOTICE:  00000: ALTER TABLE / ADD CONSTRAINT USING INDEX will rename index "of_a" to "keyed_key"
ALTER TABLE

> alter table keyed add constraint keyed_pkey primary key using index of_b
NOTICE:  00000: ALTER TABLE / ADD CONSTRAINT USING INDEX will rename index "of_b" to "keyed_pkey"
ALTER TABLE

> insert into naming default values returning i, j
i|j
keyed_key|keyed_pkey
(1 row)
INSERT 0 1

> drop table keyed, naming
DROP TABLE

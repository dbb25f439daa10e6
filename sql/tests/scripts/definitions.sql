# Objects: tables, indexes, views, schemas, roles, databases, and the catalogs that show them.
> create table d1 (a int primary key, b text)
CREATE TABLE

> create table d1 (a int)
ERROR:  42P07: relation "d1" already exists

> create table if not exists d1 (a int)
NOTICE:  42P07: relation "d1" already exists, skipping
CREATE TABLE

> create table d2 (a int, a text)
ERROR:  42701: column "a" specified more than once

> create table d2 (a nosuch)
ERROR:  42704: type "nosuch" does not exist

> create table d2 (a int primary key, b int primary key)
ERROR:  42P16: multiple primary keys for table "d2" are not allowed

> create table d2 (a int, primary key (nosuch))
ERROR:  42703: column "nosuch" named in key does not exist

> create table d2 (a int default 'x')
ERROR:  22P02: invalid input syntax for type integer: "x"

> create table d2 (a int references nosuch)
ERROR:  42P01: relation "nosuch" does not exist

> create table d2 (a int references d1 (b))
ERROR:  42830: there is no unique constraint matching given keys for referenced table "d1"

> create table d2 (a text references d1)
ERROR:  42804: foreign key constraint "d2_a_fkey" cannot be implemented
DETAIL:  Key columns "a" and "a" are of incompatible types: text and integer.

> create table d2 (a int check (b > 0))
ERROR:  42703: column "b" does not exist

> create table d2 (a int default (select 1))
ERROR:  0A000: cannot use subquery in DEFAULT expression

> create table d2 (a varchar(0))
ERROR:  22023: length for type varchar must be at least 1

> create table d2 (a numeric(2000, 2))
ERROR:  22023: NUMERIC precision 2000 must be between 1 and 1000

> create table nosuch.d2 (a int)
ERROR:  3F000: schema "nosuch" does not exist

> create table d2 (x int, y text)
CREATE TABLE

> insert into d2 values (1, 'a')
INSERT 0 1

> select * from d2
x|y
1|a
(1 row)

> create table d3 as select * from d2 with no data
CREATE TABLE AS

> select * from d3
x|y
(0 rows)

> create table d4 (like d1 including all)
CREATE TABLE

> insert into d4 values (1, 'x')
INSERT 0 1

> insert into d4 values (1, 'x')
ERROR:  23505: duplicate key value violates unique constraint "d4_pkey"
DETAIL:  Key (a)=(1) already exists.

> create index d1_b on d1 (b)
CREATE INDEX

> create index d1_b on d1 (b)
ERROR:  42P07: relation "d1_b" already exists

> create index if not exists d1_b on d1 (b)
NOTICE:  42P07: relation "d1_b" already exists, skipping
CREATE INDEX

> create index on d1 (b, a)
CREATE INDEX

> create index on d1 (nosuch)
ERROR:  42703: column "nosuch" does not exist

> create index on nosuch (a)
ERROR:  42P01: relation "nosuch" does not exist

> create unique index d1_u on d1 (b desc nulls last)
CREATE INDEX

> insert into d1 values (1, 'x')
INSERT 0 1

> insert into d1 values (2, 'x')
ERROR:  23505: duplicate key value violates unique constraint "d1_u"
DETAIL:  Key (b)=(x) already exists.

> create index d1_nosuch on d1 using nosuch (b)
ERROR:  42704: access method "nosuch" does not exist

> drop index d1_u
DROP INDEX

> drop index d1_u
ERROR:  42704: index "d1_u" does not exist

> drop index if exists d1_u
NOTICE:  00000: index "d1_u" does not exist, skipping
DROP INDEX

> drop index d1_pkey
ERROR:  2BP01: cannot drop index d1_pkey because constraint d1_pkey on table d1 requires it
HINT:  You can drop constraint d1_pkey on table d1 instead.

> alter table d1 add column c int not null default 7
ALTER TABLE

> select * from d1
a|b|c
1|x|7
(1 row)

> alter table d1 add column c int
ERROR:  42701: column "c" of relation "d1" already exists

> alter table d1 add column if not exists c int
NOTICE:  42701: column "c" of relation "d1" already exists, skipping
ALTER TABLE

> alter table d1 add column d int not null
ERROR:  23502: column "d" of relation "d1" contains null values

> alter table d1 drop column nosuch
ERROR:  42703: column "nosuch" of relation "d1" does not exist

> alter table d1 drop column if exists nosuch
NOTICE:  00000: column "nosuch" of relation "d1" does not exist, skipping
ALTER TABLE

> alter table d1 drop column c
ALTER TABLE

> alter table d1 add column e numeric, add column f date default '2024-01-01'
ALTER TABLE

> select * from d1
a|b|e|f
1|x||2024-01-01
(1 row)

> alter table d1 alter column e type int using 5
ALTER TABLE

> alter table d1 alter column f type text
ALTER TABLE

> alter table d1 alter column b type int
ERROR:  42804: column "b" cannot be cast automatically to type integer
HINT:  You might need to specify "USING b::integer".

> alter table d1 alter column e set default 3
ALTER TABLE

> alter table d1 alter column e drop default
ALTER TABLE

> alter table d1 alter column b set not null
ALTER TABLE

> insert into d1 (a) values (9)
ERROR:  23502: null value in column "b" of relation "d1" violates not-null constraint
DETAIL:  Failing row contains (9, null, null, 2024-01-01).

> alter table d1 alter column b drop not null
ALTER TABLE

> alter table d1 alter column a drop not null
ERROR:  42P16: column "a" is in a primary key

> alter table d1 add constraint pos check (a > 0)
ALTER TABLE

> insert into d1 (a) values (-1)
ERROR:  23514: new row for relation "d1" violates check constraint "pos"
DETAIL:  Failing row contains (-1, null, null, 2024-01-01).

> alter table d1 add constraint bad check (a > 100)
ERROR:  23514: check constraint "bad" of relation "d1" is violated by some row

> alter table d1 add constraint pos check (a > 0)
ERROR:  42710: constraint "pos" for relation "d1" already exists

> alter table d1 drop constraint pos
ALTER TABLE

> alter table d1 drop constraint pos
ERROR:  42704: constraint "pos" of relation "d1" does not exist

> alter table d1 add constraint ub unique (b)
ALTER TABLE

> alter table d1 add primary key (b)
ERROR:  42P16: multiple primary keys for table "d1" are not allowed

> alter table d1 rename column e to ee
ALTER TABLE

> alter table d1 rename column nosuch to x
ERROR:  42703: column "nosuch" does not exist

> alter table d1 rename to d1r
ALTER TABLE

> alter table d1r rename constraint ub to ubr
ALTER TABLE

> alter table nosuch rename to x
ERROR:  42P01: relation "nosuch" does not exist

> alter table if exists nosuch rename to x
NOTICE:  00000: relation "nosuch" does not exist, skipping
ALTER TABLE

> alter table d1r add foreign key (ee) references d1r (a)
ERROR:  23503: insert or update on table "d1r" violates foreign key constraint "d1r_ee_fkey"
DETAIL:  Key (ee)=(5) is not present in table "d1r".

> alter table d1r owner to nosuch
ERROR:  42704: role "nosuch" does not exist

> alter index d1_b rename to d1_bb
ALTER INDEX

> alter table d1r set schema nosuch
ERROR:  3F000: schema "nosuch" does not exist

> create schema sx
CREATE SCHEMA

> create schema sx
ERROR:  42P06: schema "sx" already exists

> create schema if not exists sx
NOTICE:  42P06: schema "sx" already exists, skipping
CREATE SCHEMA

> alter table d1r set schema sx
ALTER TABLE

> select count(*) from sx.d1r
count
1
(1 row)

> create table sx.own (a int)
CREATE TABLE

> drop schema sx
ERROR:  2BP01: cannot drop schema sx because other objects depend on it
DETAIL:  table sx.d1r depends on schema sx
table sx.own depends on schema sx
HINT:  Use DROP ... CASCADE to drop the dependent objects too.

> drop table sx.d1r, sx.own
DROP TABLE

> drop schema sx
DROP SCHEMA

> drop schema nosuch
ERROR:  3F000: schema "nosuch" does not exist

> create view v1 as select x, y from d2
CREATE VIEW

> select * from v1
x|y
1|a
(1 row)

> create view v1 as select 1
ERROR:  42P07: relation "v1" already exists

> create or replace view v1 as select x, y, 1 as z from d2
CREATE VIEW

> select * from v1
x|y|z
1|a|1
(1 row)

> create or replace view v1 as select x from d2
ERROR:  42P16: cannot drop columns from view

> drop table d2
ERROR:  2BP01: cannot drop table d2 because other objects depend on it
DETAIL:  view v1 depends on table d2
HINT:  Use DROP ... CASCADE to drop the dependent objects too.

> drop view v1
DROP VIEW

> drop view v1
ERROR:  42P01: view "v1" does not exist

> drop view if exists v1
NOTICE:  00000: view "v1" does not exist, skipping
DROP VIEW

> drop view d3
ERROR:  42809: "d3" is not a view
HINT:  Use DROP TABLE to remove a table.

> drop table d2
DROP TABLE

> drop table d2
ERROR:  42P01: table "d2" does not exist

> drop table if exists d2
NOTICE:  00000: table "d2" does not exist, skipping
DROP TABLE

> drop table v1
ERROR:  42P01: table "v1" does not exist

> create view v2 as select * from nosuch
ERROR:  42P01: relation "nosuch" does not exist

> create view v3 (p, q) as select 1, 2
CREATE VIEW

> select p + q as s from v3
s
3
(1 row)

> create unlogged table unl (a int)
CREATE TABLE

> create role r1 login password 'x'
CREATE ROLE

> create role r1
ERROR:  42710: role "r1" already exists

> create user u1
CREATE ROLE

> alter role r1 createdb
ALTER ROLE

> grant r1 to u1
GRANT ROLE

> grant select, insert on unl to r1
GRANT

> revoke insert on unl from r1
REVOKE

> grant select on nosuch to r1
ERROR:  42P01: relation "nosuch" does not exist

> grant nosuch on unl to r1
ERROR:  42601: unrecognized privilege type "nosuch"

> grant usage on schema public to r1
GRANT

> insert into unl values (1)
INSERT 0 1

> select * from unl
a
1
(1 row)

> drop role r1
ERROR:  2BP01: role "r1" cannot be dropped because some objects depend on it
DETAIL:  privileges for schema public
privileges for table unl

> revoke all on unl from r1
REVOKE

> revoke all on schema public from r1
REVOKE

> drop role r1, u1
DROP ROLE

> drop role if exists r1
NOTICE:  00000: role "r1" does not exist, skipping
DROP ROLE

> comment on table unl is 'hello'
COMMENT

> select obj_description('unl'::regclass)
obj_description
hello
(1 row)

> comment on column unl.a is 'col'
COMMENT

> select col_description('unl'::regclass, 1)
col_description
col
(1 row)

> comment on column unl.zz is 'col'
ERROR:  42703: column "zz" of relation "unl" does not exist

> create database dbx
CREATE DATABASE

> create database dbx
ERROR:  42P04: database "dbx" already exists

> drop database dbx
DROP DATABASE

> drop database dbx
ERROR:  3D000: database "dbx" does not exist

> drop database if exists dbx
NOTICE:  00000: database "dbx" does not exist, skipping
DROP DATABASE

> analyze unl
ANALYZE

> vacuum unl
VACUUM

> vacuum (analyze, verbose false) unl
VACUUM

> lock table unl
ERROR:  25P01: LOCK TABLE can only be used in transaction blocks

> begin
BEGIN

> lock table unl in access exclusive mode
LOCK TABLE

> create table indt (a int primary key)
CREATE TABLE

> insert into indt values (1)
INSERT 0 1

> rollback
ROLLBACK

> select * from indt
ERROR:  42P01: relation "indt" does not exist

> begin
BEGIN

> drop table unl
DROP TABLE

> rollback
ROLLBACK

> select count(*) from unl
count
1
(1 row)

> begin
BEGIN

> alter table unl add column z int
ALTER TABLE

> select * from unl
a|z
1|
(1 row)

> rollback
ROLLBACK

> select * from unl
a
1
(1 row)

> checkpoint
CHECKPOINT

> create table wide (a int, b int, c int, d int, constraint pk primary key (b, c), constraint uu unique (d), constraint ck check (a < b))
CREATE TABLE

> select conname, contype, pg_get_constraintdef(oid, true) from pg_constraint where conrelid = 'wide'::regclass order by conname
conname|contype|pg_get_constraintdef
ck|c|CHECK (a < b)
pk|p|PRIMARY KEY (b, c)
uu|u|UNIQUE (d)
(3 rows)

> select indexrelid::regclass, indisunique, indisprimary, pg_get_indexdef(indexrelid) from pg_index where indrelid = 'wide'::regclass order by 1::text
indexrelid|indisunique|indisprimary|pg_get_indexdef
pk|t|t|CREATE UNIQUE INDEX pk ON public.wide USING btree (b, c)
uu|t|f|CREATE UNIQUE INDEX uu ON public.wide USING btree (d)
(2 rows)

> select attname, atttypid::regtype, attnotnull, attnum from pg_attribute where attrelid = 'wide'::regclass and attnum > 0 order by attnum
attname|atttypid|attnotnull|attnum
a|integer|f|1
b|integer|t|2
c|integer|t|3
d|integer|f|4
(4 rows)

> select column_name, data_type, is_nullable, column_default from information_schema.columns where table_name = 'wide' order by ordinal_position
column_name|data_type|is_nullable|column_default
a|integer|YES|
b|integer|NO|
c|integer|NO|
d|integer|YES|
(4 rows)

> select table_schema, table_name, table_type from information_schema.tables where table_schema = 'public' order by 2
table_schema|table_name|table_type
public|d3|BASE TABLE
public|d4|BASE TABLE
public|unl|BASE TABLE
public|v3|VIEW
public|wide|BASE TABLE
(5 rows)

> select constraint_name, constraint_type from information_schema.table_constraints where table_name = 'wide' and constraint_type <> 'CHECK' order by 1
constraint_name|constraint_type
pk|PRIMARY KEY
uu|UNIQUE
(2 rows)

> select constraint_name, column_name, ordinal_position from information_schema.key_column_usage where table_name = 'wide' order by 1, 3
constraint_name|column_name|ordinal_position
pk|b|1
pk|c|2
uu|d|1
(3 rows)

> select tablename, tableowner, hasindexes from pg_tables where schemaname = 'public' order by 1
tablename|tableowner|hasindexes
d3|postgres|f
d4|postgres|t
unl|postgres|f
wide|postgres|t
(4 rows)

> select indexname, indexdef from pg_indexes where tablename = 'wide' order by 1
indexname|indexdef
pk|CREATE UNIQUE INDEX pk ON public.wide USING btree (b, c)
uu|CREATE UNIQUE INDEX uu ON public.wide USING btree (d)
(2 rows)

> select relname, relkind, relpersistence from pg_class where relnamespace = 'public'::regnamespace order by relname
relname|relkind|relpersistence
d3|r|p
d4|r|p
d4_pkey|i|p
pk|i|p
unl|r|u
uu|i|p
v3|v|p
wide|r|p
(8 rows)

> create table slashed (b bytea default '\x00ff', t text default E'a\\b''c')
CREATE TABLE

> select pg_get_expr(adbin, adrelid) from pg_attrdef where adrelid = 'slashed'::regclass order by adnum
pg_get_expr
'\x00ff'::bytea
'a\b''c'::text
(2 rows)

> insert into slashed default values returning *
b|t
\x00ff|a\b'c
(1 row)
INSERT 0 1

> drop table slashed
DROP TABLE

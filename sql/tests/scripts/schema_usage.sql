# A name in a literal is looked up as any other: who may not look into its schema does not find it.
> create role lynx; create schema lair; create sequence lair.q; create table lair.t (id serial primary key, a int); create table t (a int, b int); insert into lair.t (a) values (7); insert into t values (1, 2)
CREATE ROLE
CREATE SCHEMA
CREATE SEQUENCE
CREATE TABLE
CREATE TABLE
INSERT 0 1
INSERT 0 1

> grant select, insert on lair.t, t to lynx; grant usage on sequence lair.q, lair.t_id_seq to lynx; grant create on schema public to lynx
GRANT
GRANT
GRANT

> set role lynx
SET

> select nextval('lair.q')
ERROR:  42501: permission denied for schema lair

> select 'lair.t'::regclass
ERROR:  42501: permission denied for schema lair

> select cast(concat('lair', '.t') as regclass)
ERROR:  42501: permission denied for schema lair

> select to_regclass('lair.t')
ERROR:  42501: permission denied for schema lair

> select to_regclass('nosuch.t') is null
?column?
t
(1 row)

> select has_table_privilege('lair.t', 'select')
ERROR:  42501: permission denied for schema lair

> select pg_get_serial_sequence('lair.t', 'id')
ERROR:  42501: permission denied for schema lair

> select * from json_populate_record(null::lair.t, '{}')
ERROR:  42501: permission denied for schema lair

> select lair.nosuch()
ERROR:  42501: permission denied for schema lair

> begin; set constraints lair.t_pkey immediate
BEGIN
ERROR:  42501: permission denied for schema lair

> rollback
ROLLBACK

> create table keeps (k int default nextval('lair.q'))
ERROR:  42501: permission denied for schema lair

> create view sees as select nextval('lair.q')
ERROR:  42501: permission denied for schema lair

> set search_path = lair, public
SET

> select 'q'::regclass
ERROR:  42P01: relation "q" does not exist

> select to_regclass('q') is null
?column?
t
(1 row)

> select nextval('q')
ERROR:  42P01: relation "q" does not exist

> select c.oid::regclass from pg_class c where c.relname in ('q', 't') and c.relkind in ('r', 'S') order by c.relkind, c.oid
oid
lair.q
lair.t
t
(3 rows)

> reset role
RESET

> select 'q'::regclass, 't'::regclass
regclass|regclass
q|t
(1 row)

> reset search_path
RESET

# What the catalog keeps was looked up by who made it.
> create table keeps (k int default nextval('lair.q'), c text default 'lair.q'::regclass::text, check (k <> 'lair.q'::regclass::oid::bigint))
CREATE TABLE

> create view sees as select 'lair.q'::regclass::oid = c.oid as found from pg_class c where relname = 'q'
CREATE VIEW

> grant select, insert on keeps to lynx; grant select on sees to lynx
GRANT
GRANT

> set role lynx
SET

> insert into keeps default values returning k, c
k|c
1|lair.q
(1 row)
INSERT 0 1

> insert into keeps values (default, 'given') returning k, c
k|c
2|given
(1 row)
INSERT 0 1

> select found from sees
found
t
(1 row)

> reset role
RESET

# IF EXISTS does not take a refusal for an absence.
> set role lynx
SET

> alter table if exists lair.t add column b int
ERROR:  42501: permission denied for schema lair

> alter table if exists lair.nosuch add column b int
ERROR:  42501: permission denied for schema lair

> alter sequence if exists lair.q restart
ERROR:  42501: permission denied for schema lair

> alter view if exists lair.v rename to w
ERROR:  42501: permission denied for schema lair

> alter table if exists nosuch.t add column b int
NOTICE:  00000: relation "t" does not exist, skipping
ALTER TABLE

> alter table if exists elsewhere.public.t add column b int
ERROR:  0A000: cross-database references are not implemented: "elsewhere.public.t"

> reset role
RESET

# What was prepared is looked up again by whom names are found otherwise.
> prepare plain as select a from t
PREPARE

> prepare named as select a from lair.t
PREPARE

> set role lynx
SET

> execute plain
a
1
(1 row)

> execute named
a
7
(1 row)

> reset role
RESET

> deallocate all
DEALLOCATE ALL

> set search_path = lair, public
SET

> prepare plain as select a from t
PREPARE

> prepare named as select a from lair.t
PREPARE

> execute plain
a
7
(1 row)

> execute named
a
7
(1 row)

> set role lynx
SET

> execute plain
a
1
(1 row)

> execute named
ERROR:  42501: permission denied for schema lair

> select a from t
a
1
(1 row)

> reset role
RESET

> execute plain
a
7
(1 row)

> grant usage on schema lair to lynx
GRANT

> set role lynx
SET

> execute plain
a
7
(1 row)

> execute named
a
7
(1 row)

> reset role
RESET

> deallocate all
DEALLOCATE ALL

> reset search_path
RESET

# The rights of roles reach far, and each is asked once however many ways lead to it.
> create role r0; create role r1 role r0; create role r2 role r1; create role r3 role r0, r1, r2
CREATE ROLE
CREATE ROLE
CREATE ROLE
CREATE ROLE

> select pg_has_role('r0', 'r3', 'usage'), pg_has_role('r0', 'r2', 'member'), pg_has_role('r3', 'r0', 'member')
pg_has_role|pg_has_role|pg_has_role
t|t|f
(1 row)

> grant r0 to r3
ERROR:  0LP01: role "r0" is a member of role "r3"

> create role r4 in role r0 role r3
ERROR:  0LP01: role "r4" is a member of role "r3"

> alter role r1 noinherit
ALTER ROLE

> select pg_has_role('r0', 'r2', 'usage'), pg_has_role('r0', 'r2', 'member'), pg_has_role('r0', 'r3', 'usage')
pg_has_role|pg_has_role|pg_has_role
f|t|t
(1 row)

> drop role r0, r1, r2, r3
DROP ROLE

> drop view sees; drop table t, keeps, lair.t; drop sequence lair.q; drop schema lair; revoke create on schema public from lynx; drop role lynx
DROP VIEW
DROP TABLE
DROP SEQUENCE
DROP SCHEMA
REVOKE
DROP ROLE

# Drawing from a sequence takes a right of it. A serial column asks for it, an identity column does not.
> create role drawer; create role looker; create sequence tick; create table numbered (id serial, v int); create table known (id int generated always as identity, v int); grant insert, select on numbered, known to drawer; set role drawer
CREATE ROLE
CREATE ROLE
CREATE SEQUENCE
CREATE TABLE
CREATE TABLE
GRANT
SET

> select nextval('tick')
ERROR:  42501: permission denied for sequence tick

> select setval('tick', 5)
ERROR:  42501: permission denied for sequence tick

> select setval('tick', 5, false)
ERROR:  42501: permission denied for sequence tick

> select currval('tick')
ERROR:  42501: permission denied for sequence tick

> select pg_sequence_last_value('tick')
ERROR:  42501: permission denied for sequence tick

> select last_value from tick
ERROR:  42501: permission denied for sequence tick

> select last_value from pg_sequences where sequencename = 'tick'
last_value
(1 row)

> insert into numbered (v) values (1)
ERROR:  42501: permission denied for sequence numbered_id_seq

> insert into numbered values (7, 1)
INSERT 0 1

> insert into known (v) values (1) returning id
id
1
(1 row)
INSERT 0 1

> select lastval()
ERROR:  42501: permission denied for sequence known_id_seq

> select nextval('known_id_seq')
ERROR:  42501: permission denied for sequence known_id_seq

> select currval('known_id_seq')
ERROR:  42501: permission denied for sequence known_id_seq

> select nextval('numbered')
ERROR:  42809: "numbered" is not a sequence

> select currval('numbered')
ERROR:  42809: "numbered" is not a sequence

> begin read only
BEGIN

> select nextval('tick')
ERROR:  42501: permission denied for sequence tick

> rollback
ROLLBACK

> reset role; grant usage on sequence tick, numbered_id_seq to drawer; grant select on sequence tick to looker; set role drawer
RESET
GRANT
GRANT
SET

> select nextval('tick'), currval('tick'), lastval()
nextval|currval|lastval
1|1|1
(1 row)

> insert into numbered (v) values (2), (3) returning id
id
1
2
(2 rows)
INSERT 0 2

> select setval('tick', 5)
ERROR:  42501: permission denied for sequence tick

> select last_value from tick
ERROR:  42501: permission denied for sequence tick

> select last_value from pg_sequences where sequencename = 'tick'
last_value
1
(1 row)

> begin read only
BEGIN

> select nextval('tick')
ERROR:  25006: cannot execute nextval() in a read-only transaction

> rollback
ROLLBACK

> reset role; revoke usage on tick from drawer; grant update on sequence tick to drawer; set role drawer
RESET
REVOKE
GRANT
SET

> select nextval('tick'), setval('tick', 20), nextval('tick')
nextval|setval|nextval
2|20|21
(1 row)

> select currval('tick')
ERROR:  42501: permission denied for sequence tick

> set role looker
SET

> select currval('tick'), pg_sequence_last_value('tick')
currval|pg_sequence_last_value
21|21
(1 row)

> select last_value, is_called from tick
last_value|is_called
21|t
(1 row)

> select nextval('tick')
ERROR:  42501: permission denied for sequence tick

> select setval('tick', 1)
ERROR:  42501: permission denied for sequence tick

# A view lends its owner's right to read a sequence, and none to draw from it.
> reset role; create view draws as select nextval('tick'); create view looks as select last_value from tick; grant select on draws, looks to drawer, looker; set role drawer
RESET
CREATE VIEW
CREATE VIEW
GRANT
SET

> select last_value from looks
last_value
21
(1 row)

> select nextval from draws
nextval
22
(1 row)

> set role looker
SET

> select nextval from draws
ERROR:  42501: permission denied for sequence tick

> reset role; drop view draws, looks
RESET
DROP VIEW

# What there is to grant on a sequence.
> grant usage on sequence numbered to drawer
ERROR:  42809: "numbered" is not a sequence

> grant insert on sequence tick to drawer
ERROR:  0LP01: invalid privilege type INSERT for sequence

> grant insert on tick to drawer
WARNING:  0LP01: sequence "tick" only supports USAGE, SELECT, and UPDATE privileges
GRANT

> grant select, delete on table tick to drawer
WARNING:  0LP01: sequence "tick" only supports USAGE, SELECT, and UPDATE privileges
GRANT

> grant usage on numbered to drawer
ERROR:  0LP01: invalid privilege type USAGE for table

> grant usage on all tables in schema public to drawer
ERROR:  0LP01: invalid privilege type USAGE for table

> grant insert on all sequences in schema public to drawer
ERROR:  0LP01: invalid privilege type INSERT for sequence

> grant create, insert on numbered to drawer
ERROR:  0LP01: invalid privilege type CREATE for relation

> grant insert on schema public to drawer
ERROR:  0LP01: invalid privilege type INSERT for schema

> grant insert on database postgres to drawer
ERROR:  0LP01: invalid privilege type INSERT for database

> grant nosuch on sequence numbered to drawer
ERROR:  42601: unrecognized privilege type "nosuch"

> grant nosuch on sequence tick to nosuch
ERROR:  42704: role "nosuch" does not exist

> grant usage on sequence tick to public with grant option
ERROR:  0LP01: grant options can only be granted to roles

> grant all on sequence tick to looker with grant option; revoke grant option for update on sequence tick from looker
GRANT
REVOKE

> select relname, relacl from pg_class where relname in ('tick', 'numbered', 'numbered_id_seq', 'known_id_seq') order by relname
relname|relacl
known_id_seq|
numbered|{postgres=arwdDxt/postgres,drawer=ar/postgres}
numbered_id_seq|{postgres=rwU/postgres,drawer=U/postgres}
tick|{postgres=rwU/postgres,looker=r*wU*/postgres,drawer=rw/postgres}
(4 rows)

> select has_sequence_privilege('looker', 'tick', 'usage with grant option'), has_sequence_privilege('looker', 'tick', 'update with grant option'), has_sequence_privilege('drawer', 'tick', 'usage'), has_sequence_privilege('drawer', 'tick', 'usage, Update'), has_sequence_privilege('drawer'::regrole, 'tick', 'select'), has_sequence_privilege('drawer'::regrole, 'known_id_seq'::regclass, 'usage')
has_sequence_privilege|has_sequence_privilege|has_sequence_privilege|has_sequence_privilege|has_sequence_privilege|has_sequence_privilege
t|f|f|t|t|f
(1 row)

> select has_sequence_privilege('drawer', 1::oid, 'usage'), has_sequence_privilege('tick', 'usage'), has_sequence_privilege('tick'::regclass, 'select with grant option')
has_sequence_privilege|has_sequence_privilege|has_sequence_privilege
|t|t
(1 row)

> select has_sequence_privilege('drawer', 'numbered', 'usage')
ERROR:  42809: "numbered" is not a sequence

> select has_sequence_privilege('numbered', 'insert')
ERROR:  22023: unrecognized privilege type: "insert"

> select has_table_privilege('drawer', 'tick', 'usage')
ERROR:  22023: unrecognized privilege type: "usage"

> select has_table_privilege('drawer', 'tick', 'select'), has_table_privilege('looker', 'tick', 'insert, select with grant option'), has_table_privilege('drawer', 'numbered', 'insert with grant option')
has_table_privilege|has_table_privilege|has_table_privilege
t|t|f
(1 row)

> grant all on all sequences in schema public to drawer; revoke all on all sequences in schema public from looker
GRANT
REVOKE

> select relname, relacl from pg_class where relname in ('tick', 'numbered_id_seq', 'known_id_seq') order by relname
relname|relacl
known_id_seq|{postgres=rwU/postgres,drawer=rwU/postgres}
numbered_id_seq|{postgres=rwU/postgres,drawer=rwU/postgres}
tick|{postgres=rwU/postgres,drawer=rwU/postgres}
(3 rows)

> set role looker
SET

> grant usage on sequence nosuch to looker
ERROR:  42P01: relation "nosuch" does not exist

> revoke all on numbered from nosuch
ERROR:  42704: role "nosuch" does not exist

> reset role; grant drawer to looker
RESET
GRANT ROLE

> grant drawer to looker
NOTICE:  00000: role "looker" is already a member of role "drawer"
GRANT ROLE

> revoke looker from drawer
WARNING:  01000: role "drawer" is not a member of role "looker"
REVOKE ROLE

> revoke drawer from looker
REVOKE ROLE

# To clean a table is for its owner.
> set role drawer
SET

> vacuum numbered
WARNING:  01000: skipping "numbered" --- only table or database owner can vacuum it
VACUUM

> analyze numbered
WARNING:  01000: skipping "numbered" --- only table or database owner can analyze it
ANALYZE

> vacuum analyze numbered, known
WARNING:  01000: skipping "numbered" --- only table or database owner can vacuum it
WARNING:  01000: skipping "known" --- only table or database owner can vacuum it
VACUUM

> checkpoint
ERROR:  42501: must be superuser or have privileges of pg_checkpoint to do CHECKPOINT

# To refer to a table takes a right of its own.
> reset role; create schema ours authorization drawer; create table target (id int primary key, n int); set role drawer
RESET
CREATE SCHEMA
CREATE TABLE
SET

> create table ours.refers (a int references target)
ERROR:  42501: permission denied for table target

> create table ours.refers (a int references target (n))
ERROR:  42830: there is no unique constraint matching given keys for referenced table "target"

> create table ours.refers (a int, b int, foreign key (a, b) references target (id))
ERROR:  42501: permission denied for table target

> create table ours.refers (a text references target)
ERROR:  42501: permission denied for table target

> create table ours.refers (a int primary key, b int references ours.refers)
CREATE TABLE

> alter table ours.refers add foreign key (b) references target
ERROR:  42501: permission denied for table target

> alter table ours.refers add column c int references target
ERROR:  42501: permission denied for table target

> reset role; grant references on target to drawer; set role drawer
RESET
GRANT
SET

> create table ours.more (a int, b int, foreign key (a, b) references target (id))
ERROR:  42830: number of referencing and referenced columns for foreign key disagree

> create table ours.more (a text constraint named references target)
ERROR:  42804: foreign key constraint "named" cannot be implemented
DETAIL:  Key columns "a" and "id" are of incompatible types: text and integer.

> alter table ours.refers add foreign key (b) references target, add column c int references target
ALTER TABLE

> reset role; drop table ours.refers, target, numbered, known; drop schema ours; drop sequence tick; drop role drawer, looker
RESET
DROP TABLE
DROP SCHEMA
DROP SEQUENCE
DROP ROLE

# A constraint has a comment, which goes with it.
> create table noted (id int primary key, v int constraint small check (v < 10), w int constraint odd unique nulls distinct, unique nulls distinct (v, w)); create unique index noted_w on noted (w) nulls distinct
CREATE TABLE
CREATE INDEX

> comment on constraint noted_pkey on noted is 'its key'
COMMENT

> comment on constraint small on noted is 'not much'
COMMENT

> comment on constraint no_such on noted is 'nothing'
ERROR:  42704: constraint "no_such" for table "noted" does not exist

> comment on constraint small on nowhere is 'nothing'
ERROR:  42P01: relation "nowhere" does not exist

> select conname, obj_description(oid, 'pg_constraint') from pg_constraint where conrelid = 'noted'::regclass and conname in ('noted_pkey', 'small', 'odd') order by 1
conname|obj_description
noted_pkey|its key
odd|
small|not much
(3 rows)

> select c.conname, d.description from pg_description d join pg_constraint c on c.oid = d.objoid where d.classoid = 'pg_constraint'::regclass and c.conrelid = 'noted'::regclass order by 1
conname|description
noted_pkey|its key
small|not much
(2 rows)

> comment on constraint noted_pkey on noted is null
COMMENT

> alter table noted drop constraint small
ALTER TABLE

> select count(*) from pg_description where classoid = 'pg_constraint'::regclass
count
0
(1 row)

> create role other_hand; set role other_hand
CREATE ROLE
SET

> comment on constraint odd on noted is 'mine'
ERROR:  42501: must be owner of relation noted

> reset role; drop role other_hand
RESET
DROP ROLE

> show max_prepared_transactions
max_prepared_transactions
0
(1 row)

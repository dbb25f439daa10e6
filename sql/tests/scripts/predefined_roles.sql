# Members of pg_read_all_data read everything, and change nothing.
> create role reader
CREATE ROLE

> create role writer
CREATE ROLE

> create role worker
CREATE ROLE

> grant pg_read_all_data to reader, worker
GRANT ROLE

> grant pg_write_all_data to writer, worker
GRANT ROLE

> create table page (id serial, note text)
CREATE TABLE

> insert into page (note) values ('a'), ('b')
INSERT 0 2

> create schema vault
CREATE SCHEMA

> create table vault.gem (id int, price int)
CREATE TABLE

> insert into vault.gem values (1, 10)
INSERT 0 1

> create view vault.gems as select id from vault.gem
CREATE VIEW

> create sequence vault.tick
CREATE SEQUENCE

> create table vault.empty (a int)
CREATE TABLE

> set role reader
SET

> select note from page order by id
note
a
b
(2 rows)

> select g.id, (select count(*) from vault.gems) from vault.gem g
id|count
1|1
(1 row)

> select count(*) from vault.gem where exists (select from page p where p.id = gem.id)
count
1
(1 row)

> copy page to stdout
1	a
2	b

> select last_value, is_called from vault.tick
last_value|is_called
1|f
(1 row)

> insert into page (note) values ('c')
ERROR:  42501: permission denied for table page

> update page set note = 'x'
ERROR:  42501: permission denied for table page

> delete from vault.gem
ERROR:  42501: permission denied for table gem

> select id from page for update
ERROR:  42501: permission denied for table page

> truncate page
ERROR:  42501: permission denied for table page

> select nextval('vault.tick')
ERROR:  42501: permission denied for sequence tick

> create table vault.mine (a int)
ERROR:  42501: permission denied for schema vault

> begin
BEGIN

> lock table page in access share mode
LOCK TABLE

> declare c cursor for select id from vault.gems
DECLARE CURSOR

> fetch c
id
1
(1 row)

> rollback
ROLLBACK

> prepare p as select count(*) from vault.gem
PREPARE

> execute p
count
1
(1 row)

> deallocate p
DEALLOCATE

> select has_table_privilege('vault.gem', 'select'), has_table_privilege('vault.gem', 'select with grant option'), has_table_privilege('vault.gem', 'insert'), has_schema_privilege('vault', 'usage'), has_schema_privilege('vault', 'create'), has_sequence_privilege('vault.tick', 'usage'), has_sequence_privilege('vault.tick', 'select')
has_table_privilege|has_table_privilege|has_table_privilege|has_schema_privilege|has_schema_privilege|has_sequence_privilege|has_sequence_privilege
t|f|f|t|f|f|t
(1 row)

> grant select on page to writer
WARNING:  01007: no privileges were granted for "page"
GRANT

> create view pg_temp.peek as select id from vault.gem
CREATE VIEW

> select * from peek
id
1
(1 row)

> drop view peek
DROP VIEW

> create temp table copied as select * from vault.gem
SELECT 1

> drop table copied
DROP TABLE

> select count(*) > 0 from pg_authid
?column?
t
(1 row)

> select count(*) > 0 from pg_shadow
?column?
t
(1 row)

# Members of pg_write_all_data change everything, and read nothing.
> set role writer
SET

> insert into page (note) values ('c')
INSERT 0 1

> insert into vault.gem values (2, 20)
INSERT 0 1

> update page set note = 'd'
UPDATE 3

> update page set id = id + 10
ERROR:  42501: permission denied for table page

> update page set note = 'e' where id = 1
ERROR:  42501: permission denied for table page

> insert into page (note) values ('f') returning id
ERROR:  42501: permission denied for table page

> update page set note = 'f' returning id
ERROR:  42501: permission denied for table page

> update page set note = (select 'g')
UPDATE 3

> update page set (note, id) = (select page.note, 5)
ERROR:  42501: permission denied for table page

> update page set note = page::text
ERROR:  42501: permission denied for table page

> update page set note = (select max(note) from (select page.note) as s)
ERROR:  42501: permission denied for table page

> select * from page
ERROR:  42501: permission denied for table page

> delete from page
DELETE 3

> delete from vault.gem where id = 1
ERROR:  42501: permission denied for table gem

> insert into vault.gems values (3)
INSERT 0 1

> truncate page
ERROR:  42501: permission denied for table page

> select nextval('vault.tick')
nextval
1
(1 row)

> select currval('vault.tick')
ERROR:  42501: permission denied for sequence tick

> select has_table_privilege('vault.gem', 'insert, select'), has_table_privilege('vault.gem', 'select'), has_table_privilege('vault.gem', 'truncate'), has_schema_privilege('vault', 'usage')
has_table_privilege|has_table_privilege|has_table_privilege|has_schema_privilege
t|f|f|t
(1 row)

> select count(*) > 0 from pg_authid
ERROR:  42501: permission denied for table pg_authid

> set role worker
SET

> update vault.gem set price = price + 1 where id < 3 returning id, price
id|price
1|11
2|21
(2 rows)
UPDATE 2

> delete from vault.gem where id = 3
DELETE 1

> insert into page (id, note) values (1, 'z') returning note
note
z
(1 row)
INSERT 0 1

> select id from page for update
id
1
(1 row)

> set role none
SET

# A member that inherits nothing becomes it first.
> create role shy noinherit
CREATE ROLE

> grant pg_read_all_data to shy
GRANT ROLE

> set role shy
SET

> select * from page
ERROR:  42501: permission denied for table page

> set role none
SET

> set session authorization shy
SET

> set role pg_read_all_data
SET

> select note from page
note
z
(1 row)

> reset session authorization
RESET

# So do owners of views.
> create role maker
CREATE ROLE

> grant pg_read_all_data to maker
GRANT ROLE

> grant create on schema public to maker
GRANT

> create role viewer
CREATE ROLE

> set role maker
SET

> create view shows as select id from vault.gem
CREATE VIEW

> grant select on shows to viewer
GRANT

> set role viewer
SET

> select * from shows order by id
id
1
2
(2 rows)

> select * from vault.gem
ERROR:  42501: permission denied for schema vault

> reset role
RESET

> revoke pg_read_all_data from maker
REVOKE ROLE

> set role viewer
SET

> select * from shows
ERROR:  42501: permission denied for table gem

> reset role
RESET

> drop view shows
DROP VIEW

> revoke create on schema public from maker
REVOKE

> drop role maker
DROP ROLE

# Who may not connect to a database knows its size as a member of pg_read_all_stats, which pg_monitor is.
> create database sized
CREATE DATABASE

> revoke connect on database sized from public
REVOKE

> set role viewer
SET

> select pg_database_size('sized')
ERROR:  42501: permission denied for database sized

> set role none
SET

> grant pg_monitor to viewer
GRANT ROLE

> set role viewer
SET

> select pg_database_size('sized') >= 0 as known
known
t
(1 row)

> select query <> '<insufficient privilege>' as seen from pg_stat_activity where pid = pg_backend_pid()
seen
t
(1 row)

> set role none
SET

> revoke pg_monitor from viewer; grant pg_checkpoint to viewer
REVOKE ROLE
GRANT ROLE

> set role viewer
SET

> checkpoint
CHECKPOINT

> set role none
SET

> revoke pg_checkpoint from viewer
REVOKE ROLE

> drop database sized
DROP DATABASE

# A name is looked for only in schemas that one may use.
> create schema den
CREATE SCHEMA

> create table den.fox (a int)
CREATE TABLE

> create table fox (b text)
CREATE TABLE

> create sequence den.hole
CREATE SEQUENCE

> insert into den.fox values (7)
INSERT 0 1

> grant select, insert on den.fox to viewer
GRANT

> grant usage on sequence den.hole to viewer
GRANT

> grant select on fox to viewer
GRANT

> create view foxes as select a from den.fox
CREATE VIEW

> grant select, insert on foxes to viewer
GRANT

> set role viewer
SET

> select * from den.fox
ERROR:  42501: permission denied for schema den

> insert into den.fox values (8)
ERROR:  42501: permission denied for schema den

> copy den.fox to stdout
ERROR:  42501: permission denied for schema den

> drop table den.fox
ERROR:  42501: permission denied for schema den

> drop table if exists den.fox
ERROR:  42501: permission denied for schema den

> alter table den.fox add column c int
ERROR:  42501: permission denied for schema den

> create view pg_temp.v as select * from den.fox
ERROR:  42501: permission denied for schema den

> grant select on den.fox to reader
ERROR:  42501: permission denied for schema den

> grant select on all tables in schema den to reader
ERROR:  42501: permission denied for schema den

> select * from foxes
a
7
(1 row)

> insert into foxes values (9)
INSERT 0 1

> set search_path = den, public
SET

> select * from fox
b
(0 rows)

> select current_schema(), current_schemas(false), pg_table_is_visible('public.fox'::regclass)
current_schema|current_schemas|pg_table_is_visible
public|{public}|t
(1 row)

> select * from hole
ERROR:  42P01: relation "hole" does not exist

> create table x (a int)
ERROR:  42501: permission denied for schema public

> reset role
RESET

> grant usage on schema den to viewer
GRANT

> set role viewer
SET

> select * from fox order by a
a
7
9
(2 rows)

> select current_schema(), current_schemas(false), nextval('hole')
current_schema|current_schemas|nextval
den|{den,public}|1
(1 row)

> reset role
RESET

> revoke usage on schema den from viewer
REVOKE

> set role viewer
SET

> select * from fox
b
(0 rows)

> reset role
RESET

> reset search_path
RESET

> create table template (a int, b int)
CREATE TABLE

> set role viewer
SET

> create temp table like_it (like template)
ERROR:  42501: permission denied for table template

> reset role
RESET

> grant select on template to viewer
GRANT

> set role viewer
SET

> create temp table like_it (like template)
CREATE TABLE

> drop table like_it
DROP TABLE

> select rolname from pg_authid
ERROR:  42501: permission denied for table pg_authid

> select usename from pg_shadow
ERROR:  42501: permission denied for view pg_shadow

> reset role
RESET

> drop view foxes; drop table den.fox; drop sequence den.hole; drop schema den
DROP VIEW
DROP TABLE
DROP SEQUENCE
DROP SCHEMA

> drop table fox, template, page
DROP TABLE

> drop view vault.gems; drop table vault.gem, vault.empty; drop sequence vault.tick; drop schema vault
DROP VIEW
DROP TABLE
DROP SEQUENCE
DROP SCHEMA

> drop role reader, writer, worker, shy, viewer
DROP ROLE

# Predefined roles stay what they are.
> create role keeper createrole
CREATE ROLE

> set role keeper
SET

> alter role pg_write_all_data login password 'known'
ERROR:  42939: role name "pg_write_all_data" is reserved
DETAIL:  Cannot alter reserved roles.

> alter role pg_write_all_data set work_mem = '5MB'
ERROR:  42939: role name "pg_write_all_data" is reserved
DETAIL:  Cannot alter reserved roles.

> alter role pg_write_all_data rename to mine
ERROR:  42939: role name "pg_write_all_data" is reserved
DETAIL:  Role names starting with "pg_" are reserved.

> alter role pg_nosuch login
ERROR:  42939: role name "pg_nosuch" is reserved
DETAIL:  Cannot alter reserved roles.

> drop role pg_write_all_data
ERROR:  2BP01: cannot drop role pg_write_all_data because it is required by the database system

> set role none
SET

> alter role pg_write_all_data login
ERROR:  42939: role name "pg_write_all_data" is reserved
DETAIL:  Cannot alter reserved roles.

> drop role keeper
DROP ROLE

# To change a part of a column is not to read it.
> create table parts (id int, a int[], doc jsonb); create role mason; grant update on parts to mason
CREATE TABLE
CREATE ROLE
GRANT

> set role mason
SET

> update parts set a[1] = 5, doc['k'] = '1'
UPDATE 0

> update parts set a[2] = 5, a[3] = 6
UPDATE 0

> update parts set a[id] = 5
ERROR:  42501: permission denied for table parts

> update parts set a[1:id] = '{5}'
ERROR:  42501: permission denied for table parts

> update parts set a[1] = id
ERROR:  42501: permission denied for table parts

> update parts set doc[a[1]::text] = '1'
ERROR:  42501: permission denied for table parts

> set role none
SET

> drop table parts; drop role mason
DROP TABLE
DROP ROLE

# To look for a conflict is to read.
> create table slot (id int primary key, v int); create role booker; grant insert on slot to booker
CREATE TABLE
CREATE ROLE
GRANT

> set role booker
SET

> insert into slot values (1, 1) on conflict do nothing
INSERT 0 1

> insert into slot values (1, 1) on conflict (id) do nothing
ERROR:  42501: permission denied for table slot

> insert into slot values (1, 1) on conflict on constraint slot_pkey do nothing
ERROR:  42501: permission denied for table slot

> set role none
SET

> grant update on slot to booker
GRANT

> set role booker
SET

> insert into slot values (1, 1) on conflict (id) do update set v = 2
ERROR:  42501: permission denied for table slot

> set role none
SET

> grant select on slot to booker
GRANT

> set role booker
SET

> insert into slot values (1, 1) on conflict (id) do update set v = 2 returning v
v
2
(1 row)
INSERT 0 1

> set role none
SET

> drop table slot; drop role booker
DROP TABLE
DROP ROLE

# Who a session is: SET ROLE and SET SESSION AUTHORIZATION.
> create role clerk; create role boss; create role chief superuser; create role "Odd one"; grant clerk to boss
CREATE ROLE
CREATE ROLE
CREATE ROLE
CREATE ROLE
GRANT ROLE

> create table paper (id int, word text); insert into paper values (1, 'a'), (2, 'b'); grant select on paper to clerk
CREATE TABLE
INSERT 0 2
GRANT

> show role
role
none
(1 row)

> select current_setting('role'), session_user, current_user, user, current_role
current_setting|session_user|current_user|user|current_role
none|postgres|postgres|postgres|postgres
(1 row)

> set role clerk
SET

> select current_setting('role'), session_user, current_user, user, current_role
current_setting|session_user|current_user|user|current_role
clerk|postgres|clerk|clerk|clerk
(1 row)

> show is_superuser; show session_authorization
is_superuser
off
(1 row)
session_authorization
postgres
(1 row)

> select count(*) from paper
count
2
(1 row)

> insert into paper values (3, 'c')
ERROR:  42501: permission denied for table paper

> update paper set word = 'x'; select 1
ERROR:  42501: permission denied for table paper

> create table mine (a int)
ERROR:  42501: permission denied for schema public

> create role another
ERROR:  42501: permission denied to create role

> select rolname from pg_authid
ERROR:  42501: permission denied for table pg_authid

> select has_table_privilege('paper', 'select'), has_table_privilege('paper', 'insert'), pg_has_role('boss', 'member')
has_table_privilege|has_table_privilege|pg_has_role
t|f|f
(1 row)

> select usename = 'postgres' as still from pg_stat_activity where pid = pg_backend_pid()
still
t
(1 row)

> set role none
SET

> insert into paper values (3, 'c')
INSERT 0 1

> set role "Odd one"
SET

> select * from paper
ERROR:  42501: permission denied for table paper

> select current_user
current_user
Odd one
(1 row)

> set role 'chief'
SET

> show is_superuser
is_superuser
on
(1 row)

> delete from paper where id = 3
DELETE 1

> reset role
RESET

> set role to clerk; show role; set role = default; show role; set role = 'none'; show role
SET
role
clerk
(1 row)
SET
role
none
(1 row)
SET
role
none
(1 row)

# What is no role.
> set role nosuch
ERROR:  22023: role "nosuch" does not exist

> set role 'none '
ERROR:  22023: role "none " does not exist

> set role ''
ERROR:  22023: role "" does not exist

> set role select
ERROR:  42601: syntax error at or near "select"

> set role current_user
ERROR:  42601: syntax error at or near "current_user"

> set role default
ERROR:  42601: syntax error at or near "default"

> set role clerk, boss
ERROR:  42601: syntax error at or near ","

> set session authorization nosuch
ERROR:  22023: role "nosuch" does not exist

> set session authorization 'none'
ERROR:  22023: role "none" does not exist

> set session authorization session_user
ERROR:  42601: syntax error at or near "session_user"

> set session authorization clerk, boss
ERROR:  42601: syntax error at or near ","

> select set_config('role', 'nosuch', false)
ERROR:  22023: role "nosuch" does not exist

# Who may become whom is the session user's.
> set session authorization boss
SET

> select session_user, current_user; show role; show is_superuser; show session_authorization
session_user|current_user
boss|boss
(1 row)
role
none
(1 row)
is_superuser
off
(1 row)
session_authorization
boss
(1 row)

> set role chief
ERROR:  42501: permission denied to set role "chief"

> set role "Odd one"
ERROR:  42501: permission denied to set role "Odd one"

> select set_config('role', 'chief', false)
ERROR:  42501: permission denied to set role "chief"

> set role clerk
SET

> select session_user, current_user
session_user|current_user
boss|clerk
(1 row)

> set role chief
ERROR:  42501: permission denied to set role "chief"

> set role boss
SET

> set role clerk; set role none; select current_user
SET
SET
current_user
boss
(1 row)

# Who may become anyone is who logged in.
> set session authorization "Odd one"
SET

> set role clerk
ERROR:  42501: permission denied to set role "clerk"

> set session authorization chief
SET

> set role "Odd one"
SET

> select session_user, current_user
session_user|current_user
chief|Odd one
(1 row)

> set session authorization clerk
SET

> select session_user, current_user; show role
session_user|current_user
clerk|clerk
(1 row)
role
none
(1 row)

> reset session authorization
RESET

> select session_user, current_user; show role; show is_superuser
session_user|current_user
postgres|postgres
(1 row)
role
none
(1 row)
is_superuser
on
(1 row)

> set role clerk; set session authorization default; show role
SET
SET
role
none
(1 row)

> set role clerk; set session_authorization to boss; show role; set session_authorization to default; show session authorization
SET
SET
role
none
(1 row)
SET
session_authorization
postgres
(1 row)

# They end with the transaction that set them, unless it commits.
> begin; set role clerk; select current_user
BEGIN
SET
current_user
clerk
(1 row)

> rollback
ROLLBACK

> select current_user; show is_superuser
current_user
postgres
(1 row)
is_superuser
on
(1 row)

> begin; set role clerk; savepoint a
BEGIN
SET
SAVEPOINT

> set role boss; savepoint b
SET
SAVEPOINT

> set local session authorization "Odd one"
SET

> select session_user, current_user
session_user|current_user
Odd one|Odd one
(1 row)

> rollback to b
ROLLBACK

> select session_user, current_user
session_user|current_user
postgres|boss
(1 row)

> select no
ERROR:  42703: column "no" does not exist

> rollback to a
ROLLBACK

> select session_user, current_user; show is_superuser
session_user|current_user
postgres|clerk
(1 row)
is_superuser
off
(1 row)

> set local role chief; select current_user; show is_superuser
SET
current_user
chief
(1 row)
is_superuser
on
(1 row)

> commit
COMMIT

> select session_user, current_user; show is_superuser
session_user|current_user
postgres|clerk
(1 row)
is_superuser
off
(1 row)

> begin; set local session authorization boss; select session_user, current_user
BEGIN
SET
session_user|current_user
boss|boss
(1 row)

> commit
COMMIT

> select session_user, current_user
session_user|current_user
postgres|clerk
(1 row)

> reset role
RESET

> set local role clerk
WARNING:  25P01: SET LOCAL can only be used in transaction blocks
SET

> select current_user
current_user
postgres
(1 row)

> set session authorization boss
SET

> begin; set session authorization chief; set role clerk; rollback; select session_user, current_user
BEGIN
SET
SET
ROLLBACK
session_user|current_user
boss|boss
(1 row)

> set role clerk; begin; set session authorization default; show role
SET
BEGIN
SET
role
none
(1 row)

> rollback
ROLLBACK

> select session_user, current_user
session_user|current_user
boss|boss
(1 row)

> reset session authorization
RESET

> begin; set local role clerk; set role boss; select current_user; commit; select current_user
BEGIN
SET
SET
current_user
boss
(1 row)
COMMIT
current_user
boss
(1 row)

> reset role; begin; set role boss; set local role clerk; select current_user; commit; select current_user
RESET
BEGIN
SET
SET
current_user
clerk
(1 row)
COMMIT
current_user
boss
(1 row)

> reset role
RESET

> begin; create role brief; set role brief; select current_user
BEGIN
CREATE ROLE
SET
current_user
brief
(1 row)

> rollback
ROLLBACK

> select current_user
current_user
postgres
(1 row)

> select set_config('role', 'clerk', false)
set_config
clerk
(1 row)

> select current_user
current_user
clerk
(1 row)

> select set_config('role', null, false)
set_config
none
(1 row)

> select current_user
current_user
postgres
(1 row)

> begin; select set_config('role', 'clerk', true); select current_user; commit; select current_user
BEGIN
set_config
clerk
(1 row)
current_user
clerk
(1 row)
COMMIT
current_user
postgres
(1 row)

# What resets what.
> set role clerk; set work_mem = '8MB'; reset all; show role; show work_mem
SET
SET
RESET
role
clerk
(1 row)
work_mem
4MB
(1 row)

> discard all
DISCARD ALL

> show role
role
none
(1 row)

> set session authorization boss; reset all; show session_authorization
SET
RESET
session_authorization
boss
(1 row)

> set role clerk
SET

> discard all
DISCARD ALL

> select session_user, current_user
session_user|current_user
postgres|postgres
(1 row)

> select name from pg_settings where name in ('role', 'session_authorization', 'is_superuser', 'row_security')
name
row_security
(1 row)

# What is prepared is run by whoever runs it.
> prepare counts as select count(*) from paper; prepare adds as insert into paper values (9, 'z')
PREPARE
PREPARE

> set role "Odd one"
SET

> execute counts
ERROR:  42501: permission denied for table paper

> execute adds
ERROR:  42501: permission denied for table paper

> explain execute counts
ERROR:  42501: permission denied for table paper

> set role clerk
SET

> execute counts
count
2
(1 row)

> execute adds
ERROR:  42501: permission denied for table paper

> reset role
RESET

> execute adds; delete from paper where id = 9
INSERT 0 1
DELETE 1

> prepare who as select current_user; execute who; set role clerk; execute who; reset role; execute who
PREPARE
current_user
postgres
(1 row)
SET
current_user
clerk
(1 row)
RESET
current_user
postgres
(1 row)

> deallocate all
DEALLOCATE ALL

# Names are looked up where the one who runs it looks them up.
> create schema clerk authorization clerk; create table clerk.place (who text); create table public.place (who text)
CREATE SCHEMA
CREATE TABLE
CREATE TABLE

> insert into clerk.place values ('clerk'); insert into public.place values ('anyone'); alter table clerk.place owner to clerk
INSERT 0 1
INSERT 0 1
ALTER TABLE

> prepare place as select who from place; execute place
PREPARE
who
anyone
(1 row)

> select who from place
who
anyone
(1 row)

> set role clerk
SET

> execute place
who
clerk
(1 row)

> select who from place
who
clerk
(1 row)

> select current_schemas(false)
current_schemas
{clerk,public}
(1 row)

> reset role
RESET

> execute place
who
anyone
(1 row)

> select who from place
who
anyone
(1 row)

> set search_path = clerk
SET

> execute place
who
clerk
(1 row)

> reset search_path
RESET

> execute place
who
anyone
(1 row)

# A view runs with the rights of its owner.
> create view shown as select id from paper; grant select on shown to "Odd one"
CREATE VIEW
GRANT

> set role "Odd one"
SET

> select count(*) from shown
count
2
(1 row)

> select count(*) from paper
ERROR:  42501: permission denied for table paper

> reset role
RESET

# A cursor goes on for whom it was opened.
> begin; declare c cursor for select id from paper order by id
BEGIN
DECLARE CURSOR

> fetch 1 from c
id
1
(1 row)

> set role "Odd one"
SET

> fetch 1 from c
id
2
(1 row)

> declare d cursor for select id from paper
ERROR:  42501: permission denied for table paper

> rollback
ROLLBACK

# Whose things are made.
> grant create on schema public to clerk
GRANT

> set role clerk
SET

> create table public.mine (a int); create sequence public.mine_too; create view public.mine_three as select 1 as a
CREATE TABLE
CREATE SEQUENCE
CREATE VIEW

> grant select on public.mine to boss
GRANT

> reset role
RESET

> select relname, relowner::regrole from pg_class where relname like 'mine%' order by relname
relname|relowner
mine|clerk
mine_three|clerk
mine_too|clerk
(3 rows)

> set role boss
SET

> drop table public.mine
DROP TABLE

> set role "Odd one"
SET

> drop sequence public.mine_too
ERROR:  42501: must be owner of sequence mine_too

> reset role; drop view mine_three; drop sequence mine_too; revoke create on schema public from clerk
RESET
DROP VIEW
DROP SEQUENCE
REVOKE

# CURRENT_USER and SESSION_USER, where a role is named.
> create role page; grant page to boss; grant clerk to current_user; select pg_has_role('postgres', 'clerk', 'member')
CREATE ROLE
GRANT ROLE
GRANT ROLE
pg_has_role
t
(1 row)

> revoke clerk from session_user
REVOKE ROLE

> set role page
SET

> alter role current_user set work_mem = '5MB'
ALTER ROLE

> reset role
RESET

> select rolconfig from pg_roles where rolname = 'page'
rolconfig
{work_mem=5MB}
(1 row)

> set role clerk; grant select on clerk.place to session_user; reset role
SET
GRANT
RESET

> select has_table_privilege('page', 'clerk.place', 'select')
has_table_privilege
f
(1 row)

> set role clerk; grant select on clerk.place to page; reset role; select has_table_privilege('page', 'clerk.place', 'select')
SET
GRANT
RESET
has_table_privilege
t
(1 row)

> revoke select on clerk.place from page; create schema authorization current_user; drop schema postgres
REVOKE
CREATE SCHEMA
DROP SCHEMA

> set role chief; create schema authorization session_user; reset role; drop schema postgres; create schema authorization boss; drop schema boss
SET
CREATE SCHEMA
RESET
DROP SCHEMA
CREATE SCHEMA
DROP SCHEMA

> create schema authorization nosuch
ERROR:  42704: role "nosuch" does not exist

# One's own role stays what it is.
> set role chief
SET

> drop role chief
ERROR:  55006: current user cannot be dropped

> drop role postgres
ERROR:  55006: session user cannot be dropped

> alter role chief rename to head
ERROR:  0A000: current user cannot be renamed

> alter role postgres rename to head
ERROR:  0A000: session user cannot be renamed

> reset role
RESET

> set session authorization chief
SET

> drop role chief
ERROR:  55006: current user cannot be dropped

> alter role chief rename to head
ERROR:  0A000: session user cannot be renamed

> reset session authorization
RESET

# A role that inherits nothing has to become what it is a member of.
> create role aloof noinherit; grant clerk to aloof; grant aloof to page; create schema theirs authorization clerk
CREATE ROLE
GRANT ROLE
GRANT ROLE
CREATE SCHEMA

> select pg_has_role('aloof', 'clerk', 'usage'), pg_has_role('aloof', 'clerk', 'member'), pg_has_role('page', 'clerk', 'usage')
pg_has_role|pg_has_role|pg_has_role
f|t|f
(1 row)

> select pg_has_role('page', 'aloof', 'usage'), pg_has_role('page', 'clerk', 'member'), pg_has_role('page', 'aloof', 'x, member')
ERROR:  22023: unrecognized privilege type: "x"

> select has_table_privilege('aloof', 'paper', 'select'), has_schema_privilege('aloof', 'theirs', 'create')
has_table_privilege|has_schema_privilege
f|f
(1 row)

> set session authorization aloof
SET

> select count(*) from paper
ERROR:  42501: permission denied for table paper

> create table theirs.t (a int)
ERROR:  42501: permission denied for schema theirs

> alter schema theirs rename to ours
ERROR:  42501: must be owner of schema theirs

> set role clerk
SET

> select count(*) from paper
count
2
(1 row)

> create table theirs.t (a int)
CREATE TABLE

> set session authorization page
SET

> select count(*) from paper
ERROR:  42501: permission denied for table paper

> set role clerk
SET

> select count(*) from paper
count
2
(1 row)

> alter table theirs.t owner to page
ERROR:  42501: must be member of role "page"

> reset session authorization; drop table theirs.t; drop schema theirs; drop role aloof
RESET
DROP TABLE
DROP SCHEMA
DROP ROLE

# Who may change roles.
> create role warden createrole; set role clerk
CREATE ROLE
SET

> alter role boss createdb
ERROR:  42501: permission denied

> alter role boss set work_mem = '5MB'
ERROR:  42501: permission denied

> alter role chief createdb
ERROR:  42501: must be superuser to alter superuser roles or change superuser attribute

> alter role chief set work_mem = '5MB'
ERROR:  42501: must be superuser to alter superusers

> alter role boss rename to other
ERROR:  42501: permission denied to rename role

> alter role chief rename to other
ERROR:  42501: must be superuser to rename superusers

> drop role boss
ERROR:  42501: permission denied to drop role

> drop role chief
ERROR:  42501: permission denied to drop role

> grant boss to clerk
ERROR:  42501: must have admin option on role "boss"

> grant chief to clerk
ERROR:  42501: must be superuser to alter superusers

> set role warden
SET

> alter role boss createdb; alter role boss nocreatedb
ALTER ROLE
ALTER ROLE

> alter role chief createdb
ERROR:  42501: must be superuser to alter superuser roles or change superuser attribute

> alter role chief rename to other
ERROR:  42501: must be superuser to rename superusers

> drop role chief
ERROR:  42501: must be superuser to drop superusers

> grant chief to warden
ERROR:  42501: must be superuser to alter superusers

> revoke chief from warden
ERROR:  42501: must be superuser to alter superusers

> alter role boss nosuperuser
ERROR:  42501: must be superuser to alter superuser roles or change superuser attribute

> alter role boss noreplication
ERROR:  42501: must be superuser to alter replication roles or change replication attribute

> alter role boss nobypassrls
ERROR:  42501: must be superuser to change bypassrls attribute

> create role imp superuser
ERROR:  42501: must be superuser to create superusers

> create role imp replication
ERROR:  42501: must be superuser to create replication users

> create role imp nosuperuser noreplication nobypassrls; drop role imp
CREATE ROLE
DROP ROLE

> drop role postgres
ERROR:  55006: session user cannot be dropped

> reset role; create role carrier replication; set role warden
RESET
CREATE ROLE
SET

> alter role carrier password 'known'
ERROR:  42501: must be superuser to alter replication roles or change replication attribute

> drop role carrier
DROP ROLE

> create role imp login in role chief
ERROR:  42501: must be superuser to alter superusers

> create role imp role warden in role clerk, chief
ERROR:  42501: must be superuser to alter superusers

> reset role; drop role warden
RESET
DROP ROLE

# What a role sets of a role.
> alter role page set role = clerk; alter role page set role clerk
ALTER ROLE
ALTER ROLE

> alter role boss set session_authorization = nosuch
NOTICE:  42704: role "nosuch" does not exist
ALTER ROLE

> alter role clerk set role = nosuch
NOTICE:  42704: role "nosuch" does not exist
ALTER ROLE

> select rolname, rolconfig from pg_roles where rolconfig is not null and rolname in ('page', 'boss', 'clerk') order by 1
rolname|rolconfig
boss|{session_authorization=nosuch}
clerk|{role=nosuch}
page|{work_mem=5MB,role=clerk}
(3 rows)

> set session authorization boss
SET

> alter role current_user set role = chief
NOTICE:  42501: permission will be denied to set role "chief"
ALTER ROLE

> reset session authorization; alter role boss reset all
RESET
ALTER ROLE

# To empty a table takes no more than that privilege, but for its sequences.
> create table slate (id serial); insert into slate values (1); grant truncate on slate to clerk; set role clerk
CREATE TABLE
INSERT 0 1
GRANT
SET

> truncate slate restart identity
ERROR:  42501: must be owner of sequence slate_id_seq

> truncate slate
TRUNCATE TABLE

> reset role; select count(*) from slate; revoke truncate on slate from clerk; set role clerk
RESET
count
0
(1 row)
REVOKE
SET

> truncate slate
ERROR:  42501: permission denied for table slate

> reset role; drop table slate
RESET
DROP TABLE

# Who may create databases gives them to none but their own.
> create role builder createdb; set role builder
CREATE ROLE
SET

> create database theirs owner clerk
ERROR:  42501: must be member of role "clerk"

> reset role; drop role builder
RESET
DROP ROLE

> drop table paper, clerk.place, public.place cascade; drop schema clerk; reset session authorization
NOTICE:  00000: drop cascades to view shown
DROP TABLE
DROP SCHEMA
RESET

> drop role clerk, boss, chief, "Odd one", page
DROP ROLE

# Who holds a privilege with grant option grants in their own name, and no more than they hold.
> create role gina; create role hugo; create role ivan; create role june; create table ledger (id int, note text); insert into ledger values (1, 'a')
CREATE ROLE
CREATE ROLE
CREATE ROLE
CREATE ROLE
CREATE TABLE
INSERT 0 1

> grant select, insert on ledger to gina with grant option
GRANT

> set role gina
SET

> grant select, update on ledger to hugo with grant option
WARNING:  01007: not all privileges were granted for "ledger"
GRANT

> grant delete on ledger to hugo
WARNING:  01007: no privileges were granted for "ledger"
GRANT

> grant all on ledger to ivan
GRANT

> grant select on ledger to june granted by gina
GRANT

> grant select on ledger to june granted by current_user
GRANT

> grant select on ledger to june granted by hugo
ERROR:  0A000: grantor must be current user

> grant select on ledger to june granted by nosuch
ERROR:  42704: role "nosuch" does not exist

> select relacl from pg_class where relname = 'ledger'
relacl
{postgres=arwdDxt/postgres,gina=a*r*/postgres,hugo=r*/gina,ivan=ar/gina,june=r/gina}
(1 row)

> set role hugo
SET

> grant select on ledger to ivan
GRANT

> grant insert on ledger to ivan
WARNING:  01007: no privileges were granted for "ledger"
GRANT

> set role ivan
SET

> select count(*) from ledger
count
1
(1 row)

> insert into ledger values (2, 'b')
INSERT 0 1

> grant select on ledger to public
WARNING:  01007: no privileges were granted for "ledger"
GRANT

> select relacl from pg_class where relname = 'ledger'
relacl
{postgres=arwdDxt/postgres,gina=a*r*/postgres,hugo=r*/gina,ivan=ar/gina,june=r/gina,ivan=r/hugo}
(1 row)

> set role june
SET

> grant insert on ledger to hugo
WARNING:  01007: no privileges were granted for "ledger"
GRANT

> revoke insert on ledger from ivan
WARNING:  01006: no privileges could be revoked for "ledger"
WARNING:  01006: no privileges could be revoked for column "tableoid" of relation "ledger"
WARNING:  01006: no privileges could be revoked for column "cmax" of relation "ledger"
WARNING:  01006: no privileges could be revoked for column "xmax" of relation "ledger"
WARNING:  01006: no privileges could be revoked for column "cmin" of relation "ledger"
WARNING:  01006: no privileges could be revoked for column "xmin" of relation "ledger"
WARNING:  01006: no privileges could be revoked for column "ctid" of relation "ledger"
WARNING:  01006: no privileges could be revoked for column "id" of relation "ledger"
WARNING:  01006: no privileges could be revoked for column "note" of relation "ledger"
REVOKE

> revoke all on ledger from ivan
WARNING:  01006: no privileges could be revoked for "ledger"
WARNING:  01006: no privileges could be revoked for column "tableoid" of relation "ledger"
WARNING:  01006: no privileges could be revoked for column "cmax" of relation "ledger"
WARNING:  01006: no privileges could be revoked for column "xmax" of relation "ledger"
WARNING:  01006: no privileges could be revoked for column "cmin" of relation "ledger"
WARNING:  01006: no privileges could be revoked for column "xmin" of relation "ledger"
WARNING:  01006: no privileges could be revoked for column "ctid" of relation "ledger"
WARNING:  01006: no privileges could be revoked for column "id" of relation "ledger"
WARNING:  01006: no privileges could be revoked for column "note" of relation "ledger"
REVOKE

> reset role
RESET

> create role kurt
CREATE ROLE

> set role kurt
SET

> grant select on ledger to june
ERROR:  42501: permission denied for table ledger

> revoke select on ledger from june
ERROR:  42501: permission denied for table ledger

> grant usage on schema public to june
WARNING:  01007: no privileges were granted for "public"
GRANT

> grant connect on database postgres to june
WARNING:  01007: no privileges were granted for "postgres"
GRANT

> reset role
RESET

> create schema hall; create sequence hall.gong; create view hall.shows as select 1 as a; grant usage on schema hall to kurt
CREATE SCHEMA
CREATE SEQUENCE
CREATE VIEW
GRANT

> set role kurt
SET

> grant all on hall.gong to june
ERROR:  42501: permission denied for sequence gong

> grant all on hall.shows to june
ERROR:  42501: permission denied for table shows

> grant all on all tables in schema hall to june
ERROR:  42501: permission denied for table shows

> grant all on schema hall to june
WARNING:  01007: no privileges were granted for "hall"
GRANT

> revoke create on schema hall from june
WARNING:  01006: no privileges could be revoked for "hall"
REVOKE

> reset role
RESET

> drop schema hall cascade
NOTICE:  00000: drop cascades to 2 other objects
DROP SCHEMA

> drop role kurt
DROP ROLE

# What the catalogs tell of it.
> select grantor, grantee, privilege_type, is_grantable from information_schema.role_table_grants where table_name = 'ledger' order by 1, 2, 3
grantor|grantee|privilege_type|is_grantable
gina|hugo|SELECT|YES
gina|ivan|INSERT|NO
gina|ivan|SELECT|NO
gina|june|SELECT|NO
hugo|ivan|SELECT|NO
postgres|gina|INSERT|YES
postgres|gina|SELECT|YES
postgres|postgres|DELETE|YES
postgres|postgres|INSERT|YES
postgres|postgres|REFERENCES|YES
postgres|postgres|SELECT|YES
postgres|postgres|TRIGGER|YES
postgres|postgres|TRUNCATE|YES
postgres|postgres|UPDATE|YES
(14 rows)

> select grantor, grantee, table_schema, column_name, privilege_type, is_grantable from information_schema.column_privileges where table_name = 'ledger' and grantee in ('gina', 'hugo') order by 1, 2, 4, 5
grantor|grantee|table_schema|column_name|privilege_type|is_grantable
gina|hugo|public|id|SELECT|YES
gina|hugo|public|note|SELECT|YES
postgres|gina|public|id|INSERT|YES
postgres|gina|public|id|SELECT|YES
postgres|gina|public|note|INSERT|YES
postgres|gina|public|note|SELECT|YES
(6 rows)

> select (aclexplode(relacl)).grantee::regrole, (aclexplode(relacl)).privilege_type from pg_class where relname = 'ledger' order by 1, 2 limit 3
grantee|privilege_type
postgres|DELETE
postgres|INSERT
postgres|REFERENCES
(3 rows)

> select grantor::regrole, grantee::regrole, privilege_type, is_grantable from pg_class, aclexplode(relacl) where relname = 'ledger' and grantor <> 10 order by 1, 2, 3
grantor|grantee|privilege_type|is_grantable
gina|hugo|SELECT|t
gina|ivan|INSERT|f
gina|ivan|SELECT|f
gina|june|SELECT|f
hugo|ivan|SELECT|f
(5 rows)

> select * from aclexplode(acldefault('d', 10)) order by 2, 3
grantor|grantee|privilege_type|is_grantable
10|0|CONNECT|f
10|0|TEMPORARY|f
10|10|CONNECT|f
10|10|CREATE|f
10|10|TEMPORARY|f
(5 rows)

> select count(*) from aclexplode(null)
count
0
(1 row)

> select has_table_privilege('gina', 'ledger', 'select with grant option'), has_table_privilege('hugo', 'ledger', 'select with grant option'), has_table_privilege('hugo', 'ledger', 'insert'), has_table_privilege('ivan', 'ledger', 'insert with grant option'), has_table_privilege('june', 'ledger', 'select')
has_table_privilege|has_table_privilege|has_table_privilege|has_table_privilege|has_table_privilege
t|t|f|f|t
(1 row)

> set role hugo
SET

> select grantor, grantee, privilege_type, is_grantable from information_schema.table_privileges where table_name = 'ledger' order by 1, 2, 3
grantor|grantee|privilege_type|is_grantable
gina|hugo|SELECT|YES
hugo|ivan|SELECT|NO
(2 rows)

> reset role
RESET

# REVOKE takes back what was granted in the same name.
> revoke select on ledger from ivan
REVOKE

> select relacl from pg_class where relname = 'ledger'
relacl
{postgres=arwdDxt/postgres,gina=a*r*/postgres,hugo=r*/gina,ivan=ar/gina,june=r/gina,ivan=r/hugo}
(1 row)

> set role gina
SET

> revoke select on ledger from ivan
REVOKE

> revoke select, update on ledger from june
WARNING:  01006: not all privileges could be revoked for "ledger"
WARNING:  01006: not all privileges could be revoked for column "tableoid" of relation "ledger"
WARNING:  01006: not all privileges could be revoked for column "cmax" of relation "ledger"
WARNING:  01006: not all privileges could be revoked for column "xmax" of relation "ledger"
WARNING:  01006: not all privileges could be revoked for column "cmin" of relation "ledger"
WARNING:  01006: not all privileges could be revoked for column "xmin" of relation "ledger"
WARNING:  01006: not all privileges could be revoked for column "ctid" of relation "ledger"
WARNING:  01006: not all privileges could be revoked for column "id" of relation "ledger"
WARNING:  01006: not all privileges could be revoked for column "note" of relation "ledger"
REVOKE

> select relacl from pg_class where relname = 'ledger'
relacl
{postgres=arwdDxt/postgres,gina=a*r*/postgres,hugo=r*/gina,ivan=a/gina,ivan=r/hugo}
(1 row)

> revoke select on ledger from hugo
ERROR:  2BP01: dependent privileges exist
HINT:  Use CASCADE to revoke them too.

> revoke grant option for select on ledger from hugo
ERROR:  2BP01: dependent privileges exist
HINT:  Use CASCADE to revoke them too.

> revoke grant option for select on ledger from hugo restrict
ERROR:  2BP01: dependent privileges exist
HINT:  Use CASCADE to revoke them too.

> reset role
RESET

> revoke select on ledger from gina
ERROR:  2BP01: dependent privileges exist
HINT:  Use CASCADE to revoke them too.

> begin; revoke grant option for select on ledger from gina cascade; select relacl from pg_class where relname = 'ledger'
BEGIN
REVOKE
relacl
{postgres=arwdDxt/postgres,gina=a*r/postgres,ivan=a/gina}
(1 row)

> rollback
ROLLBACK

> begin; grant select on ledger to hugo with grant option; revoke grant option for select on ledger from gina
BEGIN
GRANT
ERROR:  2BP01: dependent privileges exist
HINT:  Use CASCADE to revoke them too.

> rollback
ROLLBACK

> begin; revoke all on ledger from gina cascade; select relacl from pg_class where relname = 'ledger'
BEGIN
REVOKE
relacl
{postgres=arwdDxt/postgres}
(1 row)

> rollback
ROLLBACK

> set role hugo
SET

> grant select on ledger to gina with grant option
ERROR:  0LP01: grant options cannot be granted back to your own grantor

> grant select on ledger to gina
GRANT

> revoke select on ledger from gina; revoke select on ledger from hugo
REVOKE
REVOKE

> select relacl from pg_class where relname = 'ledger'
relacl
{postgres=arwdDxt/postgres,gina=a*r*/postgres,hugo=r*/gina,ivan=a/gina,ivan=r/hugo}
(1 row)

> set role gina
SET

> revoke grant option for select on ledger from hugo cascade; select relacl from pg_class where relname = 'ledger'
REVOKE
relacl
{postgres=arwdDxt/postgres,gina=a*r*/postgres,hugo=r/gina,ivan=a/gina}
(1 row)

> reset role
RESET

> revoke all on ledger from gina cascade; select relacl from pg_class where relname = 'ledger'
REVOKE
relacl
{postgres=arwdDxt/postgres}
(1 row)

# A member of a role grants as the one of their roles that may grant the most.
> create role lead; create role team; grant lead, team to hugo; grant select, insert on ledger to team with grant option; grant select on ledger to lead with grant option
CREATE ROLE
CREATE ROLE
GRANT ROLE
GRANT
GRANT

> set role hugo
SET

> grant select, insert, update on ledger to june
WARNING:  01007: not all privileges were granted for "ledger"
GRANT

> grant select on ledger to ivan
GRANT

> select relacl from pg_class where relname = 'ledger'
relacl
{postgres=arwdDxt/postgres,team=a*r*/postgres,lead=r*/postgres,june=ar/team,ivan=r/lead}
(1 row)

> revoke insert on ledger from june; revoke select on ledger from june; select relacl from pg_class where relname = 'ledger'
REVOKE
REVOKE
relacl
{postgres=arwdDxt/postgres,team=a*r*/postgres,lead=r*/postgres,june=r/team,ivan=r/lead}
(1 row)

> reset role
RESET

> alter role hugo noinherit
ALTER ROLE

> set role hugo
SET

> grant select on ledger to june
ERROR:  42501: permission denied for table ledger

> reset role
RESET

> alter role hugo inherit; revoke all on ledger from team, lead cascade; alter table ledger owner to team; select relacl from pg_class where relname = 'ledger'
ALTER ROLE
REVOKE
ALTER TABLE
relacl
{team=arwdDxt/team}
(1 row)

> set role hugo
SET

> grant delete on ledger to june; select relacl from pg_class where relname = 'ledger'
GRANT
relacl
{team=arwdDxt/team,june=d/team}
(1 row)

> reset role
RESET

> grant truncate on ledger to june; select relacl from pg_class where relname = 'ledger'
GRANT
relacl
{team=arwdDxt/team,june=dD/team}
(1 row)

> revoke all on ledger from june; alter table ledger owner to postgres; select relacl from pg_class where relname = 'ledger'
REVOKE
ALTER TABLE
relacl
{postgres=arwdDxt/postgres}
(1 row)

# An owner may revoke from themselves, and grants it back.
> create table own (id int, v int); insert into own values (1, 1); alter table own owner to gina
CREATE TABLE
INSERT 0 1
ALTER TABLE

> set role gina
SET

> revoke select on own from gina
REVOKE

> select * from own
ERROR:  42501: permission denied for table own

> update own set v = 2
UPDATE 1

> select relacl from pg_class where relname = 'own'
relacl
{gina=awdDxt/gina}
(1 row)

> select has_table_privilege('own', 'select'), has_table_privilege('own', 'select with grant option'), has_table_privilege('own', 'insert')
has_table_privilege|has_table_privilege|has_table_privilege
f|t|t
(1 row)

> grant select on own to hugo; grant select on own to gina; select * from own; select relacl from pg_class where relname = 'own'
GRANT
GRANT
id|v
1|2
(1 row)
relacl
{gina=arwdDxt/gina,hugo=r/gina}
(1 row)

> revoke all on own from gina; select relacl from pg_class where relname = 'own'
REVOKE
relacl
{hugo=r/gina}
(1 row)

> insert into own values (2, 2)
ERROR:  42501: permission denied for table own

> truncate own
ERROR:  42501: permission denied for table own

> begin
BEGIN

> lock table own
ERROR:  42501: permission denied for table own

> rollback
ROLLBACK

> alter table own add column w int; revoke all on own from hugo; select relacl from pg_class where relname = 'own'
ALTER TABLE
REVOKE
relacl
{}
(1 row)

> reset role
RESET

> create view owns as select id from own; alter view owns owner to gina
CREATE VIEW
ALTER VIEW

> select * from owns
ERROR:  42501: permission denied for table own

> set role gina
SET

> grant select, truncate on own to gina; select * from owns
GRANT
id
1
(1 row)

> revoke select, truncate on own from gina
REVOKE

> truncate own
ERROR:  42501: permission denied for table own

> reset role
RESET

> select count(*) from own
count
1
(1 row)

> select count(*) from owns
ERROR:  42501: permission denied for table own

> drop view owns; drop table own; grant create on schema public to gina
DROP VIEW
DROP TABLE
GRANT

> set role gina
SET

> create sequence bell
CREATE SEQUENCE

> revoke usage, update on sequence bell from gina
REVOKE

> select nextval('bell')
ERROR:  42501: permission denied for sequence bell

> select last_value from bell
last_value
1
(1 row)

> revoke all on sequence bell from current_user
REVOKE

> select last_value from bell
ERROR:  42501: permission denied for sequence bell

> drop sequence bell
DROP SEQUENCE

> reset role
RESET

> revoke create on schema public from gina; create schema room authorization gina
REVOKE
CREATE SCHEMA

> set role gina
SET

> revoke create on schema room from gina
REVOKE

> create table room.chair (a int)
ERROR:  42501: permission denied for schema room

> grant create on schema room to gina; create table room.chair (a int); alter table room.chair rename to stool; revoke create on schema room from gina
GRANT
CREATE TABLE
ALTER TABLE
REVOKE

> alter table room.stool rename to chair
ERROR:  42501: permission denied for schema room

> create index on room.stool (a)
ERROR:  42501: permission denied for schema room

> alter table room.stool add unique (a)
ERROR:  42501: permission denied for schema room

> alter table room.stool add primary key (a)
ERROR:  42501: permission denied for schema room

> alter table room.stool add column b serial
ERROR:  42501: permission denied for schema room

> alter table room.stool add column b int check (b > 0)
ALTER TABLE

> alter table room.stool rename column b to c
ALTER TABLE

> select nspacl from pg_namespace where nspname = 'room'
nspacl
{gina=U/gina}
(1 row)

> reset role
RESET

> drop schema room cascade
NOTICE:  00000: drop cascades to table room.stool
DROP SCHEMA

# What goes to another owner keeps its grants.
> create table gift (a serial); grant select on gift to hugo with grant option; grant usage on gift_a_seq to ivan
CREATE TABLE
GRANT
GRANT

> set role hugo
SET

> grant select on gift to ivan; grant select on gift to june with grant option
GRANT
GRANT

> reset role
RESET

> grant insert on gift to june
GRANT

> alter table gift owner to june; select relname, relacl from pg_class where relname in ('gift', 'gift_a_seq') order by relname
ALTER TABLE
relname|relacl
gift|{june=arwdDxt/june,hugo=r*/june,ivan=r/hugo,june=r*/hugo}
gift_a_seq|{june=rwU/june,ivan=U/june}
(2 rows)

> set role june
SET

> insert into gift default values; select count(*) from gift; grant delete on gift to ivan
INSERT 0 1
count
1
(1 row)
GRANT

> alter table gift owner to june; alter table gift owner to gina
ALTER TABLE
ERROR:  42501: must be member of role "gina"

> reset role
RESET

> grant gina to june
GRANT ROLE

> set role june
SET

> alter table gift owner to gina
ERROR:  42501: permission denied for schema public

> reset role
RESET

> grant create on schema public to gina
GRANT

> set role june
SET

> alter table gift owner to gina
ALTER TABLE

> reset role
RESET

> revoke create on schema public from gina; revoke gina from june
REVOKE
REVOKE ROLE

> select relname, relowner::regrole, relacl from pg_class where relname in ('gift', 'gift_a_seq') order by relname
relname|relowner|relacl
gift|gina|{gina=arwdDxt/gina,hugo=r*/gina,ivan=r/hugo,gina=r*/hugo,ivan=d/gina}
gift_a_seq|gina|{gina=rwU/gina,ivan=U/gina}
(2 rows)

> drop table gift
DROP TABLE

> create schema yard; grant usage on schema yard to hugo; alter schema yard owner to gina; select nspacl from pg_namespace where nspname = 'yard'
CREATE SCHEMA
GRANT
ALTER SCHEMA
nspacl
{gina=UC/gina,hugo=U/gina}
(1 row)

> grant gina to june; alter schema yard owner to june
GRANT ROLE
ALTER SCHEMA

> set role june
SET

> reset role
RESET

> revoke gina from june; drop schema yard
REVOKE ROLE
DROP SCHEMA

# Schemas and databases likewise.
> create schema court; grant usage, create on schema court to gina with grant option
CREATE SCHEMA
GRANT

> set role gina
SET

> grant usage on schema court to hugo; grant all on schema court to ivan; revoke create on schema court from ivan; select nspacl from pg_namespace where nspname = 'court'
GRANT
GRANT
REVOKE
nspacl
{postgres=UC/postgres,gina=U*C*/postgres,hugo=U/gina,ivan=U/gina}
(1 row)

> select has_schema_privilege('gina', 'court', 'usage with grant option'), has_schema_privilege('hugo', 'court', 'usage with grant option'), has_schema_privilege('ivan', 'court', 'create')
has_schema_privilege|has_schema_privilege|has_schema_privilege
t|f|f
(1 row)

> reset role
RESET

> revoke usage on schema court from gina
ERROR:  2BP01: dependent privileges exist
HINT:  Use CASCADE to revoke them too.

> revoke usage on schema court from gina cascade; select nspacl from pg_namespace where nspname = 'court'
REVOKE
nspacl
{postgres=UC/postgres,gina=C*/postgres}
(1 row)

> drop schema court
DROP SCHEMA

> create database dbgrants
CREATE DATABASE

> grant create on database dbgrants to gina with grant option
GRANT

> set role gina
SET

> grant create, temp on database dbgrants to hugo
WARNING:  01007: not all privileges were granted for "dbgrants"
GRANT

> select datacl from pg_database where datname = 'dbgrants'
datacl
{=Tc/postgres,postgres=CTc/postgres,gina=C*/postgres,hugo=C/gina}
(1 row)

> select has_database_privilege('gina', 'dbgrants', 'create with grant option'), has_database_privilege('hugo', 'dbgrants', 'create'), has_database_privilege('hugo', 'dbgrants', 'create with grant option')
has_database_privilege|has_database_privilege|has_database_privilege
t|t|f
(1 row)

> reset role
RESET

> drop role hugo
ERROR:  2BP01: role "hugo" cannot be dropped because some objects depend on it
DETAIL:  privileges for database dbgrants

> drop database dbgrants
DROP DATABASE

# ADMIN OPTION is the right to say who is a member.
> create role club; create role chair; create role guest; create role deputy; grant club to chair with admin option; grant chair to deputy
CREATE ROLE
CREATE ROLE
CREATE ROLE
CREATE ROLE
GRANT ROLE
GRANT ROLE

> set role chair
SET

> grant club to guest
GRANT ROLE

> grant club to guest with admin option
GRANT ROLE

> grant club to guest with admin option
NOTICE:  00000: role "guest" is already a member of role "club"
GRANT ROLE

> grant club to guest
NOTICE:  00000: role "guest" is already a member of role "club"
GRANT ROLE

> revoke admin option for club from guest
REVOKE ROLE

> grant chair to guest
ERROR:  42501: must have admin option on role "chair"

> reset role
RESET

> select roleid::regrole, member::regrole, admin_option from pg_auth_members where roleid in ('club'::regrole, 'chair'::regrole) order by 1, 2
roleid|member|admin_option
club|chair|t
club|guest|f
chair|deputy|f
(3 rows)

> select pg_has_role('chair', 'club', 'member with admin option'), pg_has_role('deputy', 'club', 'usage with grant option'), pg_has_role('guest', 'club', 'member with admin option'), pg_has_role('guest', 'club', 'member')
pg_has_role|pg_has_role|pg_has_role|pg_has_role
t|t|f|t
(1 row)

> set role guest
SET

> grant club to deputy
ERROR:  42501: must have admin option on role "club"

> reset role
RESET

> set role deputy
SET

> select * from information_schema.applicable_roles order by 1, 2
grantee|role_name|is_grantable
chair|club|YES
deputy|chair|NO
(2 rows)

> revoke club from guest
REVOKE ROLE

> set role none
SET

> alter role deputy noinherit
ALTER ROLE

> set role deputy
SET

> grant club to guest
GRANT ROLE

> set role none
SET

> set session authorization guest
SET

> grant guest to deputy
ERROR:  42501: must have admin option on role "guest"

> reset session authorization
RESET

> set role guest
SET

> revoke guest from deputy
ERROR:  42501: must have admin option on role "guest"

> set role none
SET

> create role sect admin guest role chair
CREATE ROLE

> select member::regrole, admin_option from pg_auth_members where roleid = 'sect'::regrole order by 1
member|admin_option
chair|f
guest|t
(2 rows)

> revoke admin option for sect from guest; revoke sect from chair
REVOKE ROLE
REVOKE ROLE

> select member::regrole, admin_option from pg_auth_members where roleid = 'sect'::regrole order by 1
member|admin_option
guest|f
(1 row)

> drop role club
DROP ROLE

> select count(*) from pg_auth_members where member = 'chair'::regrole
count
0
(1 row)

> drop role chair, guest, deputy, sect
DROP ROLE

# A name that is no plain word is quoted in an aclitem.
> create role "my ""role"""; create role "Upper_1"; grant select on ledger to "my ""role""", "Upper_1"; select relacl from pg_class where relname = 'ledger'
CREATE ROLE
CREATE ROLE
GRANT
relacl
{postgres=arwdDxt/postgres,"\"my \"\"role\"\"\"=r/postgres",Upper_1=r/postgres}
(1 row)

> revoke all on ledger from "my ""role""", "Upper_1"; drop role "my ""role""", "Upper_1"
REVOKE
DROP ROLE

# Who grants a membership.
> set role gina
SET

> grant hugo to ivan granted by hugo
ERROR:  42501: must have admin option on role "hugo"

> reset role
RESET

> grant hugo to ivan granted by gina; revoke hugo from ivan granted by gina; grant hugo to ivan granted by nosuch
GRANT ROLE
REVOKE ROLE
ERROR:  42704: role "nosuch" does not exist

> create role mike createrole
CREATE ROLE

> set role mike
SET

> grant hugo to ivan granted by gina
ERROR:  42501: must be superuser to set grantor

> grant hugo to ivan granted by mike; revoke hugo from ivan granted by gina
GRANT ROLE
REVOKE ROLE

> grant pg_database_owner to ivan
ERROR:  XX000: role "pg_database_owner" cannot have explicit members

> reset role
RESET

> grant pg_database_owner to ivan
ERROR:  XX000: role "pg_database_owner" cannot have explicit members

> create role nora in role pg_database_owner
ERROR:  XX000: role "pg_database_owner" cannot have explicit members

> grant ivan to pg_database_owner
ERROR:  XX000: role "pg_database_owner" cannot be a member of any role

> create role nora role pg_database_owner
ERROR:  XX000: role "pg_database_owner" cannot be a member of any role

> drop table ledger; drop role gina, hugo, ivan, june, lead, team, mike
DROP TABLE
DROP ROLE

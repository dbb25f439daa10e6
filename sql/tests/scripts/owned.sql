# What is a role's goes to another, or goes.
> create role old_one; create role new_one; create role by_stander; create role boss; grant old_one, new_one to boss; grant create, usage on schema public to old_one, new_one, by_stander
CREATE ROLE
CREATE ROLE
CREATE ROLE
CREATE ROLE
GRANT ROLE
GRANT

> set role old_one
SET

> create table mine (id serial primary key, v int); create sequence loose; create view seen as select v from mine; create table other_mine (id int primary key); grant select, insert on mine to by_stander with grant option; grant select on other_mine to by_stander
CREATE TABLE
CREATE SEQUENCE
CREATE VIEW
CREATE TABLE
GRANT
GRANT

> set role by_stander; create table theirs (id int); grant select, update on theirs to old_one with grant option; set role old_one; grant select on theirs to new_one; reset role
SET
CREATE TABLE
GRANT
SET
GRANT
RESET

> create schema box authorization old_one; create table box.inside (id int); set role old_one; create table box.own (id int); reset role
CREATE SCHEMA
CREATE TABLE
SET
CREATE TABLE
RESET

# Who may.
> set role by_stander
SET

> reassign owned by old_one to new_one
ERROR:  42501: permission denied to reassign objects

> drop owned by old_one
ERROR:  42501: permission denied to drop objects

> reset role
RESET

> reassign owned by nobody_here to new_one
ERROR:  42704: role "nobody_here" does not exist

> reassign owned by old_one to nobody_here
ERROR:  42704: role "nobody_here" does not exist

> reassign owned by postgres to new_one
ERROR:  2BP01: cannot reassign ownership of objects owned by role postgres because they are required by the database system

> drop owned by postgres
ERROR:  2BP01: cannot drop objects owned by role postgres because they are required by the database system

> drop owned by pg_database_owner cascade
ERROR:  2BP01: cannot drop objects owned by role pg_database_owner because they are required by the database system

> reassign owned by pg_database_owner to new_one
ERROR:  2BP01: cannot reassign ownership of objects owned by role pg_database_owner because they are required by the database system

> drop owned by old_one, nobody_here
ERROR:  42704: role "nobody_here" does not exist

> set role old_one
SET

> reassign owned by old_one to new_one
ERROR:  42501: permission denied to reassign objects

> reset role
RESET

# To another, with what was granted.
> reassign owned by old_one, boss to new_one
REASSIGN OWNED

> select relname, relowner::regrole, relacl from pg_class where relname in ('mine', 'mine_id_seq', 'mine_pkey', 'loose', 'seen', 'other_mine', 'theirs', 'inside', 'own') order by relname
relname|relowner|relacl
inside|postgres|
loose|new_one|
mine|new_one|{new_one=arwdDxt/new_one,by_stander=a*r*/new_one}
mine_id_seq|new_one|
mine_pkey|new_one|
other_mine|new_one|{new_one=arwdDxt/new_one,by_stander=r/new_one}
own|new_one|
seen|new_one|
theirs|by_stander|{by_stander=arwdDxt/by_stander,old_one=r*w*/by_stander,new_one=r/old_one}
(9 rows)

> select nspname, nspowner::regrole, nspacl from pg_namespace where nspname in ('box') order by 1
nspname|nspowner|nspacl
box|new_one|
(1 row)

> drop role old_one
ERROR:  2BP01: role "old_one" cannot be dropped because some objects depend on it
DETAIL:  privileges for schema public
privileges for table theirs

> drop owned by old_one
DROP OWNED

> select relname, relowner::regrole, relacl from pg_class where relname in ('theirs') order by relname
relname|relowner|relacl
theirs|by_stander|{by_stander=arwdDxt/by_stander}
(1 row)

> select nspname, nspacl from pg_namespace where nspname = 'public'
nspname|nspacl
public|{pg_database_owner=UC/pg_database_owner,=U/pg_database_owner,new_one=UC/pg_database_owner,by_stander=UC/pg_database_owner}
(1 row)

> drop role old_one
DROP ROLE

# What is gone goes with what hangs from it, if it may.
> drop owned by new_one
ERROR:  2BP01: cannot drop desired object(s) because other objects depend on them
DETAIL:  table box.inside depends on schema box
HINT:  Use DROP ... CASCADE to drop the dependent objects too.

> drop owned by new_one restrict
ERROR:  2BP01: cannot drop desired object(s) because other objects depend on them
DETAIL:  table box.inside depends on schema box
HINT:  Use DROP ... CASCADE to drop the dependent objects too.

> drop owned by new_one cascade
NOTICE:  00000: drop cascades to table box.inside
DROP OWNED

> select relname from pg_class where relname in ('mine', 'mine_id_seq', 'mine_pkey', 'loose', 'seen', 'other_mine', 'theirs', 'inside', 'own') order by relname
relname
theirs
(1 row)

> select nspname from pg_namespace where nspname = 'box'
nspname
(0 rows)

> drop role new_one
DROP ROLE

> drop owned by by_stander, boss; drop role by_stander, boss
DROP OWNED
DROP ROLE

# One thing that another needs.
> create role single; grant create on schema public to single; set role single; create table only_one (id int); reset role; create view over_it as select * from only_one
CREATE ROLE
GRANT
SET
CREATE TABLE
RESET
CREATE VIEW

> drop owned by single
ERROR:  2BP01: cannot drop table only_one because other objects depend on it
DETAIL:  view over_it depends on table only_one
HINT:  Use DROP ... CASCADE to drop the dependent objects too.

> drop owned by single restrict cascade
ERROR:  42601: syntax error at or near "cascade"

> drop owned by single cascade; drop role single
NOTICE:  00000: drop cascades to view over_it
DROP OWNED
DROP ROLE

> drop owned by current_user
ERROR:  2BP01: cannot drop objects owned by role postgres because they are required by the database system

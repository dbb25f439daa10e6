# A database gets another name, owner, settings and options.
> create role keeper createdb; create role visitor; create role other_keeper
CREATE ROLE
CREATE ROLE
CREATE ROLE

> create database one_db owner keeper
CREATE DATABASE

> create database two_db
CREATE DATABASE

> alter database one_db rename to two_db
ERROR:  42P04: database "two_db" already exists

> alter database nowhere_db rename to three_db
ERROR:  3D000: database "nowhere_db" does not exist

> set role visitor
SET

> alter database one_db rename to three_db
ERROR:  42501: must be owner of database one_db

> alter database one_db owner to visitor
ERROR:  42501: must be owner of database one_db

> alter database one_db set work_mem = '8MB'
ERROR:  42501: must be owner of database one_db

> alter database one_db connection limit 3
ERROR:  42501: must be owner of database one_db

> set role keeper
SET

> alter database one_db owner to other_keeper
ERROR:  42501: must be member of role "other_keeper"

> alter database two_db set work_mem = '8MB'
ERROR:  42501: must be owner of database two_db

> alter database one_db rename to three_db
ALTER DATABASE

> alter database three_db with connection limit 3 allow_connections true
ALTER DATABASE

> alter database three_db set work_mem to '8MB'
ALTER DATABASE

> alter database three_db set search_path = "$user", public, extras
ALTER DATABASE

> alter database three_db set timezone to 'Europe/Berlin'
ALTER DATABASE

> alter database three_db set time zone 'UTC'
ALTER DATABASE

> reset role
RESET

> select d.datname, s.setrole, s.setconfig from pg_db_role_setting s join pg_database d on d.oid = s.setdatabase order by 1
datname|setrole|setconfig
three_db|0|{work_mem=8MB,"search_path=\"$user\", public, extras",TimeZone=UTC}
(1 row)

> alter database three_db set no_such_setting = 1
ERROR:  42704: unrecognized configuration parameter "no_such_setting"

> alter database three_db set work_mem = 'much'
ERROR:  22023: invalid value for parameter "work_mem": "much"

> alter database three_db reset search_path
ALTER DATABASE

> alter database three_db reset nothing_known
ERROR:  42704: unrecognized configuration parameter "nothing_known"

> select setconfig from pg_db_role_setting s join pg_database d on d.oid = s.setdatabase
setconfig
{work_mem=8MB,TimeZone=UTC}
(1 row)

> alter database three_db reset all
ALTER DATABASE

> select setconfig from pg_db_role_setting s join pg_database d on d.oid = s.setdatabase
setconfig
(0 rows)

> alter database three_db is_template true; select datname, datdba::regrole, datistemplate, datallowconn, datconnlimit from pg_database where datname like '%\_db' order by 1
ALTER DATABASE
datname|datdba|datistemplate|datallowconn|datconnlimit
three_db|keeper|t|t|3
two_db|postgres|f|t|-1
(2 rows)

> drop database three_db
ERROR:  42809: cannot drop a template database

> alter database three_db with is_template = off allow_connections = no connection limit = -1
ERROR:  42601: allow_connections requires a Boolean value

> alter database three_db with is_template = off allow_connections = false connection limit = -1
ALTER DATABASE

> alter database three_db connection limit -2
ERROR:  22023: invalid connection limit: -2

> alter database three_db encoding 'UTF8'
ERROR:  42601: option "encoding" not recognized

> select datname, datistemplate, datallowconn, datconnlimit from pg_database where datname = 'three_db'
datname|datistemplate|datallowconn|datconnlimit
three_db|f|f|-1
(1 row)

> create database four_db is_template = true connection limit = 7
CREATE DATABASE

> select datname, datistemplate, datallowconn, datconnlimit from pg_database where datname = 'four_db'
datname|datistemplate|datallowconn|datconnlimit
four_db|t|t|7
(1 row)

> alter database four_db is_template false
ALTER DATABASE

# With its grants.
> grant connect on database three_db to visitor; alter database three_db owner to other_keeper
GRANT
ALTER DATABASE

> select datdba::regrole, datacl from pg_database where datname = 'three_db'
datdba|datacl
other_keeper|{=Tc/other_keeper,other_keeper=CTc/other_keeper,visitor=c/other_keeper}
(1 row)

> alter database two_db owner to keeper
ALTER DATABASE

> reassign owned by keeper, other_keeper to visitor
REASSIGN OWNED

> select datname, datdba::regrole, datacl from pg_database where datname in ('two_db', 'three_db') order by 1
datname|datdba|datacl
three_db|visitor|{=Tc/visitor,visitor=CTc/visitor}
two_db|visitor|
(2 rows)

> drop role keeper, other_keeper
DROP ROLE

> drop role visitor
ERROR:  2BP01: role "visitor" cannot be dropped because some objects depend on it
DETAIL:  owner of database three_db
owner of database two_db

> drop owned by visitor; drop role visitor
DROP OWNED
ERROR:  2BP01: role "visitor" cannot be dropped because some objects depend on it
DETAIL:  owner of database three_db
owner of database two_db

> drop database three_db
DROP DATABASE

> drop database two_db
DROP DATABASE

> drop database four_db
DROP DATABASE

> drop role visitor
DROP ROLE

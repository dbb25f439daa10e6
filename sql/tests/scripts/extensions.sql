# An extension that schemas begin by creating.

> select extname, extversion, extnamespace::regnamespace, extrelocatable from pg_extension where extname = 'plpgsql'
extname|extversion|extnamespace|extrelocatable
plpgsql|1.0|pg_catalog|f
(1 row)

> create extension plpgsql
ERROR:  42710: extension "plpgsql" already exists

> create extension if not exists plpgsql
NOTICE:  42710: extension "plpgsql" already exists, skipping
CREATE EXTENSION

> create extension if not exists plpgsql with schema pg_catalog
NOTICE:  42710: extension "plpgsql" already exists, skipping
CREATE EXTENSION

> create extension if not exists "plpgsql" schema pg_catalog version '1.0' cascade
NOTICE:  42710: extension "plpgsql" already exists, skipping
CREATE EXTENSION

> create extension plpgsql from 'old'
ERROR:  0A000: CREATE EXTENSION ... FROM is no longer supported

> create extension plpgsql foo
ERROR:  42601: syntax error at or near "foo"

> select name, default_version, installed_version from pg_available_extensions where name = 'plpgsql'
name|default_version|installed_version
plpgsql|1.0|1.0
(1 row)

> select version, installed, superuser, trusted, relocatable, schema, requires from pg_available_extension_versions where name = 'plpgsql'
version|installed|superuser|trusted|relocatable|schema|requires
1.0|t|t|t|f|pg_catalog|
(1 row)

# Comments.

> comment on extension plpgsql is 'PL/pgSQL procedural language'
COMMENT

> select obj_description(oid, 'pg_extension') from pg_extension where extname = 'plpgsql'
obj_description
PL/pgSQL procedural language
(1 row)

> select description from pg_description where classoid = 'pg_extension'::regclass and objoid = (select oid from pg_extension where extname = 'plpgsql')
description
PL/pgSQL procedural language
(1 row)

> comment on extension nosuch is 'x'
ERROR:  42704: extension "nosuch" does not exist

> create role nobody; set role nobody
CREATE ROLE
SET

> create extension if not exists plpgsql
NOTICE:  42710: extension "plpgsql" already exists, skipping
CREATE EXTENSION

> comment on extension plpgsql is 'x'
ERROR:  42501: must be owner of extension plpgsql

> reset role; drop role nobody
RESET
DROP ROLE

# What is not there.

> drop extension nosuch
ERROR:  42704: extension "nosuch" does not exist

> drop extension if exists nosuch cascade
NOTICE:  00000: extension "nosuch" does not exist, skipping
DROP EXTENSION

> drop extension if exists nosuch, others restrict
NOTICE:  00000: extension "nosuch" does not exist, skipping
NOTICE:  00000: extension "others" does not exist, skipping
DROP EXTENSION

# Parameters of tables and indexes are checked, kept and shown.
> create table plain (a int, b text) with (fillfactor = 70, autovacuum_enabled = off, toast.autovacuum_enabled = false)
CREATE TABLE

> create table keyed (a int primary key with (fillfactor = 60), b int unique with (deduplicate_items = off), c int, unique (b, c) with (fillfactor = 55))
CREATE TABLE

> create index by_a on plain (a) with (fillfactor = 50, deduplicate_items)
CREATE INDEX

> create unique index by_b on plain (b desc) with (deduplicate_items = 'OFF')
CREATE INDEX

> select relname, relkind, reloptions from pg_class where relname in ('plain', 'keyed', 'by_a', 'by_b', 'keyed_pkey', 'keyed_b_key', 'keyed_b_c_key') order by relname
relname|relkind|reloptions
by_a|i|{fillfactor=50,deduplicate_items=true}
by_b|i|{deduplicate_items=OFF}
keyed|r|
keyed_b_c_key|i|{fillfactor=55}
keyed_b_key|i|{deduplicate_items=off}
keyed_pkey|i|{fillfactor=60}
plain|r|{fillfactor=70,autovacuum_enabled=off}
(7 rows)

> select indexdef from pg_indexes where tablename in ('plain', 'keyed') order by indexname
indexdef
CREATE INDEX by_a ON public.plain USING btree (a) WITH (fillfactor='50', deduplicate_items='true')
CREATE UNIQUE INDEX by_b ON public.plain USING btree (b DESC) WITH (deduplicate_items='OFF')
CREATE UNIQUE INDEX keyed_b_c_key ON public.keyed USING btree (b, c) WITH (fillfactor='55')
CREATE UNIQUE INDEX keyed_b_key ON public.keyed USING btree (b) WITH (deduplicate_items=off)
CREATE UNIQUE INDEX keyed_pkey ON public.keyed USING btree (a) WITH (fillfactor='60')
(5 rows)

> select pg_get_constraintdef(oid) from pg_constraint where conrelid = 'keyed'::regclass order by conname
pg_get_constraintdef
UNIQUE (b, c)
UNIQUE (b)
PRIMARY KEY (a)
(3 rows)

# What takes them with it.
> create table alike (like keyed including all); select relname, reloptions from pg_class where relname like 'alike%' order by relname
CREATE TABLE
relname|reloptions
alike|
alike_b_c_key|{fillfactor=55}
alike_b_key|{deduplicate_items=off}
alike_pkey|{fillfactor=60}
(4 rows)

> create table filled with (fillfactor = 80) as select 1 as a; create unlogged table bare (a) with (fillfactor = 90) as select 1 with no data; select relname, relpersistence, reloptions from pg_class where relname in ('filled', 'bare') order by relname
SELECT 1
CREATE TABLE AS
relname|relpersistence|reloptions
bare|u|{fillfactor=90}
filled|p|{fillfactor=80}
(2 rows)

# Changed.
> alter table plain set (fillfactor = 75, autovacuum_vacuum_scale_factor = 0.5), reset (autovacuum_enabled, nosuch); select reloptions from pg_class where relname = 'plain'
ALTER TABLE
reloptions
{fillfactor=75,autovacuum_vacuum_scale_factor=0.5}
(1 row)

> alter index by_a set (fillfactor = 90); alter index by_a reset (deduplicate_items); select reloptions from pg_class where relname = 'by_a'
ALTER INDEX
ALTER INDEX
reloptions
{fillfactor=90}
(1 row)

> alter index by_a set (fillfactor = 80), reset (fillfactor); select reloptions is null from pg_class where relname = 'by_a'
ALTER INDEX
?column?
t
(1 row)

> alter table by_b reset (deduplicate_items); select pg_get_indexdef('by_b'::regclass)
ALTER TABLE
pg_get_indexdef
CREATE UNIQUE INDEX by_b ON public.plain USING btree (b DESC)
(1 row)

> alter table by_b add column c int
ERROR:  42809: ALTER action ADD COLUMN cannot be performed on relation "by_b"
DETAIL:  This operation is not supported for indexes.

> alter index if exists nosuch set (fillfactor = 70)
NOTICE:  00000: relation "nosuch" does not exist, skipping
ALTER INDEX

> alter index nosuch set (fillfactor = 70)
ERROR:  42P01: relation "nosuch" does not exist

# An index that becomes a constraint's keeps them.
> create unique index to_be on plain (a) with (fillfactor = 65)
CREATE INDEX

> alter table plain add constraint is_now unique using index to_be; select relname, reloptions from pg_class where relname = 'is_now'
NOTICE:  00000: ALTER TABLE / ADD CONSTRAINT USING INDEX will rename index "to_be" to "is_now"
ALTER TABLE
relname|reloptions
is_now|{fillfactor=65}
(1 row)

> reindex table plain; truncate plain; alter table plain alter column a type bigint; select relname, reloptions from pg_class where relname in ('plain', 'is_now') order by relname
REINDEX
TRUNCATE TABLE
ALTER TABLE
relname|reloptions
is_now|{fillfactor=65}
plain|{fillfactor=75,autovacuum_vacuum_scale_factor=0.5}
(2 rows)

# Refused.
> create table no (a int) with (nosuch = 1)
ERROR:  22023: unrecognized parameter "nosuch"

> create table no (a int) with (fillfactor)
ERROR:  22023: invalid value for integer option "fillfactor": true

> create table no (a int) with (fillfactor = 'much')
ERROR:  22023: invalid value for integer option "fillfactor": much

> create table no (a int) with (fillfactor = 9)
ERROR:  22023: value 9 out of bounds for option "fillfactor"
DETAIL:  Valid values are between "10" and "100".

> create table no (a int) with (fillfactor = 101)
ERROR:  22023: value 101 out of bounds for option "fillfactor"
DETAIL:  Valid values are between "10" and "100".

> create table no (a int) with (fillfactor = 70, fillfactor = 80)
ERROR:  22023: parameter "fillfactor" specified more than once

> create table no (a int) with (autovacuum_enabled = 2)
ERROR:  22023: invalid value for boolean option "autovacuum_enabled": 2

> create table no (a int) with (autovacuum_vacuum_scale_factor = 'x')
ERROR:  22023: invalid value for floating point option "autovacuum_vacuum_scale_factor": x

> create table no (a int) with (autovacuum_vacuum_scale_factor = 100.5)
ERROR:  22023: value 100.5 out of bounds for option "autovacuum_vacuum_scale_factor"
DETAIL:  Valid values are between "0.000000" and "100.000000".

> create table no (a int) with (vacuum_index_cleanup = maybe)
ERROR:  22023: invalid value for enum option "vacuum_index_cleanup": maybe
DETAIL:  Valid values are "on", "off", and "auto".

> create table no (a int) with (other.fillfactor = 70)
ERROR:  22023: unrecognized parameter namespace "other"

> create table no (a int) with (toast.fillfactor = 70)
ERROR:  22023: unrecognized parameter "fillfactor"

> create table no (a int) with (fillfactor = 70.4, vacuum_index_cleanup = 'Auto'); drop table no
CREATE TABLE
DROP TABLE

> create table no with (nosuch) as select 1
ERROR:  22023: unrecognized parameter "nosuch"

> create index no on plain (a) with (autovacuum_enabled = off)
ERROR:  22023: unrecognized parameter "autovacuum_enabled"

> create index no on plain (a) with (fillfactor = 5)
ERROR:  22023: value 5 out of bounds for option "fillfactor"
DETAIL:  Valid values are between "10" and "100".

> create table no (a int primary key with (nosuch = 1))
ERROR:  22023: unrecognized parameter "nosuch"

> alter table plain set (nosuch = 1)
ERROR:  22023: unrecognized parameter "nosuch"

> alter index by_a set (fillfactor = 5)
ERROR:  22023: value 5 out of bounds for option "fillfactor"
DETAIL:  Valid values are between "10" and "100".

> alter table plain set (fillfactor = 70, fillfactor = 71)
ERROR:  22023: parameter "fillfactor" specified more than once

> alter table plain reset (fillfactor = 70)
ERROR:  42601: RESET must not include values for parameters

> create table if not exists plain (a int) with (nosuch = 1)
NOTICE:  42P07: relation "plain" already exists, skipping
CREATE TABLE

> create table no (a int) with (oids)
ERROR:  0A000: tables declared WITH OIDS are not supported

> create table no (a int) with (oids = false, fillfactor = 70); select reloptions from pg_class where relname = 'no'; drop table no
CREATE TABLE
reloptions
{fillfactor=70}
(1 row)
DROP TABLE

# Names that are made up.
> create table t (a int primary key, b int unique, c int check (c > 0), d serial, e text default 'x', check (a < c))
CREATE TABLE

> create table u (id int generated always as identity primary key, a int references t, b int references t (b) on delete cascade, unique (a, b))
CREATE TABLE

> create index on u (b)
CREATE INDEX

> create index on u (b)
CREATE INDEX

> create unique index on u (a, b)
CREATE INDEX

> select conname, contype from pg_constraint where conrelid in ('t'::regclass, 'u'::regclass) order by conname
conname|contype
t_b_key|u
t_c_check|c
t_check|c
t_pkey|p
u_a_b_key|u
u_a_fkey|f
u_b_fkey|f
u_pkey|p
(8 rows)

> select indexrelid::regclass::text, indisunique, indisprimary from pg_index where indrelid = 'u'::regclass order by 1
indexrelid|indisunique|indisprimary
u_a_b_idx|t|f
u_a_b_key|t|f
u_b_idx|f|f
u_b_idx1|f|f
u_pkey|t|t
(5 rows)

> select relname, relkind from pg_class where relnamespace = 'public'::regnamespace order by relname
relname|relkind
t|r
t_b_key|i
t_d_seq|S
t_pkey|i
u|r
u_a_b_idx|i
u_a_b_key|i
u_b_idx|i
u_b_idx1|i
u_id_seq|S
u_pkey|i
(11 rows)

# Existence.
> create table t (a int)
ERROR:  42P07: relation "t" already exists

> create table if not exists t (a int)
NOTICE:  42P07: relation "t" already exists, skipping
CREATE TABLE

> create table t_pkey (a int)
ERROR:  42P07: relation "t_pkey" already exists

> drop table nothing
ERROR:  42P01: table "nothing" does not exist

> drop table if exists nothing
NOTICE:  00000: table "nothing" does not exist, skipping
DROP TABLE

> create schema s
CREATE SCHEMA

> create schema s
ERROR:  42P06: schema "s" already exists

> create schema if not exists s
NOTICE:  42P06: schema "s" already exists, skipping
CREATE SCHEMA

> create table s.t (a int)
CREATE TABLE

> create schema pg_mine
ERROR:  42939: unacceptable schema name "pg_mine"
DETAIL:  The prefix "pg_" is reserved for system schemas.

# Rows meet new constraints.
> create table v (a int, b int, c text)
CREATE TABLE

> insert into v values (1, 1, 'one'), (2, 1, 'two'), (3, null, 'three')
INSERT 0 3

> alter table v add unique (b)
ERROR:  23505: could not create unique index "v_b_key"
DETAIL:  Key (b)=(1) is duplicated.

> create unique index v_b on v (b)
ERROR:  23505: could not create unique index "v_b"
DETAIL:  Key (b)=(1) is duplicated.

> alter table v add check (a > 1)
ERROR:  23514: check constraint "v_a_check" of relation "v" is violated by some row

> alter table v add constraint positive check (a > 0)
ALTER TABLE

> insert into v values (0, 0, 'zero')
ERROR:  23514: new row for relation "v" violates check constraint "positive"
DETAIL:  Failing row contains (0, 0, zero).

> alter table v alter b set not null
ERROR:  23502: column "b" of relation "v" contains null values

> alter table v add foreign key (a) references t
ERROR:  23503: insert or update on table "v" violates foreign key constraint "v_a_fkey"
DETAIL:  Key (a)=(1) is not present in table "t".

> alter table v add constraint vf foreign key (a) references t not valid
ALTER TABLE

> alter table v validate constraint vf
ERROR:  23503: insert or update on table "v" violates foreign key constraint "vf"
DETAIL:  Key (a)=(1) is not present in table "t".

> insert into v values (9, 9, 'nine')
ERROR:  23503: insert or update on table "v" violates foreign key constraint "vf"
DETAIL:  Key (a)=(9) is not present in table "t".

> alter table v drop constraint vf
ALTER TABLE

> alter table v drop constraint vf
ERROR:  42704: constraint "vf" of relation "v" does not exist

> alter table v add primary key (a)
ALTER TABLE

> alter table v add primary key (c)
ERROR:  42P16: multiple primary keys for table "v" are not allowed

> insert into v values (1, 5, 'again')
ERROR:  23505: duplicate key value violates unique constraint "v_pkey"
DETAIL:  Key (a)=(1) already exists.

> select * from v where a = 2
a|b|c
2|1|two
(1 row)

> select * from v order by a
a|b|c
1|1|one
2|1|two
3||three
(3 rows)

# Columns.
> alter table v add column d int default 7
ALTER TABLE

> alter table v add column e int not null
ERROR:  23502: column "e" of relation "v" contains null values

> alter table v add column f int not null default 5
ALTER TABLE

> alter table v add column g serial
ALTER TABLE

> alter table v add column h int generated always as (a * 2) stored
ALTER TABLE

> alter table v add column d int
ERROR:  42701: column "d" of relation "v" already exists

> alter table v add column if not exists d int
NOTICE:  42701: column "d" of relation "v" already exists, skipping
ALTER TABLE

> select * from v order by a
a|b|c|d|f|g|h
1|1|one|7|5|1|2
2|1|two|7|5|2|4
3||three|7|5|3|6
(3 rows)

> insert into v (a, c) values (4, 'four')
INSERT 0 1

> update v set d = 8 where a = 2
UPDATE 1

> select * from v order by a
a|b|c|d|f|g|h
1|1|one|7|5|1|2
2|1|two|8|5|2|4
3||three|7|5|3|6
4||four|7|5|4|8
(4 rows)

> alter table v alter d drop default
ALTER TABLE

> alter table v alter d set default 9
ALTER TABLE

> insert into v (a) values (5)
INSERT 0 1

> select a, d, f, g, h from v where a = 5
a|d|f|g|h
5|9|5|5|10
(1 row)

> alter table v rename column d to dd
ALTER TABLE

> alter table v rename column a to f
ERROR:  42701: column "f" of relation "v" already exists

> alter table v rename column a to aa
ALTER TABLE

> insert into v (aa) values (-1)
ERROR:  23514: new row for relation "v" violates check constraint "positive"
DETAIL:  Failing row contains (-1, null, null, 9, 5, 6, -2).

> insert into v (aa) values (6)
INSERT 0 1

> select aa, h from v where aa = 6
aa|h
6|12
(1 row)

> alter table v alter dd type text using 'v' || dd
ALTER TABLE

> select aa, dd from v order by aa
aa|dd
1|v7
2|v8
3|v7
4|v7
5|v9
6|v9
(6 rows)

> alter table v alter dd type int
ERROR:  42804: column "dd" cannot be cast automatically to type integer
HINT:  You might need to specify "USING dd::integer".

> alter table v alter c type varchar(3)
ERROR:  22001: value too long for type character varying(3)

> alter table v alter f type bigint
ALTER TABLE

> alter table v drop column aa
ERROR:  2BP01: cannot drop column aa of table v because other objects depend on it
DETAIL:  column h of table v depends on column aa of table v
HINT:  Use DROP ... CASCADE to drop the dependent objects too.

> alter table v drop column h
ALTER TABLE

> alter table v drop column g
ALTER TABLE

> select * from v order by aa
aa|b|c|dd|f
1|1|one|v7|5
2|1|two|v8|5
3||three|v7|5
4||four|v7|5
5|||v9|5
6|||v9|5
(6 rows)

> alter table v drop column nothing
ERROR:  42703: column "nothing" of relation "v" does not exist

> alter table v drop column if exists nothing
NOTICE:  00000: column "nothing" of relation "v" does not exist, skipping
ALTER TABLE

> alter table v alter aa drop not null
ERROR:  42P16: column "aa" is in a primary key

> alter table v drop constraint v_pkey
ALTER TABLE

> insert into v (aa) values (6)
INSERT 0 1

> select aa, dd, f from v order by aa, f
aa|dd|f
1|v7|5
2|v8|5
3|v7|5
4|v7|5
5|v9|5
6|v9|5
6|9|5
(7 rows)

> alter table v add primary key (aa)
ERROR:  23505: could not create unique index "v_pkey"
DETAIL:  Key (aa)=(6) is duplicated.

> delete from v where aa = 6
DELETE 2

> alter table v add constraint pk primary key (aa)
ALTER TABLE

> select aa from v where aa = 2
aa
2
(1 row)

# Dependencies.
> create view w as select * from u
CREATE VIEW

> create view w2 as select a from w
CREATE VIEW

> drop view w
ERROR:  2BP01: cannot drop view w because other objects depend on it
DETAIL:  view w2 depends on view w
HINT:  Use DROP ... CASCADE to drop the dependent objects too.

> alter table t drop constraint t_pkey
ERROR:  2BP01: cannot drop constraint t_pkey on table t because other objects depend on it
DETAIL:  constraint u_a_fkey on table u depends on index t_pkey
HINT:  Use DROP ... CASCADE to drop the dependent objects too.

> drop index u_pkey
ERROR:  2BP01: cannot drop index u_pkey because constraint u_pkey on table u requires it
HINT:  You can drop constraint u_pkey on table u instead.

> drop sequence u_id_seq
ERROR:  2BP01: cannot drop sequence u_id_seq because column id of table u requires it
HINT:  You can drop column id of table u instead.

> drop sequence t_d_seq
ERROR:  2BP01: cannot drop sequence t_d_seq because other objects depend on it
DETAIL:  default value for column d of table t depends on sequence t_d_seq
HINT:  Use DROP ... CASCADE to drop the dependent objects too.

> alter table u drop constraint u_a_fkey
ALTER TABLE

> drop table t cascade
NOTICE:  00000: drop cascades to constraint u_b_fkey on table u
DROP TABLE

> select conname from pg_constraint where conrelid = 'u'::regclass order by 1
conname
u_a_b_key
u_pkey
(2 rows)

> drop view w cascade
NOTICE:  00000: drop cascades to view w2
DROP VIEW

> drop table u
DROP TABLE

> drop schema s
ERROR:  2BP01: cannot drop schema s because other objects depend on it
DETAIL:  table s.t depends on schema s
HINT:  Use DROP ... CASCADE to drop the dependent objects too.

> drop schema s cascade
NOTICE:  00000: drop cascades to table s.t
DROP SCHEMA

> select count(*) from pg_class where relname in ('t', 'u', 'u_id_seq', 'w', 'w2')
count
0
(1 row)

# Truncate.
> create table p (id serial primary key, x text)
CREATE TABLE

> create table c (id int references p)
CREATE TABLE

> insert into p (x) values ('a'), ('b')
INSERT 0 2

> insert into c values (1)
INSERT 0 1

> truncate p
ERROR:  0A000: cannot truncate a table referenced in a foreign key constraint
DETAIL:  Table "c" references "p".
HINT:  Truncate table "c" at the same time, or use TRUNCATE ... CASCADE.

> truncate p, c
TRUNCATE TABLE

> insert into p (x) values ('c')
INSERT 0 1

> select * from p
id|x
3|c
(1 row)

> truncate p restart identity cascade
NOTICE:  00000: truncate cascades to table "c"
TRUNCATE TABLE

> insert into p (x) values ('c')
INSERT 0 1

> select * from p
id|x
1|c
(1 row)

> begin
BEGIN

> truncate c
TRUNCATE TABLE

> truncate p cascade
NOTICE:  00000: truncate cascades to table "c"
TRUNCATE TABLE

> select count(*) from p
count
0
(1 row)

> rollback
ROLLBACK

> select count(*) from p
count
1
(1 row)

# Renaming.
> alter table p rename to q
ALTER TABLE

> insert into q (x) values ('d')
INSERT 0 1

> select * from q order by id
id|x
1|c
2|d
(2 rows)

> alter index p_pkey rename to q_pk
ALTER INDEX

> alter table q rename constraint q_pk to q_key
ALTER TABLE

> insert into q values (1, 'again')
ERROR:  23505: duplicate key value violates unique constraint "q_key"
DETAIL:  Key (id)=(1) already exists.

> alter sequence p_id_seq rename to q_seq
ALTER SEQUENCE

> insert into q (x) values ('e') returning id
id
3
(1 row)
INSERT 0 1

> alter table q rename to c
ERROR:  42P07: relation "c" already exists

> create schema r
CREATE SCHEMA

> alter table q set schema r
ALTER TABLE

> insert into r.q (x) values ('f') returning id
id
4
(1 row)
INSERT 0 1

> select nextval('r.q_seq')
nextval
5
(1 row)

> alter schema r rename to r2
ALTER SCHEMA

> insert into r2.q (x) values ('g') returning id
id
6
(1 row)
INSERT 0 1

# Transactions.
> begin
BEGIN

> create table tx (a int primary key, b int)
CREATE TABLE

> insert into tx values (1, 2), (2, 3)
INSERT 0 2

> create index tx_b on tx (b)
CREATE INDEX

> select a from tx where b = 3
a
2
(1 row)

> alter table tx add column c int default 4
ALTER TABLE

> select * from tx order by a
a|b|c
1|2|4
2|3|4
(2 rows)

> rollback
ROLLBACK

> select * from tx
ERROR:  42P01: relation "tx" does not exist

> begin
BEGIN

> create table tx (a int)
CREATE TABLE

> insert into tx values (2), (1), (2)
INSERT 0 3

> alter table tx add primary key (a)
ERROR:  23505: could not create unique index "tx_pkey"
DETAIL:  Key (a)=(2) is duplicated.

> rollback
ROLLBACK

> begin
BEGIN

> create table tx as select g as a, g % 3 as b from generate_series(1, 10) g with no data
CREATE TABLE AS

> insert into tx select g, g % 3 from generate_series(1, 10) g
INSERT 0 10

> insert into tx values (11, 1)
INSERT 0 1

> commit
COMMIT

> select count(*), sum(a), sum(b) from tx
count|sum|sum
11|66|11
(1 row)

> create table ty (a, b) as select 1, 'x'::text with no data
CREATE TABLE AS

> select * from ty
a|b
(0 rows)

> create table if not exists tx as select 1
NOTICE:  42P07: relation "tx" already exists, skipping
CREATE TABLE AS

# Sequences.
> create sequence sq increment by 0
ERROR:  22023: INCREMENT must not be zero

> create sequence sq minvalue 5 start 3
ERROR:  22023: START value (3) cannot be less than MINVALUE (5)

> create sequence sq maxvalue 3 cycle
CREATE SEQUENCE

> select nextval('sq'), nextval('sq'), nextval('sq'), nextval('sq')
nextval|nextval|nextval|nextval
1|2|3|1
(1 row)

> alter sequence sq restart with 2 increment by -1 minvalue -2 maxvalue 5 no cycle
ALTER SEQUENCE

> select nextval('sq'), nextval('sq')
nextval|nextval
2|1
(1 row)

> create sequence owned owned by tx.a
CREATE SEQUENCE

> drop table tx
DROP TABLE

> select nextval('owned')
ERROR:  42P01: relation "owned" does not exist

# Identity.
> create table i (a int generated by default as identity (start with 10), b int)
CREATE TABLE

> insert into i (b) values (1) returning a
a
10
(1 row)
INSERT 0 1

> alter table i alter a set generated always
ALTER TABLE

> insert into i values (1, 1)
ERROR:  428C9: cannot insert a non-DEFAULT value into column "a"
DETAIL:  Column "a" is an identity column defined as GENERATED ALWAYS.
HINT:  Use OVERRIDING SYSTEM VALUE to override.

> alter table i alter a restart with 100
ALTER TABLE

> insert into i (b) values (1) returning a
a
100
(1 row)
INSERT 0 1

> alter table i alter a drop identity
ALTER TABLE

> alter table i alter a drop identity
ERROR:  55000: column "a" of relation "i" is not an identity column

> alter table i alter a drop identity if exists
NOTICE:  00000: column "a" of relation "i" is not an identity column, skipping
ALTER TABLE

> alter table i alter b add generated always as identity
ERROR:  55000: column "b" of relation "i" must be declared NOT NULL before identity can be added

> alter table i alter b set not null
ALTER TABLE

> alter table i alter b add generated always as identity
ALTER TABLE

# Comments, views, roles, grants.
> comment on table i is 'numbers'
COMMENT

> comment on column i.b is 'the second'
COMMENT

> select obj_description('i'::regclass), col_description('i'::regclass, 2)
obj_description|col_description
numbers|the second
(1 row)

> create view vi as select a from i
CREATE VIEW

> create or replace view vi as select b from i
ERROR:  42P16: cannot change name of view column "a" to "b"
HINT:  Use ALTER VIEW ... RENAME COLUMN ... to change name of view column instead.

> create or replace view vi as select a, b from i
CREATE VIEW

> alter table i drop column b
ERROR:  2BP01: cannot drop column b of table i because other objects depend on it
DETAIL:  view vi depends on column b of table i
HINT:  Use DROP ... CASCADE to drop the dependent objects too.

> alter table i drop column b cascade
NOTICE:  00000: drop cascades to view vi
ALTER TABLE

> create role alice login password 'secret'
CREATE ROLE

> create role alice
ERROR:  42710: role "alice" already exists

> create role staff
CREATE ROLE

> grant staff to alice
GRANT ROLE

> grant alice to staff
ERROR:  0LP01: role "alice" is a member of role "staff"

> grant select, insert on i to staff
GRANT

> grant all on i to alice with grant option
GRANT

> select relacl from pg_class where relname = 'i'
relacl
{postgres=arwdDxt/postgres,staff=ar/postgres,alice=a*r*w*d*D*x*t*/postgres}
(1 row)

> revoke insert on i from staff
REVOKE

> select relacl from pg_class where relname = 'i'
relacl
{postgres=arwdDxt/postgres,staff=r/postgres,alice=a*r*w*d*D*x*t*/postgres}
(1 row)

> drop role staff
ERROR:  2BP01: role "staff" cannot be dropped because some objects depend on it
DETAIL:  privileges for table i

> revoke all on i from staff, alice
REVOKE

> drop role staff, alice
DROP ROLE

> drop role alice
ERROR:  42704: role "alice" does not exist

> drop role if exists alice
NOTICE:  00000: role "alice" does not exist, skipping
DROP ROLE

> create role pg_mine
ERROR:  42939: role name "pg_mine" is reserved
DETAIL:  Role names starting with "pg_" are reserved.

# Indexes.
> create table x (a int, b text)
CREATE TABLE

> insert into x select g, 'row ' || g % 100 from generate_series(1, 3000) g
INSERT 0 3000

> create index x_a on x (a)
CREATE INDEX

> create index x_b on x (b, a)
CREATE INDEX

> select count(*) from x where b = 'row 7'
count
30
(1 row)

> select b from x where a = 2999
b
row 99
(1 row)

> create index if not exists x_a on x (b)
NOTICE:  42P07: relation "x_a" already exists, skipping
CREATE INDEX

> alter table x add primary key using index x_a
ERROR:  42809: "x_a" is not a unique index
DETAIL:  Cannot create a primary key or unique constraint using such an index.

> drop index x_a
DROP INDEX

> create unique index x_a on x (a)
CREATE INDEX

> alter table x add primary key using index x_a
ALTER TABLE

> alter table x add primary key (b)
ERROR:  42P16: multiple primary keys for table "x" are not allowed

> select b from x where a = 2999
b
row 99
(1 row)

> select count(*) from x where b = 'row 7'
count
30
(1 row)

> reindex table x
REINDEX

> select count(*) from x where b = 'row 7'
count
30
(1 row)

> alter table x drop constraint x_a
ALTER TABLE

> select count(*), sum(a) from x
count|sum
3000|4501500
(1 row)

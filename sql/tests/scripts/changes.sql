# Changes of rows, constraints, transactions, sequences, identity, row locks.
> create table acc (id int primary key, owner text unique, bal numeric(12,2) not null default 0, kind char(1) default 'c', note varchar(5), constraint acc_bal check (bal >= 0))
CREATE TABLE

> insert into acc (id, owner, bal) values (1, 'ann', 10), (2, 'bob', 20.555)
INSERT 0 2

> insert into acc default values
ERROR:  23502: null value in column "id" of relation "acc" violates not-null constraint
DETAIL:  Failing row contains (null, null, 0.00, c, null).

> insert into acc (id) values (3) returning *
id|owner|bal|kind|note
3||0.00|c|
(1 row)
INSERT 0 1

> insert into acc values (4, 'dee', 5, 'x', 'toolong')
ERROR:  22001: value too long for type character varying(5)

> insert into acc values (4, 'dee', 5, 'xy', 'a')
ERROR:  22001: value too long for type character(1)

> insert into acc values (4, 'dee', 12345678901.5)
ERROR:  22003: numeric field overflow
DETAIL:  A field with precision 12, scale 2 must round to an absolute value less than 10^10.

> insert into acc values (1, 'zed', 1)
ERROR:  23505: duplicate key value violates unique constraint "acc_pkey"
DETAIL:  Key (id)=(1) already exists.

> insert into acc values (9, 'ann', 1)
ERROR:  23505: duplicate key value violates unique constraint "acc_owner_key"
DETAIL:  Key (owner)=(ann) already exists.

> insert into acc values (9, 'zed', -1)
ERROR:  23514: new row for relation "acc" violates check constraint "acc_bal"
DETAIL:  Failing row contains (9, zed, -1.00, c, null).

> insert into acc values (9, 'zed', null)
ERROR:  23502: null value in column "bal" of relation "acc" violates not-null constraint
DETAIL:  Failing row contains (9, zed, null, c, null).

> insert into acc values (9, 'zed', 'abc')
ERROR:  22P02: invalid input syntax for type numeric: "abc"

> insert into acc (id, nosuch) values (1, 2)
ERROR:  42703: column "nosuch" of relation "acc" does not exist

> insert into acc (id, id) values (1, 2)
ERROR:  42701: column "id" specified more than once

> insert into acc values (1, 2, 3, 4, 5, 6)
ERROR:  42601: INSERT has more expressions than target columns

> insert into acc (id, owner) values (1)
ERROR:  42601: INSERT has more target columns than expressions

> insert into acc (id, owner) select 1
ERROR:  42601: INSERT has more target columns than expressions

> insert into acc (id, owner) values (5, 'eve'), (6, default), (7, null)
INSERT 0 3

> insert into nosuch values (1)
ERROR:  42P01: relation "nosuch" does not exist

> insert into acc select g, 'gen' || g, g from generate_series(10, 12) g returning id, owner
id|owner
10|gen10
11|gen11
12|gen12
(3 rows)
INSERT 0 3

> insert into acc values (1, 'new', 1) on conflict do nothing
INSERT 0 0

> insert into acc values (1, 'new', 99) on conflict (id) do nothing returning id
id
(0 rows)
INSERT 0 0

> insert into acc values (1, 'new', 99) on conflict (id) do update set bal = acc.bal + excluded.bal returning id, owner, bal
id|owner|bal
1|ann|109.00
(1 row)
INSERT 0 1

> insert into acc values (1, 'new', 99) on conflict (id) do update set bal = 0 where acc.owner = 'nobody'
INSERT 0 0

> insert into acc values (20, 'ann', 1) on conflict (owner) do update set note = 'upd' returning *
id|owner|bal|kind|note
1|ann|109.00|c|upd
(1 row)
INSERT 0 1

> insert into acc values (20, 'ann', 1) on conflict on constraint acc_owner_key do update set note = 'con' returning note
note
con
(1 row)
INSERT 0 1

> insert into acc values (20, 'ann', 1) on conflict (id) do nothing
ERROR:  23505: duplicate key value violates unique constraint "acc_owner_key"
DETAIL:  Key (owner)=(ann) already exists.

> insert into acc values (1, 'x', 1) on conflict (bal) do nothing
ERROR:  42P10: there is no unique or exclusion constraint matching the ON CONFLICT specification

> insert into acc values (1, 'x', 1) on conflict do update set bal = 1
ERROR:  42601: ON CONFLICT DO UPDATE requires inference specification or constraint name
HINT:  For example, ON CONFLICT (column_name).

> insert into acc values (30, 'a', 1), (30, 'b', 2) on conflict (id) do update set bal = 5
ERROR:  21000: ON CONFLICT DO UPDATE command cannot affect row a second time
HINT:  Ensure that no rows proposed for insertion within the same command have duplicate constrained values.

> insert into acc as a values (1, 'q', 1) on conflict (id) do update set (bal, note) = (7, excluded.kind) returning a.*
id|owner|bal|kind|note
1|ann|7.00|c|c
(1 row)
INSERT 0 1

> update acc set bal = bal * 2 where id in (1, 2) returning id, bal
id|bal
1|14.00
2|41.12
(2 rows)
UPDATE 2

> update acc set (owner, kind) = ('zoe', 'z') where id = 3
UPDATE 1

> update acc set (owner, kind) = (select 'zip', 'y') where id = 3 returning owner, kind
owner|kind
zip|y
(1 row)
UPDATE 1

> update acc set note = default, kind = default where id = 3 returning *
id|owner|bal|kind|note
3|zip|0.00|c|
(1 row)
UPDATE 1

> update acc set bal = -5 where id = 1
ERROR:  23514: new row for relation "acc" violates check constraint "acc_bal"
DETAIL:  Failing row contains (1, ann, -5.00, c, c).

> update acc set id = 2 where id = 1
ERROR:  23505: duplicate key value violates unique constraint "acc_pkey"
DETAIL:  Key (id)=(2) already exists.

> update acc set id = id + 100
UPDATE 9

> select id from acc order by id
id
101
102
103
105
106
107
110
111
112
(9 rows)

> update acc set id = id - 100
UPDATE 9

> update acc a set note = o.n from (values (1, 'v1'), (2, 'v2')) o(k, n) where a.id = o.k returning a.id, o.n
id|n
1|v1
2|v2
(2 rows)
UPDATE 2

> update acc set nosuch = 1
ERROR:  42703: column "nosuch" of relation "acc" does not exist

> update acc set id = 1, id = 2
ERROR:  42601: multiple assignments to same column "id"

> update acc set bal = (select max(bal) from acc) where id = 7 returning bal
bal
41.12
(1 row)
UPDATE 1

> update acc set bal = 'x'
ERROR:  22P02: invalid input syntax for type numeric: "x"

> delete from acc using (values (10), (11)) v(k) where acc.id = v.k returning acc.id, v.k
id|k
10|10
11|11
(2 rows)
DELETE 2

> delete from acc where id = 12
DELETE 1

> delete from acc where nosuch = 1
ERROR:  42703: column "nosuch" does not exist

> delete from acc where id > 1000 returning *
id|owner|bal|kind|note
(0 rows)
DELETE 0

> select * from acc order by id
id|owner|bal|kind|note
1|ann|14.00|c|v1
2|bob|41.12|c|v2
3|zip|0.00|c|
5|eve|0.00|c|
6||0.00|c|
7||41.12|c|
(6 rows)

> create table par (id int primary key, t text)
CREATE TABLE

> create table chi (id int primary key, p int references par on delete set null on update cascade, q int not null default 1 references par (id))
CREATE TABLE

> insert into par values (1, 'one'), (2, 'two'), (3, 'three')
INSERT 0 3

> insert into chi values (1, 1, 1), (2, 2, 1), (3, null, 2)
INSERT 0 3

> insert into chi values (4, 9, 1)
ERROR:  23503: insert or update on table "chi" violates foreign key constraint "chi_p_fkey"
DETAIL:  Key (p)=(9) is not present in table "par".

> insert into chi values (4, 1, 9)
ERROR:  23503: insert or update on table "chi" violates foreign key constraint "chi_q_fkey"
DETAIL:  Key (q)=(9) is not present in table "par".

> update chi set p = 77 where id = 1
ERROR:  23503: insert or update on table "chi" violates foreign key constraint "chi_p_fkey"
DETAIL:  Key (p)=(77) is not present in table "par".

> delete from par where id = 1
ERROR:  23503: update or delete on table "par" violates foreign key constraint "chi_q_fkey" on table "chi"
DETAIL:  Key (id)=(1) is still referenced from table "chi".

> update par set id = 20 where id = 2
ERROR:  23503: update or delete on table "par" violates foreign key constraint "chi_q_fkey" on table "chi"
DETAIL:  Key (id)=(2) is still referenced from table "chi".

> delete from par where id = 3
DELETE 1

> update par set id = 30 where id = 2
ERROR:  23503: update or delete on table "par" violates foreign key constraint "chi_q_fkey" on table "chi"
DETAIL:  Key (id)=(2) is still referenced from table "chi".

> delete from par
ERROR:  23503: update or delete on table "par" violates foreign key constraint "chi_q_fkey" on table "chi"
DETAIL:  Key (id)=(1) is still referenced from table "chi".

> truncate par
ERROR:  0A000: cannot truncate a table referenced in a foreign key constraint
DETAIL:  Table "chi" references "par".
HINT:  Truncate table "chi" at the same time, or use TRUNCATE ... CASCADE.

> truncate par, chi
TRUNCATE TABLE

> insert into par values (1, 'a'), (5, 'b')
INSERT 0 2

> insert into chi values (1, 5, 1)
INSERT 0 1

> update par set id = 50 where id = 5
UPDATE 1

> delete from par where id = 50
DELETE 1

> select * from chi
id|p|q
1||1
(1 row)

> drop table par
ERROR:  2BP01: cannot drop table par because other objects depend on it
DETAIL:  constraint chi_p_fkey on table chi depends on table par
constraint chi_q_fkey on table chi depends on table par
HINT:  Use DROP ... CASCADE to drop the dependent objects too.

> create table comp (a int, b int, c text, primary key (a, b))
CREATE TABLE

> create table compref (x int, y int, foreign key (x, y) references comp)
CREATE TABLE

> insert into comp values (1, 1, 'x')
INSERT 0 1

> insert into compref values (1, 1), (1, null)
INSERT 0 2

> insert into compref values (2, 1)
ERROR:  23503: insert or update on table "compref" violates foreign key constraint "compref_x_y_fkey"
DETAIL:  Key (x, y)=(2, 1) is not present in table "comp".

> delete from comp
ERROR:  23503: update or delete on table "comp" violates foreign key constraint "compref_x_y_fkey" on table "compref"
DETAIL:  Key (a, b)=(1, 1) is still referenced from table "compref".

> begin
BEGIN

> insert into comp values (2, 2, 'y')
INSERT 0 1

> savepoint a
SAVEPOINT

> insert into comp values (2, 2, 'dup')
ERROR:  23505: duplicate key value violates unique constraint "comp_pkey"
DETAIL:  Key (a, b)=(2, 2) already exists.

> select 1
ERROR:  25P02: current transaction is aborted, commands ignored until end of transaction block

> rollback to savepoint a
ROLLBACK

> insert into comp values (3, 3, 'z')
INSERT 0 1

> savepoint b
SAVEPOINT

> delete from compref
DELETE 2

> release savepoint b
RELEASE

> select count(*) from compref
count
0
(1 row)

> rollback to a
ROLLBACK

> select a from comp order by a
a
1
2
(2 rows)

> commit
COMMIT

> rollback to a
ERROR:  25P01: ROLLBACK TO SAVEPOINT can only be used in transaction blocks

> savepoint a
ERROR:  25P01: SAVEPOINT can only be used in transaction blocks

> release savepoint a
ERROR:  25P01: RELEASE SAVEPOINT can only be used in transaction blocks

> begin
BEGIN

> begin
WARNING:  25001: there is already a transaction in progress
BEGIN

> rollback
ROLLBACK

> rollback
WARNING:  25P01: there is no transaction in progress
ROLLBACK

> begin isolation level repeatable read read only
BEGIN

> insert into comp values (7, 7, 'q')
ERROR:  25006: cannot execute INSERT in a read-only transaction

> rollback
ROLLBACK

> begin read only
BEGIN

> create table ro (a int)
ERROR:  25006: cannot execute CREATE TABLE in a read-only transaction

> rollback
ROLLBACK

> start transaction
START TRANSACTION

> rollback to nosuch
ERROR:  3B001: savepoint "nosuch" does not exist

> commit
ROLLBACK

> begin
BEGIN

> commit and chain
COMMIT

> show transaction_isolation
transaction_isolation
read committed
(1 row)

> rollback
ROLLBACK

> create table seqt (id serial primary key, b bigserial, v text)
CREATE TABLE

> insert into seqt (v) values ('a'), ('b') returning *
id|b|v
1|1|a
2|2|b
(2 rows)
INSERT 0 2

> insert into seqt (id, v) values (3, 'c')
INSERT 0 1

> insert into seqt (v) values ('d')
ERROR:  23505: duplicate key value violates unique constraint "seqt_pkey"
DETAIL:  Key (id)=(3) already exists.

> select currval('seqt_id_seq'), lastval(), pg_get_serial_sequence('seqt', 'id')
currval|lastval|pg_get_serial_sequence
3|4|public.seqt_id_seq
(1 row)

> select setval('seqt_id_seq', 50), nextval('seqt_id_seq'), setval('seqt_id_seq', 60, false), nextval('seqt_id_seq')
setval|nextval|setval|nextval
50|51|60|60
(1 row)

> create sequence s1 start 5 increment 5 maxvalue 12 cycle
CREATE SEQUENCE

> select nextval('s1'), nextval('s1'), nextval('s1')
nextval|nextval|nextval
5|10|1
(1 row)

> select last_value, is_called from s1
last_value|is_called
1|t
(1 row)

> create sequence s2 maxvalue 1
ERROR:  22023: MINVALUE (1) must be less than MAXVALUE (1)

> select nextval('s2')
ERROR:  42P01: relation "s2" does not exist

> select nextval('s2')
ERROR:  42P01: relation "s2" does not exist

> select currval('nosuch')
ERROR:  42P01: relation "nosuch" does not exist

> alter sequence s1 restart with 7
ALTER SEQUENCE

> select nextval('s1')
nextval
7
(1 row)

> create sequence s1
ERROR:  42P07: relation "s1" already exists

> create sequence if not exists s1
NOTICE:  42P07: relation "s1" already exists, skipping
CREATE SEQUENCE

> drop sequence s1, s2
ERROR:  42P01: sequence "s2" does not exist

> drop sequence s1
DROP SEQUENCE

> select nextval('s1')
ERROR:  42P01: relation "s1" does not exist

> create table ident (id int generated always as identity, b int generated by default as identity (start 100), v text)
CREATE TABLE

> insert into ident (v) values ('x') returning *
id|b|v
1|100|x
(1 row)
INSERT 0 1

> insert into ident (id, v) values (5, 'y')
ERROR:  428C9: cannot insert a non-DEFAULT value into column "id"
DETAIL:  Column "id" is an identity column defined as GENERATED ALWAYS.
HINT:  Use OVERRIDING SYSTEM VALUE to override.

> insert into ident (id, v) overriding system value values (5, 'y') returning *
id|b|v
5|101|y
(1 row)
INSERT 0 1

> insert into ident (b, v) values (7, 'z') returning *
id|b|v
2|7|z
(1 row)
INSERT 0 1

> update ident set id = 9
ERROR:  428C9: column "id" can only be updated to DEFAULT
DETAIL:  Column "id" is an identity column defined as GENERATED ALWAYS.

> update ident set id = default where v = 'y' returning id
id
3
(1 row)
UPDATE 1

> create table gen (a int, b int generated always as (a * 2) stored)
CREATE TABLE

> insert into gen values (1), (2) returning *
a|b
1|2
2|4
(2 rows)
INSERT 0 2

> insert into gen values (1, 2)
ERROR:  428C9: cannot insert a non-DEFAULT value into column "b"
DETAIL:  Column "b" is a generated column.

> update gen set a = 10 where a = 1 returning *
a|b
10|20
(1 row)
UPDATE 1

> update gen set b = 1
ERROR:  428C9: column "b" can only be updated to DEFAULT
DETAIL:  Column "b" is a generated column.

> create table genkey (a int, g int generated always as (a * 2) stored primary key, u int generated always as (a + 1) stored unique, v text)
CREATE TABLE

> insert into genkey values (1, default, default, 'x'), (5, default, default, 'y')
INSERT 0 2

> update genkey set a = 3 where g = 2
UPDATE 1

> select * from genkey where g = 6
a|g|u|v
3|6|4|x
(1 row)

> update genkey set a = 5 where g = 6
ERROR:  23505: duplicate key value violates unique constraint "genkey_pkey"
DETAIL:  Key (g)=(10) already exists.

> select v from genkey where u = 4
v
x
(1 row)

> delete from genkey where g = 6
DELETE 1

> select g from genkey where u = 4
g
(0 rows)

> truncate seqt restart identity
TRUNCATE TABLE

> insert into seqt (v) values ('again') returning id
id
1
(1 row)
INSERT 0 1

> create table nn (a int not null, b int)
CREATE TABLE

> insert into nn (b) values (1)
ERROR:  23502: null value in column "a" of relation "nn" violates not-null constraint
DETAIL:  Failing row contains (null, 1).

> insert into nn values (null, 1)
ERROR:  23502: null value in column "a" of relation "nn" violates not-null constraint
DETAIL:  Failing row contains (null, 1).

> insert into nn select null, 2
ERROR:  23502: null value in column "a" of relation "nn" violates not-null constraint
DETAIL:  Failing row contains (null, 2).

> update nn set a = null
UPDATE 0

> create table uq (a int, b int, unique (a, b))
CREATE TABLE

> insert into uq values (1, 1), (1, null), (1, null)
INSERT 0 3

> insert into uq values (1, 1)
ERROR:  23505: duplicate key value violates unique constraint "uq_a_b_key"
DETAIL:  Key (a, b)=(1, 1) already exists.

> insert into uq select 2, 2 from generate_series(1, 2)
ERROR:  23505: duplicate key value violates unique constraint "uq_a_b_key"
DETAIL:  Key (a, b)=(2, 2) already exists.

> select * from acc where id = 1 for update
id|owner|bal|kind|note
1|ann|14.00|c|v1
(1 row)

> select * from acc where id = 1 for no key update of acc skip locked
id|owner|bal|kind|note
1|ann|14.00|c|v1
(1 row)

> select id from acc where id < 3 order by id for share nowait
id
1
2
(2 rows)

> select count(*) from acc for update
ERROR:  0A000: FOR UPDATE is not allowed with aggregate functions

> select distinct id from acc for update
ERROR:  0A000: FOR UPDATE is not allowed with DISTINCT clause

> select id from acc for update of nosuch
ERROR:  42P01: relation "nosuch" in FOR UPDATE clause not found in FROM clause

> create table q (id int primary key, v text)
CREATE TABLE

> insert into q select g, 'v' || g from generate_series(1, 6) g
INSERT 0 6

> with d as (delete from q where id = 6 returning *) select * from d
id|v
6|v6
(1 row)

> select count(*) from q
count
5
(1 row)

> with i as (insert into q values (7, 'new') returning id), u as (update q set v = 'upd' where id = 1 returning id, v) select i.id, u.v from i, u
id|v
7|upd
(1 row)

> with moved (k, t) as (delete from q where id < 3 returning id, v) insert into q select k + 100, t from moved returning *
id|v
101|upd
102|v2
(2 rows)
INSERT 0 2

> with c as (select id from q order by id limit 1 for update skip locked), d as (delete from q using c where q.id = c.id returning q.id) select c.id, d.id from c, d
id|id
3|3
(1 row)

> with u as (update q set v = 'all') select count(*) from q where v = 'all'
count
0
(1 row)

> select count(*) from q where v = 'all'
count
5
(1 row)

> with d as (delete from q where id = 4) select * from d
ERROR:  0A000: WITH query "d" does not have a RETURNING clause

> with d as (delete from q where id = 4) select 1
?column?
1
(1 row)

> select id from q order by id
id
5
7
101
102
(4 rows)

> with a as (select max(id) m from q), d as (delete from q where id = (select m from a) returning id) update q set v = 'last' from d where q.id = 5 returning q.id, d.id
id|id
5|102
(1 row)
UPDATE 1

> select * from (with d as (delete from q returning id) select * from d) s
ERROR:  0A000: WITH clause containing a data-modifying statement must be at the top level

> (with d as (insert into q values (103, 'x'), (104, 'x') returning id) select * from d)
id
103
104
(2 rows)

> ((with d as (update q set v = 'y' where id > 102 returning id, v) select * from d) offset 1) order by id desc limit 1
id|v
103|y
(1 row)

> (with d as (delete from q where id > 102 returning id) select * from d) limit 0
id
(0 rows)

> select count(*) from q where id > 102
count
0
(1 row)

> (with d as (delete from q returning id) select * from d) union select 1
ERROR:  0A000: WITH clause containing a data-modifying statement must be at the top level

> select 1 union (with d as (delete from q returning id) select * from d)
ERROR:  0A000: WITH clause containing a data-modifying statement must be at the top level

> insert into q (with d as (delete from q returning *) select * from d)
ERROR:  0A000: WITH clause containing a data-modifying statement must be at the top level

> with w as (select 1) ((with d as (delete from q returning id) select * from d))
ERROR:  42601: multiple WITH clauses not allowed

> with d as (insert into q values (5, 'dup') returning id) select * from d
ERROR:  23505: duplicate key value violates unique constraint "q_pkey"
DETAIL:  Key (id)=(5) already exists.

> begin read only
BEGIN

> with d as (delete from q returning id) select * from d
ERROR:  25006: cannot execute SELECT in a read-only transaction

> rollback
ROLLBACK

> with recursive r(n) as (select 1 union all select n + 1 from r where n < 3), i as (insert into q select n + 1000, 'r' from r returning id) select id from i order by id
id
1001
1002
1003
(3 rows)

> prepare wp (int) as with d as (delete from q where id > $1 returning id) select count(*) from d
PREPARE

> execute wp (1000)
count
3
(1 row)

> execute wp (1000)
count
0
(1 row)

# Changes of rows below EXPLAIN, which shows them only, and below COPY.
> create table r (id int primary key, v text)
CREATE TABLE

> insert into r values (1, 'a'), (2, 'b')
INSERT 0 2

> explain (costs off) with d as (delete from r where v = 'a' returning id) select * from d
QUERY PLAN
CTE Scan on d
  CTE d
    ->  Delete on r
          ->  Seq Scan on r
                Filter: (v = 'a'::text)
(5 rows)

> explain (costs off) with d as (delete from r where v = 'a') insert into q values (60, 'x')
QUERY PLAN
Insert on q
  CTE d
    ->  Delete on r
          ->  Seq Scan on r
                Filter: (v = 'a'::text)
  ->  Result
(6 rows)

> explain (costs off) with c as materialized (select * from r), d as materialized (select * from c limit 1) select * from d limit 2
QUERY PLAN
Limit
  CTE c
    ->  Seq Scan on r
  CTE d
    ->  Limit
          ->  CTE Scan on c
  ->  CTE Scan on d
(7 rows)

> explain (costs off) with c as materialized (select * from r) insert into q select id, v from c
QUERY PLAN
Insert on q
  CTE c
    ->  Seq Scan on r
  ->  CTE Scan on c
(4 rows)

> explain (costs off) with d as (delete from q) select 1 from r
QUERY PLAN
Seq Scan on r
  CTE d
    ->  Delete on q
          ->  Seq Scan on q
(4 rows)

> select count(*) from r
count
2
(1 row)

> begin read only
BEGIN

> explain (costs off) with d as (delete from r where v = 'b') select 1
QUERY PLAN
Result
  CTE d
    ->  Delete on r
          ->  Seq Scan on r
                Filter: (v = 'b'::text)
(5 rows)

> copy (insert into r values (5, 'e') returning id) to stdout
ERROR:  25006: cannot execute INSERT in a read-only transaction

> rollback
ROLLBACK

> begin read only
BEGIN

> copy (with d as (delete from r returning id) select * from d) to stdout
ERROR:  25006: cannot execute SELECT in a read-only transaction

> rollback
ROLLBACK

> copy (insert into r values (5, 'e'), (6, 'f') returning id, v) to stdout
5	e
6	f

> copy (with d as (delete from r where id > 4 returning *) select v, id from d order by id) to stdout
e	5
f	6

> copy (with w as (select 9 as n) insert into r select n, 'nine' from w returning id) to stdout
9

> copy (with d as (delete from r where id = 1 returning *) update r set v = r.v || d.v from d where r.id = 9 returning r.*) to stdout with (format csv, header)
id,v
9,ninea

> copy (delete from r where id = 9 returning *) to stdout
9	ninea

> copy (insert into r values (2, 'dup'), (7, 'x') returning *) to stdout
ERROR:  23505: duplicate key value violates unique constraint "r_pkey"
DETAIL:  Key (id)=(2) already exists.

> copy (delete from r) to stdout
ERROR:  0A000: COPY query must have a RETURNING clause

> copy (delete from r returning *) from stdin
ERROR:  42601: syntax error at or near "from"

> copy (create table s (id int)) to stdout
ERROR:  42601: syntax error at or near "create"

> copy (select 1 union (with d as (delete from r returning id) select * from d)) to stdout
ERROR:  0A000: WITH clause containing a data-modifying statement must be at the top level

> select * from r order by id
id|v
2|b
(1 row)

# And in CREATE TABLE AS and SELECT INTO.
> create table made as with d as (insert into r values (3, 'c'), (4, 'd') returning *) select v, id from d where id > 3
SELECT 1

> select * from made
v|id
d|4
(1 row)

> with d as (delete from r where id > 2 returning id) select id into other from d
SELECT 2

> select id from other union all select id from r order by id
id
2
3
4
(3 rows)

> create table if not exists made as with d as (delete from r returning id) select id from d
NOTICE:  42P07: relation "made" already exists, skipping
CREATE TABLE AS

> create table hollow as with d as (delete from r returning id) select id from d with no data
CREATE TABLE AS

> create table made as with d as (delete from r returning id) select id from d
ERROR:  42P07: relation "made" already exists

> create table twice as with d as (delete from r returning id) select d.id, (select count(*) from d) from d
SELECT 1

> select * from twice
id|count
2|1
(1 row)

> select count(*) from r
count
0
(1 row)

> insert into r values (1, 'a')
INSERT 0 1

> create table failed as with d as (insert into r values (2, 'b'), (1, 'dup') returning id) select id from d
ERROR:  23505: duplicate key value violates unique constraint "r_pkey"
DETAIL:  Key (id)=(1) already exists.

> select * from r
id|v
1|a
(1 row)

> create table failed (a) as with d as (delete from r) insert into r values (2, 'b')
ERROR:  42601: syntax error at or near "insert"

> create table nested as select * from (with d as (delete from r returning id) select * from d) s
ERROR:  0A000: WITH clause containing a data-modifying statement must be at the top level

> drop table made, other, hollow, twice
DROP TABLE

> select * from unnest(array[1, 2], array['a', 'b', 'c']) as u(x, y)
x|y
1|a
2|b
|c
(3 rows)

> insert into q select * from unnest(array[50, 51], array['x', 'y']) returning *
id|v
50|x
51|y
(2 rows)
INSERT 0 2

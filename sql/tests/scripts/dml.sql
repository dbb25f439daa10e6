# Keyed statements, constraints, transactions.
> create table t (id int primary key, v varchar(20) not null default 'x', n numeric(10,2) check (n > 0))
CREATE TABLE

> insert into t values (1, 'one', 1.5), (2, 'two', 2.25)
INSERT 0 2

> insert into t (id) values (3)
INSERT 0 1

> select * from t order by id
id|v|n
1|one|1.50
2|two|2.25
3|x|
(3 rows)

> select v from t where id = 2
v
two
(1 row)

> update t set n = n + 1 where id = 1
UPDATE 1

> select id, n from t where n is not null order by n desc
id|n
1|2.50
2|2.25
(2 rows)

> insert into t values (1, 'dup', 1)
ERROR:  23505: duplicate key value violates unique constraint "t_pkey"
DETAIL:  Key (id)=(1) already exists.

> insert into t values (4, null, 1)
ERROR:  23502: null value in column "v" of relation "t" violates not-null constraint
DETAIL:  Failing row contains (4, null, 1.00).

> insert into t values (4, 'neg', -1)
ERROR:  23514: new row for relation "t" violates check constraint "t_n_check"
DETAIL:  Failing row contains (4, neg, -1.00).

> update t set id = 1 where id = 2
ERROR:  23505: duplicate key value violates unique constraint "t_pkey"
DETAIL:  Key (id)=(1) already exists.

> update t set id = 20 where id = 2
UPDATE 1

> select id, v from t order by id
id|v
1|one
3|x
20|two
(3 rows)

> delete from t where id = 20 returning id, v
id|v
20|two
(1 row)
DELETE 1

> select count(*) from t
count
2
(1 row)

> begin
BEGIN

> insert into t values (5, 'five', 5)
INSERT 0 1

> select nosuch from t
ERROR:  42703: column "nosuch" does not exist

> select 1
ERROR:  25P02: current transaction is aborted, commands ignored until end of transaction block

> rollback
ROLLBACK

> select count(*) from t
count
2
(1 row)

> begin
BEGIN

> insert into t values (6, 'six', 6)
INSERT 0 1

> savepoint s
SAVEPOINT

> insert into t values (7, 'seven', 7)
INSERT 0 1

> rollback to s
ROLLBACK

> insert into t values (8, 'eight', 8)
INSERT 0 1

> commit
COMMIT

> select id from t order by id
id
1
3
6
8
(4 rows)

> insert into t values (6, 'again', 1) on conflict (id) do update set v = excluded.v || t.v returning *
id|v|n
6|againsix|6.00
(1 row)
INSERT 0 1

> insert into t values (6, 'nope', 1) on conflict do nothing
INSERT 0 0

> commit
WARNING:  25P01: there is no transaction in progress
COMMIT

> create table c (id int primary key, t_id int references t(id) on delete cascade)
CREATE TABLE

> insert into c values (1, 6), (2, 8)
INSERT 0 2

> insert into c values (3, 99)
ERROR:  23503: insert or update on table "c" violates foreign key constraint "c_t_id_fkey"
DETAIL:  Key (t_id)=(99) is not present in table "t".

> delete from t where id = 6
DELETE 1

> select * from c
id|t_id
2|8
(1 row)

> create table u (a int, b int unique)
CREATE TABLE

> insert into u values (1, 1), (2, null), (3, null)
INSERT 0 3

> insert into u values (4, 1)
ERROR:  23505: duplicate key value violates unique constraint "u_b_key"
DETAIL:  Key (b)=(1) already exists.

> update u set b = 5 where a = 1
UPDATE 1

> insert into u values (4, 1)
INSERT 0 1

> select a, b from u order by a
a|b
1|5
2|
3|
4|1
(4 rows)

> select a from u where b = 5
a
1
(1 row)

> delete from u where b is null
DELETE 2

> select * from u order by 1
a|b
1|5
4|1
(2 rows)

> create index u_a on u (a)
CREATE INDEX

> select a from u where a >= 2 order by a
a
4
(1 row)

> create table failing (id int check (id > 0), note text, parts text[])
CREATE TABLE

> insert into failing values (0, repeat('é', 40) || 'x', array[repeat('y', 70)])
ERROR:  23514: new row for relation "failing" violates check constraint "failing_id_check"
DETAIL:  Failing row contains (0, éééééééééééééééééééééééééééééééé..., {yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy...).

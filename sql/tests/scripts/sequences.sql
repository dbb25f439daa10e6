# Sequences and savepoints: a change of parameters that is taken back leaves the state that stood before it.
> create sequence q
CREATE SEQUENCE

> select nextval('q')
nextval
1
(1 row)

> begin
BEGIN

> alter sequence q restart 100
ALTER SEQUENCE

> savepoint s
SAVEPOINT

> alter sequence q restart 200
ALTER SEQUENCE

> select nextval('q')
nextval
200
(1 row)

> rollback to s
ROLLBACK

> select nextval('q')
nextval
100
(1 row)

> select setval('q', 150)
setval
150
(1 row)

> savepoint s
SAVEPOINT

> drop sequence q
DROP SEQUENCE

> rollback to s
ROLLBACK

> select nextval('q'), currval('q')
nextval|currval
151|151
(1 row)

> rollback
ROLLBACK

> select nextval('q')
nextval
2
(1 row)

> begin
BEGIN

> savepoint s
SAVEPOINT

> alter sequence q restart 100
ALTER SEQUENCE

> rollback to s
ROLLBACK

> select nextval('q')
nextval
3
(1 row)

> alter sequence q restart 200
ALTER SEQUENCE

> savepoint s
SAVEPOINT

> alter sequence q increment 10
ALTER SEQUENCE

> select nextval('q'), nextval('q')
nextval|nextval
200|210
(1 row)

> rollback to s
ROLLBACK

> select nextval('q')
nextval
200
(1 row)

> commit
COMMIT

> select nextval('q')
nextval
201
(1 row)

> begin
BEGIN

> create table t (id serial, x int)
CREATE TABLE

> insert into t (x) values (1)
INSERT 0 1

> savepoint s
SAVEPOINT

> drop table t
DROP TABLE

> rollback to s
ROLLBACK

> insert into t (x) values (2)
INSERT 0 1

> savepoint s
SAVEPOINT

> truncate t restart identity
TRUNCATE TABLE

> insert into t (x) values (3)
INSERT 0 1

> select * from t
id|x
1|3
(1 row)

> rollback to s
ROLLBACK

> insert into t (x) values (4)
INSERT 0 1

> savepoint s
SAVEPOINT

> alter sequence t_id_seq restart 50
ALTER SEQUENCE

> rollback to s
ROLLBACK

> insert into t (x) values (5)
INSERT 0 1

> alter table t add y bigint generated always as identity
ALTER TABLE

> savepoint s
SAVEPOINT

> alter table t alter y restart 7
ALTER TABLE

> rollback to s
ROLLBACK

> insert into t (x) values (6)
INSERT 0 1

> alter table t alter y restart 70
ALTER TABLE

> insert into t (x) values (7)
INSERT 0 1

> select * from t
id|x|y
1|1|1
2|2|2
3|4|3
4|5|4
5|6|5
6|7|70
(6 rows)

> commit
COMMIT

> insert into t (x) values (8) returning *
id|x|y
7|8|71
(1 row)
INSERT 0 1

> begin isolation level repeatable read
BEGIN

> select nextval('q')
nextval
202
(1 row)

> alter sequence q restart 300
ALTER SEQUENCE

> savepoint s
SAVEPOINT

> alter sequence q restart 400
ALTER SEQUENCE

> rollback to s
ROLLBACK

> select nextval('q')
nextval
300
(1 row)

> rollback
ROLLBACK

> select nextval('q')
nextval
203
(1 row)

> drop sequence q
DROP SEQUENCE

> drop table t
DROP TABLE

> create sequence p start 5
CREATE SEQUENCE

> select last_value, is_called from p
last_value|is_called
5|f
(1 row)

> select setval('p', 100, false)
setval
100
(1 row)

> select p.last_value, is_called, pg_sequence_last_value('p') from public.p
last_value|is_called|pg_sequence_last_value
100|f|
(1 row)

> select last_value from pg_sequences where sequencename = 'p'
last_value
(1 row)

> alter sequence p restart 50
ALTER SEQUENCE

> select last_value, is_called, tableoid::regclass from p where not is_called
last_value|is_called|tableoid
50|f|p
(1 row)

> select nextval('p')
nextval
50
(1 row)

> select pg_sequence_last_value('p'), last_value from pg_sequences where sequencename = 'p'
pg_sequence_last_value|last_value
50|50
(1 row)

> begin
BEGIN

> alter sequence p restart 70
ALTER SEQUENCE

> savepoint s
SAVEPOINT

> alter sequence p restart 80
ALTER SEQUENCE

> select last_value, is_called from p
last_value|is_called
80|f
(1 row)

> rollback to s
ROLLBACK

> select last_value, is_called from p
last_value|is_called
70|f
(1 row)

> rollback
ROLLBACK

> select x.n, x.is_called from p x (n)
n|is_called
50|t
(1 row)

> create view v as select last_value from p
CREATE VIEW

> select nextval('p')
nextval
51
(1 row)

> select * from v
last_value
51
(1 row)

> select * from p for update
ERROR:  42809: cannot lock rows in sequence "p"

> select * from v x for key share
ERROR:  42809: cannot lock rows in sequence "p"

> create table held (a int); insert into held values (1)
CREATE TABLE
INSERT 0 1

> select * from held, (select last_value from p) y for share
ERROR:  42809: cannot lock rows in sequence "p"

> select * from held, p x for share of x
ERROR:  42809: cannot lock rows in sequence "p"

> select a, last_value from held, p for share of held
ERROR:  42809: cannot lock rows in sequence "p"

> update held set a = last_value from p
ERROR:  42809: cannot lock rows in sequence "p"

> delete from held using p where a = last_value
ERROR:  42809: cannot lock rows in sequence "p"

> update held set a = (select last_value from p) returning a
a
51
(1 row)
UPDATE 1

> drop table held
DROP TABLE

> explain (costs off) select last_value from p
QUERY PLAN
Seq Scan on p
(1 row)

> select pg_sequence_last_value('pg_class')
ERROR:  42809: "pg_class" is not a sequence

> drop view v
DROP VIEW

> drop sequence p
DROP SEQUENCE

# How many values may be drawn without a record.
> create sequence p
CREATE SEQUENCE

> select * from p
last_value|log_cnt|is_called
1|0|f
(1 row)

> select nextval('p')
nextval
1
(1 row)

> select * from p
last_value|log_cnt|is_called
1|32|t
(1 row)

> select count(nextval('p')) from generate_series(1, 32)
count
32
(1 row)

> select * from p
last_value|log_cnt|is_called
33|0|t
(1 row)

> select nextval('p')
nextval
34
(1 row)

> select * from p
last_value|log_cnt|is_called
34|32|t
(1 row)

> select setval('p', 40)
setval
40
(1 row)

> select * from p
last_value|log_cnt|is_called
40|0|t
(1 row)

> select nextval('p')
nextval
41
(1 row)

> select log_cnt from p
log_cnt
32
(1 row)

> alter sequence p restart
ALTER SEQUENCE

> select * from p
last_value|log_cnt|is_called
1|0|f
(1 row)

> drop sequence p
DROP SEQUENCE

> create sequence p increment -1 minvalue -3
CREATE SEQUENCE

> select nextval('p')
nextval
-1
(1 row)

> select * from p
last_value|log_cnt|is_called
-1|2|t
(1 row)

> drop sequence p
DROP SEQUENCE

# So it does where the sequence begins anew.
> create sequence p maxvalue 3 cycle
CREATE SEQUENCE

> select nextval('p')
nextval
1
(1 row)

> select * from p
last_value|log_cnt|is_called
1|2|t
(1 row)

> select nextval('p'), nextval('p'), nextval('p')
nextval|nextval|nextval
2|3|1
(1 row)

> select * from p
last_value|log_cnt|is_called
1|2|t
(1 row)

> drop sequence p
DROP SEQUENCE

> create sequence p increment -10 minvalue -3 cycle
CREATE SEQUENCE

> select nextval('p'), nextval('p')
nextval|nextval
-1|-1
(1 row)

> select * from p
last_value|log_cnt|is_called
-1|0|t
(1 row)

> drop sequence p
DROP SEQUENCE

# What is set is not drawn.
> create sequence a; create sequence b; select nextval('b')
CREATE SEQUENCE
CREATE SEQUENCE
nextval
1
(1 row)

> select setval('a', 9)
setval
9
(1 row)

> select currval('a'), lastval()
currval|lastval
9|1
(1 row)

> select setval('b', 50)
setval
50
(1 row)

> select lastval()
lastval
50
(1 row)

> drop sequence b
DROP SEQUENCE

> select lastval()
ERROR:  55000: lastval is not yet defined in this session

> drop sequence a
DROP SEQUENCE

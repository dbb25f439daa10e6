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

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

> create table parts (id int primary key, a int[], t varchar(3)[], m int[][]); insert into parts values (1, '{1,2,3}', '{x,y}', '{{1,2},{3,4}}'), (2, null, '{}', null)
CREATE TABLE
INSERT 0 2

> update parts set a[2] = 20, t[1] = 'abc' returning *
id|a|t|m
1|{1,20,3}|{abc,y}|{{1,2},{3,4}}
2|[2:2]={20}|{abc}|
(2 rows)
UPDATE 2

> update parts set a[6] = id, a[0] = a[2] + 1 returning a
a
[0:6]={21,1,20,3,NULL,NULL,1}
[0:6]={21,NULL,20,NULL,NULL,NULL,2}
(2 rows)
UPDATE 2

> update parts set m[2][1] = 30 where id = 1 returning m
m
{{1,2},{30,4}}
(1 row)
UPDATE 1

> update parts set m[1][2] = 7 where id = 2 returning m
m
[1:1][2:2]={{7}}
(1 row)
UPDATE 1

> update parts set m[3][1] = 30 where id = 1
ERROR:  2202E: array subscript out of range

> update parts set m[1] = 30 where id = 1
ERROR:  2202E: wrong number of array subscripts

> update parts set a[null] = 1
ERROR:  22004: array subscript in assignment must not be null

> update parts set a[1] = null where id = 1 returning a
a
[0:6]={21,NULL,20,3,NULL,NULL,1}
(1 row)
UPDATE 1

> update parts set a[1] = 'z'
ERROR:  22P02: invalid input syntax for type integer: "z"

> update parts set a[1] = true
ERROR:  42804: subscripted assignment to "a" requires type integer but expression is of type boolean
HINT:  You will need to rewrite or cast the expression.

> update parts set a[1] = default
ERROR:  0A000: cannot set an array element to DEFAULT

> update parts set t[1] = 'abcd'
ERROR:  22001: value too long for type character varying(3)

> update parts set id[1] = 1
ERROR:  42804: cannot subscript type integer because it does not support subscripting

> update parts set a = '{1}', a[1] = 2
ERROR:  42601: multiple assignments to same column "a"

> update parts set a[1] = 2, a = '{1}'
ERROR:  42601: multiple assignments to same column "a"

> update parts set a[1] = 1, a[1][1] = 2
ERROR:  2202E: wrong number of array subscripts

> insert into parts values (1, '{9}') on conflict (id) do update set a[2] = excluded.a[1] + parts.a[3] returning a
a
[0:6]={21,NULL,12,3,NULL,NULL,1}
(1 row)
INSERT 0 1

> update parts p set a[1] = x.n from (values (1, 100), (2, 200)) x(id, n) where x.id = p.id returning p.id, a[1]
id|a
1|100
2|200
(2 rows)
UPDATE 2

> update parts set a[(select max(id) from parts)] = 5 returning a[2]
a
5
5
(2 rows)
UPDATE 2

> create table slices (id int primary key, a int[], m int[][], v varchar(3)[]); insert into slices values (1, '{1,2,3}', '{{1,2},{3,4}}', '{x}'), (2, null, null, null), (3, '{}', '{}', '{}'), (4, '[5:7]={1,2,3}', null, null)
CREATE TABLE
INSERT 0 4

> update slices set a[1:2] = '{10,20}' where id = 1 returning a
a
{10,20,3}
(1 row)
UPDATE 1

> update slices set a[1:2] = '{11,21,31}' where id = 1 returning a
a
{11,21,3}
(1 row)
UPDATE 1

> update slices set a[5:6] = array[50.4, 60.6] where id = 1 returning a
a
{11,21,3,NULL,50,61}
(1 row)
UPDATE 1

> update slices set a[:2] = '{1,2}', a[6:] = '{6}' where id = 1 returning a
a
{1,2,3,NULL,50,6}
(1 row)
UPDATE 1

> update slices set a[:] = '{{1,2},{3,4},{5,6}}' where id = 1 returning a
a
{1,2,3,4,5,6}
(1 row)
UPDATE 1

> update slices set a[-1:0] = '{8,9}' where id = 1 returning a
a
[-1:6]={8,9,1,2,3,4,5,6}
(1 row)
UPDATE 1

> update slices set a[1:2] = null where id > 1 returning a
a
{}
{}
[5:7]={1,2,3}
(3 rows)
UPDATE 3

> update slices set a[1:1] = '{1,2}' where id = 4 returning a
a
{1,NULL,NULL,NULL,1,2,3}
(1 row)
UPDATE 1

> update slices set a[1:2] = '{1,2}', a[2] = 5, a[3:3] = array[a[1]] where id = 1 returning a
a
[-1:6]={8,9,1,5,1,4,5,6}
(1 row)
UPDATE 1

> update slices set a[1:2] = '{10}' where id = 1
ERROR:  2202E: source array too small

> update slices set a[1:2] = '{}' where id = 1
ERROR:  2202E: source array too small

> update slices set a[2:1] = '{10,20}' where id = 1
ERROR:  2202E: upper bound cannot be less than lower bound

> update slices set a[1:null] = '{1,2}' where id = 1
ERROR:  22004: array subscript in assignment must not be null

> update slices set a[1:1][1:1] = '{1,2}' where id = 1
ERROR:  2202E: wrong number of array subscripts

> update slices set a[1:1][1:1][1:1][1:1][1:1][1:1][1:1] = '{1,2}' where id = 1
ERROR:  54000: number of array dimensions (7) exceeds the maximum allowed (6)

> update slices set a[:2] = '{1,2}' where id = 2
ERROR:  2202E: array slice subscript must provide both boundaries
DETAIL:  When assigning to a slice of an empty array value, slice boundaries must be fully specified.

> update slices set a[3:4] = '{1,2}' where id = 2 returning a
a
[3:4]={1,2}
(1 row)
UPDATE 1

> update slices set a[1:2] = 1
ERROR:  42804: subscripted assignment to "a" requires type integer[] but expression is of type integer
HINT:  You will need to rewrite or cast the expression.

> update slices set a[1:2] = array['a', 'b']
ERROR:  42804: subscripted assignment to "a" requires type integer[] but expression is of type text[]
HINT:  You will need to rewrite or cast the expression.

> update slices set a[1:2] = '{a}'
ERROR:  22P02: invalid input syntax for type integer: "a"

> update slices set a[1:2] = default
ERROR:  0A000: cannot set an array element to DEFAULT

> update slices set a['x':2] = '{1,2}'
ERROR:  22P02: invalid input syntax for type integer: "x"

> update slices set a[true:2] = '{1,2}'
ERROR:  42804: array subscript must have type integer

> update slices set m[1:2][1:1] = '{{10},{30}}' where id = 1 returning m
m
{{10,2},{30,4}}
(1 row)
UPDATE 1

> update slices set m[1:2][:1] = '{11,31}' where id = 1 returning m
m
{{11,2},{31,4}}
(1 row)
UPDATE 1

> update slices set m[2][1:2] = '{1,2,3,4}' where id = 1 returning m
m
{{1,2},{3,4}}
(1 row)
UPDATE 1

> update slices set m[1:1] = '{7,8}' where id = 1 returning m
m
{{7,8},{3,4}}
(1 row)
UPDATE 1

> update slices set m[1:3][1:2] = '{7,8,9,10,11,12}' where id = 1
ERROR:  2202E: array subscript out of range

> update slices set m[1:2][1:2][1:2] = '{7,8,9,10,11,12}' where id = 1
ERROR:  2202E: wrong number of array subscripts

> update slices set m[1:2][2:3] = '{7,8,9,10}' where id = 2 returning m
m
[1:2][2:3]={{7,8},{9,10}}
(1 row)
UPDATE 1

> update slices set m[2:1][2:3] = '{7,8,9,10}' where id = 3 returning m
m
{}
(1 row)
UPDATE 1

> update slices set m[1][2:3] = '{7,8,9,10}' where id = 3 returning m
m
[1:1][2:3]={{7,8}}
(1 row)
UPDATE 1

> update slices set v[2:3] = '{abc,d}'::text[] where id = 1 returning v
v
{x,abc,d}
(1 row)
UPDATE 1

> update slices set v[2:3] = '{abcd,d}' where id = 1
ERROR:  22001: value too long for type character varying(3)

> update slices set (a[1:2], a[5], id) = ('{1,2}', '7', 1) where id = 1 returning a
a
[-1:6]={8,9,1,2,1,4,7,6}
(1 row)
UPDATE 1

> update slices set (a[1:2], a[5]) = (select array[8, 9], id) where id = 1 returning a
a
[-1:6]={8,9,8,9,1,4,1,6}
(1 row)
UPDATE 1

> update slices set (a[1:2], a[5]) = (select array[8, 9], true) where id = 1
ERROR:  42804: subscripted assignment to "a" requires type integer but expression is of type boolean
HINT:  You will need to rewrite or cast the expression.

> update slices set (a, a[5]) = ('{1,2}', 7) where id = 1
ERROR:  42601: multiple assignments to same column "a"

> insert into slices (id, a[2], a[3], v[1:2]) values (5, 1, 2, '{a,b}'), (6, null, '7', null) returning id, a, v
id|a|v
5|[2:3]={1,2}|{a,b}
6|[2:3]={NULL,7}|{}
(2 rows)
INSERT 0 2

> insert into slices (a[1], id, a[(select 3)]) select n, n, n + 1 from generate_series(7, 8) n returning id, a
id|a
7|{7,NULL,8}
8|{8,NULL,9}
(2 rows)
INSERT 0 2

> insert into slices (id, v[1]) select 9, 'abcd'
ERROR:  22001: value too long for type character varying(3)

> insert into slices (id, v[1]) select 9, 'abc' returning v
v
{abc}
(1 row)
INSERT 0 1

> insert into slices (id, a[1]) select 10, 1 on conflict do nothing returning a
a
{1}
(1 row)
INSERT 0 1

> insert into slices (id, a[1]) select 10, true
ERROR:  42804: subscripted assignment to "a" requires type integer but expression is of type boolean
HINT:  You will need to rewrite or cast the expression.

> insert into slices (id, a[1]) values (1, 4) on conflict (id) do update set a[1:2] = array[excluded.a[1], slices.a[1]] returning a
a
[-1:6]={8,9,4,8,1,4,1,6}
(1 row)
INSERT 0 1

> insert into slices (id, a[1]) values (10, default)
ERROR:  0A000: cannot set an array element to DEFAULT

> insert into slices (id, a[1], a) values (10, 1, '{2}')
ERROR:  42701: column "a" specified more than once

> insert into slices (id, a, a[1]) values (10, '{2}', 1)
ERROR:  42701: column "a" specified more than once

> insert into slices (id, id[1]) values (10, 1)
ERROR:  42701: column "id" specified more than once

> insert into slices (m[1], id[1]) values (1, 10)
ERROR:  42804: cannot subscript type integer because it does not support subscripting

> insert into slices (id, a[1]) values (10)
ERROR:  42601: INSERT has more target columns than expressions

> insert into slices (id, a[null]) values (10, 1)
ERROR:  22004: array subscript in assignment must not be null

> insert into slices (id, q[1]) values (10, 1)
ERROR:  42703: column "q" of relation "slices" does not exist

> alter table slices alter a set default '{9,9,9}'; insert into slices (id, a[2]) values (11, 1) returning a; insert into slices (id) values (12) returning a
ALTER TABLE
a
[2:2]={1}
(1 row)
INSERT 0 1
a
{9,9,9}
(1 row)
INSERT 0 1

> create table parted (id int generated always as identity, g int[] generated always as (array[1]) stored, d int default 4, a int[])
CREATE TABLE

> insert into parted (g[1]) values (1)
ERROR:  428C9: cannot insert a non-DEFAULT value into column "g"
DETAIL:  Column "g" is a generated column.

> update parted set g[1:1] = '{1}'
ERROR:  428C9: column "g" can only be updated to DEFAULT
DETAIL:  Column "g" is a generated column.

> insert into parted (id, a[1], d) overriding user value values (7, 8, default), (9, 10, default) returning *
id|g|d|a
1|{1}|4|{8}
2|{1}|4|{10}
(2 rows)
INSERT 0 2

> with w as (insert into parted (a[2], a[1]) select 1, 2 returning a) select * from w
a
{2,1}
(1 row)

> drop table slices, parted
DROP TABLE

> create table starred (a int, b text); insert into starred values (1, 'x'); create table given (a int, b text); insert into given values (5, 'u')
CREATE TABLE
INSERT 0 1
CREATE TABLE
INSERT 0 1

> update starred set (a, b) = row(v.*) from given v returning starred.*
a|b
5|u
(1 row)
UPDATE 1

> update starred s set (b, a) = row(s.*) where a is null
ERROR:  42804: column "a" is of type integer but expression is of type text
HINT:  You will need to rewrite or cast the expression.

> update starred s set (b, a) = row(s.a, v.*) from given v
ERROR:  42601: number of columns does not match number of values

> update starred s set (a, b) = (v.*) from given v
ERROR:  0A000: source for a multiple-column UPDATE item must be a sub-SELECT or ROW() expression

> update starred s set (a, b) = row(v) from given v
ERROR:  42601: number of columns does not match number of values

> update starred s set (b) = row(v.*) from given v
ERROR:  42601: number of columns does not match number of values

> update starred s set (b, a) = row(s.*)
ERROR:  42804: column "a" is of type integer but expression is of type text
HINT:  You will need to rewrite or cast the expression.

> update starred s set (b, a) = row((select 'y'), default) returning *
a|b
|y
(1 row)
UPDATE 1

> drop table starred, given
DROP TABLE

> update parts set a[3] = 33 where id = 1 returning a
a
[0:6]={21,100,5,33,NULL,NULL,1}
(1 row)
UPDATE 1

> update parts set a[4] = 44 where id = 2 returning a
a
[0:6]={21,200,5,NULL,44,NULL,2}
(1 row)
UPDATE 1

> select * from parts order by id
id|a|t|m
1|[0:6]={21,100,5,33,NULL,NULL,1}|{abc,y}|{{1,2},{30,4}}
2|[0:6]={21,200,5,NULL,44,NULL,2}|{abc}|[1:1][2:2]={{7}}
(2 rows)

> drop table parts
DROP TABLE

> create table many (id int, v varchar(5), n int default 7)
CREATE TABLE

> insert into many values (generate_series(1, 3), 'x', 1 + generate_series(1, 2)) returning *
id|v|n
1|x|2
2|x|3
3|x|
(3 rows)
INSERT 0 3

> insert into many (v, id) values (upper('ab'), unnest(array[8, 9])) returning *
id|v|n
8|AB|7
9|AB|7
(2 rows)
INSERT 0 2

> insert into many values (generate_series(1, 3), 'toolong')
ERROR:  22001: value too long for type character varying(5)

> insert into many values (generate_series(1, 3), 'a', 1, 2)
ERROR:  42601: INSERT has more expressions than target columns

> insert into many (id, v) values (generate_series(1, 3))
ERROR:  42601: INSERT has more target columns than expressions

> insert into many values (generate_series(1, 3)), (4)
ERROR:  0A000: set-returning functions are not allowed in VALUES

> insert into many values ((select max(x) from generate_series(1, 3) x)) returning id
id
3
(1 row)
INSERT 0 1

> insert into many (id) values (count(*) + generate_series(1, 2))
ERROR:  42803: aggregate functions are not allowed in VALUES

> insert into many (id) values (row_number() over () + generate_series(1, 2))
ERROR:  42P20: window functions are not allowed in VALUES

> drop table many
DROP TABLE

> create table lone (a int, b int)
CREATE TABLE

> update lone set (a) = (7)
ERROR:  0A000: source for a multiple-column UPDATE item must be a sub-SELECT or ROW() expression

> update lone set (a) = row(7), (b) = (select 8)
UPDATE 0

> insert into lone (a) default values
ERROR:  42601: syntax error at or near "default"

> insert into lone overriding system value default values
ERROR:  42601: syntax error at or near "default"

> insert into lone default values
INSERT 0 1

> drop table lone
DROP TABLE

# Foreign keys between columns of unlike types, and what their actions do to rows.
> create table p (id bigint primary key)
CREATE TABLE

> create table c (pid int references p on update cascade, n int)
CREATE TABLE

> insert into p values (1), (2), (4000000000)
INSERT 0 3

> insert into c values (1, 1), (2, 2), (null, 3)
INSERT 0 3

> insert into c values (3, 3)
ERROR:  23503: insert or update on table "c" violates foreign key constraint "c_pid_fkey"
DETAIL:  Key (pid)=(3) is not present in table "p".

> update p set id = 7 where id = 1
UPDATE 1

> delete from p where id = 7
ERROR:  23503: update or delete on table "p" violates foreign key constraint "c_pid_fkey" on table "c"
DETAIL:  Key (id)=(7) is still referenced from table "c".

> select * from c order by n
pid|n
7|1
2|2
|3
(3 rows)

> create table s (pid smallint references p (id) on delete cascade)
CREATE TABLE

> create index on s (pid)
CREATE INDEX

> insert into s values (2)
INSERT 0 1

> delete from c
DELETE 3

> delete from p where id = 2
DELETE 1

> select * from s
pid
(0 rows)

> drop table c, s, p
DROP TABLE

> create table p (id int primary key)
CREATE TABLE

> create table c (pid int references p)
CREATE TABLE

> create index on c (pid)
CREATE INDEX

> insert into p values (1), (2)
INSERT 0 2

> insert into c values (1)
INSERT 0 1

> alter table p alter id type bigint
ALTER TABLE

> delete from p where id = 1
ERROR:  23503: update or delete on table "p" violates foreign key constraint "c_pid_fkey" on table "c"
DETAIL:  Key (id)=(1) is still referenced from table "c".

> insert into c values (2), (2)
INSERT 0 2

> alter table c alter pid type smallint
ALTER TABLE

> delete from p where id = 2
ERROR:  23503: update or delete on table "p" violates foreign key constraint "c_pid_fkey" on table "c"
DETAIL:  Key (id)=(2) is still referenced from table "c".

> insert into c values (5)
ERROR:  23503: insert or update on table "c" violates foreign key constraint "c_pid_fkey"
DETAIL:  Key (pid)=(5) is not present in table "p".

> alter table p alter id type bigint using id + 10
ERROR:  23503: insert or update on table "c" violates foreign key constraint "c_pid_fkey"
DETAIL:  Key (pid)=(1) is not present in table "p".

> alter table c alter pid type bigint using pid + 10
ERROR:  23503: insert or update on table "c" violates foreign key constraint "c_pid_fkey"
DETAIL:  Key (pid)=(11) is not present in table "p".

> alter table c alter pid type text
ERROR:  42804: foreign key constraint "c_pid_fkey" cannot be implemented
DETAIL:  Key columns "pid" and "id" are of incompatible types: text and bigint.

> select * from c order by pid
pid
1
2
2
(3 rows)

> drop table c, p
DROP TABLE

> create table p (id char(5) primary key)
CREATE TABLE

> create table c (pid char(3) references p on update cascade on delete cascade)
CREATE TABLE

> insert into p values ('a'), ('b')
INSERT 0 2

> insert into c values ('a'), ('b')
INSERT 0 2

> update p set id = 'x' where id = 'a'
UPDATE 1

> delete from p where id = 'x'
DELETE 1

> select * from c
pid
b  
(1 row)

> drop table c, p
DROP TABLE

> create table p (id varchar(10) primary key)
CREATE TABLE

> create table c (pid text references p on update cascade, q varchar(3) references p on update cascade)
CREATE TABLE

> insert into p values ('a'), ('b')
INSERT 0 2

> insert into c values ('a', 'b')
INSERT 0 1

> update p set id = 'abc' where id = 'a'
UPDATE 1

> update p set id = 'abd' where id = 'b'
UPDATE 1

> select * from c
pid|q
abc|abd
(1 row)

> drop table c, p
DROP TABLE

> create table p (id text primary key)
CREATE TABLE

> insert into p values ('a'), ('a::b'), ('it''s'), ('AB'), ('z')
INSERT 0 5

> create table c (n int, pid text default 'a::b' references p on delete set default)
CREATE TABLE

> insert into c values (1, 'a')
INSERT 0 1

> delete from p where id = 'a'
DELETE 1

> select * from c
n|pid
1|a::b
(1 row)

> alter table c alter pid set default 'it''s'
ALTER TABLE

> delete from p where id = 'a::b'
DELETE 1

> select * from c
n|pid
1|it's
(1 row)

> alter table c alter pid set default upper('a') || 'B'
ALTER TABLE

> delete from p where id = 'it''s'
DELETE 1

> select * from c
n|pid
1|AB
(1 row)

> alter table c alter pid set default 'gone'
ALTER TABLE

> delete from p where id = 'AB'
ERROR:  23503: insert or update on table "c" violates foreign key constraint "c_pid_fkey"
DETAIL:  Key (pid)=(gone) is not present in table "p".

> alter table c alter pid drop default
ALTER TABLE

> delete from p where id = 'AB'
DELETE 1

> select * from c
n|pid
1|
(1 row)

> drop table c, p
DROP TABLE

> create sequence q start 5
CREATE SEQUENCE

> create table p (id int primary key)
CREATE TABLE

> insert into p values (1), (5), (6)
INSERT 0 3

> create table c (pid int default nextval('q') references p on delete set default on update cascade, twice int generated always as (pid * 2) stored, check (pid < 100), check (twice <> 12))
CREATE TABLE

> create index on c (twice)
CREATE INDEX

> insert into c (pid) values (1)
INSERT 0 1

> delete from p where id = 1
DELETE 1

> select * from c
pid|twice
5|10
(1 row)

> select pid from c where twice = 10
pid
5
(1 row)

> update p set id = 50 where id = 5
UPDATE 1

> select pid from c where twice = 100
pid
50
(1 row)

> select * from c
pid|twice
50|100
(1 row)

> drop table c, p
DROP TABLE

> create table p (a int unique, b int unique)
CREATE TABLE

> create table c (a int references p (a) on update cascade, b int references p (b) on update cascade, u int unique, primary key (a, b))
CREATE TABLE

> insert into p values (1, 1)
INSERT 0 1

> insert into c values (1, 1, 7)
INSERT 0 1

> update p set a = 2, b = 2
UPDATE 1

> select * from c where u = 7
a|b|u
2|2|7
(1 row)

> select * from c where a = 2 and b = 2
a|b|u
2|2|7
(1 row)

> drop table c, p
DROP TABLE

# A default that is what was there leaves the child where it was.
> create table p (id int primary key)
CREATE TABLE

> create table c (n int, p int default 1 references p on delete set default on update set default)
CREATE TABLE

> insert into p values (1), (2)
INSERT 0 2

> insert into c values (1, 1), (2, 2)
INSERT 0 2

> delete from p where id = 1
ERROR:  23503: update or delete on table "p" violates foreign key constraint "c_p_fkey" on table "c"
DETAIL:  Key (id)=(1) is still referenced from table "c".

> update p set id = 5 where id = 1
ERROR:  23503: update or delete on table "p" violates foreign key constraint "c_p_fkey" on table "c"
DETAIL:  Key (id)=(1) is still referenced from table "c".

> delete from p where id = 2
DELETE 1

> select * from c order by n
n|p
1|1
2|1
(2 rows)

> update p set id = -id
ERROR:  23503: update or delete on table "p" violates foreign key constraint "c_p_fkey" on table "c"
DETAIL:  Key (id)=(1) is still referenced from table "c".

> drop table c, p
DROP TABLE

> create table p (id int, x int, unique (id, x))
CREATE TABLE

> create table c (n int, a int default 1, b int default 1, foreign key (a, b) references p (id, x) on delete set default on update set default)
CREATE TABLE

> create index on c (b, a)
CREATE INDEX

> insert into p values (1, 1), (1, 2)
INSERT 0 2

> insert into c values (1, 1, 1), (2, 1, 2)
INSERT 0 2

> update p set x = x + 1
ERROR:  23505: duplicate key value violates unique constraint "p_id_x_key"
DETAIL:  Key (id, x)=(1, 2) already exists.

> select * from c order by n
n|a|b
1|1|1
2|1|2
(2 rows)

> delete from p where x = 3
DELETE 0

> delete from p
ERROR:  23503: update or delete on table "p" violates foreign key constraint "c_a_b_fkey" on table "c"
DETAIL:  Key (id, x)=(1, 1) is still referenced from table "c".

> update c set a = null
UPDATE 2

> delete from p
DELETE 2

> drop table c, p
DROP TABLE

# Foreign keys are judged when all parts of a statement have written.
> create table p (id int primary key, x int)
CREATE TABLE

> create table c (id int primary key, p int references p)
CREATE TABLE

> with x as (insert into c values (1, 1)) insert into p values (1, 0)
INSERT 0 1

> with d as (delete from p where id = 1) delete from c where p = 1
DELETE 1

> with x as (insert into c values (1, 1) returning *), y as (insert into p values (1, 0)) select * from x
id|p
1|1
(1 row)

> with d as (delete from p where id = 1) select 1
ERROR:  23503: update or delete on table "p" violates foreign key constraint "c_p_fkey" on table "c"
DETAIL:  Key (id)=(1) is still referenced from table "c".

> with d as (delete from p where id = 1), e as (delete from c where p = 1) select 1
?column?
1
(1 row)

> with x as (insert into c values (1, 1)) update p set x = 1
ERROR:  23503: insert or update on table "c" violates foreign key constraint "c_p_fkey"
DETAIL:  Key (p)=(1) is not present in table "p".

> with x as (insert into c values (1, 1)) insert into p values (2, 0)
ERROR:  23503: insert or update on table "c" violates foreign key constraint "c_p_fkey"
DETAIL:  Key (p)=(1) is not present in table "p".

> insert into p values (3, 0)
INSERT 0 1

> with x as (insert into c values (1, 1)) update p set id = 1 where id = 3
UPDATE 1

> with x as (update p set id = 2 where id = 1) update c set p = 2
UPDATE 1

> select p.id, c.* from p, c
id|id|p
2|1|2
(1 row)

> drop table c
DROP TABLE

> create table c (id int primary key, p int references p on delete cascade)
CREATE TABLE

> with x as (delete from p where id = 2) insert into c values (1, 2)
ERROR:  23503: insert or update on table "c" violates foreign key constraint "c_p_fkey"
DETAIL:  Key (p)=(2) is not present in table "p".

> insert into p values (2, 0)
ERROR:  23505: duplicate key value violates unique constraint "p_pkey"
DETAIL:  Key (id)=(2) already exists.

> with x as (insert into c values (1, 2)) delete from p where id = 2
DELETE 1

> select * from c
id|p
(0 rows)

> drop table c, p
DROP TABLE

# A child that an action took along, or away, is not judged by what it was.
> create table t (id int primary key, parent int references t on update cascade on delete cascade)
CREATE TABLE

> insert into t values (1, null), (2, 1), (3, null)
INSERT 0 3

> update t set id = id + 10, parent = case id when 3 then 1 else parent end
UPDATE 3

> select * from t order by id
id|parent
11|
12|11
13|11
(3 rows)

> update t set id = id + 10, parent = case id when 13 then 99 else parent end
ERROR:  23503: insert or update on table "t" violates foreign key constraint "t_parent_fkey"
DETAIL:  Key (parent)=(99) is not present in table "t".

> delete from t where id = 11
DELETE 1

> select * from t
id|parent
(0 rows)

> create table g (id int primary key)
CREATE TABLE

> create table c (id int primary key, g int references g on delete cascade, h int references g on update cascade)
CREATE TABLE

> insert into g values (1), (2)
INSERT 0 2

> with x as (insert into c values (1, 1, 77)) delete from g where id = 1
DELETE 1

> select * from c
id|g|h
(0 rows)

> insert into g values (1)
INSERT 0 1

> with x as (insert into c values (1, 1, 77), (2, 2, 78)) delete from g where id = 1
ERROR:  23503: insert or update on table "c" violates foreign key constraint "c_h_fkey"
DETAIL:  Key (h)=(78) is not present in table "g".

> with x as (insert into c values (1, null, 2)) update g set id = 3 where id = 2
UPDATE 1

> select * from c
id|g|h
1||3
(1 row)

> with x as (insert into c values (2, null, 4)) update g set id = 4 where id = 3
UPDATE 1

> select * from c order by id
id|g|h
1||4
2||4
(2 rows)

> insert into g values (5)
INSERT 0 1

> with x as (delete from g where id = 5), y as (insert into c values (5, 5)) select 1
ERROR:  23503: insert or update on table "c" violates foreign key constraint "c_g_fkey"
DETAIL:  Key (g)=(5) is not present in table "g".

> with y as (insert into c values (5, 5)), x as (delete from g where id = 5) select 1
?column?
1
(1 row)

> select * from c order by id
id|g|h
1||4
2||4
(2 rows)

> drop table c, g, t
DROP TABLE

# A table that refers to its own name refers to what the search path will find.
> create schema near
CREATE SCHEMA

> create schema far
CREATE SCHEMA

> create table far.node (id int primary key, up int references node)
ERROR:  42P01: relation "node" does not exist

> create table far.node (id int primary key, up int references far.node)
CREATE TABLE

> set search_path = near, far
SET

> create table node (id int primary key, up int references node)
CREATE TABLE

> select conrelid::regclass, confrelid::regclass from pg_constraint where contype = 'f' and conrelid = 'near.node'::regclass
conrelid|confrelid
node|node
(1 row)

> insert into node values (1, 1)
INSERT 0 1

> set search_path = far, near
SET

> create table leaf (id int primary key)
CREATE TABLE

> create table near.leaf (id int references leaf)
CREATE TABLE

> select confrelid::regclass from pg_constraint where contype = 'f' and conrelid = 'near.leaf'::regclass
confrelid
leaf
(1 row)

> reset search_path
RESET

> drop table near.leaf, near.node, far.leaf, far.node
DROP TABLE

> drop schema near
DROP SCHEMA

> drop schema far
DROP SCHEMA

# A time of day is no day, and no operator compares the two.
> create table clock (a time primary key)
CREATE TABLE

> create table refers (a date references clock)
ERROR:  42804: foreign key constraint "refers_a_fkey" cannot be implemented
DETAIL:  Key columns "a" and "a" are of incompatible types: date and time without time zone.

> drop table clock
DROP TABLE

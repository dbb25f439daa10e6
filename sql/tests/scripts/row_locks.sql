# FOR UPDATE and its kin: what cannot be locked, and what is yielded.
> create table t (id int primary key, x int)
CREATE TABLE

> create table u (id int primary key, t int)
CREATE TABLE

> insert into t values (1, 10), (2, 20)
INSERT 0 2

> insert into u values (1, 1), (2, 5)
INSERT 0 2

> create view v as select id, x * 2 as d from t
CREATE VIEW

> create view g as select count(*) as n from t
CREATE VIEW

> select * from v where d = 20 for update
id|d
1|20
(1 row)

> select d, v from v for share of v
d|v
20|(1,20)
40|(2,40)
(2 rows)

> select id from t order by x + random() * 0 desc for update
id
2
1
(2 rows)

> select id, x + 0 * random() as r from t order by r desc limit 1 for update
id|r
2|20
(1 row)

> select id from t order by random() < 2, id desc for update
id
2
1
(2 rows)

> select * from g for update
ERROR:  0A000: FOR UPDATE is not allowed with aggregate functions

> select * from (select distinct x from t) s for update
ERROR:  0A000: FOR UPDATE is not allowed with DISTINCT clause

> select * from (select x from t union select t from u) s for update
ERROR:  0A000: FOR UPDATE is not allowed with UNION/INTERSECT/EXCEPT

> select * from (select x from t group by x) s for update of s
ERROR:  0A000: FOR UPDATE is not allowed with GROUP BY clause

> values (1) for update
ERROR:  0A000: FOR UPDATE cannot be applied to VALUES

> select * from (values (1), (2)) s (a) for update
a
1
2
(2 rows)

> select * from (values (1), (2)) s (a) for update of s
a
1
2
(2 rows)

> select * from generate_series(1, 2) g for update
g
1
2
(2 rows)

> select * from generate_series(1, 2) g for update of g
ERROR:  0A000: FOR UPDATE cannot be applied to a function

> with s as (select * from t) select * from s for update
id|x
1|10
2|20
(2 rows)

> with s as (select * from t) select * from s for update of s
ERROR:  0A000: FOR UPDATE cannot be applied to a WITH query

> select * from t for update of nosuch
ERROR:  42P01: relation "nosuch" in FOR UPDATE clause not found in FROM clause

> select * from (t join u on u.t = t.id) as jt (a, b, c, d) for update of jt
ERROR:  0A000: FOR UPDATE cannot be applied to a join

> select * from (t join u on u.t = t.id) as jt (a, b, c, d) for update of t
a|b|c|d
1|10|1|1
(1 row)

> select * from t left join u on u.t = t.id for update
ERROR:  0A000: FOR UPDATE cannot be applied to the nullable side of an outer join

> select * from t left join u on u.t = t.id for no key update of u
ERROR:  0A000: FOR NO KEY UPDATE cannot be applied to the nullable side of an outer join

> select * from t left join u on u.t = t.id for update of t
id|x|id|t
1|10|1|1
2|20||
(2 rows)

> select * from t right join u on u.t = t.id for share of t
ERROR:  0A000: FOR SHARE cannot be applied to the nullable side of an outer join

> select * from t full join u on u.t = t.id for update of t
ERROR:  0A000: FOR UPDATE cannot be applied to the nullable side of an outer join

> select * from t left join v on v.id = t.id for update of v
ERROR:  0A000: FOR UPDATE cannot be applied to the nullable side of an outer join

> select * from t left join (select * from u limit 1) s on s.t = t.id for update of s
ERROR:  0A000: FOR UPDATE cannot be applied to the nullable side of an outer join

> select * from t left join generate_series(1, 1) g on g = t.id for update
id|x|g
1|10|1
2|20|
(2 rows)

> select * from t left join u on u.t = t.id where u.id > 0 for update
id|x|id|t
1|10|1|1
(1 row)

> select * from t left join u on u.t = t.id where u.id > 0 or u.t = 1 for update
id|x|id|t
1|10|1|1
(1 row)

> select * from t left join u on u.t = t.id where u.id > 0 or t.x = 10 for update
ERROR:  0A000: FOR UPDATE cannot be applied to the nullable side of an outer join

> select * from t left join u on u.t = t.id where u.id is not null for update
id|x|id|t
1|10|1|1
(1 row)

> select * from t left join u on u.t = t.id where u.id is null for update
ERROR:  0A000: FOR UPDATE cannot be applied to the nullable side of an outer join

> select * from t left join u on u.t = t.id where coalesce(u.id, 1) = 1 for update
ERROR:  0A000: FOR UPDATE cannot be applied to the nullable side of an outer join

> select * from (t left join u on u.t = t.id) join t t2 on t2.id = u.id for update
id|x|id|t|id|x
1|10|1|1|1|10
(1 row)

> select * from t left join (u join t t2 on t2.id = u.t) on u.t = t.id where t2.x = 10 for update
id|x|id|t|id|x
1|10|1|1|1|10
(1 row)

> begin read only
BEGIN

> select * from (select * from t for update) s
ERROR:  25006: cannot execute SELECT FOR UPDATE in a read-only transaction

> rollback
ROLLBACK

> begin read only
BEGIN

> select * from t, u for share of t for update of u
ERROR:  25006: cannot execute SELECT FOR SHARE in a read-only transaction

> rollback
ROLLBACK

> begin read only
BEGIN

> select * from t for no key update
ERROR:  25006: cannot execute SELECT FOR NO KEY UPDATE in a read-only transaction

> rollback
ROLLBACK

> begin read only
BEGIN

> with a as (insert into u values (3, 9) returning id) select * from t for key share
ERROR:  25006: cannot execute SELECT FOR KEY SHARE in a read-only transaction

> rollback
ROLLBACK

> begin read only
BEGIN

> copy (select * from t for update) to stdout
ERROR:  25006: cannot execute SELECT FOR UPDATE in a read-only transaction

> rollback
ROLLBACK

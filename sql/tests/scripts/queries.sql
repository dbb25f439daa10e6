# Operators of the row executor.
> create table p (id int primary key, g text, x int)
CREATE TABLE

> insert into p values (1, 'a', 10), (2, 'a', 20), (3, 'b', 5), (4, 'b', null), (5, null, 7)
INSERT 0 5

> select g, count(*), count(x), sum(x), min(x), max(x) from p group by g order by g
g|count|count|sum|min|max
a|2|2|30|10|20
b|2|1|5|5|5
|1|1|7|7|7
(3 rows)

> select p.id, q.id from p join p q on p.x < q.x order by 1, 2
id|id
1|2
3|1
3|2
3|5
5|1
5|2
(6 rows)

> select p.id, q.g from p left join (select * from p where g = 'b') q on p.id = q.id order by 1
id|g
1|
2|
3|b
4|b
5|
(5 rows)

> select id from p where x in (select x from p where g = 'a') order by id
id
1
2
(2 rows)

> select id from p where x not in (select x from p where g = 'b') order by id
id
(0 rows)

> select id, (select max(x) from p i where i.g = o.g) m from p o order by id
id|m
1|20
2|20
3|5
4|5
5|
(5 rows)

> select distinct g from p order by g
g
a
b
(3 rows)

> select id, row_number() over (partition by g order by id) from p order by id
id|row_number
1|1
2|2
3|1
4|2
5|1
(5 rows)

> select id, sum(x) over (order by id) from p order by id
id|sum
1|10
2|30
3|35
4|35
5|42
(5 rows)

> select x from p union select id from p order by 1
x
1
2
3
4
5
7
10
20
(9 rows)

> select id from p except select 3 order by 1
id
1
2
4
5
(4 rows)

> select id from p order by x desc nulls last limit 2 offset 1
id
1
5
(2 rows)

> with recursive r(n) as (select 1 union all select n + 1 from r where n < 5) select sum(n) from r
sum
15
(1 row)

> select * from generate_series(1, 3) g
g
1
2
3
(3 rows)

> select exists (select 1 from p where x > 15), array(select id from p order by id desc)
exists|array
t|{5,4,3,2,1}
(1 row)

> select case when id > 3 then 'big' else 'small' end k, count(*) from p group by 1 order by 1
k|count
big|2
small|3
(2 rows)

> values (1, 'x'), (2, 'y')
column1|column2
1|x
2|y
(2 rows)

> select coalesce(g, '?'), nullif(id, 3), greatest(id, x) from p order by id
coalesce|nullif|greatest
a|1|10
a|2|20
b||5
b|4|4
?|5|7
(5 rows)

> select * from p where id = 99
id|g|x
(0 rows)

> select 1/0
ERROR:  22012: division by zero

> select count(distinct g), string_agg(g, ',' order by id desc) from p
count|string_agg
2|b,b,a,a
(1 row)

> select * from p a, lateral (select a.id * 2 as twice) l where a.id < 3 order by 1
id|g|x|twice
1|a|10|2
2|a|20|4
(2 rows)

> select (select id from p)
ERROR:  21000: more than one row returned by a subquery used as an expression

> select 1 where null
?column?
(0 rows)

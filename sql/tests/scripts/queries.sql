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

# What a LATERAL query sees, the queries in its FROM see; of its own FROM they see nothing.
> select a.id, l.* from p a, lateral (select * from (select a.x) s) l where a.id < 3 order by 1
id|x
1|10
2|20
(2 rows)

> select a.id, l.* from p a, lateral (select * from (select a.x) s, (select a.id + 1) t, lateral (select s.x + a.id) u) l where a.id < 3 order by 1
id|x|?column?|?column?
1|10|2|11
2|20|3|22
(2 rows)

> select a.id, l.* from p a, lateral (select * from (select * from (select a.x) r) s) l where a.id < 3 order by 1
id|x
1|10
2|20
(2 rows)

> select a.id, l.* from p a, lateral (select b.id, s.z from p b, (select a.id + 1) s(z) where b.id < 3) l where a.id < 3 order by 1, 2
id|id|z
1|1|2
1|2|2
2|1|3
2|2|3
(4 rows)

> select a.id, l.* from p a, lateral (select a.id, s.z from p a, (select a.id + 10) s(z) where a.id < 3) l where a.id < 3 order by 1, 2
id|id|z
1|1|11
1|2|11
2|1|12
2|2|12
(4 rows)

> select a.id, z from p a left join lateral (select * from (select a.x + 1 as z) s) l on l.z = 11 where a.id < 3 order by 1
id|z
1|11
2|
(2 rows)

> select a.id, l.* from p a, generate_series(1, a.id) n, lateral (select * from (select n + a.x) s) l where a.id < 3 order by 1, 2
id|?column?
1|11
2|21
2|22
(3 rows)

> select a.id, l.* from p a, lateral (select count(*) from (select a.x union all select 3) s) l where a.id < 3 order by 1
id|count
1|2
2|2
(2 rows)

> select a.id, l.* from p a, lateral (with w as (select s.x from (select a.x) s) select * from w) l where a.id < 3 order by 1
id|x
1|10
2|20
(2 rows)

> select (select z from p b, (select a.x as z) s where b.id = 1) from p a where id < 3 order by 1
z
10
20
(2 rows)

> select * from (select 5 as m) o, lateral (select * from (select 6 as k) i1, (select * from (select o.m) i2) i3) l
m|k|m
5|6|5
(1 row)

> select * from p a, lateral (select * from (select a.x) s, (select s.x) t) l
ERROR:  42P01: invalid reference to FROM-clause entry for table "s"
HINT:  There is an entry for table "s", but it cannot be referenced from this part of the query.

> select * from p a, lateral (select * from p b, (select b.x + 1) s) l
ERROR:  42P01: invalid reference to FROM-clause entry for table "b"
HINT:  There is an entry for table "b", but it cannot be referenced from this part of the query.

> select * from p a, lateral (select * from p c join (select a.x, c.x) s on true) l
ERROR:  42P01: invalid reference to FROM-clause entry for table "c"
HINT:  There is an entry for table "c", but it cannot be referenced from this part of the query.

> select * from p a, (select * from (select a.x) s) l
ERROR:  42P01: invalid reference to FROM-clause entry for table "a"
HINT:  There is an entry for table "a", but it cannot be referenced from this part of the query.

> select * from p a, (select * from lateral (select a.x) s) l
ERROR:  42P01: invalid reference to FROM-clause entry for table "a"
HINT:  There is an entry for table "a", but it cannot be referenced from this part of the query.

> select * from p a, (with w as (select a.x) select * from w) l
ERROR:  42P01: invalid reference to FROM-clause entry for table "a"
HINT:  There is an entry for table "a", but it cannot be referenced from this part of the query.

> select (select z from p b, (select b.x as z) s where b.id = 1) from p a
ERROR:  42P01: invalid reference to FROM-clause entry for table "b"
HINT:  There is an entry for table "b", but it cannot be referenced from this part of the query.

> select * from p a right join lateral (select * from (select a.x) s) l on true
ERROR:  42P10: invalid reference to FROM-clause entry for table "a"
DETAIL:  The combining JOIN type must be INNER or LEFT for a LATERAL reference.

> select * from p a full join lateral (select id) l on true
ERROR:  42P10: invalid reference to FROM-clause entry for table "a"
DETAIL:  The combining JOIN type must be INNER or LEFT for a LATERAL reference.

> select * from p a, (select x from (select 1) s) l
ERROR:  42703: column "x" does not exist
HINT:  There is a column named "x" in table "a", but it cannot be referenced from this part of the query.

> select (select id from p)
ERROR:  21000: more than one row returned by a subquery used as an expression

> select 1 where null
?column?
(0 rows)

# A row compared with the row of a subquery.
> select id from p where (g, x) = (select 'a', 20)
id
2
(1 row)

> select (1, 2) = (select 1, 2), (1, 2) <> (select 1, 3), (1, 2) < (select 1, 3), (1, 2) >= (select 1, 3), row(1) = (select 1)
?column?|?column?|?column?|?column?|?column?
t|t|t|f|t
(1 row)

> select (1, 2) = (select 1, 2 where false) is null, (1, 2) = (select 1, null::int) is null, (1, 2) = (select 2, null::int)
?column?|?column?|?column?
t|t|f
(1 row)

> select (1, 2) = (select id, x from p)
ERROR:  21000: more than one row returned by a subquery used as an expression

> select id from p o where (g, x) >= (select g, max(x) from p i where i.g = o.g group by g) order by id
id
2
3
(2 rows)

> select (1, 2) = (select 1)
ERROR:  42601: subquery has too few columns

> select (1, 2) = (select 1, 2, 3)
ERROR:  42601: subquery has too many columns

> select (1, 2) + (select 1, 2)
ERROR:  42804: row comparison operator must yield type boolean, not type integer

> select ('a', 'b') ~~ (select 'a', 'b')
ERROR:  0A000: could not determine interpretation of row comparison operator ~~
HINT:  Row comparison operators must be associated with btree operator families.

> select 1 + any (select 1)
ERROR:  42804: row comparison operator must yield type boolean, not type integer

> select (2, 1) < any (select 1, 5 union select 2, 2), (2, 1) > all (select 1, 5 union select 2, 0)
?column?|?column?
t|t
(1 row)

> select g, (g, count(*)) = (select 'a', 2) from p group by g order by g
g|?column?
a|t
b|f
|f
(3 rows)

# Grouped expressions beside subqueries.
> select upper(g) in (select upper(g) from p where x > 15), count(*) from p group by upper(g) order by 1
?column?|count
f|2
t|2
|1
(3 rows)

> select upper(g) from p group by upper(g) having upper(g) <> all (select 'B') order by 1
upper
A
(1 row)

> select (upper(g), 1) = (select 'A', 1), count(*) from p group by upper(g) order by 1
?column?|count
f|2
t|2
|1
(3 rows)

> select g in (select 'a') from p group by upper(g)
ERROR:  42803: column "p.g" must appear in the GROUP BY clause or be used in an aggregate function

> select (select upper(p.g)) from p group by upper(g)
ERROR:  42803: subquery uses ungrouped column "p.g" from outer query

> select count(*) + 1 in (select 3), g from p group by g order by g
?column?|g
t|a
t|b
f|
(3 rows)

# Columns that depend on a grouped primary key, with grouping sets.
> select id, g, count(*) from p group by grouping sets ((id), (id, x)) having id < 3 order by 1, 2, 3
id|g|count
1|a|1
1|a|1
2|a|1
2|a|1
(4 rows)

> select id, g from p group by rollup (id)
ERROR:  42803: column "p.g" must appear in the GROUP BY clause or be used in an aggregate function

> select id, upper(g) from p group by id, rollup (x) order by 1, 2
id|upper
1|A
1|A
2|A
2|A
3|B
3|B
4|B
4|B
5|
5|
(10 rows)

# GROUPING: a bit for each argument, set where the row's grouping set leaves it out.
> select g, x, grouping(g) a, grouping(x) b, grouping(g, x) c, grouping(x, g), count(*) from p group by rollup (g, x) order by 5, 1, 2
g|x|a|b|c|grouping|count
a|10|0|0|0|0|1
a|20|0|0|0|0|1
b|5|0|0|0|0|1
b||0|0|0|0|1
|7|0|0|0|0|1
a||0|1|1|2|2
b||0|1|1|2|2
||0|1|1|2|1
||1|1|3|3|5
(9 rows)

> select grouping(g, x), count(*) from p group by grouping sets ((g), (x), (x), ()) order by 1, 2
grouping|count
1|1
1|2
1|2
2|1
2|1
2|1
2|1
2|1
2|1
2|1
2|1
2|1
2|1
3|5
(14 rows)

> select g, grouping(g) from p group by g order by 1
g|grouping
a|0
b|0
|0
(3 rows)

> select case grouping(g) when 1 then 'all' else g end, sum(x) from p group by rollup (g) order by grouping(g) desc, 1
g|sum
all|42
a|30
b|5
|7
(4 rows)

> select g from p group by rollup (g) having grouping(g) = 1
g
(1 row)

> select distinct grouping(g) from p group by cube (g, x) order by grouping(g)
grouping
0
1
(2 rows)

> select x % 2, grouping(x % 2) + 1, sum(count(*)) over (partition by grouping(x % 2)) from p group by rollup (x % 2) order by 1
?column?|?column?|sum
0|1|5
1|1|5
|1|5
|2|5
(4 rows)

> select g, (select grouping(g) + n from (values (1)) v(n) group by n) from p group by rollup (g) order by 1, 2
g|?column?
a|1
b|1
|1
|2
(4 rows)

> select g from p group by rollup (g) having exists (select 1 where grouping(g) = 1)
g
(1 row)

> select grouping(g, x) from p where false group by rollup (g, x)
grouping
3
(1 row)

> select id, g, grouping(id) from p group by id, rollup (x) having id = 1 order by 1, 2
id|g|grouping
1|a|0
1|a|0
(2 rows)

> select grouping(g) from p group by id
ERROR:  42803: arguments to GROUPING must be grouping expressions of the associated query level

> select grouping(g) from p
ERROR:  42803: arguments to GROUPING must be grouping expressions of the associated query level

> select grouping(x + 1) from p group by x
ERROR:  42803: arguments to GROUPING must be grouping expressions of the associated query level

> select id from p where grouping(id) = 0 group by id
ERROR:  42803: grouping operations are not allowed in WHERE

> select sum(grouping(g)) from p group by g
ERROR:  42803: aggregate function calls cannot be nested

> select grouping(sum(x)) from p group by g
ERROR:  42803: aggregate function calls cannot be nested

> select grouping(x) from p group by 1
ERROR:  42803: aggregate functions are not allowed in GROUP BY

> select grouping(g,g,g,g,g,g,g,g,g,g,g,g,g,g,g,g,g,g,g,g,g,g,g,g,g,g,g,g,g,g,g) from p group by cube (g) order by 1 desc limit 1
grouping
2147483647
(1 row)

> select grouping(g,g,g,g,g,g,g,g,g,g,g,g,g,g,g,g,g,g,g,g,g,g,g,g,g,g,g,g,g,g,g,g) from p group by g
ERROR:  54023: GROUPING must have fewer than 32 arguments

> with recursive r(n) as (select 1 union all select grouping(n) from r group by n) select * from r limit 3
ERROR:  42P19: aggregate functions are not allowed in a recursive query's recursive term

> select id, g from p group by cube (id, x)
ERROR:  42803: column "p.g" must appear in the GROUP BY clause or be used in an aggregate function

# A constant that is a key is null where the row's grouping set leaves it out; what is equal to it is not.
> select * from (select 1 as a, count(*) from p group by rollup (1)) s order by 1
a|count
1|5
|5
(2 rows)

> select * from (select 1 as a, 1 as b, count(*) from p group by rollup (a)) s order by 1
a|b|count
1|1|5
|1|5
(2 rows)

> select * from (select 'x' as a, g, count(*) from p group by rollup (a, g)) s order by 1, 2, 3
a|g|count
x|a|2
x|b|2
x||1
x||5
||5
(5 rows)

> select * from (select 'x' as a, g, count(*) from p group by cube (g, a)) s order by 1, 2, 3
a|g|count
x|a|2
x|b|2
x||1
x||5
|a|2
|b|2
||1
||5
(8 rows)

> select * from (select 'x'::text as a, 'x'::text || 'y', count(*) from p group by rollup ('x'::text)) s order by 1
a|?column?|count
x|xy|5
|xy|5
(2 rows)

> select 'x' as a, count(*) from p group by cube (a) union all select null, 0 order by 2, 1
a|count
|0
x|5
|5
(3 rows)

> select * from (select 'x' as a from p group by grouping sets ((a), ()) having 'x' = 'x') s order by a nulls first
a
x
(2 rows)

> select distinct 1 as a, grouping(1) from p group by rollup (1) order by a
a|grouping
1|0
|1
(2 rows)

> select true as a, count(*) from p where false group by rollup (a)
a|count
|0
(1 row)

> select 1 as a, id, count(*) from p where id < 3 group by a, rollup (id) order by id
a|id|count
1|1|1
1|2|1
1||2
(3 rows)

# ORDER BY means an item of the list, and not one that is equal to it.
> select 1 as b, g, count(*) from p group by rollup (g) order by b, g limit 2
b|g|count
1|a|2
1|b|2
(2 rows)

> select b, g, count from (select 1 as a, 1 as b, g, count(*) from p group by rollup (a), g order by b, g limit 3) s
b|g|count
1|a|2
1|a|2
1|b|2
(3 rows)

> select b, g, count from (select 1 as a, 1 as b, g, count(*) from p group by rollup (a), g order by 2, g limit 3) s
b|g|count
1|a|2
1|a|2
1|b|2
(3 rows)

> select g from (select distinct on (a) 1 as a, g, count(*) from p group by rollup (a), g order by a, g) s
g
a
(1 row)

> select count(*) from (select distinct on (a) 1 as a, g, count(*) from p group by rollup (a), g) s
count
1
(1 row)

# Items of the list that are equal constants are keys of their own.
> select * from (select 1 as a, 1 as b, count(*) from p group by rollup (a, b)) s order by 1, 2
a|b|count
1|1|5
1||5
||5
(3 rows)

> select * from (select 5 as k, 5 as l, count(*) from p group by grouping sets ((k), (l))) s order by 1, 2
k|l|count
5||5
|5|5
(2 rows)

> select * from (select 5 as k, 5 as l, count(*) from p group by grouping sets ((1), (2), (l))) s order by 1, 2
k|l|count
5||5
|5|5
|5|5
(3 rows)

> select * from (select 1 as a, 1 as b, count(*) from p group by cube (1, 2)) s order by 1, 2
a|b|count
1|1|5
1||5
|1|5
||5
(4 rows)

> select * from (select numeric '1.0' as a, numeric '1.00' as b, count(*) from p group by a, rollup (b)) s order by 1, 2
a|b|count
1.0|1.00|5
1.0||5
(2 rows)

> select * from (select count(*), grouping('x'::text) from p group by rollup ('x'::text), rollup ('x'::text)) s order by 2
count|grouping
5|0
5|0
5|0
5|1
(4 rows)

> select * from (select 'x'::text as a, 'x'::text as b, count(*) from p group by rollup ('x'::text, b)) s order by 1, 2
a|b|count
x|x|5
x||5
||5
(3 rows)

> prepare rolled (int) as select * from (select $1 as a, $1 + 1 as b, count(*) from p group by rollup (a)) s order by 1
PREPARE

> execute rolled (7)
a|b|count
7|8|5
|8|5
(2 rows)

> deallocate rolled
DEALLOCATE

# One expression in the list twice is two keys, each null in rows of its own.
> select * from (select g as a, g as b, count(*), grouping(g) from p group by rollup (1, 2)) s order by 1, 2, 3
a|b|count|grouping
a|a|2|0
a||2|0
b|b|2|0
b||2|0
||1|0
||1|0
||5|1
(7 rows)

> select * from (select g as a, g as b, g || '!' as c, g as d, count(*), grouping(g) from p group by rollup (2, 1)) s order by 1, 2, 5
a|b|c|d|count|grouping
a|a|a!|a|2|0
b|b|b!|b|2|0
|a|||2|0
|b|||2|0
||||1|0
||||1|0
||||5|1
(7 rows)

> select * from (select g as a, g as b, count(*) from p where g is not null group by grouping sets ((a), (b), ())) s order by 1, 2
a|b|count
a||2
b||2
|a|2
|b|2
||4
(5 rows)

> select * from (select g as a, g as b, count(*) from p group by rollup (1, 2) having g = 'a') s order by 1, 2
a|b|count
a|a|2
a||2
(2 rows)

> select * from (select g as a, g as b, (select g), rank() over (order by g) from p group by rollup (2, 1)) s order by 1, 2
a|b|g|rank
a|a|a|1
b|b|b|2
|a||3
|b||3
|||3
|||3
|||3
(7 rows)

> select * from (select x + 1 as a, x + 1 as b, x + 1 + 1 as c, count(*) from p group by cube (1, 2)) s order by 1, 2, 3, 4
a|b|c|count
6|6|7|1
6||7|1
8|8|9|1
8||9|1
11|11|12|1
11||12|1
21|21|22|1
21||22|1
|6||1
|8||1
|11||1
|21||1
|||1
|||1
|||1
|||5
(16 rows)

> select g, count(*), grouping(g) from p group by rollup (g, g, 1) order by 1, 2
g|count|grouping
a|2|0
a|2|0
a|2|0
b|2|0
b|2|0
b|2|0
|1|0
|1|0
|1|0
|5|1
(10 rows)

> select * from (select id as a, id as b, g from p group by grouping sets ((a, b), (b))) s order by 1, 2
a|b|g
1|1|a
2|2|a
3|3|b
4|4|b
5|5|
|1|a
|2|a
|3|b
|4|b
|5|
(10 rows)

> select id as a, id as b, g from p group by grouping sets ((a), (b))
ERROR:  42803: column "p.g" must appear in the GROUP BY clause or be used in an aggregate function

> select g as a, g as b, count(*) from p group by 1, 2 order by 2
a|b|count
a|a|2
b|b|2
||1
(3 rows)

> select count(*) from p group by rollup ('x')
ERROR:  42601: non-integer constant in GROUP BY

> select count(*) from p group by g, 1.5
ERROR:  42601: non-integer constant in GROUP BY

> select count(*) from p group by null
ERROR:  42601: non-integer constant in GROUP BY

> select g from p order by true
ERROR:  42601: non-integer constant in ORDER BY

# A subquery of the list is a key by its number, its name, or written again.
> select (select max(b.x) from p b where b.id < p.id) as m, count(*) from p group by 1 order by 1
m|count
10|1
20|3
|1
(3 rows)

> select (select max(b.x) from p b where b.id < p.id) as m, count(*) from p group by m order by m
m|count
10|1
20|3
|1
(3 rows)

> select (select max(b.x) from p b where b.id < p.id), count(*) from p group by (select max(b.x) from p b where b.id < p.id) order by (select max(b.x) from p b where b.id < p.id) desc
max|count
|1
20|3
10|1
(3 rows)

> select (select max(b.x) from p b where b.id < p.id) + 1, count(*) from p group by (select max(b.x) from p b where b.id < p.id) having (select max(b.x) from p b where b.id < p.id) is not null order by 1
?column?|count
11|1
21|3
(2 rows)

> select (select max(b.x) from p b where b.id < p.id), count(*) from p group by (select max(b.x) from p b where b.id <= p.id)
ERROR:  42803: subquery uses ungrouped column "p.id" from outer query

> select (select max(b.x) from p b where b.id < p.id), count(*) from p group by (select max(c.x) from p c where c.id < p.id)
ERROR:  42803: subquery uses ungrouped column "p.id" from outer query

> select exists (select from p b where b.id < p.id) as e, count(*) from p group by e order by e
e|count
f|1
t|4
(2 rows)

> select id in (select x / 5 from p) and true as e, count(*) from p group by id in (select x / 5 from p) order by 1
e|count
t|3
|2
(2 rows)

> select array(select b.x from p b where b.id < p.x / 5 order by b.x desc) as e, count(*) from p group by 1 order by 1
e|count
{}|3
{10}|1
{20,10,5}|1
(3 rows)

> select (id, x) = (select b.id, b.x from p b where b.x = 5) as e, count(*) from p group by 1 order by 1
e|count
f|4
t|1
(2 rows)

> select distinct (select max(b.x) from p b where b.id < p.id) from p order by (select max(b.x) from p b where b.id < p.id)
max
10
20
(3 rows)

> select (select max(b.x) from p b where b.id < p.id) as m, count(*), grouping((select max(b.x) from p b where b.id < p.id)) from p group by rollup (m) order by 3, 1
m|count|grouping
10|1|0
20|3|0
|1|0
|5|1
(4 rows)

> select (select max(n) from generate_series(1, id) n where n < 4) as m, count(*) from p group by m order by m
m|count
1|1
2|1
3|3
(3 rows)

> select (select sum(v) over (order by v) from (values (id), (2)) t(v) order by v limit 1) as m, count(*) from p group by m order by m
m|count
1|1
2|3
4|1
(3 rows)

> select (select 3 union select p.id order by 1 limit 1) as m, count(*) from p group by m order by m
m|count
1|1
2|1
3|3
(3 rows)

> select (with w as (select max(b.x) from p b where b.id < p.id) select max from w) as m, count(*) from p group by (with w as (select max(b.x) from p b where b.id < p.id) select max from w) order by m
m|count
10|1
20|3
|1
(3 rows)

> select (with recursive w(n) as (select 1 union select n + 1 from w where n < p.id / 2 + 1) select count(*) from w) as m, count(*) from p group by m order by m
m|count
1|1
2|2
3|2
(3 rows)

> select string_agg(g, ',' order by id), (select count(*) from p b, lateral (select b.id + p.x % 3) l(y) where l.y > 3) as m from p group by m order by m
string_agg|m
b|0
a|3
a,b|4
(3 rows)

# Constants that are equal are not the same if other values are computed from them.
> select date '2024-02-01' + (select interval '1 month'), date '2024-02-01' + (select interval '30 days'), count(*) from p group by 1, 2
?column?|?column?|count
2024-03-01 00:00:00|2024-03-02 00:00:00|5
(1 row)

> select date '2024-02-01' + id * interval '1 month' as a, date '2024-02-01' + id * interval '30 days' as b, count(*) from p where id < 3 group by 1, 2 order by 1
a|b|count
2024-03-01 00:00:00|2024-03-02 00:00:00|1
2024-04-01 00:00:00|2024-04-01 00:00:00|1
(2 rows)

> select x * 1.0, x * 1.00, count(*) from p where id < 3 group by 1, 2 order by 1
?column?|?column?|count
10.0|10.00|1
20.0|20.00|1
(2 rows)

> select date '2024-02-01' + id * interval '1 month' from p group by date '2024-02-01' + id * interval '30 days'
ERROR:  42803: column "p.id" must appear in the GROUP BY clause or be used in an aggregate function

> select distinct x * 1.0 from p order by x * 1.00
ERROR:  42P10: for SELECT DISTINCT, ORDER BY expressions must appear in select list

> select (x * 1.0)::text, count(*) from p where id < 3 group by x * 1.0 order by x * 1.0
text|count
10.0|1
20.0|1
(2 rows)

> select (select max(b.x) from p b where b.id < p.id) as m, count(*) from p
ERROR:  42803: subquery uses ungrouped column "p.id" from outer query

# Aggregates of outer columns belong to the outer query.
> select (select sum(o.x)) from p o
sum
42
(1 row)

> select g, (select sum(o.x) from p i where i.id = 1) s from p o group by g order by g
g|s
a|30
b|5
|7
(3 rows)

> select g from p o group by g having exists (select 1 where count(o.x) > 1)
g
a
(1 row)

> select g, (select count(*) from p i where i.x > max(o.x)) from p o group by g order by g
g|count
a|0
b|3
|2
(3 rows)

> select g, (select max(i.x + o.id) from p i) from p o where id < 3 order by id
g|max
a|21
a|22
(2 rows)

> select (select (select max(o.x))), (select min(o.x) filter (where o.id > 1)) from p o
max|min
20|5
(1 row)

> select (select s from (select max(o.x) s) q) from p o
s
20
(1 row)

> select (select v from generate_series(1, count(o.x)) v order by v desc limit 1) from p o
v
4
(1 row)

> select g, (select max(sum(o.x)) from p i) from p o group by g
ERROR:  42803: aggregate function calls cannot be nested

> select (select max(i.x + sum(o.x)) from p i) from p o
max
62
(1 row)

> select sum((select max(o.x))) from p o
ERROR:  42803: aggregate function calls cannot be nested

> select id from p o where (select sum(o.x)) > 1
ERROR:  42803: aggregate functions are not allowed in WHERE

> select * from p o, lateral (select sum(o.x)) s
ERROR:  42803: aggregate functions are not allowed in FROM clause of their own query level

> update p o set x = (select max(o.x))
ERROR:  42803: aggregate functions are not allowed in UPDATE

> select o.x, (select sum(o.x)) from p o
ERROR:  42803: column "o.x" must appear in the GROUP BY clause or be used in an aggregate function

> select (select sum(o.x) over ()) from p o order by 1
sum
5
7
10
20
(5 rows)

> select g, array(select i.id from p i order by abs(i.x - avg(o.x)), 1 limit 2) from p o where g is not null group by g order by g
g|array
a|{1,2}
b|{3,5}
(2 rows)

> select g, rank() over (order by (select sum(o.x))) from p o group by g order by g
g|rank
a|3
b|1
|2
(3 rows)

# Set-returning functions in GROUP BY.
> select generate_series(1, id) n, count(*) from p group by n order by n
n|count
1|5
2|4
3|3
4|2
5|1
(5 rows)

> select generate_series(1, id), count(*) from p group by generate_series(1, id) order by generate_series(1, id) desc
generate_series|count
5|1
4|2
3|3
2|4
1|5
(5 rows)

> select count(*) from p group by generate_series(1, id) order by 1
count
1
2
3
4
5
(5 rows)

> select generate_series(1, id) + 1 n, sum(x) from p group by 1 order by 1
n|sum
2|42
3|32
4|12
5|7
6|7
(5 rows)

> select generate_series(1, 2), count(*) from p group by generate_series(1, 2) + 1 order by 1, 2
generate_series|count
1|5
1|5
2|5
2|5
(4 rows)

> select generate_series(1, 2) n, generate_series(3, 4) m, count(*) from p group by n order by 1, 2
n|m|count
1|3|5
1|4|5
2|3|5
2|4|5
(4 rows)

> select unnest(array['u', 'v', 'u']) u, g, count(*) from p where id < 4 group by rollup (u, g) order by 1, 2
u|g|count
u|a|4
u|b|2
u||6
v|a|2
v|b|1
v||3
||9
(7 rows)

> select generate_series(1, id), count(*) from p group by generate_series(2, id)
ERROR:  42803: column "p.id" must appear in the GROUP BY clause or be used in an aggregate function

# WITH RECURSIVE: what names itself, and in which order.
> with recursive t(n) as (select 1 union all select 2.5) select * from t
n
1
2.5
(2 rows)

> with recursive t(n) as (with u as (select 1 as a) select a from u union all select n + 1 from t where n < 3) select * from t
n
1
2
3
(3 rows)

> with recursive t(n) as (with u as (select 1 as a) select a from u union all select n + a from t, u where n < 3) select * from t
n
1
2
3
(3 rows)

> with recursive a as (select * from b), b as (select 1 x) select * from a
x
1
(1 row)

> with recursive a as (select * from b union all select x + 1 from a where x < 3), b as (select 1 x) select * from a
x
1
2
3
(3 rows)

> with recursive a as (select * from b), b as (select * from a) select * from a
ERROR:  0A000: mutual recursion between WITH items is not implemented

> with recursive u as (select sum(n) from t), t(n) as (values (1) union all select n + 1 from t where n < 3) select * from u
sum
6
(1 row)

> with recursive t(n) as (with t as (select 7 as n) select n from t union all select n + 1 from t where n < 9) select * from t
n
7
8
(2 rows)

> with recursive t(n) as (select 1 union all select n + 1 from (select n from t where n < 3) s) select * from t
n
1
2
3
(3 rows)

> with recursive t(n) as (select 1 union all (select n + 1 from t where n < 5 intersect select x from p)) select * from t
n
1
(1 row)

> with recursive t as (select * from t) select 1
ERROR:  42P19: recursive query "t" does not have the form non-recursive-term UNION [ALL] recursive-term

> with recursive t(n) as (select n from t union all select 1) select 1
ERROR:  42P19: recursive reference to query "t" must not appear within its non-recursive term

> with recursive t(n) as (select 1 union all select n from t where n in (select n from t)) select 1
ERROR:  42P19: recursive reference to query "t" must not appear within a subquery

> with recursive t(n) as (select 1 union all select a.n from t a, t b) select 1
ERROR:  42P19: recursive reference to query "t" must not appear more than once

> with recursive t(n) as (select 1 union all select p.x from p left join t on true) select 1
ERROR:  42P19: recursive reference to query "t" must not appear within an outer join

> with recursive t(n) as (select 1 union all (select x from p except select n from t)) select 1
ERROR:  42P19: recursive reference to query "t" must not appear within EXCEPT

> with recursive t(n) as (select 1 union all (select x from p intersect all select n from t)) select 1
ERROR:  42P19: recursive reference to query "t" must not appear within INTERSECT

> with recursive t(n) as (with u as (select * from t) select 1 union all select n from t) select 1
ERROR:  42P19: recursive reference to query "t" must not appear within a subquery

> with recursive t(n) as (select 1 union all select n + 1 from t order by 1) select 1
ERROR:  0A000: ORDER BY in a recursive query is not implemented

> with recursive t(n) as (select 1 union all select n + 1 from t limit 5) select 1
ERROR:  0A000: LIMIT in a recursive query is not implemented

> with recursive t(n) as (select 1 union all select n + 1 from t where n < 3 for update) select 1
ERROR:  0A000: FOR UPDATE/SHARE in a recursive query is not implemented

> with recursive t(n) as (select 1 union all select count(*)::int from t) select 1
ERROR:  42P19: aggregate functions are not allowed in a recursive query's recursive term

> with recursive t(n) as (select 1 union all select n + 1.5 from t) select 1
ERROR:  42804: recursive query "t" column 1 has type integer in non-recursive term but type numeric overall
HINT:  Cast the output of the non-recursive term to the correct type.

> with recursive t(n) as (select 1 union all select true from t) select 1
ERROR:  42804: UNION types integer and boolean cannot be matched

> with recursive i as (insert into p select id + 10 from i returning id) select 1
ERROR:  42P19: recursive query "i" must not contain data-modifying statements

# Windows that take over from others, and their frames.
> select id, sum(x) over (w order by id) from p window w as (partition by g) order by id
id|sum
1|10
2|30
3|5
4|5
5|7
(5 rows)

> select count(*) over (w order by x) from p window w as (order by x)
ERROR:  42P20: cannot override ORDER BY clause of window "w"

> select count(*) over (w partition by x) from p window w as (order by x)
ERROR:  42P20: cannot override PARTITION BY clause of window "w"

> select count(*) over (w) from p window w as (order by x rows unbounded preceding)
ERROR:  42P20: cannot copy window "w" because it has a frame clause
HINT:  Omit the parentheses in this OVER clause.

> select count(*) over (w rows current row) from p window w as (rows unbounded preceding)
ERROR:  42P20: cannot copy window "w" because it has a frame clause

> select count(*) over w from p window w as (order by x rows unbounded preceding), v as (w)
ERROR:  42P20: cannot copy window "w" because it has a frame clause

> select count(*) over w from p window w as (order by x), w as (order by g)
ERROR:  42P20: window "w" is already defined

> select count(*) over w from p window w as (v), v as (order by g)
ERROR:  42704: window "v" does not exist

> select id from p window w as (order by nosuch)
ERROR:  42703: column "nosuch" does not exist

> select x from p window w as (order by sum(x))
ERROR:  42803: column "p.x" must appear in the GROUP BY clause or be used in an aggregate function

> select count(*) over (range 1 preceding) from p
ERROR:  42P20: RANGE with offset PRECEDING/FOLLOWING requires exactly one ORDER BY column

> select count(*) over (order by g range 1 preceding) from p
ERROR:  0A000: RANGE with offset PRECEDING/FOLLOWING is not supported for column type text

> select count(*) over (rows unbounded following) from p
ERROR:  42P20: frame start cannot be UNBOUNDED FOLLOWING

> select count(*) over (rows 1 following) from p
ERROR:  42P20: frame starting from following row cannot end with current row

> select count(*) over (rows between current row and 1 preceding) from p
ERROR:  42P20: frame starting from current row cannot have preceding rows

> select count(*) over (rows between 1 following and current row) from p
ERROR:  42P20: frame starting from following row cannot have preceding rows

> select count(*) over (rows between unbounded preceding and unbounded preceding) from p
ERROR:  42P20: frame end cannot be UNBOUNDED PRECEDING

# The default of lag and lead is of one type with the value.
> select lag(id, 1, 2.5) over (order by id), pg_typeof(lag(id, 1, 2.5) over ()), lead(g, 1, 'z') over (order by id) from p where id < 3 order by id
lag|pg_typeof|lead
2.5|numeric|a
1|numeric|z
(2 rows)

> select lag(id, '1', '7') over (order by id), lag(null, 1, 3) over (order by id), ntile('2') over (order by id) from p where id < 3 order by id
lag|lag|ntile
7|3|1
1||2
(2 rows)

> select lag(id, 1, true) over (order by id) from p
ERROR:  42883: function lag(integer, integer, boolean) does not exist
HINT:  No function matches the given name and argument types. You might need to add explicit type casts.

> select lag(id, 1::bigint, 1) over (order by id) from p
ERROR:  42883: function lag(integer, bigint, integer) does not exist
HINT:  No function matches the given name and argument types. You might need to add explicit type casts.

# Rows with more partners than are handed on at once.
> select count(*), sum(g), count(a.k) from (values (0), (1), (2), (null)) a(k) full join (select g, g % 3 + 1 as k from generate_series(1, 2000) g) b on a.k = b.k and g % 7 <> 0
count|sum|count
2002|2001000|1144
(1 row)

> select a.k, count(*), sum(g) from (values (0), (1), (2), (1)) a(k) left join (select g, g % 3 + 1 as k from generate_series(1, 2000) g) b on a.k = b.k group by 1 order by 1
k|count|sum
0|1|
1|1332|1332666
2|667|667000
(3 rows)

> select count(*) from (select a.k, g from (values (1), (2)) a(k) join (select g, g % 3 + 1 as k from generate_series(1, 2000) g) b on a.k = b.k limit 700) x
count
700
(1 row)

> select k from (values (0), (1), (2), (null)) a(k) where exists (select from (select g, g % 3 + 1 as k from generate_series(1, 2000) g) b where a.k = b.k and g > a.k + 1900) order by k
k
1
2
(2 rows)

# Of the arguments of lag and nth_value, none is computed over a row for which it is not asked.
> select id, lag(10 / (id - 3)) over (order by id), lag(id, 1, 10 / (id - 3)) over (order by id), nth_value(10 / (id - 3), id) over (order by id rows between unbounded preceding and 1 preceding) from generate_series(1, 3) id
id|lag|lag|nth_value
1||-5|
2|-5|1|
3|-10|2|
(3 rows)

# DISTINCT aggregates have their rows in order.
> select array_agg(distinct g), array_agg(distinct g order by g desc), string_agg(distinct g, ','), string_agg(distinct g, ', ' order by g desc) from p
array_agg|array_agg|string_agg|string_agg
{a,b,NULL}|{NULL,b,a}|a,b|b, a
(1 row)

> select string_agg(distinct x, y), jsonb_agg(distinct x) from (values ('b', '-'), ('a', ';'), ('b', '+')) t(x, y)
string_agg|jsonb_agg
a+b-b|["a", "b"]
(1 row)

> select count(distinct '1'::json)
ERROR:  42883: could not identify an equality operator for type json

# What a window's frame leaves out.
> create table ex (g int, x int, v int)
CREATE TABLE

> insert into ex values (1, 1, 1), (1, 1, 2), (1, 2, 4), (1, 2, 8), (1, 3, 16), (2, null, 32), (2, null, 64)
INSERT 0 7

> select g, x, v, sum(v) over (partition by g order by x range between unbounded preceding and unbounded following exclude current row), sum(v) over (partition by g order by x, v rows between 1 preceding and 1 following exclude group), sum(v) over (partition by g order by x rows between 2 preceding and 2 following exclude ties), sum(v) over (partition by g order by x groups between 1 preceding and 1 following exclude no others) from ex order by v
g|x|v|sum|sum|sum|sum
1|1|1|30|2|5|15
1|1|2|29|5|14|15
1|2|4|27|10|23|31
1|2|8|23|20|26|31
1|3|16|15|8|28|28
2||32|64|64|32|96
2||64|32|32|64|96
(7 rows)

> select v, first_value(v) over u, last_value(v) over u, nth_value(v, 2) over u, array_agg(v) over u, row_number() over u, lag(v) over u from ex window u as (order by x, v rows between 1 preceding and 2 following exclude current row) order by v
v|first_value|last_value|nth_value|array_agg|row_number|lag
1|2|4|4|{2,4}|1|
2|1|8|4|{1,4,8}|2|1
4|2|16|8|{2,8,16}|3|2
8|4|32|16|{4,16,32}|4|4
16|8|64|32|{8,32,64}|5|8
32|16|64|64|{16,64}|6|16
64|32|32||{32}|7|32
(7 rows)

> select v, first_value(v) over u, last_value(v) over u, nth_value(v, 2) over u, array_agg(v) over u from ex window u as (order by x rows between 1 preceding and 2 following exclude group) order by v
v|first_value|last_value|nth_value|array_agg
1|4|4||{4}
2|4|8|8|{4,8}
4|2|16|16|{2,16}
8|16|32|32|{16,32}
16|8|64|32|{8,32,64}
32|16|16||{16}
64||||
(7 rows)

> select v, first_value(v) over u, last_value(v) over u, nth_value(v, 3) over u, array_agg(v) over u from ex window u as (order by x groups between 1 preceding and 0 following exclude ties) order by v
v|first_value|last_value|nth_value|array_agg
1|1|1||{1}
2|2|2||{2}
4|1|4|4|{1,2,4}
8|1|8|8|{1,2,8}
16|4|16|16|{4,8,16}
32|16|32||{16,32}
64|16|64||{16,64}
(7 rows)

> select v, array_agg(v) over (rows between unbounded preceding and current row exclude ties), count(v) over (rows between unbounded preceding and current row exclude group), sum(v) over (rows between unbounded preceding and current row), sum(v) filter (where x = 2) over (rows between unbounded preceding and current row exclude current row) from ex order by v
v|array_agg|count|sum|sum
1|{1}|0|1|
2|{2}|0|3|
4|{4}|0|7|
8|{8}|0|15|4
16|{16}|0|31|12
32|{32}|0|63|12
64|{64}|0|127|12
(7 rows)

> select v, count(*) over (order by x range between 1 following and 2 following exclude current row), first_value(v) over (order by x rows between 1 preceding and 2 following exclude ties), max(v) over (order by x range between 1 preceding and 1 following exclude group) from ex order by v
v|count|first_value|max
1|3|1|8
2|3|2|8
4|1|2|16
8|1|8|16
16|0|8|8
32|1|16|
64|1|64|
(7 rows)

> select sum(v) over (order by x exclude current row) from ex
ERROR:  42601: syntax error at or near "exclude"

> select sum(v) over (order by x rows unbounded preceding exclude nothing) from ex
ERROR:  42601: syntax error at or near "nothing"

> select sum(v) over (order by x rows unbounded preceding exclude current) from ex
ERROR:  42601: syntax error at or near ")"

# Queries: joins, subqueries, grouping, set operations, WITH, windows, functions in FROM, and what is wrong with some.
> create table emp (id int primary key, name text not null, dept int, salary numeric(10,2), hired date, boss int)
CREATE TABLE

> create table dept (id int primary key, title varchar(30), city text)
CREATE TABLE

> insert into dept values (1, 'Sales', 'Rome'), (2, 'Research', 'Oslo'), (3, 'Empty', null)
INSERT 0 3

> insert into emp values (1, 'Ann', 1, 100.50, '2020-01-15', null), (2, 'Bob', 1, 80, '2021-06-01', 1), (3, 'Cid', 2, 120, '2019-12-31', 1), (4, 'Dee', 2, 95.25, '2022-02-28', 3), (5, 'Eve', null, null, null, 3), (6, 'Fay', 1, 80, '2021-06-01', 2)
INSERT 0 6

> select * from emp order by salary desc nulls last, id
id|name|dept|salary|hired|boss
3|Cid|2|120.00|2019-12-31|1
1|Ann|1|100.50|2020-01-15|
4|Dee|2|95.25|2022-02-28|3
2|Bob|1|80.00|2021-06-01|1
6|Fay|1|80.00|2021-06-01|2
5|Eve||||3
(6 rows)

> select e.name, d.title from emp e join dept d on e.dept = d.id order by e.id
name|title
Ann|Sales
Bob|Sales
Cid|Research
Dee|Research
Fay|Sales
(5 rows)

> select e.name, d.title from emp e left join dept d on d.id = e.dept order by e.id
name|title
Ann|Sales
Bob|Sales
Cid|Research
Dee|Research
Eve|
Fay|Sales
(6 rows)

> select e.name, d.title from emp e right join dept d on d.id = e.dept order by d.id, e.id
name|title
Ann|Sales
Bob|Sales
Fay|Sales
Cid|Research
Dee|Research
|Empty
(6 rows)

> select e.name, d.title from emp e full join dept d on d.id = e.dept order by d.id nulls first, e.id nulls last
name|title
Eve|
Ann|Sales
Bob|Sales
Fay|Sales
Cid|Research
Dee|Research
|Empty
(7 rows)

> select count(*) from emp cross join dept
count
18
(1 row)

> select count(*) from emp, dept where emp.dept = dept.id
count
5
(1 row)

> select * from dept natural join (select 1 as id, 'n' as note) n
id|title|city|note
1|Sales|Rome|n
(1 row)

> select id, title, name from dept join (select dept as id, name from emp) x using (id) order by id, name
id|title|name
1|Sales|Ann
1|Sales|Bob
1|Sales|Fay
2|Research|Cid
2|Research|Dee
(5 rows)

> select j.id from (emp e join dept d using (id)) as j order by 1
id
1
2
3
(3 rows)

> select e.name, b.name as boss from emp e left join emp b on b.id = e.boss order by e.id
name|boss
Ann|
Bob|Ann
Cid|Ann
Dee|Cid
Eve|Cid
Fay|Bob
(6 rows)

> select name from emp where exists (select from dept where dept.id = emp.dept and city = 'Rome') order by 1
name
Ann
Bob
Fay
(3 rows)

> select name from emp where dept not in (select id from dept where city is not null) order by 1
name
(0 rows)

> select name from emp where dept = any (select id from dept) order by 1
name
Ann
Bob
Cid
Dee
Fay
(5 rows)

> select name from emp where salary >= all (select salary from emp where salary is not null)
name
Cid
(1 row)

> select name, (select title from dept where id = emp.dept) from emp order by emp.id
name|title
Ann|Sales
Bob|Sales
Cid|Research
Dee|Research
Eve|
Fay|Sales
(6 rows)

> select name from emp where (dept, salary) = (1, 80) order by name
name
Bob
Fay
(2 rows)

> select name from emp where (dept, salary) in (select 1, 80.00) order by name
name
Bob
Fay
(2 rows)

> select (select row(1, 2)) = row(1, 2), row(1, null) is null, row(null, null) is null
?column?|?column?|?column?
t|f|t
(1 row)

> select d.title, x.name from dept d cross join lateral (select name from emp where dept = d.id order by salary desc limit 1) x order by 1
title|name
Research|Cid
Sales|Ann
(2 rows)

> select d.title, x.n from dept d left join lateral (select count(*) n from emp where dept = d.id) x on true order by 1
title|n
Empty|0
Research|2
Sales|3
(3 rows)

> select dept, count(*), sum(salary), avg(salary), min(name), max(hired) from emp group by dept order by dept
dept|count|sum|avg|min|max
1|3|260.50|86.8333333333333333|Ann|2021-06-01
2|2|215.25|107.6250000000000000|Cid|2022-02-28
|1|||Eve|
(3 rows)

> select dept, count(*) from emp group by dept having count(*) > 1 order by 2 desc, 1
dept|count
1|3
2|2
(2 rows)

> select upper(name) u, length(name) from emp group by u, 2 order by u limit 3
u|length
ANN|3
BOB|3
CID|3
(3 rows)

> select dept, boss, count(*) from emp group by cube (dept, boss) order by 1, 2, 3
dept|boss|count
1|1|1
1|2|1
1||1
1||3
2|1|1
2|3|1
2||2
|1|2
|2|1
|3|1
|3|2
||1
||1
||6
(14 rows)

> select dept, boss, count(*) from emp group by grouping sets ((dept), (boss), ()) order by 1, 2, 3
dept|boss|count
1||3
2||2
|1|2
|2|1
|3|2
||1
||1
||6
(8 rows)

> select count(*) filter (where salary > 90), count(distinct dept), sum(distinct salary) from emp
count|count|sum
3|2|395.75
(1 row)

> select string_agg(name, ', ' order by name desc), array_agg(id order by id) from emp where dept = 1
string_agg|array_agg
Fay, Bob, Ann|{1,2,6}
(1 row)

> select bool_and(salary > 50), bool_or(salary > 110), every(id > 0) from emp
bool_and|bool_or|every
t|t|t
(1 row)

> select stddev(salary), variance(salary), stddev_pop(salary), var_pop(salary) from emp
stddev|variance|stddev_pop|var_pop
16.6222742126340823|276.3000000000000000|14.8674140320366406|221.0400000000000000
(1 row)

> select sum(id), avg(id), sum(id::bigint), avg(id::float8), max(id::smallint) from emp
sum|avg|sum|avg|max
21|3.5000000000000000|21|3.5|6
(1 row)

> select sum(salary) from emp where false
sum
(1 row)

> select count(*) from emp where false
count
0
(1 row)

> select distinct dept from emp order by dept
dept
1
2
(3 rows)

# The items of DISTINCT ON, each once, must lead the order, in any sequence.
> select distinct on (dept, dept) dept, name from emp order by dept, name
dept|name
1|Ann
2|Cid
|Eve
(3 rows)

> select distinct on (dept, boss) dept, boss, name from emp order by boss, dept, name
dept|boss|name
1|1|Bob
2|1|Cid
1|2|Fay
2|3|Dee
|3|Eve
1||Ann
(6 rows)

> select distinct on (dept, boss) dept, name from emp order by dept, dept, name
ERROR:  42P10: SELECT DISTINCT ON expressions must match initial ORDER BY expressions

> select distinct on (dept, boss) dept, name from emp order by dept, name, boss
ERROR:  42P10: SELECT DISTINCT ON expressions must match initial ORDER BY expressions

> select distinct on (dept) dept, name from emp order by name limit nosuch
ERROR:  42P10: SELECT DISTINCT ON expressions must match initial ORDER BY expressions

> select distinct on (2) dept as a, dept as b from emp order by dept
ERROR:  42P10: SELECT DISTINCT ON expressions must match initial ORDER BY expressions

> select distinct on (dept) dept as a, dept as b from emp order by 1
a|b
1|1
2|2
|
(3 rows)

> select distinct on (id) name from emp group by dept order by name
ERROR:  42P10: SELECT DISTINCT ON expressions must match initial ORDER BY expressions

> select distinct on (to_json(name)) id from emp
ERROR:  42883: could not identify an equality operator for type json

> select distinct rank() over (order by dept) as r from emp order by rank() over (order by dept)
r
1
4
6
(3 rows)

> select distinct on (sum(salary) over w) dept, name from emp where dept is not null window w as (partition by dept) order by sum(salary) over w, name
dept|name
2|Cid
1|Ann
(2 rows)

> select distinct rank() over (order by dept) as r from emp order by rank() over (order by id)
ERROR:  42P10: for SELECT DISTINCT, ORDER BY expressions must appear in select list

> select distinct name from emp group by dept order by salary
ERROR:  42P10: for SELECT DISTINCT, ORDER BY expressions must appear in select list

> select distinct on (dept) dept, name from emp order by dept, salary desc, id
dept|name
1|Ann
2|Cid
|Eve
(3 rows)

> select name from emp order by length(name), name desc limit 2 offset 1
name
Eve
Dee
(2 rows)

> select name from emp order by id fetch first 2 rows only
name
Ann
Bob
(2 rows)

> select name, salary from emp order by salary desc nulls last fetch first 3 rows with ties
name|salary
Cid|120.00
Ann|100.50
Dee|95.25
(3 rows)

> select id from emp order by id limit null
id
1
2
3
4
5
6
(6 rows)

> select id from emp order by id offset 4 rows
id
5
6
(2 rows)

> select 1 union all select 2 union select 1 order by 1
?column?
1
2
(2 rows)

> select id from emp intersect select id from dept order by 1
id
1
2
3
(3 rows)

> select id from emp except all select id from dept order by 1
id
4
5
6
(3 rows)

> (select id from emp order by id limit 2) union all (select id from dept order by id desc limit 1)
id
1
2
3
(3 rows)

> (select id from emp limit 2) order by id desc
id
6
5
(2 rows)

> ((select id from emp order by id desc) limit 2) offset 1
id
5
4
(2 rows)

> with a as (select 7 n) (select n from a union select 8) order by n desc limit 1
n
8
(1 row)

> (select id from emp limit 1) limit 2
ERROR:  42601: multiple LIMIT clauses not allowed

> (select id from emp offset 1) limit 1 offset 1
ERROR:  42601: multiple OFFSET clauses not allowed

> select * from ((select id from emp order by id) order by id) e
ERROR:  42601: multiple ORDER BY clauses not allowed

> with a as (select 1) (with b as (select 2) select * from a, b)
ERROR:  42601: multiple WITH clauses not allowed

> select 1 limit 1 limit 1
ERROR:  42601: syntax error at or near "limit"

> (select id from emp limit all) limit 1
ERROR:  42601: multiple LIMIT clauses not allowed

> (select id from emp limit 1) limit all
ERROR:  42601: multiple LIMIT clauses not allowed

> (select id from emp offset null) offset 1
ERROR:  42601: multiple OFFSET clauses not allowed

> (select id from emp limit 1 offset 1) limit 2 offset 2
ERROR:  42601: multiple OFFSET clauses not allowed

> (select id from emp order by id limit 1) order by id limit 1
ERROR:  42601: multiple ORDER BY clauses not allowed

> with a as (select 1) (with b as (select 2) select * from a limit 1) limit 2
ERROR:  42601: multiple LIMIT clauses not allowed

> (select id from emp order by id fetch first row with ties) limit 1
ERROR:  42601: multiple LIMIT clauses not allowed

> (select id from emp order by id fetch first row with ties) offset 1
ERROR:  42601: multiple limit options not allowed

> select id from emp fetch first row with ties
ERROR:  42601: WITH TIES cannot be specified without ORDER BY clause

> (select id from emp order by id) fetch first row with ties
id
1
(1 row)

> select id from emp order by id fetch first row with ties for update skip locked
ERROR:  42601: SKIP LOCKED and WITH TIES options cannot be used together

> (select id from emp order by id for update skip locked) fetch first row with ties
ERROR:  42601: SKIP LOCKED and WITH TIES options cannot be used together

> (select id from emp order by id fetch first row with ties) for update skip locked
id
1
(1 row)

> select id from emp order by id for update limit 1
id
1
(1 row)

> select id from emp order by id offset 1 limit 1 for update
id
2
(1 row)

> select id from emp order by id for no key update offset 1 fetch next 1 rows only
id
2
(1 row)

> select a.id from emp a, emp b order by 1 limit 1 for update of a for share of b
id
1
(1 row)

> select a.id from emp a, emp b order by 1 limit 1 for update of a for share of c
ERROR:  42P01: relation "c" in FOR SHARE clause not found in FROM clause

> (select id from emp order by id limit 1 for update) for share
id
1
(1 row)

> select id from emp order by id for read only limit 1
id
1
(1 row)

> select id from emp limit 1 for update offset 1
ERROR:  42601: syntax error at or near "offset"

> select id from emp for update limit 1 for share
ERROR:  42601: syntax error at or near "for"

> select id from emp for read only for update
ERROR:  42601: syntax error at or near "for"

> select id from emp for update for read only
ERROR:  42601: syntax error at or near "read"

> select id from emp offset 1 offset 1
ERROR:  42601: syntax error at or near "offset"

> select id from emp order by id desc limit all offset 4
id
2
1
(2 rows)

> explain (costs off) select id from emp limit all
QUERY PLAN
Seq Scan on emp
(1 row)

> select count(*) from (select offset 0) s
count
1
(1 row)

# INTO makes a table of what the whole statement yields. It belongs to the first SELECT, and that of the statement itself.
> select id into made from emp where id < 3 union select 9
SELECT 3

> select * from made order by id
id
1
2
9
(3 rows)

> drop table made
DROP TABLE

> ((select id into made from emp where id < 3 limit 1) union all select 9 order by 1) except select 7
SELECT 2

> drop table made
DROP TABLE

> with a as (select 7 as n) select n into made from a union select 8
SELECT 2

> select count(*) from made
count
2
(1 row)

> drop table made
DROP TABLE

> select id from emp union select 9 into made
ERROR:  42601: INTO is only allowed on first SELECT of UNION/INTERSECT/EXCEPT

> select id from emp union (select id into made from emp)
ERROR:  42601: INTO is only allowed on first SELECT of UNION/INTERSECT/EXCEPT

> select id from emp union ((select id into made from emp) union select 9)
ERROR:  42601: INTO is only allowed on first SELECT of UNION/INTERSECT/EXCEPT

> select id from emp union ((select id into made from emp) union select 9 order by 1)
ERROR:  42601: SELECT ... INTO is not allowed here

> select id into made from emp union select 9 into other
ERROR:  42601: INTO is only allowed on first SELECT of UNION/INTERSECT/EXCEPT

> select * from (select id into made from emp union select 9) s
ERROR:  42601: SELECT ... INTO is not allowed here

> with a as (select id into made from emp) select * from a
ERROR:  42601: SELECT ... INTO is not allowed here

> insert into emp (id) select id into made from emp union select 9
ERROR:  42601: SELECT ... INTO is not allowed here

> create table made as select id into other from emp union select 9
ERROR:  42601: SELECT ... INTO is not allowed here

> create view made as select id into other from emp union select 9
ERROR:  0A000: views must not contain SELECT INTO

> copy (select id into made from emp) to stdout
ERROR:  0A000: COPY (SELECT INTO) is not supported

> select 1, 'a' union select 2.5, null order by 1
?column?|?column?
1|a
2.5|
(2 rows)

> values (1, 'one'), (2, 'two') order by 1 desc
column1|column2
2|two
1|one
(2 rows)

> select * from (values (1, 'a'), (2, null)) v(n, t)
n|t
1|a
2|
(2 rows)

> with a as (select 1 x), b as (select x + 1 y from a) select * from a, b
x|y
1|2
(1 row)

> with recursive t(n, f) as (values (1, 1::numeric) union all select n + 1, f * (n + 1) from t where n < 20) select n, f from t where n > 18
n|f
19|121645100408832000
20|2432902008176640000
(2 rows)

> with recursive chain as (select id, name, boss, 0 depth, array[id] path from emp where boss is null union all select e.id, e.name, e.boss, depth + 1, path || e.id from emp e join chain c on e.boss = c.id) select name, depth, path from chain order by path
name|depth|path
Ann|0|{1}
Bob|1|{1,2}
Fay|2|{1,2,6}
Cid|1|{1,3}
Dee|2|{1,3,4}
Eve|2|{1,3,5}
(6 rows)

> with recursive r(a) as (select 1 union select a % 3 + 1 from r) select * from r order by 1
a
1
2
3
(3 rows)

> with x as materialized (select id from emp), y as not materialized (select id from dept) select count(*) from x join y using (id)
count
3
(1 row)

> with d as (delete from emp where id = 6 returning *) select name from d
name
Fay
(1 row)

> select count(*) from emp
count
5
(1 row)

> with i as (insert into emp (id, name) values (6, 'Fay') returning id), u as (update dept set city = 'Bonn' where id = 3 returning city) select i.id, u.city from i, u
id|city
6|Bonn
(1 row)

> select name, row_number() over w, rank() over w, dense_rank() over w, percent_rank() over w, cume_dist() over w, ntile(2) over w from emp window w as (order by salary desc nulls last, id) order by 2
name|row_number|rank|dense_rank|percent_rank|cume_dist|ntile
Cid|1|1|1|0|0.16666666666666666|1
Ann|2|2|2|0.2|0.3333333333333333|1
Dee|3|3|3|0.4|0.5|1
Bob|4|4|4|0.6|0.6666666666666666|2
Eve|5|5|5|0.8|0.8333333333333334|2
Fay|6|6|6|1|1|2
(6 rows)

> select name, dept, rank() over (partition by dept order by salary desc) from emp order by dept, 3, 1
name|dept|rank
Ann|1|1
Bob|1|2
Cid|2|1
Dee|2|2
Eve||1
Fay||1
(6 rows)

> select id, lag(id) over (order by id), lead(id, 2, -1) over (order by id), first_value(name) over (order by id), last_value(name) over (order by id), nth_value(name, 2) over (order by id) from emp order by id
id|lag|lead|first_value|last_value|nth_value
1||3|Ann|Ann|
2|1|4|Ann|Bob|Bob
3|2|5|Ann|Cid|Bob
4|3|6|Ann|Dee|Bob
5|4|-1|Ann|Eve|Bob
6|5|-1|Ann|Fay|Bob
(6 rows)

> select id, sum(id) over (order by id rows between 1 preceding and 1 following), sum(id) over (order by id range between unbounded preceding and current row), count(*) over () from emp order by id
id|sum|sum|count
1|3|1|6
2|6|3|6
3|9|6|6
4|12|10|6
5|15|15|6
6|11|21|6
(6 rows)

> select id, sum(id) over (order by id groups between 1 preceding and current row) from emp order by id
id|sum
1|1
2|3
3|5
4|7
5|9
6|11
(6 rows)

> select dept, sum(sum(salary)) over (order by dept) from emp group by dept order by dept
dept|sum
1|180.50
2|395.75
|395.75
(3 rows)

> select row_number() over (order by id) from emp where row_number() over () > 1
ERROR:  42P20: window functions are not allowed in WHERE

> select sum(count(*)) from emp
ERROR:  42803: aggregate function calls cannot be nested

> select name from emp group by dept
ERROR:  42803: column "emp.name" must appear in the GROUP BY clause or be used in an aggregate function

> select id, count(*) from emp
ERROR:  42803: column "emp.id" must appear in the GROUP BY clause or be used in an aggregate function

> select name from emp where sum(salary) > 1
ERROR:  42803: aggregate functions are not allowed in WHERE

> select nosuch from emp
ERROR:  42703: column "nosuch" does not exist

> select e.nosuch from emp e
ERROR:  42703: column e.nosuch does not exist

> select emp.id from emp e
ERROR:  42P01: invalid reference to FROM-clause entry for table "emp"
HINT:  Perhaps you meant to reference the table alias "e".

> select id from emp, dept
ERROR:  42702: column reference "id" is ambiguous

> select * from nosuch
ERROR:  42P01: relation "nosuch" does not exist

> select * from nosuch.emp
ERROR:  42P01: relation "nosuch.emp" does not exist

> select nosuch(1)
ERROR:  42883: function nosuch(integer) does not exist
HINT:  No function matches the given name and argument types. You might need to add explicit type casts.

> select lower(1, 2)
ERROR:  42883: function lower(integer, integer) does not exist
HINT:  No function matches the given name and argument types. You might need to add explicit type casts.

> select id from emp order by 3
ERROR:  42P10: ORDER BY position 3 is not in select list

> select 'a' + 1
ERROR:  22P02: invalid input syntax for type integer: "a"

> select 1 + 'a'
ERROR:  22P02: invalid input syntax for type integer: "a"

> select id from emp limit -1
ERROR:  2201W: LIMIT must not be negative

> select id from emp union select id, name from emp
ERROR:  42601: each UNION query must have the same number of columns

> select id from emp union select name from emp
ERROR:  42804: UNION types integer and text cannot be matched

> select case when 1 then 2 end
ERROR:  42804: argument of CASE/WHEN must be type boolean, not type integer

> select coalesce(1, 'a')
ERROR:  22P02: invalid input syntax for type integer: "a"

> select (select id, name from emp limit 1)
ERROR:  42601: subquery must return only one column

> select * from emp where id = (select id from emp)
ERROR:  21000: more than one row returned by a subquery used as an expression

> select id as x from emp where x = 1
ERROR:  42703: column "x" does not exist

> select count(*) from generate_series(1, 10) g where g % 2 = 0
count
5
(1 row)

> select * from generate_series(1, 3) with ordinality as g(v, n)
v|n
1|1
2|2
3|3
(3 rows)

> select * from unnest(array[1, 2], array['a', 'b', 'c']) as u(x, y)
x|y
1|a
2|b
|c
(3 rows)

> select generate_series(1, 3), generate_series(1, 2)
generate_series|generate_series
1|1
2|2
3|
(3 rows)

> select * from generate_series('2024-01-01'::date, '2024-01-03'::date, '1 day') d
d
2024-01-01 00:00:00+00
2024-01-02 00:00:00+00
2024-01-03 00:00:00+00
(3 rows)

> select * from rows from (generate_series(1, 2), generate_series(5, 7)) as r(a, b)
a|b
1|5
2|6
|7
(3 rows)

> select t.* from emp t where t.id = 1
id|name|dept|salary|hired|boss
1|Ann|1|100.50|2020-01-15|
(1 row)

> select t from dept t where id = 1
t
(1,Sales,Rome)
(1 row)

> select (t).title from dept t where id = 1
title
Sales
(1 row)

> select count(dept.*) from dept
count
3
(1 row)

> table dept
id|title|city
1|Sales|Rome
2|Research|Oslo
3|Empty|Bonn
(3 rows)

> select from emp where id = 1
(1 row)

> select 1 as "Weird Name", 2 as "select", 3 Ä
Weird Name|select|Ä
1|2|3
(1 row)

> select id, name from emp where name like 'A%' or name ilike '%E' order by id
id|name
1|Ann
4|Dee
5|Eve
(3 rows)

> select name from emp where name ~ '^[A-C]' and name !~* 'b' order by 1
name
Ann
Cid
(2 rows)

> select name from emp where name similar to '(Ann|Bob)' order by 1
name
Ann
Bob
(2 rows)

> select name from emp where salary between 80 and 100 order by 1
name
Bob
Dee
(2 rows)

> select name from emp where salary not between symmetric 100 and 80 order by 1
name
Ann
Cid
(2 rows)

> select name from emp where dept is distinct from 1 order by 1
name
Cid
Dee
Eve
Fay
(4 rows)

> select name from emp where (salary > 100) is not true order by 1
name
Bob
Dee
Eve
Fay
(4 rows)

> select name from emp where salary isnull
name
Eve
Fay
(2 rows)

> select ctid is not null, tableoid::regclass, xmin is not null from dept where id = 1
?column?|tableoid|?column?
t|dept|t
(1 row)

# Windows, groups and WITH queries at their edges.
> select o.a, (with c as (select o.a as x) select (select max(x) from c)) from (values (1), (2)) o(a)
a|max
1|1
2|2
(2 rows)

> with recursive r(n) as (select 1 union all select 2 offset 1) select * from r
n
2
(1 row)

> select sum(x) over (order by x rows x preceding) from (values (1), (2)) t(x)
ERROR:  42P10: argument of ROWS must not contain variables

> select sum(x) over (order by x rows between current row and 9223372036854775807 following) from (values (1), (2)) t(x)
sum
3
2
(2 rows)

> select row_number() over () from (values (1), (2)) t(x) group by 1
ERROR:  42P20: window functions are not allowed in GROUP BY

> select sum(generate_series(1, 3)) over () from (values (1), (2)) t(x)
ERROR:  0A000: window function calls cannot contain set-returning function calls
HINT:  You might be able to move the set-returning function into a LATERAL FROM item.

# What LIMIT says may be the outer query's.
> select o.n, array(select a from (values (1), (2), (3)) t(a) order by a limit o.n) from (values (1), (2)) o(n)
n|array
1|{1}
2|{1,2}
(2 rows)

> select (select array(select x from generate_series(1, 10) x limit b.n) from (values (2)) b(n)) from (values (5)) a(n)
array
{1,2}
(1 row)

> select (select array(select x from generate_series(1, 10) x union all select 0 limit b.n) from (values (2)) b(n)) from (values (5)) a(n)
array
{1,2}
(1 row)

> select a from (values (1)) t(a) limit a
ERROR:  42P10: argument of LIMIT must not contain variables

> select x from generate_series(1, 3) x limit (select 2)
x
1
2
(2 rows)

> select distinct x from generate_series(1, 3) x order by x offset (select 2)
x
3
(1 row)

> select n, (select sum(x) from (select x from generate_series(1, 9) x limit n offset n) s) from (values (1), (2)) o(n)
n|sum
1|2
2|7
(2 rows)

# A query of WITH goes as far as it is read, once for all who read it.
> with recursive t(n) as (select 1 union all select n + 1 from t) select n from t limit 3
n
1
2
3
(3 rows)

> with recursive t(n) as (select 1 union select n % 3 + 1 from t) select n from t order by n
n
1
2
3
(3 rows)

> with recursive t(n, m) as (select 1, 1 union select n + 1, (n + 1) % 7 from t) select count(*), sum(m) from (select * from t limit 300) s
count|sum
300|903
(1 row)

> with recursive t(n) as (select 1 union all select n + 1 from t) select (select max(n) from (select n from t limit 4) s), (select array_agg(n) from (select n from t limit 6) s), exists (select 1 from t where n > 20)
max|array_agg|exists
4|{1,2,3,4,5,6}|t
(1 row)

> select o.x, (with recursive t(n) as (select o.x union all select n * 2 from t) select array_agg(n) from (select n from t limit 4) s) from (values (1), (5)) o(x)
x|array_agg
1|{1,2,4,8}
5|{5,10,20,40}
(2 rows)

> with recursive t(n) as (select 1 union all select n + 1 from t where n < 6) select n, n in (select x from generate_series(2, 4) x), (select count(*) from t) from t
n|?column?|count
1|f|6
2|t|6
3|t|6
4|t|6
5|f|6
6|f|6
(6 rows)

> with recursive t(n) as (select 1 union all select n + 1 from t where n < 4 and n not in (select x from generate_series(7, 9) x)) select a.n, b.n from t a join t b on b.n = a.n + 1 order by 1
n|n
1|2
2|3
3|4
(3 rows)

> create sequence drawn
CREATE SEQUENCE

> with c as materialized (select nextval('drawn') as n from generate_series(1, 1000)) select n from c limit 2
n
1
2
(2 rows)

> select currval('drawn') < 1000
?column?
t
(1 row)

> with c as materialized (select nextval('drawn') as n from generate_series(1, 3)) select count(distinct a.n - b.n), count(*) from c a, c b
count|count
5|9
(1 row)

> create table limited (n int)
CREATE TABLE

> with recursive t(n) as (select 1 union all select n + 1 from t), i as (insert into limited select n from t limit 3 returning n) select i.n, u.n from i join (select n from t limit 5) u on u.n = i.n + 1 order by 1
n|n
1|2
2|3
3|4
(3 rows)

> with recursive t(n) as (select 1 union all select n + 1 from t) insert into limited select n from t limit 2 returning n, (select max(n) from (select n from t limit 9) s)
n|max
1|9
2|9
(2 rows)
INSERT 0 2

> with recursive t(n) as (select 10 union all select n + 1 from t) update limited set n = limited.n + s.n from (select n from t limit 1) s where limited.n = 3 returning limited.n
n
13
(1 row)
UPDATE 1

# Blanks at the end of char(n) do not count, whatever its length.
> create table short (c char(3), n int)
CREATE TABLE

> create table long (c char(6), n int)
CREATE TABLE

> insert into short values ('ab', 1), ('cd', 2), (null, 3)
INSERT 0 3

> insert into long values ('ab', 4), ('ef', 5), (null, 6)
INSERT 0 3

> select c, length(c) from (select c from short union select c from long) s order by c
c|length
ab |2
cd |2
ef    |2
|
(4 rows)

> select c, count(*), sum(n) from (select * from short union all select * from long) s group by c order by c
c|count|sum
ab |2|5
cd |1|2
ef    |1|5
|2|9
(4 rows)

> select count(distinct c) from (select * from short union all select * from long) s
count
3
(1 row)

> select array_agg(distinct trim(c)) from (select * from short union all select * from long) s
array_agg
{ab,cd,ef,NULL}
(1 row)

> select count(*) from (select distinct c from (select * from short union all select * from long) s) d
count
4
(1 row)

> select distinct on (c) c is null, n from (select * from short union all select * from long) s order by c, n
?column?|n
f|1
f|2
f|5
t|3
(4 rows)

> select c is null, n, row_number() over (partition by c order by n), rank() over (order by c) from (select * from short union all select * from long) s order by n
?column?|n|row_number|rank
f|1|1|1
f|2|1|3
t|3|1|5
f|4|2|1
f|5|1|4
t|6|2|5
(6 rows)

> select n from (select * from short union all select * from long) s order by c, n desc
n
4
1
2
5
6
3
(6 rows)

> select n from (select * from short union all select * from long) s order by c fetch first 1 row with ties
n
1
4
(2 rows)

> select string_agg(n::text, ',' order by c, n desc) from (select * from short union all select * from long) s
string_agg
4,1,2,5,6,3
(1 row)

> select n from short where c in (select c from long)
n
1
(1 row)

> select n from short where c not in (select c from long where c is not null) order by n
n
2
(1 row)

> select short.n, long.n from short join long using (c)
n|n
1|4
(1 row)

> select trim(c) from (select c from short intersect select c from long) s order by 1
btrim
ab
(2 rows)

> select trim(c) from (select c from short except select c from long) s order by 1
btrim
cd
(1 row)

# A volatile call is made once for a row, whatever else must be waited for.
> create sequence steps
CREATE SEQUENCE

> select nextval('steps') + (select 0) from generate_series(1, 3)
?column?
1
2
3
(3 rows)

> select (select 10) + nextval('steps') + (select 20), nextval('steps') from generate_series(1, 2)
?column?|nextval
34|5
36|7
(2 rows)

> select nextval('steps') in (select x from generate_series(8, 9) x) from generate_series(1, 3)
?column?
t
t
f
(3 rows)

> select x from generate_series(1, 3) x where nextval('steps') in (select y from generate_series(11, 12) y)
x
1
2
(2 rows)

> select generate_series(nextval('steps'), (select 15))
generate_series
14
15
(2 rows)

> select case when nextval('steps') > (select 1) then 'once' end
case
once
(1 row)

> select currval('steps')
currval
15
(1 row)

> create table keyed (id int primary key, v text)
CREATE TABLE

> insert into keyed values (1, 'a')
INSERT 0 1

> select nextval('steps'), (select 'x'), v from keyed where id = 1
nextval|?column?|v
16|x|a
(1 row)

> select v from keyed where id = 1 and nextval('steps') > (select 0)
v
a
(1 row)

> update keyed set v = nextval('steps')::text || (select 'b') where id = 1 returning v
v
18b
(1 row)
UPDATE 1

> select currval('steps')
currval
18
(1 row)

# IN and NOT IN over a query: nulls make it unknown, but where there is no row.
> select x, x in (select y from (values (1), (3)) t(y)), x not in (select y from (values (1), (3)) t(y)) from (values (1), (2), (null)) o(x)
x|?column?|?column?
1|t|f
2|f|t
||
(3 rows)

> select x, x in (select y from (values (1), (null)) t(y)), x not in (select y from (values (1), (null)) t(y)) from (values (1), (2), (null)) o(x)
x|?column?|?column?
1|t|f
2||
||
(3 rows)

> select x, x in (select y from (values (1)) t(y) where false), x not in (select y from (values (1)) t(y) where false) from (values (1), (null)) o(x)
x|?column?|?column?
1|f|t
|f|t
(2 rows)

> select x, x not in (select y::bigint from (values (1), (3)) t(y)), x::smallint not in (select y from (values (1), (3)) t(y)) from (values (1), (2)) o(x)
x|?column?|?column?
1|f|f
2|t|t
(2 rows)

> select x, x not in (select y from (values (1.0), (3.50)) t(y)) from (values (1), (3.5), (2)) o(x)
x|?column?
1|f
3.5|f
2|t
(3 rows)

> select x, y, (x, y) in (select a, b from (values (1, 2), (3, null), (null, 5)) t(a, b)), (x, y) not in (select a, b from (values (1, 2), (3, null), (null, 5)) t(a, b)) from (values (1, 2), (1, 3), (3, 9), (9, 5), (9, 9), (1, null), (null, 2), (8, null), (null, null)) o(x, y)
x|y|?column?|?column?
1|2|t|f
1|3|f|t
3|9||
9|5||
9|9|f|t
1|||
|2||
8|||
|||
(9 rows)

> select x, x = any (select y from (values ('a'), ('b')) t(y)), x <> all (select y from (values ('a'), ('b')) t(y)), x < any (select y from (values ('a'), ('b')) t(y)) from (values ('a'), ('c'), (null)) o(x)
x|?column?|?column?|?column?
a|t|f|t
c|f|t|f
|||
(3 rows)

> select o.x from (values (1), (2), (3)) o(x) where o.x not in (select i.x from (values (2), (3)) i(x) where i.x > o.x)
x
1
2
3
(3 rows)

> select count(*) from generate_series(1, 20000) a where a not in (select b from generate_series(2, 30000) b)
count
1
(1 row)

# The rows of a frame by RANGE.
> select x, count(*) over (order by x range between 1 preceding and 1 following), count(*) over (order by x desc range between 1 following and 2 following) from (values (1), (2), (2), (5), (null), (null)) t(x) order by x
x|count|count
1|3|0
2|3|1
2|3|1
5|1|0
|2|2
|2|2
(6 rows)

> select x, count(*) over (order by x nulls first range between 1 preceding and current row), first_value(x) over (order by x desc nulls last range between 2 preceding and 1 preceding) from (values (1), (2), (2), (5), (null), (null)) t(x) order by x
x|count|first_value
1|1|2
2|3|
2|3|
5|1|
|2|
|2|
(6 rows)

> select x, sum(x) over (order by x range between 0.5 preceding and 1.5 following) from (values (1.0::float8), (1.25), (2.5), ('nan'), ('infinity'), (null)) t(x) order by x
x|sum
1|4.75
1.25|4.75
2.5|2.5
Infinity|Infinity
NaN|NaN
|
(6 rows)

> select sum(c) from (select count(*) over (order by x range between 1 preceding and 1 following) as c from generate_series(1, 20000) x) s
sum
59998
(1 row)

# What no row can change is judged before anything else.
> select * from keyed where false and id = 1 / 0
id|v
(0 rows)

> prepare gated(bool, int) as select v is null from keyed where $1 and id = 1 / $2
PREPARE

> execute gated(false, 0)
?column?
(0 rows)

> execute gated(true, 1)
?column?
f
(1 row)

> execute gated(true, 0)
ERROR:  22012: division by zero

> prepare gated_join(bool, int) as select a.id from keyed a left join keyed b on b.id = 1 / $2 where $1
PREPARE

> execute gated_join(false, 1)
id
(0 rows)

> execute gated_join(true, 1)
id
1
(1 row)

> prepare gated_test(bool, int) as select count(*) from (select id from keyed where id = 1 / $2 offset 0) s where $1
PREPARE

> execute gated_test(false, 0)
count
0
(1 row)

> select count(*) from keyed where (select false)
count
0
(1 row)

> select count(*), max(id) from keyed where (select true) and id = 1
count|max
1|1
(1 row)

> select k.id, (select count(*) from keyed i where k.id > 1 and i.id = 1 / (k.id - 1)) from keyed k
id|count
1|0
(1 row)

> update keyed set v = 'z' where (select false) and id = 1
UPDATE 0

# Aggregates of distinct values take them in order.
> select array_agg(distinct x), string_agg(distinct x::text, ','), count(distinct x), sum(distinct x) from (values (3), (1), (2), (1), (null)) t(x)
array_agg|string_agg|count|sum
{1,2,3,NULL}|1,2,3|3|6
(1 row)

> select array_agg(distinct x order by x desc), array_agg(distinct x order by x nulls first), string_agg(distinct x::text, ',' order by x::text desc) from (values (3), (1), (2), (1), (null)) t(x)
array_agg|array_agg|string_agg
{NULL,3,2,1}|{NULL,1,2,3}|3,2,1
(1 row)

> select string_agg(distinct x, y), string_agg(distinct x, y order by x desc) from (values ('b', '-'), ('a', '+'), ('b', '-'), ('b', '+')) t(x, y)
string_agg|string_agg
a+b-b|b-b+a
(1 row)

> select g, array_agg(distinct x) filter (where x > 1), json_agg(distinct x::text) from (values (1, 3), (2, 1), (1, 2), (1, 3), (2, 9)) t(g, x) group by g order by g
g|array_agg|json_agg
1|{2,3}|["2", "3"]
2|{9}|["1", "9"]
(2 rows)

> select array_agg(distinct c) from (select * from short union all select * from long) s
array_agg
{"ab ","cd ","ef    ",NULL}
(1 row)

> select sum(distinct x) from (values (1e20::float8), (1), (-1e20), (2)) t(x)
sum
0
(1 row)

> create table ea (id int primary key, k int)
CREATE TABLE

> insert into ea select g, nullif(g, g / 10 * 10) from generate_series(1, 200) g
INSERT 0 200

> create table eb (k bigint, z int)
CREATE TABLE

> select count(*), sum(id) from ea where id = 1 or exists (select 1 from eb where eb.k = ea.k)
count|sum
1|1
(1 row)

> insert into eb select case when h % 7 <> 0 then 2 * h end, h % 5 from generate_series(1, 100) h
INSERT 0 100

> select count(*), sum(id) from ea where id % 50 = 0 or exists (select 1 from eb where eb.k = ea.k and z > 2)
count|sum
38|3908
(1 row)

> select count(*), sum(id) from ea where id % 50 = 0 or not exists (select 1 from eb where ea.k = eb.k and z > 2)
count|sum
166|16692
(1 row)

> select count(*), sum(id) from ea where id = 1 or exists (select 1 from eb where eb.k = ea.k and eb.z = ea.id / 2 % 5)
count|sum
69|6741
(1 row)

> select * from generate_series(1, generate_series(1, 3))
ERROR:  0A000: set-returning functions must appear at top level of FROM

> select * from int4mul(1 + generate_series(1, 2), 10)
ERROR:  0A000: set-returning functions must appear at top level of FROM

> select case when true then generate_series(1, 3) else 0 end
ERROR:  0A000: set-returning functions are not allowed in CASE
HINT:  You might be able to move the set-returning function into a LATERAL FROM item.

> select case generate_series(1, 3) when 1 then 2 end
ERROR:  0A000: set-returning functions are not allowed in CASE
HINT:  You might be able to move the set-returning function into a LATERAL FROM item.

> select coalesce(generate_series(1, 3), 0)
ERROR:  0A000: set-returning functions are not allowed in COALESCE
HINT:  You might be able to move the set-returning function into a LATERAL FROM item.

> select * from generate_series(1, coalesce((select max(x) from generate_series(1, 3) x), 0))
generate_series
1
2
3
(3 rows)

> select distinct on (a) a, b, generate_series(1,3) g from (values (3, 2), (3,1), (1,1), (1,4), (5,3), (5,1)) as t(a, b) order by a, b desc
a|b|g
1|4|1
1|4|2
1|4|3
3|2|1
3|2|2
3|2|3
5|3|1
5|3|2
5|3|3
(9 rows)

> select distinct on (a) a, b, generate_series(1,3) g from (values (3, 2), (3,1), (1,1), (1,4), (5,3), (5,1)) as t(a, b) order by a, b desc, g desc
a|b|g
1|4|3
3|2|3
5|3|3
(3 rows)

> select distinct on (a) a, unnest(array[b, b + 10]) from (values (3, 2), (3,1), (1,1), (1,4)) as t(a, b) order by a, b limit 3
a|unnest
1|1
1|11
3|1
(3 rows)

> select distinct on (a, g) a, generate_series(1,2) g from (values (3, 2), (3,1), (1,1), (1,4)) as t(a, b) order by a, g
a|g
1|1
1|2
3|1
3|2
(4 rows)

# USING gives its columns a name of their own.
> create table ua (id int primary key, x int, k text)
CREATE TABLE

> create table ub (id bigint, y int, k varchar(5))
CREATE TABLE

> insert into ua values (1, 10, 'p'), (2, 20, 'q'), (3, 30, null)
INSERT 0 3

> insert into ub values (1, 100, 'p'), (2, 200, 'r'), (4, 400, 's')
INSERT 0 3

> select * from ua join ub using (id) as j order by j.id
id|x|k|y|k
1|10|p|100|p
2|20|q|200|r
(2 rows)

> select j.*, ua.id, pg_typeof(j.id), j from ua join ub using (id) as j order by 1
id|id|pg_typeof|j
1|1|bigint|(1)
2|2|bigint|(2)
(2 rows)

> select j, j.*, row_to_json(j) from ua full join ub using (id, k) as j order by j.id, j.k
j|id|k|row_to_json
(1,p)|1|p|{"id":1,"k":"p"}
(2,q)|2|q|{"id":2,"k":"q"}
(2,r)|2|r|{"id":2,"k":"r"}
(3,)|3||{"id":3,"k":null}
(4,s)|4|s|{"id":4,"k":"s"}
(5 rows)

> select jj.*, j.* from ua join ub using (id) as j left join ua c using (id) as jj order by 1
id|id
1|1
2|2
(2 rows)

> select j.id, count(*), count(j) from ua left join ub using (id) as j where j.id > 1 group by j.id order by j.id
id|count|count
2|1|1
3|1|1
(2 rows)

> select ua.id, count(j) from ua left join (ub join ub other using (id) as j) on ub.id = ua.id group by ua.id order by 1
id|count
1|1
2|1
3|1
(3 rows)

> create view named as select j.* from ua full join ub using (id) as j
CREATE VIEW

> select * from named order by 1
id
1
2
3
4
(4 rows)

> select count(q), count(q.id) from ua left join (ub join ub other using (id)) as q on q.id = ua.id
count|count
3|2
(1 row)

> select j.id from (ua join ub using (id) as j) as q
ERROR:  42P01: missing FROM-clause entry for table "j"

> select * from ua join ub using (id) as ua
ERROR:  42712: table name "ua" specified more than once

> select * from ua join ub using (id) as j join ub as j using (id)
ERROR:  42712: table name "j" specified more than once

> select * from ua join ub on ua.id = ub.id as j
ERROR:  42601: syntax error at or near "as"

> select 1 from ua join ub using (id) as j for update of j
ERROR:  0A000: FOR UPDATE cannot be applied to a join

> select j.ctid from ua join ub using (id) as j
ERROR:  42703: column j.ctid does not exist

> create table pairs (g int, y float8, x float8)
CREATE TABLE

> insert into pairs values (1, 2, 1), (1, 3, 2), (1, 9, 4), (1, null, 5), (1, 5, null), (2, 1, 1), (3, null, 1), (4, 1, 2), (4, 1, 3), (5, 1, 2), (5, 3, 2), (6, 1e-3, 1e9), (6, 2e-3, 1e9), (6, 4e-3, 3e9), (7, 'inf', 1), (7, 2, 2), (8, 'nan', 1), (8, 2, 'inf')
INSERT 0 18

> select g, regr_count(y, x), regr_avgx(y, x), regr_avgy(y, x), regr_sxx(y, x), regr_syy(y, x), regr_sxy(y, x) from pairs group by g order by g
g|regr_count|regr_avgx|regr_avgy|regr_sxx|regr_syy|regr_sxy
1|3|2.3333333333333335|4.666666666666667|4.666666666666666|28.666666666666664|11.333333333333332
2|1|1|1|0|0|0
3|0|||||
4|2|2.5|1|0.5|0|0
5|2|2|2|0|2|0
6|3|1666666666.6666667|0.0023333333333333335|2.6666666666666665e+18|4.666666666666667e-06|3333333.333333333
7|2|1.5|Infinity|0.5|NaN|NaN
8|2|Infinity|NaN|NaN|NaN|NaN
(8 rows)

> select g, corr(y, x), covar_pop(y, x), covar_samp(y, x), regr_slope(y, x), regr_intercept(y, x), regr_r2(y, x) from pairs group by g order by g
g|corr|covar_pop|covar_samp|regr_slope|regr_intercept|regr_r2
1|0.9798637100971994|3.7777777777777772|5.666666666666666|2.428571428571429|-1|0.9601328903654487
2||0||||
3||||||
4||0|0|0|1|1
5||0|0|||
6|0.9449111825230679|1111111.111111111|1666666.6666666665|1.25e-12|0.00024999999999999995|0.8928571428571427
7|NaN|NaN|NaN|NaN|NaN|NaN
8|NaN|NaN|NaN|NaN|NaN|NaN
(8 rows)

> select regr_count(y, x), corr(y, x), regr_sxx(y, x) from pairs where false
regr_count|corr|regr_sxx
0||
(1 row)

> select covar_pop(y, x) from (values (1e300, 1e300), (-1e300, -1e300)) v (y, x)
ERROR:  22003: value out of range: overflow

> select corr(a, b), regr_slope(a, b) from (values (1, 2), (2, 3), (4, 5)) v (a, b)
corr|regr_slope
1|1
(1 row)

> select g, x, corr(y, x) over (order by x) from pairs where g = 1 order by x
g|x|corr
1|1|
1|2|1
1|4|0.9798637100971994
1|5|0.9798637100971994
1||0.9798637100971994
(5 rows)

> select bit_xor(v), bit_xor(v::int2), bit_xor(v::int8), bit_xor(distinct v) from (values (7), (null), (5), (5)) t (v)
bit_xor|bit_xor|bit_xor|bit_xor
7|7|7|2
(1 row)

> select bit_xor(v) from (values (1)) t (v) where false
bit_xor
(1 row)

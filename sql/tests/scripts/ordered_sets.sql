# Ordered-set and hypothetical-set aggregates: WITHIN GROUP.
> create table t (id int primary key, g int, x int, f float8, i interval, s text, c char(5), j json)
CREATE TABLE

> insert into t values (1, 1, 10, 1.5, '1 day', 'a', 'a', '{}'), (2, 1, 20, 2.5, '3 days', 'b', 'b', '{}'), (3, 2, 20, 4, '6 days', 'b', 'b ', '{}'), (4, 2, null, null, null, null, null, null), (5, 2, 5, -1, '2 mons', 'A', 'z', null)
INSERT 0 5

> select mode() within group (order by x), mode() within group (order by s desc), mode() within group (order by c), mode() within group (order by id desc) from t
mode|mode|mode|mode
20|b|b    |5
(1 row)

> select percentile_cont(0.5) within group (order by x), percentile_cont(0.3) within group (order by i), percentile_cont(0.25) within group (order by f desc) from t
percentile_cont|percentile_cont|percentile_cont
15|2 days 19:12:00|2.875
(1 row)

> select percentile_disc(0.5) within group (order by x), percentile_disc(0) within group (order by s), percentile_disc(1) within group (order by c), percentile_disc(0.26) within group (order by i) from t
percentile_disc|percentile_disc|percentile_disc|percentile_disc
10|A|z    |3 days
(1 row)

> select percentile_cont(array[0, 0.25, null, 1]) within group (order by f), percentile_cont(array[[0, 0.25], [null, 1]]) within group (order by i) from t
percentile_cont|percentile_cont
{-1,0.875,NULL,4}|{{"1 day","2 days 12:00:00"},{NULL,"2 mons"}}
(1 row)

> select percentile_disc(array[[0, 0.25], [null, 1]]) within group (order by c), percentile_disc('[0:1]={0.1,0.9}'::float8[]) within group (order by s), percentile_disc(array[]::float8[]) within group (order by x) from t
percentile_disc|percentile_disc|percentile_disc
{{"a    ","a    "},{NULL,"z    "}}|[0:1]={A,b}|{}
(1 row)

> select percentile_cont(null::float8) within group (order by x), percentile_disc(null::float8[]) within group (order by x) from t
percentile_cont|percentile_disc
|
(1 row)

> select percentile_cont(0.5) within group (order by x), percentile_disc(array[0.5, 2]) within group (order by x), mode() within group (order by x), percentile_cont(0.5) within group (order by f), count(*) from t where false
percentile_cont|percentile_disc|mode|percentile_cont|count
||||0
(1 row)

> select percentile_cont(1.5) within group (order by x) from t
ERROR:  22003: percentile value 1.5 is not between 0 and 1

> select percentile_cont(1.23456789) within group (order by x) from t
ERROR:  22003: percentile value 1.23457 is not between 0 and 1

> select percentile_disc(1e6) within group (order by x) from t
ERROR:  22003: percentile value 1e+06 is not between 0 and 1

> select percentile_cont(1.5) within group (order by x) from t where false
ERROR:  22003: percentile value 1.5 is not between 0 and 1

> select percentile_disc('NaN'::float8) within group (order by x) from t
ERROR:  22003: percentile value NaN is not between 0 and 1

> select percentile_disc(array[0.5, -3]) within group (order by x) from t
ERROR:  22003: percentile value -3 is not between 0 and 1

# By group, with FILTER, with direct arguments that are the group's.
> select g, percentile_cont(0.5) within group (order by f), mode() within group (order by s), percentile_disc(0.5) within group (order by x) filter (where id <> 3) from t group by g order by g
g|percentile_cont|mode|percentile_disc
1|2|a|10
2|1.5|A|5
(2 rows)

> select g, percentile_cont(g / 4.0) within group (order by f) from t group by g order by g
g|percentile_cont
1|1.75
2|1.5
(2 rows)

> select id, percentile_cont(x / 100.0) within group (order by f) from t group by id order by id
id|percentile_cont
1|1.5
2|2.5
3|4
4|
5|-1
(5 rows)

> select g, percentile_cont(0.5) within group (order by x), rank(10) within group (order by x), count(*) from t group by grouping sets ((g), ()) order by g
g|percentile_cont|rank|count
1|15|1|2
2|12.5|2|3
|15|2|5
(3 rows)

> select percentile_cont(0.5) within group (order by x) from t where false group by grouping sets ((g), ())
percentile_cont
(1 row)

> select g from t group by g having mode() within group (order by x) > 5 order by percentile_cont(0.5) within group (order by x) desc
g
1
(1 row)

> select distinct mode() within group (order by x) from t group by g order by mode() within group (order by x)
mode
5
10
(2 rows)

> select g, percentile_cont(0.5) within group (order by x) - lag(percentile_cont(0.5) within group (order by x)) over (order by g) from t group by g order by g
g|?column?
1|
2|-2.5
(2 rows)

> select (select percentile_cont(t.x / 100.0) within group (order by u.x) from t u) from t order by id
percentile_cont
6.5
8
8
5.75
(5 rows)

> select (select percentile_cont(0.5) within group (order by t.x) from t u limit 1) from t
percentile_cont
15
(1 row)

> select percentile_cont((select 0.5)) within group (order by x + (select 1)) from t
percentile_cont
16
(1 row)

> select percentile_cont(x) within group (order by f) from t
ERROR:  42803: column "t.x" must appear in the GROUP BY clause or be used in an aggregate function
DETAIL:  Direct arguments of an ordered-set aggregate must use only grouped columns.

> select id, rank(x) within group (order by f) from t group by g, id order by id
id|rank
1|2
2|2
3|2
4|1
5|2
(5 rows)

> select rank(x) within group (order by f) from t group by g
ERROR:  42803: column "t.x" must appear in the GROUP BY clause or be used in an aggregate function
DETAIL:  Direct arguments of an ordered-set aggregate must use only grouped columns.

> select percentile_cont((select x)) within group (order by f) from t
ERROR:  42803: subquery uses ungrouped column "t.x" from outer query

> select (select percentile_cont(u.x / 100.0) within group (order by t.x) from t u) from t
ERROR:  42803: outer-level aggregate cannot contain a lower-level variable in its direct arguments

> select (select percentile_cont(avg(t.x) / 100) within group (order by t.x) from t u limit 1) from t
ERROR:  42803: aggregate function calls cannot be nested

> select (select percentile_cont(avg(t.x) / 100) within group (order by u.x) from t u) from t
percentile_cont
7.0625
(1 row)

# Where a row would stand.
> select rank(15) within group (order by x), dense_rank(25) within group (order by x), percent_rank(20) within group (order by x), cume_dist(20) within group (order by x) from t
rank|dense_rank|percent_rank|cume_dist
3|4|0.4|0.8333333333333334
(1 row)

> select rank(15) within group (order by x), dense_rank(25) within group (order by x), percent_rank(20) within group (order by x), cume_dist(20) within group (order by x) from t where false
rank|dense_rank|percent_rank|cume_dist
1|1|0|1
(1 row)

> select rank(20, 'b') within group (order by x, s desc), rank(20, 'A') within group (order by x desc, s), dense_rank(20, 'z') within group (order by x, s) from t
rank|rank|dense_rank
3|2|4
(1 row)

> select rank(null) within group (order by x), rank(null) within group (order by x desc), cume_dist(null) within group (order by x nulls first) from t
rank|rank|cume_dist
5|1|0.3333333333333333
(1 row)

> select rank(12.5) within group (order by x), rank('b') within group (order by c), cume_dist('b  '::char(3)) within group (order by c) from t
rank|rank|cume_dist
3|2|0.6666666666666666
(1 row)

> select g, rank(g * 10) within group (order by x), dense_rank(7) within group (order by x) filter (where x < 20) from t group by g order by g
g|rank|dense_rank
1|1|1
2|2|2
(2 rows)

# Volatile calls are not the same, but where ORDER BY means one of the list.
> select string_agg(i::text, '' order by random()) = string_agg(i::text, '' order by random()) as shuffled, sum(random()) = sum(random()) as summed, mode() within group (order by i + random()) = mode() within group (order by i + random()) as mode from generate_series(1, 50) i
shuffled|summed|mode
f|f|f
(1 row)

> select count(*) from (select distinct on (sum(random())) sum(random()) as s from generate_series(1, 50) i group by i order by sum(random())) as sums
count
50
(1 row)

> select bool_and(s >= before) from (select s, lag(s) over () as before from (select sum(random()) as s from generate_series(1, 50) i group by i order by sum(random())) as sums) as pairs
bool_and
t
(1 row)

# What is refused.
> select mode(x) from t
ERROR:  42809: WITHIN GROUP is required for ordered-set aggregate mode

> select mode() from t
ERROR:  42883: function mode() does not exist
HINT:  No function matches the given name and argument types. You might need to add explicit type casts.

> select percentile_cont(0.5, x) from t
ERROR:  42809: WITHIN GROUP is required for ordered-set aggregate percentile_cont

> select rank(1) from t
ERROR:  42809: WITHIN GROUP is required for ordered-set aggregate rank

> select rank(1) over () from t
ERROR:  42809: WITHIN GROUP is required for ordered-set aggregate rank

> select mode() within group (order by x) over () from t
ERROR:  0A000: OVER is not supported for ordered-set aggregate mode

> select rank() within group (order by x) over () from t
ERROR:  0A000: OVER is not supported for ordered-set aggregate rank

> select mode(distinct x) within group (order by x) from t
ERROR:  42601: cannot use DISTINCT with WITHIN GROUP

> select percentile_cont(0.5 order by x) within group (order by x) from t
ERROR:  42601: cannot use multiple ORDER BY clauses with WITHIN GROUP

> select percentile_cont(variadic array[0.5]) within group (order by x) from t
ERROR:  42601: cannot use VARIADIC with WITHIN GROUP

> select count(*) within group (order by x) from t
ERROR:  42809: count is not an ordered-set aggregate, so it cannot have WITHIN GROUP

> select sum(x) within group (order by x) from t
ERROR:  42883: function sum(integer, integer) does not exist
HINT:  No function matches the given name and argument types. You might need to add explicit type casts.

> select lower() within group (order by s) from t
ERROR:  42809: WITHIN GROUP specified, but lower is not an aggregate function

> select mode() within group (order by x, f) from t
ERROR:  42883: function mode(integer, double precision) does not exist
HINT:  No function matches the given name and argument types. You might need to add explicit type casts.

> select percentile_cont() within group (order by x, f) from t
ERROR:  42883: function percentile_cont(integer, double precision) does not exist
HINT:  There is an ordered-set aggregate percentile_cont, but it requires 1 direct argument, not 0.

> select percentile_cont(0.5) within group (order by s) from t
ERROR:  42883: function percentile_cont(numeric, text) does not exist
HINT:  No function matches the given name and argument types. You might need to add explicit type casts.

> select mode() within group (order by j) from t
ERROR:  42883: could not identify an ordering operator for type json
HINT:  Use an explicit ordering operator or modify the query.

> select mode() within group (order by 'a') from t
ERROR:  42804: could not determine polymorphic type because input has type unknown

> select mode() within group (order by count(*)) from t
ERROR:  42803: aggregate function calls cannot be nested

> select percentile_cont(avg(x)) within group (order by x) from t
ERROR:  42803: aggregate function calls cannot be nested

> select rank() within group (order by x) from t
ERROR:  42883: function rank(integer) does not exist
HINT:  To use the hypothetical-set aggregate rank, the number of hypothetical direct arguments (here 0) must match the number of ordering columns (here 1).

> select rank(1, 2) within group (order by x) from t
ERROR:  42883: function rank(integer, integer, integer) does not exist
HINT:  To use the hypothetical-set aggregate rank, the number of hypothetical direct arguments (here 2) must match the number of ordering columns (here 1).

> select rank('a'::text) within group (order by x) from t
ERROR:  42804: WITHIN GROUP types integer and text cannot be matched

> select 1 from t where mode() within group (order by x) = 1
ERROR:  42803: aggregate functions are not allowed in WHERE

# In a view, and in the catalog.
> create view middle as select g, percentile_cont(0.5) within group (order by x desc) filter (where x > 5) as half, rank(12) within group (order by x) from t group by g
CREATE VIEW

> select * from middle order by g
g|half|rank
1|15|2
2|20|2
(2 rows)

> select aggfnoid::oid, proname, proargtypes, prorettype::regtype, provariadic, prokind, aggkind, aggnumdirectargs from pg_aggregate join pg_proc on pg_proc.oid = aggfnoid where aggkind <> 'n' order by 1
aggfnoid|proname|proargtypes|prorettype|provariadic|prokind|aggkind|aggnumdirectargs
3972|percentile_disc|701 2283|anyelement|0|a|o|1
3974|percentile_cont|701 701|double precision|0|a|o|1
3976|percentile_cont|701 1186|interval|0|a|o|1
3978|percentile_disc|1022 2283|anyarray|0|a|o|1
3980|percentile_cont|1022 701|double precision[]|0|a|o|1
3982|percentile_cont|1022 1186|interval[]|0|a|o|1
3984|mode|2283|anyelement|0|a|o|0
3986|rank|2276|bigint|2276|a|h|1
3988|percent_rank|2276|double precision|2276|a|h|1
3990|cume_dist|2276|double precision|2276|a|h|1
3992|dense_rank|2276|bigint|2276|a|h|1
(11 rows)

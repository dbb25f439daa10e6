# Views through which rows of a table change.

> create table t (a int primary key, b int default 7, c text, d int generated always as (a * 2) stored)
CREATE TABLE

> insert into t values (1, 1, 'one'), (2, 2, 'two'), (30, 3, 'thirty')
INSERT 0 3

> create view v as select b as bb, a as aa, a + b as s, c from t where a < 10
CREATE VIEW

> select * from v order by aa
bb|aa|s|c
1|1|2|one
2|2|4|two
(2 rows)

# INSERT: the table's defaults apply, and the view's WHERE does not.

> insert into v (aa, c) values (3, 'three') returning *, v, v.s as sum
bb|aa|s|c|v|sum
7|3|10|three|(7,3,10,three)|10
(1 row)
INSERT 0 1

> insert into v values (4, 4)
INSERT 0 1

> insert into v (aa) values (20) returning aa, bb
aa|bb
20|7
(1 row)
INSERT 0 1

> insert into v (aa, bb) select a + 10, default_b from (values (1, 2)) x (a, default_b)
INSERT 0 1

> insert into v default values
ERROR:  23502: null value in column "a" of relation "t" violates not-null constraint
DETAIL:  Failing row contains (null, 7, null, null).

> insert into v values (1, 2, 3)
ERROR:  0A000: cannot insert into column "s" of view "v"
DETAIL:  View columns that are not columns of their base relation are not updatable.

> insert into v values (1, 2, 3, 4, 5)
ERROR:  42601: INSERT has more expressions than target columns

> insert into v (aa, s) values (1, 2)
ERROR:  0A000: cannot insert into column "s" of view "v"
DETAIL:  View columns that are not columns of their base relation are not updatable.

> insert into v (aa) values (1, 2)
ERROR:  42601: INSERT has more expressions than target columns

> insert into v (aa, bb) values (1)
ERROR:  42601: INSERT has more target columns than expressions

> insert into v (aa, aa) values (1, 1)
ERROR:  42701: column "aa" specified more than once

> insert into v (nosuch) values (1)
ERROR:  42703: column "nosuch" of relation "v" does not exist

> insert into v (aa) values ('x'::text)
ERROR:  42804: column "aa" is of type integer but expression is of type text
HINT:  You will need to rewrite or cast the expression.

> insert into v (aa) values (1)
ERROR:  23505: duplicate key value violates unique constraint "t_pkey"
DETAIL:  Key (a)=(1) already exists.

> select * from t order by a
a|b|c|d
1|1|one|2
2|2|two|4
3|7|three|6
4|4||8
11|2||22
20|7||40
30|3|thirty|60
(7 rows)

# ON CONFLICT

> insert into v (aa, bb) values (1, 5) on conflict (aa) do update set bb = excluded.bb + v.bb where v.s = 2 returning *
bb|aa|s|c
6|1|7|one
(1 row)
INSERT 0 1

> insert into v (aa, bb) values (1, 5) on conflict (aa) do update set bb = excluded.s where v.s = 2 returning *
bb|aa|s|c
(0 rows)
INSERT 0 0

> insert into v as w (aa, bb) values (2, 5) on conflict (aa) do update set (bb, c) = (excluded.s, w.c || '!') returning w.*
bb|aa|s|c
7|2|9|two!
(1 row)
INSERT 0 1

> insert into v (aa) values (1), (1) on conflict do nothing
INSERT 0 0

> insert into v (aa) values (1) on conflict (s) do nothing
ERROR:  42P10: there is no unique or exclusion constraint matching the ON CONFLICT specification

> insert into v (aa) values (1) on conflict (nosuch) do nothing
ERROR:  42703: column "nosuch" does not exist

> insert into v (aa) values (1) on conflict on constraint t_pkey do nothing
ERROR:  42704: constraint "t_pkey" for table "v" does not exist

> insert into v (aa) values (1) on conflict (aa) do update set s = 1
ERROR:  0A000: cannot insert into column "s" of view "v"
DETAIL:  View columns that are not columns of their base relation are not updatable.

# UPDATE

> update v set c = 'small' where bb > 6 returning *
bb|aa|s|c
7|2|9|small
7|3|10|small
(2 rows)
UPDATE 2

> update v set c = 'all'
UPDATE 4

> update v set aa = aa + 100 where aa = 4 returning aa, s
aa|s
104|108
(1 row)
UPDATE 1

> update v set bb = default where aa = 3
UPDATE 1

> update v x set bb = o.b, c = o.c from t o where o.a = 30 and x.aa = 3 returning x.*, o.a
bb|aa|s|c|a
3|3|6|thirty|30
(1 row)
UPDATE 1

> update v set (bb, c) = (select 8, 'eight') where aa = 3 returning *
bb|aa|s|c
8|3|11|eight
(1 row)
UPDATE 1

> update v set s = 1
ERROR:  0A000: cannot update column "s" of view "v"
DETAIL:  View columns that are not columns of their base relation are not updatable.

> update v set aa = 'x'::text
ERROR:  42804: column "aa" is of type integer but expression is of type text
HINT:  You will need to rewrite or cast the expression.

> update v set bb = 1, bb = 2
ERROR:  42601: multiple assignments to same column "bb"

> update v set bb = ctid
ERROR:  42703: column "ctid" does not exist

> update v set a = 1
ERROR:  42703: column "a" of relation "v" does not exist

> update v set nosuch = 1
ERROR:  42703: column "nosuch" of relation "v" does not exist

> select * from t order by a
a|b|c|d
1|6|all|2
2|7|all|4
3|8|eight|6
11|2||22
20|7||40
30|3|thirty|60
104|4|all|208
(7 rows)

# DELETE

> delete from v where aa > 10
DELETE 0

> delete from v using t where t.a = v.aa + 1 and v.aa = 2 returning v.aa, t.a
aa|a
2|3
(1 row)
DELETE 1

> delete from v
DELETE 2

> select * from t order by a
a|b|c|d
11|2||22
20|7||40
30|3|thirty|60
104|4|all|208
(4 rows)

# Views over views, under other names and with subqueries.

> create table known (x int)
CREATE TABLE

> insert into known values (1), (2)
INSERT 0 2

> create view inner_view (k, label, doubled) as select i.p, i.r, i.d from t as i (p, q, r) where exists (select from known where x = i.p)
CREATE VIEW

> create view outer_view as select label as l, k, doubled, (select max(x) from known where x < v.k) as below from inner_view v where k <> 30
CREATE VIEW

> insert into outer_view (k, l) values (1, 'one'), (2, 'two'), (3, 'three') returning *
l|k|doubled|below
one|1|2|
two|2|4|1
three|3|6|2
(3 rows)
INSERT 0 3

> select * from outer_view order by k
l|k|doubled|below
one|1|2|
two|2|4|1
(2 rows)

> update outer_view set l = l || below where below is not null returning *
l|k|doubled|below
two1|2|4|1
(1 row)
UPDATE 1

> update outer_view set l = upper(l) from known where x = k and x = 1 returning l, x
l|x
ONE|1
(1 row)
UPDATE 1

> update outer_view set below = 1
ERROR:  0A000: cannot update column "below" of view "outer_view"
DETAIL:  View columns that are not columns of their base relation are not updatable.

> update outer_view set doubled = 1
ERROR:  428C9: column "d" can only be updated to DEFAULT
DETAIL:  Column "d" is a generated column.

> insert into outer_view (k, doubled) values (9, 1)
ERROR:  428C9: cannot insert a non-DEFAULT value into column "d"
DETAIL:  Column "d" is a generated column.

> delete from outer_view where k = 3
DELETE 0

> delete from outer_view where below = 1 returning *
l|k|doubled|below
two1|2|4|1
(1 row)
DELETE 1

> select * from t order by a
a|b|c|d
1|7|ONE|2
3|7|three|6
11|2||22
20|7||40
30|3|thirty|60
104|4|all|208
(6 rows)

> with gone as (delete from outer_view returning k, l) select * from gone
k|l
1|ONE
(1 row)

> with new as (insert into inner_view (k) values (5) returning *) select * from new
k|label|doubled
5||10
(1 row)

> with new as (select 6 as n) insert into inner_view (k) select n from new returning *
k|label|doubled
6||12
(1 row)
INSERT 0 1

# A column twice, whole rows and columns of the system

> create view twice as select a, a as again, b from t
CREATE VIEW

> insert into twice (a, again) values (1, 2)
ERROR:  42601: multiple assignments to same column "a"

> insert into twice values (1, 2)
ERROR:  42601: multiple assignments to same column "a"

> update twice set a = 1, again = 2
ERROR:  42601: multiple assignments to same column "a"

> update twice set again = 40 where a = 30 returning *
a|again|b
40|40|3
(1 row)
UPDATE 1

> create view odd as select a, t, ctid from t
CREATE VIEW

> update odd set t = null
ERROR:  0A000: cannot update column "t" of view "odd"
DETAIL:  View columns that return whole-row references are not updatable.

> update odd set ctid = null
ERROR:  0A000: cannot update column "ctid" of view "odd"
DETAIL:  View columns that refer to system columns are not updatable.

> update odd set a = 41 where a = 40 returning a, t
a|t
41|(41,3,thirty,82)
(1 row)
UPDATE 1

# Views through which nothing changes

> create view distinct_view as select distinct a from t
CREATE VIEW

> insert into distinct_view values (1)
ERROR:  55000: cannot insert into view "distinct_view"
DETAIL:  Views containing DISTINCT are not automatically updatable.
HINT:  To enable inserting into the view, provide an INSTEAD OF INSERT trigger or an unconditional ON INSERT DO INSTEAD rule.

> create view group_view as select a from t group by a
CREATE VIEW

> update group_view set a = 1
ERROR:  55000: cannot update view "group_view"
DETAIL:  Views containing GROUP BY are not automatically updatable.
HINT:  To enable updating the view, provide an INSTEAD OF UPDATE trigger or an unconditional ON UPDATE DO INSTEAD rule.

> create view having_view as select 1 as one from t having true
CREATE VIEW

> delete from having_view
ERROR:  55000: cannot delete from view "having_view"
DETAIL:  Views containing HAVING are not automatically updatable.
HINT:  To enable deleting from the view, provide an INSTEAD OF DELETE trigger or an unconditional ON DELETE DO INSTEAD rule.

> create view union_view as select a from t union select a from t
CREATE VIEW

> insert into union_view values (1)
ERROR:  55000: cannot insert into view "union_view"
DETAIL:  Views containing UNION, INTERSECT, or EXCEPT are not automatically updatable.
HINT:  To enable inserting into the view, provide an INSTEAD OF INSERT trigger or an unconditional ON INSERT DO INSTEAD rule.

> create view with_view as with x as (select 1) select a from t
CREATE VIEW

> delete from with_view
ERROR:  55000: cannot delete from view "with_view"
DETAIL:  Views containing WITH are not automatically updatable.
HINT:  To enable deleting from the view, provide an INSTEAD OF DELETE trigger or an unconditional ON DELETE DO INSTEAD rule.

> create view limit_view as select a from t limit 5
CREATE VIEW

> update limit_view set a = 1
ERROR:  55000: cannot update view "limit_view"
DETAIL:  Views containing LIMIT or OFFSET are not automatically updatable.
HINT:  To enable updating the view, provide an INSTEAD OF UPDATE trigger or an unconditional ON UPDATE DO INSTEAD rule.

> create view offset_view as select a from t offset 5
CREATE VIEW

> update offset_view set a = 1
ERROR:  55000: cannot update view "offset_view"
DETAIL:  Views containing LIMIT or OFFSET are not automatically updatable.
HINT:  To enable updating the view, provide an INSTEAD OF UPDATE trigger or an unconditional ON UPDATE DO INSTEAD rule.

> create view count_view as select count(*) from t
CREATE VIEW

> delete from count_view
ERROR:  55000: cannot delete from view "count_view"
DETAIL:  Views that return aggregate functions are not automatically updatable.
HINT:  To enable deleting from the view, provide an INSTEAD OF DELETE trigger or an unconditional ON DELETE DO INSTEAD rule.

> create view window_view as select a, row_number() over (order by a) from t
CREATE VIEW

> delete from window_view
ERROR:  55000: cannot delete from view "window_view"
DETAIL:  Views that return window functions are not automatically updatable.
HINT:  To enable deleting from the view, provide an INSTEAD OF DELETE trigger or an unconditional ON DELETE DO INSTEAD rule.

> create view set_view as select a, generate_series(1, 2) from t
CREATE VIEW

> delete from set_view
ERROR:  55000: cannot delete from view "set_view"
DETAIL:  Views that return set-returning functions are not automatically updatable.
HINT:  To enable deleting from the view, provide an INSTEAD OF DELETE trigger or an unconditional ON DELETE DO INSTEAD rule.

> create view join_view as select t.a from t join known on t.a = known.x
CREATE VIEW

> delete from join_view
ERROR:  55000: cannot delete from view "join_view"
DETAIL:  Views that do not select from a single table or view are not automatically updatable.
HINT:  To enable deleting from the view, provide an INSTEAD OF DELETE trigger or an unconditional ON DELETE DO INSTEAD rule.

> create view cross_view as select t.a from t, known
CREATE VIEW

> insert into cross_view values (1)
ERROR:  55000: cannot insert into view "cross_view"
DETAIL:  Views that do not select from a single table or view are not automatically updatable.
HINT:  To enable inserting into the view, provide an INSTEAD OF INSERT trigger or an unconditional ON INSERT DO INSTEAD rule.

> create view values_view as values (1)
CREATE VIEW

> insert into values_view values (1)
ERROR:  55000: cannot insert into view "values_view"
DETAIL:  Views that do not select from a single table or view are not automatically updatable.
HINT:  To enable inserting into the view, provide an INSTEAD OF INSERT trigger or an unconditional ON INSERT DO INSTEAD rule.

> create view query_view as select a from (select a from t) x
CREATE VIEW

> update query_view set a = 1
ERROR:  55000: cannot update view "query_view"
DETAIL:  Views that do not select from a single table or view are not automatically updatable.
HINT:  To enable updating the view, provide an INSTEAD OF UPDATE trigger or an unconditional ON UPDATE DO INSTEAD rule.

> create view constant_view as select 1 as one
CREATE VIEW

> update constant_view set one = 1
ERROR:  55000: cannot update view "constant_view"
DETAIL:  Views that do not select from a single table or view are not automatically updatable.
HINT:  To enable updating the view, provide an INSTEAD OF UPDATE trigger or an unconditional ON UPDATE DO INSTEAD rule.

> create view computed_view as select a + 1 as a1 from t
CREATE VIEW

> update computed_view set a1 = 1
ERROR:  55000: cannot update view "computed_view"
DETAIL:  Views that have no updatable columns are not automatically updatable.
HINT:  To enable updating the view, provide an INSTEAD OF UPDATE trigger or an unconditional ON UPDATE DO INSTEAD rule.

> insert into computed_view values (1)
ERROR:  55000: cannot insert into view "computed_view"
DETAIL:  Views that have no updatable columns are not automatically updatable.
HINT:  To enable inserting into the view, provide an INSTEAD OF INSERT trigger or an unconditional ON INSERT DO INSTEAD rule.

> delete from computed_view where a1 = 42
DELETE 1

> create view over_join as select a from join_view where a > 1
CREATE VIEW

> update over_join set a = 1
ERROR:  55000: cannot update view "join_view"
DETAIL:  Views that do not select from a single table or view are not automatically updatable.
HINT:  To enable updating the view, provide an INSTEAD OF UPDATE trigger or an unconditional ON UPDATE DO INSTEAD rule.

# WITH CHECK OPTION

> create table item (id int primary key, price int check (price > 0), size int default 5)
CREATE TABLE

> create view cheap as select id, price, size as s from item where price < 100 with check option
CREATE VIEW

> insert into cheap values (1, 50), (2, 99)
INSERT 0 2

> insert into cheap values (3, 100)
ERROR:  44000: new row violates check option for view "cheap"
DETAIL:  Failing row contains (3, 100, 5).

> insert into cheap values (3, -1)
ERROR:  23514: new row for relation "item" violates check constraint "item_price_check"
DETAIL:  Failing row contains (3, -1, 5).

> insert into cheap values (1, 500)
ERROR:  23505: duplicate key value violates unique constraint "item_pkey"
DETAIL:  Key (id)=(1) already exists.

> insert into cheap (id) values (3)
ERROR:  44000: new row violates check option for view "cheap"
DETAIL:  Failing row contains (3, null, 5).

> update cheap set price = price * 2 where id = 2
ERROR:  44000: new row violates check option for view "cheap"
DETAIL:  Failing row contains (2, 198, 5).

> update cheap set price = 60 where id = 1 returning *
id|price|s
1|60|5
(1 row)
UPDATE 1

> insert into cheap values (1, 70) on conflict (id) do update set price = excluded.price + 30
ERROR:  44000: new row violates check option for view "cheap"
DETAIL:  Failing row contains (1, 100, 5).

> insert into cheap values (1, 500) on conflict (id) do update set price = 80
INSERT 0 1

> insert into cheap values (1, 500) on conflict (id) do nothing
INSERT 0 0

> insert into item values (4, 400)
INSERT 0 1

> update cheap set price = 40 where id = 4
UPDATE 0

> select * from item order by id
id|price|size
1|80|5
2|99|5
4|400|5
(3 rows)

> create view small_cheap as select * from cheap where s < 10
CREATE VIEW

> insert into small_cheap values (5, 20, 20)
INSERT 0 1

> insert into small_cheap values (6, 200, 5)
ERROR:  44000: new row violates check option for view "cheap"
DETAIL:  Failing row contains (6, 200, 5).

> create view local_small as select * from item where size < 10
CREATE VIEW

> create view local_over as select * from local_small where price < 100 with local check option
CREATE VIEW

> insert into local_over values (7, 20, 20)
INSERT 0 1

> insert into local_over values (8, 200, 5)
ERROR:  44000: new row violates check option for view "local_over"
DETAIL:  Failing row contains (8, 200, 5).

> create view cascaded_over as select * from local_small where price < 100 with cascaded check option
CREATE VIEW

> insert into cascaded_over values (9, 20, 20)
ERROR:  44000: new row violates check option for view "local_small"
DETAIL:  Failing row contains (9, 20, 20).

> insert into cascaded_over values (9, 200, 5)
ERROR:  44000: new row violates check option for view "cascaded_over"
DETAIL:  Failing row contains (9, 200, 5).

> insert into cascaded_over values (9, 200, 20)
ERROR:  44000: new row violates check option for view "local_small"
DETAIL:  Failing row contains (9, 200, 20).

> insert into cascaded_over values (9, 20, 5)
INSERT 0 1

> create view over_all as select * from cascaded_over where id < 10
CREATE VIEW

> insert into over_all values (10, 200, 5)
ERROR:  44000: new row violates check option for view "cascaded_over"
DETAIL:  Failing row contains (10, 200, 5).

> insert into over_all values (10, 20, 5)
INSERT 0 1

> create view unfiltered as select * from local_small with check option
CREATE VIEW

> insert into unfiltered values (11, 20, 20)
ERROR:  44000: new row violates check option for view "local_small"
DETAIL:  Failing row contains (11, 20, 20).

> insert into unfiltered values (11, 20, 6)
INSERT 0 1

> create table limits (most int)
CREATE TABLE

> insert into limits values (30)
INSERT 0 1

> create view limited as select id, price from item where price <= (select max(most) from limits) with check option
CREATE VIEW

> insert into limited values (12, 31)
ERROR:  44000: new row violates check option for view "limited"
DETAIL:  Failing row contains (12, 31, 5).

> insert into limited values (12, 30)
INSERT 0 1

> update limited set price = (select most + 1 from limits) where id = 12
ERROR:  44000: new row violates check option for view "limited"
DETAIL:  Failing row contains (12, 31, 5).

> with new as (insert into limited values (13, 99) returning *) select * from new
ERROR:  44000: new row violates check option for view "limited"
DETAIL:  Failing row contains (13, 99, 5).

> update cheap set price = null where id = 2
ERROR:  44000: new row violates check option for view "cheap"
DETAIL:  Failing row contains (2, null, 5).

> select * from item order by id
id|price|size
1|80|5
2|99|5
4|400|5
5|20|20
7|20|20
9|20|5
10|20|5
11|20|6
12|30|5
(9 rows)

> create or replace view limited as select id, price from item where price <= (select max(most) from limits)
CREATE VIEW

> insert into limited values (14, 99)
INSERT 0 1

> select relname, reloptions from pg_class where relname in ('limited', 'cheap', 'local_over', 'cascaded_over') order by 1
relname|reloptions
cascaded_over|{check_option=cascaded}
cheap|{check_option=cascaded}
limited|
local_over|{check_option=local}
(4 rows)

> create view o1 with (check_option = local) as select id from item with check option
ERROR:  22023: parameter "check_option" specified more than once

> create view o1 with (check_option = nonsense) as select id from item
ERROR:  22023: invalid value for enum option "check_option": nonsense
DETAIL:  Valid values are "local" and "cascaded".

> create view o1 with (check_option) as select id from item
ERROR:  22023: invalid value for enum option "check_option": true
DETAIL:  Valid values are "local" and "cascaded".

> create view o1 with (check_option = LOCAL) as select id from item
CREATE VIEW

> select reloptions from pg_class where relname = 'o1'
reloptions
{check_option=local}
(1 row)

> create view o2 as select count(*) from item with check option
ERROR:  0A000: WITH CHECK OPTION is supported only on automatically updatable views
HINT:  Views that return aggregate functions are not automatically updatable.

> create view o2 as select id + 1 as id from item with local check option
ERROR:  0A000: WITH CHECK OPTION is supported only on automatically updatable views
HINT:  Views that have no updatable columns are not automatically updatable.

> create view o2 as select 1 as one with check option
ERROR:  0A000: WITH CHECK OPTION is supported only on automatically updatable views
HINT:  Views that do not select from a single table or view are not automatically updatable.

> create view o2 as select id from item limit 1 with cascaded check option
ERROR:  0A000: WITH CHECK OPTION is supported only on automatically updatable views
HINT:  Views containing LIMIT or OFFSET are not automatically updatable.

# What the catalogs say

> select table_name, check_option, is_updatable, is_insertable_into, is_trigger_updatable from information_schema.views where table_schema = 'public' order by 1
table_name|check_option|is_updatable|is_insertable_into|is_trigger_updatable
cascaded_over|CASCADED|YES|YES|NO
cheap|CASCADED|YES|YES|NO
computed_view|NONE|NO|NO|NO
constant_view|NONE|NO|NO|NO
count_view|NONE|NO|NO|NO
cross_view|NONE|NO|NO|NO
distinct_view|NONE|NO|NO|NO
group_view|NONE|NO|NO|NO
having_view|NONE|NO|NO|NO
inner_view|NONE|YES|YES|NO
join_view|NONE|NO|NO|NO
limit_view|NONE|NO|NO|NO
limited|NONE|YES|YES|NO
local_over|LOCAL|YES|YES|NO
local_small|NONE|YES|YES|NO
o1|LOCAL|YES|YES|NO
odd|NONE|YES|YES|NO
offset_view|NONE|NO|NO|NO
outer_view|NONE|YES|YES|NO
over_all|NONE|YES|YES|NO
over_join|NONE|NO|NO|NO
query_view|NONE|NO|NO|NO
set_view|NONE|NO|NO|NO
small_cheap|NONE|YES|YES|NO
twice|NONE|YES|YES|NO
unfiltered|CASCADED|YES|YES|NO
union_view|NONE|NO|NO|NO
v|NONE|YES|YES|NO
values_view|NONE|NO|NO|NO
window_view|NONE|NO|NO|NO
with_view|NONE|NO|NO|NO
(31 rows)

> select table_name, is_insertable_into from information_schema.tables where table_schema = 'public' order by 1
table_name|is_insertable_into
cascaded_over|YES
cheap|YES
computed_view|NO
constant_view|NO
count_view|NO
cross_view|NO
distinct_view|NO
group_view|NO
having_view|NO
inner_view|YES
item|YES
join_view|NO
known|YES
limit_view|NO
limited|YES
limits|YES
local_over|YES
local_small|YES
o1|YES
odd|YES
offset_view|NO
outer_view|YES
over_all|YES
over_join|NO
query_view|NO
set_view|NO
small_cheap|YES
t|YES
twice|YES
unfiltered|YES
union_view|NO
v|YES
values_view|NO
window_view|NO
with_view|NO
(35 rows)

> select table_name, column_name, is_updatable from information_schema.columns where table_name in ('v', 'outer_view', 'twice', 'odd', 'computed_view', 'join_view', 'item') order by 1, ordinal_position
table_name|column_name|is_updatable
computed_view|a1|NO
item|id|YES
item|price|YES
item|size|YES
join_view|a|NO
odd|a|YES
odd|t|NO
odd|ctid|NO
outer_view|l|YES
outer_view|k|YES
outer_view|doubled|YES
outer_view|below|NO
twice|a|YES
twice|again|YES
twice|b|YES
v|bb|YES
v|aa|YES
v|s|NO
v|c|YES
(19 rows)

> select relname, pg_relation_is_updatable(oid, false) from pg_class where relname in ('v', 'outer_view', 'computed_view', 'join_view', 'item', 'item_pkey') order by 1
relname|pg_relation_is_updatable
computed_view|16
item|28
item_pkey|0
join_view|0
outer_view|28
v|28
(6 rows)

> select pg_column_is_updatable('v', 1::int2, false), pg_column_is_updatable('v', 3::int2, false), pg_column_is_updatable('item', 1::int2, true), pg_column_is_updatable('item', (-1)::int2, false), pg_relation_is_updatable(0, false)
pg_column_is_updatable|pg_column_is_updatable|pg_column_is_updatable|pg_column_is_updatable|pg_relation_is_updatable
t|f|t|f|0
(1 row)

> create view of_catalog as select relname, reltuples + 1 as more from pg_class
CREATE VIEW

> select pg_relation_is_updatable('of_catalog', false), pg_column_is_updatable('of_catalog', 2::int2, false)
pg_relation_is_updatable|pg_column_is_updatable
28|f
(1 row)

> create view of_view as select tablename from pg_tables
CREATE VIEW

> select pg_relation_is_updatable('of_view', false)
pg_relation_is_updatable
0
(1 row)

# Privileges: the user's on the view, the owner's on the table.

> create role view_owner
CREATE ROLE

> create role view_user
CREATE ROLE

> create table kept (a int, b int)
CREATE TABLE

> insert into kept values (1, 1)
INSERT 0 1

> create view kept_view as select a, b from kept where b < 10
CREATE VIEW

> alter view kept_view owner to view_owner
ALTER VIEW

> grant insert, update on kept_view to view_user
GRANT

> set role view_user
SET

> insert into kept_view values (2, 2)
ERROR:  42501: permission denied for table kept

> reset role
RESET

> grant insert, update on kept to view_owner
GRANT

> set role view_user
SET

> insert into kept_view values (2, 2)
INSERT 0 1

> update kept_view set b = 3
UPDATE 2

> update kept_view set b = 3 where a = 1
ERROR:  42501: permission denied for view kept_view

> delete from kept_view
ERROR:  42501: permission denied for view kept_view

> insert into kept values (2, 2)
ERROR:  42501: permission denied for table kept

> reset role
RESET

> select * from kept
a|b
1|3
2|3
(2 rows)

> grant select, delete on kept_view to view_user
GRANT

> set role view_user
SET

> update kept_view set b = 3 where a = 1
ERROR:  42501: permission denied for table kept

> delete from kept_view
ERROR:  42501: permission denied for table kept

> reset role
RESET

# Who may not read the table is told only of what he gave.

> create table hiding (a int primary key, secret text default 'hidden', b int check (b < 100), c int references hiding)
CREATE TABLE

> insert into hiding values (1, 's1', 1), (2, 's2', 2)
INSERT 0 2

> create view hiding_view as select a, b, c from hiding where b < 10 with check option
CREATE VIEW

> grant insert, update, delete, select on hiding_view to view_user
GRANT

> set role view_user
SET

> insert into hiding_view values (3, 50)
ERROR:  44000: new row violates check option for view "hiding_view"
DETAIL:  Failing row contains (a, b) = (3, 50).

> insert into hiding_view (b, a) values (500, 3)
ERROR:  23514: new row for relation "hiding" violates check constraint "hiding_b_check"
DETAIL:  Failing row contains (a, b) = (3, 500).

> insert into hiding_view values (null, 5)
ERROR:  23502: null value in column "a" of relation "hiding" violates not-null constraint
DETAIL:  Failing row contains (a, b) = (null, 5).

> insert into hiding_view default values
ERROR:  23502: null value in column "a" of relation "hiding" violates not-null constraint

> insert into hiding_view values (1, 5)
ERROR:  23505: duplicate key value violates unique constraint "hiding_pkey"

> insert into hiding_view values (1, 5) on conflict (a) do update set b = 50
ERROR:  44000: new row violates check option for view "hiding_view"
DETAIL:  Failing row contains (a, b) = (1, 50).

> update hiding_view set b = 50 where a = 1
ERROR:  44000: new row violates check option for view "hiding_view"
DETAIL:  Failing row contains (b) = (50).

> update hiding_view set b = b + 500 where a = 1
ERROR:  23514: new row for relation "hiding" violates check constraint "hiding_b_check"
DETAIL:  Failing row contains (b) = (501).

> update hiding_view set a = 2 where a = 1
ERROR:  23505: duplicate key value violates unique constraint "hiding_pkey"

> update hiding_view set c = 5
ERROR:  23503: insert or update on table "hiding" violates foreign key constraint "hiding_c_fkey"
DETAIL:  Key is not present in table "hiding".

> update hiding_view set c = 2 where a = 1
UPDATE 1

> delete from hiding_view where a = 2
ERROR:  23503: update or delete on table "hiding" violates foreign key constraint "hiding_c_fkey" on table "hiding"
DETAIL:  Key is still referenced from table "hiding".

> reset role
RESET

> grant select on hiding to view_user
GRANT

> set role view_user
SET

> update hiding_view set b = 50 where a = 1
ERROR:  44000: new row violates check option for view "hiding_view"
DETAIL:  Failing row contains (1, s1, 50, 2).

> insert into hiding_view values (1, 5)
ERROR:  23505: duplicate key value violates unique constraint "hiding_pkey"
DETAIL:  Key (a)=(1) already exists.

> delete from hiding_view where a = 2
ERROR:  23503: update or delete on table "hiding" violates foreign key constraint "hiding_c_fkey" on table "hiding"
DETAIL:  Key (a)=(2) is still referenced from table "hiding".

> reset role
RESET

> drop view hiding_view
DROP VIEW

> drop table hiding
DROP TABLE

# Of columns with other names than the table's, and behind a list of names

> create table named (a int, b int)
CREATE TABLE

> create view named_view (x, y) as select b, a from named where a < 5 with check option
CREATE VIEW

> insert into named_view (y, x) values (1, 2) returning *
x|y
2|1
(1 row)
INSERT 0 1

> insert into named_view values (1, 7)
ERROR:  44000: new row violates check option for view "named_view"
DETAIL:  Failing row contains (7, 1).

> update named_view set x = y + 10 returning *
x|y
11|1
(1 row)
UPDATE 1

> create view starred (p) as select *, a + b from named
CREATE VIEW

> insert into starred (p, b) values (3, 4) returning *
p|b|?column?
3|4|7
(1 row)
INSERT 0 1

> create view ordered (p, q) as select a, b from named order by b
CREATE VIEW

> update ordered set q = p where p = 3 returning *
p|q
3|3
(1 row)
UPDATE 1

> select * from ordered
p|q
3|3
1|11
(2 rows)

> create view grouped (p) as select a from named group by a
CREATE VIEW

> delete from grouped
ERROR:  55000: cannot delete from view "grouped"
DETAIL:  Views containing GROUP BY are not automatically updatable.
HINT:  To enable deleting from the view, provide an INSTEAD OF DELETE trigger or an unconditional ON DELETE DO INSTEAD rule.

> drop view kept_view
DROP VIEW

> drop table kept
DROP TABLE

> drop role view_owner
DROP ROLE

> drop role view_user
DROP ROLE

# Parts of columns, by the names and of the types that the view gives them.

> create table parted (id int primary key, a int[], d jsonb, b int[] default '{7,8}', n int default 3)
CREATE TABLE

> create view parts as select id as k, a as x, a as y, d as doc, b, n, array[n] as made, n + 1 as m from parted
CREATE VIEW

> insert into parts (k, x[1], y[2], doc['p'], b[2]) values (1, 5, 6, '1', 2), (2, 7, 8, '"q"', 3) returning *
k|x|y|doc|b|n|made|m
1|{5,6}|{5,6}|{"p": 1}|[2:2]={2}|3|{3}|4
2|{7,8}|{7,8}|{"p": "q"}|[2:2]={3}|3|{3}|4
(2 rows)
INSERT 0 2

> insert into parts (doc['p']['q'], k, x[2:3], doc['r'][1]) select '1', 3, '{8,9}', to_jsonb(true) returning k, x, doc
k|x|doc
3|[2:3]={8,9}|{"p": {"q": 1}, "r": [null, true]}
(1 row)
INSERT 0 1

> insert into parts (k, x[1], x) values (4, 5, '{}')
ERROR:  42701: column "x" specified more than once

> insert into parts (k, x[1], y) values (4, 5, '{}')
ERROR:  42601: multiple assignments to same column "a"

> insert into parts (k, x, y[1]) values (4, '{}', 5)
ERROR:  42601: multiple assignments to same column "a"

> insert into parts (k, made[1]) values (4, 5)
ERROR:  0A000: cannot insert into column "made" of view "parts"
DETAIL:  View columns that are not columns of their base relation are not updatable.

> insert into parts (k, n[1]) values (4, 5)
ERROR:  42804: cannot subscript type integer because it does not support subscripting

> insert into parts (k, z[1]) values (4, 5)
ERROR:  42703: column "z" of relation "parts" does not exist

> insert into parts (k, x[1]) values (4, default)
ERROR:  0A000: cannot set an array element to DEFAULT

> insert into parts (k, x[1]) values (4, true)
ERROR:  42804: subscripted assignment to "x" requires type integer but expression is of type boolean
HINT:  You will need to rewrite or cast the expression.

> insert into parts (k, x[1:2]) select 4, 5
ERROR:  42804: subscripted assignment to "x" requires type integer[] but expression is of type integer
HINT:  You will need to rewrite or cast the expression.

> insert into parts (k, x) values (4, 5)
ERROR:  42804: column "x" is of type integer[] but expression is of type integer
HINT:  You will need to rewrite or cast the expression.

> insert into parts (k, x[1], b[1]) values (4, 5)
ERROR:  42601: INSERT has more target columns than expressions

> update parts set x[1] = 10, y[3] = x[2] + 1, doc['z']['y'] = to_jsonb(k) where k = 1 returning k, x, y, doc
k|x|y|doc
1|{10,6,7}|{10,6,7}|{"p": 1, "z": {"y": 1}}
(1 row)
UPDATE 1

> update parts set (x[1:2], doc['n'], n) = (select array[k, k], to_jsonb(m), 5) where doc['p'] = '"q"' returning k, x, doc, m
k|x|doc|m
2|{2,2}|{"n": 4, "p": "q"}|6
(1 row)
UPDATE 1

> update parts set (x[1], b[1]) = row(made[1], default)
ERROR:  0A000: cannot set an array element to DEFAULT

> update parts p set (x[3], b[1]) = row(v.*) from (values (1, 2)) v where p.k = 2 returning x, p.b
x|b
{2,2,1}|{2,3}
(1 row)
UPDATE 1

> update parts set x[1] = 1, x = '{}'
ERROR:  42601: multiple assignments to same column "x"

> update parts set x[1] = 1, y = '{}'
ERROR:  42601: multiple assignments to same column "a"

> update parts set x = '{}', y[1] = 1, x[2] = 1
ERROR:  42601: multiple assignments to same column "x"

> update parts set x[1] = true
ERROR:  42804: subscripted assignment to "x" requires type integer but expression is of type boolean
HINT:  You will need to rewrite or cast the expression.

> update parts set made[1] = 1
ERROR:  0A000: cannot update column "made" of view "parts"
DETAIL:  View columns that are not columns of their base relation are not updatable.

> update parts set n[1] = 1
ERROR:  42804: cannot subscript type integer because it does not support subscripting

> update parts set x[1] = default
ERROR:  0A000: cannot set an array element to DEFAULT

> insert into parts (k) values (1) on conflict (k) do update set x[2] = excluded.n, y[1] = 100, doc['f'] = to_jsonb(parts.x) returning k, x, doc
k|x|doc
1|{100,3,7}|{"f": [10, 6, 7], "p": 1, "z": {"y": 1}}
(1 row)
INSERT 0 1

> insert into parts as p (k, x[1]) values (2, 0) on conflict (k) do update set (x, n) = (p.x || excluded.x, p.m) returning k, x, n
k|x|n
2|{2,2,1,0}|6
(1 row)
INSERT 0 1

> insert into parts (k) values (1) on conflict (k) do update set x[1] = 1, y = '{}'
ERROR:  42601: multiple assignments to same column "a"

# A check option holds the rows that parts make.

> create view first_parts as select k as id, x as list, doc from parts where x[1] < 100 or doc['free'] = 'true' with check option
CREATE VIEW

> insert into first_parts (id, list[1]) values (10, 50), (11, 99)
INSERT 0 2

> insert into first_parts (id, list[2]) values (12, 50)
ERROR:  44000: new row violates check option for view "first_parts"
DETAIL:  Failing row contains (12, [2:2]={50}, null, {7,8}, 3).

> insert into first_parts (id, list[2], doc['free']) values (12, 50, 'true') returning *
id|list|doc
12|[2:2]={50}|{"free": true}
(1 row)
INSERT 0 1

> update first_parts set list[1] = list[1] + 50 where id in (10, 11)
ERROR:  44000: new row violates check option for view "first_parts"
DETAIL:  Failing row contains (10, {100}, null, {7,8}, 3).

> update first_parts set list[1] = list[1] + 50, list[2] = 0, doc['free'] = to_jsonb(list[1] > 50) where id in (10, 11)
ERROR:  44000: new row violates check option for view "first_parts"
DETAIL:  Failing row contains (10, {100,0}, {"free": false}, {7,8}, 3).

> update first_parts set list[1] = list[1] + 1, doc['free'] = to_jsonb(list[1] > 98) where id in (10, 11) returning *
id|list|doc
10|{51}|{"free": false}
11|{100}|{"free": true}
(2 rows)
UPDATE 2

> insert into first_parts (id) values (10) on conflict (id) do update set list[1] = 100
ERROR:  44000: new row violates check option for view "first_parts"
DETAIL:  Failing row contains (10, {100}, {"free": false}, {7,8}, 3).

> insert into first_parts (id) values (11) on conflict (id) do update set list[1] = 1000 returning *
id|list|doc
11|{1000}|{"free": true}
(1 row)
INSERT 0 1

> select k, x, doc from parts where k > 9 order by k
k|x|doc
10|{51}|{"free": false}
11|{1000}|{"free": true}
12|[2:2]={50}|{"free": true}
(3 rows)

> drop view first_parts, parts
DROP VIEW

> drop table parted
DROP TABLE

# Temporary views.

> create table stays (id int primary key, v int)
CREATE TABLE

> create temp table goes (id int primary key, v int default 4, a int[])
CREATE TABLE

> create view through as select id as k, v, a from goes where v < 10 with check option
NOTICE:  00000: view "through" will be a temporary view
CREATE VIEW

> create temp view over_view (k, w) as select k, v from pg_temp.through with local check option
CREATE VIEW

> create temp view over_stays as select id, v as w from stays
CREATE VIEW

> select table_name, table_type, is_insertable_into from information_schema.tables where table_name in ('goes', 'through', 'over_view', 'over_stays') order by 1
table_name|table_type|is_insertable_into
goes|LOCAL TEMPORARY|YES
over_stays|LOCAL TEMPORARY|YES
over_view|LOCAL TEMPORARY|YES
through|LOCAL TEMPORARY|YES
(4 rows)

> select table_name, check_option, is_updatable, is_insertable_into from information_schema.views where table_name in ('through', 'over_view', 'over_stays') order by 1
table_name|check_option|is_updatable|is_insertable_into
over_stays|NONE|YES|YES
over_view|LOCAL|YES|YES
through|CASCADED|YES|YES
(3 rows)

> select table_name, column_name, is_updatable from information_schema.columns where table_name in ('over_view', 'over_stays') order by 1, 2
table_name|column_name|is_updatable
over_stays|id|YES
over_stays|w|YES
over_view|k|YES
over_view|w|YES
(4 rows)

> select pg_relation_is_updatable('over_view'::regclass, false), pg_column_is_updatable('pg_temp.over_view'::regclass, 2::int2, false)
pg_relation_is_updatable|pg_column_is_updatable
28|t
(1 row)

> insert into pg_temp.over_view values (1, 1), (2, 2) returning *
k|w
1|1
2|2
(2 rows)
INSERT 0 2

> insert into through (k, a[2]) values (3, 5) returning through.*, pg_temp.through.a
k|v|a|a
3|4|[2:2]={5}|[2:2]={5}
(1 row)
INSERT 0 1

> insert into over_view values (4, 10)
ERROR:  44000: new row violates check option for view "through"
DETAIL:  Failing row contains (4, 10, null).

> insert into over_stays values (1, 1)
INSERT 0 1

> begin read only
BEGIN

> insert into over_view (k) values (4) returning *
k|w
4|4
(1 row)
INSERT 0 1

> update through set a[1] = 8 where k = 3 returning a
a
{8,5}
(1 row)
UPDATE 1

> with gone as (delete from over_view where k = 1 returning w) update pg_temp.through set v = v + gone.w from gone where k = 2 returning v
v
3
(1 row)
UPDATE 1

> insert into through values (4, 1) on conflict (k) do update set a[1] = excluded.v returning *
k|v|a
4|4|{1}
(1 row)
INSERT 0 1

> savepoint before
SAVEPOINT

> update over_view set w = 11 where k = 4
ERROR:  44000: new row violates check option for view "through"
DETAIL:  Failing row contains (4, 11, {1}).

> rollback to before
ROLLBACK

> insert into over_stays values (2, 2)
ERROR:  25006: cannot execute INSERT in a read-only transaction

> rollback to before
ROLLBACK

> delete from over_stays
ERROR:  25006: cannot execute DELETE in a read-only transaction

> rollback
ROLLBACK

> select * from goes order by id
id|v|a
1|1|
2|2|
3|4|[2:2]={5}
(3 rows)

> begin
BEGIN

> create temp table emptied (id int, v int) on commit delete rows
CREATE TABLE

> create view over_emptied as select v, id from emptied
NOTICE:  00000: view "over_emptied" will be a temporary view
CREATE VIEW

> insert into over_emptied values (1, 2) returning id
id
2
(1 row)
INSERT 0 1

> commit
COMMIT

> select * from over_emptied
v|id
(0 rows)

> insert into over_emptied values (1, 2) returning id
id
2
(1 row)
INSERT 0 1

> select * from over_emptied
v|id
(0 rows)

> discard temp
DISCARD TEMP

> select * from through
ERROR:  42P01: relation "through" does not exist

> insert into over_stays values (1, 1)
ERROR:  42P01: relation "over_stays" does not exist

> drop table stays
DROP TABLE

# The columns of a view have no defaults of their own, which an UPDATE asks for. An INSERT takes the table's.

> create table preset (id int primary key, a text default 'preset', n int not null default 5, g int generated always as (n * 2) stored, i int generated always as identity)
CREATE TABLE

> create view preset_view as select id, n, a, g, i from preset
CREATE VIEW

> create view preset_views as select * from preset_view
CREATE VIEW

> insert into preset_views values (1, default, default, default, default), (2, 7, 'two', default, default) returning *
id|n|a|g|i
1|5|preset|10|1
2|7|two|14|2
(2 rows)
INSERT 0 2

> update preset_view set a = default where id = 1 returning *
id|n|a|g|i
1|5||10|1
(1 row)
UPDATE 1

> update preset_views set (a, n) = row(default, n + 1) where id = 2 returning *
id|n|a|g|i
2|8||16|2
(1 row)
UPDATE 1

> insert into preset_views (id) values (2) on conflict (id) do update set a = default, n = excluded.n returning *
id|n|a|g|i
2|5||10|2
(1 row)
INSERT 0 1

> update preset_view set n = default
ERROR:  23502: null value in column "n" of relation "preset" violates not-null constraint
DETAIL:  Failing row contains (1, null, null, null, 1).

> update preset_view set g = default
ERROR:  428C9: column "g" can only be updated to DEFAULT
DETAIL:  Column "g" is a generated column.

> update preset_views set i = default
ERROR:  428C9: column "i" can only be updated to DEFAULT
DETAIL:  Column "i" is an identity column defined as GENERATED ALWAYS.

> insert into preset_view (id) values (1) on conflict (id) do update set g = default
ERROR:  428C9: column "g" can only be updated to DEFAULT
DETAIL:  Column "g" is a generated column.

> update preset set (a, g, i) = (default, default, default), n = default where id = 1 returning a, n, g
a|n|g
preset|5|10
(1 row)
UPDATE 1

> update preset set (a, g) = row(default, 1)
ERROR:  428C9: column "g" can only be updated to DEFAULT
DETAIL:  Column "g" is a generated column.

> drop view preset_views, preset_view
DROP VIEW

> drop table preset
DROP TABLE

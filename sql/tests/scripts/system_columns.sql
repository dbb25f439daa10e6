# ctid and xmin: what they are, what they are compared with, and the rows that they find.
> create table plain (x int)
CREATE TABLE

> insert into plain values (10), (20), (30) returning ctid, x
ctid|x
(0,1)|10
(0,2)|20
(0,3)|30
(3 rows)
INSERT 0 3

> create table ints (id int primary key, x int)
CREATE TABLE

> insert into ints values (1, 1), (2, 2), (3, 3) returning ctid, xmax, cmin, cmax, tableoid::regclass, ints.*
ctid|xmax|cmin|cmax|tableoid|id|x
(0,1)|0|0|0|ints|1|1
(0,2)|0|0|0|ints|2|2
(0,3)|0|0|0|ints|3|3
(3 rows)
INSERT 0 3

> select ctid, * from ints order by ctid desc
ctid|id|x
(0,3)|3|3
(0,2)|2|2
(0,1)|1|1
(3 rows)

> select ctid from ints where ctid = '(0,2)'
ctid
(0,2)
(1 row)

> select ctid, x from plain where ctid in ('(0,1)', '(0,3)') order by ctid
ctid|x
(0,1)|10
(0,3)|30
(2 rows)

> select id from ints where ctid = any (array['(0,3)', '(7,7)']::tid[])
id
3
(1 row)

> select id from ints where ctid >= '(0,2)' and ctid < '(0,10)' order by ctid
id
2
3
(2 rows)

> select min(ctid), max(ctid), count(distinct ctid), array_agg(ctid order by ctid desc) from ints
min|max|count|array_agg
(0,1)|(0,3)|3|{"(0,3)","(0,2)","(0,1)"}
(1 row)

> select row(ctid, id), to_json(ctid), jsonb_build_object('at', ctid), ctid::text, pg_typeof(ctid) from ints where id = 1
row|to_json|jsonb_build_object|ctid|pg_typeof
("(0,1)",1)|"(0,1)"|{"at": "(0,1)"}|(0,1)|tid
(1 row)

> select a.id, b.id from ints a join ints b on a.ctid = b.ctid order by a.id
id|id
1|1
2|2
3|3
(3 rows)

> select a.id, b.id from ints a join ints b on a.ctid < b.ctid order by a.id, b.id
id|id
1|2
1|3
2|3
(3 rows)

> select id from ints where (ctid, id) in (select ctid, id + 1 - 1 from ints) order by id
id
1
2
3
(3 rows)

> select ctid = 'first' from ints
ERROR:  22P02: invalid input syntax for type tid: "first"

> select ctid::bigint from ints
ERROR:  42846: cannot cast type tid to bigint

> select ctid = 1 from ints
ERROR:  42883: operator does not exist: tid = integer
HINT:  No operator matches the given name and argument types. You might need to add explicit type casts.

> update ints set ctid = '(0,1)'
ERROR:  0A000: cannot assign to system column "ctid"

> insert into ints (ctid) values ('(0,1)')
ERROR:  42703: column "ctid" of relation "ints" does not exist

# The type.
> select '(0,10)'::tid > '(0,9)', '(1,1)'::tid > '(0,65535)', ' x(4294967295,65535)y'::tid, '(-1, +2)'::tid, '(,)'::tid, greatest('(0,2)'::tid, '(0,10)')
?column?|?column?|tid|tid|tid|greatest
t|t|(4294967295,65535)|(4294967295,2)|(0,0)|(0,10)
(1 row)

> select '(1,65536)'::tid
ERROR:  22P02: invalid input syntax for type tid: "(1,65536)"

> select '(4294967296,1)'::tid
ERROR:  22P02: invalid input syntax for type tid: "(4294967296,1)"

> select '(1 ,2)'::tid
ERROR:  22P02: invalid input syntax for type tid: "(1 ,2)"

> select '1,2'::tid
ERROR:  22P02: invalid input syntax for type tid: "1,2"

> select '(0,2)'::tid = '(0,3)', '(0,2)'::tid <> '(0,3)', '(0,2)'::tid is distinct from null, tidsend('(1,2)'), bttidcmp('(0,2)', '(0,10)')
?column?|?column?|?column?|tidsend|bttidcmp
f|t|t|\x000000010002|-1
(1 row)

> create table places (place tid primary key, was tid[])
CREATE TABLE

> insert into places values ('(0,10)', '{"(1,1)"}'), ('(0,9)', null), ('(3,1)', array['(2,2)', null]::tid[])
INSERT 0 3

> select * from places order by place
place|was
(0,9)|
(0,10)|{"(1,1)"}
(3,1)|{"(2,2)",NULL}
(3 rows)

> select * from places where place = '(0,9)'
place|was
(0,9)|
(1 row)

> select place from places where place > '(0,9)' order by 1 desc
place
(3,1)
(0,10)
(2 rows)

> insert into places values ('(0, 9)')
ERROR:  23505: duplicate key value violates unique constraint "places_pkey"
DETAIL:  Key (place)=((0,9)) already exists.

> insert into places values ('9')
ERROR:  22P02: invalid input syntax for type tid: "9"

> select x from plain where ctid in (select place from places union all select '(0,2)'::tid)
x
20
(1 row)

# Statements that find rows by their ctids, whatever the table's key is.
> create table keyed_int (id int primary key, x int)
CREATE TABLE

> create table keyed_big (id bigint primary key, x int)
CREATE TABLE

> create table keyed_text (id text primary key, x int)
CREATE TABLE

> create table keyed_two (a int, b text, x int, primary key (a, b))
CREATE TABLE

> create table keyless (id int, x int)
CREATE TABLE

> insert into keyed_int select n - 2500, n % 500 from generate_series(1, 5000) n
INSERT 0 5000

> insert into keyed_big select n * 3000000000000001, n % 500 from generate_series(-2500, 2499) n
INSERT 0 5000

> insert into keyed_text select 'row ' || n, n % 500 from generate_series(1, 5000) n
INSERT 0 5000

> insert into keyed_two select n / 50, n::text, n % 500 from generate_series(1, 5000) n
INSERT 0 5000

> insert into keyless select n, n % 500 from generate_series(1, 5000) n
INSERT 0 5000

> select count(distinct ctid) from keyed_int union all select count(distinct ctid) from keyed_big union all select count(distinct ctid) from keyed_text union all select count(distinct ctid) from keyed_two union all select count(distinct ctid) from keyless
count
5000
5000
5000
5000
5000
(5 rows)

> delete from keyed_int where ctid in (select ctid from keyed_int where id % 2 = 0 limit 1000)
DELETE 1000

> delete from keyed_big where ctid in (select ctid from keyed_big where id % 2 = 0 limit 1000)
DELETE 1000

> delete from keyed_text where ctid in (select ctid from keyed_text where x % 2 = 0 limit 1000)
DELETE 1000

> delete from keyed_two where ctid = any (array(select ctid from keyed_two where x % 2 = 0 limit 200))
DELETE 200

> with doomed as (select ctid from keyless where id % 2 = 0 limit 1000) delete from keyless using doomed where keyless.ctid = doomed.ctid
DELETE 1000

> select count(*), count(*) filter (where x % 2 = 1) from keyed_text union all select count(*), count(*) filter (where x % 2 = 1) from keyed_two union all select count(*), count(*) filter (where id % 2 = 1) from keyless
count|count
4000|2500
4800|2500
4000|2500
(3 rows)

> update keyed_text set x = x + 1000 where ctid = (select ctid from keyed_text where x % 2 = 1 order by id limit 1) returning id, x
id|x
row 1|1001
(1 row)
UPDATE 1

> update keyed_two t set x = x + 1000 from (select ctid from keyed_two where x = 7) s where s.ctid = t.ctid
UPDATE 10

> select count(*) from keyed_two where x = 1007
count
10
(1 row)

> delete from keyed_int a using keyed_int b where a.ctid < b.ctid and a.x = b.x
DELETE 3500

> delete from keyed_big a using keyed_big b where a.ctid < b.ctid and abs(a.x) = abs(b.x)
DELETE 3500

> delete from keyed_text a using keyed_text b where a.ctid < b.ctid and a.x = b.x
DELETE 3499

> delete from keyed_two where ctid not in (select max(ctid) from keyed_two group by x)
DELETE 4300

> delete from keyless where exists (select 1 from keyless k where k.x = keyless.x and k.ctid > keyless.ctid)
DELETE 3500

> select count(*) = count(distinct x) from keyed_int union all select count(*) = count(distinct abs(x)) from keyed_big union all select count(*) = count(distinct x) from keyed_text union all select count(*) = count(distinct x) from keyed_two union all select count(*) = count(distinct x) from keyless
?column?
t
t
t
t
t
(5 rows)

# xmin is the transaction that wrote the version.
> begin
BEGIN

> insert into ints values (4, 4) returning xmin = pg_current_xact_id()::xid
?column?
t
(1 row)
INSERT 0 1

> select id, xmin = pg_current_xact_id()::xid as own from ints order by id
id|own
1|f
2|f
3|f
4|t
(4 rows)

> savepoint s
SAVEPOINT

> update ints set x = 40 where id = 4 returning xmin = pg_current_xact_id()::xid, xmin::text::bigint > pg_current_xact_id()::text::bigint
?column?|?column?
f|t
(1 row)
UPDATE 1

> rollback to s
ROLLBACK

> select xmin = pg_current_xact_id()::xid from ints where id = 4
?column?
t
(1 row)

> commit
COMMIT

> select count(distinct xmin::text) from ints
count
2
(1 row)

> create table token (id int primary key, v text, t xid)
CREATE TABLE

> insert into token values (1, 'a', null), (2, 'b', null)
INSERT 0 2

> update token set t = xmin
UPDATE 2

> select t = xmin, t <> xmin from token order by id
?column?|?column?
f|t
f|t
(2 rows)

> update token set v = 'c' where id = 1 and xmin = t
UPDATE 0

> update token set v = 'c', t = token.xmin where id = 1 returning t = xmin
?column?
f
(1 row)
UPDATE 1

> update token set t = '0' where id = 2 and xmin <> '0' returning xmin = t, xmin = 0, xmin <> 0, xmin in ('0', '1'), xmin::text = '0'
?column?|?column?|?column?|?column?|?column?
f|f|t|f|f
(1 row)
UPDATE 1

> update token set v = 'd' where id = 2 and xmin = '0'
UPDATE 0

> delete from token where id = 2 and xmin = 0
DELETE 0

> update token set id = id + 10 where id = 1 returning id, xmin = pg_current_xact_id()::xid, xmax
id|?column?|xmax
11|t|0
(1 row)
UPDATE 1

> delete from token where id = 11 returning xmin = pg_current_xact_id()::xid, xmax = pg_current_xact_id()::xid, cmin
?column?|?column?|cmin
f|t|0
(1 row)
DELETE 1

> insert into token values (2, 'e', null), (3, 'f', null) on conflict (id) do update set v = excluded.v returning id, v, xmax = 0 as inserted, xmax::text = pg_current_xact_id()::text as updated, xmin = pg_current_xact_id()::xid
id|v|inserted|updated|?column?
2|e|f|t|t
3|f|t|f|t
(2 rows)
INSERT 0 2

> insert into token values (3, 'g', null), (4, 'h', null) on conflict do nothing returning token.id, token.xmax
id|xmax
4|0
(1 row)
INSERT 0 1

> with w as (insert into token values (5, 'i', null) returning id, ctid, xmin) select id, ctid is not null, xmin = pg_current_xact_id()::xid from w
id|?column?|?column?
5|t|t
(1 row)

# DO UPDATE sees those of the row that is there; the one that is not has none.
> create table held (id int primary key, v int)
CREATE TABLE

> insert into held values (1, 10), (2, 20)
INSERT 0 2

> insert into held values (1, 0) on conflict (id) do update set v = 11 where held.xmin = pg_current_xact_id()::xid
INSERT 0 0

> insert into held values (1, 0) on conflict (id) do update set v = 12 where held.xmin <> '0' and held.ctid = '(0,1)' returning v
v
12
(1 row)
INSERT 0 1

> insert into held as h values (1, 0), (2, 0), (3, 30) on conflict (id) do update set v = excluded.v + case when h.tableoid = 'held'::regclass then h.v else 0 end where xmin <> '1' returning *
id|v
1|12
2|20
3|30
(3 rows)
INSERT 0 3

> insert into held values (1, 0) on conflict (id) do update set v = (select count(*) from held a where a.xmin = held.xmin) returning v, held.xmin = pg_current_xact_id()::xid
v|?column?
3|t
(1 row)
INSERT 0 1

> insert into held values (1, 0), (4, 0) on conflict (id) do update set v = held.xmin::text::int - held.xmin::text::int returning id, v
id|v
1|0
4|0
(2 rows)
INSERT 0 2

> insert into held values (1, 0), (1, 1) on conflict (id) do update set v = 2 where held.xmin <> '0'
ERROR:  21000: ON CONFLICT DO UPDATE command cannot affect row a second time
HINT:  Ensure that no rows proposed for insertion within the same command have duplicate constrained values.

> begin
BEGIN

> insert into held values (5, 50)
INSERT 0 1

> insert into held values (5, 51) on conflict (id) do update set v = excluded.v where held.xmin = pg_current_xact_id()::xid returning v
v
51
(1 row)
INSERT 0 1

> commit
COMMIT

> insert into held values (1, 0) on conflict (id) do update set v = 1 where excluded.xmin = held.xmin
ERROR:  42703: column excluded.xmin does not exist

> insert into held values (1, 0) on conflict (id) do update set v = 1 where excluded.tableoid = held.tableoid
ERROR:  42703: column excluded.tableoid does not exist

> insert into held values (1, 0) on conflict (id) do update set xmin = 1
ERROR:  0A000: cannot assign to system column "xmin"

> create view held_view as select * from held
CREATE VIEW

> insert into held_view values (1, 0) on conflict (id) do update set v = 1 where held_view.xmin <> '0'
ERROR:  42703: column held_view.xmin does not exist

> select * from held order by id
id|v
1|0
2|20
3|30
4|0
5|51
(5 rows)

> drop table held cascade
NOTICE:  00000: drop cascades to view held_view
DROP TABLE

# Transactions are equal or not, and have no order.
> select '4294967295'::xid = -1, '5'::xid = 5, '5'::xid <> 5, '4294967301'::xid8::xid, '5'::xid = any ('{4,5}'::xid[])
?column?|?column?|?column?|xid|?column?
t|t|f|5|t
(1 row)

> select xmin = 5::bigint from token
ERROR:  42883: operator does not exist: xid = bigint
HINT:  No operator matches the given name and argument types. You might need to add explicit type casts.

> select xmin < xmin from token
ERROR:  42883: operator does not exist: xid < xid
HINT:  No operator matches the given name and argument types. You might need to add explicit type casts.

> select xmin from token order by xmin
ERROR:  42883: could not identify an ordering operator for type xid
HINT:  Use an explicit ordering operator or modify the query.

> select count(distinct xmin) from token
ERROR:  42883: could not identify an ordering operator for type xid
DETAIL:  Aggregates with DISTINCT must be able to sort their inputs.

> select array_agg(distinct array[cmin]) from token
ERROR:  42883: could not identify an ordering operator for type cid[]
DETAIL:  Aggregates with DISTINCT must be able to sort their inputs.

> select array_agg(id order by xmin) from token
ERROR:  42883: could not identify an ordering operator for type xid
HINT:  Use an explicit ordering operator or modify the query.

> select id from token order by array[xmin]
ERROR:  42883: could not identify an ordering operator for type xid[]
HINT:  Use an explicit ordering operator or modify the query.

> select count(*) over (order by xmin) from token
ERROR:  42883: could not identify an ordering operator for type xid
HINT:  Use an explicit ordering operator or modify the query.

> select count(*) over (partition by xmin) from token
ERROR:  0A000: could not implement window PARTITION BY
DETAIL:  Window partitioning columns must be of sortable datatypes.

> select greatest(xmin, xmin) from token
ERROR:  42883: could not identify a comparison function for type xid

> select count(*) from (select distinct xmin, cmin from token where id = 2) s
count
1
(1 row)

> select count(*) from (select xmin from token where id = 2 union select xmin from token where id = 2) s
count
1
(1 row)

> select count(*) from (select distinct on (xmin) id from token where id = 2) s
count
1
(1 row)

> select count(*) from token where xmin in (select xmin from token where id = 2)
count
2
(1 row)

> select xmin::bigint from token
ERROR:  42846: cannot cast type xid to bigint

> select 5::xid
ERROR:  42846: cannot cast type integer to xid

> select count(*) > 0 from (select xmin from token group by xmin) s
?column?
t
(1 row)

> select count(*) from token a join token b on a.xmin = b.xmin and a.id = b.id
count
4
(1 row)

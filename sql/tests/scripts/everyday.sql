# What a user types in psql on an ordinary day, and what goes wrong on one.

> create table item (id int primary key, name text not null, price numeric(8,2) default 1.50, tags text[], made date, at timestamptz, qty int check (qty >= 0))
CREATE TABLE

> insert into item values (1, 'nail', 0.05, '{metal,small}', '2024-01-15', '2024-01-15 10:00+00', 1000), (2, 'hammer', 12.90, '{metal,tool}', '2024-02-29', null, 12), (3, 'saw', 18.00, '{tool}', null, '2024-03-10 12:30:45.5+00', 7), (4, 'glue', default, null, '2023-12-31', '2023-12-31 23:59:59+00', 0)
INSERT 0 4

> select * from item order by price desc
id|name|price|tags|made|at|qty
3|saw|18.00|{tool}||2024-03-10 12:30:45.5+00|7
2|hammer|12.90|{metal,tool}|2024-02-29||12
4|glue|1.50||2023-12-31|2023-12-31 23:59:59+00|0
1|nail|0.05|{metal,small}|2024-01-15|2024-01-15 10:00:00+00|1000
(4 rows)

> select name, price * qty as total from item where qty > 0 order by total
name|total
nail|50.00
saw|126.00
hammer|154.80
(3 rows)

> select upper(name), length(name) from item order by 2, 1
upper|length
SAW|3
GLUE|4
NAIL|4
HAMMER|6
(4 rows)

> select name from item order by nosuch
ERROR:  42703: column "nosuch" does not exist

> select name, count(*) from item
ERROR:  42803: column "item.name" must appear in the GROUP BY clause or be used in an aggregate function

> select id, name from item group by id order by id
id|name
1|nail
2|hammer
3|saw
4|glue
(4 rows)

> select name, id from item group by name
ERROR:  42803: column "item.id" must appear in the GROUP BY clause or be used in an aggregate function

> select sum(qty) from item having sum(qty) > 5
sum
1019
(1 row)

> select sum(sum(qty)) from item
ERROR:  42803: aggregate function calls cannot be nested

> select count(*) from item where count(*) > 1
ERROR:  42803: aggregate functions are not allowed in WHERE

> select name from item where qty = (select max(qty) from item)
name
nail
(1 row)

> select max(name), min(made), avg(price), sum(qty), count(at), bool_and(qty > 0), string_agg(name, ',' order by name) from item
max|min|avg|sum|count|bool_and|string_agg
saw|2023-12-31|8.1125000000000000|1019|3|f|glue,hammer,nail,saw
(1 row)

> select made, count(*) over (order by made nulls first) from item
made|count
|1
2023-12-31|2
2024-01-15|3
2024-02-29|4
(4 rows)

> select distinct qty > 5 as many from item order by many
many
f
t
(2 rows)

> select distinct name from item order by id
ERROR:  42P10: for SELECT DISTINCT, ORDER BY expressions must appear in select list

> select 1 as x union select 2 order by y
ERROR:  42703: column "y" does not exist

> select 1 union select 'a'
ERROR:  22P02: invalid input syntax for type integer: "a"

> select 1, 2 union select 3
ERROR:  42601: each UNION query must have the same number of columns

> select * from item limit -1
ERROR:  2201W: LIMIT must not be negative

> select name from item order by 1 limit 2 offset 1
name
hammer
nail
(2 rows)

> select name from item order by 2
ERROR:  42P10: ORDER BY position 2 is not in select list

> select name from item order by id fetch first 2 rows only
name
nail
hammer
(2 rows)

> select name from item order by qty > 10 desc, name using <
name
hammer
nail
glue
saw
(4 rows)

> insert into item (id) values (5)
ERROR:  23502: null value in column "name" of relation "item" violates not-null constraint
DETAIL:  Failing row contains (5, null, 1.50, null, null, null, null).

> insert into item (id, name, qty) values (5, 'x', -1)
ERROR:  23514: new row for relation "item" violates check constraint "item_qty_check"
DETAIL:  Failing row contains (5, x, 1.50, null, null, null, -1).

> insert into item (id, name, nosuch) values (5, 'x', 1)
ERROR:  42703: column "nosuch" of relation "item" does not exist

> insert into item (id, name) values (5, 'x', 1)
ERROR:  42601: INSERT has more expressions than target columns

> insert into item (id, name, qty) values (5, 'x')
ERROR:  42601: INSERT has more target columns than expressions

> insert into item values (1, 'again') on conflict do nothing
INSERT 0 0

> insert into item values (1, 'again') on conflict (id) do update set name = excluded.name || '!' returning *
id|name|price|tags|made|at|qty
1|again!|0.05|{metal,small}|2024-01-15|2024-01-15 10:00:00+00|1000
(1 row)
INSERT 0 1

> insert into item (id, name) values (1, 'once'), (1, 'twice') on conflict (id) do update set name = excluded.name
ERROR:  21000: ON CONFLICT DO UPDATE command cannot affect row a second time
HINT:  Ensure that no rows proposed for insertion within the same command have duplicate constrained values.

> insert into item values (9, 'x') on conflict (name) do nothing
ERROR:  42P10: there is no unique or exclusion constraint matching the ON CONFLICT specification

> insert into item (id, name, price) values (6, 'brush', 3), (7, 'paint', 9.999) returning id, price, price::int as rounded
id|price|rounded
6|3.00|3
7|10.00|10
(2 rows)
INSERT 0 2

> insert into item (id, name, price) values (8, 'gold', 1234567.89)
ERROR:  22003: numeric field overflow
DETAIL:  A field with precision 8, scale 2 must round to an absolute value less than 10^6.

> update item set qty = qty - 5 where name = 'saw' returning id, qty
id|qty
3|2
(1 row)
UPDATE 1

> update item set qty = qty - 50 where name = 'saw'
ERROR:  23514: new row for relation "item" violates check constraint "item_qty_check"
DETAIL:  Failing row contains (3, saw, 18.00, {tool}, null, 2024-03-10 12:30:45.5+00, -48).

> update item set (name, price) = ('panel saw', 20) where id = 3 returning *
id|name|price|tags|made|at|qty
3|panel saw|20.00|{tool}||2024-03-10 12:30:45.5+00|2
(1 row)
UPDATE 1

> update item i set price = o.price from item o where i.id = 4 and o.id = 2 returning i.id, i.price, o.name
id|price|name
4|12.90|hammer
(1 row)
UPDATE 1

> update item set nosuch = 1
ERROR:  42703: column "nosuch" of relation "item" does not exist

> update item set id = 1 where id = 2
ERROR:  23505: duplicate key value violates unique constraint "item_pkey"
DETAIL:  Key (id)=(1) already exists.

> delete from item using item o where item.id = o.id and o.name = 'paint' returning item.name
name
paint
(1 row)
DELETE 1

> delete from item where id = 99
DELETE 0

> with gone as (delete from item where id = 6 returning *) select name from gone
name
brush
(1 row)

> select * from item order by id
id|name|price|tags|made|at|qty
1|again!|0.05|{metal,small}|2024-01-15|2024-01-15 10:00:00+00|1000
2|hammer|12.90|{metal,tool}|2024-02-29||12
3|panel saw|20.00|{tool}||2024-03-10 12:30:45.5+00|2
4|glue|12.90||2023-12-31|2023-12-31 23:59:59+00|0
(4 rows)

> select item from item where id = 2
item
(2,hammer,12.90,"{metal,tool}",2024-02-29,,12)
(1 row)

> select (item).name, item.* from item where id = 2
name|id|name|price|tags|made|at|qty
hammer|2|hammer|12.90|{metal,tool}|2024-02-29||12
(1 row)

> values (1, 'a'), (2, 'b')
column1|column2
1|a
2|b
(2 rows)

> select * from (values (1, 'a'), (2, 'b')) v (n, t) where n > 1
n|t
2|b
(1 row)

> explain (costs off) select * from item where id = 1
QUERY PLAN
Index Scan using item_pkey on item
  Index Cond: (id = 1)
(2 rows)

> explain (costs off) select name from item where name = 'saw'
QUERY PLAN
Seq Scan on item
  Filter: (name = 'saw'::text)
(2 rows)

> explain (costs off, format nosuch) select 1
ERROR:  22023: unrecognized value for EXPLAIN option "format": "nosuch"

> explain (nosuch) select 1
ERROR:  42601: unrecognized EXPLAIN option "nosuch"

> begin
BEGIN

> declare c cursor for select id, name from item order by id
DECLARE CURSOR

> fetch 2 from c
id|name
1|again!
2|hammer
(2 rows)

> fetch all from c
id|name
3|panel saw
4|glue
(2 rows)

> fetch next from c
id|name
(0 rows)

> close c
CLOSE CURSOR

> close c
ERROR:  34000: cursor "c" does not exist

> rollback
ROLLBACK

> declare c cursor for select 1
ERROR:  25P01: DECLARE CURSOR can only be used in transaction blocks

> begin
BEGIN

> declare c scroll cursor for select id from item order by id
DECLARE CURSOR

> fetch last from c
id
4
(1 row)

> fetch prior from c
id
3
(1 row)

> fetch first from c
id
1
(1 row)

> fetch absolute 2 from c
id
2
(1 row)

> fetch relative -1 from c
id
1
(1 row)

> move forward 2 in c
MOVE 2

> fetch backward all from c
id
2
1
(2 rows)

> select name, is_holdable, is_binary, is_scrollable from pg_cursors
name|is_holdable|is_binary|is_scrollable
c|f|f|t
(1 row)

> commit
COMMIT

> fetch c
ERROR:  34000: cursor "c" does not exist

> begin
BEGIN

> commit
COMMIT

> close all
CLOSE CURSOR ALL

> begin
BEGIN

> savepoint a
SAVEPOINT

> insert into item (id, name) values (20, 'twenty')
INSERT 0 1

> savepoint b
SAVEPOINT

> insert into item (id, name) values (20, 'again')
ERROR:  23505: duplicate key value violates unique constraint "item_pkey"
DETAIL:  Key (id)=(20) already exists.

> select 1
ERROR:  25P02: current transaction is aborted, commands ignored until end of transaction block

> rollback to b
ROLLBACK

> insert into item (id, name) values (21, 'more')
INSERT 0 1

> release a
RELEASE

> rollback to b
ERROR:  3B001: savepoint "b" does not exist

> rollback
ROLLBACK

> savepoint a
ERROR:  25P01: SAVEPOINT can only be used in transaction blocks

> commit
WARNING:  25P01: there is no transaction in progress
COMMIT

> commit
WARNING:  25P01: there is no transaction in progress
COMMIT

> rollback
WARNING:  25P01: there is no transaction in progress
ROLLBACK

> abort
WARNING:  25P01: there is no transaction in progress
ROLLBACK

> select count(*) from item where id >= 20
count
0
(1 row)

> begin isolation level repeatable read read only
BEGIN

> insert into item (id, name) values (30, 'x')
ERROR:  25006: cannot execute INSERT in a read-only transaction

> rollback
ROLLBACK

> begin
BEGIN

> show transaction_read_only
transaction_read_only
off
(1 row)

> end
COMMIT

> prepare find (int) as select name from item where id = $1
PREPARE

> execute find (2)
name
hammer
(1 row)

> execute find ('2')
name
hammer
(1 row)

> execute find (null)
name
(0 rows)

> execute nosuch
ERROR:  26000: prepared statement "nosuch" does not exist

> select name, parameter_types, from_sql from pg_prepared_statements
name|parameter_types|from_sql
find|{integer}|t
(1 row)

> prepare put (int, text) as insert into item (id, name) values ($1, $2) returning id
PREPARE

> execute put (40, 'forty')
id
40
(1 row)
INSERT 0 1

> deallocate find
DEALLOCATE

> deallocate find
ERROR:  26000: prepared statement "find" does not exist

> deallocate all
DEALLOCATE ALL

> select count(*) from pg_prepared_statements
count
0
(1 row)

> show work_mem
work_mem
4MB
(1 row)

> set work_mem = '8MB'
SET

> show work_mem
work_mem
8MB
(1 row)

> set work_mem = '1kB'
ERROR:  22023: 1 kB is outside the valid range for parameter "work_mem" (64 .. 2147483647)

> set work_mem = 'a lot'
ERROR:  22023: invalid value for parameter "work_mem": "a lot"

> reset work_mem
RESET

> show nosuch
ERROR:  42704: unrecognized configuration parameter "nosuch"

> set nosuch = 1
ERROR:  42704: unrecognized configuration parameter "nosuch"

> set my.own = 'x'
SET

> show my.own
my.own
x
(1 row)

> select current_setting('my.own'), current_setting('my.other', true)
current_setting|current_setting
x|
(1 row)

> select current_setting('nosuch')
ERROR:  42704: unrecognized configuration parameter "nosuch"

> set local work_mem = '1MB'
WARNING:  25P01: SET LOCAL can only be used in transaction blocks
SET

> begin; set local work_mem = '2MB'; select current_setting('work_mem'); commit
BEGIN
SET
current_setting
2MB
(1 row)
COMMIT

> show work_mem
work_mem
4MB
(1 row)

> select set_config('search_path', 'public', false)
set_config
public
(1 row)

> show search_path
search_path
public
(1 row)

> set search_path to default
SET

> set time zone 'Europe/Berlin'
SET

> select timestamptz '2024-07-01 12:00+00', at from item where id = 1
timestamptz|at
2024-07-01 14:00:00+02|2024-01-15 11:00:00+01
(1 row)

> set timezone = 'Nowhere/Land'
ERROR:  22023: invalid value for parameter "TimeZone": "Nowhere/Land"

> reset all
RESET

> set statement_timeout = '5s'
SET

> show statement_timeout
statement_timeout
5s
(1 row)

> set statement_timeout = 0
SET

> set extra_float_digits = 0
SET

> select 0.1::float8 + 0.2::float8
?column?
0.3
(1 row)

> reset extra_float_digits
RESET

> set client_min_messages = warning
SET

> drop table if exists nosuch
DROP TABLE

> reset client_min_messages
RESET

> drop table if exists nosuch
NOTICE:  00000: table "nosuch" does not exist, skipping
DROP TABLE

> select pg_typeof(1), pg_typeof(1.5), pg_typeof(now()), pg_typeof(array[1]), pg_typeof(1::int2), pg_typeof('1 day'::interval)
pg_typeof|pg_typeof|pg_typeof|pg_typeof|pg_typeof|pg_typeof
integer|numeric|timestamp with time zone|integer[]|smallint|interval
(1 row)

> select txid_current() = txid_current(), pg_current_xact_id()::text = txid_current()::text
?column?|?column?
t|t
(1 row)

> select txid_current_if_assigned() is null
?column?
t
(1 row)

> select pg_advisory_lock(1)
pg_advisory_lock
(1 row)

> select pg_try_advisory_lock(1), pg_try_advisory_lock(2, 3)
pg_try_advisory_lock|pg_try_advisory_lock
t|t
(1 row)

> select locktype, classid, objid, objsubid, mode, granted from pg_locks where locktype = 'advisory' order by classid, objid
locktype|classid|objid|objsubid|mode|granted
advisory|0|1|1|ExclusiveLock|t
advisory|2|3|2|ExclusiveLock|t
(2 rows)

> select pg_advisory_unlock(1), pg_advisory_unlock(1), pg_advisory_unlock(2, 3)
pg_advisory_unlock|pg_advisory_unlock|pg_advisory_unlock
t|t|t
(1 row)

> select pg_advisory_lock_shared(7)
pg_advisory_lock_shared
(1 row)

> select pg_advisory_unlock_shared(7)
pg_advisory_unlock_shared
t
(1 row)

> begin
BEGIN

> select pg_advisory_xact_lock(5)
pg_advisory_xact_lock
(1 row)

> savepoint s
SAVEPOINT

> select pg_try_advisory_xact_lock_shared(6)
pg_try_advisory_xact_lock_shared
t
(1 row)

> select mode, objid from pg_locks where locktype = 'advisory' order by objid
mode|objid
ExclusiveLock|5
ShareLock|6
(2 rows)

> rollback to s
ROLLBACK

> select mode, objid from pg_locks where locktype = 'advisory' order by objid
mode|objid
ExclusiveLock|5
(1 row)

> commit
COMMIT

> select count(*) from pg_locks where locktype = 'advisory'
count
0
(1 row)

> select pg_advisory_lock(8)
pg_advisory_lock
(1 row)

> select pg_advisory_unlock_all()
pg_advisory_unlock_all
(1 row)

> select count(*) from pg_locks where locktype = 'advisory'
count
0
(1 row)

> select cast('12' as int) + 1, '3.7'::float::int, 3.5::int, 2.5::int, '0x1F', 'yes'::bool, 'f'::bool, 0::bool
?column?|int4|int4|int4|?column?|bool|bool|bool
13|4|4|3|0x1F|t|f|f
(1 row)

> select '2024-01-31'::date + 1, '2024-01-31'::date + interval '1 month', '2024-03-31'::timestamp - interval '1 month', '2024-03-01'::date - '2024-02-01'::date
?column?|?column?|?column?|?column?
2024-02-01|2024-02-29 00:00:00|2024-02-29 00:00:00|29
(1 row)

> select 'abc'::int
ERROR:  22P02: invalid input syntax for type integer: "abc"

> select '2000-01-01+02'::timestamptz, '2000-01-01 +02'::timestamp
timestamptz|timestamp
1999-12-31 22:00:00+00|2000-01-01 00:00:00
(1 row)

> select '2000-01-01-05'::timestamptz
ERROR:  22007: invalid input syntax for type timestamp with time zone: "2000-01-01-05"

> select '2024-02-30'::date
ERROR:  22008: date/time field value out of range: "2024-02-30"

> select '1e400'::float8
ERROR:  22003: "1e400" is out of range for type double precision

> select 70000::int2
ERROR:  22003: smallint out of range

> select '12:30'::time, '12:30:15.25'::time(1), '24:00'::time, '2024-01-01 25:00'::timestamp
ERROR:  22008: date/time field value out of range: "2024-01-01 25:00"

> select age('2024-03-01'::timestamp, '2023-01-15'::timestamp), age(date '2000-02-29', date '1999-03-01')
age|age
1 year 1 mon 17 days|11 mons 28 days
(1 row)

> select extract(dow from date '2024-02-29'), extract(isodow from date '2024-03-03'), extract(week from date '2024-12-30'), extract(epoch from interval '1 day 2 hours'), date_part('quarter', date '2024-05-01'), extract(century from date '2001-01-01')
extract|extract|extract|extract|date_part|extract
4|7|1|93600.000000|2|21
(1 row)

> select extract(nosuch from date '2024-01-01')
ERROR:  22023: unit "nosuch" not recognized for type date

> select date_trunc('week', timestamp '2024-02-29 13:14:15'), date_trunc('hour', timestamptz '2024-02-29 13:14:15+00'), date_trunc('year', interval '1 year 5 months'), date_trunc('nosuch', now())
ERROR:  22023: unit "nosuch" not recognized for type timestamp with time zone

> select to_char(timestamp '2024-02-09 03:04:05', 'YYYY-MM-DD HH12:MI:SS AM'), to_char(1234.5, '9,999.99'), to_char(-7, '000'), to_char(date '2024-02-09', 'FMDay, DD FMMonth YYYY'), to_char(0.5, 'FM90.00%')
to_char|to_char|to_char|to_char|to_char
2024-02-09 03:04:05 AM| 1,234.50|-007|Friday, 09 February 2024|0.50%
(1 row)

> select to_date('09 Feb 2024', 'DD Mon YYYY'), to_timestamp('2024-02-09 15', 'YYYY-MM-DD HH24'), to_number('1,234.50', '9,999.99')
to_date|to_timestamp|to_number
2024-02-09|2024-02-09 15:00:00+00|1234.50
(1 row)

> select to_date('nonsense', 'YYYY-MM-DD')
ERROR:  22007: invalid value "nons" for "YYYY"
DETAIL:  Value must be an integer.

> select make_date(2024, 2, 29), make_time(1, 2, 3.5), make_timestamp(2024, 1, 1, 0, 0, 0)
make_date|make_time|make_timestamp
2024-02-29|01:02:03.5|2024-01-01 00:00:00
(1 row)

> select make_date(2023, 2, 29)
ERROR:  22008: date field value out of range: 2023-02-29

> select interval '1 day' * 2.5, interval '90 minutes' / 3, justify_hours('30 hours'), -interval '1 month', interval '1-2', interval 'P1Y2M3DT4H'
?column?|?column?|justify_hours|?column?|interval|interval
2 days 12:00:00|00:30:00|1 day 06:00:00|-1 mons|1 year 2 mons|1 year 2 mons 3 days 04:00:00
(1 row)

> select generate_series('2024-01-01'::date, '2024-01-03', '1 day')
generate_series
2024-01-01 00:00:00+00
2024-01-02 00:00:00+00
2024-01-03 00:00:00+00
(3 rows)

> select generate_series(1, 3), generate_series(10, 11)
generate_series|generate_series
1|10
2|11
3|
(3 rows)

> select generate_series(1, 10, 0)
ERROR:  22023: step size cannot equal zero

> select now() = current_timestamp, current_date = now()::date, clock_timestamp() >= now(), localtime is not null
?column?|?column?|?column?|?column?
t|t|t|t
(1 row)

> select left('hello', 2), right('hello', -2), substr('hello', 2, 3), substr('hello', -1, 3), overlay('hello' placing 'XX' from 2 for 3), strpos('hello', 'l'), position('lo' in 'hello'), split_part('a,b,c', ',', 2), split_part('a,b,c', ',', -1)
left|right|substr|substr|overlay|strpos|position|split_part|split_part
he|llo|ell|h|hXXo|3|4|b|c
(1 row)

> select substr('hello', 2, -1)
ERROR:  22011: negative substring length not allowed

> select trim('  x '), trim(both 'x' from 'xxaxx'), ltrim('xxa', 'x'), rtrim('axx', 'x'), btrim('xyax', 'xy'), lpad('abc', 2), rpad('a', 4, 'xy'), translate('hello', 'el', 'ip'), replace('aaa', 'a', 'bb'), ascii('A'), chr(955), initcap('o''neil and co')
btrim|btrim|ltrim|rtrim|btrim|lpad|rpad|translate|replace|ascii|chr|initcap
x|a|a|a|a|ab|axyx|hippo|bbbbbb|65|λ|O'Neil And Co
(1 row)

> select chr(0)
ERROR:  54000: null character not permitted

> select repeat('ab', 0), repeat('ab', -1), reverse('héé'), md5('abc'), starts_with('abc', 'ab'), quote_ident('a b'), quote_literal('it''s'), quote_nullable(null), format('%-5s|%5s|', 'a', 'b'), concat_ws(',', 'a', null, 'b')
repeat|repeat|reverse|md5|starts_with|quote_ident|quote_literal|quote_nullable|format|concat_ws
||ééh|900150983cd24fb0d6963f7d28e17f72|t|"a b"|'it''s'|NULL|a    |    b||a,b
(1 row)

> select string_to_array('a,b,,c', ','), string_to_array('abc', null), array_to_string(array[1,null,3], ',', '*'), unnest(string_to_array('x y', ' '))
string_to_array|string_to_array|array_to_string|unnest
{a,b,"",c}|{a,b,c}|1,*,3|x
{a,b,"",c}|{a,b,c}|1,*,3|y
(2 rows)

> select regexp_replace('abc123', '\d+', '#'), regexp_match('abc123', '([a-z]+)(\d+)'), 'abc' ~ '^a.c$', 'ABC' ~* 'b', 'abc' !~ 'd', regexp_split_to_array('a1b2c', '\d'), substring('abc123' from '\d+'), regexp_count('banana', 'a')
regexp_replace|regexp_match|?column?|?column?|?column?|regexp_split_to_array|substring|regexp_count
abc#|{abc,123}|t|t|t|{a,b,c}|123|3
(1 row)

> select 'a' < 'B', 'a' < 'b', 'Z' < 'a', '' < 'a', 'abc' like 'a%', 'abc' ilike 'A_C', 'a%b' like 'a\%b', 'abc' similar to '(a|b)%'
?column?|?column?|?column?|?column?|?column?|?column?|?column?|?column?
f|t|t|t|t|t|t|t
(1 row)

> select abs(-5), sign(-2.5), ceil(1.2), floor(-1.2), round(1.5), round(2.5), round(1.25, 1), trunc(1.99), mod(7, -3), power(2, 10), sqrt(2), exp(1), ln(2), log(100), log(2, 8), pi(), div(7, 2), gcd(12, 18), lcm(4, 6), width_bucket(5, 0, 10, 5)
abs|sign|ceil|floor|round|round|round|trunc|mod|power|sqrt|exp|ln|log|log|pi|div|gcd|lcm|width_bucket
5|-1|2|-2|2|3|1.3|1|1|1024|1.4142135623730951|2.718281828459045|0.6931471805599453|2|3.0000000000000000|3.141592653589793|3|6|12|3
(1 row)

> select 5 / 0
ERROR:  22012: division by zero

> select 5 % 0
ERROR:  22012: division by zero

> select 2147483647 + 1
ERROR:  22003: integer out of range

> select 9223372036854775807::int8 * 2
ERROR:  22003: bigint out of range

> select sqrt(-1)
ERROR:  2201F: cannot take square root of a negative number

> select power(0, -1)
ERROR:  2201F: zero raised to a negative power is undefined

> select 1 / 3.0, 10 / 4, 10 / 4.0, -7 / 2, 7.5 % 2, 2 ^ 3 ^ 2, 1e3, 1.0e-3, .5, 100000000000000000000
?column?|?column?|?column?|?column?|?column?|?column?|?column?|?column?|?column?|?column?
0.33333333333333333333|2|2.5000000000000000|-3|1.5|64|1000|0.0010|0.5|100000000000000000000
(1 row)

> select array[1,2,3] || 4, array_length(array[1,2], 1), cardinality('{}'::int[]), array_position(array['a','b'], 'b'), array_remove(array[1,2,1], 1), array_upper(array[[1,2],[3,4]], 2), (array['a','b'])[2], array[1,2] && array[2], 2 = any(array[1,2]), array_agg(x order by x desc) from (values (1), (2)) v (x)
?column?|array_length|cardinality|array_position|array_remove|array_upper|array|?column?|?column?|array_agg
{1,2,3,4}|2|0|2|{2}|2|b|t|t|{2,1}
(1 row)

> select case when 1 = 1 then 'a' end, coalesce(null, 2), nullif(1, 2), greatest(1, null, 3), least('b', 'a')
case|coalesce|nullif|greatest|least
a|2|1|3|a
(1 row)

> select case when true then 1 else 'x' end
ERROR:  22P02: invalid input syntax for type integer: "x"

> select coalesce(1, 'x')
ERROR:  22P02: invalid input syntax for type integer: "x"

> select null = null, null is null, 1 is distinct from null, (null, 1) is null, row(1, 2) = row(1, 2), not null
?column?|?column?|?column?|?column?|?column?|?column?
|t|t|f|t|
(1 row)

> select 'a' || 1 || null, 'a' || coalesce(null, 'b'), 1 || 2
ERROR:  42883: operator does not exist: integer || integer
HINT:  No operator matches the given name and argument types. You might need to add explicit type casts.

> select 1 + '2', '3' * 2, 'a' + 1
ERROR:  22P02: invalid input syntax for type integer: "a"

> select true + 1
ERROR:  42883: operator does not exist: boolean + integer
HINT:  No operator matches the given name and argument types. You might need to add explicit type casts.

> select nosuch(1)
ERROR:  42883: function nosuch(integer) does not exist
HINT:  No function matches the given name and argument types. You might need to add explicit type casts.

> select lower(1)
ERROR:  42883: function lower(integer) does not exist
HINT:  No function matches the given name and argument types. You might need to add explicit type casts.

> select item.nosuch from item
ERROR:  42703: column item.nosuch does not exist

> select x.* from item
ERROR:  42P01: missing FROM-clause entry for table "x"

> select * from nosuch
ERROR:  42P01: relation "nosuch" does not exist

> select * from item, item
ERROR:  42712: table name "item" specified more than once

> select count(*) from item a join item b using (id) natural join item c
ERROR:  42702: common column name "name" appears more than once in left table

> select id from item a join item b on true limit 1
ERROR:  42702: column reference "id" is ambiguous

> create table item (x int)
ERROR:  42P07: relation "item" already exists

> create table bad (a int, a text)
ERROR:  42701: column "a" specified more than once

> create table bad (a nosuchtype)
ERROR:  42704: type "nosuchtype" does not exist

> create table bad (a int primary key, b int primary key)
ERROR:  42P16: multiple primary keys for table "bad" are not allowed

> create index on item (nosuch)
ERROR:  42703: column "nosuch" does not exist

> alter table item add column qty int
ERROR:  42701: column "qty" of relation "item" already exists

> alter table item drop column nosuch
ERROR:  42703: column "nosuch" of relation "item" does not exist

> alter table nosuch add column x int
ERROR:  42P01: relation "nosuch" does not exist

> drop table nosuch
ERROR:  42P01: table "nosuch" does not exist

> drop index nosuch
ERROR:  42704: index "nosuch" does not exist

> drop schema nosuch
ERROR:  3F000: schema "nosuch" does not exist

> create schema shop; create table shop.sale (id serial primary key, item int references item (id) on delete cascade, n int default 1)
CREATE SCHEMA
CREATE TABLE

> insert into shop.sale (item) values (1), (2) returning *
id|item|n
1|1|1
2|2|1
(2 rows)
INSERT 0 2

> insert into shop.sale (item) values (99)
ERROR:  23503: insert or update on table "sale" violates foreign key constraint "sale_item_fkey"
DETAIL:  Key (item)=(99) is not present in table "item".

> delete from item where id = 1 returning id
id
1
(1 row)
DELETE 1

> select * from shop.sale
id|item|n
2|2|1
(1 row)

> drop schema shop
ERROR:  2BP01: cannot drop schema shop because other objects depend on it
DETAIL:  table shop.sale depends on schema shop
HINT:  Use DROP ... CASCADE to drop the dependent objects too.

> drop table item
ERROR:  2BP01: cannot drop table item because other objects depend on it
DETAIL:  constraint sale_item_fkey on table shop.sale depends on table item
HINT:  Use DROP ... CASCADE to drop the dependent objects too.

> drop schema shop cascade
NOTICE:  00000: drop cascades to table shop.sale
DROP SCHEMA

> select currval('nosuch')
ERROR:  42P01: relation "nosuch" does not exist

> create sequence seq start 5 increment 5
CREATE SEQUENCE

> select nextval('seq'), nextval('seq'), currval('seq'), lastval()
nextval|nextval|currval|lastval
5|10|10|10
(1 row)

> select last_value, is_called from seq
last_value|is_called
10|t
(1 row)

> select setval('seq', 100), nextval('seq')
setval|nextval
100|105
(1 row)

> alter sequence seq restart
ALTER SEQUENCE

> select nextval('seq')
nextval
5
(1 row)

> drop sequence seq
DROP SEQUENCE

> create view v as select id, name from item where qty > 5
CREATE VIEW

> select * from v order by 1
id|name
2|hammer
(1 row)

> drop table item
ERROR:  2BP01: cannot drop table item because other objects depend on it
DETAIL:  view v depends on table item
HINT:  Use DROP ... CASCADE to drop the dependent objects too.

> create or replace view v as select id from item
ERROR:  42P16: cannot drop columns from view

> drop view v
DROP VIEW

> comment on table item is 'things for sale'
COMMENT

> select obj_description('item'::regclass), col_description('item'::regclass, 1)
obj_description|col_description
things for sale|
(1 row)

> truncate item
TRUNCATE TABLE

> select count(*) from item
count
0
(1 row)

> vacuum item
VACUUM

> analyze item
ANALYZE

> checkpoint
CHECKPOINT

> discard all
DISCARD ALL

> drop table item
DROP TABLE

# Hashes.

> select hashtext(''), hashtext('a'), hashtext('some name'), hashtext('a dozen byte'), hashtext('thirteen byte'), hashtext('größer als eins')
hashtext|hashtext|hashtext|hashtext|hashtext|hashtext
-1477818771|1075015857|1039849329|-1218036739|-1367827268|1765043609
(1 row)

> select hashtextextended('', 0), hashtextextended('some name', 0), hashtextextended('some name', 1), hashtextextended('some name', -1)
hashtextextended|hashtextextended|hashtextextended|hashtextextended
-6939563903564495251|-8525770511157110927|-714770526697667437|4359919020098774443
(1 row)

> select hashint2(-1::int2), hashint4(-1), hashint8(-1), hashint4(1), hashint8(1), hashint8(4294967297), hashint8(-4294967297)
hashint2|hashint4|hashint8|hashint4|hashint8|hashint8|hashint8
385747274|385747274|385747274|-1905060026|-1905060026|-272711505|-1242090879
(1 row)

> select hashint2extended(-1::int2, 7), hashint4extended(-1, 7), hashint8extended(-1, 7), hashint8extended(-4294967297, -7)
hashint2extended|hashint4extended|hashint8extended|hashint8extended
8228280636233252028|8228280636233252028|8228280636233252028|-6410357414948345214
(1 row)

> select hashtext(null), hashint4extended(1, null)
hashtext|hashint4extended
|
(1 row)

> select hashint2(1)
ERROR:  42883: function hashint2(integer) does not exist
HINT:  No function matches the given name and argument types. You might need to add explicit type casts.

# UUIDs of names and of random bytes.

> create extension "uuid-ossp"
CREATE EXTENSION

> create extension if not exists "uuid-ossp"
NOTICE:  42710: extension "uuid-ossp" already exists, skipping
CREATE EXTENSION

> create extension if not exists "uuid-ossp" with schema public version '1.1'
NOTICE:  42710: extension "uuid-ossp" already exists, skipping
CREATE EXTENSION

> select extname, extversion from pg_extension where extname = 'uuid-ossp'
extname|extversion
uuid-ossp|1.1
(1 row)

> select name, default_version, installed_version, comment from pg_available_extensions where name = 'uuid-ossp'
name|default_version|installed_version|comment
uuid-ossp|1.1|1.1|generate universally unique identifiers (UUIDs)
(1 row)

> comment on extension "uuid-ossp" is 'UUIDs'
COMMENT

> select uuid_nil(), uuid_ns_dns(), uuid_ns_url(), uuid_ns_oid(), uuid_ns_x500()
uuid_nil|uuid_ns_dns|uuid_ns_url|uuid_ns_oid|uuid_ns_x500
00000000-0000-0000-0000-000000000000|6ba7b810-9dad-11d1-80b4-00c04fd430c8|6ba7b811-9dad-11d1-80b4-00c04fd430c8|6ba7b812-9dad-11d1-80b4-00c04fd430c8|6ba7b814-9dad-11d1-80b4-00c04fd430c8
(1 row)

> select uuid_generate_v5(uuid_ns_dns(), 'www.example.com'), uuid_generate_v3(uuid_ns_dns(), 'www.example.com')
uuid_generate_v5|uuid_generate_v3
2ed6657d-e927-568b-95e1-2665a8aea6a2|5df41881-3aed-3515-88a7-2f4a814cf09e
(1 row)

> select uuid_generate_v5(uuid_nil(), ''), uuid_generate_v3(uuid_ns_x500(), 'Größe'), uuid_generate_v3(null, 'a'), uuid_generate_v5(uuid_ns_url(), null)
uuid_generate_v5|uuid_generate_v3|uuid_generate_v3|uuid_generate_v5
e129f27c-5103-5c5c-844b-cdf0a15e160d|3cfad066-5e49-3d2f-8f33-ad77eb0779c2||
(1 row)

> select substr(uuid_generate_v4()::text, 15, 1), uuid_generate_v4() = uuid_generate_v4(), pg_typeof(uuid_generate_v4())
substr|?column?|pg_typeof
4|f|uuid
(1 row)

> create table made (id uuid primary key default public.uuid_generate_v4(), n int); insert into made (n) values (1), (2); select count(distinct id) from made
CREATE TABLE
INSERT 0 2
count
2
(1 row)

> select public.uuid_generate_v5(public.uuid_ns_url(), 'https://example.com/')
uuid_generate_v5
dd2c1780-811a-5296-81c5-178a0ef488bc
(1 row)

> select nowhere.uuid_nil()
ERROR:  3F000: schema "nowhere" does not exist

# Nulls where an array function wants a number.

> select array_position(array[1], 1, null)
ERROR:  22004: initial position must not be null

> select array_position(array[1, null], null, null)
ERROR:  22004: initial position must not be null

> select array_position('{}'::int[], 1, null), array_position(array[1], null, null), array_position(null::int[], 1, null)
array_position|array_position|array_position
||
(1 row)

> select array_position(array[[1]], 1, null)
ERROR:  0A000: searching for elements in multidimensional arrays is not supported

> select array_position(array[1, 2, 1], 1, 2), array_position(array[1, null, 1], null, 2), array_position(array[1, 2], 1, 2)
array_position|array_position|array_position
3|2|
(1 row)

> select array_fill(1, array[null]::int[])
ERROR:  22004: dimension values cannot be null

> select array_fill(1, array[2, null], array[1, 1])
ERROR:  22004: dimension values cannot be null

> select array_fill(1, array[2], array[null]::int[])
ERROR:  22004: dimension values cannot be null

> select array_fill(1, array[[null]]::int[])
ERROR:  2202E: wrong number of array subscripts
DETAIL:  Dimension array must be one dimensional.

> select array_fill(1, null)
ERROR:  22004: dimension array or low bound array cannot be null

# Paths and keys in arrays of several dimensions.

> select '{"a": 1}'::jsonb - array[['a'], ['b']]
ERROR:  2202E: wrong number of array subscripts

> select '1'::jsonb - array[['a']]
ERROR:  2202E: wrong number of array subscripts

> select '{"a": 1, "b": 2}'::jsonb - array['a', null], '{"a": 1}'::jsonb - '{}'::text[], '["a", "b"]'::jsonb - array['b']
?column?|?column?|?column?
{"b": 2}|{"a": 1}|["a"]
(1 row)

> select '{"a": {"b": 1}}'::jsonb #- array[['a'], ['b']]
ERROR:  2202E: wrong number of array subscripts

> select '1'::jsonb #- array[['a']]
ERROR:  2202E: wrong number of array subscripts

> select jsonb_delete_path('{}', array[['a']])
ERROR:  2202E: wrong number of array subscripts

> select jsonb_set('{"a": 1}', array[['a']], '2')
ERROR:  2202E: wrong number of array subscripts

> select jsonb_set('{}', array[['a']], '2', false)
ERROR:  2202E: wrong number of array subscripts

> select jsonb_set_lax('{"a": 1}', array[['a']], '2')
ERROR:  2202E: wrong number of array subscripts

> select jsonb_set_lax('{"a": 1}', array[['a']], null, true, 'delete_key')
ERROR:  2202E: wrong number of array subscripts

> select jsonb_set_lax('{"a": 1}', array[['a']], null, true, 'return_target')
jsonb_set_lax
{"a": 1}
(1 row)

> select jsonb_insert('{"a": [1]}', array[['a', '0']], '2')
ERROR:  2202E: wrong number of array subscripts

> select '{"a": {"b": 1}}'::jsonb #> array[['a'], ['b']], '{"a": {"b": 1}}'::jsonb #>> array[['a', 'b']], '{"a": 1}'::jsonb ?| array[['a', 'b']]
?column?|?column?|?column?
1|1|t
(1 row)

# Ages of transactions.

> select age('0'::xid), age('1'::xid), age('2'::xid), age(null::xid), pg_typeof(age('2'::xid))
age|age|age|age|pg_typeof
2147483647|2147483647|2147483647||integer
(1 row)

> select age('3'::xid) > 0, mxid_age('0'::xid), mxid_age(null)
?column?|mxid_age|mxid_age
t|2147483647|
(1 row)

> select age(pg_current_xact_id()::xid)
age
0
(1 row)

> create table aged (n int); insert into aged values (1); select age(xmin) between 0 and 1000 from aged
CREATE TABLE
INSERT 0 1
?column?
t
(1 row)

> begin; insert into aged values (2); select age(xmin) from aged where n = 2; commit
BEGIN
INSERT 0 1
age
0
(1 row)
COMMIT

> select age('2020-01-01')
ERROR:  42725: function age(unknown) is not unique
HINT:  Could not choose a best candidate function. You might need to add explicit type casts.

> select age(1)
ERROR:  42883: function age(integer) does not exist
HINT:  No function matches the given name and argument types. You might need to add explicit type casts.

# Waiting, and what time it is.

> select pg_sleep_for('-1 day'), pg_sleep_for('1 millisecond'), pg_sleep_for(null)
pg_sleep_for|pg_sleep_for|pg_sleep_for
||
(1 row)

> select pg_sleep_until('-infinity'), pg_sleep_until(now()), pg_sleep_until(clock_timestamp() + interval '1 ms')
pg_sleep_until|pg_sleep_until|pg_sleep_until
||
(1 row)

> select pg_sleep_for('300000 years')
ERROR:  22008: timestamp out of range

> begin; select pg_sleep_for('20 milliseconds'); select clock_timestamp() - now() >= interval '20 milliseconds'; commit
BEGIN
pg_sleep_for
(1 row)
?column?
t
(1 row)
COMMIT

> select timeofday() ~ '^(Mon|Tue|Wed|Thu|Fri|Sat|Sun) [A-Z][a-z]{2} [0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}[.][0-9]{6} [0-9]{4} [^ ]+$', pg_typeof(timeofday())
?column?|pg_typeof
t|text
(1 row)

> select timeofday()::timestamptz between now() - interval '1 minute' and now() + interval '1 minute'
?column?
t
(1 row)

# Tests of tests, and their casts.

> select 1 is null is null, 1 isnull notnull, true is true is true is not true, 1 is null is unknown
?column?|?column?|?column?|?column?
f|t|f|f
(1 row)

> select 1 is null::text, 1 isnull::text, 1 + 1 is null::text || 'x', 1 is not null::int, 1 is null::text is null
text|text|?column?|int4|?column?
false|false|falsex|1|f
(1 row)

> select 1 is null = true, 1 = 1 is true = true, 2 in (1) = false, 1 is null is distinct from true
?column?|?column?|?column?|?column?
f|t|t|t
(1 row)

> select not 1 is null::text::bool, null and 1 is null::bool
?column?|?column?
t|f
(1 row)

> select 1 in (1) in (true), 1 in (1)::text, 1 in (select 1)::text, 1 in (select 1) in (true), 'a' not in ('a')::text
?column?|text|text|?column?|text
t|true|true|t|false
(1 row)

> select 1 = any(array[1]) = true, 1 = any(array[1])::text, 1 = any(select 1)::text, 'a' like any(array['a'])::text like 'true'
?column?|text|text|?column?
t|true|true|t
(1 row)

> select 'a' collate "C"::text, 'a' collate "C"::text || 'b', 1 between 0 and 1 is null::text
text|?column?|text
a|ab|false
(1 row)

> select not 1 is null::text
ERROR:  42804: argument of NOT must be type boolean, not type text

> select 1 is null::text::int
ERROR:  22P02: invalid input syntax for type integer: "false"

> select 1 is distinct from 2 is null
ERROR:  42601: syntax error at or near "is"

> select 1 is null is distinct from true is null
ERROR:  42601: syntax error at or near "is"

> select 1 is null [1]
ERROR:  42601: syntax error at or near "["

> select 1 = 1 = true
ERROR:  42601: syntax error at or near "="

> select 1 < 2 = any(array[true]) = true
ERROR:  42601: syntax error at or near "="

> select 'a' like 'a' in (true)
ERROR:  42601: syntax error at or near "in"

> select 1 between 0 and 1 in (true)
ERROR:  42601: syntax error at or near "in"

# What is told of first, and numbers that are no oid.

> select make_timestamptz(2024, 13, 1, 0, 0, 0, 'nowhere')
ERROR:  22008: date field value out of range: 2024-13-01

> select make_timestamptz(2024, 1, 1, 25, 0, 0, 'nowhere')
ERROR:  22008: time field value out of range: 25:00:00

> select make_timestamptz(2024, 13, 1, 0, 0, 0, '5')
ERROR:  22008: date field value out of range: 2024-13-01

> select make_timestamptz(2024, 1, 1, 0, 0, 0, 'nowhere')
ERROR:  22023: time zone "nowhere" not recognized

> select make_timestamptz(2024, 1, 1, 0, 0, 0, 'UTC') = '2024-01-01 00:00+00'
?column?
t
(1 row)

> select 4294967295::int8::oid, 0::int8::oid, (-1)::oid, (-1)::int2::oid, (-2147483648)::int4::oid
oid|oid|oid|oid|oid
4294967295|0|4294967295|4294967295|2147483648
(1 row)

> select (-1)::int8::oid
ERROR:  22003: OID out of range

> select 4294967296::oid
ERROR:  22003: OID out of range

> select oid((-1)::int8)
ERROR:  22003: OID out of range

> select (-1)::int8::regclass
ERROR:  22003: OID out of range

> select oid '4294967295' = (-1)::int8
ERROR:  22003: OID out of range

> select pg_sleep(-1), pg_sleep('NaN')
pg_sleep|pg_sleep
|
(1 row)

# Expressions and functions over values of every type.
> select 7 / 2, -7 / 2, 7 % 3, -7 % 3, 7.0 / 2, 2 ^ 10, |/ 25, @ -5, 5 & 3, 5 | 3, 5 # 3, ~5, 1 << 4, 16 >> 2
?column?|?column?|?column?|?column?|?column?|?column?|?column?|?column?|?column?|?column?|?column?|?column?|?column?|?column?
3|-3|1|-1|3.5000000000000000|1024|5|5|1|7|6|-6|16|4
(1 row)

> select 2147483647 + 1
ERROR:  22003: integer out of range

> select 9223372036854775807 + 1
ERROR:  22003: bigint out of range

> select 32768::int2
ERROR:  22003: smallint out of range

> select 1.0 / 3, 1::numeric / 3, 10.0 ^ 20, 1e400::numeric, round(2.5), round(-2.5), round(2.5::float8), trunc(1.999, 2), ceil(1.1), floor(-1.1)
?column?|?column?|?column?|numeric|round|round|round|trunc|ceil|floor
0.33333333333333333333|0.33333333333333333333|100000000000000000000.0000000000000000|10000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000|3|-3|2|1.99|2|-2
(1 row)

> select 1 / 0.0
ERROR:  22012: division by zero

> select 1.0::float8 / 0
ERROR:  22012: division by zero

> select sqrt(-1)
ERROR:  2201F: cannot take square root of a negative number

> select ln(0)
ERROR:  2201E: cannot take logarithm of zero

> select 0.1::float8 + 0.2, 1e15::float8, 1e16::float8, 1e-5::float8, 'nan'::float8, '-infinity'::float8, 3.4e38::float4, 1.1::float4
?column?|float8|float8|float8|float8|float8|float4|float4
0.30000000000000004|1e+15|1e+16|1e-05|NaN|-Infinity|3.4e+38|1.1
(1 row)

> select 'abc'::int
ERROR:  22P02: invalid input syntax for type integer: "abc"

> select '12a'::numeric
ERROR:  22P02: invalid input syntax for type numeric: "12a"

> select ''::int
ERROR:  22P02: invalid input syntax for type integer: ""

> select 123456789.123::numeric(5, 2)
ERROR:  22003: numeric field overflow
DETAIL:  A field with precision 5, scale 2 must round to an absolute value less than 10^3.

> select 12.345::numeric(5, 2), 12.345::numeric(5), '1_0'::text
numeric|numeric|text
12.35|12|1_0
(1 row)

> select 'abc'::varchar(2), 'abc'::char(5) || '|', length('abc'::char(5)), 'abc'::bpchar, 'x'::"char", 'abcdef'::name
varchar|?column?|length|bpchar|char|name
ab|abc||3|abc|x|abcdef
(1 row)

> select 'a' || 1, 'a' || null, 1 || 'a', 'a' || true
?column?|?column?|?column?|?column?
a1||1a|atrue
(1 row)

> select true and null, true or null, not null::bool, 't'::bool, 'off'::bool, 1::bool, true::int
?column?|?column?|?column?|bool|bool|bool|int4
|t||t|f|t|1
(1 row)

> select 'maybe'::bool
ERROR:  22P02: invalid input syntax for type boolean: "maybe"

> select substring('hello' from 2 for 3), substring('hello', 2), substring('foobar' from 'o(.)b'), position('l' in 'hello'), overlay('hello' placing 'XX' from 2 for 3), trim(both 'x' from 'xxhixx'), ltrim('  a'), rtrim('a  '), btrim('abcba', 'ab')
substring|substring|substring|position|overlay|btrim|ltrim|rtrim|btrim
ell|ello|o|3|hXXo|hi|a|a|c
(1 row)

> select upper('abc'), initcap('hello world'), reverse('abc'), repeat('ab', 3), lpad('7', 3, '0'), rpad('a', 3, '-'), left('hello', -2), right('hello', 2), replace('aXbX', 'X', '-'), translate('abc', 'ab', 'xy'), split_part('a,b,c', ',', 2), split_part('a,b,c', ',', -1), strpos('abc', 'c'), chr(65), ascii('A'), md5('a'), starts_with('abc', 'ab')
upper|initcap|reverse|repeat|lpad|rpad|left|right|replace|translate|split_part|split_part|strpos|chr|ascii|md5|starts_with
ABC|Hello World|cba|ababab|007|a--|hel|lo|a-b-|xyc|b|c|3|A|65|0cc175b9c0f1b6a831c399e269772661|t
(1 row)

> select format('%s is %I and %L %%', 'x', 'a b', 'it''s'), format('%2$s %1$s', 'a', 'b'), concat('a', 1, null, true), concat_ws('-', 'a', null, 'b'), quote_ident('A'), quote_literal('o''k'), quote_nullable(null)
format|format|concat|concat_ws|quote_ident|quote_literal|quote_nullable
x is "a b" and 'it''s' %|b a|a1t|a-b|"A"|'o''k'|NULL
(1 row)

> select regexp_replace('foobarbaz', 'b(..)', 'X\1Y', 'g'), regexp_match('foobar', '(o+)(b)'), regexp_split_to_array('a1b2c', '\d'), regexp_count('aaa', 'a'), regexp_substr('abc123', '[0-9]+'), regexp_like('Abc', 'a', 'i')
regexp_replace|regexp_match|regexp_split_to_array|regexp_count|regexp_substr|regexp_like
fooXarYXazY|{oo,b}|{a,b,c}|3|123|t
(1 row)

> select regexp_matches('a1b2', '([a-z])(\d)', 'g')
regexp_matches
{a,1}
{b,2}
(2 rows)

> select 'abc' like 'a_c', 'a%c' like 'a\%c', 'abc' like 'a$%c' escape '$', 'ABC' ilike 'abc', 'a' similar to 'a|b'
?column?|?column?|?column?|?column?|?column?
t|t|f|t|t
(1 row)

> select length('héllo'), octet_length('héllo'), char_length('日本'), bit_length('a'), E'a\tb\u00e9', U&'\0041', 'it''s', $$dollar 'quoted'$$
length|octet_length|char_length|bit_length|?column?|?column?|?column?|?column?
5|6|2|8|a	bé|A|it's|dollar 'quoted'
(1 row)

> select date '2024-02-29' + 1, date '2024-03-01' - date '2024-02-01', date '2024-01-31' + interval '1 month', timestamp '2024-01-01 10:00' - interval '90 minutes', age(timestamp '2024-03-01', timestamp '2023-01-15')
?column?|?column?|?column?|?column?|age
2024-03-01|29|2024-02-29 00:00:00|2024-01-01 08:30:00|1 year 1 mon 17 days
(1 row)

> set timezone = 'UTC'
SET

> select '2024-07-01 12:00+02'::timestamptz, '2024-07-01 12:00'::timestamp at time zone 'Europe/Berlin', '2024-07-01 12:00+00'::timestamptz at time zone 'America/New_York', timezone('Asia/Tokyo', '2024-07-01 12:00+00'::timestamptz)
timestamptz|timezone|timezone|timezone
2024-07-01 10:00:00+00|2024-07-01 10:00:00+00|2024-07-01 08:00:00|2024-07-01 21:00:00
(1 row)

> set timezone = 'America/New_York'
SET

> select '2024-07-01 12:00+00'::timestamptz, '2024-03-10 02:30'::timestamptz, '2024-01-01'::date::timestamptz
timestamptz|timestamptz|timestamptz
2024-07-01 08:00:00-04|2024-03-10 03:30:00-04|2024-01-01 00:00:00-05
(1 row)

> reset timezone
RESET

> select extract(year from date '2024-05-06'), extract(epoch from timestamp '2024-01-01'), extract(dow from date '2024-05-06'), extract(week from date '2024-12-30'), extract(isoyear from date '2024-12-30'), date_part('hour', timestamp '2024-01-01 13:14'), extract(microseconds from time '01:02:03.5')
extract|extract|extract|extract|extract|date_part|extract
2024|1704067200.000000|1|1|2025|13|3500000
(1 row)

> select interval '1 year 2 months 3 days 04:05:06', interval '1' day, interval '36 hours', justify_hours(interval '36 hours'), interval '1 day' * 2.5, interval '1 hour' / 3, -interval '1 day', interval '1-2', 'P1Y2M3DT4H5M6S'::interval, '1 day ago'::interval
interval|interval|interval|justify_hours|?column?|?column?|?column?|interval|interval|interval
1 year 2 mons 3 days 04:05:06|1 day|36:00:00|1 day 12:00:00|2 days 12:00:00|00:20:00|-1 days|1 year 2 mons|1 year 2 mons 3 days 04:05:06|-1 days
(1 row)

> select 'infinity'::date, '-infinity'::timestamp, 'epoch'::timestamptz at time zone 'UTC', '0001-01-01 BC'::date, '99999-01-01'::date
date|timestamp|timezone|date|date
infinity|-infinity|1970-01-01 00:00:00|0001-01-01 BC|99999-01-01
(1 row)

> select '2024-02-30'::date
ERROR:  22008: date/time field value out of range: "2024-02-30"

> select '2024-13-01'::timestamp
ERROR:  22008: date/time field value out of range: "2024-13-01"
HINT:  Perhaps you need a different "datestyle" setting.

> select 'nonsense'::date
ERROR:  22007: invalid input syntax for type date: "nonsense"

> select '25:00'::time
ERROR:  22008: date/time field value out of range: "25:00"

> select array[1, 2, 3], array[[1, 2], [3, 4]], '{1,2,NULL}'::int[], '{"a b","c,d",null,""}'::text[], array[]::int[], '[2:3]={7,8}'::int[]
array|array|int4|text|array|int4
{1,2,3}|{{1,2},{3,4}}|{1,2,NULL}|{"a b","c,d",NULL,""}|{}|[2:3]={7,8}
(1 row)

> select (array[1, 2, 3])[2], (array[1, 2, 3])[2:], (array[[1, 2], [3, 4]])[2][1], (array[1, 2, 3])[9], array_length(array[1, 2], 1), cardinality(array[[1, 2], [3, 4]]), array_upper(array[1, 2], 1), array_ndims(array[[1]]), array_dims(array[[1, 2]])
array|array|array|array|array_length|cardinality|array_upper|array_ndims|array_dims
2|{2,3}|3||2|4|2|2|[1:1][1:2]
(1 row)

> select array[1, 2] || 3, 0 || array[1], array[1] || array[2, 3], array_append(array[1], 2), array_prepend(0, array[1]), array_cat(array[1], array[2]), array_remove(array[1, 2, 1], 1), array_replace(array[1, 2], 2, 9), array_position(array['a', 'b'], 'b'), array_positions(array[1, 2, 1], 1), array_to_string(array[1, null, 3], ',', '*'), string_to_array('a,b,,c', ',', ''), array_fill(7, array[2, 2]), trim_array(array[1, 2, 3], 1)
?column?|?column?|?column?|array_append|array_prepend|array_cat|array_remove|array_replace|array_position|array_positions|array_to_string|string_to_array|array_fill|trim_array
{1,2,3}|{0,1}|{1,2,3}|{1,2}|{0,1}|{1,2}|{2}|{1,9}|2|{1,3}|1,*,3|{a,b,NULL,c}|{{7,7},{7,7}}|{1,2}
(1 row)

> select array[1, 2] @> array[1], array[1] <@ array[1, 2], array[1, 2] && array[2, 3], array[1, 2] = array[1, 2], array[1, 2] < array[1, 3], 2 = any (array[1, 2]), 3 <> all (array[1, 2]), 1 = any ('{1,2}')
?column?|?column?|?column?|?column?|?column?|?column?|?column?|?column?
t|t|t|t|t|t|t|t
(1 row)

> select unnest(array[[1, 2], [3, 4]])
unnest
1
2
3
4
(4 rows)

> select '{1,2'::int[]
ERROR:  22P02: malformed array literal: "{1,2"
DETAIL:  Unexpected end of input.

> select array[1, 'a']
ERROR:  22P02: invalid input syntax for type integer: "a"

> select 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid, 'A0EEBC999C0B4EF8BB6D6BB9BD380A11'::uuid, length(gen_random_uuid()::text)
uuid|uuid|length
a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11|a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11|36
(1 row)

> select 'zz'::uuid
ERROR:  22P02: invalid input syntax for type uuid: "zz"

> select greatest(1, 2.5, null), least('b', 'a'), nullif(1, 1), coalesce(null, null, 3), num_nulls(1, null), num_nonnulls(1, null)
greatest|least|nullif|coalesce|num_nulls|num_nonnulls
2.5|a||3|1|1
(1 row)

> select cast('1' as int), '1'::int::text::varchar, int '5', cast(null as date), 1::text = '1', cast(1.7 as int), cast(2.5 as int), cast(-0.5 as int), '1.9'::float8::int
int4|varchar|int4|date|?column?|int4|int4|int4|int4
1|1|5||t|2|3|-1|2
(1 row)

> select 1 between 0 and 2, 1 in (1, 2), null in (1), 1 not in (2, null), (1, 2) < (1, 3), 1 is not distinct from null, 'a' < 'B', 'a' collate "C" < 'B'
?column?|?column?|?column?|?column?|?column?|?column?|?column?|?column?
t|t|||t|f|f|f
(1 row)

> select case 2 when 1 then 'a' when 2 then 'b' else 'c' end, case when null then 1 else 2 end
case|case
b|2
(1 row)

> select sin(0), cos(0), atan2(1, 1), round(123.456, 1), round(123.456, -1), trunc(-1.5), scale(1.230), min_scale(1.230), trim_scale(1.230)
sin|cos|atan2|round|round|trunc|scale|min_scale|trim_scale
0|1|0.7853981633974483|123.5|120|-1|3|2|1.23
(1 row)

> select to_hex(255), 'x' = 'x ', 'x'::char(3) = 'x', md5(''), 1.10 = 1.1, '1'::int = 1.0
to_hex|?column?|?column?|md5|?column?|?column?
ff|f|t|d41d8cd98f00b204e9800998ecf8427e|t|t
(1 row)

> select 'pg_class'::regclass, 'pg_class'::regclass::oid, 'int4'::regtype, 'integer[]'::regtype, to_regclass('nosuch'), 1259::regclass, format_type(1043, 24)
regclass|oid|regtype|regtype|to_regclass|regclass|format_type
pg_class|1259|integer|integer[]||pg_class|character varying(20)
(1 row)

> select 'nosuch'::regclass
ERROR:  42P01: relation "nosuch" does not exist

> select 'nosuch'::regtype
ERROR:  42704: type "nosuch" does not exist

> select has_table_privilege('pg_class', 'select'), pg_table_is_visible('pg_class'::regclass), obj_description('pg_class'::regclass)
has_table_privilege|pg_table_is_visible|obj_description
t|t|
(1 row)

> select 1 as a, 2 as a
a|a
1|2
(1 row)

> select "a"."b"."c"."d"
ERROR:  0A000: cross-database references are not implemented: a.b.c.d

> select * fro emp
ERROR:  42601: syntax error at or near "fro"

> selec 1
ERROR:  42601: syntax error at or near "selec"

> select 1; select 2
?column?
1
(1 row)
?column?
2
(1 row)

> select (1, 'a', null), row(1, 'b c'), row()
row|row|row
(1,a,)|(1,"b c")|()
(1 row)

> select (row(1, 2)).f1
f1
1
(1 row)

> select 1 where 1 = any (null::int[])
?column?
(0 rows)

> select interval '1 month' = interval '30 days', interval '1 day' > interval '23 hours'
?column?|?column?
t|t
(1 row)

> select 5 operator(pg_catalog.+) 3, pg_catalog.lower('A')
?column?|lower
8|a
(1 row)

> select 'a'::text collate "C"
text
a
(1 row)

> select 'a' collate "de_DE"
ERROR:  42704: collation "de_DE" for encoding "UTF8" does not exist

> select encode('abc', 'base64'), decode('YWJj', 'base64'), encode('\x01ff', 'hex'), length('\x0102'::bytea), '\x01'::bytea || '\x02', get_byte('\x0102'::bytea, 1), set_byte('\x0102'::bytea, 1, 7)
encode|decode|encode|length|?column?|get_byte|set_byte
YWJj|\x616263|01ff|2|\x0102|2|\x0107
(1 row)

> select get_byte('\x01'::bytea, 1)
ERROR:  2202E: index 1 out of valid range, 0..0

> select time '10:00' + interval '1 hour', time '23:00' - time '01:30', 'allballs'::time, '2024-01-01'::date + time '10:00'
?column?|?column?|time|?column?
11:00:00|21:30:00|00:00:00|2024-01-01 10:00:00
(1 row)

> select date_trunc('month', timestamp '2024-05-06 07:08'), date_bin('15 minutes', timestamp '2024-01-01 10:22', timestamp '2024-01-01'), make_date(2024, 2, 3), make_time(1, 2, 3.5), make_timestamp(2024, 1, 2, 3, 4, 5)
date_trunc|date_bin|make_date|make_time|make_timestamp
2024-05-01 00:00:00|2024-01-01 10:15:00|2024-02-03|01:02:03.5|2024-01-02 03:04:05
(1 row)

> select regexp_substr('a1b22c333', '[0-9]+', 1, 2), regexp_substr('abc', '(b)(c)', 1, 1, '', 2), regexp_substr('abc', 'x')
regexp_substr|regexp_substr|regexp_substr
22|c|
(1 row)

> select true || 'x', 'x' || false, concat(true, 'x'), 1.50 || 'x', date '2024-01-01' || ''
?column?|?column?|concat|?column?|?column?
truex|xfalse|tx|1.50x|2024-01-01
(1 row)

> select num_nulls(1, null, null), num_nonnulls('a', null), concat_ws('-', 1, null, true)
num_nulls|num_nonnulls|concat_ws
2|1|1-t
(1 row)

> select ('{1,2}'::oid[]) = '{1,2}', '{0}' <> '{1}'::int2[], array['a'] = '{a}', array[1, 2] || '{3}', '1 2'::oidvector = '1 2'
?column?|?column?|?column?|?column?|?column?
t|t|t|{1,2,3}|t
(1 row)

> select relname[0], relname[3], relname[99] from pg_class where relname = 'pg_type'
relname|relname|relname
p|t|
(1 row)

# An operand that is named once, operators before their operand, and bytes that no text has.
> select nullif(1, 2), nullif(2, 2), nullif(null, 1), nullif('a', 'a'), nullif('a', 'b'), nullif(1, 1.0), nullif(2, 1.5)
nullif|nullif|nullif|nullif|nullif|nullif|nullif
1||||a||2
(1 row)

> select nullif(nullif(nullif(nullif(nullif(nullif(nullif(nullif(nullif(nullif(nullif(nullif(nullif(nullif(nullif(nullif(nullif(nullif(nullif(nullif(nullif(nullif(nullif(nullif(nullif(nullif(nullif(nullif(nullif(nullif(nullif(nullif(nullif(nullif(nullif(nullif(nullif(nullif(nullif(nullif(1, 2), 2), 2), 2), 2), 2), 2), 2), 2), 2), 2), 2), 2), 2), 2), 2), 2), 2), 2), 2), 2), 2), 2), 2), 2), 2), 2), 2), 2), 2), 2), 2), 2), 2), 2), 2), 2), 2), 2), 2)
nullif
1
(1 row)

> create sequence drawn_once
CREATE SEQUENCE

> select nullif(nextval('drawn_once'), 0)
nullif
1
(1 row)

> select nullif(nextval('drawn_once'), 0)
nullif
2
(1 row)

> drop sequence drawn_once
DROP SEQUENCE

> select ~1 & 7, ~1 | 2, operator(pg_catalog.~) 1 & 7, - 2 ^ 2, @ -3 + 1
?column?|?column?|?column?|?column?|?column?
6|-2|6|4|2
(1 row)

> select length(encode(repeat('x', 57)::bytea, 'base64')), length(encode(repeat('x', 58)::bytea, 'base64')), length(encode(repeat('x', 114)::bytea, 'base64'))
length|length|length
77|81|154
(1 row)

> select E'a\000b'
ERROR:  22021: invalid byte sequence for encoding "UTF8": 0x00

> select E'a\x00b'
ERROR:  22021: invalid byte sequence for encoding "UTF8": 0x00

> select U&'a\0000b'
ERROR:  42601: invalid Unicode escape value

> select 1 as U&"a\0000b"
ERROR:  42601: invalid Unicode escape value

> select E'\u0000'
ERROR:  42601: invalid Unicode escape value at or near "\u0000"

# A quotient of an interval is taken part by part, not as a product with the inverse.
> select interval '49 months' / 49, interval '2 months 3 days' / 7, interval '1 month' / 3.3, interval '-49 months 3 days' / 48, interval '10 days 23:59:59.999999' / 3
?column?|?column?|?column?|?column?|?column?
1 mon|9 days 00:00:00.037029|9 days 02:10:54.5376|-1 mons -13:30:00|3 days 16:00:00
(1 row)

> select avg(step), sum(step) from (values (interval '14 months'), ('20 months 1 day'), ('15 months'), ('1 day 00:00:01')) steps (step)
avg|sum
1 year 8 days 00:00:00.25|4 years 1 mon 2 days 00:00:01
(1 row)

> select interval '2147483647 months' / 1e-5
ERROR:  22008: interval out of range

# Fractions beyond microseconds: of a time the even half, of an interval's unit the half towards zero.
> select time '00:00:00.0000005', time '00:00:00.0000015', time '00:00:00.0000025', timestamp '2024-01-01 00:00:00.0000035', timestamp '2024-01-01 00:00:00.0000045', timestamp '2024-01-01 23:59:59.9999995', timestamp '2024-01-01 00:00:00.00000250001', '2024-01-01 00:00:00.12345650+00'::timestamptz at time zone 'UTC'
time|time|time|timestamp|timestamp|timestamp|timestamp|timezone
00:00:00|00:00:00.000002|00:00:00.000002|2024-01-01 00:00:00.000004|2024-01-01 00:00:00.000004|2024-01-02 00:00:00|2024-01-01 00:00:00.000003|2024-01-01 00:00:00.123456
(1 row)

> select interval '1.0000015 s', interval '0:00:01.0000015', interval '0:00:00.0000025', interval '1.5 us', interval '2.5 us', interval '0.5 us', interval '0.0015 ms', interval '-1.0000015', interval '1.00000151', interval 'PT0.0000025S', interval '0.0000251 days'
interval|interval|interval|interval|interval|interval|interval|interval|interval|interval|interval
00:00:01.000001|00:00:01.000002|00:00:00.000002|00:00:00.000001|00:00:00.000002|00:00:00|00:00:00.000001|-00:00:01.000001|00:00:01.000002|00:00:00.000002|00:00:02.16864
(1 row)

# An abbreviation is an offset whatever the season, the number of a zone counts west, of make_timestamptz east.
> select timestamptz '2024-07-01 12:00+00' at time zone 'CET', timestamptz '2024-07-01 12:00+00' at time zone 'est', timestamptz '2024-07-01 12:00+00' at time zone 'MSK', timestamptz '2024-07-01 12:00+00' at time zone 'EST5EDT', timestamp '2024-07-01 12:00' at time zone 'PST' at time zone 'UTC'
timezone|timezone|timezone|timezone|timezone
2024-07-01 13:00:00|2024-07-01 07:00:00|2024-07-01 15:00:00|2024-07-01 08:00:00|2024-07-01 20:00:00
(1 row)

> select timestamptz '2024-07-01 12:00+00' at time zone '+05', timestamptz '2024-07-01 12:00+00' at time zone '-05:30', timestamptz '2024-07-01 12:00+00' at time zone 'UTC+5', timestamptz '2024-07-01 12:00+00' at time zone '<+05>-5', timestamptz '2024-07-01 12:00+00' at time zone '5', timestamptz '2024-07-01 12:00+00' at time zone '+24'
timezone|timezone|timezone|timezone|timezone|timezone
2024-07-01 07:00:00|2024-07-01 17:30:00|2024-07-01 07:00:00|2024-07-01 17:00:00|2024-07-01 07:00:00|2024-06-30 12:00:00
(1 row)

> select timestamptz '2024-07-01 12:00+00' at time zone '+0530'
ERROR:  22023: time zone "+0530" not recognized

> select timestamptz '2024-07-01 12:00+00' at time zone 'foo'
ERROR:  22023: time zone "foo" not recognized

> select timestamptz '2024-07-01 12:00 CET' at time zone 'UTC', timestamptz '2024-07-01 12:00 nzt' at time zone 'UTC', date_trunc('day', timestamptz '2024-07-01 22:30+00', 'CET') at time zone 'UTC'
timezone|timezone|timezone
2024-07-01 11:00:00|2024-07-01 00:00:00|2024-06-30 23:00:00
(1 row)

> select make_timestamptz(2024, 7, 1, 12, 0, 0, '+05') at time zone 'UTC', make_timestamptz(2024, 7, 1, 12, 0, 0, 'CET') at time zone 'UTC', make_timestamptz(2024, 7, 1, 12, 0, 0, 'UTC+3') at time zone 'UTC'
timezone|timezone|timezone
2024-07-01 07:00:00|2024-07-01 11:00:00|2024-07-01 15:00:00
(1 row)

> select make_timestamptz(2024, 7, 1, 12, 0, 0, '5')
ERROR:  22023: invalid input syntax for type numeric time zone: "5"
HINT:  Numeric time zones must have "-" or "+" as first character.

> select make_timestamptz(2024, 7, 1, 12, 0, 0, '+16')
ERROR:  22023: numeric time zone "+16" out of range

> set time zone 'PST'
ERROR:  22023: invalid value for parameter "TimeZone": "PST"

> set time zone 'CET'
SET

> select timestamptz '2024-07-01 12:00+00', timestamptz '2024-07-01 12:00+00' at time zone 'CET'
timestamptz|timezone
2024-07-01 14:00:00+02|2024-07-01 13:00:00
(1 row)

> set time zone 5
SET

> select timestamptz '2024-07-01 12:00+00'
timestamptz
2024-07-01 17:00:00+05
(1 row)

> reset time zone
RESET

# A date has no hours but where it is cast to a timestamp.
> select date_part('hour', date '2024-01-01'), date_part('microseconds', date '2024-01-01'), date_part('julian', date '2024-01-01'), date_part('epoch', date '2024-01-01'), date_part('hour', date 'infinity'), extract(day from date 'infinity'), extract(year from date '-infinity')
date_part|date_part|date_part|date_part|date_part|extract|extract
0|0|2460311|1704067200|||-Infinity
(1 row)

> select extract(hour from date '2024-01-01')
ERROR:  0A000: unit "hour" not supported for type date

> select extract(hour from date 'infinity')
ERROR:  0A000: unit "hour" not supported for type date

> select extract(timezone from date '2024-01-01')
ERROR:  0A000: unit "timezone" not supported for type date

# Characters escaped as two surrogates.
> select E'\ud83d\ude00', U&'\d83d\de00', U&'\+01F600', E'\U0000d83d\U0000de00', E'\ud83d\U0000de00', U&'\d83d\+00de00'
?column?|?column?|?column?|?column?|?column?|?column?
😀|😀|😀|😀|😀|😀
(1 row)

> select E'\ud83d'
ERROR:  42601: invalid Unicode surrogate pair at or near "'"

> select E'\ud83dx'
ERROR:  42601: invalid Unicode surrogate pair at or near "x"

> select E'\ude00'
ERROR:  42601: invalid Unicode surrogate pair at or near "\ude00"

> select E'\ud83d\u0041'
ERROR:  42601: invalid Unicode surrogate pair at or near "\u0041"

> select E'\ud83d\u12'
ERROR:  22025: invalid Unicode escape
HINT:  Unicode escapes must be \uXXXX or \UXXXXXXXX.

> select E'\U00110000'
ERROR:  42601: invalid Unicode escape value at or near "\U00110000"

> select U&'\d83d'
ERROR:  42601: invalid Unicode surrogate pair

> select U&'ab\d83d cd'
ERROR:  42601: invalid Unicode surrogate pair

> select U&'\de00'
ERROR:  42601: invalid Unicode surrogate pair

> select U&'\d83d\0041'
ERROR:  42601: invalid Unicode surrogate pair

> select U&'\+110000'
ERROR:  42601: invalid Unicode escape value

> select U&'\++12345'
ERROR:  42601: invalid Unicode escape
HINT:  Unicode escapes must be \XXXX or \+XXXXXX.

# Flags and embedded options of regular expressions, and empty matches directly behind others.
> select regexp_match(E'a\nb', 'a.b', 'n'), regexp_match(E'a\nb', 'a[^x]b', 'n'), regexp_match(E'a\nb', 'a[^x]b', 'p'), regexp_match(E'a\nb', '^b', 'p'), regexp_match(E'a\nb', '^b', 'w'), regexp_match(E'a\nb', '^b', 'n'), regexp_match(E'a\nb', '^b', 'ns'), regexp_match(E'a\nb', '^b', 'pn'), regexp_match(E'a\nb', 'a.b', 'nw') is null, regexp_match(E'a\nb', 'a[^x]b', 'w') is null, regexp_match(E'a\nb', 'a\Wb', 'n') is null
regexp_match|regexp_match|regexp_match|regexp_match|regexp_match|regexp_match|regexp_match|regexp_match|?column?|?column?|?column?
||||{b}|{b}||{b}|f|f|f
(1 row)

> select regexp_match('a b', 'a b', 'x'), regexp_match('ab', 'a b', 'x'), regexp_match('ab', E'a # comment\nb', 'x'), regexp_match('a b', 'a[ ]b', 'x'), regexp_match('a b', 'a\ b', 'x'), regexp_match('a b', 'a b', 'xt'), regexp_match('ab', 'a(?# c )b'), regexp_match('aaa', 'a { 2 }', 'x')
regexp_match|regexp_match|regexp_match|regexp_match|regexp_match|regexp_match|regexp_match|regexp_match
|{ab}|{ab}|{"a b"}|{"a b"}|{"a b"}|{ab}|{aa}
(1 row)

> select 'A' ~ '\x41', 'A1' ~ '\x0000411', 'A' ~ '\u0041', 'A' ~ '\U00000041', E'\n' ~ '\012', E'\x01' ~ '\cA', E'\n' ~ '[\x0a]', 'A' ~ '[\u0041]', 'a' ~ '(?i)A', 'a' ~ '***=a', 'aXb' ~ '***=a.b', 'aXb' ~ '***:a.b'
?column?|?column?|?column?|?column?|?column?|?column?|?column?|?column?|?column?|?column?|?column?|?column?
t|f|t|t|t|t|t|t|t|t|f|t
(1 row)

> select 'a' ~ '(?ig)A'
ERROR:  2201B: invalid regular expression: invalid embedded option

> select 'a' ~ '***A'
ERROR:  2201B: invalid regular expression: quantifier operand invalid

> select 'a' ~ 'b(?i)A'
ERROR:  2201B: invalid regular expression: quantifier operand invalid

> select 'A' ~ '\xzz'
ERROR:  2201B: invalid regular expression: invalid escape \ sequence

> select regexp_matches('ab', 'a*', 'g')
regexp_matches
{a}
{""}
{""}
(3 rows)

> select regexp_split_to_table('a,b,', ',')
regexp_split_to_table
a
b
(3 rows)

> select regexp_split_to_array('abc', ''), regexp_split_to_array('abc', 'x*'), regexp_split_to_array('abcb', 'b*'), regexp_split_to_array('', 'x'), regexp_replace('abc', 'x*', '-', 'g'), regexp_replace('ab', 'a*', '-', 'g'), regexp_split_to_array(',a', ',')
regexp_split_to_array|regexp_split_to_array|regexp_split_to_array|regexp_split_to_array|regexp_replace|regexp_replace|regexp_split_to_array
{a,b,c}|{a,b,c}|{a,c,""}|{""}|-a-b-c-|--b-|{"",a}
(1 row)

> select regexp_count('aaa', 'a*'), regexp_count('abc', 'x*', 2), regexp_count('abc', '^b', 2), regexp_count('abc', '', 5), regexp_count('abc', '', 4), regexp_substr('abc', '^b', 2), regexp_substr('abc', 'b', 1, 1, '', 1), regexp_substr('abc', 'b', 1, 1, '', 2), regexp_substr('a1b22', '([a-z])([0-9]+)', 1, 2, '', 2)
regexp_count|regexp_count|regexp_count|regexp_count|regexp_count|regexp_substr|regexp_substr|regexp_substr|regexp_substr
2|3|0|0|1||b||22
(1 row)

> select regexp_like('a', 'a', 'g')
ERROR:  22023: regexp_like() does not support the "global" option

> select regexp_count('a', 'a', 1, 'g')
ERROR:  22023: regexp_count() does not support the "global" option

> select regexp_split_to_array('a', 'a', 'g')
ERROR:  22023: regexp_split_to_array() does not support the "global" option

> select regexp_replace('a', 'a', 'b', '1')
ERROR:  22023: invalid regular expression option: "1"
HINT:  If you meant to use regexp_replace() with a start parameter, cast the fourth argument to integer explicitly.

# Averages of floats beyond the range, and the digits of spreads.
> select avg(x) from (values (1e308::float8), (1e308)) v (x)
ERROR:  22003: value out of range: overflow

> select avg(x) from (values (1e200::float8), (1)) v (x)
ERROR:  22003: value out of range: overflow

> select avg(x) from (values ('infinity'::float8), (1e308)) v (x)
avg
Infinity
(1 row)

> select avg(x), variance(x), stddev(x) from (values (3e38::float4), (3e38)) v (x)
avg|variance|stddev
3.0000000054977558e+38|0|0
(1 row)

> select stddev(x) from (values (1e308::float8), (-1e308)) v (x)
ERROR:  22003: value out of range: overflow

> select variance(x), stddev(x), var_pop(x), stddev_pop(x) from (values (1.5), (2.5), (1000000)) v (x)
variance|stddev|var_pop|stddev_pop
333332000001.58333333|577349.11448930|222221333334.38888889|471403.57798217
(1 row)

> select variance(x), stddev(x), var_pop(x), stddev_pop(x) from (values (0.0001), (0.0002)) v (x)
variance|stddev|var_pop|stddev_pop
0.0000000050000000000000000000|0.0000707106781186547524400844|0.0000000025000000000000000000|0.0000500000000000000000000000
(1 row)

> select variance(x), stddev(x), var_pop(x), stddev_pop(x) from (values (100000000::int8), (200000001)) v (x)
variance|stddev|var_pop|stddev_pop
5000000100000000.5000|70710678.8258|2500000050000000.2500|50000000.5000
(1 row)

> select variance(x), stddev(x), var_pop(x), stddev_pop(x) from (values (1e20), (3)) v (x)
variance|stddev|var_pop|stddev_pop
4999999999999999999700000000000000000005|70710678118654752438|2499999999999999999850000000000000000002|49999999999999999998
(1 row)

> select variance(x), stddev(x), var_pop(x), stddev_pop(x) from (values (5.000000000000000000000000001), (5)) v (x)
variance|stddev|var_pop|stddev_pop
0.000000000000000000000000000000000000000000000000000000500000000000000000|0.000000000000000000000000000707106781186547524400844362104849039284835938|0.000000000000000000000000000000000000000000000000000000250000000000000000|0.000000000000000000000000000500000000000000000000000000000000000000000000
(1 row)

> select variance(x), stddev(x), var_pop(x), stddev_pop(x) from (values (7), (30000), (12345)) v (x)
variance|stddev|var_pop|stddev_pop
227250886.33333333|15074.84282947|151500590.88888889|12308.55762829
(1 row)

# Buckets of decimals are counted in decimals.
> select width_bucket(5.3, 0, 10.6, 10), width_bucket(0.1 + 0.2, 0, 0.3, 3), width_bucket(0.1::numeric, 0, 1, 10), width_bucket(0.3::numeric, 0, 1, 10), width_bucket(0.7::numeric, 0, 1, 10), width_bucket(99999999999999999999.9999::numeric, 0, 100000000000000000000, 1000000), width_bucket(9007199254740993::numeric, 0, 9007199254740994, 10)
width_bucket|width_bucket|width_bucket|width_bucket|width_bucket|width_bucket|width_bucket
6|4|2|4|8|1000001|10
(1 row)

> select width_bucket('inf'::numeric, 0, 1, 2), width_bucket('-inf'::numeric, 0, 1, 2), width_bucket('inf'::numeric, 1, 0, 2), width_bucket(0.5, 1, 0, 2), width_bucket(1.0, 1, 0, 2), width_bucket(0.0, 1, 0, 2), width_bucket(0.3::float8, 0, 1, 10)
width_bucket|width_bucket|width_bucket|width_bucket|width_bucket|width_bucket|width_bucket
3|0|0|2|1|3|4
(1 row)

> select width_bucket(1, 'inf'::numeric, 1, 2)
ERROR:  2201G: lower and upper bounds must be finite

> select width_bucket(0.3::float8, 'inf', 1, 10)
ERROR:  2201G: lower and upper bounds must be finite

> select width_bucket('nan'::numeric, 1, 2, 0)
ERROR:  2201G: count must be greater than zero

> select width_bucket('nan'::numeric, 1, 2, 1)
ERROR:  2201G: operand, lower bound, and upper bound cannot be NaN

> select width_bucket(3.0::numeric, 0, 1, 2147483647)
ERROR:  22003: integer out of range

# Templates of dates and times: quoted text, the modifiers, Roman months, intervals that go back.
> select to_char(t, '"a\"b\\c"YYYY'), to_char(t, 'a\"b\YYYY'), to_char(t, 'YYYY"YYYY'), to_char(t, 'FM-MM'), to_char(t, 'FM"x"MM'), to_char(t, 'FMMS FMFF4'), to_char(t, 'FMDDth DDSP MMTH'), to_char(t, 'FX YYYY'), to_char(t, '[TMMonth][TMDAY][FMRM][RM][rm]'), to_char(t, 'FMTMMonth'), to_char(t, 'fmMM fmDD fmday') from (values (timestamp '2024-03-05 00:04:05.006007'), ('0044-03-15 13:04:05.006007 BC')) v (t)
to_char|to_char|to_char|to_char|to_char|to_char|to_char|to_char|to_char|to_char|to_char
a"b\c2024|a"b\2024|2024YYYY|-03|x03|006 0060|5th 05 03RD| 2024|[March][TUESDAY][III][III ][iii ]|T03onth|3 5 tuesday
a"b\c0044|a"b\0044|0044YYYY|-03|x03|006 0060|15th 15 03RD| 0044|[March][FRIDAY][III][III ][iii ]|T03onth|3 15 friday
(2 rows)

> select to_char(i, 'HH HH24 HH12TH MI SS'), to_char(i, 'MS US FF1 FF4'), to_char(i, 'SSSS AM'), to_char(i, 'Y,YYY YYYY YYY YY Y CC'), to_char(i, 'MM DD DDD WW W Q'), to_char(i, '[RM][FMRM][rm]') from (values (interval '1 year 2 months 3 days 04:05:06.789'), ('-1 year -2 months -3 days -14:05:06.789'), ('-1 year -12:00'), ('24 months'), ('0')) v (i)
to_char|to_char|to_char|to_char|to_char|to_char
04 04 04TH 05 06|789 789000 7 7890|14706 AM|0,001 0001 001 01 1 00|02 03 423 61 1 1|[II  ][II][ii  ]
-02 -14 -02ND -05 -06|-789 -789000 -7 -7890|-50706 AM|0,-01 -0001 -001 -01 -1 00|-02 -3 -423 -59 1 0|[XI  ][XI][xi  ]
012 -12 012TH 00 00|000 000000 0 0000|-43200 AM|0,-01 -0001 -001 -01 -1 00|00 00 -360 -50 1 |[I   ][I][i   ]
12 00 12TH 00 00|000 000000 0 0000|0 AM|0,002 0002 002 02 2 00|00 00 720 103 1 |[XII ][XII][xii ]
12 00 12TH 00 00|000 000000 0 0000|0 AM|0,000 0000 000 00 0 00|00 00 000 01 1 |[][][]
(5 rows)

> select to_char(interval '1 day', 'TMMonth')
ERROR:  22007: invalid format specification for an interval value
HINT:  Intervals are not tied to specific calendar dates.

> select to_char(timestamptz '2024-03-05 00:04:05+00', 'OF FMOF TZH:TZM')
to_char
+00 +0 +00:00
(1 row)

# Dates and times read by templates.
> select to_date('97/02/16', 'YYYY/MM/DD')
to_date
0097-02-16
(1 row)

> select to_date('97/02/16', 'YY/MM/DD')
to_date
1997-02-16
(1 row)

> select to_date('1997 02 16', 'YYYY MM DD')
to_date
1997-02-16
(1 row)

> select to_date('0097/Feb/16', 'YYYY/Mon/DD')
to_date
0097-02-16
(1 row)

> select to_date('97/Feb/16', 'YYY/Mon/DD')
to_date
1997-02-16
(1 row)

> select to_date('19970216', 'YYYYMMDD')
to_date
1997-02-16
(1 row)

> select to_date('1997216', 'YYYYMMDD')
ERROR:  22008: date/time field value out of range: "1997216"

> select to_date('20-NOV-2023', 'DD-MON-YYYY')
to_date
2023-11-20
(1 row)

> select to_date('20 November 2023', 'DD Month YYYY')
to_date
2023-11-20
(1 row)

> select to_date('20 Nov 2023', 'DD Month YYYY')
ERROR:  22007: invalid value "Nov" for "Month"
DETAIL:  The given value did not match any of the allowed values for this field.

> select to_date('2023-11', 'YYYY-MM')
to_date
2023-11-01
(1 row)

> select to_date('5 BC', 'YYYY BC')
to_date
0005-01-01 BC
(1 row)

> select to_date('44-02-01 B.C.', 'YYYY-MM-DD B.C.')
to_date
0044-02-01 BC
(1 row)

> select to_date('2024 366', 'YYYY DDD')
to_date
2024-12-31
(1 row)

> select to_date('2023 366', 'YYYY DDD')
ERROR:  22008: date/time field value out of range: "2023 366"

> select to_date('2024-W05-3', 'IYYY-"W"IW-ID')
to_date
2024-01-31
(1 row)

> select to_date('2024-05', 'IYYY-IW')
to_date
2024-01-29
(1 row)

> select to_date('2024 05', 'YYYY WW')
to_date
2024-01-29
(1 row)

> select to_date('2024 03 2', 'YYYY MM W')
to_date
2024-03-08
(1 row)

> select to_date('21 24', 'CC YY')
to_date
2024-01-01
(1 row)

> select to_date('20 00', 'CC YY')
to_date
2000-01-01
(1 row)

> select to_date('19', 'CC')
to_date
1801-01-01
(1 row)

> select to_date('2460000', 'J')
to_date
2023-02-24
(1 row)

> select to_date('2024-02-30', 'YYYY-MM-DD')
ERROR:  22008: date/time field value out of range: "2024-02-30"

> select to_date('2024-13-01', 'YYYY-MM-DD')
ERROR:  22008: date/time field value out of range: "2024-13-01"

> select to_date('2024/2/3', 'YYYY-MM-DD')
to_date
2024-02-03
(1 row)

> select to_date('  2024 -  2 - 3', 'YYYY-MM-DD')
to_date
2024-02-03
(1 row)

> select to_date('2024x02x03', 'YYYY-MM-DD')
ERROR:  22007: invalid value "x0" for "MM"
DETAIL:  Value must be an integer.

> select to_date('2024a02a03', 'YYYYaMMaDD')
to_date
2024-02-03
(1 row)

> select to_date('2024   02', 'YYYY MM')
to_date
2024-02-01
(1 row)

> select to_date('2024   02', 'FXYYYY MM')
to_date
2024-02-01
(1 row)

> select to_date('1,997 2', 'Y,YYY MM')
to_date
1997-02-01
(1 row)

> select to_date('1,99', 'Y,YYY')
to_date
1099-01-01
(1 row)

> select to_date('x', 'YYYY')
ERROR:  22007: invalid value "x" for "YYYY"
DETAIL:  Value must be an integer.

> select to_date('2024 xx', 'YYYY MM')
ERROR:  22007: invalid value "xx" for "MM"
DETAIL:  Value must be an integer.

> select to_date('Xyz', 'Mon')
ERROR:  22007: invalid value "Xyz" for "Mon"
DETAIL:  The given value did not match any of the allowed values for this field.

> select to_date('XII 2024', 'RM YYYY')
to_date
2024-12-01
(1 row)

> select to_date('iv 2024', 'rm YYYY')
to_date
2024-04-01
(1 row)

> select to_date('2024 IV', 'YYYY RM')
to_date
2024-04-01
(1 row)

> select to_date('Monday 5 February 2024', 'Day DD Month YYYY')
to_date
2024-02-05
(1 row)

> select to_date('12th 2024', 'DDth YYYY')
to_date
2024-01-12
(1 row)

> select to_date('2024-1-1', 'YYYY-IW-ID')
ERROR:  22007: invalid combination of date conventions
HINT:  Do not mix Gregorian and ISO week date conventions in a formatting template.

> select to_date('2024 99999999999', 'YYYY MM')
ERROR:  22008: value for "MM" in source string is out of range
DETAIL:  Value must be in the range -2147483648 to 2147483647.

> select to_date('1', 'Q')
to_date
0001-01-01 BC
(1 row)

> select to_date('2024 Q3', 'YYYY "Q"Q')
to_date
2024-01-01
(1 row)

> select to_date('2024-03-04 25:00', 'YYYY-MM-DD HH24:MI')
ERROR:  22008: date/time field value out of range: "2024-03-04 25:00"

> select to_date('12345678', 'YYYYMMDD')
ERROR:  22008: date/time field value out of range: "12345678"

> select to_date('202', 'YYYYMM')
ERROR:  22007: source string too short for "YYYY" formatting field
DETAIL:  Field requires 4 characters, but only 3 remain.
HINT:  If your source string is not fixed-width, try using the "FM" modifier.

> select to_date('2024', 'YY')
to_date
2024-01-01
(1 row)

> select to_date('124', 'YYY')
to_date
2124-01-01
(1 row)

> select to_date('924', 'YYY')
to_date
1924-01-01
(1 row)

> select to_date('5', 'Y')
to_date
2005-01-01
(1 row)

> select to_date('2024 2 2024', 'YYYY MM YYYY')
to_date
2024-02-01
(1 row)

> select to_date('2024 2 2025', 'YYYY MM YYYY')
ERROR:  22007: conflicting values for "YYYY" field in formatting string
DETAIL:  This value contradicts a previous setting for the same field type.

> select to_date('04 2024', 'TMMM YYYY')
to_date
2024-04-01
(1 row)

> select to_date('2024é02', 'YYYY"é"MM')
to_date
2024-02-01
(1 row)

> select to_date('2024-02-03 rest', 'YYYY-MM-DD')
to_date
2024-02-03
(1 row)

> select to_date('20240203', 'FMYYYYMMDD')
ERROR:  22008: date out of range: "20240203"

> select to_date('-44-02-01', 'YYYY-MM-DD')
to_date
0044-02-01 BC
(1 row)

> select to_date('044-02-01', 'YYYY-MM-DD')
to_date
0044-02-01
(1 row)

> select to_date('|', 'YYYY')
ERROR:  22007: invalid value "|" for "YYYY"
DETAIL:  Value must be an integer.

> select to_date('0', 'YYYY')
to_date
0001-01-01 BC
(1 row)

> select to_date('2024.05.06', 'YYYY.MM.DD')
to_date
2024-05-06
(1 row)

> select to_date('Mar 2024 5', 'Mon YYYY DD')
to_date
2024-03-05
(1 row)

> select to_date('tz 2024', 'TZ YYYY')
ERROR:  0A000: formatting field "TZ" is only supported in to_char

> select to_timestamp('2024-03-04 13:14:15.678', 'YYYY-MM-DD HH24:MI:SS.MS') at time zone 'UTC'
timezone
2024-03-04 13:14:15.678
(1 row)

> select to_timestamp('2024-03-04 13:14:15.6', 'YYYY-MM-DD HH24:MI:SS.MS') at time zone 'UTC'
timezone
2024-03-04 13:14:15.6
(1 row)

> select to_timestamp('2024-03-04 13:14:15.6789', 'YYYY-MM-DD HH24:MI:SS.US') at time zone 'UTC'
timezone
2024-03-04 13:14:15.6789
(1 row)

> select to_timestamp('2024-03-04 13:14:15.678912', 'YYYY-MM-DD HH24:MI:SS.FF3') at time zone 'UTC'
timezone
2024-03-04 13:14:15.679
(1 row)

> select to_timestamp('2024-03-04 13:14:15.67', 'YYYY-MM-DD HH24:MI:SS.FF3') at time zone 'UTC'
timezone
2024-03-04 13:14:15.67
(1 row)

> select to_timestamp('2024-03-04 01:14 pm', 'YYYY-MM-DD HH:MI AM') at time zone 'UTC'
timezone
2024-03-04 13:14:00
(1 row)

> select to_timestamp('2024-03-04 01:14 P.M.', 'YYYY-MM-DD HH:MI a.m.') at time zone 'UTC'
timezone
2024-03-04 13:14:00
(1 row)

> select to_timestamp('2024-03-04 12:14 am', 'YYYY-MM-DD HH12:MI PM') at time zone 'UTC'
timezone
2024-03-04 00:14:00
(1 row)

> select to_timestamp('2024-03-04 13:14 pm', 'YYYY-MM-DD HH12:MI PM') at time zone 'UTC'
ERROR:  22007: hour "13" is invalid for the 12-hour clock
HINT:  Use the 24-hour clock, or give an hour between 1 and 12.

> select to_timestamp('2024-03-04 00:14', 'YYYY-MM-DD HH12:MI') at time zone 'UTC'
ERROR:  22007: hour "0" is invalid for the 12-hour clock
HINT:  Use the 24-hour clock, or give an hour between 1 and 12.

> select to_timestamp('2024-03-04 4000', 'YYYY-MM-DD SSSS') at time zone 'UTC'
timezone
2024-03-04 01:06:40
(1 row)

> select to_timestamp('2024-03-04 13:14 +05', 'YYYY-MM-DD HH24:MI TZH') at time zone 'UTC'
timezone
2024-03-04 08:14:00
(1 row)

> select to_timestamp('2024-03-04 13:14 -05:30', 'YYYY-MM-DD HH24:MI TZH:TZM') at time zone 'UTC'
timezone
2024-03-04 18:44:00
(1 row)

> select to_timestamp('2024-03-04 13:14-05', 'YYYY-MM-DD HH24:MI-TZH') at time zone 'UTC'
timezone
2024-03-04 08:14:00
(1 row)

> select to_timestamp('2024-03-04 13:14 05', 'YYYY-MM-DD HH24:MI TZH') at time zone 'UTC'
timezone
2024-03-04 08:14:00
(1 row)

> select to_timestamp('2024-03-04 13:14 +16', 'YYYY-MM-DD HH24:MI TZH') at time zone 'UTC'
ERROR:  22009: time zone displacement out of range: "2024-03-04 13:14 +16"

> select to_timestamp('2024-03-04 13:14 xx', 'YYYY-MM-DD HH24:MI PM') at time zone 'UTC'
ERROR:  22007: invalid value "xx" for "PM"
DETAIL:  The given value did not match any of the allowed values for this field.

> select to_timestamp('20240304131415', 'YYYYMMDDHH24MISS') at time zone 'UTC'
timezone
2024-03-04 13:14:15
(1 row)

> select to_timestamp('1 .0000005', 'SS .US') at time zone 'UTC'
timezone
0001-01-01 00:00:01.000005 BC
(1 row)

> select to_timestamp('2024-03-04 24:00', 'YYYY-MM-DD HH24:MI') at time zone 'UTC'
ERROR:  22008: date/time field value out of range: "2024-03-04 24:00"

> select to_timestamp('2024-03-04 13:60', 'YYYY-MM-DD HH24:MI') at time zone 'UTC'
ERROR:  22008: date/time field value out of range: "2024-03-04 13:60"

> select to_timestamp('2024-03-04T13:14:15Z', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') at time zone 'UTC'
timezone
2024-03-04 13:14:15
(1 row)

> select to_timestamp('4 Mar 2024', 'DD Mon YYYY') at time zone 'UTC'
timezone
2024-03-04 00:00:00
(1 row)

> select to_timestamp('5:6', 'HH24:MI') at time zone 'UTC'
timezone
0001-01-01 05:06:00 BC
(1 row)

> select to_timestamp('20000 12', 'SSSSS DD') at time zone 'UTC'
timezone
0001-01-12 05:33:20 BC
(1 row)

# Templates of numbers: quoted text, signs, brackets, trimmed digits, and floats no further than their precision.
> select to_char(n, '[99]'), to_char(n, '[9.9]'), to_char(n, '[FM99.99]'), to_char(n, '[FM90.99]'), to_char(n, '[9,999]'), to_char(n, '[999MI]'), to_char(n, '[999S]'), to_char(n, '[S999]'), to_char(n, '[FM999PR]'), to_char(n, '[999PR]'), to_char(n, '[999th]'), to_char(n, '[PL999]'), to_char(n, '[9SG99]'), to_char(n, '[99V9]'), to_char(n, '[09999]') from (values (485), (-485), (0), (0.1), (-0.1), (12), (1234.5), (-7), (99999)) v (n)
to_char|to_char|to_char|to_char|to_char|to_char|to_char|to_char|to_char|to_char|to_char|to_char|to_char|to_char|to_char
[ ##]|[ #.#]|[##.##]|[##.##]|[   485]|[485 ]|[485+]|[+485]|[485]|[ 485 ]|[ 485th]|[+ 485]|[4+85]|[ ###]|[ 00485]
[-##]|[-#.#]|[-##.##]|[-##.##]|[  -485]|[485-]|[485-]|[-485]|[<485>]|[<485>]|[-485]|[ -485]|[4-85]|[-###]|[-00485]
[  0]|[  .0]|[0.]|[0.]|[     0]|[  0 ]|[  0+]|[  +0]|[0]|[   0 ]|[   0th]|[+   0]|[ + 0]|[   0]|[ 00000]
[  0]|[  .1]|[.1]|[0.1]|[     0]|[  0 ]|[  0+]|[  +0]|[0]|[   0 ]|[   0th]|[+   0]|[ + 0]|[   1]|[ 00000]
[  0]|[ -.1]|[-.1]|[-0.1]|[     0]|[  0 ]|[  0+]|[  +0]|[0]|[   0 ]|[   0th]|[+   0]|[ + 0]|[  -1]|[ 00000]
[ 12]|[ #.#]|[12.]|[12.]|[    12]|[ 12 ]|[ 12+]|[ +12]|[12]|[  12 ]|[  12th]|[+  12]|[ +12]|[ 120]|[ 00012]
[ ##]|[ #.#]|[##.##]|[##.##]|[ 1,235]|[### ]|[###+]|[+###]|[###]|[ ### ]|[ ###]|[+ ###]|[#+##]|[ ###]|[ 01235]
[ -7]|[-7.0]|[-7.]|[-7.]|[    -7]|[  7-]|[  7-]|[  -7]|[<7>]|[  <7>]|[  -7]|[   -7]|[ - 7]|[ -70]|[-00007]
[ ##]|[ #.#]|[##.##]|[##.##]|[ #,###]|[### ]|[###+]|[+###]|[###]|[ ### ]|[ ###]|[+ ###]|[#+##]|[ ###]|[ 99999]
(9 rows)

> select to_char(n, '"x9"99D"9"9'), to_char(n, 'FM9"cm"'), to_char(n, '9\"9'), to_char(n, 'FM999.999PR'), to_char(n, '9.99S'), to_char(n, 'FM0.999'), to_char(n, 'FM99.9090'), to_char(n, '.99'), to_char(n, '9.'), to_char(n, 'L99G999'), to_char(n, '') from (values (5), (-5.5), (0.25), (12345)) v (n)
to_char|to_char|to_char|to_char|to_char|to_char|to_char|to_char|to_char|to_char|to_char
x9  5.90|5cm| " 5|5.|5.00+|5.|5.0000| .##| 5|       5|
x9 -5.95|-6cm| "-6|<5.5>|5.50-|-5.5|-5.5000|-.##|-6|      -6|
x9   .93|0cm| " 0|.25| .25+|0.25|.2500| .##| 0|       0|
x9 ##.9#|#cm| #"#|###.###|#.##+|#.###|##.####| .##| #.|  12,345|
(4 rows)

> select to_char('nan'::numeric, '9999.9'), to_char('inf'::float8, '9999999999'), to_char('-inf'::numeric, '9999999999.99'), to_char('inf'::numeric, '99'), to_char(12345678901234567.5::float8, '99999999999999999.99'), to_char(1234567.1234567891::float8, '9999999.99999999999'), to_char(0.1::float4, '9.99999999'), to_char(-0.4::float8, '9'), to_char(5::int8, '9.99')
to_char|to_char|to_char|to_char|to_char|to_char|to_char|to_char|to_char
  NaN|   Infinity|  -Infinity| ##| 12345678901234568| 1234567.12345679|  .10000|-0| 5.00
(1 row)

> select to_char(1, '9.9.9')
ERROR:  42601: multiple decimal points

> select to_char(1, '9SMI')
ERROR:  42601: cannot use "S" and "MI" together

> select to_char(1, 'PR9')
ERROR:  42601: "9" must be ahead of "PR"

> select to_char(1, 'FM9EEEE')
ERROR:  42601: "EEEE" is incompatible with other formats
DETAIL:  "EEEE" may only be used together with digit and decimal point patterns.

> select to_number('12,454.8-', '99G999D9S'), to_number('$1,234.56', 'L9,999.99'), to_number('123', '99'), to_number('12.3', '99.999'), to_number('12.345', '99.99'), to_number('-34,338,492', '99G999G999'), to_number('<564646.654564>', '999999.999999PR'), to_number('0.00001-', '9.999999S'), to_number('5.01-', 'FM9.999999MI'), to_number('.0', '99999999.99999999'), to_number(' 4 4 4', '9 9 9'), to_number('-01', 'S99'), to_number('.-01', 'S99.99')
to_number|to_number|to_number|to_number|to_number|to_number|to_number|to_number|to_number|to_number|to_number|to_number|to_number
-12454.8|1234.56|12|12.3|12.34|-34338492|-564646.654564|-0.00001|-5.01|0.0|444|-1|-0.01
(1 row)

> select to_number('12345', '999V99'), to_number('1st', '9th'), to_number('USD12', '"USD"99'), to_number('1,234', '9999'), to_number('1,234', 'FM9,999'), to_number('+5', '9'), to_number('5+', '9SG'), to_number('42nd', '99th'), to_number('123456', '999G999'), to_number('5-', '9.9S')
to_number|to_number|to_number|to_number|to_number|to_number|to_number|to_number|to_number|to_number
123.4500000000000000|1|12|123|123|5|5|42|123456|-5
(1 row)

> select to_number('abc', '999')
ERROR:  22P02: invalid input syntax for type numeric: " "

> select to_number('-', '9')
ERROR:  22P02: invalid input syntax for type numeric: "-"

> select to_number('1e5', '9EEEE')
ERROR:  0A000: "EEEE" not supported for input

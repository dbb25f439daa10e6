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

> select substring('abcdefg' similar 'a#"(b_d)#"%' escape '#'), substring('abcdefg' from 'a#"(b_d)#"%' for '#'), substring('abcdefg' similar '#"(b_d)#"%' escape '#'), substring('abcdefg' similar '%' escape null), substring(null similar '%' escape '#'), substring('abcdefg' similar 'a#"%#"g' escape '#'), substring('abcdefg' similar 'a*#"%#"g*' escape '#'), substring('abcdefg' similar 'a|b#"%#"g' escape '#'), substring('abcdefg' similar 'a#"%#"x|g' escape '#'), substring('abcdefg' similar 'a#"%|ab#"g' escape '#')
substring|substring|substring|substring|substring|substring|substring|substring|substring|substring
bcd|bcd||||bcdef|abcdefg|bcdef|bcdef|bcdef
(1 row)

> select substring('abcdefg' similar 'a#"%g' escape '#'), substring('abcdefg' similar 'a%g' escape '#'), substring('äöüß', 'ä|äö#"%#"_', '#'), substring('aab' similar '#"a*#"%' escape '#'), substring('aab' similar '%#"a*#"%' escape '#'), substring('' similar '#"#"' escape '#'), substring('a.b' similar 'a.#"b' escape '#'), substring('a"b', 'a#"b', '#'), substring('aXbXc', '%X#"%', '#')
substring|substring|substring|substring|substring|substring|substring|substring|substring
bcdefg|abcdefg|öü|aa|aa||b||bXc
(1 row)

> select similar_to_escape('a#"b%#"c', '#'), similar_to_escape('a#"b', '#'), similar_to_escape('a[#"]b', '#'), similar_to_escape('[^]a]_', '#'), similar_to_escape('[]_a]_', '#'), similar_to_escape('[[:alpha:]_]_', '#'), similar_to_escape('[a\]_', '#')
similar_to_escape|similar_to_escape|similar_to_escape|similar_to_escape|similar_to_escape|similar_to_escape|similar_to_escape
^(?:a){1,1}?(b.*){1,1}(?:c)$|^(?:a){1,1}?(b)$|^(?:a[\"]b)$|^(?:[^]a].)$|^(?:[]_a].)$|^(?:[[:alpha:]_].)$|^(?:[a\\].)$
(1 row)

> select 'abc' similar to 'a#"b#"c' escape '#', 'a"b' similar to 'a#"b' escape '#', '_%' similar to '[]_]%', 'b%' similar to '[[:digit:]_]%', 'x' similar to '[^]x]', '%' similar to '[[:alpha:]%]'
?column?|?column?|?column?|?column?|?column?|?column?
t|f|t|f|f|t
(1 row)

> select 'a' ~ '(a'
ERROR:  2201B: invalid regular expression: parentheses () not balanced

> select 'a' ~ 'a)'
ERROR:  2201B: invalid regular expression: parentheses () not balanced

> select 'a' ~ '*a'
ERROR:  2201B: invalid regular expression: quantifier operand invalid

> select 'a' ~ 'a**'
ERROR:  2201B: invalid regular expression: quantifier operand invalid

> select 'a' ~ 'a{1}{2}'
ERROR:  2201B: invalid regular expression: quantifier operand invalid

> select 'a' ~ 'a+??'
ERROR:  2201B: invalid regular expression: quantifier operand invalid

> select 'a' ~ '^*'
ERROR:  2201B: invalid regular expression: quantifier operand invalid

> select 'a' ~ '\m*'
ERROR:  2201B: invalid regular expression: quantifier operand invalid

> select 'a' ~ '(*a)'
ERROR:  2201B: invalid regular expression: quantifier operand invalid

> select 'a' ~ 'a|*b'
ERROR:  2201B: invalid regular expression: quantifier operand invalid

> select 'a' ~ 'a{2,1}'
ERROR:  2201B: invalid regular expression: invalid repetition count(s)

> select 'a' ~ 'a{2'
ERROR:  2201B: invalid regular expression: braces {} not balanced

> select 'a' ~ 'a{2x}'
ERROR:  2201B: invalid regular expression: invalid repetition count(s)

> select 'a' ~ 'a{256}'
ERROR:  2201B: invalid regular expression: invalid repetition count(s)

> select 'a' ~ 'a{1,2,3}'
ERROR:  2201B: invalid regular expression: invalid repetition count(s)

> select 'a' ~ '[b-a]'
ERROR:  2201B: invalid regular expression: invalid character range

> select 'a' ~ '[a-\d]'
ERROR:  2201B: invalid regular expression: invalid character range

> select 'aa' ~ '^a{2}$', 'aa' ~ '^a{1,}?$', 'a{' ~ 'a{', 'a}' ~ 'a}', 'a{,2}' ~ 'a{,2}', 'aa' ~ '(?x)^a { 2 } $', 'aaa' ~ '^(?:a)*?$', 'b' ~ '()*b', 'aa' ~ '^\x61{2}$', 'ab' ~ '[[:<:]]ab[[:>:]]', 'aa' ~ '^a{0,255}$'
?column?|?column?|?column?|?column?|?column?|?column?|?column?|?column?|?column?|?column?|?column?
t|t|t|t|t|t|t|t|t|t|t
(1 row)

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

> select (date '2001-02-16', date '2001-12-21') overlaps (date '2001-10-30', date '2002-10-30'), (date '2001-02-16', interval '100 days') overlaps (date '2001-10-30', date '2002-10-30')
overlaps|overlaps
t|f
(1 row)

> select (date '2001-10-29', date '2001-10-30') overlaps (date '2001-10-30', date '2001-10-31'), (date '2001-10-30', date '2001-10-30') overlaps (date '2001-10-30', date '2001-10-31')
overlaps|overlaps
f|t
(1 row)

> select (timestamp '2001-10-31', timestamp '2001-10-30') overlaps (timestamp '2001-10-30', null), (timestamp '2001-10-31', null) overlaps (timestamp '2001-10-31', null), (null::timestamp, null) overlaps (timestamp '2001-10-31', timestamp '2001-11-30')
overlaps|overlaps|overlaps
||
(1 row)

> select (null::timestamp, timestamp '2001-11-01') overlaps (timestamp '2001-10-31', timestamp '2001-11-30'), (null, timestamp '2001-12-01') overlaps (timestamp '2001-10-31', timestamp '2001-11-30')
overlaps|overlaps
t|
(1 row)

> select (timestamptz '2001-11-01', interval '1 mon') overlaps (timestamptz '2001-11-30', interval '-1 day'), (time '10:00', interval '2h') overlaps (time '11:00', time '12:00'), (time '23:00', interval '2 hours') overlaps (time '00:30', time '00:40'), (time '23:00', time '23:30') overlaps (time '23:10', interval '1 min')
overlaps|overlaps|overlaps|overlaps
t|t|f|t
(1 row)

> select ('2001-02-16', '2001-12-21') overlaps (date '2001-10-30', date '2002-10-30'), (date '2001-02-16', null::interval) overlaps (date '2001-10-30', date '2002-10-30')
overlaps|overlaps
t|
(1 row)

> select make_interval(days => 10), make_interval(secs := 1.5, hours => 2), make_interval(1, mins => 3), make_interval(), make_interval(1, 2), make_interval(days => '3')
make_interval|make_interval|make_interval|make_interval|make_interval|make_interval
10 days|02:00:01.5|1 year 00:03:00|00:00:00|1 year 2 mons|3 days
(1 row)

> select jsonb_set(jsonb_in => '{"a":1}', path => '{b}', replacement => '2', create_if_missing => false), jsonb_insert('[1]', '{0}', '2', insert_after => true), jsonb_set('{"a":1}', '{b}', replacement => '2')
jsonb_set|jsonb_insert|jsonb_set
{"a": 1}|[1, 2]|{"a": 1, "b": 2}
(1 row)

> select make_date(month => 3, day => 4, year => 2020), make_timestamptz(2020, 1, 2, 3, 4, sec => 5.5, timezone => 'UTC') = make_timestamptz(2020, 1, 2, 3, 4, sec => 5.5)
make_date|?column?
2020-03-04|t
(1 row)

> select make_interval(days => 10, days => 11)
ERROR:  42601: argument name "days" used more than once

> select make_interval(foo => 10)
ERROR:  42883: function make_interval(foo => integer) does not exist
HINT:  No function matches the given name and argument types. You might need to add explicit type casts.

> select make_interval(1, years => 10)
ERROR:  42883: function make_interval(integer, years => integer) does not exist
HINT:  No function matches the given name and argument types. You might need to add explicit type casts.

> select make_interval(days => 10, 11)
ERROR:  42601: positional argument cannot follow named argument

> select make_interval(1, 2, 3, 4, 5, 6, 7, 8)
ERROR:  42883: function make_interval(integer, integer, integer, integer, integer, integer, integer, integer) does not exist
HINT:  No function matches the given name and argument types. You might need to add explicit type casts.

> select make_date(month => 3, day => 4)
ERROR:  42883: function make_date(month => integer, day => integer) does not exist
HINT:  No function matches the given name and argument types. You might need to add explicit type casts.

> select make_interval(days => 'x'::text)
ERROR:  42883: function make_interval(days => text) does not exist
HINT:  No function matches the given name and argument types. You might need to add explicit type casts.

> select make_interval('x'::text)
ERROR:  42883: function make_interval(text) does not exist
HINT:  No function matches the given name and argument types. You might need to add explicit type casts.

> select lower(x => 'A')
ERROR:  42883: function lower(x => unknown) does not exist
HINT:  No function matches the given name and argument types. You might need to add explicit type casts.

> select count(x => 1)
ERROR:  42883: function count(x => integer) does not exist
HINT:  No function matches the given name and argument types. You might need to add explicit type casts.

> select interval '1 2' day to hour, interval '1 2 hours', interval '1 2:03:04', interval '1-2 3'
interval|interval|interval|interval
1 day 02:00:00|1 day 02:00:00|1 day 02:03:04|1 year 2 mons 00:00:03
(1 row)

> select interval '123 11' day to hour, interval '1 day 2 hours 3 minutes 4 seconds 5 ms 6 us', interval '1 week 1 day', interval '1 year 2 decades'
interval|interval|interval|interval
123 days 11:00:00|1 day 02:03:04.005006|8 days|21 years
(1 row)

> select interval '1 day 1 day'
ERROR:  22007: invalid input syntax for type interval: "1 day 1 day"

> select interval '123 11'
ERROR:  22007: invalid input syntax for type interval: "123 11"

> select interval '1 2' day to minute
ERROR:  22007: invalid input syntax for type interval: "1 2"

> select interval '5.5 seconds 3 milliseconds'
ERROR:  22007: invalid input syntax for type interval: "5.5 seconds 3 milliseconds"

> select interval '1:20:05 5 microseconds'
ERROR:  22007: invalid input syntax for type interval: "1:20:05 5 microseconds"

> select interval '123 2:03 -2:04'
ERROR:  22007: invalid input syntax for type interval: "123 2:03 -2:04"

> select interval '1-2 3 months'
ERROR:  22007: invalid input syntax for type interval: "1-2 3 months"

> select sha224('a'), sha256(''), sha384('a'), sha512('a'), encode(sha256('abc'::bytea), 'hex'), sha256(null)
sha224|sha256|sha384|sha512|encode|sha256
\xabd37534c7d9a2efb9465de931cd7055ffdb8879563ae98078d6d6d5|\xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855|\x54a59b9f22b0b80880d8427e548b7c23abd873486e1f035dce9cd697e85175033caa88e6d57bc35efae0b5afd3145f31|\x1f40fc92da241694750979ee6cf582f2d5d7d28e18335de05abc54d0560e0f5302860c652bf08d560252aa5e74210546f369fbbbce8c12cfc7957b2652fe9a75|ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad|
(1 row)

> select get_bit('\x1234567890'::bytea, 39), get_bit('\x1234567890'::bytea, 4), get_bit('\x1234567890'::bytea, 12), bit_count('\x1234567890'::bytea)
get_bit|get_bit|get_bit|bit_count
1|1|1|15
(1 row)

> select get_bit('\x1234567890'::bytea, 40)
ERROR:  2202E: index 40 out of valid range, 0..39

> select set_bit('\x1234567890'::bytea, 39, 1), set_bit('\x1234567890'::bytea, 3, 1), set_bit('\x1234567890'::bytea, 4, 0)
set_bit|set_bit|set_bit
\x1234567890|\x1a34567890|\x0234567890
(1 row)

> select set_bit('\x1234567890'::bytea, 3, 2)
ERROR:  22023: new bit must be 0 or 1

> select set_bit(''::bytea, 0, 1)
ERROR:  2202E: index 0 out of valid range, 0..-1

> select btrim('\x00010200'::bytea, '\x00'), ltrim('\x00010200'::bytea, '\x0001'), rtrim('\x00010200'::bytea, '\x00'), trim(both '\x00' from '\x0000'::bytea), btrim('\x01'::bytea, '')
btrim|ltrim|rtrim|btrim|btrim
\x0102|\x0200|\x000102|\x|\x01
(1 row)

> select overlay('\x0102030405'::bytea placing '\x0a0b'::bytea from 2), overlay('\x0102030405'::bytea placing '\x0a0b'::bytea from 2 for 0), overlay('\x0102'::bytea placing '\x0a'::bytea from 7 for 3), overlay('\x0102'::bytea placing '\x0a'::bytea from 2 for -5)
overlay|overlay|overlay|overlay
\x010a0b0405|\x010a0b02030405|\x01020a|\x010a0102
(1 row)

> select overlay('\x0102'::bytea placing '\x0a'::bytea from 0)
ERROR:  22011: negative substring length not allowed

> select overlay('\x0102'::bytea placing '\x0a'::bytea from 2 for 2147483647)
ERROR:  22003: integer out of range

> select overlay('ab' placing 'x' from 2 for 2147483647)
ERROR:  22003: integer out of range

> select overlay('abc' placing 'x' from 2 for -5), overlay('abc' placing 'x' from 2 for 1)
overlay|overlay
axabc|axc
(1 row)

> select array_agg(ar), array_agg(ar) filter (where false) from (values ('{1,2}'::int[]), ('{3,4}'::int[])) v(ar)
array_agg|array_agg
{{1,2},{3,4}}|
(1 row)

> select array_agg(ar) from (values ('{1,2}'::int[]), (null)) v(ar)
ERROR:  22004: cannot accumulate null arrays

> select array_agg(ar) from (values ('{1,2}'::int[]), ('{3}')) v(ar)
ERROR:  2202E: cannot accumulate arrays of different dimensionality

> select array_agg(ar) from (values ('{}'::int[]), ('{}')) v(ar)
ERROR:  2202E: cannot accumulate empty arrays

> select array_agg(ar) from (values ('{1,2}'::int[]), ('{}')) v(ar)
ERROR:  2202E: cannot accumulate arrays of different dimensionality

> select array_agg(ar) from (values ('[0:1]={1,2}'::int[]), ('{3,4}')) v(ar)
ERROR:  2202E: cannot accumulate arrays of different dimensionality

> select array_agg('{{{{{{1}}}}}}'::int[])
ERROR:  54000: number of array dimensions (7) exceeds the maximum allowed (6)

> select array_agg('a')
ERROR:  42725: function array_agg(unknown) is not unique
HINT:  Could not choose a best candidate function. You might need to add explicit type casts.

> select array_agg(distinct ar order by ar desc) from (select array[i / 2] from generate_series(1,10) a(i)) b(ar)
array_agg
{{5},{4},{3},{2},{1},{0}}
(1 row)

> select array_agg(i) over (order by i), array_agg(array[i]) over (order by i) from generate_series(1,2) i
array_agg|array_agg
{1}|{{1}}
{1,2}|{{1},{2}}
(2 rows)

> select array(select array[i,i/2] from generate_series(1,3) i), array(select array[1] where false), pg_typeof(array(select array['a']))
array|array|pg_typeof
{{1,0},{2,1},{3,1}}|{}|text[]
(1 row)

> select array(select array[1,2] union all select array[3])
ERROR:  2202E: cannot accumulate arrays of different dimensionality

> select array(select null::int[])
ERROR:  22004: cannot accumulate null arrays

> select i, array(select array[j, i] from generate_series(1, i) j) from generate_series(0, 2) i
i|array
0|{}
1|{{1,1}}
2|{{1,2},{2,2}}
(3 rows)

> select format('>>%*1$s<<', 10, 'Hello'), format('>>%2$*1$s<<', -10, 'Hello'), format('%*s|%s', 3, 'a', 'b')
format|format|format
>>     Hello<<|>>Hello     <<|  a|b
(1 row)

> select pg_size_pretty(size), pg_size_pretty(-size) from (values (0::bigint), (10239), (10240), (1000000), (10485247), (10485248), (1099511627776), (10994579406847), (10994579406848), (11258449312612351), (11258449312612352), (9223372036854775807)) x (size)
pg_size_pretty|pg_size_pretty
0 bytes|0 bytes
10239 bytes|-10239 bytes
10 kB|-10 kB
977 kB|-977 kB
10239 kB|-10239 kB
10 MB|-10 MB
1024 GB|-1024 GB
10239 GB|-10239 GB
10 TB|-10 TB
10239 TB|-10239 TB
10 PB|-10 PB
8192 PB|-8192 PB
(12 rows)

> select pg_size_pretty(size), pg_size_pretty(-size) from (values (10.5), (1000000.5), (10239.5), (10240.5), (10485247.9), (99999999999999999999999), ('NaN'), ('inf')) x (size)
pg_size_pretty|pg_size_pretty
10.5 bytes|-10.5 bytes
977 kB|-977 kB
10239.5 bytes|-10239.5 bytes
10 kB|-10 kB
10239 kB|-10239 kB
88817842 PB|-88817842 PB
NaN PB|NaN PB
Infinity PB|-Infinity PB
(8 rows)

> select pg_size_pretty(sum(x)) from (values (700000::bigint), (800000)) v (x)
pg_size_pretty
1465 kB
(1 row)

> select size, pg_size_bytes(size) from (values ('1'), ('123bytes'), ('1kB'), (' 1 GB'), ('1.5 GB '), ('3000 TB'), ('1e6 MB'), ('99 PB'), ('-1tb'), ('-.1 KB'), ('.5'), ('1.e2'), ('1E+3')) x (size)
size|pg_size_bytes
1|1
123bytes|123
1kB|1024
 1 GB|1073741824
1.5 GB |1610612736
3000 TB|3298534883328000
1e6 MB|1048576000000
99 PB|111464090777419776
-1tb|-1099511627776
-.1 KB|-102
.5|1
1.e2|100
1E+3|1000
(13 rows)

> select pg_size_bytes('1 AB A    ')
ERROR:  22023: invalid size: "1 AB A    "
DETAIL:  Invalid size unit: "AB A".
HINT:  Valid units are "bytes", "kB", "MB", "GB", "TB", and "PB".

> select pg_size_bytes('9223372036854775807.9')
ERROR:  22003: bigint out of range

> select pg_size_bytes('')
ERROR:  22023: invalid size: ""

> select pg_size_bytes('-.kb')
ERROR:  22023: invalid size: "-.kb"

> select pg_size_bytes('+912+ kB')
ERROR:  22023: invalid size: "+912+ kB"
DETAIL:  Invalid size unit: "+ kB".
HINT:  Valid units are "bytes", "kB", "MB", "GB", "TB", and "PB".

> select pg_size_bytes('1e')
ERROR:  22023: invalid size: "1e"
DETAIL:  Invalid size unit: "e".
HINT:  Valid units are "bytes", "kB", "MB", "GB", "TB", and "PB".

> select timestamp '20011227T040506.789', timestamp '20011227 040506.789', timestamptz '20011227T040506.789Z' = timestamptz '2001-12-27 04:05:06.789+00', timestamptz '20011227 040506.5-08' = timestamptz '2001-12-27 04:05:06.5-08'
timestamp|timestamp|?column?|?column?
2001-12-27 04:05:06.789|2001-12-27 04:05:06.789|t|t
(1 row)

> select date_bin('1 month', timestamp '2020-01-01', timestamp '2001-01-01')
ERROR:  0A000: timestamps cannot be binned into intervals containing months or years

> select date_bin('0 days', timestamp '2020-01-01', timestamp '2001-01-01')
ERROR:  22008: stride must be greater than zero

> select regexp_instr('abcdefghi', 'd.f'), regexp_instr('abcdefghi', 'd.q'), regexp_instr('abcabcabc', 'a.c', 1), regexp_instr('abcabcabc', 'a.c', 2), regexp_instr('abcabcabc', 'a.c', 1, 3), regexp_instr('abcabcabc', 'a.c', 1, 4), regexp_instr('abcabcabc', 'A.C', 1, 2, 0, 'i'), regexp_instr('1234567890', '(123)(4(56)(78))', 1, 1, 0, 'i', 0), regexp_instr('1234567890', '(123)(4(56)(78))', 1, 1, 0, 'i', 2), regexp_instr('1234567890', '(123)(4(56)(78))', 1, 1, 0, 'i', 5), regexp_instr('1234567890', '(123)(4(56)(78))', 1, 1, 1, 'i', 4), regexp_instr('1234567890', '(123)(4(56)(78))', 1, 1, 1)
regexp_instr|regexp_instr|regexp_instr|regexp_instr|regexp_instr|regexp_instr|regexp_instr|regexp_instr|regexp_instr|regexp_instr|regexp_instr|regexp_instr
4|0|1|4|7|0|4|1|4|0|9|9
(1 row)

> select regexp_instr('foobar', '(x)?b', 1, 1, 0, '', 1), regexp_instr('', '', 1), regexp_instr('äöü', 'ü'), regexp_instr('abc', '', 4), regexp_instr('abc', '', 5)
regexp_instr|regexp_instr|regexp_instr|regexp_instr|regexp_instr
0|1|3|4|0
(1 row)

> select regexp_instr('abcabcabc', 'a.c', 0, 1)
ERROR:  22023: invalid value for parameter "start": 0

> select regexp_instr('abcabcabc', 'a.c', 1, 0)
ERROR:  22023: invalid value for parameter "n": 0

> select regexp_instr('abcabcabc', 'a.c', 1, 1, -1)
ERROR:  22023: invalid value for parameter "endoption": -1

> select regexp_instr('abcabcabc', 'a.c', 1, 1, 2)
ERROR:  22023: invalid value for parameter "endoption": 2

> select regexp_instr('abcabcabc', 'a.c', 1, 1, 0, 'g')
ERROR:  22023: regexp_instr() does not support the "global" option

> select regexp_instr('abcabcabc', 'a.c', 1, 1, 0, '', -1)
ERROR:  22023: invalid value for parameter "subexpr": -1

> select concat(variadic array[1,2,3]), concat_ws(',', variadic array[1,null,3]), concat_ws(',', variadic null::int[]), concat(variadic null::int[]) is null, concat(variadic '{}'::int[]) = ''
concat|concat_ws|concat_ws|?column?|?column?
123|1,3||t|t
(1 row)

> select concat_ws(',', variadic 10)
ERROR:  42804: VARIADIC argument must be an array

> select concat(variadic null)
ERROR:  42804: VARIADIC argument must be an array

> select format('%s, %s', variadic array['Hello','World']), format('%s, %s', variadic array[true, false]), format('%2$s, %1$s', variadic array[1, 2]), format('Hello', variadic null::int[])
format|format|format|format
Hello, World|t, f|2, 1|Hello
(1 row)

> select format('%s', variadic null::int[])
ERROR:  22023: too few arguments for format()

> select json_build_array(variadic array['a',null,'c']), json_build_array(variadic '{{1,4},{2,5},{3,6}}'::int[]), jsonb_build_object(variadic '{a,1,b,2}'::text[]), json_build_array(variadic null::text[]) is null
json_build_array|json_build_array|jsonb_build_object|?column?
["a", null, "c"]|[1, 4, 2, 5, 3, 6]|{"a": "1", "b": "2"}|t
(1 row)

> select json_build_object(variadic array['a'])
ERROR:  22023: argument list must have even number of elements
HINT:  The arguments of json_build_object() must consist of alternating keys and values.

> select json_build_object(variadic array[null, 'a'])
ERROR:  22023: argument 1 cannot be null
HINT:  Object keys should be text.

> select num_nulls(variadic array[1,null,3]), num_nonnulls(variadic '{1,2,NULL,3}'::int[]), num_nulls(variadic null::text[])
num_nulls|num_nonnulls|num_nulls
1|3|
(1 row)

> select concat(variadic a) from (values (array[date '2020-01-01', null])) v(a)
concat
2020-01-01
(1 row)

> select jsonb_extract_path('{"a":{"b":2}}', variadic array['a','b'])
jsonb_extract_path
2
(1 row)

> select concat('a', variadic array['b'])
ERROR:  42883: function concat(unknown, text[]) does not exist
HINT:  No function matches the given name and argument types. You might need to add explicit type casts.

> select jsonb_delete('{"a":1,"b":2,"c":3}', variadic '{a,c}'), json_extract_path_text('{"a":[10,20]}', variadic array['a','1'])
jsonb_delete|json_extract_path_text
{"a": 1, "b": 2, "c": 3}|20
(1 row)

> select lower(variadic array['a'])
ERROR:  42883: function lower(text[]) does not exist
HINT:  No function matches the given name and argument types. You might need to add explicit type casts.

> select jsonb_extract_path('{"a":1}', 'b', variadic array['a'])
ERROR:  42883: function jsonb_extract_path(unknown, unknown, text[]) does not exist
HINT:  No function matches the given name and argument types. You might need to add explicit type casts.

> select power('0'::numeric, '-inf')
ERROR:  2201F: zero raised to a negative power is undefined

> select power('-inf'::numeric, '4.5')
ERROR:  2201F: a negative number raised to a non-integer power yields a complex result

> select power('1.00000000000000000000001'::numeric, 'inf'), power('0.99999999999999999999999999'::numeric, 'inf'), power('-1'::numeric, '-inf'), power('-0.5'::numeric, '-inf'), power('-inf'::numeric, '9007199254740993'), power('inf'::numeric, '0.5'), power('-inf'::numeric, '-3')
power|power|power|power|power|power|power
Infinity|0|1|Infinity|-Infinity|Infinity|0
(1 row)

> select power('-inf'::numeric, '3'), power('-inf'::numeric, '-inf'), power('-2'::numeric, 'inf'), power('0'::numeric, 'inf'), power('-2'::numeric, 'nan'), power('nan'::numeric, '0')
power|power|power|power|power|power
-Infinity|0|Infinity|0|NaN|1
(1 row)

> select array_fill(1, array[2,2], null)
ERROR:  22004: dimension array or low bound array cannot be null

> select array_fill(1, array[[1,2],[3,4]])
ERROR:  2202E: wrong number of array subscripts
DETAIL:  Dimension array must be one dimensional.

> select array_fill(1, array[3,3], array[1,1,1])
ERROR:  2202E: wrong number of array subscripts
DETAIL:  Low bound array has different size than dimensions array.

> select array_fill(1, array[1,1,1,1,1,1,1])
ERROR:  54000: number of array dimensions (7) exceeds the maximum allowed (6)

> select array_fill(1, array[2,2], array[0,1]), array_fill(1, '{}')
array_fill|array_fill
[0:1][1:2]={{1,1},{1,1}}|{}
(1 row)

> select substring('foobar' similar '%#"o_b#"%' escape '#'), substring('foobar' similar '#"o_b#"%' escape '#'), substring('foobar' from '%#"o_b#"%' for '#'), substring('foobar', '%#"o_b#"%', '#')
substring|substring|substring|substring
oob||oob|oob
(1 row)

> select substring('abcdefg' similar 'a#"%#"g' escape '#'), substring('abcdefg' similar 'a*#"%#"g*' escape '#'), substring('abcdefg' similar 'a#"%#"x|g' escape '#'), substring('abcabcabc' similar '%b#"%#"c%' escape '#'), substring('abcabcabc' similar '%#"b%c#"%' escape '#')
substring|substring|substring|substring|substring
bcdef|abcdefg|bcdef|cabcab|bcabcabc
(1 row)

> select substring('abcdefg' similar 'a#"%#"g' escape null), substring('abcdefg' similar null escape '#'), substring(null similar '%' escape '#')
substring|substring|substring
||
(1 row)

> select substring('abcdefg' similar 'a#"%g' escape '#'), substring('abcdefg' similar 'a%g' escape '#'), substring('abcdefg' similar 'a%' escape '')
substring|substring|substring
bcdefg|abcdefg|abcdefg
(1 row)

> select substring('abc.d' similar '%#".#"_' escape '#'), substring('a%c' similar 'a#"#%#"c' escape '#'), substring('abcabc' similar '%#"(ab|a)bc' escape '#'), substring('aaa' similar 'a{1}#"a{1,}#"' escape '#'), substring('aaab' similar 'a{1,2}#"a+#"(b|c)' escape '#')
substring|substring|substring|substring|substring
.|%|abc|aa|aa
(1 row)

> select substring('xay[b' similar '_[a[:alpha:]]#"[^x]_#"b' escape '#'), substring('abcdefg' similar '#"%#"' escape '#'), substring('' similar '#"%#"' escape '#'), substring('abc'::varchar similar 'a#"b#"d'::text escape '#'), substring('a\bc' similar 'a#"\#"bc' escape '#')
substring|substring|substring|substring|substring
y[|abcdefg|||\
(1 row)

> select similar_to_escape('a#"%#"g', '#'), similar_to_escape('a#"%g', '#'), similar_to_escape('(a|b)_.\%', '#'), similar_to_escape('[a\#"]"', '#'), 'abc' similar to 'a#"b#"c' escape '#', 'abc' similar to 'a#"c#"b' escape '#'
similar_to_escape|similar_to_escape|similar_to_escape|similar_to_escape|?column?|?column?
^(?:a){1,1}?(.*){1,1}(?:g)$|^(?:a){1,1}?(.*g)$|^(?:(?:a|b).\.\\.*)$|^(?:[a\\\"]")$|t|f
(1 row)

> select substring(v similar p escape e) from (values ('abcdefg', 'a#"%#"g', '#'), ('abc', 'a%"_%"%', '%')) t(v, p, e)
substring
bcdef
(2 rows)

> select substring(v similar p escape e) from (values ('abcdefg', 'a#"%#"g#"', '#'), ('abc', 'a%', '#')) t(v, p, e)
ERROR:  2200C: SQL regular expression may not contain more than two escape-double-quote separators

> select substring(v similar p escape e) from (values ('abcdefg', 'a%g', '##'), ('abc', 'a%', '#')) t(v, p, e)
ERROR:  22025: invalid escape string
HINT:  Escape string must be empty or one character.

> select 'abc' similar to 'a#"b#"c#"' escape '#'
ERROR:  2200C: SQL regular expression may not contain more than two escape-double-quote separators

> select 'a\\b' ~ '^a\\{2}b$', 'a\b' ~ '^a\\{1}b$', 'a{2}' ~ '^a\{2}$', 'a}' ~ 'a}', 'a{x}' ~ '^a{x}$', 'aa' ~ '(?x)^a{ 1 , 2 }$', 'aaa' ~ '^a{2,}$', 'aa' ~ '^a{,2}$'
?column?|?column?|?column?|?column?|?column?|?column?|?column?|?column?
t|t|t|t|t|t|t|f
(1 row)

> select 'a' ~ 'a{256}'
ERROR:  2201B: invalid regular expression: invalid repetition count(s)

> select 'a' ~ 'a{2,1}'
ERROR:  2201B: invalid regular expression: invalid repetition count(s)

> select 'a' ~ 'a{1,2,3}'
ERROR:  2201B: invalid regular expression: invalid repetition count(s)

> select 'a' ~ 'a{1,'
ERROR:  2201B: invalid regular expression: braces {} not balanced

> select substring('ab' similar 'a}#"b#"' escape '#'), substring('a{x}b' similar 'a{x}#"b#"' escape '#'), substring('axb' similar 'a{1}_}#"b#"' escape '#'), substring('aab' similar 'a{1,}#"a?b#"' escape '#')
substring|substring|substring|substring
|b||ab
(1 row)

> select array_agg(sind(x)), array_agg(cosd(x)), array_agg(tand(x)), array_agg(cotd(x)) from unnest('{-370,-45,-33.3,-0,0,12.34,30,45,60,77.7,90,120,135,150,180,200.5,270,360,1e6,nan}'::float8[]) x
array_agg|array_agg|array_agg|array_agg
{-0.17364817766693036,-0.7071067811865475,-0.5490228179981316,-0,0,0.21371244079399443,0.5,0.7071067811865475,0.8660254037844387,0.9770455744352636,1,0.8660254037844387,0.7071067811865475,0.5,0,-0.3502073812594675,-1,0,-0.984807753012208,NaN}|{0.984807753012208,0.7071067811865475,0.8358073613682703,1,1,0.976896613081381,0.8660254037844387,0.7071067811865475,0.5,0.21303038627497653,0,-0.5,-0.7071067811865475,-0.8660254037844387,-1,-0.9366721892483976,0,1,0.17364817766693036,NaN}|{-0.176326980708465,-1,-0.6568772224012792,0,0,0.21876669233184348,0.5773502691896257,1,1.7320508075688774,4.586414133306351,Infinity,-1.7320508075688774,-1,-0.5773502691896257,0,0.37388467948480475,-Infinity,0,-5.671281819617709,NaN}|{-5.671281819617709,-1,-1.5223545068961317,-Infinity,Infinity,4.571079762375878,1.7320508075688774,1,0.5773502691896257,0.21803526043102847,0,-0.5773502691896257,-1,-1.7320508075688774,-Infinity,2.6746214939268236,0,Infinity,-0.176326980708465,NaN}
(1 row)

> select array_agg(asind(x)), array_agg(acosd(x)), array_agg(atand(x)), array_agg(atan2d(x, 1)) from unnest('{-1,-0.77,-0.5,-0.1,-0,0,0.1,0.5,0.77,1,nan}'::float8[]) x
array_agg|array_agg|array_agg|array_agg
{-90,-50.353888853026284,-30,-5.739170477266786,-0,0,5.739170477266786,30,50.353888853026284,90,NaN}|{180,140.3538888530263,120,95.73917047726678,90,90,84.26082952273322,60,39.646111146973716,0,NaN}|{-45,-37.596271147211986,-26.565051177077986,-5.710593137499643,-0,0,5.710593137499643,26.565051177077986,37.596271147211986,45,NaN}|{-45,-37.596271147211986,-26.565051177077986,-5.710593137499643,-0,0,5.710593137499643,26.565051177077986,37.596271147211986,45,NaN}
(1 row)

> select atand('-inf'), atan2d('inf', '-inf'), atan2d(-1, -1), atan2d('nan', 1)
atand|atan2d|atan2d|atan2d
-90|135|-135|NaN
(1 row)

> select sind('inf')
ERROR:  22003: input is out of range

> select asind(1.1)
ERROR:  22003: input is out of range

> select acosd(-1.1)
ERROR:  22003: input is out of range

> select exp(6000.0)
ERROR:  22003: value overflows numeric format

> select 10.5 ^ 2560.5
ERROR:  22003: value overflows numeric format

> select length(exp(5999.9)::text), length((10.5 ^ 2500.5)::text), exp(-6000.0) = 0
length|length|?column?
2608|2556|t
(1 row)

# A collating element is a character, an equivalence class has one.
> select 'aab' ~ '^[[.a.]b]+$', ']' ~ '[[.].]]', '.' ~ '[[...]]', 'b' ~ '^[[.a.]-[.c.]]$', 'b' ~ '[^[=b=]]', 'a' similar to '[[.a.]b]'
?column?|?column?|?column?|?column?|?column?|?column?
t|t|t|t|f|t
(1 row)

> select 'a' ~ '[[.ab.]]'
ERROR:  2201B: invalid regular expression: invalid collating element

> select 'a' ~ '[[:a]'
ERROR:  2201B: invalid regular expression: brackets [] not balanced

> select chr(-1)
ERROR:  22023: character number must be positive

> select chr(55296)
ERROR:  54000: requested character not valid for encoding: 55296

> select chr(1114112)
ERROR:  54000: requested character too large for encoding: 1114112

> select sinh(1), cosh(1), tanh(1), asinh(1), acosh(2), atanh(0.5), sinh('inf'), cosh('-inf'), tanh('inf'), asinh('-inf'), acosh('inf'), cosh('nan'), sinh(1000), atanh(1)
sinh|cosh|tanh|asinh|acosh|atanh|sinh|cosh|tanh|asinh|acosh|cosh|sinh|atanh
1.1752011936438014|1.5430806348152437|0.7615941559557649|0.881373587019543|1.3169578969248166|0.5493061443340548|Infinity|Infinity|1|-Infinity|Infinity|NaN|Infinity|Infinity
(1 row)

> select asinh(1e-9), asinh(0.3), asinh(-3.3), asinh(1e10), acosh(1.0), acosh(1.5), acosh(3.3), acosh(1e10), atanh(0.3), atanh(-0.7), atanh(1e-9), asinh(7), acosh(7), atanh(0.99)
asinh|asinh|asinh|asinh|acosh|acosh|acosh|acosh|atanh|atanh|atanh|asinh|acosh|atanh
1e-09|0.29567304756342244|-1.9092740140163365|23.7189981105004|0|0.9624236501192069|1.8632793511534487|23.7189981105004|0.30951960420311175|-0.8673005276940531|1e-09|2.644120761058629|2.6339157938496336|2.6466524123622457
(1 row)

> select acosh(0.5)
ERROR:  22003: input is out of range

> select atanh(-2)
ERROR:  22003: input is out of range

> select gcd(330.3, 462), gcd(3.30, 2.2), gcd(-5::numeric, 0.00), gcd('inf'::numeric, 3), lcm('inf'::numeric, 0), lcm(-3.3, 2.20), lcm(0::numeric, 0.00), lcm(12345678901234567890, 98765432109876543210)
gcd|gcd|gcd|gcd|lcm|lcm|lcm|lcm
0.3|1.10|5.00|NaN|NaN|6.60|0.00|1354807012498094801236261410
(1 row)

> select '0/10'::pg_lsn + 16::numeric, '0/20'::pg_lsn - 16.5, 3.2 + '0/1'::pg_lsn
?column?|?column?|?column?
0/20|0/10|0/4
(1 row)

> select '0/1'::pg_lsn - 5::numeric
ERROR:  22023: pg_lsn out of range

> select '0/10'::pg_lsn - 'nan'::numeric
ERROR:  0A000: cannot subtract NaN from pg_lsn

> select '0/10'::pg_lsn + 'inf'::numeric
ERROR:  0A000: cannot convert infinity to pg_lsn

> select '\x61625c63'::bytea like '\x61625c5c63'::bytea, '\xff00'::bytea like '\xff5f'::bytea, '\xff0000'::bytea not like '\xff5f'::bytea, '\xc3a4'::bytea like '\x5f'::bytea, '\x6100'::bytea like '\x2500'::bytea
?column?|?column?|?column?|?column?|?column?
t|t|t|f|t
(1 row)

> select '\x61'::bytea like '\x5c'::bytea
ERROR:  22025: LIKE pattern must not end with escape character

# A cast of an array constructor converts its elements.
> select array['2020-01-01', null, date '2020-01-02']::date[], array[array[1, 2], array['3', 4]]::text[], array[array[1, 2], '{3,4}']::text[], array[true, 2]::int[], array['abcdef', 'xyz']::varchar(2)[]
array|array|array|array|array
{2020-01-01,NULL,2020-01-02}|{{1,2},{3,4}}|{{1,2},{3,4}}|{1,2}|{ab,xy}
(1 row)

> select array[1, 'x']::int[]
ERROR:  22P02: invalid input syntax for type integer: "x"

> select array[1, date '2020-01-01']::int[]
ERROR:  42846: cannot cast type date to integer

> select array[array[]::int[], array[]]::int[]
array
{}
(1 row)

> select width_bucket(timestamptz '2020-01-02', array['2020-01-01', '2020-01-02', '2020-01-03']::timestamptz[]), width_bucket(5, array[1, 3, 4.5]), width_bucket(5, '{}'::int[]), width_bucket('nan'::float8, array[1, 'inf']::float8[])
width_bucket|width_bucket|width_bucket|width_bucket
2|3|0|2
(1 row)

> select width_bucket(5, array[3, null])
ERROR:  22004: thresholds array must not contain NULLs

> select width_bucket(5, array[[1], [2]])
ERROR:  2202E: thresholds must be one-dimensional array

> select parse_ident('foo."BAR""x" . baz_$1'), parse_ident('foo.boo[]', false), parse_ident('foo.boo[]', strict => false)
parse_ident|parse_ident|parse_ident
{foo,"BAR\"x",baz_$1}|{foo,boo}|{foo,boo}
(1 row)

> select parse_ident('foo.boo[]')
ERROR:  22023: string is not a valid identifier: "foo.boo[]"

> select parse_ident('foo."".a')
ERROR:  22023: string is not a valid identifier: "foo."".a"
DETAIL:  Quoted identifier must not be empty.

> select parse_ident('foo."a')
ERROR:  22023: string is not a valid identifier: "foo."a"
DETAIL:  String has unclosed double quotes.

> select parse_ident(' .aaa')
ERROR:  22023: string is not a valid identifier: " .aaa"
DETAIL:  No valid identifier before ".".

> select parse_ident('xxx.1020')
ERROR:  22023: string is not a valid identifier: "xxx.1020"
DETAIL:  No valid identifier after ".".

> select parse_ident(' ')
ERROR:  22023: string is not a valid identifier: " "

> select unistr('\\ \0061 x\u0062\U00000063\+000064'), unistr('\d83d\de00')
unistr|unistr
\ a xbcd|😀
(1 row)

> select unistr('\d83dx')
ERROR:  42601: invalid Unicode surrogate pair

> select unistr('\de00')
ERROR:  42601: invalid Unicode surrogate pair

> select unistr('a\+110000')
ERROR:  22023: invalid Unicode code point: 110000

> select unistr('\0000')
ERROR:  22023: invalid Unicode code point: 0000

> select unistr('\x')
ERROR:  42601: invalid Unicode escape
HINT:  Unicode escapes must be \XXXX, \+XXXXXX, \uXXXX, or \UXXXXXXXX.

> select ' 123 x'::xid, '0x1f'::xid, '-1'::xid, '010'::xid, ''::xid, 'abc'::xid, '99999999999'::xid, '99999999999999999999'::xid, '1x'::xid8, ' 0X1F'::cid
xid|xid|xid|xid|xid|xid|xid|xid|xid8|cid
123|31|4294967295|8|0|0|1215752191|4294967295|1|31
(1 row)

> select '{{},{}}'::text[]
ERROR:  22P02: malformed array literal: "{{},{}}"
DETAIL:  Unexpected "}" character.

> select '{{}}'::int[]
ERROR:  22P02: malformed array literal: "{{}}"
DETAIL:  Unexpected "}" character.

> select '[1:1]={}'::int[]
ERROR:  22P02: malformed array literal: "[1:1]={}"
DETAIL:  Specified array dimensions do not match array contents.

> select date 'J0', date 'j2147483493', date 'J2451187', timestamp 'J2451187 01:02'
date|date|date|timestamp
4714-11-24 BC|5874897-12-31|1999-01-08|1999-01-08 01:02:00
(1 row)

> select date 'J2147483494'
ERROR:  22008: date out of range: "J2147483494"

> select date '1999 01 08', date '01 08 1999', date '8 Jan 1999', date '1999 8 Jan', date '1999 Jan 8', date 'Jan 8 1999'
date|date|date|date|date|date
1999-01-08|1999-01-08|1999-01-08|1999-01-08|1999-01-08|1999-01-08
(1 row)

> select date '15 08 1999'
ERROR:  22008: date/time field value out of range: "15 08 1999"
HINT:  Perhaps you need a different "datestyle" setting.

> select '2020-01-01 00:00 GMT+8'::timestamptz at time zone 'UTC', '2020-01-01 00:00 pst-8'::timestamptz at time zone 'UTC'
timezone|timezone
2020-01-01 08:00:00|2019-12-31 16:00:00
(1 row)

> select interval 'P0002-10-15T10:30:20', interval 'P0002', interval 'PT10:30', interval 'P0002-10', interval 'P00021015T103020', interval 'PT10'
interval|interval|interval|interval|interval|interval
2 years 10 mons 15 days 10:30:20|2 years|10:30:00|2 years 10 mons|2 years 10 mons 15 days 10:30:20|10:00:00
(1 row)

> select timestamptz 'J2452271+08' at time zone 'UTC', timestamptz 'J2452271.5-08' at time zone 'UTC', timestamptz 'J2452271T040506.789-08' at time zone 'UTC', timestamp 'J2452271.123456789', date '1999 008', date '1999.366'
timezone|timezone|timezone|timestamp|date|date
2001-12-26 16:00:00|2001-12-27 20:00:00|2001-12-27 12:05:06.789|2001-12-27 02:57:46.666569|1999-01-08|2000-01-01
(1 row)

> select date '1999.400'
ERROR:  22007: invalid input syntax for type date: "1999.400"

> select timestamp 'J2452271.5 10:00'
ERROR:  22007: invalid input syntax for type timestamp: "J2452271.5 10:00"

> select date 'J2452271.'
ERROR:  22007: invalid input syntax for type date: "J2452271."

> select '2001-02-16 20:38:40 EST5EDT'::timestamptz at time zone 'UTC', '2001-02-16 20:38:40 foo5'::timestamptz at time zone 'UTC', '2001-02-16 20:38:40 mon+8'::timestamptz at time zone 'UTC'
timezone|timezone|timezone
2001-02-17 01:38:40|2001-02-17 01:38:40|2001-02-16 12:38:40
(1 row)

> select date '+infinity'
ERROR:  22007: invalid input syntax for type date: "+infinity"

> select timestamp 'inf'
ERROR:  22007: invalid input syntax for type timestamp: "inf"

> select timestamptz '294277-01-01 00:00:00+00'
ERROR:  22008: timestamp out of range: "294277-01-01 00:00:00+00"

> select date '4714-11-23 BC'
ERROR:  22008: date out of range: "4714-11-23 BC"

> select timestamp '4714-11-23 BC'
ERROR:  22008: timestamp out of range: "4714-11-23 BC"

> select timestamp 'J2147483494'
ERROR:  22008: timestamp out of range: "J2147483494"

> select date '5874898-01-01'
ERROR:  22008: date out of range: "5874898-01-01"

> select timestamp '100000312 23:58:48', timestamp '1000000312 23:58:48', time '040506.789-08', time 'T040506.789+08', date '31 Jan 08', timestamptz '2001-12-27 04:05:06.789 MET DST' at time zone 'UTC', timestamptz '2001-12-27 04:05:06.789-08 DST' at time zone 'UTC'
timestamp|timestamp|time|time|date|timezone|timezone
10000-03-12 23:58:48|100000-03-12 23:58:48|04:05:06.789|04:05:06.789|2008-01-31|2001-12-27 02:05:06.789|2001-12-27 11:05:06.789
(1 row)

> select date '1999008'
ERROR:  22008: date/time field value out of range: "1999008"
HINT:  Perhaps you need a different "datestyle" setting.

> select date '99 Jan 08'
ERROR:  22007: invalid input syntax for type date: "99 Jan 08"

> select timestamptz '2001-12-27 04:05:06.789 America/New_York DST'
ERROR:  22007: invalid input syntax for type timestamp with time zone: "2001-12-27 04:05:06.789 America/New_York DST"

> select to_timestamp('NaN'::float)
ERROR:  22008: timestamp cannot be NaN

> select to_timestamp(1e300)
ERROR:  22008: timestamp out of range: "1e+300"

> select interval '-9223372036854775808 us', interval '-2147483648 months -2147483648 days -9223372036854775808.5 us', interval '1 millenniums 2 millisecondss', interval '-9223372036854775807 us ago'
interval|interval|interval|interval
-2562047788:00:54.775808|-178956970 years -8 mons -2147483648 days -2562047788:00:54.775808|1000 years 00:00:00.002|2562047788:00:54.775807
(1 row)

> select interval '2147483648 days ago'
ERROR:  22015: interval field value out of range: "2147483648 days ago"

> select interval '-9223372036854775808 us ago'
ERROR:  22015: interval field value out of range: "-9223372036854775808 us ago"

> select interval '-9223372036854775809 us'
ERROR:  22015: interval field value out of range: "-9223372036854775809 us"

> select interval '2 millenniu'
ERROR:  22007: invalid input syntax for type interval: "2 millenniu"

> select interval '1.5:30'
ERROR:  22007: invalid input syntax for type interval: "1.5:30"

> select interval '1:0.5:30'
ERROR:  22007: invalid input syntax for type interval: "1:0.5:30"

> select interval '1:60:00'
ERROR:  22015: interval field value out of range: "1:60:00"

> select justify_interval(interval '2147483647 days 24 hrs'), justify_interval(interval '-2147483648 days -24 hrs'), justify_interval('1 mon -1 hour'), justify_interval('-1 mon 1 hour'), justify_interval('1 day -25 hours'), justify_interval('30 days -1 hour'), justify_interval('-30 days 1 hour'), justify_interval('-1 mon 40 days 30 hours'), justify_interval('1 mon -40 days -30 hours')
justify_interval|justify_interval|justify_interval|justify_interval|justify_interval|justify_interval|justify_interval|justify_interval|justify_interval
5965232 years 4 mons 8 days|-5965232 years -4 mons -9 days|29 days 23:00:00|-29 days -23:00:00|-01:00:00|29 days 23:00:00|-29 days -23:00:00|11 days 06:00:00|-11 days -06:00:00
(1 row)

> select interval 'P00021015.5', interval 'PT10:30:20.5'
interval|interval
2 years 10 mons 15 days 12:00:00|10:30:20.5
(1 row)

> select 'a%b'::bytea like 'a#%b'::bytea escape '#', 'axb'::bytea not like 'a#%b' escape '#'::bytea
?column?|?column?
t|t
(1 row)

> select 'a'::bytea like 'a'::bytea escape '##'
ERROR:  22025: invalid escape string
HINT:  Escape string must be empty or one character.

> select '{{1},}'::int[]
ERROR:  22P02: malformed array literal: "{{1},}"
DETAIL:  Unexpected "}" character.

> select U&'a' uescape, 1
ERROR:  42601: UESCAPE must be followed by a simple string literal at or near ","

> select interval 'P1Y2'
ERROR:  22007: invalid input syntax for type interval: "P1Y2"

> select U&'d!0061t' uescape '!', U&'\0061'
?column?|?column?
dat|a
(1 row)

> select U&'d!0061t' uescape '+'
ERROR:  42601: invalid Unicode escape character at or near "'+'"

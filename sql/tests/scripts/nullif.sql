# The result is the first argument as it is compared.
> select nullif(1, 2.5) / 2, 100 / nullif(3, 0.0), nullif(1, 2::float8) / 2, nullif(2147483647, 0.5) + 1
?column?|?column?|?column?|?column?
0.50000000000000000000|33.3333333333333333|0.5|2147483648
(1 row)

> select pg_typeof(nullif(1::bigint, 2.0)), pg_typeof(nullif(1::int2, 2::float8)), pg_typeof(nullif(1.5, 2::float8)), pg_typeof(nullif(1::real, 2.5)), pg_typeof(nullif(1::real, 2))
pg_typeof|pg_typeof|pg_typeof|pg_typeof|pg_typeof
numeric|double precision|double precision|real|real
(1 row)

> select pg_typeof(nullif(1, 2::bigint)), pg_typeof(nullif(1::int2, 2)), pg_typeof(nullif(1::bigint, 2)), pg_typeof(nullif(1::real, 2::float8)), pg_typeof(nullif(date '2020-01-01', timestamptz '2020-01-01')), pg_typeof(nullif(timestamp '2020-01-01', date '2020-01-01'))
pg_typeof|pg_typeof|pg_typeof|pg_typeof|pg_typeof|pg_typeof
integer|smallint|bigint|real|date|timestamp without time zone
(1 row)

> select octet_length(nullif('ab'::char(5), 'x'::text)), pg_typeof(nullif('ab'::char(5), 'x'::text)), nullif('ab'::char(5), 'x'::text) like 'ab   ', pg_typeof(nullif('ab'::char(5), 'x'))
octet_length|pg_typeof|?column?|pg_typeof
2|text|f|character
(1 row)

> select pg_typeof(nullif(v, 'a'::text)), pg_typeof(nullif(v, 'a')), pg_typeof(nullif(v, v)), nullif(v, 'abc'), nullif(v, 'b') from (select 'abc'::varchar(3)) as it(v)
pg_typeof|pg_typeof|pg_typeof|nullif|nullif
text|text|text||abc
(1 row)

> select pg_typeof(nullif('1', 2)), nullif('1', 1), pg_typeof(nullif(null, 2)), nullif(3, null), pg_typeof(nullif('a', 'b'))
pg_typeof|nullif|pg_typeof|nullif|pg_typeof
integer||integer|3|text
(1 row)

> select pg_typeof(nullif(time '12:00', interval '1 h'))
pg_typeof
interval
(1 row)

> create table kept as select nullif('ab'::char(5), 'x'::text) as q, nullif(1, 2.5) as n; insert into kept values ('longer', 1.25); select * from kept order by q
SELECT 1
INSERT 0 1
q|n
ab|1
longer|1.25
(2 rows)

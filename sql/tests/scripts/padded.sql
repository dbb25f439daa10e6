# char(n) as a key: blanks at its end do not count, and characters below a blank do.
> create table f (c char(4) primary key, n int)
CREATE TABLE

> insert into f values ('', 0), (E'\t', 1), (E' \t', 2), (' a', 3), ('a', 4), (E'a\t', 5), (E'a\n', 6), (E'a \t', 7), ('a b', 8), ('a!', 9), ('ab', 10), ('ä', 11), ('äbcd', 12)
INSERT 0 13

> insert into f values ('a  ', 13)
ERROR:  23505: duplicate key value violates unique constraint "f_pkey"
DETAIL:  Key (c)=(a   ) already exists.

> select n from f where c = 'a'
n
4
(1 row)

> select n from f where 'a      ' = c
n
4
(1 row)

> select n from f where c = ''
n
0
(1 row)

> select n from f where c = '  '
n
0
(1 row)

> select n from f where c = E'a\t '
n
5
(1 row)

> select n from f where c = E'a\n'
n
6
(1 row)

> select n from f where c = 'äbcd '
n
12
(1 row)

> select n from f where c = 'äbcde'
n
(0 rows)

> select n from f where c = 'a'::char(2)
n
4
(1 row)

> select n from f where c = 'a '::varchar
n
4
(1 row)

> select n from f where c = 'a'::text
n
4
(1 row)

> select n from f where c = 'a '::text
n
(0 rows)

> select n from f where c = 'ab'::char(1)
n
4
(1 row)

> select n from f where c::bpchar = 'a  '
n
4
(1 row)

> select n from f where c::char(1) = 'a' order by n
n
4
5
6
7
8
9
10
(7 rows)

> select n from f where c = null
n
(0 rows)

> select n from f where c in ('a', 'a ', 'ab', E'a\t', null) order by n
n
4
5
10
(3 rows)

> select n from f where c = any ('{a,"a  ",ab,"  "}') order by n
n
0
4
10
(3 rows)

> select n from f where c = any (array['a', 'a ', 'ab']::char(3)[]) order by n
n
4
10
(2 rows)

> select n from f where c = any (array['a', 'a ', 'ab']) order by n
n
4
10
(2 rows)

> select n from f where c > 'a' order by c
n
5
6
7
8
9
10
11
12
(8 rows)

> select n from f where c >= 'a   ' and c < 'a!' order by c
n
4
5
6
7
8
(5 rows)

> select n from f where c > E'a\t' and c <= 'a b  ' order by c
n
6
7
8
(3 rows)

> select n from f where c < 'a' order by c desc
n
3
2
1
0
(4 rows)

> select n from f where c between '   ' and ' ' order by c
n
0
(1 row)

> select n from f where 'ab' <= c order by c
n
10
11
12
(3 rows)

> select n, length(c) from f order by c desc limit 3
n|length
12|4
11|1
10|2
(3 rows)

> select min(c) = '', max(c) from f
?column?|max
t|äbcd
(1 row)

> prepare by_char (bpchar) as select n from f where c = $1
PREPARE

> execute by_char ('a      ')
n
4
(1 row)

> prepare by_varchar (varchar) as select n from f where c = $1
PREPARE

> execute by_varchar ('a ')
n
4
(1 row)

> prepare by_text (text) as select n from f where c = $1
PREPARE

> execute by_text ('a')
n
4
(1 row)

> execute by_text ('a ')
n
(0 rows)

> prepare by_any as select n from f where c = $1
PREPARE

> execute by_any ('a ')
n
4
(1 row)

> prepare by_array (bpchar[]) as select n from f where c = any ($1) order by n
PREPARE

> execute by_array ('{a,"a ",ab}')
n
4
10
(2 rows)

> update f set n = n + 100 where c = 'ab   '
UPDATE 1

> update f set c = 'ac' where c = 'ab ' returning c, n
c|n
ac  |110
(1 row)
UPDATE 1

> delete from f where c = 'ac  ' returning c, n
c|n
ac  |110
(1 row)
DELETE 1

> insert into f values ('a ', 14) on conflict (c) do update set n = excluded.n returning c, n
c|n
a   |14
(1 row)
INSERT 0 1

> select n from f where c = 'a' for update
n
14
(1 row)

> update f set n = n + 1 where c >= 'ä '
UPDATE 2

> select n from f where c >= 'ä' order by c
n
12
13
(2 rows)

> delete from f where c < E' \t' returning n
n
0
1
(2 rows)
DELETE 2

# Without a length the blanks are kept, and do not count either.
> create table v (k int, c bpchar, t text, unique (c, k))
CREATE TABLE

> create index on v (t)
CREATE INDEX

> insert into v values (1, 'a', 'a'), (1, 'b  ', 'b '), (2, 'a   ', E'a\t'), (3, E'a\t', 'a '), (4, '', ''), (5, null, null), (6, 'a b', 'a b')
INSERT 0 7

> insert into v values (1, 'a  ', 'c')
ERROR:  23505: duplicate key value violates unique constraint "v_c_k_key"
DETAIL:  Key (c, k)=(a  , 1) already exists.

> select k, octet_length(c) from v where c = 'a ' order by k
k|octet_length
1|1
2|4
(2 rows)

> select k from v where c = 'a ' and k > 1
k
2
(1 row)

> select k, octet_length(c) from v where (c = 'b' and k = 1) or c = '   ' order by k
k|octet_length
1|3
4|0
(2 rows)

> select k from v where c > 'a' and c < 'b' order by c
k
3
6
(2 rows)

> select k from v where c <= 'a' order by c, k
k
4
1
2
(3 rows)

> update v set c = 'a' where c = 'a  ' and k = 2 returning octet_length(c)
octet_length
1
(1 row)
UPDATE 1

# A text is no char: its index has another order.
> select k from v where t::bpchar = 'a' order by k
k
1
3
(2 rows)

> select k from v where t = 'a '::bpchar order by k
k
1
(1 row)

> select k from v order by t::bpchar, k desc
k
4
3
1
2
6
1
5
(7 rows)

> select k from v where c::text = 'a' order by k
k
1
2
(2 rows)

# Joins of chars of different lengths.
> create table g (c char(2), d bpchar, m int)
CREATE TABLE

> insert into g values ('a', 'a  ', 1), ('', '  ', 2), (E'a\t', E'a\t ', 3), ('zz', 'b', 4), (null, null, 5)
INSERT 0 5

> analyze
ANALYZE

> select m, n from g join f on f.c = g.c order by m
m|n
1|14
3|5
(2 rows)

> select m, n from g left join f on f.c = g.d and f.c = g.c order by m
m|n
1|14
2|
3|5
4|
5|
(5 rows)

> select m, k from g full join v on g.d = v.c order by m, k
m|k
1|1
1|2
2|4
3|3
4|1
5|
|5
|6
(8 rows)

> select m, n from g join f using (c) order by m
m|n
1|14
3|5
(2 rows)

> select n from f where c in (select d from g) order by n
n
5
14
(2 rows)

> select n from f where c not in (select d from g where d is not null) order by n
n
2
3
6
7
8
9
12
13
(8 rows)

> select n from f where exists (select from g where g.c = f.c) order by n
n
5
14
(2 rows)

> select m from g where not exists (select from f where f.c = g.d) order by m
m
2
4
5
(3 rows)

> select m, (select n from f where f.c = g.d) from g order by m
m|n
1|14
2|
3|5
4|
5|
(5 rows)

> create table l (c char(12) primary key, n int)
CREATE TABLE

> insert into l select 'k' || i, i from generate_series(1, 3000) i
INSERT 0 3000

> create table r (c char(20), n int)
CREATE TABLE

> insert into r select 'k' || i * 2, i from generate_series(1, 2000) i
INSERT 0 2000

> analyze
ANALYZE

> select count(*), sum(l.n - 2 * r.n) from l join r on l.c = r.c
count|sum
1500|0
(1 row)

> select count(*), count(l.n), count(r.n) from l full join r on l.c = r.c
count|count|count
3500|3000|2000
(1 row)

> set work_mem = '64kB'
SET

> select count(*), sum(l.n - 2 * r.n) from l join r on l.c = r.c
count|sum
1500|0
(1 row)

> select count(*), count(l.n), count(r.n) from l full join r on l.c = r.c
count|count|count
3500|3000|2000
(1 row)

> reset work_mem
RESET

> select l.n, r.n from r join l on l.c = r.c where r.n between 7 and 9 order by 1
n|n
14|7
16|8
18|9
(3 rows)

> update r set n = 0 from l where l.c = r.c and l.c = 'k14 '
UPDATE 1

> select c, n from r where n = 0
c|n
k14                 |0
(1 row)

# Beside a text it is one, without its blanks; a varchar becomes a char.
> create table p (c char(4) primary key, n int)
CREATE TABLE

> insert into p values ('a', 1), ('ab', 2), ('a b', 3), ('', 4), ('b', 5)
INSERT 0 5

> create table q (x text, y varchar(8), d bpchar, m int)
CREATE TABLE

> insert into q values ('a', 'a', 'a', 1), ('a ', 'a ', 'a ', 2), ('ab ', 'ab', 'ab  ', 3), ('', '  ', '', 4), (null, null, null, 5), ('k7', 'k7 ', 'k7', 6), ('k7 ', 'k7', 'k7   ', 7)
INSERT 0 7

> analyze
ANALYZE

> select n, m from p join q on c = x order by 1, 2
n|m
1|1
4|4
(2 rows)

> select n, m from p join q on c = y order by 1, 2
n|m
1|1
1|2
2|3
4|4
(4 rows)

> select n, m from p join q on c = d order by 1, 2
n|m
1|1
1|2
2|3
4|4
(4 rows)

> select n, m from p join q on c = x and c = y and d = c order by 1, 2
n|m
1|1
4|4
(2 rows)

> select n, m from p join (select x as c, m from q) s using (c) order by 1, 2
n|m
1|1
4|4
(2 rows)

> select n, m from p full join (select y as c, m from q) s using (c) order by 1, 2
n|m
1|1
1|2
2|3
3|
4|4
5|
|5
|6
|7
(9 rows)

> select n, m from p right join (select d as c, m from q) s using (c) order by 1, 2
n|m
1|1
1|2
2|3
4|4
|5
|6
|7
(7 rows)

> select n, m from q join l on l.c = x order by 1, 2
n|m
7|6
(1 row)

> select n, m from q join l on l.c = y order by 1, 2
n|m
7|6
7|7
(2 rows)

> select n, m from q left join l on l.c = d order by 1, 2
n|m
7|6
7|7
|1
|2
|3
|4
|5
(7 rows)

> select n, m from q, lateral (select * from l where l.c = y and n > 0) s order by 1, 2
n|m
7|6
7|7
(2 rows)

> select n from p where c in (select x from q) order by n
n
1
4
(2 rows)

> select n from p where c in (select y from q) order by n
n
1
2
4
(3 rows)

> select m from q where x in (select c from p) order by m
m
1
4
(2 rows)

> select m from q where y in (select c from p) order by m
m
1
2
3
4
(4 rows)

> select n from p where c in ('a '::text, 'ab') order by n
n
1
2
(2 rows)

> select n from p where c in ('a '::varchar, 'ab  ') order by n
n
1
2
(2 rows)

> select n from p where c in ('a '::text, 'b '::char(2)) order by n
n
1
5
(2 rows)

> select n from p where c = any (array['a ', 'ab']::text[]) order by n
n
2
(1 row)

> select n from p where c = any (array['a ', 'ab']::varchar[]) order by n
n
1
2
(2 rows)

> select n from p where (c, n) in (('a ', 1), ('ab   ', 2), ('b', 4)) order by n
n
1
2
(2 rows)

> select n from p where (c, n) < ('ab  ', 2) order by n
n
1
3
4
(3 rows)

> select n from p where c > 'a'::text order by n
n
2
3
5
(3 rows)

> select n from p where c >= 'a '::text order by n
n
2
3
5
(3 rows)

> select n from p where c >= 'a '::varchar order by n
n
1
2
3
5
(4 rows)

> select n from p where c like 'a%' order by n
n
1
2
3
(3 rows)

> select n from p where c like 'a   ' order by n
n
1
(1 row)

> select n from p where c = 'a' and c = 'a  '
n
1
(1 row)

> select n from p where c = 'a' and c = 'b'
n
(0 rows)

> select n from p where c > 'a' and c > 'ab  ' order by n
n
5
(1 row)

> select n from p where c = (select x from q where m = 2)
n
(0 rows)

> select n from p where c = (select d from q where m = 2)
n
1
(1 row)

> select count(*) from (select d from q except select c from p) s
count
2
(1 row)

> select count(*) from (select x from q except select c from p) s
count
5
(1 row)

> select count(*), count(distinct d) from q group by d order by d
count|count
1|1
2|1
1|1
2|1
1|0
(5 rows)

# Arrays of them.
> create table a (c char(3)[] primary key, d bpchar[], n int)
CREATE TABLE

> insert into a values ('{a,b}', '{"a  ",b}', 1), ('{b}', '{b}', 2), ('{NULL,"a "}', '{NULL,a}', 3), (array[E'a\t'], array[E'a\t'], 4), ('{}', '{}', 5), ('{a}', '{"a "}', 6)
INSERT 0 6

> insert into a values ('{"b "}', null, 7)
ERROR:  23505: duplicate key value violates unique constraint "a_pkey"
DETAIL:  Key (c)=({"b  "}) already exists.

> select n from a where c = '{a,b}' order by n
n
1
(1 row)

> select n from a where c = array['a'::char(1), 'b'] order by n
n
1
(1 row)

> select n from a where c = d order by n
n
1
2
3
4
5
6
(6 rows)

> select n, c, d from a order by c
n|c|d
5|{}|{}
6|{"a  "}|{"a "}
1|{"a  ","b  "}|{"a  ",b}
4|{"a	 "}|{"a	"}
2|{"b  "}|{b}
3|{NULL,"a  "}|{NULL,a}
(6 rows)

> select n from a order by d desc
n
3
2
4
1
6
5
(6 rows)

> select n from a where d < '{"a "}' order by n
n
5
(1 row)

> select n from a where d @> '{"b   "}' order by n
n
1
2
(2 rows)

> select n from a where '{"b   ",x}' && d order by n
n
1
2
(2 rows)

> select n from a where d <@ array['a '::char(5), 'b'] order by n
n
1
2
5
6
(4 rows)

> select n from a where c in (select d from a) order by n
n
1
2
3
4
5
6
(6 rows)

> select n from a where c in ('{"b "}', '{a}') order by n
n
2
6
(2 rows)

> select count(*) from a x join a y on x.c = y.d
count
6
(1 row)

> select count(distinct v), max(v) = '{b}', min(v) = '{"a "}' from (values ('{"a "}'::bpchar[]), ('{a}'), ('{b}'), ('{"b  "}')) t(v)
count|?column?|?column?
2|t|t
(1 row)

> select count(*) from (values ('{"a "}'::bpchar[]), ('{a}'), ('{b}'), ('{"b  "}')) t(v) group by v
count
2
2
(2 rows)

> select count(*) from (select d from a union select c::bpchar[] from a) s
count
6
(1 row)

> select row_number() over (partition by v) from (values ('{"a "}'::bpchar[]), ('{a}'), ('{b}')) t(v) order by 1
row_number
1
1
2
(3 rows)

> select array_position('{"a ",b}'::bpchar[], 'a'), array_positions('{b,a,"b "}'::char(3)[], 'b '), array_remove('{"a ",b}'::bpchar[], 'a'), array_replace('{"a ",b}'::bpchar[], 'a', 'c'), width_bucket('b'::char(1), '{a,"b ",c}'::char(3)[])
array_position|array_positions|array_remove|array_replace|width_bucket
1|{1,3}|{b}|{c,b}|2
(1 row)

> select '{"a "}'::bpchar[]::text[] = '{a}', '{"a "}'::text[] = '{a}', '{"a "}'::varchar[]::bpchar[] = '{a}', '{{"a ",b},{c,d}}'::bpchar[] = '{{a,"b "},{c,d}}'
?column?|?column?|?column?|?column?
t|f|t|t
(1 row)

# Rows with them.
> select count(*) from (select distinct r from (values (row('a '::bpchar, 1)), (row('a'::bpchar, 1)), (row('b'::bpchar, 1))) v(r)) s
count
2
(1 row)

> select count(*), min(r::text) from (values (row('a '::bpchar)), (row('a  '::bpchar)), (row('b'::bpchar))) v(r) group by r order by r
count|min
2|("a  ")
1|(b)
(2 rows)

> select r from (values (row('b'::bpchar, 1)), (row('a '::bpchar, 2)), (row('a'::bpchar, 1)), (row(E'a\t'::bpchar, 1))) v(r) order by r
r
(a,1)
("a ",2)
("a	",1)
(b,1)
(4 rows)

> select a.r, b.r from (values (row('a '::bpchar))) a(r) join (values (row('a'::bpchar))) b(r) on a.r = b.r
r|r
("a ")|(a)
(1 row)

> select r from (values (row('a '::bpchar))) a(r) where r in (select r from (values (row('a'::bpchar))) b(r))
r
("a ")
(1 row)

> select array[row('a '::bpchar)] = array[row('a'::bpchar)], row(array['a '::bpchar]) = row(array['a'::bpchar]), row(row('a '::bpchar)) is distinct from row(row('a'::bpchar)), row('a '::char(3)) = row('a'::char(1))
?column?|?column?|?column?|?column?
t|t|f|t
(1 row)

> select count(distinct x) from (select n, c from p union all select n, c::char(9) from p) x
count
5
(1 row)

> select x, row_to_json(x), to_jsonb(x), x::text from (select 'a'::char(3) as c) x
x|row_to_json|to_jsonb|x
("a  ")|{"c":"a  "}|{"c": "a  "}|("a  ")
(1 row)

> select r::text, row_to_json(r), r is null from (values (row('a '::bpchar, null))) v(r)
r|row_to_json|?column?
("a ",)|{"f1":"a ","f2":null}|f
(1 row)

> select (x).c || '!', length((x).c), octet_length((x).c) from (select 'a'::char(3) as c) x
?column?|length|octet_length
a!|1|3
(1 row)

> select c || '!', octet_length(c) from unnest(array[row('a'::char(3), 1)]) as t(c bpchar, n int)
?column?|octet_length
a!|3
(1 row)

# What becomes a char gets the keys of one.
> alter table v alter t type bpchar
ALTER TABLE

> select k from v where t = 'a' order by k
k
1
3
(2 rows)

> alter table v alter t type char(5)
ALTER TABLE

> select k from v where t = 'a  ' order by k
k
1
3
(2 rows)

> alter table v alter t type text
ALTER TABLE

> select k from v where t = 'a' order by k
k
1
3
(2 rows)

> select k from v where t = 'a ' order by k
k
(0 rows)

> drop table a, f, g, l, p, q, r, v
DROP TABLE

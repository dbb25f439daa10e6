# An expression is shown so that it can stand behind DEFAULT.
> create table shown (a bool default (1 = 1 and 2 = 2), b bool default (not true), c bool default (now() is null), d int default 1 + 1, e text default 'a' || 'b', f int default -3, g int default abs(-3), h timestamptz default now(), i int generated always as (d * 2) stored, j bool default (true is not true), l text default coalesce('a', 'b'), m bool default (1 between 0 and 2), n int check (n > 0), o int check (o > 0 and o < 9 or o is null), p text check (length(p) > 2), q bool default ('a' like 'b'), r bool default (1 is distinct from 2))
CREATE TABLE

> select attname, pg_get_expr(adbin, adrelid) from pg_attrdef join pg_attribute on attrelid = adrelid and attnum = adnum where adrelid = 'shown'::regclass order by adnum
attname|pg_get_expr
a|((1 = 1) AND (2 = 2))
b|(NOT true)
c|(now() IS NULL)
d|(1 + 1)
e|('a'::text || 'b'::text)
f|'-3'::integer
g|abs('-3'::integer)
h|now()
i|(d * 2)
j|(true IS NOT TRUE)
l|COALESCE('a'::text, 'b'::text)
m|((1 >= 0) AND (1 <= 2))
q|('a'::text ~~ 'b'::text)
r|(1 IS DISTINCT FROM 2)
(14 rows)

> select attname, pg_get_expr(adbin, adrelid, false) from pg_attrdef join pg_attribute on attrelid = adrelid and attnum = adnum where adrelid = 'shown'::regclass and attname in ('a', 'd') order by adnum
attname|pg_get_expr
a|((1 = 1) AND (2 = 2))
d|(1 + 1)
(2 rows)

> select attname, pg_get_expr(adbin, adrelid, true) from pg_attrdef join pg_attribute on attrelid = adrelid and attnum = adnum where adrelid = 'shown'::regclass and attname in ('d', 'e', 'f', 'g', 'h', 'i', 'l') order by adnum
attname|pg_get_expr
d|1 + 1
e|'a'::text || 'b'::text
f|'-3'::integer
g|abs('-3'::integer)
h|now()
i|d * 2
l|COALESCE('a'::text, 'b'::text)
(7 rows)

> select conname, pg_get_constraintdef(oid), pg_get_expr(conbin, conrelid) from pg_constraint where conrelid = 'shown'::regclass order by conname
conname|pg_get_constraintdef|pg_get_expr
shown_n_check|CHECK ((n > 0))|(n > 0)
shown_o_check|CHECK ((((o > 0) AND (o < 9)) OR (o IS NULL)))|(((o > 0) AND (o < 9)) OR (o IS NULL))
shown_p_check|CHECK ((length(p) > 2))|(length(p) > 2)
(3 rows)

> select conname, pg_get_constraintdef(oid, true) from pg_constraint where conrelid = 'shown'::regclass and conname <> 'shown_o_check' order by conname
conname|pg_get_constraintdef
shown_n_check|CHECK (n > 0)
shown_p_check|CHECK (length(p) > 2)
(2 rows)

> select column_name, column_default, generation_expression from information_schema.columns where table_name = 'shown' order by ordinal_position
column_name|column_default|generation_expression
a|((1 = 1) AND (2 = 2))|
b|(NOT true)|
c|(now() IS NULL)|
d|(1 + 1)|
e|('a'::text || 'b'::text)|
f|'-3'::integer|
g|abs('-3'::integer)|
h|now()|
i||(d * 2)
j|(true IS NOT TRUE)|
l|COALESCE('a'::text, 'b'::text)|
m|((1 >= 0) AND (1 <= 2))|
n||
o||
p||
q|('a'::text ~~ 'b'::text)|
r|(1 IS DISTINCT FROM 2)|
(17 rows)

> select constraint_name, check_clause from information_schema.check_constraints where constraint_name like 'shown%' order by 1
constraint_name|check_clause
shown_n_check|((n > 0))
shown_o_check|((((o > 0) AND (o < 9)) OR (o IS NULL)))
shown_p_check|((length(p) > 2))
(3 rows)

# Who listens to nothing may say so.
> unlisten *
UNLISTEN

> unlisten somewhere
UNLISTEN

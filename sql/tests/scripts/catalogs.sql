# The catalogs as drivers and tools read them.
# Drivers know arrays by the functions that read them.
> select typname, typinput, typoutput, typreceive, typsend, typsubscript from pg_type where typname in ('int4', '_int4', 'text', '_text', 'bpchar', 'jsonb', 'name', 'int2vector', 'record') order by 1
typname|typinput|typoutput|typreceive|typsend|typsubscript
_int4|array_in|array_out|array_recv|array_send|array_subscript_handler
_text|array_in|array_out|array_recv|array_send|array_subscript_handler
bpchar|bpcharin|bpcharout|bpcharrecv|bpcharsend|-
int2vector|int2vectorin|int2vectorout|int2vectorrecv|int2vectorsend|array_subscript_handler
int4|int4in|int4out|int4recv|int4send|-
jsonb|jsonb_in|jsonb_out|jsonb_recv|jsonb_send|jsonb_subscript_handler
name|namein|nameout|namerecv|namesend|raw_array_subscript_handler
record|record_in|record_out|record_recv|record_send|-
text|textin|textout|textrecv|textsend|-
(9 rows)

> select t.typname, p.proname = 'array_recv' from pg_type t join pg_proc p on p.oid = t.typreceive where t.typname in ('_uuid', 'uuid') order by 1
typname|?column?
_uuid|t
uuid|f
(2 rows)

> select typname from pg_type where typinput = 'pg_catalog.array_in'::regproc and typelem = 23
typname
_int4
(1 row)

> select int4send(5), textsend('a'), uuid_send('00000000-0000-0000-0000-000000000001'), boolout(true), int4in('5'), array_out(ARRAY[1,2]), numeric_in('1.234', 0, 262150)
int4send|textsend|uuid_send|boolout|int4in|array_out|numeric_in
\x00000005|\x61|\x00000000000000000000000000000001|t|5|{1,2}|1.23
(1 row)

> select anyarray_out(array[1]), anyarray_send(array[1]), anycompatiblearray_out(array['a'])
anyarray_out|anyarray_send|anycompatiblearray_out
{1}|\x00000001000000000000001700000001000000010000000400000001|{a}
(1 row)

> select int4in('x')
ERROR:  22P02: invalid input syntax for type integer: "x"

> select int4in('5'::text)
ERROR:  42883: function int4in(text) does not exist
HINT:  No function matches the given name and argument types. You might need to add explicit type casts.

> select 'array_in'::regproc, 'int4in'::regproc::oid, 'boolin(cstring)'::regprocedure
regproc|oid|regprocedure
array_in|42|boolin(cstring)
(1 row)

> create table written as select int4out(5) as x
ERROR:  42P16: column "x" has pseudo-type cstring

> create view written as select int4out(5) as x
ERROR:  42P16: column "x" has pseudo-type cstring

> create table waited as select pg_sleep(0)
ERROR:  42P16: column "pg_sleep" has pseudo-type void


# A char is called character where its length is not of interest, and bpchar where it must read back as one without.
> create table chars (a char(3), b char, c char(2)[], n int, e bpchar)
CREATE TABLE

> select format_type(1042, null), format_type(1042, -1), format_type(1042, 7), format_type(1014, null), format_type(1014, -1), format_type(1014, 7), format_type(1043, null)
format_type|format_type|format_type|format_type|format_type|format_type|format_type
character|bpchar|character(3)|character[]|bpchar[]|character(3)[]|character varying
(1 row)

> select 'bpchar'::regtype, '_bpchar'::regtype, pg_typeof('x'::char(3)), pg_typeof(array['x'::bpchar])
regtype|regtype|pg_typeof|pg_typeof
character|character[]|character|character[]
(1 row)

> select column_name, data_type, udt_name, character_maximum_length from information_schema.columns where table_name = 'chars' order by ordinal_position
column_name|data_type|udt_name|character_maximum_length
a|character|bpchar|3
b|character|bpchar|1
c|ARRAY|_bpchar|
n|integer|int4|
e|character|bpchar|
(5 rows)

> select attname, format_type(atttypid, atttypmod) from pg_attribute where attrelid = 'chars'::regclass and attnum > 0 order by attnum
attname|format_type
a|character(3)
b|character(1)
c|character(2)[]
n|integer
e|bpchar
(5 rows)

> select a + 1 from chars
ERROR:  42883: operator does not exist: character + integer
HINT:  No operator matches the given name and argument types. You might need to add explicit type casts.

> select sum(a) from chars
ERROR:  42883: function sum(character) does not exist
HINT:  No function matches the given name and argument types. You might need to add explicit type casts.

> select * from chars where a
ERROR:  42804: argument of WHERE must be type boolean, not type character

> insert into chars (c) values ('x'::char(3))
ERROR:  42804: column "c" is of type character[] but expression is of type character
HINT:  You will need to rewrite or cast the expression.

> select coalesce(a, n) from chars
ERROR:  42804: COALESCE types character and integer cannot be matched

> alter table chars alter column n set default 'a'::char(3)
ERROR:  42804: column "n" is of type integer but default expression is of type character
HINT:  You will need to rewrite or cast the expression.

# What grows beyond the length of the first term is refused.
> with recursive t as (select 'a'::varchar(3) as x union all select x || 'a' from t where length(x) < 3) select * from t
ERROR:  42804: recursive query "t" column 1 has type character varying(3) in non-recursive term but type character varying overall
HINT:  Cast the output of the non-recursive term to the correct type.

> with recursive t as (select 'a'::char(3) as x union all select x || 'a' from t where length(x) < 3) select * from t
ERROR:  42804: recursive query "t" column 1 has type character(3) in non-recursive term but type bpchar overall
HINT:  Cast the output of the non-recursive term to the correct type.

> with recursive t as (select 1::numeric(5,2) as x union all select x + 1 from t where x < 2) select * from t
ERROR:  42804: recursive query "t" column 1 has type numeric(5,2) in non-recursive term but type numeric overall
HINT:  Cast the output of the non-recursive term to the correct type.

> with recursive t as (select 1::numeric(5,2) as x union all select (x + 1)::numeric(5,2) from t where x < 2) select * from t
x
1.00
2.00
(2 rows)

> drop table chars
DROP TABLE

# Operator classes by name, as Django makes them for LIKE.
> create table classes (a text, b varchar(5), c char(3), n int, j jsonb, l int[])
CREATE TABLE

> create index classes_i on classes (a text_pattern_ops, b varchar_pattern_ops desc, c bpchar_pattern_ops nulls first, b varchar_ops, a text_ops, n int4_ops)
CREATE INDEX

> create index classes_j on classes (j jsonb_ops, l "array_ops", a pg_catalog.text_pattern_ops)
CREATE INDEX

> select pg_get_indexdef(indexrelid), indclass from pg_index where indrelid = 'classes'::regclass order by 1
pg_get_indexdef|indclass
CREATE INDEX classes_i ON public.classes USING btree (a text_pattern_ops, b varchar_pattern_ops DESC, c bpchar_pattern_ops NULLS FIRST, b varchar_ops, a, n)|4217 4218 4219 10044 3126 1978
CREATE INDEX classes_j ON public.classes USING btree (j, l, a text_pattern_ops)|10088 10000 4217
(2 rows)

> select opcname, opcdefault from pg_opclass where oid in (select unnest(indclass) from pg_index where indrelid = 'classes'::regclass) order by 1
opcname|opcdefault
array_ops|t
bpchar_pattern_ops|f
int4_ops|t
jsonb_ops|t
text_ops|t
text_pattern_ops|f
varchar_ops|f
varchar_pattern_ops|f
(8 rows)

> create table classes2 (like classes including indexes)
CREATE TABLE

> select pg_get_indexdef(indexrelid) from pg_index where indrelid = 'classes2'::regclass and indnatts = 3
pg_get_indexdef
CREATE INDEX classes2_j_l_a_idx ON public.classes2 USING btree (j, l, a text_pattern_ops)
(1 row)

> insert into classes (a) values ('ab'), ('b'), ('abc')
INSERT 0 3

> select a from classes where a like 'ab%' order by a
a
ab
abc
(2 rows)

> create index on classes (n text_pattern_ops)
ERROR:  42804: operator class "text_pattern_ops" does not accept data type integer

> create index on classes (c text_pattern_ops)
ERROR:  42804: operator class "text_pattern_ops" does not accept data type character

> create index on classes (a int4_ops)
ERROR:  42804: operator class "int4_ops" does not accept data type text

> create index on classes (a nosuch_ops)
ERROR:  42704: operator class "nosuch_ops" does not exist for access method "btree"

> create index on classes (a nosuch.text_pattern_ops)
ERROR:  3F000: schema "nosuch" does not exist

> alter table classes2 alter a type int using 1
ERROR:  42804: operator class "text_pattern_ops" does not accept data type integer

> alter table classes2 alter a type varchar(7)
ALTER TABLE

> select pg_get_indexdef(indexrelid) from pg_index where indrelid = 'classes2'::regclass and indnatts = 3
pg_get_indexdef
CREATE INDEX classes2_j_l_a_idx ON public.classes2 USING btree (j, l, a text_pattern_ops)
(1 row)

> drop table classes, classes2
DROP TABLE

# An empty array keeps its type in what the catalog keeps.
> create table empties (id int, tags text[] default array[]::text[], n int[] check (n <> array[]::int[]), g text[] generated always as (array[]::text[]) stored)
CREATE TABLE

> select pg_get_expr(adbin, adrelid) from pg_attrdef where adrelid = 'empties'::regclass order by adnum
pg_get_expr
ARRAY[]::text[]
ARRAY[]::text[]
(2 rows)

> select pg_get_constraintdef(oid, true) from pg_constraint where conrelid = 'empties'::regclass
pg_get_constraintdef
CHECK (n <> ARRAY[]::integer[])
(1 row)

> insert into empties (id, n) values (1, '{2}') returning *
id|tags|n|g
1|{}|{2}|{}
(1 row)
INSERT 0 1

> insert into empties (n) values ('{}')
ERROR:  23514: new row for relation "empties" violates check constraint "empties_n_check"
DETAIL:  Failing row contains (null, {}, {}, {}).

> drop table empties
DROP TABLE

# Aggregates and window functions are procedures, too.
> select p.proname, p.prokind, pg_get_function_result(p.oid), pg_get_function_arguments(p.oid) from pg_proc p where p.proname in ('rank', 'mode', 'string_agg', 'row_number', 'lag', 'percentile_cont') order by 1, 2, 3, 4
proname|prokind|pg_get_function_result|pg_get_function_arguments
lag|w|anycompatible|anycompatible, integer, anycompatible
lag|w|anyelement|anyelement
lag|w|anyelement|anyelement, integer
mode|a|anyelement|ORDER BY anyelement
percentile_cont|a|double precision|double precision ORDER BY double precision
percentile_cont|a|double precision[]|double precision[] ORDER BY double precision
percentile_cont|a|interval|double precision ORDER BY interval
percentile_cont|a|interval[]|double precision[] ORDER BY interval
rank|a|bigint|VARIADIC "any" ORDER BY VARIADIC "any"
rank|w|bigint|
row_number|w|bigint|
string_agg|a|bytea|bytea, bytea
string_agg|a|text|text, text
(13 rows)

> select aggfnoid::regproc, aggfnoid::regprocedure, aggkind from pg_aggregate where aggfnoid in (2108, 2803, 3974) order by 2
aggfnoid|aggfnoid|aggkind
pg_catalog.sum|sum(integer)|n
pg_catalog.count|count()|n
pg_catalog.percentile_cont|percentile_cont(double precision,double precision)|o
(3 rows)

> select 'count()'::regprocedure::oid, 'sum(int4)'::regprocedure, 'every'::regproc
oid|regprocedure|regproc
2803|sum(integer)|every
(1 row)

> select 'count'::regproc
ERROR:  42725: more than one function named "count"

# Time zones.
> select name, abbrev, utc_offset, is_dst from pg_timezone_names where name in ('UTC', 'Asia/Kolkata', 'Asia/Dubai') order by 1
name|abbrev|utc_offset|is_dst
Asia/Dubai|+04|04:00:00|f
Asia/Kolkata|IST|05:30:00|f
UTC|UTC|00:00:00|f
(3 rows)

> select count(*) > 400, bool_and(utc_offset between '-12:00' and '14:00') from pg_timezone_names
?column?|bool_and
t|t
(1 row)

# Who may do what.
> create role catalogs_reader
CREATE ROLE

> create table granted (a int)
CREATE TABLE

> create view granted_view as select a from granted
CREATE VIEW

> grant select, insert on granted to catalogs_reader with grant option
GRANT

> grant select on granted_view to public
GRANT

> select grantor, grantee, table_schema, table_name, privilege_type, is_grantable, with_hierarchy from information_schema.table_privileges where table_name like 'granted%' order by table_name, grantee, privilege_type
grantor|grantee|table_schema|table_name|privilege_type|is_grantable|with_hierarchy
postgres|catalogs_reader|public|granted|INSERT|YES|NO
postgres|catalogs_reader|public|granted|SELECT|YES|YES
postgres|postgres|public|granted|DELETE|YES|NO
postgres|postgres|public|granted|INSERT|YES|NO
postgres|postgres|public|granted|REFERENCES|YES|NO
postgres|postgres|public|granted|SELECT|YES|YES
postgres|postgres|public|granted|TRIGGER|YES|NO
postgres|postgres|public|granted|TRUNCATE|YES|NO
postgres|postgres|public|granted|UPDATE|YES|NO
postgres|PUBLIC|public|granted_view|SELECT|NO|YES
postgres|postgres|public|granted_view|DELETE|YES|NO
postgres|postgres|public|granted_view|INSERT|YES|NO
postgres|postgres|public|granted_view|REFERENCES|YES|NO
postgres|postgres|public|granted_view|SELECT|YES|YES
postgres|postgres|public|granted_view|TRIGGER|YES|NO
postgres|postgres|public|granted_view|TRUNCATE|YES|NO
postgres|postgres|public|granted_view|UPDATE|YES|NO
(17 rows)

> select grantee, table_name, count(*) from information_schema.role_table_grants where table_schema = 'public' group by 1, 2 order by 1, 2
grantee|table_name|count
PUBLIC|granted_view|1
catalogs_reader|granted|2
postgres|granted|7
postgres|granted_view|7
(4 rows)

> set role catalogs_reader
SET

> select grantee, table_name, privilege_type, is_grantable from information_schema.table_privileges where table_name like 'granted%' order by 1, 2, 3
grantee|table_name|privilege_type|is_grantable
PUBLIC|granted_view|SELECT|NO
catalogs_reader|granted|INSERT|YES
catalogs_reader|granted|SELECT|YES
(3 rows)

> select grantee, table_name, privilege_type, is_grantable from information_schema.role_table_grants where table_name like 'granted%' order by 1, 2, 3
grantee|table_name|privilege_type|is_grantable
catalogs_reader|granted|INSERT|YES
catalogs_reader|granted|SELECT|YES
(2 rows)

> select * from information_schema.enabled_roles
role_name
catalogs_reader
(1 row)

> reset role
RESET

> drop table granted cascade
NOTICE:  00000: drop cascades to view granted_view
DROP TABLE

> drop role catalogs_reader
DROP ROLE

# What TypeORM, Sequelize and pgAdmin ask.
> create table asked (id int primary key, name text)
CREATE TABLE

> comment on column asked.name is 'a name'
COMMENT

> select ('"' || udt_schema || '"."' || udt_name || '"')::regtype, '"pg_catalog"."_text"'::regtype from information_schema.columns where table_name = 'asked' order by ordinal_position
regtype|regtype
integer|text[]
text|text[]
(2 rows)

> select st.relname, pgd.description from pg_catalog.pg_statio_all_tables st join pg_catalog.pg_description pgd on pgd.objoid = st.relid where st.schemaname = 'public'
relname|description
asked|a name
(1 row)

> select gss_authenticated, encrypted from pg_catalog.pg_stat_gssapi where pid = pg_backend_pid()
gss_authenticated|encrypted
f|f
(1 row)

> select to_regproc('now'), to_regproc('nosuch'), to_regprocedure('sum(int4)'), to_regcollation('"C"'), to_regcollation('nosuch')
to_regproc|to_regproc|to_regprocedure|to_regcollation|to_regcollation
now||sum(integer)|"C"|
(1 row)

> drop table asked
DROP TABLE

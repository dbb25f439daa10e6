# A subquery asks a table of the system for what belongs to each row outside.
> create table looked (id int primary key, a text, b int unique); create index looked_a on looked (a); create view looker as select id, a from looked
CREATE TABLE
CREATE INDEX
CREATE VIEW

> select c.relname, (select array_agg(a.attname order by a.attnum) from pg_attribute a where a.attrelid = c.oid and a.attnum > 0) from pg_class c where c.relname like 'look%' order by 1
relname|array_agg
looked|{id,a,b}
looked_a|{a}
looked_b_key|{b}
looked_pkey|{id}
looker|{id,a}
(5 rows)

> select c.relname, (select count(*) from pg_attribute a where c.oid = a.attrelid and a.attname = 'a') from pg_class c where c.relname like 'look%' order by 1
relname|count
looked|1
looked_a|1
looked_b_key|0
looked_pkey|0
looker|1
(5 rows)

> select c.relname, (select i.indisunique from pg_index i where i.indexrelid = c.oid), (select count(*) from pg_index i where i.indrelid = c.oid) from pg_class c where c.relname like 'look%' order by 1
relname|indisunique|count
looked||3
looked_a|f|0
looked_b_key|t|0
looked_pkey|t|0
looker||0
(5 rows)

> select o = 0 as zero, (select relname from pg_class where oid = o) from (values ('looked'::regclass::oid), (null), (0), ('looker'::regclass::oid)) as it(o) order by o nulls last
zero|relname
t|
f|looked
f|looker
|
(4 rows)

> select a.attname, (select t.typname from pg_type t where t.oid = a.atttypid) from pg_attribute a where a.attrelid = 'looked'::regclass and a.attnum > 0 order by a.attnum
attname|typname
id|int4
a|text
b|int4
(3 rows)

> select c.relname, (select conname from pg_constraint k where k.conrelid = c.oid and k.contype = 'p' limit 1) from pg_class c where c.relname like 'look%' order by 1
relname|conname
looked|looked_pkey
looked_a|
looked_b_key|
looked_pkey|
looker|
(5 rows)

> select c.relname from pg_class c where c.relname like 'look%' and exists (select from pg_index i where i.indrelid = c.oid and i.indisprimary) order by 1
relname
looked
(1 row)

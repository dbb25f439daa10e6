# Indexes of the rows that meet a condition.
> create table job (id int primary key, state text not null, owner int, worth numeric, done boolean not null default false, gone_at timestamp)
CREATE TABLE

> create index open_jobs on job (owner) where not done; create unique index one_running on job (owner) where state = 'running'; create index kept on job (id) where gone_at is null; create index "Odd" on job (worth desc) with (fillfactor = 80) where worth > 10 and state <> 'lost'
CREATE INDEX
CREATE INDEX
CREATE INDEX
CREATE INDEX

> select indexdef from pg_indexes where tablename = 'job' order by indexname
indexdef
CREATE INDEX "Odd" ON public.job USING btree (worth DESC) WITH (fillfactor='80') WHERE ((worth > (10)::numeric) AND (state <> 'lost'::text))
CREATE UNIQUE INDEX job_pkey ON public.job USING btree (id)
CREATE INDEX kept ON public.job USING btree (id) WHERE (gone_at IS NULL)
CREATE UNIQUE INDEX one_running ON public.job USING btree (owner) WHERE (state = 'running'::text)
CREATE INDEX open_jobs ON public.job USING btree (owner) WHERE (NOT done)
(5 rows)

> select relname, indisunique, pg_get_expr(indpred, indrelid), pg_get_expr(indpred, indrelid, relname <> 'Odd') from pg_index join pg_class c on c.oid = indexrelid where indrelid = 'job'::regclass order by 1
relname|indisunique|pg_get_expr|pg_get_expr
Odd|f|((worth > (10)::numeric) AND (state <> 'lost'::text))|((worth > (10)::numeric) AND (state <> 'lost'::text))
job_pkey|t||
kept|f|(gone_at IS NULL)|gone_at IS NULL
one_running|t|(state = 'running'::text)|state = 'running'::text
open_jobs|f|(NOT done)|NOT done
(5 rows)

> select pg_get_indexdef('open_jobs'::regclass, 0, true), pg_get_indexdef('one_running'::regclass, 1, true)
pg_get_indexdef|pg_get_indexdef
CREATE INDEX open_jobs ON job USING btree (owner) WHERE NOT done|owner
(1 row)

# Unique among them alone.
> insert into job values (1, 'running', 7, 5), (2, 'waiting', 7, 50), (3, 'waiting', 7, 20), (4, 'running', 8, 1), (5, 'lost', null, 100), (6, 'running', null, 3), (7, 'running', null, 4)
INSERT 0 7

> insert into job values (8, 'running', 7)
ERROR:  23505: duplicate key value violates unique constraint "one_running"
DETAIL:  Key (owner)=(7) already exists.

> insert into job values (8, 'waiting', 7)
INSERT 0 1

> update job set state = 'running' where id = 2
ERROR:  23505: duplicate key value violates unique constraint "one_running"
DETAIL:  Key (owner)=(7) already exists.

> update job set state = 'stopped' where id = 1; update job set state = 'running' where id = 2; select id, state from job where state = 'running' order by id
UPDATE 1
UPDATE 1
id|state
2|running
4|running
6|running
7|running
(4 rows)

> update job set owner = 8 where id = 2
ERROR:  23505: duplicate key value violates unique constraint "one_running"
DETAIL:  Key (owner)=(8) already exists.

> update job set owner = 9 where id = 2; update job set owner = 7 where id = 2; update job set id = 20 where id = 2; update job set id = 2 where id = 20
UPDATE 1
UPDATE 1
UPDATE 1
UPDATE 1

> delete from job where id = 2; insert into job values (2, 'running', 7, 50); select id, owner from job where state = 'running' and owner = 7
DELETE 1
INSERT 0 1
id|owner
2|7
(1 row)

# What is read through them is what there is.
> select id from job where not done and owner = 7 order by id
id
1
2
3
8
(4 rows)

> update job set done = true where id in (1, 3); select id from job where not done and owner = 7 order by id; select id from job where done = false and owner = 7 order by id; select id from job where done order by id
UPDATE 2
id
2
8
(2 rows)
id
2
8
(2 rows)
id
1
3
(2 rows)

> update job set done = false where id = 3; select id from job where owner = 7 and not done order by id desc
UPDATE 1
id
8
3
2
(3 rows)

> update job set gone_at = '2024-05-06' where id = 4; select id from job where gone_at is null and id > 2 order by id; select id from job where id > 2 order by id
UPDATE 1
id
3
5
6
7
8
(5 rows)
id
3
4
5
6
7
8
(6 rows)

> select id, worth from job where worth > 10 and state <> 'lost' order by worth desc; select id from job where worth > 30 and state = 'running'; select id from job where worth >= 10 and state <> 'lost' order by id; select id from job where worth in (20, 50) and state <> 'lost' order by id
id|worth
2|50
3|20
(2 rows)
id
2
(1 row)
id
2
3
(2 rows)
id
2
3
(2 rows)

> select id from job where state = 'running' order by owner, id; select count(*) from job where state = 'running' and owner is null
id
2
4
6
7
(4 rows)
count
2
(1 row)

> begin; update job set done = true; savepoint a; update job set done = false where owner = 7; rollback to a; select count(*) from job where not done; rollback; select count(*) from job where not done
BEGIN
UPDATE 8
SAVEPOINT
UPDATE 4
ROLLBACK
count
0
(1 row)
ROLLBACK
count
7
(1 row)

# ON CONFLICT names them by a condition that implies theirs.
> insert into job values (30, 'running', 7) on conflict (owner) where state = 'running' do nothing
INSERT 0 0

> insert into job values (30, 'running', 7, 1) on conflict (owner) where state = 'running' and owner > 0 do update set worth = excluded.worth + 1 returning id, worth
id|worth
2|2
(1 row)
INSERT 0 1

> insert into job values (30, 'waiting', 7, 1) on conflict (owner) where state = 'running' do update set worth = 0 returning id, worth
id|worth
30|1
(1 row)
INSERT 0 1

> insert into job values (31, 'running', 7) on conflict (owner) do nothing
ERROR:  42P10: there is no unique or exclusion constraint matching the ON CONFLICT specification

> insert into job values (31, 'running', 7) on conflict (owner) where state = 'waiting' do nothing
ERROR:  42P10: there is no unique or exclusion constraint matching the ON CONFLICT specification

> insert into job values (31, 'running', 7) on conflict do nothing
INSERT 0 0

> insert into job values (1, 'new', 1) on conflict (id) where state = 'running' do update set state = excluded.state returning id, state
id|state
1|new
(1 row)
INSERT 0 1

> create view work as select id as n, owner as state, state as owner from job; insert into work values (31, 7, 'running') on conflict (state) where owner = 'running' do nothing
CREATE VIEW
INSERT 0 0

> insert into work values (31, 7, 'running') on conflict (state) where state = 1 do nothing
ERROR:  42P10: there is no unique or exclusion constraint matching the ON CONFLICT specification

> prepare p as insert into job values (1, 'running', 7) on conflict (id) where state = $1 do nothing; execute p ('x')
PREPARE
INSERT 0 0

> insert into job values (31, 'running', 7) on conflict (owner) where count(*) > 1 do nothing
ERROR:  42803: aggregate functions are not allowed in index predicates

> drop view work
DROP VIEW

# No keys of anything.
> create table task (job int references job (owner))
ERROR:  42830: there is no unique constraint matching given keys for referenced table "job"

> alter table job add constraint runs unique using index one_running
ERROR:  42809: "one_running" is a partial index
DETAIL:  Cannot create a primary key or unique constraint using such an index.

> alter table job add primary key using index one_running
ERROR:  42809: "one_running" is a partial index
DETAIL:  Cannot create a primary key or unique constraint using such an index.

# Made over rows that there are.
> create unique index twice on job (owner) where state = 'waiting'
ERROR:  23505: could not create unique index "twice"
DETAIL:  Key (owner)=(7) is duplicated.

> create unique index once on job (owner) where state = 'waiting' and id < 30; reindex index once; reindex table job
ERROR:  23505: could not create unique index "once"
DETAIL:  Key (owner)=(7) is duplicated.

# The columns they name.
> alter table job rename column state to phase; select indexdef from pg_indexes where indexname in ('one_running', 'Odd') order by 1
ALTER TABLE
indexdef
CREATE INDEX "Odd" ON public.job USING btree (worth DESC) WITH (fillfactor='80') WHERE ((worth > (10)::numeric) AND (phase <> 'lost'::text))
CREATE UNIQUE INDEX one_running ON public.job USING btree (owner) WHERE (phase = 'running'::text)
(2 rows)

> insert into job values (40, 'running', 7)
ERROR:  23505: duplicate key value violates unique constraint "one_running"
DETAIL:  Key (owner)=(7) already exists.

> alter table job alter column phase type varchar(20); insert into job values (40, 'running', 7)
ALTER TABLE
ERROR:  23505: duplicate key value violates unique constraint "one_running"
DETAIL:  Key (owner)=(7) already exists.

> alter table job alter column worth type text
ERROR:  42883: operator does not exist: text > numeric
HINT:  No operator matches the given name and argument types. You might need to add explicit type casts.

> create table alike (like job including indexes); select indexdef from pg_indexes where tablename = 'alike' order by 1
CREATE TABLE
indexdef
CREATE INDEX alike_id_idx ON public.alike USING btree (id) WHERE (gone_at IS NULL)
CREATE INDEX alike_owner_idx ON public.alike USING btree (owner) WHERE (NOT done)
CREATE INDEX alike_worth_idx ON public.alike USING btree (worth DESC) WITH (fillfactor='80') WHERE ((worth > (10)::numeric) AND (phase <> 'lost'::text))
CREATE UNIQUE INDEX alike_owner_idx1 ON public.alike USING btree (owner) WHERE (phase = 'running'::text)
CREATE UNIQUE INDEX alike_pkey ON public.alike USING btree (id)
(5 rows)

> alter table job drop column gone_at; select indexname from pg_indexes where tablename = 'job' order by 1
ALTER TABLE
indexname
Odd
job_pkey
one_running
open_jobs
(4 rows)

> truncate job; insert into job values (1, 'running', 7), (2, 'running', 7)
TRUNCATE TABLE
ERROR:  23505: duplicate key value violates unique constraint "one_running"
DETAIL:  Key (owner)=(7) already exists.

> insert into job values (1, 'running', 7), (2, 'running', 8); copy job to stdout
ERROR:  23505: duplicate key value violates unique constraint "job_pkey"
DETAIL:  Key (id)=(1) already exists.

# Refused.
> create index no on job (id) where id
ERROR:  42804: argument of WHERE must be type boolean, not type integer

> create index no on job (id) where nosuch = 1
ERROR:  42703: column "nosuch" does not exist

> create index no on job (id) where count(*) > 1
ERROR:  42803: aggregate functions are not allowed in index predicates

> create index no on job (id) where id > (select 1)
ERROR:  0A000: cannot use subquery in index predicate

> create index no on job (id) where random() > 0.5
ERROR:  42P17: functions in index predicate must be marked IMMUTABLE

> create index no on job (id) where now() > '2020-01-01'
ERROR:  42P17: functions in index predicate must be marked IMMUTABLE

> create index no on job (id) where sum(id) over () > 1
ERROR:  42P20: window functions are not allowed in index predicates

> create index no on job (id) where generate_series(1, 2) = 1
ERROR:  0A000: set-returning functions are not allowed in index predicates

> insert into job values (31, 'running', 7) on conflict (owner) where id = (select 1) do nothing
ERROR:  0A000: cannot use subquery in index predicate

> create index no on job (id) where id = $1
ERROR:  42P02: there is no parameter $1

> create table grown (id int, n int); create index big on grown (id) where n > 5; alter table grown alter column n type numeric; select pg_get_indexdef('big'::regclass)
CREATE TABLE
CREATE INDEX
ALTER TABLE
pg_get_indexdef
CREATE INDEX big ON public.grown USING btree (id) WHERE (n > (5)::numeric)
(1 row)

# Nulls.
> create table maybe (a int, x int, y int); create index has_x on maybe (a) where x is not null; insert into maybe values (1, null, null), (1, 1, null), (1, 1, 1); select count(*) from maybe where a = 1 and not (x = any ('{}')); select count(*) from maybe where a = 1 and (x = any ('{}')) = false; select count(*) from maybe where a = 1 and x + y = 2; select count(*) from maybe where a = 1 and not (x = 2); select count(*) from maybe where a = 1 and (x = 1 or x is null); select count(*) from maybe where a = 1 and (x = 1 or y = 1)
CREATE TABLE
CREATE INDEX
INSERT 0 3
count
3
(1 row)
count
3
(1 row)
count
1
(1 row)
count
2
(1 row)
count
3
(1 row)
count
2
(1 row)

# A condition that fails fails who writes.
> create table part (id int primary key, n int); create index halves on part (n) where 10 / n > 1; insert into part values (1, 2), (2, 20), (3, null)
CREATE TABLE
CREATE INDEX
INSERT 0 3

> insert into part values (4, 0)
ERROR:  22012: division by zero

> update part set n = 0 where id = 1
ERROR:  22012: division by zero

> select * from part order by id
id|n
1|2
2|20
3|
(3 rows)

# Cascades keep them, too.
> create table parent (id int primary key); create table child (id int primary key, p int references parent on delete set null on update cascade, live boolean); create unique index only_one on child (p) where live; insert into parent values (1), (2); insert into child values (1, 1, true), (2, 1, false), (3, 2, true)
CREATE TABLE
CREATE TABLE
CREATE INDEX
INSERT 0 2
INSERT 0 3

> update parent set id = 5 where id = 1; select * from child where live and p = 5; insert into child values (4, 5, true)
UPDATE 1
id|p|live
1|5|t
(1 row)
ERROR:  23505: duplicate key value violates unique constraint "only_one"
DETAIL:  Key (p)=(5) already exists.

> delete from parent where id = 5; insert into child values (4, null, true); select * from child where live order by id
DELETE 0
INSERT 0 1
id|p|live
1|1|t
3|2|t
4||t
(3 rows)

> update parent set id = 6 where id = 1; delete from parent where id = 2; select * from child order by id; delete from parent; select * from child order by id
UPDATE 1
DELETE 1
id|p|live
1|6|t
2|6|f
3||t
4||t
(4 rows)
DELETE 1
id|p|live
1||t
2||f
3||t
4||t
(4 rows)

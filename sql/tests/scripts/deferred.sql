# Foreign keys that are judged at the end of the transaction.
> create table p (id int primary key, x int)
CREATE TABLE

> create table c (id int primary key, pid int references p deferrable initially deferred not null, n int references p deferrable)
CREATE TABLE

> create table m (a int references p initially deferred, b int references p deferrable initially immediate, c int references p not deferrable initially immediate, d int references p on delete cascade on update restrict deferrable)
CREATE TABLE

> select conname, condeferrable, condeferred, pg_get_constraintdef(oid) from pg_constraint where contype = 'f' order by 1
conname|condeferrable|condeferred|pg_get_constraintdef
c_n_fkey|t|f|FOREIGN KEY (n) REFERENCES p(id) DEFERRABLE
c_pid_fkey|t|t|FOREIGN KEY (pid) REFERENCES p(id) DEFERRABLE INITIALLY DEFERRED
m_a_fkey|t|t|FOREIGN KEY (a) REFERENCES p(id) DEFERRABLE INITIALLY DEFERRED
m_b_fkey|t|f|FOREIGN KEY (b) REFERENCES p(id) DEFERRABLE
m_c_fkey|f|f|FOREIGN KEY (c) REFERENCES p(id)
m_d_fkey|t|f|FOREIGN KEY (d) REFERENCES p(id) ON UPDATE RESTRICT ON DELETE CASCADE DEFERRABLE
(6 rows)

> select constraint_name, is_deferrable, initially_deferred from information_schema.table_constraints where constraint_type = 'FOREIGN KEY' order by 1
constraint_name|is_deferrable|initially_deferred
c_n_fkey|YES|NO
c_pid_fkey|YES|YES
m_a_fkey|YES|YES
m_b_fkey|YES|NO
m_c_fkey|NO|NO
m_d_fkey|YES|NO
(6 rows)

> drop table m
DROP TABLE

> create table e (a int references p not deferrable initially deferred)
ERROR:  42601: constraint declared INITIALLY DEFERRED must be DEFERRABLE

> create table e (a int references p initially deferred not deferrable)
ERROR:  42601: constraint declared INITIALLY DEFERRED must be DEFERRABLE

> create table e (a int references p deferrable not deferrable)
ERROR:  42601: multiple DEFERRABLE/NOT DEFERRABLE clauses not allowed

> create table e (a int references p deferrable deferrable)
ERROR:  42601: multiple DEFERRABLE/NOT DEFERRABLE clauses not allowed

> create table e (a int references p initially deferred initially immediate)
ERROR:  42601: multiple INITIALLY IMMEDIATE/DEFERRED clauses not allowed

> create table e (a int not null deferrable)
ERROR:  42601: misplaced DEFERRABLE clause

> create table e (a int initially deferred)
ERROR:  42601: misplaced INITIALLY DEFERRED clause

> create table e (a int check (a > 0) not deferrable)
ERROR:  42601: misplaced NOT DEFERRABLE clause

> create table e (a int, check (a > 0) deferrable)
ERROR:  0A000: CHECK constraints cannot be marked DEFERRABLE

> create table e (a int, check (a > 0) initially deferred)
ERROR:  0A000: CHECK constraints cannot be marked DEFERRABLE

> create table e (a int, foreign key (a) references p not deferrable initially deferred)
ERROR:  42601: constraint declared INITIALLY DEFERRED must be DEFERRABLE

> create table e (a int, foreign key (a) references p deferrable not deferrable)
ERROR:  42601: conflicting constraint properties

> create table e (a int, foreign key (a) references p initially deferred no inherit)
ERROR:  0A000: FOREIGN KEY constraints cannot be marked NO INHERIT

> create table e (a int, check (a > 0) not deferrable initially immediate, foreign key (a) references p deferrable deferrable)
CREATE TABLE

> alter table e add constraint k foreign key (a) references p initially deferred not valid
ALTER TABLE

> alter table e alter constraint k deferrable
ALTER TABLE

> alter table e alter constraint e_a_fkey not deferrable
ALTER TABLE

> select conname, condeferrable, condeferred, pg_get_constraintdef(oid) from pg_constraint where conrelid = 'e'::regclass and contype = 'f' order by 1
conname|condeferrable|condeferred|pg_get_constraintdef
e_a_fkey|f|f|FOREIGN KEY (a) REFERENCES p(id)
k|t|f|FOREIGN KEY (a) REFERENCES p(id) DEFERRABLE NOT VALID
(2 rows)

> alter table e alter constraint k initially deferred deferrable
ALTER TABLE

> alter table e alter constraint k
ALTER TABLE

> select conname, condeferrable, condeferred from pg_constraint where conrelid = 'e'::regclass and contype = 'f' order by 1
conname|condeferrable|condeferred
e_a_fkey|f|f
k|f|f
(2 rows)

> alter table e alter constraint k not valid
ERROR:  0A000: FOREIGN KEY constraints cannot be marked NOT VALID

> alter table e alter constraint k no inherit
ERROR:  0A000: FOREIGN KEY constraints cannot be marked NO INHERIT

> alter table e alter constraint k not deferrable initially deferred
ERROR:  42601: constraint declared INITIALLY DEFERRED must be DEFERRABLE

> alter table e alter constraint nothing deferrable
ERROR:  42704: constraint "nothing" of relation "e" does not exist

> alter table e alter constraint e_a_check deferrable
ERROR:  42809: constraint "e_a_check" of relation "e" is not a foreign key constraint

> drop table e
DROP TABLE

# The commit judges, by what there is then.
> insert into p values (1), (2), (3)
INSERT 0 3

> begin
BEGIN

> insert into c values (1, 10), (2, 10), (3, 11)
INSERT 0 3

> insert into p values (10)
INSERT 0 1

> delete from c where id = 3
DELETE 1

> commit
COMMIT

> select * from c order by id
id|pid|n
1|10|
2|10|
(2 rows)

> begin
BEGIN

> insert into c values (3, 11)
INSERT 0 1

> update c set pid = 1 where id = 3
UPDATE 1

> commit
COMMIT

> begin
BEGIN

> insert into c values (4, 12)
INSERT 0 1

> commit
ERROR:  23503: insert or update on table "c" violates foreign key constraint "c_pid_fkey"
DETAIL:  Key (pid)=(12) is not present in table "p".

> select count(*) from c
count
3
(1 row)

> begin
BEGIN

> update c set pid = 12 where id = 1
UPDATE 1

> commit
ERROR:  23503: insert or update on table "c" violates foreign key constraint "c_pid_fkey"
DETAIL:  Key (pid)=(12) is not present in table "p".

> begin
BEGIN

> insert into c values (1, 1) on conflict (id) do update set pid = 13
INSERT 0 1

> commit
ERROR:  23503: insert or update on table "c" violates foreign key constraint "c_pid_fkey"
DETAIL:  Key (pid)=(13) is not present in table "p".

> begin
BEGIN

> insert into c (id, pid, n) values (5, 1, 14)
ERROR:  23503: insert or update on table "c" violates foreign key constraint "c_n_fkey"
DETAIL:  Key (n)=(14) is not present in table "p".

> rollback
ROLLBACK

> begin
BEGIN

> delete from p where id = 10
DELETE 1

> insert into p values (10, 5)
INSERT 0 1

> commit
COMMIT

> begin
BEGIN

> delete from p where id = 10
DELETE 1

> commit
ERROR:  23503: update or delete on table "p" violates foreign key constraint "c_pid_fkey" on table "c"
DETAIL:  Key (id)=(10) is still referenced from table "c".

> begin
BEGIN

> update p set id = 20 where id = 10
UPDATE 1

> update c set pid = 20 where pid = 10
UPDATE 2

> commit
COMMIT

> select id, pid from c order by id
id|pid
1|20
2|20
3|1
(3 rows)

# SET CONSTRAINTS.
> set constraints all deferred
WARNING:  25P01: SET CONSTRAINTS can only be used in transaction blocks
SET CONSTRAINTS

> begin
BEGIN

> set constraints nothing deferred
ERROR:  42704: constraint "nothing" does not exist

> rollback
ROLLBACK

> begin
BEGIN

> set constraints p_pkey deferred
ERROR:  42809: constraint "p_pkey" is not deferrable

> rollback
ROLLBACK

> begin
BEGIN

> set constraints p_pkey immediate
SET CONSTRAINTS

> set constraints nowhere.c_pid_fkey immediate
ERROR:  3F000: schema "nowhere" does not exist

> rollback
ROLLBACK

> begin
BEGIN

> set constraints other.public.c_pid_fkey immediate
ERROR:  0A000: cross-database references are not implemented: "other.public.c_pid_fkey"

> rollback
ROLLBACK

> begin
BEGIN

> set constraints c_n_fkey, public.c_pid_fkey deferred
SET CONSTRAINTS

> insert into c values (6, 15, 16)
INSERT 0 1

> insert into p values (15)
INSERT 0 1

> set constraints c_pid_fkey immediate
SET CONSTRAINTS

> insert into p values (16)
INSERT 0 1

> set constraints all immediate
SET CONSTRAINTS

> insert into c values (7, 17)
ERROR:  23503: insert or update on table "c" violates foreign key constraint "c_pid_fkey"
DETAIL:  Key (pid)=(17) is not present in table "p".

> rollback
ROLLBACK

> begin
BEGIN

> insert into c values (6, 15)
INSERT 0 1

> set constraints all immediate
ERROR:  23503: insert or update on table "c" violates foreign key constraint "c_pid_fkey"
DETAIL:  Key (pid)=(15) is not present in table "p".

> commit
ROLLBACK

> begin
BEGIN

> set constraints all immediate
SET CONSTRAINTS

> insert into c values (6, 15)
ERROR:  23503: insert or update on table "c" violates foreign key constraint "c_pid_fkey"
DETAIL:  Key (pid)=(15) is not present in table "p".

> rollback
ROLLBACK

# Savepoints.
> begin
BEGIN

> savepoint a
SAVEPOINT

> insert into c values (6, 15)
INSERT 0 1

> rollback to a
ROLLBACK

> commit
COMMIT

> begin
BEGIN

> insert into c values (6, 15)
INSERT 0 1

> savepoint a
SAVEPOINT

> insert into p values (15)
INSERT 0 1

> set constraints all immediate
SET CONSTRAINTS

> rollback to a
ROLLBACK

> commit
ERROR:  23503: insert or update on table "c" violates foreign key constraint "c_pid_fkey"
DETAIL:  Key (pid)=(15) is not present in table "p".

> begin
BEGIN

> savepoint a
SAVEPOINT

> set constraints all immediate
SET CONSTRAINTS

> rollback to a
ROLLBACK

> insert into c values (6, 15)
INSERT 0 1

> savepoint b
SAVEPOINT

> insert into c values (7, 15)
INSERT 0 1

> release b
RELEASE

> savepoint d
SAVEPOINT

> insert into p values (15)
INSERT 0 1

> release a
RELEASE

> commit
COMMIT

> select id, pid from c order by id
id|pid
1|20
2|20
3|1
6|15
7|15
(5 rows)

> begin
BEGIN

> savepoint a
SAVEPOINT

> insert into c values (8, 18)
INSERT 0 1

> set constraints all immediate
ERROR:  23503: insert or update on table "c" violates foreign key constraint "c_pid_fkey"
DETAIL:  Key (pid)=(18) is not present in table "p".

> rollback to a
ROLLBACK

> insert into c values (8, 18)
INSERT 0 1

> release a
RELEASE

> insert into p values (18)
INSERT 0 1

> commit
COMMIT

# Actions are not deferred; what they do to rows is.
> create table a (id int primary key references p on delete cascade on update cascade deferrable initially deferred)
CREATE TABLE

> create table r (id int references p on delete restrict deferrable initially deferred)
CREATE TABLE

> create table s (a int references a on delete set null deferrable initially deferred)
CREATE TABLE

> insert into a values (2), (3)
INSERT 0 2

> insert into r values (1)
INSERT 0 1

> insert into s values (2)
INSERT 0 1

> begin
BEGIN

> delete from p where id = 1
ERROR:  23503: update or delete on table "p" violates foreign key constraint "r_id_fkey" on table "r"
DETAIL:  Key (id)=(1) is still referenced from table "r".

> rollback
ROLLBACK

> begin
BEGIN

> delete from p where id = 2
DELETE 1

> select * from a, s
id|a
3|
(1 row)

> commit
COMMIT

> begin
BEGIN

> update p set id = 4 where id = 3
UPDATE 1

> select * from a
id
4
(1 row)

> insert into a values (30)
INSERT 0 1

> commit
ERROR:  23503: insert or update on table "a" violates foreign key constraint "a_id_fkey"
DETAIL:  Key (id)=(30) is not present in table "p".

> drop table s, r, a
DROP TABLE

# Both at once, in one table, and with nulls.
> create table t (id int primary key, next int, foreign key (next) references t deferrable initially deferred)
CREATE TABLE

> begin
BEGIN

> insert into t values (1, 2)
INSERT 0 1

> insert into t values (2, 1)
INSERT 0 1

> commit
COMMIT

> begin
BEGIN

> delete from t where id = 1
DELETE 1

> delete from t where id = 2
DELETE 1

> commit
COMMIT

> create table f (a int, b int, primary key (a, b))
CREATE TABLE

> create table g (a int, b int, foreign key (a, b) references f match full deferrable initially deferred)
CREATE TABLE

> begin
BEGIN

> insert into g values (1, null)
INSERT 0 1

> update g set a = null
UPDATE 1

> commit
COMMIT

> begin
BEGIN

> insert into g values (1, null)
INSERT 0 1

> commit
ERROR:  23503: insert or update on table "g" violates foreign key constraint "g_a_b_fkey"
DETAIL:  MATCH FULL does not allow mixing of null and nonnull key values.

> drop table t, f, g
DROP TABLE

# Definitions wait for what is pending.
> begin
BEGIN

> insert into c values (9, 19)
INSERT 0 1

> alter table c add x int
ERROR:  55006: cannot ALTER TABLE "c" because it has pending trigger events

> rollback
ROLLBACK

> begin
BEGIN

> insert into c values (9, 19)
INSERT 0 1

> alter table p owner to current_user
ALTER TABLE

> alter table c owner to current_user
ERROR:  55006: cannot ALTER TABLE "c" because it has pending trigger events

> rollback
ROLLBACK

> begin
BEGIN

> insert into c values (9, 19)
INSERT 0 1

> create index on c (pid)
ERROR:  55006: cannot CREATE INDEX "c" because it has pending trigger events

> rollback
ROLLBACK

> begin
BEGIN

> insert into c values (9, 19)
INSERT 0 1

> truncate c
ERROR:  55006: cannot TRUNCATE "c" because it has pending trigger events

> rollback
ROLLBACK

> begin
BEGIN

> insert into c values (9, 19)
INSERT 0 1

> drop table c
ERROR:  55006: cannot DROP TABLE "c" because it has pending trigger events

> rollback
ROLLBACK

> begin
BEGIN

> delete from p where id = 1
DELETE 1

> truncate p cascade
ERROR:  55006: cannot TRUNCATE "p" because it has pending trigger events

> rollback
ROLLBACK

> begin
BEGIN

> insert into c values (9, 19)
INSERT 0 1

> alter table p add y int
ALTER TABLE

> alter table c rename n to m
ALTER TABLE

> alter table c rename constraint c_pid_fkey to k
ALTER TABLE

> insert into p values (19)
INSERT 0 1

> set constraints all immediate
SET CONSTRAINTS

> alter table c add x int
ALTER TABLE

> commit
COMMIT

> alter table c drop constraint c_n_fkey
ALTER TABLE

> begin
BEGIN

> insert into c values (10, 21), (11, 22)
INSERT 0 2

> drop table p cascade
NOTICE:  00000: drop cascades to constraint k on table c
DROP TABLE

> commit
COMMIT

> drop table c
DROP TABLE

# Prepared statements, cursors, settings, transactions, COPY, functions over the session.
> create table s (id int primary key, v text)
CREATE TABLE

> insert into s select g, 'v' || g from generate_series(1, 10) g
INSERT 0 10

> prepare p1 (int) as select v from s where id = $1
PREPARE

> execute p1 (3)
v
v3
(1 row)

> execute p1
ERROR:  42601: wrong number of parameters for prepared statement "p1"
DETAIL:  Expected 1 parameters but got 0.

> execute p1 (1, 2)
ERROR:  42601: wrong number of parameters for prepared statement "p1"
DETAIL:  Expected 1 parameters but got 2.

> execute p1 ('x')
ERROR:  22P02: invalid input syntax for type integer: "x"

> prepare p1 as select 1
ERROR:  42P05: prepared statement "p1" already exists

> prepare p2 as insert into s values ($1, $2) returning id
PREPARE

> execute p2 (11, 'eleven')
id
11
(1 row)
INSERT 0 1

> execute p2 (11, 'eleven')
ERROR:  23505: duplicate key value violates unique constraint "s_pkey"
DETAIL:  Key (id)=(11) already exists.

> prepare p3 as select $1::int + $2
PREPARE

> execute p3 (1, 2)
?column?
3
(1 row)

> prepare p4 as select $1
PREPARE

> execute p4 ('x')
?column?
x
(1 row)

> prepare p5 as select nosuch
ERROR:  42703: column "nosuch" does not exist

> deallocate p1
DEALLOCATE

> execute p1 (1)
ERROR:  26000: prepared statement "p1" does not exist

> deallocate all
DEALLOCATE ALL

> deallocate nosuch
ERROR:  26000: prepared statement "nosuch" does not exist

> begin
BEGIN

> declare c cursor for select id, v from s order by id
DECLARE CURSOR

> fetch c
id|v
1|v1
(1 row)

> fetch 2 from c
id|v
2|v2
3|v3
(2 rows)

> fetch next from c
id|v
4|v4
(1 row)

> move 2 in c
MOVE 2

> fetch forward 1 from c
id|v
7|v7
(1 row)

> fetch all from c
id|v
8|v8
9|v9
10|v10
11|eleven
(4 rows)

> fetch c
id|v
(0 rows)

> close c
CLOSE CURSOR

> fetch c
ERROR:  34000: cursor "c" does not exist

> rollback
ROLLBACK

> begin
BEGIN

> declare sc scroll cursor for select id from s order by id
DECLARE CURSOR

> fetch last from sc
id
11
(1 row)

> fetch prior from sc
id
10
(1 row)

> fetch first from sc
id
1
(1 row)

> fetch absolute 4 from sc
id
4
(1 row)

> fetch relative -2 from sc
id
2
(1 row)

> fetch backward all from sc
id
1
(1 row)

> fetch forward all from sc
id
1
2
3
4
5
6
7
8
9
10
11
(11 rows)

> close all
CLOSE CURSOR ALL

> commit
COMMIT

> declare nc cursor for select 1
ERROR:  25P01: DECLARE CURSOR can only be used in transaction blocks

> begin
BEGIN

> commit
COMMIT

> begin
BEGIN

> declare uc cursor for select id from s where id < 3 order by id for update
DECLARE CURSOR

> fetch uc
id
1
(1 row)

> commit
COMMIT

> show server_version_num
server_version_num
150018
(1 row)

> show search_path
search_path
"$user", public
(1 row)

> set search_path to pg_catalog, public
SET

> show search_path
search_path
pg_catalog, public
(1 row)

> reset search_path
RESET

> set work_mem = '8MB'
SET

> show work_mem
work_mem
8MB
(1 row)

> set work_mem to default
SET

> set work_mem = 'abc'
ERROR:  22023: invalid value for parameter "work_mem": "abc"

> set work_mem = 1
ERROR:  22023: 1 kB is outside the valid range for parameter "work_mem" (64 .. 2147483647)

> set nosuch = 1
ERROR:  42704: unrecognized configuration parameter "nosuch"

> show nosuch
ERROR:  42704: unrecognized configuration parameter "nosuch"

> set my.var = 'x'
SET

> show my.var
my.var
x
(1 row)

> set local statement_timeout = 1000
WARNING:  25P01: SET LOCAL can only be used in transaction blocks
SET

> begin
BEGIN

> set local statement_timeout = 1000
SET

> show statement_timeout
statement_timeout
1s
(1 row)

> commit
COMMIT

> show statement_timeout
statement_timeout
0
(1 row)

> set session characteristics as transaction isolation level repeatable read
SET

> show default_transaction_isolation
default_transaction_isolation
repeatable read
(1 row)

> set default_transaction_isolation to 'read committed'
SET

> show transaction_isolation
transaction_isolation
read committed
(1 row)

> set transaction isolation level serializable
WARNING:  25P01: SET TRANSACTION can only be used in transaction blocks
SET

> begin
BEGIN

> set transaction isolation level repeatable read
SET

> show transaction_isolation
transaction_isolation
repeatable read
(1 row)

> select 1
?column?
1
(1 row)

> set transaction isolation level read committed
ERROR:  25001: SET TRANSACTION ISOLATION LEVEL must be called before any query

> rollback
ROLLBACK

> set client_encoding to 'UTF8'
SET

> show client_encoding
client_encoding
UTF8
(1 row)

> show server_encoding
server_encoding
UTF8
(1 row)

> show standard_conforming_strings
standard_conforming_strings
on
(1 row)

> set timezone to 'Nowhere/Else'
ERROR:  22023: invalid value for parameter "TimeZone": "Nowhere/Else"

> set time zone 'Europe/Paris'
SET

> set extra_float_digits = 0
SET

> select 0.1::float8 + 0.2
?column?
0.3
(1 row)

> reset all
RESET

> select set_config('work_mem', '5MB', false), current_setting('work_mem'), current_setting('nosuch', true)
set_config|current_setting|current_setting
5MB|5MB|
(1 row)

> select current_setting('nosuch')
ERROR:  42704: unrecognized configuration parameter "nosuch"

> select name, setting, unit from pg_settings where name in ('work_mem', 'max_connections') order by name
name|setting|unit
max_connections|100|
work_mem|5120|kB
(2 rows)

> discard all
DISCARD ALL

> set statement_timeout = 50
SET

> select pg_sleep(5)
ERROR:  57014: canceling statement due to statement timeout

> reset statement_timeout
RESET

> set lock_timeout = '1s'
SET

> show lock_timeout
lock_timeout
1s
(1 row)

> set application_name = 'judge'
SET

> show application_name
application_name
judge
(1 row)

> select count(*) from pg_stat_activity where application_name = 'judge'
count
1
(1 row)

> copy s to stdout
1	v1
2	v2
3	v3
4	v4
5	v5
6	v6
7	v7
8	v8
9	v9
10	v10
11	eleven

> copy s (v) to stdout with (format csv, header)
v
v1
v2
v3
v4
v5
v6
v7
v8
v9
v10
eleven

> copy (select id, null, 'a,"b' from s where id < 3 order by id) to stdout csv
1,,"a,""b"
2,,"a,""b"

> copy (select id, null, E'tab\there\\' from s where id < 3 order by id) to stdout (null 'N', delimiter '|')
1|N|tab\there\\
2|N|tab\there\\

> copy nosuch to stdout
ERROR:  42P01: relation "nosuch" does not exist

> copy s (nosuch) to stdout
ERROR:  42703: column "nosuch" of relation "s" does not exist

> copy s to stdout (format nosuch)
ERROR:  22023: COPY format "nosuch" not recognized

> explain (costs off) select * from s where id = 1
QUERY PLAN
Index Scan using s_pkey on s
  Index Cond: (id = 1)
(2 rows)

> select txid_current_if_assigned() is null
?column?
t
(1 row)

> begin
BEGIN

> set transaction isolation level repeatable read, read only
SET

> show transaction_isolation
transaction_isolation
repeatable read
(1 row)

> show transaction_read_only
transaction_read_only
on
(1 row)

> commit
COMMIT

> start transaction isolation level repeatable read
START TRANSACTION

> set local work_mem = '3MB'
SET

> show work_mem
work_mem
3MB
(1 row)

> lock table s in access share mode
LOCK TABLE

> set transaction read only
SET

> commit
COMMIT

> set local work_mem = '4MB'
WARNING:  25P01: SET LOCAL can only be used in transaction blocks
SET

> begin
BEGIN

> declare r scroll cursor for select id from s order by id
DECLARE CURSOR

> fetch relative 3 from r
id
3
(1 row)

> fetch 0 from r
id
3
(1 row)

> fetch backward 1 from r
id
2
(1 row)

> move forward all in r
MOVE 9

> fetch prior from r
id
11
(1 row)

> fetch absolute -2 from r
id
10
(1 row)

> fetch absolute 0 from r
id
(0 rows)

> fetch next from r
id
1
(1 row)

> fetch absolute 99 from r
id
(0 rows)

> fetch backward 2 from r
id
11
10
(2 rows)

> fetch relative -100 from r
id
(0 rows)

> fetch forward -1 from r
id
(0 rows)

> fetch 2 from r
id
1
2
(2 rows)

> commit
COMMIT

> begin
BEGIN

> declare n no scroll cursor for select id from s order by id
DECLARE CURSOR

> fetch relative 2 from n
id
2
(1 row)

> fetch absolute 4 from n
id
4
(1 row)

> fetch absolute 4 from n
ERROR:  55000: cursor can only scan forward
HINT:  Declare it with SCROLL option to enable backward scan.

> commit
ROLLBACK

# What SET LOCAL takes back is the session's again afterwards.
> set work_mem = '8MB'
SET

> begin; set local work_mem to default; show work_mem; commit
BEGIN
SET
work_mem
4MB
(1 row)
COMMIT

> show work_mem
work_mem
8MB
(1 row)

> begin; select set_config('work_mem', null, true)
BEGIN
set_config
4MB
(1 row)

> commit; show work_mem
COMMIT
work_mem
8MB
(1 row)

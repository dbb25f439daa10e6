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

# What a prepared statement yields stays: the names of its columns, their types, and how many there are.
> create table sp (id int primary key, v varchar(10))
CREATE TABLE

> insert into sp values (1, 'a')
INSERT 0 1

> prepare p6 as select * from sp
PREPARE

> prepare p7 (int) as update sp set v = 'b' where id = $1 returning *
PREPARE

> prepare p8 as select id from sp
PREPARE

> alter table sp rename v to w
ALTER TABLE

> execute p6
ERROR:  0A000: cached plan must not change result type

> execute p7 (1)
ERROR:  42703: column "v" of relation "sp" does not exist

> explain execute p6
ERROR:  0A000: cached plan must not change result type

> execute p8
id
1
(1 row)

> alter table sp rename w to v
ALTER TABLE

> execute p6
id|v
1|a
(1 row)

> execute p7 (1)
id|v
1|b
(1 row)
UPDATE 1

> alter table sp alter v type varchar(20)
ALTER TABLE

> execute p6
ERROR:  0A000: cached plan must not change result type

> alter table sp alter v type varchar(10)
ALTER TABLE

> begin
BEGIN

> alter table sp add n int
ALTER TABLE

> execute p6
ERROR:  0A000: cached plan must not change result type

> rollback
ROLLBACK

> execute p6
id|v
1|b
(1 row)

> drop table sp
DROP TABLE

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

# Counted in blocks of 8 kB.
> set temp_buffers = '16MB'
SET

> show temp_buffers
temp_buffers
16MB
(1 row)

> set temp_buffers = 300
SET

> select name, setting, unit from pg_settings where name in ('temp_buffers', 'effective_cache_size') order by name
name|setting|unit
effective_cache_size|524288|8kB
temp_buffers|300|8kB
(2 rows)

> select current_setting('temp_buffers'), current_setting('effective_cache_size')
current_setting|current_setting
2400kB|4GB
(1 row)

> set temp_buffers = '80kB'
ERROR:  22023: 10 8kB is outside the valid range for parameter "temp_buffers" (100 .. 1073741823)

> reset temp_buffers
RESET

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

> set time zone interval '-08:30' hour to minute
SET

> show timezone
TimeZone
<-08:30>+08:30
(1 row)

> select timestamptz '2024-07-01 00:00+00'
timestamptz
2024-06-30 15:30:00-08:30
(1 row)

> set time zone interval '-3' hour; show timezone
SET
TimeZone
<-03>+03
(1 row)

> set time zone -3.5; show timezone; select timestamptz '2024-07-01 00:00+00'
SET
TimeZone
<-03:30>+03:30
(1 row)
timestamptz
2024-06-30 20:30:00-03:30
(1 row)

> set timezone = 120; show timezone; select timestamptz '2024-07-01 00:00+00'
SET
TimeZone
<+120>-120
(1 row)
timestamptz
2024-07-06 00:00:00+120
(1 row)

> set timezone = 168
ERROR:  22023: invalid value for parameter "TimeZone": "168"
DETAIL:  UTC timezone offset is out of range.

> set time zone interval '1 day'
ERROR:  22023: invalid value for parameter "TimeZone": "INTERVAL '1 day'"
DETAIL:  Cannot specify days in time zone interval.

> set time zone interval 'nothing'
ERROR:  22007: invalid input syntax for type interval: "nothing"

> set time zone interval '200:00'
ERROR:  22023: invalid value for parameter "TimeZone": "INTERVAL '200:00:00'"
DETAIL:  UTC timezone offset is out of range.

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

# Each value of SET is a name of its own; other texts are lists of names.
> set search_path = 'a, b', "C d"; show search_path
SET
search_path
"a, b", "C d"
(1 row)

> set search_path = ''; show search_path
SET
search_path
""
(1 row)

> select set_config('search_path', 'a, "B c"', false)
set_config
a, "B c"
(1 row)

> select set_config('search_path', 'a b', false)
ERROR:  22023: invalid value for parameter "search_path": "a b"
DETAIL:  List syntax is invalid.

> select set_config('search_path', 'a,,b', false)
ERROR:  22023: invalid value for parameter "search_path": "a,,b"
DETAIL:  List syntax is invalid.

> reset search_path
RESET

# What a role is given must be what a session can have.
> create role given
CREATE ROLE

> alter role given set nosuch = 1
ERROR:  42704: unrecognized configuration parameter "nosuch"

> alter role given set work_mem = 'much'
ERROR:  22023: invalid value for parameter "work_mem": "much"

> alter role given set server_version = '1'
ERROR:  55P02: parameter "server_version" cannot be changed

> alter role given set my.own = 'x'; alter role given set search_path to "A b", c; alter role given set datestyle = ISO
ALTER ROLE
ALTER ROLE
ALTER ROLE

> alter role given set my.Ä = 'x'; alter role given set my.Ä = 'y'; alter role given reset my.Ä
ALTER ROLE
ALTER ROLE
ALTER ROLE

> select unnest(rolconfig) from pg_roles where rolname = 'given'
unnest
my.own=x
search_path="A b", c
DateStyle=iso
(3 rows)

> alter role given reset my.own; alter role given reset SEARCH_PATH; select rolconfig from pg_roles where rolname = 'given'
ALTER ROLE
ALTER ROLE
rolconfig
{DateStyle=iso}
(1 row)

> drop role given
DROP ROLE

> set session authorization default; reset session authorization; show session_authorization
SET
RESET
session_authorization
postgres
(1 row)

> set session authorization postgres; set session_authorization = 'postgres'
SET
SET

# The numbers that follow from a seed are PostgreSQL's.
> select setseed(0.5)
setseed
(1 row)

> select random(), random()
random|random
0.9851677175347999|0.825301858027981
(1 row)

> select setseed(0.3)
setseed
(1 row)

# A volatile item of the list is known again in ORDER BY: rows go by the values that are shown.
> select i, random() r from generate_series(1, 4) i order by random()
i|r
3|0.04390722934237634
4|0.07203715234249097
2|0.09576053854453082
1|0.662926946301782
(4 rows)

> select setseed(null), setseed(1.23456789)
ERROR:  22023: setseed parameter 1.23457 is out of allowed range [-1,1]

> select setseed('NaN')
ERROR:  22023: setseed parameter NaN is out of allowed range [-1,1]

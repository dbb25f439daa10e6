# DateStyle, IntervalStyle and bytea_output: what is written, and what is read.
> set time zone 'America/New_York'
SET

> create table shown (d date, t timestamp, z timestamptz, i interval, b bytea)
CREATE TABLE

> insert into shown values ('2024-02-09', '2024-02-09 04:05:06.78', '2024-02-09 04:05:06+00', '1 year 2 mons -3 days 04:05:06.7', '\x006a5c7e7fff'), ('0044-03-15 BC', '0044-03-15 12:00 BC', '12345-07-01 00:00+00', '-1 day', ''), ('infinity', '-infinity', 'infinity', '0', null)
INSERT 0 3

> show datestyle; set datestyle = sql; show datestyle; select d, t, z from shown
DateStyle
ISO, MDY
(1 row)
SET
DateStyle
SQL, MDY
(1 row)
d|t|z
02/09/2024|02/09/2024 04:05:06.78|02/08/2024 23:05:06 EST
03/15/0044 BC|03/15/0044 12:00:00 BC|06/30/12345 20:00:00 EDT
infinity|-infinity|infinity
(3 rows)

> set datestyle = dmy; select d, t, z from shown
SET
d|t|z
09/02/2024|09/02/2024 04:05:06.78|08/02/2024 23:05:06 EST
15/03/0044 BC|15/03/0044 12:00:00 BC|30/06/12345 20:00:00 EDT
infinity|-infinity|infinity
(3 rows)

> set datestyle = german; show datestyle; select d, t, z from shown
SET
DateStyle
German, DMY
(1 row)
d|t|z
09.02.2024|09.02.2024 04:05:06.78|08.02.2024 23:05:06 EST
15.03.0044 BC|15.03.0044 12:00:00 BC|30.06.12345 20:00:00 EDT
infinity|-infinity|infinity
(3 rows)

> set datestyle = postgres; show datestyle; select d, t, z from shown
SET
DateStyle
Postgres, DMY
(1 row)
d|t|z
09-02-2024|Fri 09 Feb 04:05:06.78 2024|Thu 08 Feb 23:05:06 2024 EST
15-03-0044 BC|Fri 15 Mar 12:00:00 0044 BC|Sat 30 Jun 20:00:00 12345 EDT
infinity|-infinity|infinity
(3 rows)

> set datestyle to postgres, mdy; select d, t, z from shown
SET
d|t|z
02-09-2024|Fri Feb 09 04:05:06.78 2024|Thu Feb 08 23:05:06 2024 EST
03-15-0044 BC|Fri Mar 15 12:00:00 0044 BC|Sat Jun 30 20:00:00 12345 EDT
infinity|-infinity|infinity
(3 rows)

> set datestyle to iso, ymd; show datestyle; select d, t, z from shown
SET
DateStyle
ISO, YMD
(1 row)
d|t|z
2024-02-09|2024-02-09 04:05:06.78|2024-02-08 23:05:06-05
0044-03-15 BC|0044-03-15 12:00:00 BC|12345-06-30 20:00:00-04
infinity|-infinity|infinity
(3 rows)

> set datestyle = 'iso mdy'
ERROR:  22023: invalid value for parameter "DateStyle": "iso mdy"
DETAIL:  List syntax is invalid.

> set datestyle = 'sql, iso'
ERROR:  22023: invalid value for parameter "DateStyle": "sql, iso"
DETAIL:  Conflicting "datestyle" specifications.

> set datestyle = nosuch
ERROR:  22023: invalid value for parameter "DateStyle": "nosuch"
DETAIL:  Unrecognized key word: "nosuch".

> set datestyle = 'sql, noneuropean, us, default'; show datestyle
SET
DateStyle
SQL, MDY
(1 row)

> reset datestyle; show datestyle
RESET
DateStyle
ISO, MDY
(1 row)

# Texts in casts, functions, arrays, rows and messages; JSON has its own.
> set datestyle = german; select d::text, 'on ' || d, format('%s', t), array[t], row(d, t), concat(z), array[d]::text[] from shown limit 1
SET
d|?column?|format|array|row|concat|array
09.02.2024|on 09.02.2024|09.02.2024 04:05:06.78|{"09.02.2024 04:05:06.78"}|(09.02.2024,"09.02.2024 04:05:06.78")|08.02.2024 23:05:06 EST|{09.02.2024}
(1 row)

> select to_json(d), to_jsonb(t), json_build_object(d, z), to_json(array[d]), row_to_json(row(d, i)), to_char(d, 'YYYY-MM-DD') from shown limit 1
to_json|to_jsonb|json_build_object|to_json|row_to_json|to_char
"2024-02-09"|"2024-02-09T04:05:06.78"|{"2024-02-09" : "2024-02-08T23:05:06-05:00"}|["2024-02-09"]|{"f1":"2024-02-09","f2":"1 year 2 mons -3 days +04:05:06.7"}|2024-02-09
(1 row)

> create table checked (d date primary key check (d > '01.01.2024'), e date default '01.02.2024')
CREATE TABLE

> insert into checked values ('09.02.2024'), ('10.02.2024')
INSERT 0 2

> insert into checked values ('09.02.2024')
ERROR:  23505: duplicate key value violates unique constraint "checked_pkey"
DETAIL:  Key (d)=(09.02.2024) already exists.

> insert into checked values ('09.02.2023')
ERROR:  23514: new row for relation "checked" violates check constraint "checked_d_check"
DETAIL:  Failing row contains (09.02.2023, 01.02.2024).

> set datestyle = mdy; insert into checked values ('03/04/2024'); set datestyle = iso; select * from checked order by d
SET
INSERT 0 1
SET
d|e
2024-02-09|2024-02-01
2024-02-10|2024-02-01
2024-03-04|2024-02-01
(3 rows)

> create view early as select * from checked where d < '03/01/2024' order by d; set datestyle = dmy; select * from early
CREATE VIEW
SET
d|e
2024-02-09|2024-02-01
2024-02-10|2024-02-01
(2 rows)

> select d::text from early; set datestyle = sql; select d::text from early
d
2024-02-09
2024-02-10
(2 rows)
SET
d
09/02/2024
10/02/2024
(2 rows)

> reset datestyle
RESET

# What the order of the fields decides.
> select date '01/02/2003', timestamp '1-2-03 4:05', '8 Jan 1999'::date, 'Jan-1999-08'::date, '1999.008'::date, '04:05:06 8 Jan 1999'::timestamp, date '1 2 2003'
date|timestamp|date|date|date|timestamp|date
2003-01-02|2003-01-02 04:05:00|1999-01-08|1999-01-08|1999-01-08|1999-01-08 04:05:06|2003-01-02
(1 row)

> set datestyle = dmy; select date '01/02/2003', timestamp '1-2-03 4:05', '8 Jan 1999'::date, 'Jan 8 1999'::date, '1999-01-08'::date, date '1 2 2003', date '19990108'
SET
date|timestamp|date|date|date|date|date
2003-02-01|2003-02-01 04:05:00|1999-01-08|1999-01-08|1999-01-08|2003-02-01|1999-01-08
(1 row)

> set datestyle = ymd; select date '01/02/03', timestamp '1-2-03 4:05', '8 Jan 1999'::date, '99 Jan 8'::date, '99-Jan-08'::date, '08-Jan-1999'::date, date '99 008', '1999-01-08'::date
SET
date|timestamp|date|date|date|date|date|date
2001-02-03|2001-02-03 04:05:00|1999-01-08|1999-01-08|1999-01-08|1999-01-08|1999-01-08|1999-01-08
(1 row)

> select date '01/02/2003'
ERROR:  22008: date/time field value out of range: "01/02/2003"
HINT:  Perhaps you need a different "datestyle" setting.

> set datestyle = dmy; select date '02/13/2003'
SET
ERROR:  22008: date/time field value out of range: "02/13/2003"
HINT:  Perhaps you need a different "datestyle" setting.

> set datestyle = mdy; select date '13/02/2003'
SET
ERROR:  22008: date/time field value out of range: "13/02/2003"
HINT:  Perhaps you need a different "datestyle" setting.

> select date 'Jan-08 1999'
ERROR:  22007: invalid input syntax for type date: "Jan-08 1999"

> select date '40 jan 1999'
ERROR:  22008: date/time field value out of range: "40 jan 1999"
HINT:  Perhaps you need a different "datestyle" setting.

> select date '99-Jan-08'
date
1999-01-08
(1 row)

> set datestyle = dmy; prepare dated as select date '01/02/2003', $1::date; execute dated('01/02/2003'); set datestyle = mdy; execute dated('01/02/2003'); deallocate dated
SET
PREPARE
date|date
2003-02-01|2003-02-01
(1 row)
SET
date|date
2003-02-01|2003-01-02
(1 row)
DEALLOCATE

> set datestyle = postgres; select 'Fri Feb 09 04:05:06 2024 EST'::timestamptz, 'Fri 09 Feb 04:05:06 2024'::timestamp; reset datestyle
SET
timestamptz|timestamp
Fri Feb 09 04:05:06 2024 EST|Fri Feb 09 04:05:06 2024
(1 row)
RESET

# A zone without abbreviations shows its offset.
> set datestyle = sql; set time zone 'Asia/Kathmandu'; select z from shown limit 1
SET
SET
z
02/09/2024 09:50:06 +0545
(1 row)

> set time zone -5; select z, to_char(z, 'TZ') from shown limit 1
SET
z|to_char
02/08/2024 23:05:06 -05|-05
(1 row)

> set time zone 'America/Sao_Paulo'; select z, to_char(z, 'TZ') from shown limit 1
SET
z|to_char
02/09/2024 01:05:06 -03|-03
(1 row)

> reset datestyle; set time zone 'UTC'
RESET
SET

# Intervals.
> create table spans (i interval); insert into spans values ('1 year 2 mons'), ('-1 year -2 mons'), ('3 days 04:05:06.7'), ('-3 days -04:05:06.7'), ('04:05:06'), ('-00:00:00.5'), ('1 year -3 days 04:05:06.7'), ('-1 mon 3 days -00:00:01'), ('0'), ('1 day 1 hour 1 min 1 sec'), ('100 hours 1 mon'), ('-1 day 00:00:01.5'), ('1 year 1 day'), ('00:00:01')
CREATE TABLE
INSERT 0 14

> set intervalstyle = postgres_verbose; show intervalstyle; select i from spans
SET
IntervalStyle
postgres_verbose
(1 row)
i
@ 1 year 2 mons
@ 1 year 2 mons ago
@ 3 days 4 hours 5 mins 6.7 secs
@ 3 days 4 hours 5 mins 6.7 secs ago
@ 4 hours 5 mins 6 secs
@ 0.5 secs ago
@ 1 year -3 days 4 hours 5 mins 6.7 secs
@ 1 mon -3 days 1 sec ago
@ 0
@ 1 day 1 hour 1 min 1 sec
@ 1 mon 100 hours
@ 1 day -1.5 secs ago
@ 1 year 1 day
@ 1 sec
(14 rows)

> set intervalstyle = sql_standard; select i from spans
SET
i
1-2
-1-2
3 4:05:06.7
-3 4:05:06.7
4:05:06
-0:00:00.5
+1-0 -3 +4:05:06.7
-0-1 +3 -0:00:01
0
1 1:01:01
+0-1 +0 +100:00:00
+0-0 -1 +0:00:01.5
+1-0 +1 +0:00:00
0:00:01
(14 rows)

> set intervalstyle = ISO_8601; show intervalstyle; select i, i::text, to_json(i), array[i] from spans
SET
IntervalStyle
iso_8601
(1 row)
i|i|to_json|array
P1Y2M|P1Y2M|"P1Y2M"|{P1Y2M}
P-1Y-2M|P-1Y-2M|"P-1Y-2M"|{P-1Y-2M}
P3DT4H5M6.7S|P3DT4H5M6.7S|"P3DT4H5M6.7S"|{P3DT4H5M6.7S}
P-3DT-4H-5M-6.7S|P-3DT-4H-5M-6.7S|"P-3DT-4H-5M-6.7S"|{P-3DT-4H-5M-6.7S}
PT4H5M6S|PT4H5M6S|"PT4H5M6S"|{PT4H5M6S}
PT-0.5S|PT-0.5S|"PT-0.5S"|{PT-0.5S}
P1Y-3DT4H5M6.7S|P1Y-3DT4H5M6.7S|"P1Y-3DT4H5M6.7S"|{P1Y-3DT4H5M6.7S}
P-1M3DT-1S|P-1M3DT-1S|"P-1M3DT-1S"|{P-1M3DT-1S}
PT0S|PT0S|"PT0S"|{PT0S}
P1DT1H1M1S|P1DT1H1M1S|"P1DT1H1M1S"|{P1DT1H1M1S}
P1MT100H|P1MT100H|"P1MT100H"|{P1MT100H}
P-1DT1.5S|P-1DT1.5S|"P-1DT1.5S"|{P-1DT1.5S}
P1Y1D|P1Y1D|"P1Y1D"|{P1Y1D}
PT1S|PT1S|"PT1S"|{PT1S}
(14 rows)

> set intervalstyle = postgres; select interval '-1 2:03:04', interval '-1-2 3 4:05:06', interval '-1 day 2 hours', interval '-1 week +2 days'
SET
interval|interval|interval|interval
-1 days +02:03:04|-1 years -2 mons +3 days 04:05:06|-1 days +02:00:00|-5 days
(1 row)

> set intervalstyle = sql_standard; select interval '-1 2:03:04', interval '-1-2 3 4:05:06', interval '-1 day 2 hours', interval '-1 week +2 days', interval '-1 week 2 days', interval '1 -2:03'
SET
interval|interval|interval|interval|interval|interval
-1 2:03:04|-1-2 -3 -4:05:06|-1 2:00:00|-5 0:00:00|-9 0:00:00|+0-0 +1 -2:03:00
(1 row)

> reset intervalstyle; select interval '-1 2:03:04', interval '-1-2 3 4:05:06', interval '-1 day 2 hours'
RESET
interval|interval|interval
-1 days +02:03:04|-1 years -2 mons +3 days 04:05:06|-1 days +02:00:00
(1 row)

> set intervalstyle = german
ERROR:  22023: invalid value for parameter "intervalstyle": "german"
HINT:  Available values: postgres, postgres_verbose, sql_standard, iso_8601.

# Bytes.
> set bytea_output = escape; show bytea_output; select b, b::text, length(b::text), array[b], row(b), to_json(b), encode(b, 'hex') from shown
SET
bytea_output
escape
(1 row)
b|b|length|array|row|to_json|encode
\000j\\~\177\377|\000j\\~\177\377|16|{"\\000j\\\\~\\177\\377"}|("\\000j\\\\~\\177\\377")|"\\000j\\\\~\\177\\377"|006a5c7e7fff
||0|{""}|("")|""|
|||{NULL}|()||
(3 rows)

> set bytea_output = hex; select b, b::text from shown
SET
b|b
\x006a5c7e7fff|\x006a5c7e7fff
\x|\x
|
(3 rows)

> set bytea_output = octal
ERROR:  22023: invalid value for parameter "bytea_output": "octal"
HINT:  Available values: escape, hex.

# SET LOCAL, and what rolling back takes back.
> begin; set local datestyle = german; set local intervalstyle = iso_8601; select d, i from shown limit 1; commit; select d, i from shown limit 1
BEGIN
SET
SET
d|i
09.02.2024|P1Y2M-3DT4H5M6.7S
(1 row)
COMMIT
d|i
2024-02-09|1 year 2 mons -3 days +04:05:06.7
(1 row)

> begin; set datestyle = german; savepoint s; set datestyle = sql; select d from shown limit 1; rollback to s; select d from shown limit 1; rollback; select d from shown limit 1
BEGIN
SET
SAVEPOINT
SET
d
09/02/2024
(1 row)
ROLLBACK
d
09.02.2024
(1 row)
ROLLBACK
d
2024-02-09
(1 row)

> drop table shown, spans; drop view early; drop table checked
DROP TABLE
DROP VIEW
DROP TABLE

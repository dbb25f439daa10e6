# Cursors that outlive their transactions.
> create table held (id int primary key, v text); insert into held select i, 'row ' || i from generate_series(1, 10) i
CREATE TABLE
INSERT 0 10

> begin
BEGIN

> declare c cursor with hold for select id, v from held order by id
DECLARE CURSOR

> fetch 2 from c
id|v
1|row 1
2|row 2
(2 rows)

> delete from held where id > 5
DELETE 5

> commit
COMMIT

> fetch 3 from c
id|v
3|row 3
4|row 4
5|row 5
(3 rows)

> select name, is_holdable, is_binary from pg_cursors
name|is_holdable|is_binary
c|t|f
(1 row)

> begin
BEGIN

> fetch from c
id|v
6|row 6
(1 row)

> rollback
ROLLBACK

# What a later transaction does, and how it ends, is nothing to the cursor.
> begin
BEGIN

> move 1 in c
MOVE 1

> select 1 / 0
ERROR:  22012: division by zero

> fetch c
ERROR:  25P02: current transaction is aborted, commands ignored until end of transaction block

> rollback
ROLLBACK

> fetch all from c
id|v
8|row 8
9|row 9
10|row 10
(3 rows)

> fetch c
id|v
(0 rows)

> close c
CLOSE CURSOR

> fetch c
ERROR:  34000: cursor "c" does not exist

# Outside of a block.
> declare d cursor with hold for select id from held order by id
DECLARE CURSOR

> fetch d
id
1
(1 row)

> declare d cursor with hold for select 1
ERROR:  42P03: cursor "d" already exists

> declare e scroll cursor with hold for select id from held order by id desc
DECLARE CURSOR

> fetch 2 from e
id
5
4
(2 rows)

> fetch backward 1 from e
id
5
(1 row)

> fetch last from e
id
1
(1 row)

> fetch first from e
id
5
(1 row)

> fetch absolute 3 from e
id
3
(1 row)

> fetch relative -1 from e
id
4
(1 row)

> fetch all from e
id
3
2
1
(3 rows)

> fetch prior from e
id
1
(1 row)

> select name from pg_cursors order by name
name
d
e
(2 rows)

> close all
CLOSE CURSOR ALL

> select count(*) from pg_cursors
count
0
(1 row)

# It goes with the transaction that made it, and with its savepoint.
> begin
BEGIN

> declare f cursor with hold for select 1
DECLARE CURSOR

> rollback
ROLLBACK

> fetch f
ERROR:  34000: cursor "f" does not exist

> begin
BEGIN

> savepoint s
SAVEPOINT

> declare f cursor with hold for select 1 as one
DECLARE CURSOR

> rollback to s
ROLLBACK

> declare g cursor with hold for select 2 as two
DECLARE CURSOR

> commit
COMMIT

> fetch f
ERROR:  34000: cursor "f" does not exist

> fetch g
two
2
(1 row)

> fetch g
two
(0 rows)

# The query runs to its end when the transaction commits, which fails if it does.
> begin
BEGIN

> declare h cursor with hold for select 10 / (3 - i) from generate_series(1, 5) i
DECLARE CURSOR

> fetch h
?column?
5
(1 row)

> insert into held values (100, 'not kept')
INSERT 0 1

> commit
ERROR:  22012: division by zero

> select count(*) from held where id = 100
count
0
(1 row)

> fetch h
ERROR:  34000: cursor "h" does not exist

# A query that has no rows left.
> begin
BEGIN

> declare i scroll cursor with hold for select id from held order by id
DECLARE CURSOR

> fetch all from i
id
1
2
3
4
5
(5 rows)

> commit
COMMIT

> fetch i
id
(0 rows)

> move backward all in i
MOVE 5

> close i
CLOSE CURSOR

# Without hold, and what cannot be held.
> declare j cursor without hold for select 1
ERROR:  25P01: DECLARE CURSOR can only be used in transaction blocks

> declare j cursor with hold for select id from held for update
ERROR:  0A000: DECLARE CURSOR WITH HOLD ... FOR UPDATE is not supported
DETAIL:  Holdable cursors must be READ ONLY.

> declare j scroll cursor with hold for select id from held for share
ERROR:  0A000: DECLARE CURSOR WITH HOLD ... FOR SHARE is not supported
DETAIL:  Holdable cursors must be READ ONLY.

> begin; declare k cursor with hold for select 1; commit; fetch k
BEGIN
DECLARE CURSOR
COMMIT
?column?
1
(1 row)

> discard all
DISCARD ALL

> fetch k
ERROR:  34000: cursor "k" does not exist

# The rows are those of then, whatever becomes of the table.
> declare l cursor with hold for select id, v from held where id < 4 order by id
DECLARE CURSOR

> drop table held
DROP TABLE

> fetch all from l
id|v
1|row 1
2|row 2
3|row 3
(3 rows)

> close l
CLOSE CURSOR

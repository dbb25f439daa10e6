"""psycopg 3 on a replica that forwards writes: transactions, savepoints, COPY, pipelines, prepared statements, cursors.
Argument: the replica's port."""

import sys

import psycopg
from psycopg import errors

URL = f"postgresql://postgres@127.0.0.1:{sys.argv[1]}/postgres?options=-c%20redoubt.write_forwarding%3Don"


def one(connection, query, *args, **kwargs):
    return connection.execute(query, *args, **kwargs).fetchone()[0]


with psycopg.connect(URL) as connection:
    connection.execute("CREATE TABLE t (id serial PRIMARY KEY, n int UNIQUE, j text)")
    connection.commit()
    assert one(connection, "SELECT pg_is_in_recovery()")
    connection.rollback()

    # The library's own blocks and savepoints.
    with connection.transaction():
        assert one(connection, "SELECT count(*) FROM t") == 0
        connection.execute("INSERT INTO t (n) VALUES (%s)", [1])
        try:
            with connection.transaction():
                connection.execute("INSERT INTO t (n) VALUES (%s)", [1])
            raise AssertionError("a duplicate")
        except errors.UniqueViolation as error:
            assert error.diag.constraint_name == "t_n_key", error.diag.constraint_name
        with connection.transaction():
            connection.execute("INSERT INTO t (n) VALUES (%s)", [2])
    assert one(connection, "SELECT array_agg(n ORDER BY n) FROM t") == [1, 2]
    connection.rollback()

    # Prepared by itself after five times, here and there.
    for n in range(10, 30):
        connection.execute("INSERT INTO t (n) VALUES (%s)", [n])
        assert one(connection, "SELECT count(*) FROM t WHERE n = %s", [n]) == 1
        connection.commit()
        assert one(connection, "SELECT count(*) FROM t WHERE n = %s", [n]) == 1
        connection.commit()

    with connection.cursor() as cursor:
        cursor.executemany("INSERT INTO t (n) VALUES (%s) RETURNING n", [(n,) for n in range(100, 400)], returning=True)
        with cursor.copy("COPY t (n, j) FROM STDIN") as copy:
            for n in range(1000, 3000):
                copy.write_row((n, None))
    connection.commit()
    assert one(connection, "SELECT count(*) FROM t WHERE n >= 100") == 2300
    connection.commit()

    with connection.pipeline():
        before = connection.execute("SELECT count(*) FROM t")
        connection.execute("INSERT INTO t (n) VALUES (5000)")
        after = connection.execute("SELECT count(*) FROM t", binary=True)
    assert after.fetchone()[0] == before.fetchone()[0] + 1
    connection.commit()

    # A server-side cursor in a transaction that has written.
    connection.execute("DELETE FROM t WHERE n = 5000")
    with connection.cursor(name="c") as cursor:
        cursor.execute("SELECT n FROM t ORDER BY n")
        assert [row[0] for row in cursor.fetchmany(3)] == [1, 2, 10]
    connection.commit()

    try:
        connection.execute("INSERT INTO t (n) VALUES (1)")
        raise AssertionError("a duplicate")
    except errors.UniqueViolation:
        pass
    assert connection.info.transaction_status.name == "INERROR"
    connection.rollback()

with psycopg.connect(URL, autocommit=True) as connection:
    with connection.pipeline():
        for n in range(6000, 6100):
            connection.execute("INSERT INTO t (n) VALUES (%s)", [n])
            connection.execute("SELECT count(*) FROM t WHERE n = %s", [n])
    assert one(connection, "SELECT count(*) FROM t WHERE n >= 6000") == 100
    connection.execute("SET TimeZone = 'Asia/Tokyo'")
    connection.execute("INSERT INTO t (n) SELECT 7000 WHERE current_setting('TimeZone') = 'Asia/Tokyo'")
    assert one(connection, "SELECT count(*) FROM t WHERE n = 7000") == 1
    assert connection.info.timezone.key == "Asia/Tokyo"

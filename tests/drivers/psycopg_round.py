"""A small round with psycopg 3: create, read, update, delete, COPY, a transaction that fails. Argument: the port."""

import sys
from datetime import date
from decimal import Decimal

import psycopg

with psycopg.connect(host="127.0.0.1", port=int(sys.argv[1]), user="postgres", dbname="postgres") as connection:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE person (id int PRIMARY KEY, name text NOT NULL, born date, height numeric(4,2))")
        people = [(n, f"person {n}", date(1990, 1, n), Decimal("1.80")) for n in range(1, 21)]
        cursor.executemany("INSERT INTO person VALUES (%s, %s, %s, %s)", people)
        connection.commit()
        cursor.execute("SELECT name, born, height FROM person WHERE id = %s", (3,))
        assert cursor.fetchone() == ("person 3", date(1990, 1, 3), Decimal("1.80"))
        cursor.execute("SELECT id FROM person WHERE id > %s ORDER BY id", (15,), binary=True)
        assert [row[0] for row in cursor] == [16, 17, 18, 19, 20]
        cursor.execute("UPDATE person SET height = height + 0.1 WHERE id < %s RETURNING id, height", (3,))
        assert sorted(cursor.fetchall()) == [(1, Decimal("1.90")), (2, Decimal("1.90"))]
        cursor.execute("DELETE FROM person WHERE id = ANY(%s)", ([1, 2, 3],))
        assert cursor.rowcount == 3
        connection.commit()
        with cursor.copy("COPY person (id, name) FROM STDIN") as copy:
            for n in range(100, 200):
                copy.write_row((n, f"copied {n}"))
        with cursor.copy("COPY person (id, name, height) FROM STDIN (FORMAT binary)") as copy:
            copy.set_types(["int4", "text", "numeric"])
            copy.write_row((200, "a b\\t", Decimal("1.75")))
            copy.write_row((201, "", None))
        written = "SELECT id, name, height FROM person WHERE id >= 200 ORDER BY id"
        with cursor.copy(f"COPY ({written}) TO STDOUT (FORMAT binary)") as copy:
            copy.set_types(["int4", "text", "numeric"])
            assert list(copy.rows()) == [(200, "a b\\t", Decimal("1.75")), (201, "", None)]
        cursor.execute("DELETE FROM person WHERE id >= 200")
        with cursor.copy("COPY (SELECT id FROM person WHERE id >= 100 ORDER BY id) TO STDOUT") as copy:
            assert [int(row[0]) for row in copy.rows()] == list(range(100, 200))
        connection.commit()
        try:
            cursor.execute("INSERT INTO person (id, name) VALUES (100, 'twice')")
            raise AssertionError("a duplicate key was accepted")
        except psycopg.errors.UniqueViolation:
            connection.rollback()
        cursor.execute("SELECT count(*) FROM person")
        assert cursor.fetchone() == (117,)
        # A cursor that outlives its transaction, and what another session tells.
        with connection.cursor(name="held", withhold=True) as held:
            held.execute("SELECT id FROM person WHERE id >= 100 ORDER BY id")
            assert held.fetchone() == (100,)
            connection.commit()
            assert len(held.fetchall()) == 99
    connection.rollback()
    connection.autocommit = True
    connection.execute("LISTEN news")
    with psycopg.connect(host="127.0.0.1", port=int(sys.argv[1]), user="postgres", dbname="postgres") as other:
        other.execute("NOTIFY news, 'of a person'")
        other.execute("SELECT pg_notify('news', 'of another')")
        teller = other.info.backend_pid
    heard = list(connection.notifies(timeout=60, stop_after=2))
    assert [(it.pid, it.channel, it.payload) for it in heard] == [(teller, "news", "of a person"), (teller, "news", "of another")]

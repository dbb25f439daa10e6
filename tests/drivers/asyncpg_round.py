"""A round with asyncpg: types both ways, prepared statements, arrays and enums by introspection, transactions, COPY. Argument: the port."""

import asyncio
import datetime
import decimal
import json
import sys
import uuid

import asyncpg


async def main():
    connection = await asyncpg.connect(host="127.0.0.1", port=int(sys.argv[1]), user="postgres", database="postgres")
    assert connection.get_server_version().major == 15
    await connection.execute(
        """CREATE TABLE thing (id int PRIMARY KEY, name varchar(20), price numeric(10, 2), at timestamptz, day date,
        span interval, tags text[], numbers int[], code uuid, ok bool, ratio float8, doc jsonb, raw json, bytes bytea)"""
    )
    at = datetime.datetime(2024, 5, 6, 7, 8, 9, 123456, tzinfo=datetime.timezone.utc)
    code = uuid.UUID("12345678-1234-5678-1234-567812345678")
    row = (1, "one", decimal.Decimal("12.50"), at, datetime.date(2024, 2, 29), datetime.timedelta(days=2, seconds=3),
           ["a", None, "b,c"], [1, 2], code, True, 1.5, json.dumps({"b": 1, "a": [1, 2]}), '{"x": 1}', b"\x00\xff")
    places = ", ".join(f"${n}" for n in range(1, 15))
    await connection.execute(f"INSERT INTO thing VALUES ({places})", *row)
    found = await connection.fetchrow("SELECT * FROM thing WHERE id = $1", 1)
    assert found["price"] == row[2] and found["at"] == at and found["day"] == row[4] and found["span"] == row[5], found
    assert found["tags"] == row[6] and found["numbers"] == [1, 2] and found["code"] == code and found["bytes"] == row[13]
    assert found["doc"] == '{"a": [1, 2], "b": 1}' and found["raw"] == '{"x": 1}', found
    await connection.set_type_codec("jsonb", encoder=json.dumps, decoder=json.loads, schema="pg_catalog")
    assert await connection.fetchval("SELECT doc -> 'a' FROM thing WHERE doc @> $1", {"b": 1}) == [1, 2]
    statement = await connection.prepare("SELECT id, name FROM thing WHERE id = ANY($1::int[]) ORDER BY id")
    assert [tuple(r) for r in await statement.fetch([1, 2])] == [(1, "one")]
    assert [a.name for a in statement.get_attributes()] == ["id", "name"]
    await connection.executemany("INSERT INTO thing (id, name) VALUES ($1, $2)", [(n, f"n{n}") for n in range(2, 50)])
    async with connection.transaction():
        async for record in connection.cursor("SELECT id FROM thing ORDER BY id", prefetch=7):
            assert record["id"] >= 1
    try:
        async with connection.transaction():
            await connection.execute("UPDATE thing SET name = 'x' WHERE id = 2")
            await connection.execute("INSERT INTO thing (id) VALUES (2)")
        raise AssertionError("a duplicate key was accepted")
    except asyncpg.UniqueViolationError as error:
        assert error.constraint_name == "thing_pkey", error.constraint_name
    assert await connection.fetchval("SELECT name FROM thing WHERE id = 2") == "n2"
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        assert await connection.fetchval("SELECT count(*) FROM thing") == 49
    result = await connection.copy_records_to_table("thing", records=[(n, "copied") for n in range(100, 200)], columns=["id", "name"])
    assert result == "COPY 100", result
    # A row of a type that is not built in is looked up by a recursive query over the catalog.
    assert tuple(await connection.fetchval("SELECT row(1, 'a'::text, null::int)")) == (1, "a", None)
    assert await connection.fetchval("SELECT array_agg(id ORDER BY id) FROM thing WHERE id < 4") == [1, 2, 3]
    assert await connection.fetchval("SELECT $1::timestamp", datetime.datetime(2024, 1, 1)) == datetime.datetime(2024, 1, 1)
    assert await connection.fetchval("SELECT $1::time", datetime.time(1, 2, 3)) == datetime.time(1, 2, 3)
    pool = await asyncpg.create_pool(host="127.0.0.1", port=int(sys.argv[1]), user="postgres", database="postgres", min_size=2, max_size=4)
    counts = await asyncio.gather(*(pool.fetchval("SELECT count(*) FROM thing") for _ in range(8)))
    assert counts == [149] * 8, counts
    await pool.close()
    await connection.execute("DROP TABLE thing")
    await connection.close()


asyncio.run(main())

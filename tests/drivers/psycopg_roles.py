"""URLs that name both servers: psycopg 3 finds the one that target_session_attrs asks for, before and after a promotion.
Arguments: the writer's port, the replica's port, and a command that promotes the replica."""

import subprocess
import sys
import time

import psycopg

writer, replica = int(sys.argv[1]), int(sys.argv[2])
# The one that is not wanted comes first.
HOSTS = {
    "read-write": (replica, writer),
    "primary": (replica, writer),
    "read-only": (writer, replica),
    "standby": (writer, replica),
    "prefer-standby": (writer, replica),
    "any": (writer, replica),
}


def connect(wanted):
    ports = ",".join(str(port) for port in HOSTS[wanted])
    hosts = ",".join("127.0.0.1" for _ in HOSTS[wanted])
    url = f"postgresql://postgres@{hosts}/postgres?port={ports}&target_session_attrs={wanted}&connect_timeout=10"
    return psycopg.connect(url, autocommit=True)


def role(connection):
    return connection.pgconn.parameter_status(b"in_hot_standby").decode()


def check(primary, standby):
    for wanted in HOSTS:
        with connect(wanted) as connection:
            expected = {
                "read-write": primary,
                "primary": primary,
                "read-only": standby,
                "standby": standby,
                "prefer-standby": standby,
                "any": HOSTS["any"][0],
            }[wanted]
            assert connection.info.port == expected, (wanted, connection.info.port)
            assert role(connection) == ("off" if expected == primary else "on"), wanted
            answer = connection.execute("SHOW transaction_read_only").fetchone()[0]
            assert answer == role(connection), (wanted, answer)


check(writer, replica)
on_replica = connect("standby")
on_writer = connect("primary")
on_writer.execute("CREATE TABLE roles (who text)")
block = connect("standby")
block.execute("BEGIN")
assert block.execute("SELECT count(*) FROM pg_class").fetchone()[0] > 0
subprocess.run(sys.argv[3:], check=True)

# A session of the promoted server goes on, has been told, and may write; a transaction that began before may not.
assert on_replica.execute("SELECT pg_is_in_recovery()").fetchone() == (False,)
assert role(on_replica) == "off", role(on_replica)
on_replica.execute("INSERT INTO roles VALUES ('promoted')")
try:
    block.execute("INSERT INTO roles VALUES ('too early')")
    raise AssertionError("a transaction of a replica wrote")
except psycopg.errors.ReadOnlySqlTransaction:
    block.execute("ROLLBACK")
block.execute("INSERT INTO roles VALUES ('later')")

with connect("read-write") as connection:
    assert connection.info.port == replica
    rows = connection.execute("SELECT who FROM roles ORDER BY who").fetchall()
    assert rows == [("later",), ("promoted",)], rows
# The old writer comes back as a replica.
deadline = time.monotonic() + 30
while time.monotonic() < deadline:
    try:
        with connect("standby"):
            break
    except psycopg.OperationalError:
        time.sleep(0.02)
# A session of it that was idle was told why it ended, and finds that when it looks.
try:
    on_writer.execute("SELECT 1")
    raise AssertionError("a session of the old writer lives on")
except psycopg.OperationalError as error:
    assert "no longer the writer" in str(error), error
HOSTS = {wanted: tuple(reversed(ports)) for wanted, ports in HOSTS.items()}
check(replica, writer)

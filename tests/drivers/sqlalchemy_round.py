"""A round with SQLAlchemy: mapped classes, reflection of all that is made, and making the reflected schema again. Arguments: the port, the driver."""

import datetime
import decimal
import sys

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSON, JSONB, UUID, insert
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship, selectinload


class Base(DeclarativeBase):
    pass


class Author(Base):
    __tablename__ = "author"
    __table_args__ = (sa.UniqueConstraint("name", "born", name="author_name_born"), sa.CheckConstraint("length(name) > 1", name="author_name_long"), {"comment": "who writes"})
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(50), comment="in full")
    born: Mapped[datetime.date | None]
    extra: Mapped[dict | None] = mapped_column(JSONB)
    raw: Mapped[dict | None] = mapped_column(JSON)
    tags: Mapped[list[str] | None] = mapped_column(ARRAY(sa.String))
    code: Mapped[object | None] = mapped_column(UUID(as_uuid=True))
    books: Mapped[list["Book"]] = relationship(back_populates="author", cascade="all, delete-orphan")


class Book(Base):
    __tablename__ = "book"
    __table_args__ = (sa.Index("book_title", "title"), sa.Index("book_author_price", "author_id", sa.desc("price")),)
    id: Mapped[int] = mapped_column(sa.Identity(always=True), primary_key=True)
    title: Mapped[str] = mapped_column(sa.Text, server_default="untitled")
    price: Mapped[decimal.Decimal] = mapped_column(sa.Numeric(10, 2))
    at: Mapped[datetime.datetime] = mapped_column(sa.DateTime(timezone=True), server_default=sa.func.now())
    author_id: Mapped[int] = mapped_column(sa.ForeignKey("author.id", ondelete="CASCADE", name="book_author"))
    author: Mapped[Author] = relationship(back_populates="books")


engine = sa.create_engine(f"postgresql+{sys.argv[2]}://postgres@127.0.0.1:{sys.argv[1]}/postgres")
Base.metadata.drop_all(engine)
Base.metadata.create_all(engine)
Base.metadata.create_all(engine)
with Session(engine) as session:
    author = Author(name="Ada", born=datetime.date(1815, 12, 10), extra={"k": [1, {"x": None}]}, raw={"r": 1}, tags=["a", "b"])
    author.books = [Book(title=f"book {n}", price=decimal.Decimal(n) / 4) for n in range(1, 6)]
    session.add(author)
    session.add_all(Author(name=f"author {n}") for n in range(20))
    session.commit()
    found = session.scalars(sa.select(Author).options(selectinload(Author.books)).where(Author.name == "Ada")).one()
    assert found.extra == {"k": [1, {"x": None}]} and found.raw == {"r": 1} and found.tags == ["a", "b"] and len(found.books) == 5
    assert session.scalar(sa.select(Author.name).where(Author.extra["k"][0].as_integer() == 1)) == "Ada"
    assert session.scalar(sa.select(Author.name).where(Author.extra.contains({"k": [1]}))) == "Ada"
    found.books[0].title = "changed"
    session.delete(found.books[1])
    session.commit()
    total = session.execute(sa.select(sa.func.count(), sa.func.sum(Book.price)).join(Author).where(Author.id == found.id)).one()
    assert tuple(total) == (4, decimal.Decimal("3.25")), total
    session.execute(insert(Author).values(id=found.id, name="Ada").on_conflict_do_update(index_elements=["id"], set_={"born": None}))
    session.commit()
    try:
        session.add(Book(title="x", price=1, author_id=4711))
        session.commit()
        raise AssertionError("an orphan was accepted")
    except sa.exc.IntegrityError:
        session.rollback()
    assert session.scalar(sa.text("select row_to_json(a) ->> 'name' from author a where id = :id"), {"id": found.id}) == "Ada"

with engine.begin() as connection:
    connection.execute(sa.text("CREATE OR REPLACE VIEW cheap AS SELECT id, title FROM book WHERE price < 1"))
    connection.execute(sa.text("CREATE SEQUENCE IF NOT EXISTS numbers START 5"))
    connection.execute(sa.text("CREATE SCHEMA IF NOT EXISTS second"))
    connection.execute(sa.text("CREATE TABLE IF NOT EXISTS second.other (a int REFERENCES author, b varchar(7) DEFAULT 'x', g int GENERATED ALWAYS AS (a * 2) STORED, PRIMARY KEY (b, a))"))
    connection.execute(sa.text("CREATE UNIQUE INDEX IF NOT EXISTS other_a ON second.other (a)"))

inspector = sa.inspect(engine)
assert inspector.get_schema_names() == ["information_schema", "public", "second"], inspector.get_schema_names()
assert {"author", "book"} <= set(inspector.get_table_names()), inspector.get_table_names()
assert inspector.get_view_names() == ["cheap"] and "numbers" in inspector.get_sequence_names()
assert inspector.get_table_comment("author") == {"text": "who writes"}
columns = {column["name"]: column for column in inspector.get_columns("book")}
assert columns["id"]["identity"]["always"] and str(columns["price"]["type"]) == "NUMERIC(10, 2)", columns
assert columns["title"]["default"] == "'untitled'::text" and not columns["title"]["nullable"], columns["title"]
assert inspector.get_columns("other", schema="second")[2]["computed"] == {"sqltext": "(a * 2)", "persisted": True}
assert inspector.get_pk_constraint("other", schema="second")["constrained_columns"] == ["b", "a"]
(key,) = inspector.get_foreign_keys("book")
assert key["name"] == "book_author" and key["referred_table"] == "author" and key["options"] == {"ondelete": "CASCADE"}, key
indexes = {index["name"]: index for index in inspector.get_indexes("book")}
assert indexes["book_author_price"]["column_sorting"] == {"price": ("desc",)}, indexes
assert inspector.get_unique_constraints("author")[0]["column_names"] == ["name", "born"]
assert [check["name"] for check in inspector.get_check_constraints("author")] == ["author_name_long"]
reflected = sa.MetaData()
reflected.reflect(engine)
reflected.reflect(engine, schema="second")
assert {"author", "book", "second.other"} <= set(reflected.tables), reflected.tables
assert str(reflected.tables["author"].c.extra.type) == "JSONB"
with engine.begin() as connection:
    connection.execute(sa.text("DROP VIEW cheap; DROP SCHEMA second CASCADE; DROP SEQUENCE numbers"))
reflected = sa.MetaData()
reflected.reflect(engine)
reflected.drop_all(engine)
reflected.create_all(engine)
reflected.drop_all(engine)

"""SQLite is opened in one way, and what it says is said in one way."""

import ast
import threading
from contextlib import closing
from pathlib import Path

import pytest

import rowbatch
from rowbatch.errors import StorageError
from rowbatch.server.storage import Storage
from rowbatch.store.ledger import Ledger
from rowbatch.store.sqlite import open_database, transaction, translated


@pytest.fixture
def db(tmp_path):
    with closing(open_database(tmp_path / "a.sqlite")) as made:
        made.execute("CREATE TABLE t (a TEXT)")
        yield made


def setting(db, name):
    return db.execute(f"PRAGMA {name}").fetchone()[0]


def test_the_ledger_and_the_server_open_it_alike(tmp_path):
    """
    R1, L4: a commit waits for the disk, no log lies beside the file, and who finds it locked waits.
    """
    with Ledger.create(tmp_path / "ledger.sqlite") as ledger:
        storage = Storage(tmp_path)
        for one in (ledger._db, storage._db):
            assert [setting(one, name) for name in ("synchronous", "journal_mode", "foreign_keys")] == [
                2,
                "delete",
                1,
            ]
            assert setting(one, "busy_timeout") == 30_000
        storage.close()


def test_nobody_else_opens_sqlite():
    """
    No other module of the program connects to a file of SQLite's by itself.
    """
    found = set()
    for path in Path(rowbatch.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "sqlite3.connect":
                found.add(path.name)
    assert found == {"sqlite.py"}


def test_a_transaction_is_all_or_nothing(db):
    """
    What ends in the middle leaves nothing, whatever ended it.
    """
    with transaction(db):
        db.execute("INSERT INTO t VALUES ('kept')")
    with pytest.raises(KeyboardInterrupt), transaction(db):
        db.execute("INSERT INTO t VALUES ('gone')")
        raise KeyboardInterrupt
    assert [row["a"] for row in db.execute("SELECT a FROM t")] == ["kept"]


def test_another_thread_may_use_it_where_that_was_said(tmp_path):
    """
    The server's event loop may be another thread than the one that opened the file.
    """
    said = []

    def use(db):
        try:
            with translated(tmp_path):
                said.append(db.execute("SELECT 1").fetchone()[0])
        except StorageError as error:
            said.append(error.kind)

    for any_thread in (True, False):
        with closing(open_database(tmp_path / "b.sqlite", any_thread=any_thread)) as db:
            thread = threading.Thread(target=use, args=(db,))
            thread.start()
            thread.join()
    assert said == [1, "database-refuses"]


def test_a_full_disk_is_said_as_one(db, tmp_path):
    """
    L2: SQLite's words for a full disk become the error that every other file gives.
    """
    db.execute("PRAGMA max_page_count = 3")
    with pytest.raises(StorageError) as full, translated(tmp_path / "a.sqlite"), transaction(db):
        db.execute("INSERT INTO t VALUES (?)", ("x" * 100_000,))
    assert (full.value.kind, full.value.path) == ("disk-full", str(tmp_path / "a.sqlite"))
    assert db.execute("SELECT count(*) FROM t").fetchone()[0] == 0


@pytest.mark.parametrize("open_it", [Ledger, lambda path: Storage(path.parent)], ids=["ledger", "server"])
def test_what_is_no_database_is_named(tmp_path, open_it):
    """
    Garbage under the name of the ledger, or of the server's file, is an error that names the file.
    """
    for name in ("ledger.sqlite", "server.sqlite"):
        (tmp_path / name).write_bytes(b"not a database" * 100)
    with pytest.raises(StorageError, match=r"(ledger|server)\.sqlite is damaged: file is not a database"):
        open_it(tmp_path / "ledger.sqlite")

"""Ledgers as older versions wrote them: made of what is in the new one, with their own words."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from rowbatch.store.ledger import Ledger

LEDGERS = Path(__file__).parent / "store" / "ledgers"


def write_ledger(version: int, path: Path, folder: Path) -> Path:
    """One that the version itself wrote, of a run in a folder."""
    text = (LEDGERS / f"v{version}.sql").read_text(encoding="utf-8").replace("FOLDER", str(folder))
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as db:
        db.executescript(text)
    return path


def version_of(path: Path) -> int:
    with closing(sqlite3.connect(path)) as db:
        return int(db.execute("PRAGMA user_version").fetchone()[0])


def downgrade(path: Path, version: int) -> None:
    """Put the ledger that the version would have had in the place of a new one."""
    old = path.with_name("old.sqlite")
    write_ledger(version, old, path.parent)
    with Ledger(path) as ledger:
        run = ledger.run()
        assert run.counts is not None
        facts = {
            "rows": str(run.counts.rows),
            "skipped": str(run.counts.skipped),
            "duplicates": str(run.counts.duplicates),
            "bad_rows": str(run.counts.bad_rows),
            "policy": json.dumps(run.policy),
            "cancelled": "yes" if run.is_cancelled else "no",
        }
        facts |= {f"labelled:{place}": digest for place, digest in ledger.outputs().items()}
    with closing(sqlite3.connect(old)) as db:
        for table in ("shard", "event", "fact"):
            db.execute(f"DELETE FROM {table}")
        db.executemany("INSERT INTO fact VALUES (?, ?)", facts.items())
        db.commit()
        db.execute("ATTACH ? AS new", (str(path),))
        columns = ", ".join(row[1] for row in db.execute("PRAGMA table_info(shard)"))
        db.execute(f"INSERT INTO shard ({columns}) SELECT {columns} FROM new.shard")
        db.execute("INSERT INTO event SELECT * FROM new.event")
        db.commit()
    old.replace(path)

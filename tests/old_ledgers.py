"""Ledgers as older versions wrote them: made of what is in the new one, with their own words."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from rowbatch.store.ledger import Ledger
from rowbatch.store.rundir import RunDirectory
from rowbatch.store.trail import TRAIL_NAME

LEDGERS = Path(__file__).parent / "store" / "ledgers"


def write_ledger(version: int, path: Path, folder: Path) -> Path:
    """One that the version itself wrote, of a run in a folder."""
    text = (LEDGERS / f"v{version}.sql").read_text(encoding="utf-8").replace("FOLDER", str(folder))
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as db:
        db.executescript(text)
    return path


def make_old(run: RunDirectory) -> None:
    """Take from a run what versions before 0.3 did not know: its id, and the trail."""
    settings = run.settings_path.read_text(encoding="utf-8").splitlines(keepends=True)
    run.settings_path.write_text("".join(line for line in settings if not line.startswith("id =")), "utf-8")
    (run.path / TRAIL_NAME).unlink(missing_ok=True)


def version_of(path: Path) -> int:
    with closing(sqlite3.connect(path)) as db:
        return int(db.execute("PRAGMA user_version").fetchone()[0])


def downgrade(path: Path, version: int) -> None:
    """Put the ledger that the version would have had in the place of a new one."""
    if version in (3, 4):
        with closing(sqlite3.connect(path)) as db:
            for index in ("standing", "unsent", "waiting", "event_kind"):
                db.execute(f"DROP INDEX {index}")
            for column in ("failed", "cancelled", "answered", "told_failed", "freed_at"):
                db.execute(f"ALTER TABLE shard DROP COLUMN {column}")
            if version == 3:
                db.execute("ALTER TABLE run DROP COLUMN identity")
            db.execute(f"PRAGMA user_version = {version}")
        return
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

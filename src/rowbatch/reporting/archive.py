"""
`archive`: what a journal's data repository takes of a run, as one zip file.

    NAME.zip
      README.md                  what this is, in words
      ro-crate-metadata.json     RO-Crate 1.2: who made what of what, with what
      datapackage.json           Frictionless Data Package: what the columns mean
      report.html, report.json   the report
      methods.tex, methods.bib   the same for LaTeX
      codebook.yaml              what was asked
      plan.json                  how it was asked: `rerun` asks it again
      labels.csv                 a row each: its number, a digest of its text, labels and status
      table.csv                  the table with its texts; not in an archive without texts
      SHA256SUMS                 digests of all of these

The content hash is the SHA-256 of SHA256SUMS: whoever wrote it down sees any later change.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl

from rowbatch.core.codebook import Codebook
from rowbatch.core.confidence import column_of, measured
from rowbatch.core.document import Language, Shown
from rowbatch.core.kinds.base import Variable
from rowbatch.core.plan import Plan
from rowbatch.errors import InputError, UsageError, from_os_error
from rowbatch.reporting.bibliography import bibliography_of
from rowbatch.reporting.checklists import ChecklistName
from rowbatch.reporting.facts import RunFacts
from rowbatch.reporting.html import html_of
from rowbatch.reporting.latex import latex_of
from rowbatch.reporting.plain import plain_of
from rowbatch.reporting.sections import Sections
from rowbatch.reporting.texts import digests
from rowbatch.results.answered import AnsweredTable
from rowbatch.results.shard_answers import ResultTally
from rowbatch.store.atomic import atomic_file, require_free
from rowbatch.store.plan_file import plan_document, read_plan
from rowbatch.store.rundir import RunDirectory
from rowbatch.store.sources import digest_file
from rowbatch.store.zip_writer import BLOCK_BYTES, ZipWriter

SUMS, PLAN, LABELS, TABLE = "SHA256SUMS", "plan.json", "labels.csv", "table.csv"
ROW, TEXT_SHA256, STATUS = "row", "text_sha256", "status"
"""Columns of `labels.csv` beside the variables."""
_MOST_MEMBER_BYTES = 1 << 26
_READ_BYTES = 1 << 20
_NO_LICENSE = "The authors have not stated a licence: ask them before you use it."


@dataclass(frozen=True, slots=True)
class ArchiveTold:
    """
    What only people know of an archive.

    Attributes:
        title: Of the study; "" means the table's name.
        author: Who is to be cited; or "".
        license: Address or name of a licence; or "".
    """

    title: str = ""
    author: str = ""
    license: str = ""


@dataclass(frozen=True, slots=True, repr=False)
class ArchiveReport(Shown):
    """
    What was archived.

    Attributes:
        path: The file.
        files: In it.
        size_bytes: Of it.
        content_sha256: To be written down where nobody can change it, as in the paper.
        rows: Of the table.
        with_texts: Whether the texts are in it.
        left_out: Variables whose values are words of texts or of the model, left out with the texts.
    """

    path: Path
    files: int
    size_bytes: int
    content_sha256: str
    rows: int
    with_texts: bool
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, repr=False)
class CheckedArchive(Shown):
    """
    An archive that was read against its digests.

    Attributes:
        path: The file.
        content_sha256: What its content comes to now.
        faults: Files that are missing, changed or not listed; none when all is as it was written.
    """

    path: Path
    content_sha256: str
    faults: tuple[tuple[str, str], ...]


def write_archive(
    directory: RunDirectory,
    path: Path,
    facts: RunFacts,
    *,
    told: ArchiveTold,
    with_texts: bool,
    language: Language = "en",
    checklist: ChecklistName | None = None,
    overwrite: bool = False,
    progress: Callable[[int], None] | None = None,
) -> ArchiveReport:
    """
    Write the archive of a run.

    Args:
        directory: The run.
        path: Where to, `.zip`.
        facts: Of the run; without texts where `with_texts` is False.
        told: What only people know.
        with_texts: Whether the table goes with it. Without, the labels alone go, and nothing that may repeat
            words of a text: no quotes, reasons, free answers, raw answers.
        language: Of the report.
        checklist: Which one the report fills in.
        overwrite: Whether a file may be replaced.
        progress: Called with the number of rows done so far.
    Raises:
        UsageError: The name does not end in `.zip`.
        OutputExists: The file is there.
        StorageError: The disk is full, or refuses.
    """
    if path.suffix.lower() != ".zip":
        raise UsageError("archive-ending", path=str(path))
    require_free(path, overwrite=overwrite)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".rowbatch-archive-", dir=path.parent) as folder:
            place = Path(folder)
            kept, left_out = _kept(facts.codebook, with_texts=with_texts)
            rows = _write_rows(directory, place, kept, with_texts=with_texts, progress=progress)
            texts = _texts(facts, told, with_texts=with_texts, language=language, checklist=checklist)
            for name, text in texts.items():
                _write(place / name, text)
            _describe(facts, told, kept, place)
            names = sorted(one.name for one in place.iterdir())
            sums = "".join(f"{digest_file(place / name)}  {name}\n" for name in names)
            _write(place / SUMS, sums)
            names.append(SUMS)
            with atomic_file(path, overwrite=overwrite) as file, ZipWriter(file) as packed:
                for name in names:
                    member = place / name
                    packed.add(name, member.stat().st_size, _blocks(member))
    except OSError as error:
        raise from_os_error(error, str(path)) from error
    return ArchiveReport(
        path=path,
        files=len(names),
        size_bytes=path.stat().st_size,
        content_sha256=hashlib.sha256(sums.encode()).hexdigest(),
        rows=rows,
        with_texts=with_texts,
        left_out=left_out,
    )


def _texts(
    facts: RunFacts,
    told: ArchiveTold,
    *,
    with_texts: bool,
    language: Language,
    checklist: ChecklistName | None,
) -> dict[str, str]:
    """What is written of a run's facts, by the names of files; nothing that would be empty."""
    document = Sections(facts, language).document(checklist)
    texts = {
        "report.html": html_of(document),
        "report.json": _json(plain_of(facts)),
        "methods.tex": latex_of(document, "methods"),
        "methods.bib": bibliography_of(facts),
        "codebook.yaml": facts.codebook_text,
        PLAN: _json(_bare_plan(facts.plan)),
        "README.md": _readme(facts, told, with_texts=with_texts),
    }
    return {name: text for name, text in texts.items() if text}


def _describe(facts: RunFacts, told: ArchiveTold, kept: Sequence[tuple[int, Variable]], place: Path) -> None:
    """Write what the files that are there so far are, in both standard forms."""
    files = sorted(one.name for one in place.iterdir())
    package = _data_package(facts, told, kept, [one for one in files if one.endswith(".csv")], place)
    _write(place / "datapackage.json", _json(package))
    described = {**_described(facts), TABLE: "The table with its texts, as it was labelled."}
    crate = _crate(facts, told, described, sorted([*files, "datapackage.json"]), place)
    _write(place / "ro-crate-metadata.json", _json(crate))


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="")


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            yield block


def _kept(codebook: Codebook, *, with_texts: bool) -> tuple[list[tuple[int, Variable]], tuple[str, ...]]:
    """The values that go into the archive, with their places; and names of those that do not."""
    columns = codebook.columns
    answers = {one.name: one for one in codebook.answers}
    found = [(at, answers[name]) for at, name in enumerate(columns) if name in answers]
    if with_texts:
        return found, ()
    kept = [(at, one) for at, one in found if not (one.is_open or one.is_reason or one.is_computed)]
    names = {one.name for _, one in kept}
    return kept, tuple(name for name in columns if name not in names)


def _write_rows(
    directory: RunDirectory,
    place: Path,
    kept: Sequence[tuple[int, Variable]],
    *,
    with_texts: bool,
    progress: Callable[[int], None] | None,
) -> int:
    """Write the labels, and the table where it goes along; chunk by chunk."""
    with directory.ledger() as ledger:
        shards = ledger.shards()
    answered = AnsweredTable(directory, shards, ResultTally())
    header = answered.table.header
    asked = [str(answered.table.column(name)) for name in answered.plan.question.asked_columns]
    confident = [one for one in measured(answered.codebook) if one.place in [at for at, _ in kept]]
    names = [ROW, TEXT_SHA256, *(one.name for _, one in kept)]
    done, is_first = 0, True
    with ExitStack() as files, closing(answered.chunks()) as chunks:

        def writer(name: str) -> Any:
            file = files.enter_context((place / name).open("w", encoding="utf-8", newline=""))
            return csv.writer(file, lineterminator="\n")

        labels = writer(LABELS)
        texts = writer(TABLE) if with_texts else None
        if texts is not None:
            texts.writerow(header)
        for chunk, frame in chunks:
            beside = [one for one in confident if column_of(one.place) in frame.columns]
            if is_first:
                told = [f"{answered.codebook.columns[one.place]}_confidence" for one in beside]
                labels.writerow([*names, *told, STATUS, "model"])
                is_first = False
            columns = [
                frame["row"].to_list(),
                digests(chunk.frame.select(asked).iter_rows()),
                *(frame[str(at)].fill_null("").to_list() for at, _ in kept),
                *(_shown(frame[column_of(one.place)]) for one in beside),
                frame["status"].to_list(),
                frame["model"].fill_null("").to_list(),
            ]
            labels.writerows(zip(*columns, strict=True))
            if texts is not None:
                texts.writerows(chunk.frame.select(map(str, range(len(header)))).iter_rows())
            done += frame.height
            if progress:
                progress(done)
        if is_first:
            labels.writerow([*names, STATUS, "model"])
    return done


def _shown(confidence: pl.Series) -> list[str]:
    return ["" if one is None else f"{one:.6g}" for one in confidence.to_list()]


def _bare_plan(plan: Plan) -> dict[str, Any]:
    """The plan without anything of the computer that it was made on."""
    document = plan_document(plan)
    table = document["table"]
    table["path"], table["image_folder"] = plan.source.shown_name, ""
    for name in ("origin", "origin_version"):
        table.pop(name, None)
    document["output"]["path"] = ""
    document["output"].pop("address", None)
    if "kept" in document:
        document["kept"]["run"] = Path(document["kept"]["run"]).name
    for one in (document["request"], *document.get("panel", {}).get("requests", ())):
        for name in ("headers", "form_fields"):
            one.pop(name, None)
    document["policy"] = {}
    return document


def _readme(facts: RunFacts, told: ArchiveTold, *, with_texts: bool) -> str:
    title = told.title or f"Labels of {facts.table}"
    texts = (
        "`table.csv` has the table with its texts."
        if with_texts
        else "The texts are not in this archive. Each row of `labels.csv` has the SHA-256 of its text: who has the "
        "table finds its rows again."
    )
    return (
        f"# {title}\n\n"
        f"{facts.rows:,} rows of {facts.table}, labelled by {', '.join(one.model for one in facts.models)} with "
        f"rowbatch {facts.plan.rowbatch_version}, {facts.plan.created_at[:10]}.\n\n"
        "Open `report.html` first: what was asked, what came back, how good it is.\n\n"
        f"{texts}\n\n"
        "| file | what it has |\n|---|---|\n"
        + "".join(f"| `{name}` | {text} |\n" for name, text in _described(facts).items())
        + "\nTo repeat it: `rowbatch rerun ARCHIVE.zip TABLE`. To see whether anything was changed: `sha256sum -c "
        "SHA256SUMS`, or `rowbatch verify ARCHIVE.zip`.\n"
    )


def _described(facts: RunFacts) -> dict[str, str]:
    return {
        "report.html": "The report: what was asked, what came back, how good it is.",
        "report.json": "The same for programs.",
        "methods.tex": "The same for LaTeX.",
        "methods.bib": "What is to be cited.",
        "codebook.yaml": "The codebook that the model was given.",
        PLAN: "How it was asked: model, parameters, prompt.",
        LABELS: "A row each: its number, a digest of its text, its labels and its status.",
        "README.md": "What this archive is.",
    }


def _field(variable: Variable) -> dict[str, Any]:
    field: dict[str, Any] = {"name": variable.name, "type": "string"}
    if variable.question:
        field["description"] = variable.question
    # Several labels stand in one cell.
    if variable.choices and not variable.has_several:
        field["constraints"] = {"enum": ["", *dict.fromkeys(variable.choices)]}
    return field


def _data_package(
    facts: RunFacts,
    told: ArchiveTold,
    kept: Sequence[tuple[int, Variable]],
    tables: Sequence[str],
    place: Path,
) -> dict[str, Any]:
    """The descriptor of a Frictionless Data Package (specs.frictionlessdata.io, v1)."""
    with (place / LABELS).open(encoding="utf-8", newline="") as file:
        header = next(csv.reader(file))
    known = {one.name: _field(one) for _, one in kept}
    known[ROW] = {"name": ROW, "type": "integer", "description": "Number of the row in the table, from 1."}
    known[TEXT_SHA256] = {"name": TEXT_SHA256, "type": "string", "description": "SHA-256 of its text."}
    resources = []
    for name in tables:
        path = place / name
        resource: dict[str, Any] = {
            "name": path.stem,
            "path": name,
            "profile": "tabular-data-resource",
            "format": "csv",
            "mediatype": "text/csv",
            "encoding": "utf-8",
            "bytes": path.stat().st_size,
            "hash": f"sha256:{digest_file(path)}",
        }
        if name == LABELS:
            fields = [known.get(column, {"name": column, "type": "string"}) for column in header]
            # An empty cell is a label that is not there.
            resource["schema"] = {"fields": fields, "missingValues": []}
        else:
            with path.open(encoding="utf-8", newline="") as file:
                columns = next(csv.reader(file), [])
            resource["schema"] = {
                "fields": [{"name": column, "type": "string"} for column in columns],
                "missingValues": [],
            }
        resources.append(resource)
    return {
        "profile": "tabular-data-package",
        "name": "".join(c if c.isalnum() and c.isascii() else "-" for c in facts.name.lower()).strip("-")
        or "run",
        "title": told.title or f"Labels of {facts.table}",
        "created": facts.plan.created_at,
        **({"licenses": [_package_license(told.license)]} if told.license else {}),
        **({"contributors": [{"title": told.author, "role": "author"}]} if told.author else {}),
        "resources": resources,
    }


def _package_license(license_: str) -> dict[str, str]:
    return {"path": license_} if "://" in license_ else {"name": license_}


def _crate(
    facts: RunFacts, told: ArchiveTold, described: Mapping[str, str], files: Sequence[str], place: Path
) -> dict[str, Any]:
    """The metadata of an RO-Crate 1.2 (w3id.org/ro/crate/1.2) with the run as a CreateAction."""
    collected = facts.last_ended_at or facts.first_sent_at
    types = {
        ".html": "text/html",
        ".json": "application/json",
        ".csv": "text/csv",
        ".md": "text/markdown",
        ".tex": "application/x-tex",
        ".bib": "application/x-bibtex",
        ".yaml": "application/yaml",
    }
    entities: list[dict[str, Any]] = [
        {
            "@id": "ro-crate-metadata.json",
            "@type": "CreativeWork",
            "conformsTo": {"@id": "https://w3id.org/ro/crate/1.2"},
            "about": {"@id": "./"},
        },
        {
            "@id": "./",
            "@type": "Dataset",
            "name": told.title or f"Labels of {facts.table}",
            "description": f"{facts.rows} rows of {facts.table}, labelled by "
            f"{', '.join(one.model for one in facts.models)}: labels, codebook, report, and how they were made.",
            "datePublished": facts.plan.created_at[:10],
            "license": {"@id": told.license if "://" in told.license else "#license"},
            **({"author": {"@id": "#author"}} if told.author else {}),
            "hasPart": [{"@id": name} for name in files],
            "mentions": {"@id": "#labelling"},
        },
        {
            "@id": "#labelling",
            "@type": "CreateAction",
            "name": f"Labelling of {facts.table}",
            "startTime": facts.plan.created_at,
            **({"endTime": collected.isoformat(timespec="seconds")} if collected else {}),
            "instrument": [
                {"@id": "#rowbatch"},
                *({"@id": f"#model-{at}"} for at in range(len(facts.models))),
            ],
            "object": [{"@id": "codebook.yaml"}, {"@id": PLAN}]
            if "codebook.yaml" in files
            else {"@id": PLAN},
            "result": {"@id": LABELS},
            **({"agent": {"@id": "#author"}} if told.author else {}),
        },
        {
            "@id": "#rowbatch",
            "@type": "SoftwareApplication",
            "name": "rowbatch",
            "version": facts.plan.rowbatch_version,
            "url": "https://pypi.org/project/rowbatch/",
            "description": "Labels a table with a language model.",
        },
        *(
            {
                "@id": f"#model-{at}",
                # A program of this kind would have to have an address and a version, which models rarely have.
                "@type": "CreativeWork",
                "name": one.model,
                "description": f"A language model of {one.provider}.",
            }
            for at, one in enumerate(facts.models)
        ),
    ]
    if told.author:
        entities.append({"@id": "#author", "@type": "Person", "name": told.author})
    entities.append(
        {
            "@id": told.license if "://" in told.license else "#license",
            "@type": "CreativeWork",
            "name": told.license or "no licence stated",
            "description": "The licence of this archive." if told.license else _NO_LICENSE,
        }
    )
    entities += [
        {
            "@id": name,
            "@type": "File",
            "name": name,
            "description": described.get(name, "What the columns mean (Frictionless Data Package)."),
            "encodingFormat": types[Path(name).suffix],
            "contentSize": str((place / name).stat().st_size),
            "sha256": digest_file(place / name),
        }
        for name in files
    ]
    return {"@context": "https://w3id.org/ro/crate/1.2/context", "@graph": entities}


def check_archive(path: Path) -> CheckedArchive:
    """
    Read every file of an archive against its digest.

    Raises:
        InputError: It is no archive of ours, or cannot be read.
    """
    with _opened(path) as packed:
        sums = _member(packed, path, SUMS)
        listed = _listed(sums)
        there = [one.filename for one in packed.infolist() if one.filename != SUMS]
        faults = [(name, "missing") for name in listed if name not in there]
        for name in there:
            if name not in listed:
                faults.append((name, "not listed"))
            elif _digest(packed, path, name) != listed[name]:
                faults.append((name, "changed"))
    return CheckedArchive(path, hashlib.sha256(sums).hexdigest(), tuple(sorted(faults)))


@dataclass(frozen=True, slots=True)
class ArchivedLabels:
    """
    What an archive says of each row.

    Attributes:
        plan: How it was asked; its table has a name and no place.
        labels: `row`, `text_sha256`, a column a variable, `status`; texts but for `row`.
        variables: Names of those columns.
        content_sha256: Content hash of the archive.
    """

    plan: Plan
    labels: pl.DataFrame
    variables: tuple[str, ...]
    content_sha256: str


def read_archive(path: Path) -> ArchivedLabels:
    """
    Read an archive that was not changed since.

    Raises:
        InputError: It is none, or something of it was changed.
    """
    checked = check_archive(path)
    if checked.faults:
        raise InputError("archive-changed", path=str(path), files=[name for name, _ in checked.faults][:5])
    with _opened(path) as packed:
        try:
            plan = read_plan(json.loads(_member(packed, path, PLAN)))
            labels = pl.read_csv(io.BytesIO(packed.read(LABELS)), infer_schema=False)
            labels = labels.with_columns(pl.all().fill_null("")).with_columns(pl.col(ROW).cast(pl.Int64))
        except (KeyError, TypeError, ValueError, pl.exceptions.PolarsError) as error:
            raise InputError("archive-unreadable", path=str(path), told=str(error)) from error
    names = [one for one in plan.question.codebook.columns if one in labels.columns]
    return ArchivedLabels(plan, labels, tuple(names), checked.content_sha256)


def _listed(sums: bytes) -> dict[str, str]:
    """Digests by name, as `sha256sum` writes them."""
    found = {}
    for line in sums.decode("utf-8", "replace").splitlines():
        digest, _, name = line.partition("  ")
        if name:
            found[name] = digest
    return found


def _opened(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except FileNotFoundError:
        raise InputError("archive-missing", path=str(path)) from None
    except (zipfile.BadZipFile, OSError, NotImplementedError) as error:
        raise InputError("archive-unreadable", path=str(path), told=str(error)) from error


def _member(packed: zipfile.ZipFile, path: Path, name: str) -> bytes:
    """A small member."""
    try:
        info = packed.getinfo(name)
        if info.file_size > _MOST_MEMBER_BYTES:
            raise InputError("archive-unreadable", path=str(path), told=f"{name}: {info.file_size:,} bytes")
        return packed.read(info)
    except KeyError:
        raise InputError("archive-not-ours", path=str(path), file=name) from None
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError) as error:
        raise InputError("archive-unreadable", path=str(path), told=str(error)) from error


def _digest(packed: zipfile.ZipFile, path: Path, name: str) -> str:
    digest = hashlib.sha256()
    try:
        with packed.open(name) as file:
            while block := file.read(_READ_BYTES):
                digest.update(block)
    except zipfile.BadZipFile:
        # Its checksum does not fit.
        return ""
    except (OSError, RuntimeError, NotImplementedError) as error:
        raise InputError("archive-unreadable", path=str(path), told=str(error)) from error
    return digest.hexdigest()

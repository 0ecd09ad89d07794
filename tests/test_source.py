"""The source itself: no name without a use, no import inside a function without a reason."""

from __future__ import annotations

import ast
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import rowbatch
from rowbatch import api, desk

SOURCE = Path(rowbatch.__file__).parent
# Names that stand once, and why.
CALLED_FROM_OUTSIDE = {
    "model_config": "pydantic reads it",
    "format_help": "click calls it",
    "capture_signals": "uvicorn calls it",
    "_unsupported_upgrade_warning": "uvicorn calls it",
    "redirect_request": "urllib calls it",
    "seekable": "io.BufferedReader asks it before it seeks",
    "unlabelled": "of a value that notebooks get",
    "handle_data": "html.parser calls it",
    "handle_starttag": "html.parser calls it",
    "handle_endtag": "html.parser calls it",
    "_repr_html_": "notebooks call it",
    "misbehave": "tests of other programs call it",
    "has_words": "the test of all words asks it",
    "read_notice": "reads what Notice.to_json wrote",
}


def test_no_name_is_left_over():
    """
    What has a name, a function, a class, a method or a value, is named somewhere else in the program too.
    """
    words: Counter[str] = Counter()
    for path in SOURCE.rglob("*"):
        if path.suffix in (".py", ".html", ".js"):
            words.update(re.findall(r"\w+", path.read_text(encoding="utf-8")))
    defined = Counter(name for path in SOURCE.rglob("*.py") for name in _names(path))
    assert len(defined) > 1_000
    once = {name for name, count in defined.items() if words[name] <= count and not name.startswith("__")}
    assert once - CALLED_FROM_OUTSIDE.keys() == set()


def _names(path: Path) -> Iterator[str]:
    todo: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while todo:
        for node in ast.iter_child_nodes(todo.pop()):
            match node:
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                    # A command or a page is found by what decorates it.
                    if not any(isinstance(decorator, ast.Call) for decorator in node.decorator_list):
                        yield name
                case ast.ClassDef(name=name):
                    yield name
                    todo.append(node)
                case ast.Assign(targets=targets):
                    yield from (target.id for target in targets if isinstance(target, ast.Name))
                case ast.AnnAssign(target=ast.Name(id=name)):
                    yield name


# Heavy is everything that is not ours or the standard library. CPU milliseconds to import it, on Python 3.11
# and two busy cores, in November 2026: polars 331, uvicorn 183, starlette 180, httpx2 154, jinja2 100,
# pydantic 82, stamina 72, msgspec 59, click 58, tomli_w 9; and of the standard library asyncio 75.
HEAVY_STANDARD = {"asyncio"}
# Imports inside functions that delay nothing heavy, and why they stand there.
DELAYED_ALL_THE_SAME = {
    (
        "rowbatch.cli.app",
        "rowbatch.cli.show",
    ): "20 ms of the 90 that `--help` takes: dataclasses, decimal, json",
    (
        "rowbatch.results.files",
        "rowbatch.providers.batch_lines",
    ): "6 % of the time of a small convert: all that speaks to a provider",
    ("rowbatch.requests.line_tokens", "rowbatch.providers.batch_lines"): "the same",
    ("rowbatch.tools.extract", "rowbatch.tools.compare"): "the same",
    ("rowbatch.api.tools", "rowbatch.results.workers"): "4 % of the same: all that runs other processes",
    ("rowbatch.tables.formats", "rowbatch.tables.columnar"): "a tenth of the same: readers of what it is not",
    ("rowbatch.tables.formats", "rowbatch.tables.excel_reader"): "the same",
    ("rowbatch.tables.formats", "rowbatch.tables.r_reader"): "the same",
    ("rowbatch.tables.formats", "rowbatch.tables.statistics_reader"): "the same",
    ("rowbatch.tables.formats", "rowbatch.tables.table_folder"): "the same",
    ("rowbatch.tables.formats", "rowbatch.tables.text_folder"): "the same",
    ("rowbatch.core.document", "rowbatch.core.shown_fields"): "what only notebooks and the prompt show",
    ("rowbatch.core.document", "rowbatch.core.document_html"): "the same, and its blocks are made there",
    ("rowbatch.core.document", "rowbatch.core.document_text"): "the same",
    ("rowbatch.words.telling", "rowbatch.words.in_python"): "the same",
    (
        "rowbatch.programs.opening",
        "rowbatch.programs.documents",
    ): "a tenth of a small convert: XML, HTML, zip",
    ("rowbatch.words.telling", "rowbatch.words.entries"): "entries are made of what stands in telling",
    ("rowbatch.tables.writer", "rowbatch.tables.csv_writer"): "writers are made of what stands in writer",
    ("rowbatch.tables.writer", "rowbatch.tables.excel_writer"): "the same",
    ("rowbatch.tables.writer", "rowbatch.tables.json_writer"): "the same",
    ("rowbatch.tables.writer", "rowbatch.tables.parquet_writer"): "the same",
    ("rowbatch.tables.writer", "rowbatch.tables.statistics_writer"): "the same",
}


def test_an_import_inside_a_function_delays_something_heavy():
    """
    One of our modules is imported inside a function only where that delays what takes its time to import.
    """
    modules = _Modules()
    inside = set(modules.inside())
    needless = {(module, name) for module, name in inside if not modules.heavy(name) - modules.heavy(module)}
    assert needless == DELAYED_ALL_THE_SAME.keys() & needless
    assert inside >= DELAYED_ALL_THE_SAME.keys()
    assert ("rowbatch.web.run", "rowbatch.web.app") in inside - needless


class _Modules:
    """Our modules, and what each imports when it is imported, as the source says."""

    def __init__(self) -> None:
        self._trees = {
            ".".join(("rowbatch", *path.relative_to(SOURCE).with_suffix("").parts)).removesuffix(
                ".__init__"
            ): ast.parse(path.read_text(encoding="utf-8"))
            for path in SOURCE.rglob("*.py")
        }
        # Names of a package whose modules are imported when the name is first used.
        self._lazy = {
            f"{package.__name__}.{name}": f"rowbatch.{place}"
            for package in (rowbatch, api, desk)
            for name, place in package._PLACES.items()
        }

    def heavy(self, module: str) -> set[str]:
        """What else than ours and the standard library comes with a module."""
        seen: set[str] = set()
        todo = [module]
        while todo:
            name = todo.pop()
            if name not in seen:
                seen.add(name)
                todo += [name.rpartition(".")[0]] if "." in name else []
                todo += self._at_the_top(self._trees[name].body) if name in self._trees else []
        light = sys.stdlib_module_names - HEAVY_STANDARD
        return {name.split(".")[0] for name in seen} - light - {"rowbatch"}

    def inside(self) -> Iterator[tuple[str, str]]:
        """Each module, and one of ours that it imports inside a function."""
        for module, tree in self._trees.items():
            for node in ast.walk(tree):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    names = [name for inner in ast.walk(node) for name in self._named(inner)]
                    yield from ((module, name) for name in names if name.startswith("rowbatch"))

    def _at_the_top(self, body: list[ast.stmt]) -> list[str]:
        found: list[str] = []
        for node in body:
            found += self._named(node)
            if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
                continue
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                for part in ("body", "orelse", "handlers", "finalbody"):
                    found += self._at_the_top(getattr(node, part, []))
        return found

    def _named(self, node: ast.AST) -> list[str]:
        match node:
            case ast.Import(names=names):
                return [alias.name for alias in names]
            case ast.ImportFrom(module=str(base), names=names):
                whole = [f"{base}.{alias.name}" for alias in names]
                return [self._lazy.get(name, name if name in self._trees else base) for name in whole]
            case _:
                return []

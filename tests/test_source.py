"""The source itself: no name without a use."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import rowbatch

SOURCE = Path(rowbatch.__file__).parent
# Names that stand once, and why.
CALLED_FROM_OUTSIDE = {
    "model_config": "pydantic reads it",
    "seekable": "io.BufferedReader asks it before it seeks",
    "unlabelled": "of a value that notebooks get",
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

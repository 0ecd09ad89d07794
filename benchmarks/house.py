"""
The house in numbers: rooms, long signatures, `Any`, look-ups by a text, imports inside functions, circles.

    python benchmarks/house.py [SOURCE…]      for example src/rowbatch of two checkouts, side by side
"""

from __future__ import annotations

import ast
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

_MOST_PARAMETERS = 7


def main() -> None:
    """Print a column of numbers for each source."""
    sources = [Path(argument) for argument in sys.argv[1:]] or [
        Path(__file__).parent.parent / "src" / "rowbatch"
    ]
    columns = [measured(source) for source in sources]
    for name in dict.fromkeys(name for column in columns for name in column):
        print(f"{name:44}", *(f"{column.get(name, '-')!s:>24}" for column in columns))


def measured(source: Path) -> dict[str, object]:
    """The numbers of one source tree."""
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(source.rglob("*.py"))}
    lines = Counter[str]()
    for path in trees:
        inside = path.relative_to(source)
        lines[inside.parts[0] if len(inside.parts) > 1 else "(top)"] += len(
            path.read_text(encoding="utf-8").splitlines()
        )
    room, most = lines.most_common(1)[0]
    functions = [
        node for tree in trees.values() for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)
    ]
    sizes = sorted((node.end_lineno or 0) - node.lineno + 1 for node in functions)
    long = [node for node in functions if _parameters(node) > _MOST_PARAMETERS]
    texts = [node for tree in trees.values() for node in ast.walk(tree) if _is_text_look_up(node)]
    above = [path for path in trees if path.relative_to(source).parts[0] not in ("providers", "server")]
    return {
        "lines": sum(lines.values()),
        "modules": len(trees),
        "rooms": len(lines),
        "largest room": f"{room} {most:,}",
        "its share": f"{most / sum(lines.values()):.0%}",
        "functions": len(functions),
        "median lines of a function": sizes[len(sizes) // 2],
        f"functions of over {_MOST_PARAMETERS} parameters": len(long),
        "most parameters": max(map(_parameters, functions)),
        "`Any` in annotations": sum(
            isinstance(node, ast.Name) and node.id == "Any"
            for tree in trees.values()
            for node in ast.walk(tree)
        ),
        'look-ups by a text: x["name"]': len(texts),
        "… outside providers/ and server/": sum(
            _is_text_look_up(node) for path in above for node in ast.walk(trees[path])
        ),
        "own imports inside functions": sum(len(list(_inner_imports(tree))) for tree in trees.values()),
        "circles between rooms": len(_circles(source, trees, rooms=True)),
        "circles between modules": len(_circles(source, trees, rooms=False)),
    }


def _parameters(node: ast.FunctionDef) -> int:
    given = node.args
    return len([one for one in (*given.posonlyargs, *given.args, *given.kwonlyargs) if one.arg != "self"])


def _is_text_look_up(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Subscript)
        and isinstance(node.slice, ast.Constant)
        and isinstance(node.slice.value, str)
    )


def _inner_imports(tree: ast.Module) -> Iterator[ast.ImportFrom]:
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            for node in ast.walk(function):
                if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("rowbatch"):
                    yield node


def _circles(source: Path, trees: dict[Path, ast.Module], *, rooms: bool) -> list[set[str]]:
    """Groups of rooms or modules that import each other while they are loaded, directly or by others."""
    edges: dict[str, set[str]] = {}
    for path, tree in trees.items():
        name = _name(path.relative_to(source), rooms=rooms)
        for node in tree.body:
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("rowbatch."):
                parts = (node.module or "").split(".")[1:]
                other = parts[0] if rooms else ".".join(parts)
                if other != name:
                    edges.setdefault(name, set()).add(other)
    reach = {name: _reached(name, edges) for name in edges}
    circles: list[set[str]] = []
    for name in edges:
        group = {other for other in reach[name] if name in reach.get(other, set())}
        if name in reach[name] and group not in circles:
            circles.append(group)
    return circles


def _reached(name: str, edges: dict[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    left = list(edges.get(name, ()))
    while left:
        one = left.pop()
        if one not in seen:
            seen.add(one)
            left += edges.get(one, ())
    return seen


def _name(inside: Path, *, rooms: bool) -> str:
    if rooms:
        return inside.parts[0].removesuffix(".py")
    return ".".join(inside.with_suffix("").parts).removesuffix(".__init__")


if __name__ == "__main__":
    main()

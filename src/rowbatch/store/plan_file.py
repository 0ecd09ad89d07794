"""A plan as run.toml has it, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rowbatch.core.endpoint import find_endpoint
from rowbatch.core.plan import Asking, Consensus, Output, Panel, Plan, Question, Source
from rowbatch.core.policy import read_policy
from rowbatch.core.table_options import FIRST, PLAIN, ReadOptions, WriteOptions
from rowbatch.errors import InputError
from rowbatch.words.notice import read_notice

# Before 0.2 nobody noted whose the output limit was; Anthropic wants one, and got this where nobody said it.
_OLD_DEFAULT = ("anthropic", 4096)


def require_text(plan: Plan, run: Path) -> None:
    """
    Make sure that a plan can be kept: TOML is UTF-8, and names of files need not be.

    Args:
        plan: All of its texts are looked at.
        run: Where it shall be kept; the provider is told the name.
    Raises:
        InputError: A name or another text is none.
    """
    left: list[Any] = [plan_document(plan), str(run.resolve())]
    while left:
        value = left.pop()
        if isinstance(value, Mapping):
            left += [*value, *value.values()]
        elif isinstance(value, list | tuple):
            left += value
        elif isinstance(value, str):
            try:
                value.encode()
            except UnicodeEncodeError:
                raise InputError("not-utf8", text=value.encode("utf-8", "replace").decode()) from None


def plan_document(plan: Plan) -> dict[str, Any]:
    """A plan in tables, texts and numbers; what has no value is left out or ""."""
    source, question, asking, output = plan.source, plan.question, plan.asking, plan.output
    return {
        "rowbatch_version": plan.rowbatch_version,
        "created_at": plan.created_at,
        "table": {
            "path": str(source.path),
            "sha256": source.sha256,
            "size_bytes": source.size_bytes,
            "reading": {name: said for name, said in asdict(source.reading).items() if said is not None},
            "encoding_guessed": source.encoding_guessed,
            "text": question.text,
            "image": question.image,
            **({"name": source.name} if source.name else {}),
            **({"origin": source.origin, "origin_version": source.origin_version} if source.origin else {}),
            "image_folder": str(question.image_folder or ""),
        },
        "request": _asking_document(asking, question.template),
        **(
            {
                "panel": {
                    "consensus": str(plan.panel.consensus),
                    "requests": [_asking_document(one) for one in plan.panel.others],
                }
            }
            if plan.panel
            else {}
        ),
        "answer": dict(question.answer),
        **(
            {"kept": {"variables": list(question.kept), "run": str(question.kept_from or "")}}
            if question.kept
            else {}
        ),
        "output": {
            "path": str(output.path or ""),
            "overwrite": output.overwrite,
            "writing": asdict(output.writing),
            "columns": list(output.columns),
            **({"address": output.address} if output.address else {}),
        },
        "policy": plan.policy.to_plain(),
    }


def _asking_document(asking: Asking, template: str | None = None) -> dict[str, Any]:
    return {
        "provider": asking.provider,
        "base_url": asking.base_url,
        "model": asking.model,
        "url": str(asking.endpoint),
        "dedupe": asking.dedupe,
        **({"confidence": True} if asking.confidence else {}),
        **({"samples": asking.samples} if asking.samples > 1 else {}),
        **({"fresh": True} if asking.fresh else {}),
        **({"template": template} if template is not None else {}),
        "parameters": dict(asking.parameters),
        **({"limit_is_ours": True} if asking.is_limit_ours else {}),
        "notes": [note.to_json() for note in asking.notes],
        **({"headers": dict(asking.headers)} if asking.headers else {}),
        **({"form_fields": dict(asking.form_fields)} if asking.form_fields else {}),
    }


def read_plan(document: Mapping[str, Any]) -> Plan:
    """
    What `plan_document` gave, also of older versions.

    Raises:
        KeyError, TypeError, ValueError: It is damaged.
    """
    table, request, output = document["table"], document["request"], document["output"]
    return Plan(
        source=Source(
            path=Path(table["path"]),
            sha256=table["sha256"],
            size_bytes=table["size_bytes"],
            reading=_reading(table),
            encoding_guessed=table.get("encoding_guessed", ""),
            name=table.get("name", ""),
            origin=table.get("origin", ""),
            origin_version=table.get("origin_version", ""),
        ),
        question=Question(
            text=table["text"],
            template=request["template"],
            answer=document["answer"],
            image=table.get("image", ""),
            image_folder=Path(table["image_folder"]) if table.get("image_folder") else None,
            kept=tuple(document.get("kept", {}).get("variables", ())),
            kept_from=Path(document["kept"]["run"]) if "kept" in document else None,
        ),
        asking=_read_asking(request),
        panel=_read_panel(document["panel"]) if "panel" in document else None,
        output=Output(
            path=Path(output["path"]) if output["path"] else None,
            overwrite=bool(output["overwrite"]),
            writing=WriteOptions(**output.get("writing", {})),
            columns=tuple(output["columns"]),
            address=output.get("address", ""),
        ),
        policy=read_policy(document.get("policy", {})),
        created_at=document["created_at"],
        rowbatch_version=document["rowbatch_version"],
    )


def _read_asking(request: Mapping[str, Any]) -> Asking:
    return Asking(
        provider=request["provider"],
        model=request["model"],
        base_url=request["base_url"],
        endpoint=find_endpoint(request["url"]),
        parameters=request["parameters"],
        is_limit_ours=_is_limit_ours(request),
        dedupe=bool(request.get("dedupe")),
        confidence=bool(request.get("confidence")),
        samples=int(request.get("samples", 1)),
        fresh=bool(request.get("fresh")),
        notes=tuple(filter(None, map(read_notice, request.get("notes", ())))),
        headers=dict(request.get("headers", {})),
        form_fields=dict(request.get("form_fields", {})),
    )


def _read_panel(panel: Mapping[str, Any]) -> Panel:
    return Panel(tuple(map(_read_asking, panel["requests"])), Consensus(panel["consensus"]))


def _reading(table: Mapping[str, Any]) -> ReadOptions:
    # Before tables had headers that are looked for, and exports of programs, the first line was the header.
    as_before: dict[str, Any] = {"header": FIRST, "program": PLAIN}
    if "reading" in table:
        said = table["reading"]
        return ReadOptions(**(said if "skip_rows" in said else {**as_before, **said}))
    # Format 1.
    return ReadOptions(
        **as_before, **{name: table[name] for name in ("encoding", "delimiter") if name in table}
    )


def _is_limit_ours(request: Mapping[str, Any]) -> bool:
    if "limit_is_ours" in request:
        return bool(request["limit_is_ours"])
    provider, limit = _OLD_DEFAULT
    is_noted = any("wants a limit" in note for note in request.get("notes", ()))
    return request["provider"] == provider and is_noted and request["parameters"].get("max_tokens") == limit

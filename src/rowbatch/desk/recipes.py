"""Recipes: what was asked and how, as a file that can be applied to another table; and words for a paper."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rowbatch.core.address import shown_address
from rowbatch.core.codebook import parse_codebook
from rowbatch.core.endpoint import LIMITS, output_limit
from rowbatch.core.plan import Asking
from rowbatch.errors import InputError
from rowbatch.reporting import methods
from rowbatch.store.yaml_file import read_yaml

if TYPE_CHECKING:
    from rowbatch.api.runs import Run
    from rowbatch.core.agreement import Agreement
    from rowbatch.desk.drafts import Draft

_FORMAT = 1
_KEY = "rowbatch_recipe"


def recipe_of_run(run: Run) -> str:
    """
    The recipe of a run: YAML with the codebook, the model, and how it was asked. No key, no text of a row.
    """
    plan = run.plan
    question, asking = plan.question, plan.asking
    document: dict[str, Any] = {
        _KEY: _FORMAT,
        "made_with": f"rowbatch {plan.rowbatch_version}",
        "made_at": plan.created_at,
        "text": question.text,
        "provider": asking.provider,
        **({"base_url": shown_address(asking.base_url)} if asking.base_url else {}),
        "model": asking.model,
        "parameters": _said_parameters(asking),
        **({"template": question.template} if question.template else {}),
        "dedupe": asking.dedupe,
        **({"confidence": True} if asking.confidence else {}),
        **({"samples": asking.samples} if asking.samples > 1 else {}),
        "codebook": _without_empty(dict(question.answer)),
    }
    return _yaml(document)


def _said_parameters(asking: Asking) -> dict[str, Any]:
    """The parameters that a person set: a limit of ours is decided anew where the recipe is used."""
    is_kept = not asking.is_limit_ours
    return {name: value for name, value in asking.parameters.items() if is_kept or name not in LIMITS}


def codebook_yaml(run: Run) -> str:
    """The codebook of a run, as codebook files have it."""
    return _yaml(_without_empty(dict(run.plan.question.answer)))


def looks_like_recipe(head: bytes) -> bool:
    """Whether a file begins like a recipe."""
    return head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(_KEY.encode())


def draft_of_recipe(path: Path, draft: Draft) -> Draft:
    """
    What a recipe says, as a draft.

    Args:
        path: The recipe.
        draft: Its text column stays where the recipe's is not in the table; the caller looks.
    Raises:
        InputError: It is of a newer version, or has no codebook.
        CodebookError: It is no YAML, or its codebook is broken; with the line.
    """
    document = read_yaml(path).value
    if not isinstance(document, dict) or not isinstance(document.get("codebook"), dict):
        raise InputError("recipe-without-codebook")
    if document.get(_KEY) != _FORMAT:
        raise InputError("recipe-too-new", version=version("rowbatch"))
    from rowbatch.desk.drafts import with_codebook

    found = with_codebook(draft, parse_codebook(document["codebook"]))
    parameters = document.get("parameters") or {}
    limit = output_limit(parameters) if isinstance(parameters, dict) else None
    temperature = parameters.get("temperature") if isinstance(parameters, dict) else None
    return replace(
        found,
        text=str(document.get("text") or draft.text),
        provider=str(document.get("provider") or "local"),
        base_url=shown_address(str(document.get("base_url") or "")),
        model=str(document.get("model") or ""),
        template=str(document.get("template") or ""),
        temperature="" if temperature is None else str(temperature),
        max_tokens="" if limit is None else str(limit),
        dedupe=bool(document.get("dedupe")),
        confidence=bool(document.get("confidence")),
        samples=str(document.get("samples") or ""),
    )


def _yaml(document: Any) -> str:
    from ruamel.yaml import YAML

    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.allow_unicode = True
    yaml.width = 10_000
    yaml.representer.sort_base_mapping_type_on_output = False
    yaml.representer.add_representer(str, _quoted_where_needed)
    text = StringIO()
    yaml.dump(document, text)
    return text.getvalue()


def _quoted_where_needed(representer: Any, text: str) -> Any:
    """
    A text for YAML. Old Windows texts that were read as Latin-1 have U+0085 for "…"; ruamel.yaml 0.19.1
    writes it as a line break in single quotes, and reads a space.
    """
    return representer.represent_scalar("tag:yaml.org,2002:str", text, style='"' if "\x85" in text else None)


def _without_empty(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_empty(one) for name, one in value.items() if one not in ("", [], {}, None)}
    if isinstance(value, list | tuple):
        return [_without_empty(one) for one in value]
    return value


def methods_text(run: Run, language: str = "en", compared: Sequence[tuple[str, str, Agreement]] = ()) -> str:
    """
    A paragraph for the methods section of a paper, see `rowbatch.reporting.methods`.

    Args:
        run: A run whose table was written.
        language: `en` or `zh`.
        compared: How far columns that people coded agree, see there.
    """
    status = run.status(most_states=0)
    return methods.methods_text(
        run.plan,
        status.statuses,
        len(run.corrections()),
        language,
        compared=compared,
        remarks=status.remarks,
    )

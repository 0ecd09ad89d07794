"""Recipes: what was asked and how, as a file that can be applied to another table; and words for a paper."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import version
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rowbatch.core.address import shown_address
from rowbatch.core.codebook import Codebook, instructions_text, parse_codebook
from rowbatch.core.endpoint import LIMITS, output_limit
from rowbatch.core.kinds.base import CANT_SAY
from rowbatch.core.kinds.quote import QuoteVariable
from rowbatch.core.plan import Asking
from rowbatch.errors import InputError
from rowbatch.providers.catalog import find_provider
from rowbatch.store.yaml_file import read_yaml

if TYPE_CHECKING:
    from rowbatch.api.runs import Run
    from rowbatch.core.kinds.base import Language
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
    A text for YAML. Old Windows texts that were read as Latin-1 have U+0085 for "…"; ruamel.yaml 0.19.1 writes
    it as a line break in single quotes, and reads a space.
    """
    return representer.represent_scalar("tag:yaml.org,2002:str", text, style='"' if "\x85" in text else None)


def _without_empty(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_empty(one) for name, one in value.items() if one not in ("", [], {}, None)}
    if isinstance(value, list | tuple):
        return [_without_empty(one) for one in value]
    return value


def methods_text(run: Run, language: str = "en") -> str:
    """
    A paragraph for the methods section of a paper, and the instructions for its appendix.

    Only what is known of the run is in it; what only the author knows stands in square brackets.

    Args:
        run: A run whose table was written.
        language: `en` or `zh`.
    """
    plan, status = run.plan, run.status(most_states=0)
    statuses = status.statuses
    rows, skipped, labelled = sum(statuses.values()), statuses.get("skipped", 0), statuses.get("ok", 0)
    asked = rows - skipped
    without = {name: count for name, count in statuses.items() if name not in ("ok", "skipped") and count}
    parameters = plan.asking.parameters
    values = {
        "table": plan.source.shown_name,
        "rows": f"{rows:,}",
        "asked": f"{asked:,}",
        "skipped": f"{skipped:,}",
        "labelled": f"{labelled:,}",
        "share": f"{labelled / asked:.1%}" if asked else "–",
        "without": ", ".join(f"{name}: {count:,}" for name, count in without.items()),
        "model": plan.asking.model,
        "provider": find_provider(plan.asking.provider).title,
        "models": ", ".join(f"{one.model} ({find_provider(one.provider).title})" for one in plan.askings),
        "version": plan.rowbatch_version,
        "date": plan.created_at[:10],
        "temperature": str(parameters.get("temperature", "")),
        "corrected": f"{len(run.corrections()):,}",
        "sha256": plan.source.sha256,
    }
    spoken: Language = "zh" if language == "zh" else "en"
    words = _METHODS[spoken]
    sentences = [words["asked"]]
    if plan.panel is not None:
        sentences.append(words[f"panel {plan.panel.consensus}"])
    sentences += [words["skipped"]] if skipped else []
    codebook = plan.question.codebook
    has_labels = any(variable.choices for variable in codebook.variables)
    sentences.append(
        words["schema" if has_labels else "bare schema"] if codebook.variables else words["free"]
    )
    sentences.append(_RULES)
    sentences.append(words["temperature"] if values["temperature"] else words["default temperature"])
    sentences.append(words["answered"])
    sentences += [words["without"]] if without else []
    sentences += [words["corrected"]] if run.corrections() else []
    sentences.append(words["agreement"])
    # What a person wrote may have braces in it.
    told = [
        part
        for sentence in sentences
        for part in (_rules_told(codebook, spoken) if sentence is _RULES else (sentence.format(**values),))
    ]
    paragraph = words["between"].join(told)
    instructions = instructions_text(codebook)
    return f"{paragraph}\n\n{words['appendix'].format(**values)}\n\n{instructions}\n"


def _rules_told(codebook: Codebook, language: Language) -> Iterator[str]:
    """What was asked of each variable, in sentences: what it may be, when it is asked, what comes beside it."""
    words, variables = _METHODS[language], codebook.variables
    yield from filter(None, (one.rule(language) for one in variables))
    for one in variables:
        if one.only_if:
            conditions = words["and"].join(
                words["is"].format(other=other, values=words["or"].join(values))
                for other, values in one.only_if.items()
            )
            yield words["only if"].format(name=one.name, conditions=conditions)
    for flag in ("cant_say", "reason", "evidence"):
        names = [one.name for one in variables if getattr(one, flag)]
        if names:
            yield words[flag].format(names=words["comma"].join(names), word=CANT_SAY[codebook.language])
    if any(isinstance(one, QuoteVariable) for one in codebook.answers):
        yield words["quotes"]
    examples = sum(len(one.examples) for one in variables)
    if examples:
        yield words["one example" if examples == 1 else "examples"].format(count=examples)


_RULES = "rules"
"""Stands for `_rules_told` among the sentences of a paragraph."""
_METHODS = {
    "en": {
        "is": "{other} is {values}",
        "and": " and ",
        "or": " or ",
        "comma": ", ",
        "only if": "{name} was asked only if {conditions}.",
        "cant_say": "Where a text did not tell, the answer to {names} could be “{word}”.",
        "reason": "Before its answer to {names} the model gave a reason in one sentence.",
        "evidence": "Before its answer to {names} the model quoted the words of the text that show it.",
        "quotes": "Quotes were looked up in the text; an answer with a quote that does not stand there was not "
        "used.",
        "one example": "The instructions held one text with its right answer.",
        "examples": "The instructions held {count} texts with their right answers.",
        "between": " ",
        "asked": "We had {asked} of the {rows} texts in {table} labelled by the language model {model} "
        "({provider}), one text a request, through its batch interface with rowbatch {version}; the run was made on {date}.",
        "panel majority": "Each text was given to several models: {models}. Its label is the one that most of them gave, "
        "of equally common ones the first model's.",
        "panel dawid-skene": "Each text was given to several models: {models}. Its label is the likeliest one by the "
        "models' error rates, estimated by the method of Dawid and Skene (1979).",
        "skipped": "{skipped} texts were empty and were not sent.",
        "schema": "Answers had to fit a fixed JSON schema with the labels of our codebook.",
        "bare schema": "Answers had to fit a fixed JSON schema.",
        "free": "Answers were free text.",
        "temperature": "The sampling temperature was {temperature}.",
        "default temperature": "The sampling temperature was the model's default.",
        "answered": "{labelled} texts ({share} of those sent) received a usable answer.",
        "without": "The others did not ({without}).",
        "corrected": "{corrected} texts were corrected by hand afterwards.",
        "agreement": "[Report here how many texts people coded, how these were sampled, and how well the "
        "labels agree.]",
        "appendix": "Appendix: the instructions the model was given. SHA-256 of the table: {sha256}.",
    },
    "zh": {
        "is": "{other} 为 {values}",
        "and": "且",
        "or": "或",
        "comma": "、",
        "only if": "仅当{conditions}时才询问 {name}。",
        "cant_say": "文本没有说明时，{names} 可以回答“{word}”。",
        "reason": "模型在回答 {names} 之前先用一句话说明理由。",
        "evidence": "模型在回答 {names} 之前先摘录文本中的依据原话。",
        "quotes": "引文均在文本中核对；含有文本中没有的引文的回答未被采用。",
        "one example": "说明中包含 1 条附有正确答案的文本。",
        "examples": "说明中包含 {count} 条附有正确答案的文本。",
        "between": "",
        "asked": "我们使用 rowbatch {version}，通过批处理接口，由语言模型 {model}（{provider}）对 {table} 中 {rows} "
        "条文本里的 {asked} 条进行标注，每个请求包含一条文本；任务创建于 {date}。",
        "panel majority": "每条文本均交由多个模型标注：{models}。取多数模型给出的标签；票数相同时取第一个模型的标签。",
        "panel dawid-skene": "每条文本均交由多个模型标注：{models}。标签按 Dawid 与 Skene（1979）的方法，根据估计的各模型错误率取最可能的一个。",
        "skipped": "其中 {skipped} 条文本为空，未发送。",
        "schema": "回答必须符合固定的 JSON 格式，取值限于编码手册中的标签。",
        "bare schema": "回答必须符合固定的 JSON 格式。",
        "free": "回答为自由文本。",
        "temperature": "采样温度为 {temperature}。",
        "default temperature": "采样温度为模型的默认值。",
        "answered": "{labelled} 条文本（占已发送文本的 {share}）得到了可用的回答。",
        "without": "其余文本没有得到可用的回答（{without}）。",
        "corrected": "之后人工更正了 {corrected} 条文本的标签。",
        "agreement": "［请在此报告人工编码的文本数量、抽样方式，以及标签与人工编码的一致程度。］",
        "appendix": "附录：给模型的说明。数据表的 SHA-256：{sha256}。",
    },
}

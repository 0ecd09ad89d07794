"""Words for the methods section of a paper, from what is known of a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from rowbatch.core.codebook import Codebook, instructions_text
from rowbatch.core.kinds.base import CANT_SAY
from rowbatch.core.kinds.quote import QuoteVariable
from rowbatch.providers.catalog import find_provider

if TYPE_CHECKING:
    from rowbatch.core.agreement import Agreement
    from rowbatch.core.kinds.base import Language
    from rowbatch.core.plan import Plan
    from rowbatch.reporting.facts import PeopleFacts
    from rowbatch.words.notice import Notice


def methods_text(
    plan: Plan,
    statuses: Mapping[str, int],
    corrected: int,
    language: str = "en",
    people: PeopleFacts | None = None,
    *,
    compared: Sequence[tuple[str, str, Agreement]] = (),
    remarks: Sequence[Notice] = (),
) -> str:
    """
    A paragraph for the methods section of a paper, and the instructions for its appendix.

    Only what is known of the run is in it; what only the author knows stands in square brackets.

    Args:
        plan: Of the run.
        statuses: Rows of each status in its labelled table.
        corrected: Rows that people corrected.
        language: `en` or `zh`.
        people: What people said of its rows; None where nobody coded.
        compared: What a column that people coded says of a variable: its name, the variable's, and how far both
            agree.
        remarks: What the server of the model was seen to ignore or refuse, as the status of a run has it.
    """
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
        "corrected": f"{corrected:,}",
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
    sentences += [words[remark.kind] for remark in remarks if remark.kind in words]
    sentences.append(_RULES)
    sentences.append(words["temperature"] if values["temperature"] else words["default temperature"])
    sentences.append(words["answered"])
    sentences += [words["without"]] if without else []
    sentences += [words["corrected"]] if corrected else []
    told_of_people = _people_told(people, spoken) if people is not None else _columns_told(compared, spoken)
    sentences += told_of_people or [words["agreement"]]
    # What a person wrote may have braces in it.
    told = [
        part
        for sentence in sentences
        for part in (_rules_told(codebook, spoken) if sentence is _RULES else (sentence.format(**values),))
    ]
    paragraph = words["between"].join(told)
    instructions = instructions_text(codebook)
    return f"{paragraph}\n\n{words['appendix'].format(**values)}\n\n{instructions}\n"


def _people_told(people: PeopleFacts, language: Language) -> list[str]:
    """What people said, in sentences."""
    words = _METHODS[language]
    values = {
        "rows": f"{people.rows:,}",
        "coders": f"{people.coders:,}",
        "design": people.design or words["unknown design"],
        "part": people.part,
    }
    told = [words["people part" if people.part else "people"].format(**values)]
    for variable, figures in people.against.items():
        shown = [
            f"{words[name]} {figure.shown} ({figure.shown_interval})"
            for name in ("accuracy", "macro_f1", "cohen_kappa")
            if (figure := figures.get(name)) is not None and figure.estimate is not None
        ]
        if shown:
            told.append(words["against"].format(name=variable, figures=words["comma"].join(shown)))
    for variable, figures in people.among.items():
        alpha = figures.get("krippendorff_alpha")
        if alpha is not None and alpha.estimate is not None:
            told.append(words["among"].format(name=variable, alpha=f"{alpha.shown} ({alpha.shown_interval})"))
    if people.corrected:
        method = people.corrected[0].corrected.method.partition(";")[0]
        told.append(words["estimates"].format(method=method))
    # What a person wrote may have braces in it.
    return [sentence.replace("{", "{{").replace("}", "}}") for sentence in told]


def _columns_told(compared: Sequence[tuple[str, str, Agreement]], language: Language) -> list[str]:
    """How far columns that people coded agree with the model's own labels, in sentences."""
    words = _METHODS[language]
    told = []
    for column, variable, one in compared:
        figures = [
            f"{words['accuracy']} {one.accuracy:.2f} ({one.accuracy_low:.2f}–{one.accuracy_high:.2f})",
            *([f"{words['cohen_kappa']} {one.kappa:.2f}"] if one.kappa is not None else []),
        ]
        values = {"n": f"{one.n:,}", "column": column, "name": variable}
        told.append(words["column"].format(**values, figures=words["comma"].join(figures)))
    # What a person wrote may have braces in it.
    told = [sentence.replace("{", "{{").replace("}", "}}") for sentence in told]
    return [*told, words["chosen"]] if told else []


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
        "mended-json-schema": "The server of the model took no schema as the form of an answer: the schema stood in the "
        "prompt.",
        "mended-response-format": "The server of the model did not hold its answers to the schema, which therefore stood in "
        "the prompt too.",
        "free": "Answers were free text.",
        "temperature": "The sampling temperature was {temperature}.",
        "default temperature": "The sampling temperature was the model's default.",
        "answered": "{labelled} texts ({share} of those sent) received a usable answer.",
        "without": "The others did not ({without}).",
        "corrected": "{corrected} texts were corrected by hand afterwards.",
        "agreement": "[Report here how many texts people coded, how these were sampled, and how well the "
        "labels agree.]",
        "unknown design": "how they were chosen is not known",
        "people": "{rows} texts were coded by hand ({coders} coders; {design}), without sight of the model's labels unless "
        "said otherwise.",
        "people part": "{rows} texts were coded by hand ({coders} coders; {design}); the figures are of the part "
        "“{part}”.",
        "accuracy": "accuracy",
        "macro_f1": "macro F1",
        "cohen_kappa": "Cohen's kappa",
        "against": "Of {name} the model's labels agree with people's: {figures}; intervals of 95 %.",
        "column": "{n} texts carry a code of people in the column {column}; the model's labels of {name} agree with these: "
        "{figures}; interval of 95 %.",
        "chosen": "[Say here how the texts that people coded were chosen, and by how many coders.]",
        "among": "Among coders Krippendorff's alpha of {name} is {alpha}.",
        "estimates": "Estimates for the whole table were corrected for the model's errors ({method}).",
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
        "mended-json-schema": "模型的服务器不接受以结构作为回答的格式，因此结构写在提示词中。",
        "mended-response-format": "模型的服务器没有使回答符合结构，因此结构也写在提示词中。",
        "free": "回答为自由文本。",
        "temperature": "采样温度为 {temperature}。",
        "default temperature": "采样温度为模型的默认值。",
        "answered": "{labelled} 条文本（占已发送文本的 {share}）得到了可用的回答。",
        "without": "其余文本没有得到可用的回答（{without}）。",
        "corrected": "之后人工更正了 {corrected} 条文本的标签。",
        "agreement": "［请在此报告人工编码的文本数量、抽样方式，以及标签与人工编码的一致程度。］",
        "unknown design": "抽样方式未知",
        "people": "{rows} 条文本由人工编码（{coders} 位编码者；{design}），除另有说明外编码者看不到模型的标签。",
        "people part": "{rows} 条文本由人工编码（{coders} 位编码者；{design}）；所报数值来自“{part}”部分。",
        "accuracy": "准确率",
        "macro_f1": "宏平均 F1",
        "cohen_kappa": "Cohen κ",
        "against": "{name} 的模型标签与人工编码的一致程度：{figures}；区间为 95 %。",
        "column": "{n} 条文本在列 {column} 中有人工编码；{name} 的模型标签与其一致程度：{figures}；区间为 95 %。",
        "chosen": "［请在此说明人工编码的文本如何选取，以及编码者人数。］",
        "among": "编码者之间 {name} 的 Krippendorff α 为 {alpha}。",
        "estimates": "针对模型误差对全表估计值进行了校正（{method}）。",
        "appendix": "附录：给模型的说明。数据表的 SHA-256：{sha256}。",
    },
}

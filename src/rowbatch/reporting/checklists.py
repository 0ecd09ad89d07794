"""
Checklists that journals and reviewers ask for, filled from a run as far as a program can know.

The headings are those of the sources; the questions below them are in our own words. What only the author
knows is left open, and says so.

Sources:
    TTAMRE: Osorio, "Introducing TTAMRE: Reporting Standards for the Use of LLMs in Political Science" (EPSA
        2026): Text, Tasks, Annotations, Models, Results, Environment.
    TaMPER: Overton, Robison and Sheneman, arXiv 2504.01037 (2025): Task, Model, Prompt, Evaluation, Reporting.
    llm-guidelines: Baltes et al., arXiv 2508.15503, llm-guidelines.org/checklist (as of 2026-11): guidelines
        1 to 8.
    tornberg: Törnberg, "Best Practices for Text Annotation with Large Language Models", Sociologica 18(2),
        2024.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from rowbatch.core.document import Language
from rowbatch.reporting.facts import RunFacts
from rowbatch.words.printing import dollars

ChecklistName = Literal["ttamre", "tamper", "llm-guidelines", "tornberg"]

Answer = Callable[[RunFacts, Language], str]
"""What the run says to a question; "" where only the author can."""


@dataclass(frozen=True, slots=True)
class Item:
    """A question of a checklist: its heading, its words by language, and what answers it."""

    heading: Mapping[Language, str]
    question: Mapping[Language, str]
    answer: Answer


@dataclass(frozen=True, slots=True)
class Checklist:
    """A checklist: its title, its source, and its questions in order."""

    title: str
    source: str
    items: Sequence[Item]


def _open(facts: RunFacts, language: Language) -> str:
    """What only the author can say."""
    return ""


def _both(en: str, zh: str) -> dict[Language, str]:
    return {"en": en, "zh": zh}


def _table(facts: RunFacts, language: Language) -> str:
    sha = facts.plan.source.sha256
    if language == "zh":
        return f"{facts.table}：{facts.rows:,} 行，{facts.columns} 列；SHA-256 {sha}。"
    return f"{facts.table}: {facts.rows:,} rows, {facts.columns} columns; SHA-256 {sha}."


def _units(facts: RunFacts, language: Language) -> str:
    built = facts.built
    if language == "zh":
        return f"每个请求一行；{built.skipped:,} 行文本为空未发送，{built.duplicates:,} 行与其他行重复。"
    return f"One row a request; {built.skipped:,} rows without a text were not sent, {built.duplicates:,} repeat another."


def _task(facts: RunFacts, language: Language) -> str:
    names = ", ".join(f"{one.variable} ({one.kind})" for one in facts.values)
    if not names:
        return "自由文本回答。" if language == "zh" else "Free text."
    return (
        f"变量：{names}。编码手册全文见报告。"
        if language == "zh"
        else f"Variables: {names}. The codebook is in the report."
    )


def _models(facts: RunFacts, language: Language) -> str:
    asked = "; ".join(f"{one.model} ({one.provider})" for one in facts.models)
    answered = ", ".join(facts.answered) or "–"
    date = facts.plan.created_at[:10]
    if language == "zh":
        return f"请求的模型：{asked}；回答中的模型名：{answered}；日期：{date}。"
    return f"Asked: {asked}; named by the answers: {answered}; date: {date}."


def _parameters(facts: RunFacts, language: Language) -> str:
    said = [
        f"{one.model}: " + (", ".join(f"{name} = {value}" for name, value in _plain(one.parameters)) or "–")
        for one in facts.models
    ]
    rest = (
        "未列出的参数为提供方的默认值。"
        if language == "zh"
        else "What is not listed is the provider's default."
    )
    return "; ".join(said) + ". " + rest


def _plain(parameters: Mapping[str, object]) -> list[tuple[str, object]]:
    return [(name, value) for name, value in parameters.items() if not isinstance(value, dict | list)]


def _prompt(facts: RunFacts, language: Language) -> str:
    if language == "zh":
        return f"全文及一个完整请求见报告；编码手册 SHA-256 {facts.codebook_sha256 or '–'}。"
    return f"In full in the report, with one request as it was sent; codebook SHA-256 {facts.codebook_sha256 or '–'}."


def _people(facts: RunFacts, language: Language) -> str:
    people = facts.people
    if people is None:
        return ""
    part = f" ({people.part})" if people.part else ""
    if language == "zh":
        return f"{people.coders} 位编码者，{people.rows:,} 行{part}；{people.design or '抽样方式未知'}。"
    coders = f"{people.coders} coder" + ("s" if people.coders != 1 else "")
    return f"{coders}, {people.rows:,} rows{part}; {people.design or 'how they were drawn is not known'}."


def _among(facts: RunFacts, language: Language) -> str:
    return "" if facts.people is None else _figures(facts.people.among)


def _against(facts: RunFacts, language: Language) -> str:
    return "" if facts.people is None else _figures(facts.people.against)


def _figures(found: Mapping[str, Mapping[str, object]]) -> str:
    wanted = ("krippendorff_alpha", "cohen_kappa", "accuracy", "macro_f1")
    told = []
    for variable, figures in found.items():
        for name in wanted:
            figure = figures.get(name)
            if figure is not None and getattr(figure, "estimate", None) is not None:
                shown, interval = getattr(figure, "shown", ""), getattr(figure, "shown_interval", "")
                told.append(f"{variable}: {name.replace('_', ' ')} {shown} [{interval}]")
    return "; ".join(told[:8])


def _corrected(facts: RunFacts, language: Language) -> str:
    if facts.people is None or not facts.people.corrected:
        return ""
    first = facts.people.corrected[0]
    told = f"{first.quantity}: {first.corrected.shown} [{first.corrected.shown_interval}]"
    return f"见报告，例如 {told}。" if language == "zh" else f"In the report, as {told}."


def _fate(facts: RunFacts, language: Language) -> str:
    return ", ".join(
        f"{name}: {count:,}" for name, count in sorted(facts.collected.statuses.items()) if count
    )


def _cost(facts: RunFacts, language: Language) -> str:
    collected = facts.collected
    tokens = f"{collected.prompt_tokens:,} + {collected.answer_tokens:,} tokens"
    return tokens if facts.spent_usd is None else f"{tokens}; US{dollars(facts.spent_usd)}"


def _place(facts: RunFacts, language: Language) -> str:
    if facts.is_local:
        return (
            "全部在本机完成，文本未离开计算机。"
            if language == "zh"
            else "On the author's own computer: no text left it."
        )
    where = ", ".join(dict.fromkeys(one.address or one.provider for one in facts.models if not one.is_local))
    return f"文本发送至 {where}。" if language == "zh" else f"Texts were sent to {where}."


def _software(facts: RunFacts, language: Language) -> str:
    return ", ".join(f"{name} {number}" for name, number in facts.versions.items())


def _stability(facts: RunFacts, language: Language) -> str:
    if facts.stability is not None and (numbers := facts.stability.found) is not None:
        ways, rows, variable = len(facts.stability.configurations), numbers.rows, facts.stability.variable
        alpha = f"{numbers.alpha.shown} [{numbers.alpha.shown_interval}]"
        changed = "–" if numbers.changed.estimate is None else f"{numbers.changed.estimate:.1%}"
        if language == "zh":
            return f"{variable}：{rows:,} 行以 {ways} 种方式询问，Krippendorff α {alpha}；{changed} 的行标签曾改变。"
        return (
            f"{variable}: {rows:,} rows asked in {ways} ways, Krippendorff's alpha {alpha}; the label of {changed} "
            "of them ever changes."
        )
    samples, models = facts.plan.asking.samples, len(facts.models)
    if samples > 1:
        return f"每行询问 {samples} 次。" if language == "zh" else f"Each row was asked {samples} times."
    if models > 1:
        return (
            f"每行由 {models} 个模型回答。"
            if language == "zh"
            else f"Each row was answered by {models} models."
        )
    return ""


def _tuned(facts: RunFacts, language: Language) -> str:
    people = facts.people
    if people is None or not people.part:
        return ""
    if language == "zh":
        return f"数字来自 {people.part} 部分，共查看 {people.looks} 次。"
    return f"The numbers are of the part “{people.part}”, which was looked at {people.looks} times."


def _items(*rows: tuple[str, str, str, str, Answer]) -> list[Item]:
    return [
        Item(_both(head, zh_head), _both(text, zh_text), answer)
        for head, zh_head, text, zh_text, answer in rows
    ]


CHECKLISTS: Mapping[ChecklistName, Checklist] = {
    "ttamre": Checklist(
        "TTAMRE",
        "Osorio (EPSA 2026)",
        _items(
            ("Text", "文本", "Which texts, from where, how many?", "哪些文本，来自何处，共多少？", _table),
            ("Text", "文本", "How was the corpus chosen and prepared?", "语料如何选取和预处理？", _open),
            ("Text", "文本", "What is the unit that is annotated?", "标注单位是什么？", _units),
            (
                "Tasks",
                "任务",
                "What is measured, with which codebook?",
                "测量什么，使用何种编码手册？",
                _task,
            ),
            ("Tasks", "任务", "Which prompt was used?", "使用了什么提示词？", _prompt),
            (
                "Annotations",
                "标注",
                "Who annotated by hand, how many rows, drawn how?",
                "谁做了人工编码，多少行，如何抽样？",
                _people,
            ),
            ("Annotations", "标注", "How far do the annotators agree?", "编码者之间的一致程度如何？", _among),
            ("Annotations", "标注", "How were they trained and paid?", "编码者如何培训、如何付酬？", _open),
            (
                "Models",
                "模型",
                "Which models, in which version, when?",
                "哪些模型，什么版本，何时？",
                _models,
            ),
            ("Models", "模型", "With which settings?", "使用了哪些参数？", _parameters),
            ("Models", "模型", "Why these?", "为何选择它们？", _open),
            (
                "Results",
                "结果",
                "How well do the labels agree with people's?",
                "标签与人工编码的一致程度如何？",
                _against,
            ),
            ("Results", "结果", "What became of each row?", "每一行的结果如何？", _fate),
            (
                "Results",
                "结果",
                "How do errors carry over into what is concluded?",
                "误差如何影响结论？",
                _corrected,
            ),
            (
                "Environment",
                "环境",
                "Where did it run, with which software?",
                "在何处运行，使用哪些软件？",
                _software,
            ),
            ("Environment", "环境", "What did it cost?", "成本多少？", _cost),
            ("Environment", "环境", "Where were the texts sent?", "文本发送到了哪里？", _place),
        ),
    ),
    "tamper": Checklist(
        "TaMPER",
        "Overton, Robison & Sheneman (arXiv 2504.01037)",
        _items(
            ("Task", "任务", "What goes in and what comes out?", "输入与输出是什么？", _task),
            ("Task", "任务", "Why is a language model fit for it?", "为何适合使用语言模型？", _open),
            ("Model", "模型", "Which model and version, when?", "哪个模型和版本，何时？", _models),
            ("Model", "模型", "With which parameters?", "使用了哪些参数？", _parameters),
            ("Prompt", "提示词", "What was the prompt?", "提示词是什么？", _prompt),
            (
                "Prompt",
                "提示词",
                "How was it developed, and on which texts?",
                "提示词如何改进，依据哪些文本？",
                _tuned,
            ),
            ("Evaluation", "评估", "Against what, on which sample?", "与什么比较，使用哪个样本？", _people),
            ("Evaluation", "评估", "How good is it?", "效果如何？", _against),
            ("Evaluation", "评估", "How stable is it?", "稳定性如何？", _stability),
            ("Reporting", "报告", "What became of each row?", "每一行的结果如何？", _fate),
            ("Reporting", "报告", "What can others run again, with what?", "他人如何重复？", _software),
        ),
    ),
    "llm-guidelines": Checklist(
        "llm-guidelines.org",
        "Baltes et al. (arXiv 2508.15503)",
        _items(
            (
                "1 Usage and role",
                "1 用途",
                "Which model, how, where in the study?",
                "哪个模型，如何使用，在研究何处？",
                _models,
            ),
            ("1 Usage and role", "1 用途", "What for, and with what benefit?", "目的与预期收益？", _open),
            (
                "2 Version and configuration",
                "2 版本与配置",
                "Exact version, date, configuration",
                "确切版本、日期、配置",
                _parameters,
            ),
            (
                "3 Architecture",
                "3 架构",
                "What surrounds the model, and where does it run?",
                "模型之外的组成与运行位置",
                _place,
            ),
            (
                "3 Architecture",
                "3 架构",
                "Several models: how are they put together?",
                "多个模型如何合并？",
                _stability,
            ),
            (
                "4 Prompts and logs",
                "4 提示词与记录",
                "All prompts, with what changes in them",
                "全部提示词及其变量",
                _prompt,
            ),
            (
                "4 Prompts and logs",
                "4 提示词与记录",
                "Who has the raw requests and answers?",
                "原始请求与回答保存在何处？",
                _open,
            ),
            (
                "5 Human validation",
                "5 人工验证",
                "Who validated, on what sample?",
                "谁验证，使用何种样本？",
                _people,
            ),
            (
                "5 Human validation",
                "5 人工验证",
                "How far do they agree with one another?",
                "验证者之间的一致程度",
                _among,
            ),
            (
                "6 Open model as baseline",
                "6 开源模型基线",
                "How does an open model compare?",
                "与开源模型相比如何？",
                _open,
            ),
            ("7 Metrics", "7 指标", "Which metrics, with intervals?", "哪些指标及其区间？", _against),
            ("8 Limitations", "8 局限", "Cost, energy, threats to validity", "成本、能耗、效度威胁", _cost),
        ),
    ),
    "tornberg": Checklist(
        "Törnberg (2024)",
        "Sociologica 18(2)",
        _items(
            ("Model choice", "模型选择", "Which model, and why this one?", "哪个模型，为何？", _models),
            (
                "Model choice",
                "模型选择",
                "Is it one that others can run, and that stays?",
                "他人能否使用，是否长期可用？",
                _open,
            ),
            (
                "Coding procedure",
                "编码程序",
                "Who wrote the codebook, and with whom was it tried?",
                "谁编写编码手册，如何试用？",
                _open,
            ),
            ("Prompt codebook", "提示词编码手册", "Instructions word for word", "逐字的说明", _prompt),
            ("Prompt codebook", "提示词编码手册", "Parameters", "参数", _parameters),
            (
                "Validation",
                "验证",
                "On how many texts, drawn how, by whom?",
                "多少文本，如何抽样，由谁编码？",
                _people,
            ),
            (
                "Validation",
                "验证",
                "Was the prompt tuned on other texts than it is judged on?",
                "调整提示词与评估是否使用不同文本？",
                _tuned,
            ),
            ("Validation", "验证", "Which figures?", "哪些数值？", _against),
            (
                "Prompt stability",
                "提示词稳定性",
                "What do other wordings, and repeats, change?",
                "改换措辞和重复提问有何影响？",
                _stability,
            ),
            (
                "Ethics and law",
                "伦理与法律",
                "Where did texts go, and with whose consent?",
                "文本去向与知情同意",
                _place,
            ),
        ),
    ),
}
"""By name."""

"""The sections of a report: what is said of a run, in which order, in English or Chinese."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from rowbatch.core.document import (
    Bar,
    BarKind,
    Bars,
    Block,
    Code,
    Document,
    Language,
    Paragraph,
    Section,
    Table,
)
from rowbatch.core.states import RowStatus
from rowbatch.core.statistics.acceptance import LabelAcceptance
from rowbatch.core.statistics.corrected import Correction
from rowbatch.core.statistics.figures import Figure, wilson
from rowbatch.core.statistics.notebook import figures_rows
from rowbatch.reporting.checklists import CHECKLISTS, ChecklistName
from rowbatch.reporting.facts import CONFIDENCE_BINS, PeopleFacts, RunFacts, commonest
from rowbatch.reporting.methods import methods_text
from rowbatch.words.notice import Notice
from rowbatch.words.printing import dollars

_MOST_BARS = 40


class Sections:
    """
    Makes the sections.

    Args:
        facts: Of the run.
        language: Of all words.
    """

    def __init__(self, facts: RunFacts, language: Language) -> None:
        self._facts, self._language = facts, language

    def document(self, checklist: ChecklistName | None) -> Document:
        """
        The whole report.

        Args:
            checklist: Which one is filled in at its end; None for none.
        """
        facts, t = self._facts, self._told
        sections = [
            Section("", list(self._alerts()), "alerts"),
            Section(t("In short", "概要"), list(self._short()), "short"),
            Section(t("What was asked", "提问内容"), list(self._asked()), "asked"),
            Section(t("What came back", "返回结果"), list(self._came()), "came"),
            Section(t("How good it is", "质量"), list(self._quality()), "quality"),
            *self._estimates(),
            Section(t("Drift", "漂移"), list(self._drift()), "drift"),
            *self._stability(),
            Section(t("Labelled by a student", "由学生模型标注"), list(self._students()), "students"),
            Section(t("Limits", "局限"), list(self._limits()), "limits"),
            Section(t("Methods paragraph", "方法段落"), list(self._methods()), "methods"),
            *self._checklist(checklist),
            Section(t("Record", "记录"), list(self._record()), "record"),
        ]
        return Document(
            title=t(f"Report on the labelling of {facts.table}", f"{facts.table} 标注报告"),
            lead=t(
                f"Run {facts.name}, made on {facts.plan.created_at[:10]}",
                f"任务 {facts.name}，创建于 {facts.plan.created_at[:10]}",
            ),
            sections=[one for one in sections if one.blocks],
            language=self._language,
            made_with=t(
                f"Written by rowbatch {facts.versions['rowbatch']} from the run itself: nothing was typed in.",
                f"由 rowbatch {facts.versions['rowbatch']} 根据任务记录自动生成，没有手工填写的内容。",
            ),
        )

    def _told(self, en: str, zh: str) -> str:
        return zh if self._language == "zh" else en

    def _alerts(self) -> Iterator[Block]:
        """What nobody may overlook: it stands before the title."""
        t, people = self._told, self._facts.people
        if people is None:
            yield Paragraph(
                t(
                    "Nobody has checked these labels: no person coded any of these rows, so nothing is known of "
                    "how often the model is right.",
                    "这些标签未经人工核查：没有任何一行经过人工编码，因此无法得知模型的正确率。",
                ),
                is_alert=True,
            )
            return
        if not people.is_random:
            yield Paragraph(
                t(
                    "The coded rows are not known to be a random sample: the figures hold for them, and for no "
                    "other rows.",
                    "无法确认人工编码的行是随机样本：所报数值只适用于这些行。",
                ),
                is_alert=True,
            )
        if people.is_test_spent:
            yield Paragraph(
                t(
                    "The codebook was changed after somebody had looked at the test part: its figures are too "
                    "good. A new test part is needed.",
                    "在查看测试部分之后编码手册被修改：所报数值偏高，需要新的测试部分。",
                ),
                is_alert=True,
            )

    def _short(self) -> Iterator[Block]:
        facts, t = self._facts, self._told
        ok = facts.collected.statuses.get(RowStatus.OK, 0)
        asked = facts.rows - facts.collected.statuses.get(RowStatus.SKIPPED, 0)
        rows: list[tuple[str, str]] = [
            (
                t("Table", "数据表"),
                t(f"{facts.table}, {facts.rows:,} rows", f"{facts.table}，{facts.rows:,} 行"),
            ),
            (
                t("Labelled", "已标注"),
                f"{ok:,} / {asked:,}" + (f" ({ok / asked:.1%})" if asked else ""),
            ),
            (
                t("Models asked", "请求的模型"),
                "; ".join(f"{one.model} ({one.provider})" for one in facts.models),
            ),
            (
                t("Models that answered", "作答的模型"),
                ", ".join(f"{name} ({count:,})" for name, count in facts.answered.items()) or "–",
            ),
            (
                t("Texts went to", "文本去向"),
                t("this computer only", "仅在本机")
                if facts.is_local
                else ", ".join(dict.fromkeys(one.address or one.provider for one in facts.models)),
            ),
            (t("Asked between", "提问时间"), _between(facts.first_sent_at, facts.last_ended_at)),
            (t("Cost", "费用"), _usd(facts.spent_usd, t("no price is known", "价格未知"))),
        ]
        yield Table((t("What", "项目"), ""), rows)

    def _asked(self) -> Iterator[Block]:
        facts, t = self._facts, self._told
        if facts.codebook_text:
            yield Paragraph(t("The codebook, word for word:", "编码手册全文："))
            yield Code(facts.codebook_text.rstrip("\n"))
        if facts.instructions:
            yield Paragraph(t("The instructions that the model read:", "模型读到的说明："))
            yield Code(facts.instructions)
        if facts.example is not None:
            yield Paragraph(t("The first request, as it was sent:", "第一个请求的原样："))
            yield Code(json.dumps(facts.example, ensure_ascii=False, indent=1))
        for model in facts.models:
            parameters = [
                (
                    name,
                    json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value),
                )
                for name, value in model.parameters.items()
            ]
            yield Paragraph(f"{model.model} ({model.provider}), {model.endpoint}")
            if parameters:
                yield Table((t("Parameter", "参数"), t("Value", "值")), parameters)
        yield Paragraph(
            t(
                "Parameters that are not listed were the provider's defaults.",
                "未列出的参数为提供方的默认值。",
            )
        )

    def _came(self) -> Iterator[Block]:
        facts, t = self._facts, self._told
        statuses = facts.collected.statuses
        rows = [
            (str(status), f"{statuses[status]:,}", f"{statuses[status] / facts.rows:.1%}")
            for status in RowStatus
            if statuses.get(status)
        ]
        yield Table((t("Status", "状态"), t("Rows", "行数"), t("Share", "比例")), rows, (1, 2))
        reasons = [*commonest(facts.collected.reasons).items()][:10]
        if reasons:
            yield Table(
                (t("Commonest reasons", "最常见原因"), t("Rows", "行数")),
                [(reason, f"{count:,}") for reason, count in reasons],
                (1,),
            )
        for one in facts.values:
            if one.labels and one.n:
                yield Bars(
                    t(
                        f"{one.variable}: the model's labels, {one.n:,} rows",
                        f"{one.variable}：模型的标签，{one.n:,} 行",
                    ),
                    [
                        Bar(label, count / one.n, f"{count:,} ({count / one.n:.1%})", kind="biased")
                        for label, count in one.labels[:_MOST_BARS]
                    ],
                    max((count / one.n for _, count in one.labels), default=1.0),
                )
            elif one.facts:
                yield Table(
                    (one.variable, ""),
                    [(name, f"{value:,.6g}") for name, value in one.facts[:20]],
                    (1,),
                )
        for name, tenths in facts.confidence.items():
            known = sum(tenths)
            if known:
                yield Bars(
                    t(
                        f"{name}: how sure the model was ({facts.confidence_basis})",
                        f"{name}：模型的把握（{facts.confidence_basis}）",
                    ),
                    [
                        Bar(
                            f"{at / CONFIDENCE_BINS:.1f} – {(at + 1) / CONFIDENCE_BINS:.1f}",
                            count / known,
                            f"{count:,}",
                        )
                        for at, count in enumerate(tenths)
                    ],
                    max(tenths) / known,
                )
        if facts.corrected_rows:
            yield Paragraph(
                t(
                    f"{facts.corrected_rows:,} rows have a label that a person put in the place of the model's. "
                    "They are people's, and count in none of the figures about the model.",
                    f"{facts.corrected_rows:,} 行的标签经人工更正；它们属于人工编码，不计入有关模型的数值。",
                )
            )

    def _quality(self) -> Iterator[Block]:
        people, t = self._facts.people, self._told
        if people is None:
            yield Paragraph(
                t(
                    "Not known. Draw a random sample, have people code it, and make the report again.",
                    "未知。请抽取随机样本进行人工编码，然后重新生成报告。",
                )
            )
            return
        yield Table((t("What", "项目"), ""), list(self._of_people(people)))
        for variable, notes in people.notes.items():
            for note in notes:
                yield Paragraph(f"{variable}: {note}" if self._language == "en" else f"{variable}：{note}")
        for title, found in (
            (t("Among people", "编码者之间"), people.among),
            (t("The model against people", "模型与人工编码"), people.against),
        ):
            for variable, figures in found.items():
                yield Paragraph(f"{title}: {variable}")
                yield self._figures(figures)
        for variable, cells in people.confusion.items():
            yield Paragraph(
                t(
                    f"{variable}: rows by people's label and the model's",
                    f"{variable}：人工标签与模型标签的交叉表",
                )
            )
            yield _matrix(cells, t("people \\ model", "人工 \\ 模型"))
        for variable, labels in people.accepted.items():
            wanted = f"{people.wanted:.0%}" if people.wanted is not None else ""
            yield Paragraph(
                t(
                    f"{variable}: which labels may be used unseen, if {wanted} of them are to be right",
                    f"{variable}：若要求 {wanted} 正确，哪些标签可不经复核直接使用",
                )
            )
            header = (t("Label", "标签"), t("Verdict", "结论"), t("Right", "正确"), t("Bounds", "界限"))
            yield Table(header, [self._verdict(one) for one in labels], (2, 3))

    def _verdict(self, one: LabelAcceptance) -> tuple[str, str, str, str]:
        t = self._told
        words = {
            "usable": t("may be used unseen", "可直接使用"),
            "usable-with-correction": t("only in corrected numbers", "仅可用于校正后的数值"),
            "not-automatable": t("not shown to be better than guessing", "未显示优于随机猜测"),
            "too-little-evidence": t("too few coded rows to tell", "人工编码的行太少，无法判断"),
        }
        told = words[one.verdict]
        if one.more is not None:
            told += t(f"; some {one.more:,} more would show it", f"；约需再编码 {one.more:,} 行")
        bounds = "–" if one.low is None or one.high is None else f"{one.low:.3f} – {one.high:.3f}"
        return one.label, told, f"{one.hits:,} / {one.n:,}", bounds

    def _students(self) -> Iterator[Block]:
        """Other tables, or other rows, that were labelled by what was learned of this run's labels."""
        t = self._told
        for one in self._facts.students:
            yield Paragraph(
                t(
                    f"A small classifier learned the model's labels of {one.variable} from {one.learned:,} rows, and labelled "
                    f"other rows of {one.table}. Rows that people code were held out ({one.held_out:,} of those with an answer).",
                    f"一个小型分类器从 {one.learned:,} 行中学习了模型对 {one.variable} 的标签，并标注了 {one.table} 的其余各行。"
                    f"人工编码的行不参与学习（有回答的行中有 {one.held_out:,} 行）。",
                )
            )
            rows = [
                (t("Method", "方法"), one.method),
                (t("Rows of the table", "表的行数"), f"{one.rows:,}"),
                (t("With the model's label", "使用模型的标签"), f"{one.of_model:,}"),
                (t("With the student's label", "使用学生模型的标签"), f"{one.of_student:,}"),
                (t("Left without a label", "没有标签"), f"{one.left:,}"),
                (t("Without a text", "没有文本"), f"{one.blank:,}"),
                (
                    t("Says what the model does, of rows it did not see", "与模型一致（未见过的行）"),
                    f"{one.same:.1%}",
                ),
            ]
            for name, share in (
                (t("The student is right", "学生模型正确率"), one.student_right),
                (t("The model is right", "模型正确率"), one.model_right),
            ):
                told = t("not known: nobody coded", "未知：没有人工编码")
                if share is not None:
                    right, low, high, n = share
                    told = f"{right:.3f} ({low:.3f}–{high:.3f}, n = {n:,})"
                rows.append((name, told))
            for quantity, value, least, most in one.estimates:
                if value is not None and least is not None and most is not None:
                    name = f"{quantity}, {t('corrected', '校正后')}"
                    rows.append((name, f"{value:.3f} ({least:.3f}–{most:.3f})"))
            for quantity, _, _, times in one.widths:
                if times is not None:
                    told = t(f"{times:.2f} times as wide as with the model", f"为使用模型时的 {times:.2f} 倍")
                    rows.append((f"{quantity}, {t('interval', '区间')}", told))
            yield Table((t("What", "项目"), ""), rows)
            words = {
                "usable": t("may be used unseen", "可直接使用"),
                "usable-with-correction": t("only with correction", "仅在校正后使用"),
                "not-automatable": t("not by this student", "不能由学生模型标注"),
                "too-little-evidence": t("too few coded rows to tell", "人工编码太少，无法判断"),
            }
            verdicts = [
                (label if sure is None else f"{label} (≥ {sure:g})", words.get(verdict, verdict))
                for label, sure, verdict in one.verdicts
            ]
            if verdicts:
                yield Table((t("Label (sure at least)", "标签（把握至少）"), t("Verdict", "结论")), verdicts)

    def _of_people(self, people: PeopleFacts) -> Iterator[tuple[str, str]]:
        t = self._told
        yield t("Coded in", "编码来源"), people.source
        yield t("Coders", "编码者"), f"{people.coders:,}"
        yield t("Rows", "行数"), f"{people.rows:,}"
        yield t("Drawn", "抽样方式"), people.design or t("not known", "未知")
        if people.part:
            yield t("Part", "部分"), people.part
            yield t("Looked at", "查看次数"), f"{people.looks:,}"

    def _figures(self, figures: Mapping[str, Figure]) -> Table:
        t = self._told
        header = (
            t("Statistic", "统计量"),
            t("Estimate", "估计值"),
            t("Interval", "区间"),
            "n",
            t("Method", "方法"),
        )
        return Table(header, figures_rows(figures), (1, 2, 3))

    def _estimates(self) -> Iterator[Section]:
        people, t = self._facts.people, self._told
        if people is None or not (people.corrected or people.refused):
            return
        blocks: list[Block] = [
            Paragraph(
                t(
                    "Each number three times: of the model alone, which is as wrong as the model is; of people "
                    "alone; and corrected, which is to be reported.",
                    "每个数值给出三次：仅模型（含模型误差，有偏）、仅人工、校正后（应报告此值）。",
                )
            )
        ]
        for one in people.corrected:
            blocks.append(self._three(one))
            if one.corrected.why is not None:
                blocks.append(self._refused(one.quantity, one.corrected.why))
        blocks += [self._refused(name, why) for name, why in people.refused.items()]
        yield Section(t("Corrected estimates", "校正后的估计值"), blocks, "estimates")

    def _refused(self, quantity: str, why: Notice) -> Paragraph:
        """Why there is no corrected number, where it would stand."""
        told = why.told("page", self._language)
        hint = why.hint("page", self._language)
        return Paragraph(
            self._told(
                f"{quantity}: no corrected number, since {told}{f'; {hint}' if hint else ''}.",
                f"{quantity}：没有校正后的数值：{told}{f'；{hint}' if hint else ''}。",
            )
        )

    def _stability(self) -> Iterator[Section]:
        t, found, curve = self._told, self._facts.stability, self._facts.curve
        if found is None or curve is None:
            return
        blocks: list[Block] = []
        ways = [
            (
                one.name,
                ", ".join(f"{self._way(facet)}: {self._way(value)}" for facet, value in one.facets.items()),
                self._way(one.state),
                f"{one.answered:,} / {one.asked:,}",
            )
            for one in found.configurations
        ]
        blocks.append(
            Table(
                (
                    t("Way to ask", "提问方式"),
                    t("What differs", "差异"),
                    t("State", "状态"),
                    t("Answered", "已答"),
                ),
                ways,
                (3,),
            )
        )
        for one in found.configurations:
            if one.kind == "prompt" and one.prompt:
                blocks += [
                    Paragraph(t(f"The words of {one.name}:", f"{one.name} 的措辞：")),
                    Code(one.prompt),
                ]
        numbers = found.found
        if numbers is not None:
            kinds = {
                "repeat": t("asked again", "重复提问"),
                "order": t("labels in another order", "标签顺序不同"),
                "prompt": t("other words", "措辞不同"),
                "model": t("other models", "其他模型"),
                "run": t("other runs", "其他任务"),
            }
            alpha, changed = (
                t("Krippendorff's alpha", "Krippendorff α"),
                t("rows that ever change", "曾改变的行"),
            )
            figures = {f"{alpha}, {t('all', '全部')}": numbers.alpha, changed: numbers.changed}
            for kind in numbers.by_kind:
                figures[f"{alpha}, {kinds.get(kind, kind)}"] = numbers.by_kind[kind]
                figures[f"{changed}, {kinds.get(kind, kind)}"] = numbers.changed_by_kind[kind]
            for label in numbers.labels:
                figures[t(f"{label.label}: kept every time", f"{label.label}：始终保持")] = label.kept
            for name, figure in found.against.items():
                figures[t(f"{name}: as people coded", f"{name}：与人工一致")] = figure
            blocks.append(Paragraph(t(f"How stable {found.variable} is", f"{found.variable} 的稳定性")))
            blocks.append(self._figures(figures))
            if numbers.churn:
                blocks.append(
                    Table(
                        (
                            t("Way to ask", "提问方式"),
                            t("From", "原标签"),
                            t("To", "变为"),
                            t("Rows", "行数"),
                        ),
                        [
                            (one.name, one.before, one.after or "–", f"{one.rows:,}")
                            for one in numbers.churn[:40]
                        ],
                        (3,),
                    )
                )
        words = {name: self._way(name) for name in (*_WAYS,)}
        picture = curve.picture(
            t(
                f"{curve.quantity} in every way that was asked, of the same {curve.rows:,} rows",
                f"{curve.quantity}：各种提问方式下的估计值（相同的 {curve.rows:,} 行）",
            ),
            words,
        )
        blocks.append(
            replace(picture, legend=(t("model only (biased)", "仅模型（有偏）"), t("corrected", "校正后")))
        )
        blocks.append(
            Table(
                (
                    t("Way to ask", "提问方式"),
                    t("Model only (biased)", "仅模型（有偏）"),
                    t("Corrected", "校正后"),
                ),
                [
                    (
                        one.configuration.name,
                        self._way(one.configuration.state)
                        if one.model_only is None
                        else _ends(one.model_only),
                        "–" if one.corrected is None else _ends(one.corrected),
                    )
                    for one in curve.specifications
                ],
                (1, 2),
            )
        )
        reasons = dict.fromkeys(
            one.corrected.why
            for one in curve.specifications
            if one.corrected is not None and one.corrected.why is not None
        )
        blocks += [self._refused(curve.quantity, why) for why in reasons if why is not None]
        yield Section(t("How stable it is", "稳定性"), blocks, "stability")

    def _way(self, name: str) -> str:
        """A word of how a way to ask differs, in the language of the report."""
        return _WAYS.get(name, name) if self._language == "zh" else name.replace("-", " ")

    def _three(self, one: Correction) -> Bars:
        t = self._told
        bars = [
            _bar(t("model only (biased)", "仅模型（有偏）"), one.model_only, "biased"),
            _bar(t("people only", "仅人工"), one.people_only, "people"),
            _bar(t("corrected", "校正后"), one.corrected, "corrected"),
        ]
        tops = [bar.value if bar.high is None else bar.high for bar in bars]
        return Bars(one.quantity, bars, max((top for top in tops if top is not None), default=1.0))

    def _drift(self) -> Iterator[Block]:
        found, t = self._facts.sentinels, self._told
        if found is None:
            return
        count = len(found.texts)
        yield Paragraph(
            t(
                f"{count:,} texts, drawn by hash on {found.drawn_at[:10]} (seed {found.seed}), are asked again from "
                "time to time, always the same ones; each row below compares what was said then with the labels of "
                "this run.",
                f"{found.drawn_at[:10]} 按哈希抽取了 {count:,} 条文本（种子 {found.seed}），不时重新询问，每次都是这些文本；"
                "下面每一行将当时的回答与本任务的标签相比较。",
            )
        )
        rows = [
            (
                look.asked_at[:10],
                ", ".join(look.models) or "–",
                name,
                *(
                    part
                    for key in ("percent_agreement", "krippendorff_alpha")
                    for figure in (figures.get(key),)
                    for part in ((figure.shown, figure.shown_interval) if figure else ("–", "–"))
                ),
                f"{look.rows:,}",
            )
            for look in found.looks
            for name, figures in look.figures.items()
        ]
        header = (
            *(t("Asked", "询问日期"), t("Models that answered", "作答的模型"), t("Variable", "变量")),
            *(
                t("Agreement", "一致率"),
                t("Interval", "区间"),
                t("Alpha", "Alpha"),
                t("Interval", "区间"),
                "n",
            ),
        )
        yield Table(header, rows, (3, 4, 5, 6, 7))
        if found.drifted:
            yield Paragraph(
                t(
                    "The model has drifted: the interval of the last look lies below that of the first one, for "
                    f"{', '.join(found.drifted)}.",
                    f"模型已漂移：{'、'.join(found.drifted)} 的最近一次区间低于第一次的区间。",
                ),
                is_alert=True,
            )
        elif len(found.looks) > 1:
            yield Paragraph(
                t(
                    "No drift is shown: the interval of the last look does not lie below that of the first one.",
                    "未见漂移：最近一次的区间并不低于第一次的区间。",
                )
            )

    def _limits(self) -> Iterator[Block]:
        facts, t = self._facts, self._told
        gaps = (
            facts.rows
            - facts.collected.statuses.get(RowStatus.OK, 0)
            - facts.collected.statuses.get(RowStatus.SKIPPED, 0)
        )
        if gaps:
            low, high = wilson(gaps / facts.rows, facts.rows, 1.96)
            yield Paragraph(
                t(
                    f"{gaps:,} rows ({gaps / facts.rows:.1%}) have no usable answer. Where these differ from the "
                    f"others, what is said of all rows is off. (Of another run of this kind: {low:.1%} to {high:.1%}.)",
                    f"{gaps:,} 行（{gaps / facts.rows:.1%}）没有可用的回答。若这些行与其余行不同，关于全部行的结论会有偏差。"
                    f"（同类任务的比例约为 {low:.1%} 至 {high:.1%}。）",
                )
            )
        if len(facts.answered) > len(facts.models):
            yield Paragraph(
                t(
                    "More model names answered than were asked: a provider's alias may have changed in the middle "
                    "of the run.",
                    "作答的模型名多于请求的模型：提供方的别名可能在任务进行中发生了变化。",
                )
            )
        if not facts.is_local:
            yield Paragraph(
                t(
                    "A provider's model can be changed or withdrawn: the run may not be repeatable. The answers "
                    "themselves are kept byte for byte.",
                    "提供方的模型可能被更改或下线，任务未必可以重复。所有回答均按原样逐字节保存。",
                )
            )
        if facts.collected.doubted:
            yield Paragraph(
                t(
                    f"In {len(facts.collected.doubted):,} batches the answers seem to stand under the ids of other "
                    "rows. Their labels must not be used.",
                    f"{len(facts.collected.doubted):,} 个批次的回答似乎与行号不符，其标签不可使用。",
                ),
                is_alert=True,
            )
        yield Paragraph(
            t(
                "Correction protects against the model's errors, not against a codebook that measures something "
                "else than what is meant.",
                "校正可以消除模型误差的影响，但无法弥补编码手册本身测量的偏差。",
            )
        )

    def _methods(self) -> Iterator[Block]:
        facts = self._facts
        told = methods_text(
            facts.plan,
            {str(one): facts.collected.statuses[one] for one in RowStatus},
            facts.corrected_rows,
            self._language,
            facts.people,
            remarks=facts.remarks,
        )
        yield Paragraph(told.partition("\n\n")[0])

    def _checklist(self, name: ChecklistName | None) -> Iterator[Section]:
        if name is None:
            return
        checklist, t = CHECKLISTS[name], self._told
        answers = [
            (
                one.heading[self._language],
                one.question[self._language],
                one.answer(self._facts, self._language) or t("[only the author can say]", "［须由作者填写］"),
            )
            for one in checklist.items
        ]
        yield Section(
            t(f"Checklist: {checklist.title}", f"清单：{checklist.title}"),
            [
                Table(
                    (t("Heading", "标题"), t("Question", "问题"), t("Answer", "回答")),
                    answers,
                    note=t(
                        f"Headings: {checklist.source}; the questions are worded by rowbatch.",
                        f"标题来源：{checklist.source}；问题由 rowbatch 表述。",
                    ),
                )
            ],
            "checklist",
        )

    def _record(self) -> Iterator[Block]:
        facts, t = self._facts, self._told
        source = facts.plan.source
        rows = [
            (t("Table, SHA-256", "数据表 SHA-256"), source.sha256 or "–"),
            (t("Codebook, SHA-256", "编码手册 SHA-256"), facts.codebook_sha256 or "–"),
            (
                t("Rows asked; batches; rounds", "请求数；批次；轮次"),
                f"{facts.requests:,}; {facts.batches:,}; {facts.rounds}",
            ),
            (
                t("Tokens: prompts; answers", "令牌数：提示；回答"),
                f"{facts.collected.prompt_tokens:,}; {facts.collected.answer_tokens:,}",
            ),
            (
                t("Answers of earlier runs", "沿用早先任务的回答"),
                f"{facts.collected.taken_over:,}"
                + "".join(f"; {one.get('run')} ({one.get('rows')})" for one in facts.collected.taken_from),
            ),
            (t("System fingerprints", "系统指纹"), ", ".join(facts.fingerprints) or "–"),
            (t("Software", "软件"), ", ".join(f"{name} {number}" for name, number in facts.versions.items())),
        ]
        yield Table((t("What", "项目"), ""), rows)


_WAYS = {
    "model": "模型",
    "prompt": "提示词",
    "codebook": "编码手册",
    "label order": "标签顺序",
    "settings": "参数",
    "asked": "提问次数",
    "as asked": "原样",
    "reversed": "颠倒",
    "rotated": "轮换",
    "first": "首次",
    "again 1": "再次",
    "complete": "完成",
    "unfinished": "未完成",
    "failed": "失败",
    "other-question": "提问不同",
}
"""What is told of a way to ask, in Chinese."""


def _ends(figure: Figure) -> str:
    return f"{figure.shown} [{figure.shown_interval}]" if figure.low is not None else figure.shown


def _bar(name: str, figure: Figure, kind: BarKind) -> Bar:
    shown = f"{figure.shown} [{figure.shown_interval}]"
    return Bar(name, figure.estimate, shown, figure.low, figure.high, kind)


def _between(first: datetime | None, last: datetime | None) -> str:
    shown = [f"{one:%Y-%m-%d %H:%M} UTC" for one in (first, last) if one is not None]
    return " – ".join(dict.fromkeys(shown)) or "–"


def _usd(usd: Decimal | None, unknown: str) -> str:
    return unknown if usd is None else f"US{dollars(usd)}"


def _matrix(cells: Sequence[tuple[str, str, int]], corner: str) -> Table:
    """A confusion matrix: people's labels in rows, the model's in columns."""
    said = list(dict.fromkeys(one for one, _, _ in cells))
    answered = list(dict.fromkeys(one for _, one, _ in cells))
    order = [*said, *(one for one in answered if one not in said)]
    answered = [one for one in order if one in answered]
    counts = {(people, model): count for people, model, count in cells}
    rows = [(people, *(f"{counts.get((people, model), 0):,}" for model in answered)) for people in said]
    return Table((corner, *answered), rows, tuple(range(1, len(answered) + 1)))

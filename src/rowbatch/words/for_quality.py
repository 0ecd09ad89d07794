"""How good a run is, by what people coded: what does not fit, what is left out, what may be concluded."""

from __future__ import annotations

from rowbatch.words.telling import Entry

_SETS: dict[str, Entry] = {
    "coding-set-none": Entry(
        "no coding set is of the table {table!r}: nobody has coded rows of it yet",
        "draw a sample for people to code: rowbatch sample RUN --rows 200 --set NAME",
        page="draw a sample, and code it",
        zh=("还没有针对表“{table}”的编码集：尚无人编码其中的行", "请先抽取样本并进行人工编码"),
    ),
    "coding-sets-several": Entry(
        "several coding sets are of this table: {names!r}",
        "say which one is meant, by its name or its folder",
        page="choose one of them",
        zh=("有多个编码集针对这张表：“{names:”、“}”", "请选择其中一个"),
    ),
    "coding-set-not-coded": Entry(
        "nobody has coded a row of the coding set {name!r} for this",
        "code some of its rows first",
        zh=("编码集“{name}”中还没有人为此编码", "请先编码其中一些行"),
    ),
    "quality-set-of-other-table": Entry(
        "the coding set {name!r} is of the table {table!r}, and the run of {other!r}, which is not the same file",
        "take a set that was drawn from the run's table, or a run of the set's",
        zh=(
            "编码集“{name}”针对的是表“{table}”，而任务针对的是“{other}”，两者不是同一个文件",
            "请使用从该任务的表中抽取的编码集",
        ),
    ),
    "coding-set-of-other-rows": Entry(
        "{count:,} {count:row|rows} of the coding set {name!r} {count:has|have} another text in the run's table, "
        "or none, as row {rows:, }",
        "the table is read in another way: another sheet, header or encoding; draw the sample from the run",
        zh=(
            "编码集“{name}”中有 {count:,} 行在任务的表中文本不同或没有文本，例如第 {rows:、} 行",
            "该表的读取方式不同（工作表、表头或编码）；请从任务中抽取样本",
        ),
    ),
    "coding-set-without-variable": Entry(
        "the coding set {name!r} has no variable {variable!r} that can be compared; it asks {variables!r}",
        "name one of these that the run has, too: --variable NAME",
        page="choose one of these that the job has, too",
        zh=(
            "编码集“{name}”中没有可比较的变量“{variable}”；其中询问的是：“{variables:”、“}”",
            "请选择其中任务也有的一个变量",
        ),
    ),
    "coding-set-of-other-variables": Entry(
        "the coding set {name!r} asks {variables!r}, and the run {own!r}: there is none in both that can be compared",
        "take a coding set that was drawn of this run: rowbatch sample RUN --set NAME",
        page="take a coding set that was drawn of this job",
        zh=(
            "编码集“{name}”询问的是“{variables:”、“}”，而任务中是“{own:”、“}”：没有可比较的共同变量",
            "请使用从该任务中抽取的编码集",
        ),
    ),
    "quality-nothing-settled": Entry(
        "people have settled on no value of {variable!r} in the coding set {name!r} (part {part}, {rows:,} "
        "{rows:row|rows}): {uncoded:,} {uncoded:is|are} not coded, {unsettled:,} {unsettled:is|are} coded "
        "differently, {seen:,} only with the model's answer in sight",
        "code rows, and decide where coders differ; --part all takes all rows, --with-seen those coded in sight of "
        "the model",
        page="code rows, and decide where coders differ",
        zh=(
            "编码集“{name}”中（部分：{part}，共 {rows:,} 行）变量“{variable}”还没有确定的人工值：{uncoded:,} 行未编码，"
            "{unsettled:,} 行编码不一致，{seen:,} 行仅在看到模型回答时编码",
            "请编码更多行，并裁定编码者意见不一之处",
        ),
    ),
    "quality-no-part": Entry(
        "a coding set has no part {part!r}",
        "it is test, dev, or all",
        zh=("编码集没有“{part}”这一部分", "可用的是 test、dev 或 all"),
    ),
    "quality-no-share": Entry(
        "{name} is a share above 0 and below 1, not {value}",
        "0.9 means 90 of 100",
        zh=("{name} 应为大于 0 且小于 1 的比例，而不是 {value}", "0.9 表示 100 个中的 90 个"),
    ),
    "correct-strata-unknown": Entry(
        "of the coding set {name!r} it is known how likely the drawn rows were, but not the others of this run: strata "
        "are not this run's, or only some rows of each group were drawn",
        "strata of a model's answers belong to its run: correct that one; or draw by a column, or whole groups",
        zh=(
            "编码集“{name}”中各行的抽中概率已知，而本任务其余行的概率未知：分层与本任务不符，或每组只抽取了部分行",
            "按模型回答分层的样本只适用于该模型的任务；或者按表中的列分层，或整组抽样",
        ),
    ),
    "correct-kind": Entry(
        "{variable!r} is neither labels nor a number: there are no corrected estimates of it",
        zh=("“{variable}”既不是标签也不是数值：无法给出校正估计", ""),
    ),
    "correct-table-or-run": Entry(
        "it is not said what corrects what",
        "of a table: --predicted COLUMN --gold COLUMN; of a run: --people SET",
        page="choose the columns, or a coding set",
        zh=("没有指明用什么校正什么", "请选择列，或选择编码集"),
    ),
    "correct-run-has-its-own": Entry(
        "with --people it is a run that is corrected: {names!r} belong to a table",
        "leave them out",
        page_message="with a coding set it is a run that is corrected: {names!r} belong to a table",
        zh=("与编码集一起校正的是任务：“{names:”、“}”只适用于表", "请去掉这些选项"),
    ),
}

_NOTES: dict[str, Entry] = {
    "quality-part": Entry(
        "{rows:,} of the {drawn:,} rows of the coding set {name!r} (part {part}) have a value that people settled on",
        zh=("编码集“{name}”（部分：{part}）的 {drawn:,} 行中，有 {rows:,} 行已有确定的人工值", ""),
    ),
    "quality-used-up": Entry(
        "these rows were looked at with another codebook before ({looks:,} {looks:time|times}, first on {day}, run "
        "{run!r}): they are used up as a test, since the codebook may have been changed to fit them",
        "draw new rows and code them (rowbatch sample RUN --rows 200 --set NAME), and report numbers of these only",
        page="draw new rows, code them, and report numbers of these only",
        zh=(
            "此前已用另一版编码本看过这些行的结果（{looks:,} 次，首次为 {day}，任务“{run}”）：编码本可能已据此修改，"
            "它们不能再作为检验",
            "请抽取并编码新的行，只报告这些新行的结果",
        ),
    ),
    "quality-by-hand": Entry(
        "{rows:,} {rows:row|rows} of the set {rows:is|are} left out: a person or a model chose {rows:it|them}, and not chance",
        zh=("有 {rows:,} 行未计入：它们由人或模型选出，而非随机抽取", ""),
    ),
    "quality-examples": Entry(
        "{rows:,} {rows:row|rows} of the set {rows:is|are} left out: {rows:its text is an example|their texts are examples} "
        "in the codebook of the run, so the model was told what is right",
        zh=("有 {rows:,} 行未计入：它们的文本是任务编码本中的示例，模型已被告知正确答案", ""),
    ),
    "quality-uncoded": Entry(
        "{rows:,} {rows:row|rows} of the set {rows:is|are} not coded yet",
        zh=("还有 {rows:,} 行尚未编码", ""),
    ),
    "quality-unsettled": Entry(
        "{rows:,} {rows:row|rows} {rows:is|are} left out, since coders differ and nobody has decided: these are the "
        "hard ones, so the model looks better than it is",
        "decide them",
        zh=(
            "有 {rows:,} 行未计入：编码者意见不一且尚未裁定。这些往往是难判断的行，因此模型看起来比实际更好",
            "请裁定这些行",
        ),
    ),
    "quality-only-seen": Entry(
        "{rows:,} {rows:row|rows} {rows:is|are} left out: people coded {rows:it|them} with the model's answer in sight",
        zh=("有 {rows:,} 行未计入：编码时可以看到模型的回答", ""),
    ),
    "quality-cant-say": Entry(
        "{rows:,} {rows:row|rows} {rows:is|are} left out: people say that it can't be said",
        zh=("有 {rows:,} 行未计入：编码者认为无法判断", ""),
    ),
    "quality-other-codebook": Entry(
        "people were asked {variable!r} in other words than the model: question or labels differ",
        zh=("人工编码与模型所用的“{variable}”不同：问题或标签不一致", ""),
    ),
    "quality-values-unknown": Entry(
        "people use {count:,} {count:value|values} that the run's codebook does not have, as {values!r}: there the model is wrong",
        zh=("人工编码中有 {count:,} 个值不在任务的编码本中，例如“{values:”、“}”：这些行算作模型错误", ""),
    ),
    "quality-only-if": Entry(
        "{variable!r} is asked of some rows only: numbers are of rows where people answered it",
        zh=("“{variable}”只对部分行提问：结果仅针对人工回答过的行", ""),
    ),
    "quality-weighted": Entry(
        "rows were drawn by {names!r}: each counts one by how likely it was drawn, in {strata:,} strata",
        zh=("样本按“{names:”、“}”分层抽取（{strata:,} 层）：各行按被抽中概率的倒数加权", ""),
    ),
    "quality-strata-empty": Entry(
        "{strata:,} {strata:stratum has|strata have} no row that people settled on: nothing is known of {strata:it|them}",
        "code rows of each",
        zh=("有 {strata:,} 个层中没有任何已确定的行，对其一无所知", "请在每一层中都编码一些行"),
    ),
    "quality-strata-unknown": Entry(
        "rows were drawn by {names!r}, which is not known of all rows of this run: weights are those of the draw",
        zh=("样本按“{names:”、“}”分层抽取，而本任务无法得知各行所在的层：使用抽样时的权重", ""),
    ),
    "quality-groups": Entry(
        "whole groups were drawn, as all texts of a person: intervals of agreement take each row for itself and are "
        "too narrow, and nothing is accepted",
        "corrected estimates know the groups",
        zh=(
            "样本按整组抽取（如同一人的所有文本）：一致性的区间把每行视为独立，因而偏窄，且不判定任何标签可直接使用",
            "校正估计会考虑分组",
        ),
    ),
    "accept-not-drawn-alike": Entry(
        "its rows were not drawn alike, each alone: the exact bound holds for such only",
        "draw by the model's label, or all alike",
        zh=("这些行不是以相同概率逐行抽取的，精确界限只适用于后者", "请按模型的标签分层抽样，或简单随机抽样"),
    ),
}

QUALITY = {**_SETS, **_NOTES}

"""How stable labels are, and what comes out of every way in which a table was asked."""

from __future__ import annotations

from rowbatch.words.telling import Entry

STABILITY: dict[str, Entry] = {
    "stability-kept": Entry(
        "this run can't be asked otherwise: some of its values are kept from an earlier run",
        "take a run that asked every value itself",
        zh=("该任务不能换一种方式再问：部分取值沿用自更早的任务", "请选择自己询问了全部取值的任务"),
    ),
    "stability-of-words": Entry(
        "this run has no variable whose values can be compared: free words differ each time",
        "ask for labels, numbers or the like",
        zh=("该任务没有可以比较取值的变量：自由文本每次都会不同", "请改为询问标签、数字等"),
    ),
    "stability-no-words": Entry(
        "this run has no instructions of your own that could be put in other words",
        "give the other words yourself: --prompt TEXT",
        page="give the other words yourself",
        zh=("该任务没有可以换种说法的自定义说明", "请自行给出另一种措辞"),
    ),
    "stability-reworded-many": Entry(
        "{count:,} paraphrases are wanted, and there are {most} to propose",
        "write further ones yourself: --prompt TEXT, as often as you like",
        page="write further ones yourself",
        zh=("需要 {count:,} 种改写，但只能建议 {most} 种", "其余的请自行撰写"),
    ),
    "stability-prompt-the-same": Entry(
        "a paraphrase is empty, or word for word what was asked first",
        "give other words; the same words again are a repeat: --repeats 1",
        page="give other words; the same words again are a repeat",
        zh=("某个改写为空，或与最初的提问一字不差", "请给出不同的措辞；相同的措辞属于重复提问"),
    ),
    "stability-model-the-same": Entry(
        "{model!r} is the model that was asked first",
        "name another one; the same again is a repeat: --repeats 1",
        page="name another one; the same again is a repeat",
        zh=("“{model}”就是最初询问的模型", "请指定另一个模型；再次询问同一模型属于重复提问"),
    ),
    "stability-no-order": Entry(
        "no variable of this run has labels that may stand in another order",
        "leave the order as it is: --order none; the steps of a scale stay in theirs",
        page="leave the order as it is; the steps of a scale stay in theirs",
        zh=("该任务没有可以调换顺序的标签", "请保持原有顺序；量表的各级顺序不能改变"),
    ),
    "stability-no-such-order": Entry(
        "there is no order of labels {order!r}",
        "there are: {orders:, }",
        zh=("没有名为“{order}”的标签顺序", "可用的有：{orders:、}"),
    ),
    "stability-too-few-rows": Entry(
        "{rows:,} {rows:row is|rows are} to be asked otherwise, and {left:,} could be",
        "ask for fewer; only rows with a usable answer are drawn",
        zh=("要换种方式再问 {rows:,} 行，但只有 {left:,} 行可用", "请减少行数；只抽取有可用回答的行"),
    ),
    "stability-other-rows": Entry(
        "other rows of {run} are asked otherwise already ({rows:,}, seed {seed})",
        "leave --rows, --seed and --coded out: further ways then ask the same rows, so that all can be compared; "
        "or move {folder} away and begin anew",
        page="further ways ask the same rows, so that all can be compared: leave the number as it is",
        zh=(
            "{run} 已经抽取了另一些行换种方式再问（{rows:,} 行，种子 {seed}）",
            "新的提问方式须使用相同的行才能比较，请不要更改行数",
        ),
    ),
    "stability-rows-damaged": Entry(
        "{path} is damaged: nobody knows which rows were asked otherwise",
        "bring it back from a copy; or move the folder away and begin anew",
        zh=("{path} 已损坏，无法得知哪些行被换种方式再问", "请从备份恢复；或移走该文件夹后重新开始"),
    ),
    "stability-other-table": Entry(
        "{run} is a run of the table {table!r}, which is not the file of the first run, {first!r}",
        "runs of the very same table can be compared; of others compare columns with `rowbatch compare`",
        page="jobs of the very same table can be compared",
        zh=(
            "{run} 是表“{table}”的任务，与第一个任务的表“{first}”不是同一个文件",
            "只有针对同一张表的任务才能比较",
        ),
    ),
    "stability-nothing-shared": Entry(
        "no row was asked in every way in which {run} was asked",
        "compare runs of which each asked the same rows",
        zh=("{run} 的各种提问方式之间没有共同的行", "请比较询问了相同行的任务"),
    ),
    "stability-left-out": Entry(
        "not counted, since not over, failed, or of another question: {names:, }",
        zh=("未计入（未完成、失败或提问不同）：{names:、}", ""),
    ),
    "stability-all-coded": Entry(
        "people coded all {rows:,} rows that were asked, so there is nothing to be corrected: their own number is "
        "the right one",
        zh=("所问的 {rows:,} 行全部经人工编码，无需校正：人工数值即为正确值", ""),
    ),
    "stability-no-label": Entry(
        "{variable!r} has no label {label!r}",
        "its labels are: {labels:, }",
        zh=("“{variable}”没有标签“{label}”", "其标签有：{labels:、}"),
    ),
    "stability-two-groups": Entry(
        "a difference is that of two groups, and the column {column!r} has {count:,}: {groups:, }",
        "say which two: --between A,B",
        page="say which two",
        zh=("差值须在两组之间计算，而“{column}”列有 {count:,} 组：{groups:、}", "请指明是哪两组"),
    ),
    "stability-picture-ending": Entry(
        "a picture is not written as {path}",
        "its name ends in .svg",
        zh=("图不能写成 {path}", "文件名须以 .svg 结尾"),
    ),
    "prompts-not-utf8": Entry(
        "{path} is no text in UTF-8",
        "save it as plain text in UTF-8",
        zh=("{path} 不是 UTF-8 文本", "请另存为 UTF-8 纯文本"),
    ),
}

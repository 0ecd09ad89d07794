"""Plans: what is asked, of whom, and what was decided about it."""

from __future__ import annotations

from rowbatch.words.telling import Entry

PLANS: dict[str, Entry] = {
    "tier-unknown": Entry(
        "how much may wait in tier {tier} is not known of {model!r}: {known} {known:tier is|tiers are} known",
        "say it with --queue-tokens, or leave --tier out",
        page="leave the tier out",
        zh=("{model!r} 在等级 {tier} 可排队多少未知：已知 {known} 个等级", "请不要填写等级"),
    ),
    "question-without-column": Entry(
        "which column holds the text?",
        "give --text COLUMN, or --template with {{{{columns}}}}",
        page="choose the column with the text",
        zh=("哪一列是文本？", "请选择文本所在的列"),
    ),
    "question-with-likely-column": Entry(
        "which column holds the text?",
        "{likely!r} looks like it: give --text COLUMN, or --template with {{{{columns}}}}",
        page="choose the column with the text; {likely!r} looks like it",
        zh=("哪一列是文本？", "请选择文本所在的列；看起来像是 {likely!r}"),
    ),
    "message-missing": Entry(
        "say what the user message is: a column, or a template",
        "give --text COLUMN or --template with {{{{columns}}}}",
        page="choose a column, or write a message with {{{{columns}}}}",
        zh=("请说明用户消息是什么：一列，或一个模板", "请选择一列，或写一条含 {{{{columns}}}} 的消息"),
    ),
    "text-and-template": Entry(
        "say what the user message is: a column, or a template, not both",
        "give --text COLUMN or --template with {{{{columns}}}}",
        page="choose a column, or write a message with {{{{columns}}}}",
        zh=(
            "请说明用户消息是什么：一列，或一个模板，不能两者都给",
            "请选择一列，或写一条含 {{{{columns}}}} 的消息",
        ),
    ),
    "estimate-without-model": Entry(
        "a table is estimated by itself, and for a model",
        "give one table and --model NAME",
        page="choose one table and a model",
        zh=("估算需要一个数据表和一个模型", "请选择一个数据表和一个模型"),
    ),
    "column-missing": Entry(
        "the table has no column {name!r}",
        zh=("数据表中没有列 {name!r}", ""),
    ),
    "question-without-words": Entry(
        "what shall the model do with the text?",
        "give --prompt, or --codebook FILE",
        page="write the question",
        zh=("模型应当对文本做什么？", "请写下问题"),
    ),
    "template-without-column": Entry(
        "the template names no column, so every row would be asked the same",
        "put a column in, as in {{{{{column}}}}}",
        zh=("消息中没有写出任何列，所有行的提问都会相同", "请写入一列，例如 {{{{{column}}}}}"),
    ),
    "image-folder-without-column": Entry(
        "which column names the images?",
        "give --image COLUMN",
        page="choose the column with the images",
        zh=("哪一列给出图片的名称？", "请选择图片所在的列"),
    ),
    "embeddings-asked": Entry(
        "embeddings answer no question",
        "leave --prompt, --labels and --codebook out",
        page="leave the question and the labels out",
        zh=("嵌入向量不回答问题", "请去掉问题和标签"),
    ),
    "address-missing": Entry(
        "{title} has no address that is the same for all",
        "give --base-url, as in {example}",
        page="write the address, as in {example}",
        zh=("{title} 没有通用的地址", "请填写地址，例如 {example}"),
    ),
    "model-missing": Entry(
        "{title} needs a model",
        "give --model NAME",
        page="choose a model",
        zh=("{title} 需要指定模型", "请选择模型"),
    ),
    "table-changed": Entry(
        "the table {table} was changed since this run was made, so its rows may be others now",
        "bring the old file back, or make a new run; the answers that came stay in {results} and `rowbatch extract` reads them",
        page="bring the old file back, or make a new job; the answers that came stay in {results}",
        zh=(
            "自任务创建以来，数据表 {table} 已被修改，各行可能已不同",
            "请恢复原来的文件，或新建任务；已收到的回答保存在 {results}",
        ),
    ),
    "try-run-has-its-own": Entry(
        "{run} is a run, and {names!r} say what is asked of a table: a run has its own",
        "leave them out, or give the table",
        zh=(
            "{run} 是一个任务，而“{names:”、“}”是针对表的选项：任务有自己的设置",
            "请去掉这些选项，或改为给出表文件",
        ),
    ),
    "no-row-has-text": Entry(
        "none of the {rows:,} rows has a text, so there is nothing to ask",
        "is --text the right column?",
        page="is it the right column?",
        zh=("{rows:,} 行都没有文本，没有可提问的内容", "所选的列是否正确？"),
    ),
    "no-more-rows-to-try": Entry(
        "each row with a text was tried, so there are no further ones",
        "try them again with another wording, or go on to the whole table",
        zh=("所有有文本的行都已试过，没有更多的行", "请换一种表述再试，或对整个数据表进行标注"),
    ),
    "output-is-input": Entry(
        "the labelled table would replace the input",
        "give -o another name",
        page="give it another name",
        zh=("标注结果会覆盖原来的数据表", "请换一个名称"),
    ),
    "run-name-taken": Entry(
        "{path} exists already",
        "give the run another name",
        page="try again",
        zh=("{path} 已存在", "请重试"),
    ),
    "labels-without-question": Entry(
        "it is not said what the labels are to be chosen by",
        "give --prompt, as in --prompt 'How is the mood?'",
        page="write what to ask about each text",
        zh=("没有说明依据什么来选择标签", "请写明对每条文本要问什么"),
    ),
    "labels-twice": Entry(
        "labels are given twice: in the codebook and by themselves",
        "leave one of them out",
        zh=("标签给出了两次：在编码手册中和单独给出", "请去掉其中之一"),
    ),
    "instructions-twice": Entry(
        "instructions are given twice: in the codebook and as a prompt",
        "leave --prompt out",
        page="leave one of them out",
        zh=("说明给出了两次：在编码手册中和作为问题", "请去掉其中之一"),
    ),
    "note-limit-is-ours": Entry(
        "answers have at most {tokens:,} tokens, since nobody said how long they may be",
        zh=("回答最多 {tokens:,} 个 token，因为没有设定长度", ""),
    ),
    "note-limit-without-thoughts": Entry(
        "{model} thinks before it answers, and its thoughts count: with at most {limit:,} tokens answers may be cut off, "
        "and are paid. --max-tokens {wanted} leaves them room; --reasoning-effort low, where the model takes it, needs "
        "less. Without --max-tokens a limit with room is set",
        page_message="{model} thinks before it answers, and its thoughts count: with at most {limit:,} tokens answers may "
        "be cut off, and are paid. {wanted:,} leave them room; an empty field sets a limit with room",
        zh=(
            "{model} 在回答前会思考，思考也计入上限：最多 {limit:,} 个 token 时回答可能被截断，但仍会计费。"
            "{wanted:,} 个 token 较为宽裕；留空则设定足够的上限",
            "",
        ),
    ),
    "effort-not-taken": Entry(
        "{model} does not take the reasoning effort {effort!r}",
        "there are: {known}; models that do not reason take none, and those that always reason not 'none'",
        zh=(
            "{model} 不接受推理强度 {effort!r}",
            "可选的有：{known}；不推理的模型不接受，总是推理的模型不接受 none",
        ),
    ),
    "note-limit-renamed": Entry(
        "this model calls the output limit {name}, so it is set by that name",
        zh=("该模型把输出上限称为 {name}，已按此名称设定", ""),
    ),
    "note-limit-raised": Entry(
        "responses have an output limit of {least} tokens at least, so it is {least}",
        zh=("Responses 接口的输出上限至少为 {least} 个 token，已设为 {least}", ""),
    ),
    "note-left-out": Entry(
        "{name} is left out: this model takes none",
        zh=("未发送 {name}：该模型不接受此参数", ""),
    ),
    "note-left-out-reasoning": Entry(
        "{name} is left out: this model takes none while it reasons; with --param reasoning_effort=none it is taken",
        page_message="{name} is left out: this model takes none while it reasons",
        zh=("未发送 {name}：该模型在推理时不接受此参数", ""),
    ),
    "note-limits-unknown": Entry(
        "the limits of {model} are not known: what it would refuse shows in `rowbatch doctor --probe`",
        page_message="the limits of {model} are not known",
        zh=("{model} 的限制未知", ""),
    ),
    "note-model-near": Entry(
        "the limits of {model} are not known; did you mean {near}?",
        zh=("{model} 的限制未知；您是指 {near} 吗？", ""),
    ),
    "note-family-refuses": Entry(
        "{model} is not known, and is sent what you said; but {why}, if it is like the other {family} models",
        zh=("{model} 未知，将按您所写的发送；但如果它与其他 {family} 模型相同，则：{why}", ""),
    ),
    "note-texts-repeat": Entry(
        "texts stand twice: {rows:,} {rows:row asks|rows ask} what an earlier one asks ({texts:,} {texts:text|texts}); "
        "--dedupe asks them once, and gives all their rows the answer",
        page_message="texts stand twice: {rows:,} {rows:row asks|rows ask} what an earlier one asks ({texts:,} "
        "{texts:text|texts}); under More settings they can be asked once",
        zh=(
            "有重复的文本：{rows:,} 行与前面的行问题相同（{texts:,} 条文本）；可在“更多设置”中选择只问一次",
            "",
        ),
    ),
    "note-shut-down": Entry(
        "{model} was to be shut down on {day}; it may answer no more",
        zh=("{model} 已宣布于 {day} 停用，可能不再回答", ""),
    ),
    "note-shut-down-soon": Entry(
        "{model} will be shut down on {day}: nobody can repeat the run after that",
        zh=("{model} 将于 {day} 停用：此后无人能重复此任务", ""),
    ),
    "note-letters-lost": Entry(
        "SPSS has no missing values such as Stata's {letters: }: in {output} those of the column {column!r} are "
        "empty and their labels are left out; a .dta file keeps them",
        zh=(
            "SPSS 没有 Stata 的 {letters:、} 这类缺失值：在 {output} 中“{column}”列的这些值为空，标签不保留；.dta 文件会保留",
            "",
        ),
    ),
    "note-numbers": Entry(
        "columns that are numbers in the output: {count:,} ({columns:, })",
        zh=("输出中作为数字的列：{count:,} 列（{columns:、}）", ""),
    ),
    "note-numbers-respelt": Entry(
        "in {column!r} {count:,} {count:number is|numbers are} spelt otherwise in the output, with the same value: "
        "{example!r}",
        zh=("“{column}”列中有 {count:,} 个数字在输出中写法不同、数值相同：“{example}”", ""),
    ),
    "note-no-numbers-zeros": Entry(
        "{column!r} stays text: it has leading zeros, as codes have: {example!r}",
        zh=("“{column}”列仍为文本：有前导零，像是编码：“{example}”", ""),
    ),
    "note-no-numbers-digits": Entry(
        "{column!r} stays text: it has more digits than a number holds: {example!r}",
        zh=("“{column}”列仍为文本：位数超过数字所能精确表示：“{example}”", ""),
    ),
    "note-no-numbers-comma": Entry(
        "{column!r} stays text: it has decimal commas: {example!r}",
        zh=("“{column}”列仍为文本：用逗号作小数点：“{example}”", ""),
    ),
    "note-no-numbers-groups": Entry(
        "{column!r} stays text: its digits are in groups: {example!r}",
        zh=("“{column}”列仍为文本：数字带分组符号：“{example}”", ""),
    ),
    "note-no-numbers-marks": Entry(
        "{column!r} stays text: it has marks of money or percent: {example!r}",
        zh=("“{column}”列仍为文本：带货币或百分号：“{example}”", ""),
    ),
    "numbers-not-for-csv": Entry(
        "--numbers is for Excel, Stata, SPSS, Parquet, Arrow and JSONL: in a CSV file every cell is text",
        "leave --numbers out, or choose another ending",
        page="choose another format",
        page_message="a CSV file has no numbers: every cell is text",
        zh=("CSV 文件中每个单元格都是文本，没有数字类型", "请选择其他格式"),
    ),
    "note-labels-cut": Entry(
        "labels of {count:,} {count:column|columns} are longer than {program} keeps ({most}): in {output} they are cut",
        zh=("{count:,} 列的标签超过 {program} 的上限（{most}）：在 {output} 中会被截短", ""),
    ),
    "note-value-labels-cut": Entry(
        "value labels of {columns:, } are longer than the {most} bytes that SPSS keeps: in {output} they are cut, and stay "
        "different; a .dta file keeps them whole",
        zh=(
            "{columns:、} 的值标签超过 SPSS 的 {most} 字节上限：在 {output} 中会被截短（仍互不相同）；.dta 文件可完整保留",
            "",
        ),
    ),
    "note-missing-not-kept": Entry(
        "Stata has no missing values of one's own such as SPSS's: in {output} those of {count:,} {count:column|columns} are "
        "values like others; a .sav file keeps them",
        zh=(
            "Stata 没有 SPSS 那样的自定义缺失值：在 {output} 中，{count:,} 列的这些值成为普通值；.sav 文件会保留",
            "",
        ),
    ),
    "note-text-labels-not-kept": Entry(
        "Stata has no labels on texts: in {output} those of {columns:, } are left out; a .sav file keeps them",
        zh=("Stata 不能给文本值加标签：在 {output} 中 {columns:、} 的值标签不保留；.sav 文件会保留", ""),
    ),
    "note-digit-labels-not-kept": Entry(
        "Stata has no labels on texts, and the codes of a text file are texts: in {output} the labels of {columns:, } are "
        "left out; --numbers makes numbers of them and keeps the labels",
        page_message="Stata has no labels on texts, and the codes of a text file are texts: in {output} the labels of "
        "{columns:, } are left out; with columns of numbers as numbers they are kept",
        zh=(
            "Stata 不能给文本值加标签，而文本文件中的代码是文本：在 {output} 中 {columns:、} 的值标签不保留；把数字列写成数字即可保留",
            "",
        ),
    ),
    "note-labels-not-kept": Entry(
        "{output} has no place for labels: those of {count:,} {count:column|columns} and the missing values of {missing:,} "
        "stay in the input; a .dta or .sav file keeps them",
        zh=(
            "{output} 不能保存标签：{count:,} 列的标签与 {missing:,} 列的缺失值定义只留在原文件中；.dta 或 .sav 文件会保留",
            "",
        ),
    ),
    "policy-impossible": Entry(
        "there is at least one round, and no time before now",
        zh=("至少要有一轮，等待时间不能为负", ""),
    ),
    "cap-no-amount": Entry(
        "a cap is an amount of US dollars",
        "for example: --max-cost 5",
        page="for example: 5",
        zh=("费用上限应为美元金额", "例如：5"),
    ),
    "share-no-share": Entry(
        "a share lies between 0 and 1",
        "for example: --worst-share 0.5",
        page="for example: 0.5",
        zh=("比例应在 0 与 1 之间", "例如：0.5"),
    ),
    "no-amount-of-usd": Entry(
        "{value!r} is no amount of US dollars",
        "for example: 5 or 0.50",
        zh=("{value!r} 不是美元金额", "例如：5 或 0.50"),
    ),
    "people-column-twice": Entry(
        "the table has {count} columns {name!r}",
        zh=("数据表中有 {count} 列名为 {name!r}", ""),
    ),
    "note-only-changed": Entry(
        "only {asked} are asked; the values of {kept} are those of run {run}. A model that is asked less at once "
        "may answer otherwise",
        zh=("只询问 {asked}；{kept} 的值取自运行 {run}。一次询问较少的问题，模型的回答可能不同", ""),
    ),
    "note-variables-added": Entry(
        "since run {run} asked these rows, new in the codebook: {names}",
        zh=("自运行 {run} 询问这些行以来，编码本中新增：{names}", ""),
    ),
    "note-variables-redefined": Entry(
        "since run {run} asked these rows, asked otherwise in the codebook: {names}",
        zh=("自运行 {run} 询问这些行以来，编码本中改变了定义：{names}", ""),
    ),
    "note-variables-removed": Entry(
        "since run {run} asked these rows, no more in the codebook: {names}",
        zh=("自运行 {run} 询问这些行以来，编码本中删除了：{names}", ""),
    ),
    "note-only-changed-offered": Entry(
        "--only-changed asks only {names}, and keeps the other values; a model that is asked less at once may "
        "answer otherwise",
        page_message="only {names} can be asked, and the other values kept; a model that is asked less at once "
        "may answer otherwise",
        zh=("可以只询问 {names}，并保留其他的值；一次询问较少的问题，模型的回答可能不同", ""),
    ),
    "no-earlier-codebook": Entry(
        "no earlier run asked these rows the same in the same way, but for some variables",
        "leave --only-changed out; then all variables are asked",
        page="go back to the question; then all variables are asked",
        zh=("没有以前的运行以相同方式询问过这些行且只有部分变量不同", "回到问题页面；所有变量都会被询问"),
    ),
    "kept-answers-missing": Entry(
        "run {run} has no answer for row {row:,}, so not all values can be kept",
        "ask the codebook of that run about this table first (only rows that are new are paid), or ask all "
        "variables",
        zh=(
            "运行 {run} 没有第 {row:,} 行的回答，因此无法保留所有的值",
            "先用那次运行的编码本询问此表（只有新的行收费），或询问所有变量",
        ),
    ),
    "changed-variables-need-others": Entry(
        "the variables that changed cannot be asked without the others: {told}",
        "leave --only-changed out; then all variables are asked",
        page="go back to the question; then all variables are asked",
        zh=("改变的变量不能脱离其他变量单独询问：{told}", "回到问题页面；所有变量都会被询问"),
    ),
    "label-stands-for-none": Entry(
        "{label!r} is a label of {variable}, and stands for rows that have none",
        zh=("{label!r} 是 {variable} 的标签，但它用于表示没有标签的行", ""),
    ),
}

"""Statistics: what can't be computed and why, and cells that aren't what they should be."""

from __future__ import annotations

from rowbatch.words.telling import Entry

_UNDEFINED: dict[str, Entry] = {
    "undefined-nothing-counted": Entry(
        "undefined: there is nothing that it would be a share of",
        zh=("无定义：没有可供计算比例的单位", ""),
    ),
    "undefined-no-pairs": Entry(
        "undefined: no row has values of two coders",
        zh=("无定义：没有任何一行同时有两位编码者的值", ""),
    ),
    "undefined-no-variation": Entry(
        "undefined: all values are one and the same, so agreement by chance is certain",
        zh=("无定义：所有值都相同，随机一致是必然的", ""),
    ),
    "undefined-constant": Entry(
        "undefined: one side has one value only",
        zh=("无定义：其中一方只有一个值", ""),
    ),
    "undefined-one-label": Entry(
        "undefined: with one label nobody can disagree",
        "name all labels of the codebook: --labels",
        page="name all labels of the codebook",
        zh=("无定义：只有一个标签时不可能有分歧", "请列出编码本中的所有标签"),
    ),
    "undefined-too-many-values": Entry(
        "not computed: there are {values:,} different values, and it is for labels, of which {most:,} can be",
        zh=("未计算：共有 {values:,} 个不同的值，而该统计量针对标签，最多 {most:,} 个", ""),
    ),
    "undefined-nothing-quoted": Entry(
        "undefined: nothing is quoted, or everything",
        zh=("无定义：没有任何引文，或全文都被引用", ""),
    ),
    "undefined-all-right-or-wrong": Entry(
        "undefined: all answers are right, or all are wrong",
        zh=("无定义：所有回答都正确，或都错误", ""),
    ),
    "interval-without-width": Entry(
        "no interval: every draw gives the same value, and an interval without width would be wrong",
        zh=("没有区间：每次抽样都得到同一个值，宽度为零的区间是错误的", ""),
    ),
    "interval-often-undefined": Entry(
        "no interval: it is undefined in {undefined:,} of {draws:,} draws",
        zh=("没有区间：在 {draws:,} 次抽样中有 {undefined:,} 次无定义", ""),
    ),
    "interval-too-few": Entry(
        "no interval: of {n:,} units there is none that could be believed; {least:,} are a beginning",
        zh=("没有区间：仅有 {n:,} 个单位，无法给出可信的区间；至少需要 {least:,} 个", ""),
    ),
}

_AGREE: dict[str, Entry] = {
    "agree-one-coder": Entry(
        "agreement is of two at least, and only {names!r} is given",
        "name two columns, as in --coders anna,ben; or the column that is right: --gold COLUMN",
        page="choose two columns, or the column that is right",
        zh=("一致性至少需要两方，而这里只有“{names:”、“}”", "请选择两列，或选择作为标准的列"),
    ),
    "agree-coder-twice": Entry(
        "column {column!r} is given twice, and agrees with itself",
        "name each column once",
        zh=("列“{column}”给出了两次，它与自身总是一致", "请每列只写一次"),
    ),
    "agree-label-twice": Entry(
        "a label stands twice: {labels!r}",
        "name each label once",
        zh=("有标签重复：“{labels:”、“}”", "请每个标签只写一次"),
    ),
    "agree-not-a-label": Entry(
        "column {column!r} has {rows:,} {rows:cell|cells} that are none of the labels, the first in row {first:,}: {cells!r}",
        "name all labels with --labels; what means that nothing was said: --missing VALUE",
        page="name all labels, and what means that nothing was said",
        zh=(
            "列“{column}”中有 {rows:,} 个单元格不是任何标签，第一个在第 {first:,} 行：“{cells:”、“}”",
            "请列出所有标签，以及表示缺失的值",
        ),
    ),
    "agree-answers-not-labels": Entry(
        "{rows:,} {rows:answer|answers} in column {column!r} are none of the labels, the first in row {first:,}: {cells!r}; "
        "they are wrong",
        zh=(
            "列“{column}”中有 {rows:,} 个回答不是任何标签，第一个在第 {first:,} 行：“{cells:”、“}”；它们算作错误",
            "",
        ),
    ),
    "agree-not-a-number": Entry(
        "column {column!r}, row {row:,}: {cell!r} is no number, as the level {level} wants ({rows:,} such {rows:cell|cells})",
        "what means that nothing was said: --missing VALUE; texts with an order: --level ordinal --labels low,mid,high",
        page="say what means that nothing was said, or choose another level",
        zh=(
            "列“{column}”第 {row:,} 行：“{cell}”不是数字，而测量水平 {level} 需要数字（共 {rows:,} 个）",
            "请指明表示缺失的值，或选择其他测量水平",
        ),
    ),
    "agree-label-no-number": Entry(
        "the label {label!r} is no number, as the level {level} wants",
        "give numbers with --labels, or --level ordinal",
        page="give numbers, or choose another level",
        zh=("标签“{label}”不是数字，而测量水平 {level} 需要数字", "请给出数字，或选择其他测量水平"),
    ),
    "agree-ratio-below-zero": Entry(
        "the level ratio has a true zero, and nothing below it: {least} occurs",
        "choose --level interval",
        page="choose the level interval",
        zh=("比率水平有真正的零点，不应有负值，而数据中有 {least}", "请选择等距（interval）水平"),
    ),
    "agree-needs-order": Entry(
        "these labels have no order of their own: {labels!r}",
        "give all of them in order: --labels low,mid,high",
        page="give all labels in order",
        zh=("这些标签本身没有顺序：“{labels:”、“}”", "请按顺序列出所有标签"),
    ),
    "agree-few-units": Entry(
        "of {n:,} {n:unit|units} little can be said: with fewer than {least:,} intervals that are drawn from the data itself are too narrow",
        zh=("只有 {n:,} 个单位，难以下结论：少于 {least:,} 个时，由数据自身抽样得到的区间过窄", ""),
    ),
    "agree-one-kind": Entry(
        "a cell holds several labels or quotes, and not both",
        "give --several or --quotes",
        page="choose one of both",
        zh=("单元格或含多个标签，或含引文，不能兼有", "请选择其中一种"),
    ),
    "agree-level-of-one": Entry(
        "the level {level} is of one value in a cell, and cells hold several labels or quotes",
        "leave --level out",
        page="choose the level nominal",
        zh=("测量水平 {level} 适用于每格一个值，而单元格含多个标签或引文", "请选择名义（nominal）水平"),
    ),
    "agree-none-of-one": Entry(
        "cells that say that no label applies ({none!r}) are for several labels, or quotes, in a cell",
        "add --several or --quotes; of one label in a cell it is a label like any other",
        page="choose several labels, or quotes",
        zh=("表示“无适用标签”的单元格（“{none:”、“}”）只适用于多标签或引文", "请选择多标签或引文"),
    ),
    "agree-quotes-of-text": Entry(
        "quotes are of a text, and a text is for quotes",
        "give both --quotes and --text COLUMN, or none of them",
        page="choose quotes and the column with the text",
        zh=("引文需要对应的文本列，文本列也只用于引文", "请同时选择引文和文本所在的列"),
    ),
    "agree-quotes-no-labels": Entry(
        "quotes are words of a text, and no labels",
        "leave --labels out",
        page="leave the labels out",
        zh=("引文是文本中的原话，不是标签", "请去掉标签"),
    ),
    "agree-no-separator": Entry(
        "nothing stands between the labels of a cell",
        "say what does: --separator ';'",
        page="say what stands between labels",
        zh=("没有指定单元格中标签之间的分隔符", "请指定标签之间的分隔符"),
    ),
    "agree-quotes-not-in-text": Entry(
        "in column {column!r} {rows:,} {rows:row has|rows have} a quote that does not stand in the text, the first in row {first:,}; "
        "such quotes are shared with nobody",
        zh=(
            "列“{column}”中有 {rows:,} 行的引文不在文本中，第一行为第 {first:,} 行；这些引文不与任何人相同",
            "",
        ),
    ),
    "alt-test-people": Entry(
        "a model can replace a coder only where the others say what is right, and there are {coders!r}",
        "name all people who coded: --coders anna,ben,cleo --alt-test MODEL",
        page="choose all people who coded",
        zh=(
            "只有其他编码者可作参照时模型才能替代一位编码者，而这里只有“{coders:”、“}”",
            "请选择所有参与编码的人",
        ),
    ),
    "alt-test-few-people": Entry(
        "the alternative annotator test is meant for {enough} people at least, and there are {people}",
        zh=("替代标注者检验至少需要 {enough} 位编码者，而这里有 {people} 位", ""),
    ),
    "alt-test-too-few": Entry(
        "no verdict: none of the people shares {least:,} units with others",
        zh=("没有结论：没有任何一位编码者与他人共有 {least:,} 个单位", ""),
    ),
    "alt-test-weighted": Entry(
        "refused: the alternative annotator test takes rows that were drawn alike",
        "leave --probability out, and give it a simple random sample",
        page="leave the probability out",
        zh=("拒绝检验：替代标注者检验要求各行以相同概率抽取", "请去掉抽样概率"),
    ),
    "alt-test-quotes": Entry(
        "refused: the alternative annotator test is for labels and numbers",
        "leave --alt-test out",
        page="leave the test out",
        zh=("拒绝检验：替代标注者检验适用于标签和数字", "请去掉该检验"),
    ),
    "alt-test-epsilon": Entry(
        "{epsilon} is no share by which a model may be worse",
        "give one from 0 to below 1, as in 0.15",
        zh=("{epsilon} 不是允许模型变差的比例", "请给出 0 到 1 之间的比例，例如 0.15"),
    ),
    "calibration-of-one": Entry(
        "a confidence is that of one coder beside gold, of labels; here are {coders!r}",
        "give --coders MODEL --gold COLUMN --calibration COLUMN",
        page="choose one coder, and the column that is right",
        zh=(
            "置信度属于一位与标准比较的编码者，且针对标签；这里是“{coders:”、“}”",
            "请选择一位编码者和作为标准的列",
        ),
    ),
    "not-a-confidence": Entry(
        "column {column!r}, row {row:,}: {cell!r} is no confidence from 0 to 1",
        "divide percentages by 100; what means that there is none: --missing VALUE",
        page="divide percentages by 100, or say what means that there is none",
        zh=(
            "列“{column}”第 {row:,} 行：“{cell}”不是 0 到 1 之间的置信度",
            "百分数请除以 100，或指明表示缺失的值",
        ),
    ),
    "statistics-decimals": Entry(
        "some whole numbers are written with decimals, as in 1.0, and others without; they are the same labels",
        zh=("有些整数带小数写出（如 1.0），有些不带；它们视为相同的标签", ""),
    ),
    "statistics-composed": Entry(
        "some cells have a letter and its accent as two characters, and others as one; they are the same labels",
        zh=("有些单元格把字母和附加符号写成两个字符，有些写成一个；它们视为相同的标签", ""),
    ),
    "statistics-spellings": Entry(
        "some numbers are written in several ways, as {first!r} and {second!r}; they are the same value",
        zh=("有些数值有多种写法，如“{first}”和“{second}”；它们视为相同的值", ""),
    ),
    "statistics-unweighted": Entry(
        "rows were drawn unequally, as column {column!r} says, and all count alike here",
        "weight them: --probability {column}",
        page="choose it as the column with how likely each row was drawn",
        zh=(
            "列“{column}”表明各行被抽中的概率不同，而这里所有行的权重相同",
            "请选择该列作为抽样概率列",
        ),
    ),
    "no-such-column-in-frame": Entry(
        "the frame has no column {column!r}",
        "its columns are: {columns!r}",
        zh=("数据框没有名为“{column}”的列", "它的列有：“{columns:”、“}”"),
    ),
    "not-a-probability": Entry(
        "column {column!r}, row {row:,}: {cell!r} is no probability above 0 and at most 1",
        "each row needs how likely it was drawn",
        zh=("列“{column}”第 {row:,} 行：“{cell}”不是大于 0 且不超过 1 的概率", "每一行都需要被抽中的概率"),
    ),
    "confidence-no-share": Entry(
        "{confidence} is no level of an interval",
        "give a share, as in 0.95",
        zh=("{confidence} 不是区间的置信水平", "请给出比例，例如 0.95"),
    ),
    "draws-too-few": Entry(
        "{draws:,} draws with seed {seed} make no interval",
        "give 100 draws at least, and a seed of 0 or more",
        zh=("{draws:,} 次抽样、种子 {seed} 不能得出区间", "请至少抽样 100 次，种子不小于 0"),
    ),
}

_CORRECT: dict[str, Entry] = {
    "correct-too-few": Entry(
        "refused: {labelled:,} labelled {labelled:row|rows} are too few; {least:,} are needed, since below no interval holds what it says",
        zh=("拒绝给出：只有 {labelled:,} 行有人工标签，至少需要 {least:,} 行，否则区间不可信", ""),
    ),
    "correct-too-few-of-each": Entry(
        "refused: people gave one side only {fewest:,} {fewest:time|times}; {least:,} with the label and {least:,} without are needed",
        zh=("拒绝给出：人工标签中较少的一方只有 {fewest:,} 个；有该标签和没有该标签的各需 {least:,} 个", ""),
    ),
    "correct-uninformed": Entry(
        "refused: with sensitivity {sensitivity} and specificity {specificity} the model's labels say nothing of people's",
        zh=("拒绝给出：灵敏度为 {sensitivity}、特异度为 {specificity}，模型标签几乎不含信息", ""),
    ),
    "correct-where-said": Entry(
        "of {labelled:,} coded {labelled:row|rows} people can't say it of {rows:,}: these are left out, and the mean, corrected too, is that of the rows of which it can be said",
        zh=(
            "在 {labelled:,} 行人工编码中，有 {rows:,} 行编码者无法判断：这些行不计入；均值（包括校正后的均值）只针对能够判断的行",
            "",
        ),
    ),
    "correct-cant-say-labels": Entry(
        "{word!r} can only stand among numbers; where the values are labels it is one of them, and shares are of all rows",
        "leave it out",
        zh=(
            "{word!r} 只能出现在数值之中；如果取值是标签，它就是其中一个标签，比例按全部行计算",
            "不要指定它",
        ),
    ),
    "correct-cant-say-regression": Entry(
        "a regression needs a number of each row that people coded, and of some they can't say it",
        "ask for the mean, or leave those rows out of the table",
        zh=(
            "回归要求每个人工编码的行都有数值，而其中有些行编码者无法判断",
            "请改为估计均值，或先从表格中去掉这些行",
        ),
    ),
    "correct-cant-say": Entry(
        "refused: of {rows:,} coded {rows:row|rows} people can't say it, and the model gives a number for such rows, too; people's is that of the rows of which it can be said",
        zh=(
            "拒绝给出：有 {rows:,} 行编码者无法判断，而模型对这类行也给出了数值；仅人工的结果是可判断的行的均值",
            "",
        ),
    ),
    "correct-few-clusters": Entry(
        "refused: the labelled rows are of {clusters:,} {clusters:cluster|clusters} only; {least:,} are needed, since below nobody knows how far clusters differ",
        zh=(
            "拒绝给出：有人工标签的行只来自 {clusters:,} 个聚类，至少需要 {least:,} 个，否则无从得知聚类之间的差异",
            "",
        ),
    ),
    "correct-drawn-otherwise": Entry(
        "by column {column!r} {expected:,} rows would be labelled, and {labelled:,} are: the numbers are right only if these are how likely each row was to be labelled",
        zh=(
            "按列“{column}”应有 {expected:,} 行有人工标签，实际有 {labelled:,} 行：只有当该列确为每行被标注的概率时结果才正确",
            "",
        ),
    ),
    "correct-not-drawn-so": Entry(
        "by column {column!r} {expected:,} rows would be labelled, and {labelled:,} are: these are not how likely each row was to be labelled",
        "give the probabilities by which rows were drawn; where all were alike, leave --probability out",
        page="give the probabilities by which rows were drawn; where all were alike, leave them out",
        zh=(
            "按列“{column}”应有 {expected:,} 行有人工标签，实际有 {labelled:,} 行：该列不是每行被标注的概率",
            "请给出抽样时的概率；若各行概率相同，请去掉该列",
        ),
    ),
    "correct-not-drawn-so-of-one": Entry(
        "of the rows with {probability:.4g} in column {column!r} {expected:,} would be labelled, and {labelled:,} are: this is not how likely each row was to be labelled",
        "give the probabilities by which rows were drawn; do those of two groups stand for each other?",
        zh=(
            "在列“{column}”为 {probability:.4g} 的行中应有 {expected:,} 行有人工标签，实际有 {labelled:,} 行：这不是每行被标注的概率",
            "请给出抽样时的概率；是否把两组的概率弄反了？",
        ),
    ),
    "correct-rows-without-group": Entry(
        "{rows:,} {rows:row|rows} without a group in column {column!r} are left out",
        zh=("{rows:,} 行在列“{column}”中没有组别，已略去", ""),
    ),
    "correct-groups-share-clusters": Entry(
        "{clusters:,} {clusters:cluster has|clusters have} rows in both groups; the interval of the difference takes groups for independent",
        zh=("有 {clusters:,} 个聚类在两组中都有行；差异的区间把两组视为独立", ""),
    ),
    "correct-too-large": Entry(
        "column {column!r}, row {row:,}: {cell!r} is too large a number to compute with",
        "is it a code? what means that nothing was said: --missing VALUE",
        page="is it a code? say what means that nothing was said",
        zh=("列“{column}”第 {row:,} 行：“{cell}”过大，无法计算", "它是不是编码？请指明表示缺失的值"),
    ),
    "correct-stratum-empty": Entry(
        "refused: of {strata:,} of the probabilities fewer than two rows are labelled, so nobody knows what the others are",
        zh=("拒绝给出：有 {strata:,} 种抽样概率下的人工标签少于两行，无从得知其余各行的情况", ""),
    ),
    "correct-unequal-calibration": Entry(
        "refused: Rogan and Gladen's takes rows that were drawn alike",
        "choose --method dsl, or ppi",
        page="choose another method",
        zh=("拒绝给出：Rogan–Gladen 方法要求各行以相同概率抽取", "请选择其他方法"),
    ),
    "correct-unequal-ppi": Entry(
        "refused: a regression by PPI++ takes rows that were drawn alike",
        "choose --method dsl",
        page="choose the method dsl",
        zh=("拒绝给出：PPI++ 回归要求各行以相同概率抽取", "请选择 DSL 方法"),
    ),
    "correct-only-shares": Entry(
        "refused: Rogan and Gladen's is for shares of a label",
        "choose --method ppi, or dsl",
        page="choose another method",
        zh=("拒绝给出：Rogan–Gladen 方法仅适用于标签的比例", "请选择其他方法"),
    ),
    "correct-not-found": Entry(
        "undefined: the coefficients have no solution; predictors say the same, or separate the outcome",
        zh=("无定义：回归系数无解；自变量共线，或完全分离了因变量", ""),
    ),
    "correct-bands": Entry(
        "there are {probabilities:,} different probabilities; for the intervals near ones are taken together, in {bands:,} bands",
        zh=("共有 {probabilities:,} 种抽样概率；计算区间时把相近的合并为 {bands:,} 组", ""),
    ),
    "correct-not-predicted": Entry(
        "{rows:,} {rows:row|rows} have no value of the model; a middle one stands in for it, which costs width and no truth",
        zh=("{rows:,} 行没有模型的值；以居中的值代替，这会加宽区间但不会引入偏差", ""),
    ),
    "correct-no-label-in-common": Entry(
        "no label stands in both columns: {column} has {predicted!r}, {people} has {gold!r}; where these mean the same, write them alike, or no number here is right",
        zh=(
            "两列没有共同的标签：{column} 中为“{predicted:”、“}”，{people} 中为“{gold:”、“}”；若含义相同，请统一写法，否则这里的数值都不正确",
            "",
        ),
    ),
    "correct-rows-left-out": Entry(
        "{rows:,} {rows:row|rows} without a predictor or an outcome are left out",
        zh=("{rows:,} 行缺少自变量或因变量，已略去", ""),
    ),
    "correct-same-column": Entry(
        "column {column!r} can't be the model's and people's at once",
        "give two columns",
        zh=("列“{column}”不能同时是模型的和人工的", "请给出两列"),
    ),
    "correct-between": Entry(
        "a difference is between two groups of a column: {groups!r}",
        "give the column with --by, and two of its values: --between A,B",
        page="choose the column with groups, and two of them",
        zh=("差异是某一列中两个组之间的：“{groups:”、“}”", "请选择分组的列，并从中选择两个组"),
    ),
    "correct-by-and-regression": Entry(
        "groups and a regression are two questions",
        "give --by alone; or the column with groups among those of --on",
        page="choose groups alone, or the column with groups among the predictors",
        zh=("分组和回归是两个不同的问题", "请只选择分组，或把分组的列作为自变量"),
    ),
    "correct-not-a-number": Entry(
        "column {column!r}, row {row:,}: {cell!r} is no number ({rows:,} such {rows:cell|cells})",
        "what means that nothing was said: --missing VALUE; for the share of a label: --label LABEL",
        page="say what means that nothing was said, or choose a label",
        zh=(
            "列“{column}”第 {row:,} 行：“{cell}”不是数字（共 {rows:,} 个）",
            "请指明表示缺失的值，或选择一个标签",
        ),
    ),
    "correct-label-nowhere": Entry(
        "the label {label!r} occurs neither in column {column!r} nor in the model's values, where there are {labels!r}",
        "spell it as it stands in the table",
        zh=(
            "标签“{label}”既不在列“{column}”中，也不在模型的值中；已有：“{labels:”、“}”",
            "请按数据表中的写法填写",
        ),
    ),
    "correct-which-label": Entry(
        "a regression is of one label, and there are several: {labels!r}",
        "choose one with --label",
        page="choose one",
        zh=("回归针对一个标签，而这里有多个：“{labels:”、“}”", "请选择一个"),
    ),
    "correct-many-labels": Entry(
        "there are {labels:,} different labels; shares of {most:,} at most are estimated at once",
        "choose one with --label",
        page="choose one",
        zh=("共有 {labels:,} 个不同的标签；一次最多估计 {most:,} 个的比例", "请选择一个"),
    ),
    "correct-many-groups": Entry(
        "column {column!r} has {groups:,} different values; {most:,} groups at most are compared",
        "is it a text, or an id?",
        zh=("列“{column}”有 {groups:,} 个不同的值；最多可有 {most:,} 个组", "它是不是文本或编号？"),
    ),
    "correct-no-such-group": Entry(
        "column {column!r} has no group {group!r}; it has {groups!r}",
        zh=("列“{column}”中没有组“{group}”；已有：“{groups:”、“}”", ""),
    ),
    "correct-nothing-predicted": Entry(
        "column {column!r} has no value",
        "choose a column that is filled",
        zh=("列“{column}”没有任何值", "请选择一个有值的列"),
    ),
    "correct-logistic-needs-two": Entry(
        "a logistic regression has an outcome of 0 and 1, and column {column!r} has other numbers",
        "choose a label with --label, or --model linear",
        page="choose a label, or a linear regression",
        zh=("逻辑回归的因变量应为 0 和 1，而列“{column}”中有其他数字", "请选择一个标签，或改用线性回归"),
    ),
}

_MERGE: dict[str, Entry] = {
    "merge-out-is-a-file": Entry(
        "the output would replace {path}, which is one of the files to merge",
        "give it another name",
        zh=("输出会覆盖 {path}，而它是待合并的文件之一", "请换一个名称"),
    ),
    "merge-long-and-wide": Entry(
        "a column that says who coded, and a column for each coder, are two layouts",
        "give --coder for rows that are each what one coder said, or --coders for columns",
        page="choose one of both",
        zh=("“编码者所在的列”和“每位编码者一列”是两种不同的布局", "请选择其中一种"),
    ),
    "merge-variable-is-long": Entry(
        "a column that names variables is for rows with one value, each of one coder",
        "give --coder COLUMN and one --value COLUMN with it",
        page="choose the column with the coder, and one with the value",
        zh=("变量名所在的列适用于每行一位编码者、一个值的布局", "请同时选择编码者的列和一个值的列"),
    ),
    "merge-which-values": Entry(
        "nothing says which columns hold what was coded",
        "name them: --value COLUMN; or a column for each coder: --coders anna,ben",
        page="choose the columns",
        zh=("没有指明哪些列是编码结果", "请选择这些列"),
    ),
    "merge-values-or-coders": Entry(
        "with a column for each coder these columns are the values",
        "leave --value out",
        page="leave the values out",
        zh=("每位编码者一列时，这些列本身就是值", "请去掉值的列"),
    ),
    "merge-column-twice": Entry(
        "column {column!r} can't be two things at once",
        "name each column once",
        zh=("列“{column}”不能同时有两种用途", "请每列只写一次"),
    ),
    "merge-name-twice": Entry(
        "{path} has two columns called {column!r}, and nobody knows which one is meant",
        "rename one of them",
        zh=("{path} 中有两列都叫“{column}”，无法确定指的是哪一列", "请重命名其中一列"),
    ),
    "merge-file-twice": Entry(
        "two files are called {coder!r}, which would be one coder",
        "rename one; or give a column that says who coded: --coder COLUMN",
        page="rename one, or choose the column that says who coded",
        zh=("有两个文件都叫“{coder}”，会被当作同一位编码者", "请重命名其中一个，或选择编码者所在的列"),
    ),
    "merge-one-file": Entry(
        "{path} alone is one coder's",
        "give a file for each coder, or the column that says who coded (--coder COLUMN), or the coders' columns (--coders anna,ben)",
        page="choose a file for each coder, or the column that says who coded",
        zh=("只有 {path} 一个文件，即只有一位编码者", "请每位编码者给出一个文件，或选择编码者所在的列"),
    ),
    "merge-empty-cell": Entry(
        "{path}, row {row:,}: column {column!r} is empty ({rows:,} such {rows:row|rows}), so nobody knows what was coded by whom",
        "fill it, or take these rows out",
        zh=(
            "{path} 第 {row:,} 行：列“{column}”为空（共 {rows:,} 行），无法确定是谁编码了哪一行",
            "请填写，或去掉这些行",
        ),
    ),
    "merge-contradictions": Entry(
        "coder {coder!r} said different things of {key!r}: {values!r} ({places!r}); {count:,} such {count:cell|cells} in all",
        "put them right; or say what counts: --contradictions first, last, or empty",
        page="put them right, or choose which value counts",
        zh=(
            "编码者“{coder}”对“{key}”给出了不同的值：“{values:”、“}”（{places:、}）；这样的单元格共 {count:,} 个",
            "请改正，或选择以哪个值为准",
        ),
    ),
    "merge-nothing-coded": Entry(
        "nothing was coded in {columns!r}",
        "choose columns that are filled",
        zh=("“{columns:”、“}”中没有任何编码", "请选择有值的列"),
    ),
    "merge-name-taken": Entry(
        "the output would have two columns called {column!r}",
        "rename that column, or the coder",
        zh=("输出会有两列都叫“{column}”", "请重命名该列或编码者"),
    ),
    "merge-keys-near": Entry(
        "{count:,} {count:key is|keys are} nearly the same in two files, and {count:a row of its own|rows of their own} in each: {key!r} in {path} beside {other!r}",
        "where they are the same, write them in one way, and merge again",
        zh=(
            "有 {count:,} 个键在两个文件中几乎相同，却各成一行：{path} 中的“{key}”与另一个文件中的“{other}”",
            "如果它们是同一个键，请改成同一种写法，再重新合并",
        ),
    ),
    "merge-keys-apart": Entry(
        "{path} has no key in common with the files before it, as {key!r}: is it the same column, written in the same way?",
        zh=("{path} 与前面的文件没有共同的键（例如“{key}”）：是否为同一列、同一写法？", ""),
    ),
}

_COMPARE: dict[str, Entry] = {
    "compare-nothing-to-compare": Entry(
        "nothing says what is compared",
        "give two tables or runs and --variable COLUMN; or one table and --columns A,B",
        page="choose two tables and a column of both, or one table and two columns",
        zh=("没有指明要比较什么", "请选择两个数据表及共有的列，或一个数据表中的两列"),
    ),
    "compare-no-such-column": Entry(
        "{table} has no column {column!r}",
        "its columns are: {columns!r}",
        zh=("{table} 中没有列“{column}”", "它的列有：“{columns:”、“}”"),
    ),
    "compare-not-as-many-rows": Entry(
        "{first} has {rows:,} rows and {second} has {others:,}, so nobody knows which belong together",
        "name a column of both that says it: --key COLUMN",
        page="choose a column of both that says it",
        zh=(
            "{first} 有 {rows:,} 行，{second} 有 {others:,} 行，无法确定行的对应关系",
            "请选择两表共有的键列",
        ),
    ),
    "compare-not-one-order": Entry(
        "nothing shows that the rows of {first} and {second} stand in one order: columns that are the same in every row ({shared!r}) tell too few of them apart",
        "name a column of both that says which rows belong together: --key COLUMN",
        page="choose a column of both that says which rows belong together",
        zh=(
            "无法确认 {first} 与 {second} 的行顺序一致：各行都相同的列（“{shared:”、“}”）不足以区分各行",
            "请选择两表共有的键列",
        ),
    ),
    "compare-key-twice": Entry(
        "{table} has the key {key!r} of column {column!r} in rows {rows}; {count:,} such {count:key|keys}",
        "take the repeated rows out, or name a column that tells rows apart",
        zh=(
            "{table} 的列“{column}”中键“{key}”重复（第 {rows:、} 行）；这样的键共 {count:,} 个",
            "请去掉重复的行，或选择能区分各行的列",
        ),
    ),
    "compare-nothing-shared": Entry(
        "{first} and {second} have no row in common by column {column!r}",
        "is the key written in the same way in both?",
        zh=("按列“{column}”，{first} 与 {second} 没有共同的行", "两表中键的写法是否一致？"),
    ),
    "compare-column-twice": Entry(
        "what is compared, and gold, have to be different columns: {columns!r}",
        "name each once",
        zh=("比较的对象与标准必须是不同的列：“{columns:”、“}”", "请每列只写一次"),
    ),
}

STATISTICS: dict[str, Entry] = _UNDEFINED | _AGREE | _CORRECT | _MERGE | _COMPARE

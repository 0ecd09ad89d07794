"""People who code: sets of rows, what they say, files of theirs."""

from __future__ import annotations

from rowbatch.words.telling import Entry

CODING: dict[str, Entry] = {
    "no-coding-set": Entry(
        "there is no coding set {path}",
        zh=("没有编码集 {path}", ""),
    ),
    "coding-set-damaged": Entry(
        "{path} of a coding set is damaged: {told}",
        "what coders said lies in its folder `codes`, one file each",
        zh=("编码集的文件 {path} 已损坏：{told}", "编码者的编码保存在其文件夹 `codes` 中，每人一个文件"),
    ),
    "coding-set-too-new": Entry(
        "{path} was written by a newer rowbatch (format {version}, this one knows {known})",
        "pip install --upgrade rowbatch",
        page="install the newest version of this program",
        zh=(
            "{path} 由更新版本的 rowbatch 写成（格式 {version}，本版本只认识到 {known}）",
            "请安装本程序的最新版本",
        ),
    ),
    "coding-set-several": Entry(
        "several coding sets are called {name!r}: {paths:, }",
        "name the folder of the one that you mean",
        zh=("有多个名为“{name}”的编码集：{paths:、}", "请指明所要的文件夹"),
    ),
    "coding-rows-twice": Entry(
        "{count:,} of these rows are in the coding set already, as row {rows:, }",
        "nobody is to code a row twice: draw others",
        zh=("其中 {count:,} 行已在编码集中，例如第 {rows:、} 行", "同一行不应编码两次，请抽取其他行"),
    ),
    "coder-name": Entry(
        "{name!r} can't be the name of a coder",
        "a name has 1 to 60 characters and no line break; a pseudonym is as good",
        zh=("“{name}”不能作为编码者的名字", "名字为 1 到 60 个字符，不含换行；可以用化名"),
    ),
    "coding-table-changed": Entry(
        "the table {table} of the coding set {path} was changed, so its rows may be others now",
        "bring the old file back, or make a new set; what coders said stays",
        zh=(
            "编码集 {path} 的数据表 {table} 已被修改，各行可能已不同",
            "请恢复原来的文件，或新建编码集；已有编码会保留",
        ),
    ),
    "coding-set-name-taken": Entry(
        "there is a coding set {name!r} already",
        "choose another name, or draw further rows into that one",
        zh=("已有名为“{name}”的编码集", "请换一个名称，或向该编码集追加抽样"),
    ),
    "coding-set-of-other-table": Entry(
        "the coding set {name!r} is of another table: {table}",
        "choose another name for a new set",
        zh=("编码集“{name}”属于另一个数据表：{table}", "请为新编码集换一个名称"),
    ),
    "coding-design-differs": Entry(
        "the rows of this set were drawn as {was} {by}, and cannot go on as {now}",
        "make a new set for another design; a simple sample can be filled up in strata",
        zh=(
            "该编码集的抽样方式为 {was} {by}，不能改为 {now}",
            "如需其他抽样方式请新建编码集；简单随机样本可以分层补充",
        ),
    ),
    "coding-groups-first": Entry(
        "groups cannot be drawn into a set that has rows of no group {group!r}",
        "make a new set, and draw groups into it first",
        zh=("该编码集中有不属于任何组“{group}”的行，不能再按组抽样", "请新建编码集，并先按组抽样"),
    ),
    "coding-strata-changed": Entry(
        "the strata of {by!r} are others now: {count:,} drawn rows moved, or their sizes changed",
        "draw when all answers are there, into a new set",
        zh=(
            "“{by}”的各层已改变：{count:,} 个已抽取的行换了层，或层的大小变了",
            "请在全部回答到齐后，用新编码集抽样",
        ),
    ),
    "sample-strata-and-groups": Entry(
        "rows are drawn by strata or by groups, not by both",
        "leave one of the two out",
        zh=("抽样可以分层，也可以按组，但不能同时", "请去掉其中之一"),
    ),
    "sample-too-many-strata": Entry(
        "{by!r} has {count:,} different values, too many for strata (at most {most})",
        "choose a column with few values",
        zh=("“{by}”有 {count:,} 个不同的值，作为分层过多（最多 {most}）", "请选择取值较少的列"),
    ),
    "sample-no-stratum": Entry(
        "{by!r} has no value {names!r}",
        "it has {known!r}",
        zh=("“{by}”没有取值“{names:”、“}”", "它有：“{known:”、“}”"),
    ),
    "sample-stratum-too-small": Entry(
        "{rows:,} rows of {stratum!r} cannot be drawn: {left:,} are left",
        "draw fewer of these",
        zh=("“{stratum}”中无法抽取 {rows:,} 行：只剩 {left:,} 行", "请减少该层的行数"),
    ),
    "sample-strata-sum": Entry(
        "the numbers of the strata make {sum:,}, not {rows:,}",
        "leave the number of rows out, or let them be the same",
        zh=("各层的行数之和为 {sum:,}，而不是 {rows:,}", "请省略总行数，或使两者一致"),
    ),
    "sample-too-few-groups": Entry(
        "{groups:,} groups cannot be drawn: {left:,} are left of {of:,}",
        "draw fewer",
        zh=("无法抽取 {groups:,} 组：{of:,} 组中只剩 {left:,} 组", "请减少组数"),
    ),
    "sample-share": Entry(
        "{name} is a share between 0 and 1, not {value}",
        zh=("{name} 是 0 到 1 之间的比例，而不是 {value}", ""),
    ),
}

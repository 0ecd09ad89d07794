"""The kinds of variables: what is no value of theirs, and what people wrote."""

from __future__ import annotations

from rowbatch.words.telling import Entry

KINDS: dict[str, Entry] = {
    "value-not-a-text": Entry("{variable} is not a text", zh=("{variable} 不是文本", "")),
    "value-not-a-label": Entry(
        "{variable}: {value!r} is not a label of the codebook",
        "its labels are: {labels}",
        zh=("{variable}：{value} 不是编码手册中的标签", "它的标签有：{labels}"),
    ),
    "value-not-a-list": Entry("{variable} is not a list of labels", zh=("{variable} 不是标签列表", "")),
    "value-no-label": Entry(
        "{variable} has no label, and at least one is asked for",
        zh=("{variable} 没有标签，而至少需要一个", ""),
    ),
    "value-too-many": Entry(
        "{variable} has {value} values, and at most {most} are allowed",
        zh=("{variable} 有 {value} 个值，最多允许 {most} 个", ""),
    ),
    "value-alone-and-others": Entry(
        "{variable}: {value!r} stands beside other labels",
        zh=("{variable}：“{value}”不能与其他标签同时出现", ""),
    ),
    "value-not-a-date": Entry(
        "{variable}: {value!r} is not a date",
        zh=("{variable}：{value} 不是日期", ""),
    ),
    "value-too-early": Entry(
        "{variable}: {value} is before {least}, the first day that is allowed",
        zh=("{variable}：{value} 早于允许的第一天 {least}", ""),
    ),
    "value-too-late": Entry(
        "{variable}: {value} is after {most}, the last day that is allowed",
        zh=("{variable}：{value} 晚于允许的最后一天 {most}", ""),
    ),
    "value-no-quote": Entry(
        "{variable} has no quote, and one is asked for",
        zh=("{variable} 没有引文，而需要一处引文", ""),
    ),
    "value-not-in-text": Entry(
        "{variable}: {value!r} does not stand in the text",
        zh=("{variable}：文本中没有“{value}”", ""),
    ),
    "value-not-a-number": Entry(
        "{variable}: {value!r} is not a number",
        zh=("{variable}：{value} 不是数字", ""),
    ),
    "value-not-whole": Entry(
        "{variable}: {value} is not a whole number",
        zh=("{variable}：{value} 不是整数", ""),
    ),
    "value-too-small": Entry(
        "{variable}: {value} is less than {least}, the least that is allowed",
        zh=("{variable}：{value} 小于允许的最小值 {least}", ""),
    ),
    "value-too-large": Entry(
        "{variable}: {value} is more than {most}, the most that is allowed",
        zh=("{variable}：{value} 大于允许的最大值 {most}", ""),
    ),
    "value-without-order": Entry(
        "the values of {variable} have no order",
        "look for one of its values instead",
        zh=("{variable} 的值没有顺序", "请改为查找它的某个值"),
    ),
    "people-not-in-codebook": Entry(
        "the column {column!r} has values that the codebook does not allow: {values}",
        "is it the right column, and the right variable? Values that mean that nobody coded a row: --not-coded VALUE",
        page="is it the right column, and the right variable? Say which values mean that nobody coded a row",
        zh=(
            "列 {column} 中有编码手册不允许的值：{values}",
            "请检查是否选对了列和变量；也可以指明哪些值表示未编码",
        ),
    ),
    "people-codes-unknown": Entry(
        "{count:,} {count:row|rows} of {path} {count:has|have} a code in {column!r} that the codebook does not allow: "
        "{values!r}; {count:row|rows} {rows:, } of the table",
        "correct them in the file; values that mean that nobody coded a row: --not-coded VALUE",
        page="correct them in the file, or say which values mean that nobody coded a row",
        zh=(
            "{path} 的列“{column}”中有 {count:,} 行的编码不在编码手册中：“{values:”、“}”；对应数据表的第 {rows:、} 行",
            "请在文件中改正；也可以指明哪些值表示未编码",
        ),
    ),
    "people-column-or-file": Entry(
        "people's labels are in a column of the table, or in files: one of the two",
        "say COLUMN, or --people FILE",
        page="choose a column, or a file",
        zh=("人工编码要么在数据表的一列中，要么在文件中：请二选一", "请选择一列，或一个文件"),
    ),
    "people-file-without-rows": Entry(
        "{path} has no column {column!r}, by which its texts find their rows",
        "it has to be a file that was drawn as a sample, or an export of what was made of one; a column of this name with the "
        "numbers of the rows will do",
        zh=(
            "{path} 没有“{column}”列，无法找到各条文本对应的行",
            "它应当是抽样得到的文件，或由其导出的文件；也可以自行添加该列并填入行号",
        ),
    ),
    "people-file-without-variable": Entry(
        "{path} has no column for {variable!r}",
        "is it the right file, and the right variable?",
        zh=("{path} 没有变量“{variable}”的列", "请检查是否选对了文件和变量"),
    ),
    "people-file-not-coded": Entry(
        "nobody coded {variable!r} in {path}",
        "is it the file that was filled in, and saved?",
        zh=("{path} 中没有变量“{variable}”的编码", "请检查是否为填写并保存过的文件"),
    ),
    "people-sheets": Entry(
        "{path} has several sheets with a column {column!r}: {sheets!r}",
        "leave one of them, or make a file of each",
        zh=("{path} 中有多个工作表含有“{column}”列：“{sheets:”、“}”", "请只保留其中一个，或分别另存为文件"),
    ),
    "people-file-twice": Entry(
        "{path} is given twice, and would count as two coders",
        "give each coder's file once",
        zh=("{path} 给出了两次，会被当作两位编码员", "每位编码员的文件请只给出一次"),
    ),
    "people-file-column-twice": Entry(
        "{path} has several columns {column!r}",
        "leave one of them; of several coders put the names behind, as in {column}_anna",
        zh=(
            "{path} 中有多个“{column}”列",
            "请只保留其中一个；若有多位编码员，请在列名后加上姓名，如 {column}_anna",
        ),
    ),
    "people-file-rows-lost": Entry(
        "{count:,} {count:row|rows} of {path} {count:has|have} a label and nothing that can be read in {column!r}: "
        "{count:row|rows} {rows:, } of the file",
        "put back what stood there; it says which row of the table it is",
        zh=(
            "{path} 中有 {count:,} 行有编码，但“{column}”列无法识别：文件的第 {rows:、} 行",
            "请恢复该列原来的内容；它表明这是数据表的哪一行",
        ),
    ),
    "people-file-of-other-table": Entry(
        "{count:,} {count:row|rows} of {path} {count:is of another text|are of other texts} than in the table: "
        "{count:row|rows} {rows:, }",
        "is it a sample of this table? A file in which only some columns were sorted cannot be put right",
        zh=(
            "{path} 中有 {count:,} 行的文本与数据表不同：第 {rows:、} 行",
            "它是这张表的样本吗？若只对部分列排过序，则无法恢复",
        ),
    ),
    "people-row-twice": Entry(
        "row {row:,} of the table stands twice in {path}, with different codes in {column!r}",
        "leave one of them",
        zh=("数据表的第 {row:,} 行在 {path} 中出现两次，“{column}”列的编码不同", "请只保留其中一个"),
    ),
    "people-disagree": Entry(
        "in {column!r} people say different things of each text, none of them more often: {texts:,}",
        "several people's columns can be compared one by one",
        zh=(
            "“{column}”中每条文本的人工编码互不相同，且没有多数：{texts:,} 条",
            "可以逐一比较各位编码员的列",
        ),
    ),
    "people-cant-say": Entry(
        "in {column!r} people can't say it of any text that could be compared: {texts:,}",
        "is it the right column?",
        zh=("“{column}”中，所有可比较的文本人工编码均为“无法判断”：{texts:,} 条", "请检查是否选对了列"),
    ),
    "people-say-nothing": Entry(
        "the column {column!r} says nothing",
        "is it the right column?",
        zh=("列 {column} 是空的", "请检查是否选对了列"),
    ),
    "not-comparable": Entry(
        "the codebook has no variable {variable} whose values can be compared",
        "texts and quotes cannot be compared with people's, all other kinds can",
        zh=("编码手册中没有可以比较的变量 {variable}", "文本和引文不能与人工编码比较，其他类型都可以"),
    ),
}

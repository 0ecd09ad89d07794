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
    "people-disagree": Entry(
        "in column {column!r} people say different things of each text, none of them more often: {texts:,}",
        "several people's columns can be compared one by one",
        zh=(
            "列 {column} 中每条文本的人工编码互不相同，且没有多数：{texts:,} 条",
            "可以逐一比较各位编码员的列",
        ),
    ),
    "people-cant-say": Entry(
        "in column {column!r} people can't say it of any text that could be compared: {texts:,}",
        "is it the right column?",
        zh=("列 {column} 中，所有可比较的文本人工编码均为“无法判断”：{texts:,} 条", "请检查是否选对了列"),
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

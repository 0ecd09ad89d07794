"""Making, opening and changing runs: plans, codebooks, templates, policies."""

from __future__ import annotations

from rowbatch.words.telling import Entry

_FIELDS = "docs/reference/codebook.md shows every field with an example"
_HELP_PAGE = ("its format is on the help page", "格式见帮助页")

_CODEBOOK: dict[str, Entry] = {
    "codebook-fault": Entry(
        "the codebook is broken: {faults}",
        _FIELDS,
        page=_HELP_PAGE[0],
        zh=("编码手册有误：{faults}", _HELP_PAGE[1]),
    ),
    "codebook-faults": Entry(
        "the codebook is broken:\n  {faults:\n  }",
        _FIELDS,
        page=_HELP_PAGE[0],
        zh=("编码手册有误：\n  {faults:\n  }", _HELP_PAGE[1]),
    ),
    "codebook-file-fault": Entry(
        "the codebook {path} is broken: {faults}",
        _FIELDS,
        page=_HELP_PAGE[0],
        zh=("编码手册 {path} 有误：{faults}", _HELP_PAGE[1]),
    ),
    "codebook-file-faults": Entry(
        "the codebook {path} is broken:\n  {faults:\n  }",
        _FIELDS,
        page=_HELP_PAGE[0],
        zh=("编码手册 {path} 有误：\n  {faults:\n  }", _HELP_PAGE[1]),
    ),
    "codebook-line-and-field": Entry(
        "line {line}, {field}: {fault}", zh=("第 {line} 行，{field}：{fault}", "")
    ),
    "codebook-line": Entry("line {line}, {fault}", zh=("第 {line} 行，{fault}", "")),
    "codebook-field": Entry("{field}: {fault}"),
    "codebook-field-unknown": Entry("this field is not known", zh=("没有这样的字段", "")),
    "codebook-field-missing": Entry("this field is missing", zh=("缺少这个字段", "")),
    "codebook-wants-text": Entry(
        "a text is expected, not {found}; put it in quotes",
        zh=("这里应当是文本，而不是 {found}；请加上引号", ""),
    ),
    "codebook-wants-list": Entry(
        "a list is expected, not {found}",
        zh=("这里应当是列表，而不是 {found}", ""),
    ),
    "codebook-wants-fields": Entry(
        "fields are expected, not {found}",
        zh=("这里应当是字段，而不是 {found}", ""),
    ),
    "codebook-bad-name": Entry(
        "{found} is no column name: a letter, then letters, digits or _, at most 64 in all",
        zh=("{found} 不能用作列名：须以英文字母开头，其后为字母、数字或 _，总共不超过 64 个字符", ""),
    ),
    "codebook-text-empty": Entry("this text is empty", zh=("这段文本是空的", "")),
    "codebook-variable-twice": Entry(
        "the variable {name!r} is there twice",
        zh=("变量“{name}”出现了两次", ""),
    ),
    "codebook-label-twice": Entry(
        "the label {name!r} is there twice",
        zh=("标签“{name}”出现了两次", ""),
    ),
    "codebook-one-label": Entry(
        "one label alone leaves nothing to decide; give at least two, or none for free text",
        zh=("只有一个标签就无从选择；请至少给出两个，自由文本则不写标签", ""),
    ),
    "codebook-not-utf8": Entry(
        "the codebook {path} is not UTF-8: byte {byte:,} cannot be read",
        "save it as UTF-8",
        zh=("编码手册 {path} 不是 UTF-8：无法读取第 {byte:,} 个字节", "请存为 UTF-8"),
    ),
    "codebook-yaml-broken": Entry(
        "the codebook {path} is broken: {told}",
        "check quotes, colons and how far the lines are moved in",
        zh=("编码手册 {path} 有误：{told}", "请检查引号、冒号和各行的缩进"),
    ),
    "codebook-yaml-broken-at": Entry(
        "the codebook {path} is broken: line {line}: {told}",
        "check quotes, colons and how far the lines are moved in",
        zh=("编码手册 {path} 有误：第 {line} 行：{told}", "请检查引号、冒号和各行的缩进"),
    ),
    "codebook-no-yaml": Entry(
        "the codebook {path} is not YAML: {told}",
        zh=("编码手册 {path} 不是 YAML：{told}", ""),
    ),
    "codebook-without-fields": Entry(
        "the codebook {path} is broken: line 1: fields are expected, as in `instructions: …` and `variables:`",
        _FIELDS,
        page=_HELP_PAGE[0],
        zh=(
            "编码手册 {path} 有误：第 1 行：这里应当是字段，例如 `instructions: …` 和 `variables:`",
            _HELP_PAGE[1],
        ),
    ),
}

_REQUEST: dict[str, Entry] = {
    "no-such-endpoint": Entry(
        "there is no endpoint {name!r}",
        "known are: {known}",
        zh=("没有名为“{name}”的接口", "可用的有：{known}"),
    ),
    "embeddings-have-no-limits": Entry(
        "embeddings have no temperature and no output limit",
        "leave --temperature and --max-tokens out",
        page="leave the temperature and the longest answer empty",
        zh=("嵌入没有温度，也没有输出上限", "请将温度和回答的最大长度留空"),
    ),
    "embeddings-answer-nothing": Entry(
        "embeddings answer no question, so a codebook does not fit",
        "leave --codebook and --labels out",
        page="choose another endpoint",
        zh=("嵌入不回答问题，因此不适用编码手册", "请选择其他接口"),
    ),
    "embeddings-of-text-alone": Entry(
        "embeddings are of a text alone",
        "leave the system message and the image out",
        zh=("嵌入只用于文本", "请去掉系统消息和图像"),
    ),
    "temperature-is-no-number": Entry(
        "a temperature of {temperature} is no number",
        "for example: --temperature 0",
        page="for example: 0",
        zh=("温度“{temperature}”不是数字", "例如：0"),
    ),
    "template-brace-alone": Entry(
        "the template has {brace} without its partner, at character {at:,}",
        "write a column as {{{{name}}}}; \\{{{{ and \\}}}} are braces in the text",
        zh=(
            "模板第 {at:,} 个字符处的 {brace} 没有配对",
            "列请写成 {{{{列名}}}}；文本中的大括号请写成 \\{{{{ 和 \\}}}}",
        ),
    ),
    "template-column-unnamed": Entry(
        "the template has {{{{}}}} with no column in it",
        "write {{{{name}}}}",
        zh=("模板中的 {{{{}}}} 里没有列名", "请写成 {{{{列名}}}}"),
    ),
}

RUNS: dict[str, Entry] = _CODEBOOK | _REQUEST

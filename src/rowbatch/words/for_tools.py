"""The tools: convert, split, check, estimate, extract."""

from __future__ import annotations

from rowbatch.words.telling import Entry

_ANOTHER_NAME = ("give it another name", "请换一个名称")
_IN_UTF8 = ("type it in UTF-8", "请用 UTF-8 输入")
_MEANWHILE = ("is another program writing it?", "是不是有其他程序正在写它？")
_OWN_TABLE = (
    "label a table of your own with: rowbatch run TABLE --text COLUMN",
    "label a table of your own",
    "标注您自己的数据表",
)

_LINES: dict[str, Entry] = {
    "line-no-request": Entry(
        "this line is no request ({told}): {begin!r}",
        "rowbatch check says what is wrong",
        page="is it a batch file? Each line of one is a request",
        zh=("这一行不是请求（{told}）：{begin!r}", "这是批处理文件吗？其中每行应当是一个请求"),
    ),
    "line-no-request-at": Entry(
        "{place}: this line is no request ({told}): {begin!r}",
        "rowbatch check says what is wrong",
        page="is it a batch file? Each line of one is a request",
        zh=("{place}：这一行不是请求（{told}）：{begin!r}", "这是批处理文件吗？其中每行应当是一个请求"),
    ),
    "no-results": Entry(
        "none of the {lines:,} lines is a result; {path}, line {line:,}: {told}",
        "result files are JSONL with a custom_id in each line, as a provider's batch gives them",
        zh=(
            "{lines:,} 行中没有一行是结果；{path} 第 {line:,} 行：{told}",
            "结果文件是每行带有 custom_id 的 JSONL，由服务商的批处理给出",
        ),
    ),
    "no-duplicates-list": Entry(
        "{path} is no list of duplicates: {told}",
        "it is written by `rowbatch convert --dedupe`, with the columns row and asked_row",
        page="the tool “Table → batch file” writes it, with the columns row and asked_row",
        zh=(
            "{path} 不是重复行的列表：{told}",
            "它由工具“数据表 → 批处理文件”写出，含有 row 和 asked_row 两列",
        ),
    ),
}

_DOCUMENTS: dict[str, Entry] = {
    "file-is-document": Entry(
        "{path} is one JSON document, and a batch file has one request or result a line (JSONL)",
        "make lines of its entries: rowbatch split {name} -o FOLDER --to-lines",
        page="the tool “Split a batch file” can make lines of its entries",
        zh=(
            "{path} 是一个 JSON 文档，而批处理文件应当每行一条请求或结果（JSONL）",
            "工具“拆分批处理文件”可以把其中的条目写成行",
        ),
    ),
    "document-unreadable": Entry(
        "{path} cannot be read as one JSON document: {told}",
        "it must be a list, an object with one list in it, or objects one after the other",
        zh=(
            "无法把 {path} 读成一个 JSON 文档：{told}",
            "它应当是一个列表、含有一个列表的对象，或前后相接的多个对象",
        ),
    ),
    "no-requests": Entry(
        "none of the {lines:,} lines of {path} is a request",
        "give the batch file that was sent",
        page="choose the batch file that was sent",
        zh=("{path} 的 {lines:,} 行中没有一行是请求", "请选择发送出去的批处理文件"),
    ),
    "unanswered-without-requests": Entry(
        "which requests have no result can be said only beside the requests",
        "give the batch file that was sent: --requests FILE",
        page="choose the batch file that was sent",
        zh=("要知道哪些请求没有结果，需要对照发送的请求", "请选择发送出去的批处理文件"),
    ),
}

_OUTPUTS: dict[str, Entry] = {
    "copy-of-one-file": Entry(
        "a repaired copy is made of one file at a time",
        "give one file with --fix",
        page="choose one file",
        zh=("每次只能为一个文件生成修复后的副本", "请选择一个文件"),
    ),
    "file-would-be-its-copy": Entry(
        "{path} would be replaced by its own copy",
        "give another name with --fix",
        page=_ANOTHER_NAME[0],
        zh=("{path} 会被自己的副本覆盖", _ANOTHER_NAME[1]),
    ),
    "table-would-be-its-requests": Entry(
        "{path} would be replaced by its own requests",
        "give another name with -o",
        page=_ANOTHER_NAME[0],
        zh=("{path} 会被由它生成的请求覆盖", _ANOTHER_NAME[1]),
    ),
    "file-would-be-its-answers": Entry(
        "{path} would be replaced by its own answers",
        "give another name with -o",
        page=_ANOTHER_NAME[0],
        zh=("{path} 会被自己的回答覆盖", _ANOTHER_NAME[1]),
    ),
    "file-would-be-its-parts": Entry(
        "{path} would be replaced by its own parts",
        "give another place with -o",
        page=_ANOTHER_NAME[0],
        zh=("{path} 会被由它拆成的部分覆盖", _ANOTHER_NAME[1]),
    ),
    "output-twice": Entry(
        "{path} is given twice",
        "give the list of errors another name",
        zh=("{path} 用了两次", "请给错误列表换一个名称"),
    ),
    "output-not-replaced": Entry(
        "{path} exists already",
        "give another name",
        page=_ANOTHER_NAME[0],
        zh=("{path} 已存在", _ANOTHER_NAME[1]),
    ),
    "output-holds-others": Entry(
        "{path} exists already",
        "it holds other files than parts, so it is not replaced; give another name",
        zh=("{path} 已存在", "其中除拆分出的部分外还有其他文件，因此不会覆盖；请换一个名称"),
    ),
}

_SPLIT: dict[str, Entry] = {
    "split-how": Entry(
        "say how to split, in one way",
        "give --parts N, or --max-requests N and --max-bytes N, or --limits openai",
        page="choose one way: by the provider's limits, into so many parts, or at most so many lines or MB in a "
        "part",
        zh=(
            "请指定一种拆分方式",
            "请选择一种：按服务商的限制、分成若干部分，或限定每部分的行数或大小（MB）",
        ),
    ),
    "part-without-lines": Entry(
        "a part holds at least one line",
        "give a number from 1",
        zh=("每部分至少有一行", "请填写不小于 1 的数字"),
    ),
    "more-parts-than-lines": Entry(
        "there are {lines:,} lines, which cannot become {parts:,} parts",
        "give --parts {lines} or fewer",
        page="{lines:,} parts are the most that it can become",
        zh=("共有 {lines:,} 行，无法分成 {parts:,} 个部分", "最多可以分成 {lines:,} 个部分"),
    ),
    "file-compressed": Entry(
        "{path} is compressed",
        "unpack it first",
        zh=("{path} 是压缩文件", "请先解压"),
    ),
    "file-grew": Entry(
        "the file became longer while it was split",
        _MEANWHILE[0],
        zh=("拆分过程中文件变长了", _MEANWHILE[1]),
    ),
    "file-shrank": Entry(
        "the file became shorter while it was split",
        _MEANWHILE[0],
        zh=("拆分过程中文件变短了", _MEANWHILE[1]),
    ),
    "file-was-replaced": Entry(
        "the file was replaced while it was split",
        _MEANWHILE[0],
        zh=("拆分过程中文件被替换了", _MEANWHILE[1]),
    ),
}

_CONVERT: dict[str, Entry] = {
    "prefix-ends-in-digit": Entry(
        "the prefix {prefix!r} ends in a digit, so the row number behind it could not be told",
        "for example: --id-prefix {prefix}-",
        page="for example: {prefix}-",
        zh=("前缀“{prefix}”以数字结尾，无法分辨其后的行号", "例如：{prefix}-"),
    ),
    "model-no-text": Entry(
        "the model is not valid text: {text!a}",
        _IN_UTF8[0],
        zh=("模型名称不是有效的文本：{text!a}", _IN_UTF8[1]),
    ),
    "system-no-text": Entry(
        "the system is not valid text: {text!a}",
        _IN_UTF8[0],
        zh=("系统消息不是有效的文本：{text!a}", _IN_UTF8[1]),
    ),
    "template-no-text": Entry(
        "the template is not valid text: {text!a}",
        _IN_UTF8[0],
        zh=("模板不是有效的文本：{text!a}", _IN_UTF8[1]),
    ),
    "prefix-no-text": Entry(
        "the id prefix is not valid text: {text!a}",
        _IN_UTF8[0],
        zh=("编号前缀不是有效的文本：{text!a}", _IN_UTF8[1]),
    ),
}

_EXTRACT: dict[str, Entry] = {
    "duplicates-without-table": Entry(
        "duplicates are rows of a table",
        "say which table: --join TABLE",
        page="choose the table that they came from",
        zh=("重复行来自某个数据表", "请选择来源数据表"),
    ),
    "ids-from-both": Entry(
        "the ids {prefix}0 and {prefix}{rows} are both there, but {path} has {rows:,} rows: do the ids count them "
        "from 0 or from 1?",
        "is it the right table? Remove the line of the id that is none of its rows",
        zh=(
            "编号 {prefix}0 和 {prefix}{rows} 都存在，而 {path} 有 {rows:,} 行：编号是从 0 还是从 1 开始的？",
            "数据表选对了吗？请删去编号不对应任何一行的结果行",
        ),
    ),
}

_DEMO: dict[str, Entry] = {
    "demo-rows": Entry(
        "the demo has 1 to {most:,} rows, not {rows:,}",
        "give --rows 1 to --rows {most}",
        page="choose a number from 1 to {most:,}",
        zh=("示例有 1 到 {most:,} 行，不能是 {rows:,} 行", "请填写 1 到 {most:,} 之间的数字"),
    ),
    "demo-file-missing": Entry(
        "{name} is not a file in the source package {package}",
        zh=("源码包 {package} 中没有文件 {name}", ""),
    ),
    "demo-file-changed": Entry(
        "{name} has the checksum {found}; it should be {expected}",
        "something between here and the package registry changed the file; do not use it",
        zh=("{name} 的校验值是 {found}，应当是 {expected}", "文件在从软件包仓库到本机的途中被改动；请勿使用"),
    ),
    "demo-fetched-too-slowly": Entry(
        "fetching {package} took longer than {limit_s} seconds",
        "check the connection to the package registry and try again",
        zh=("获取 {package} 超过了 {limit_s} 秒", "请检查与软件包仓库的连接，然后重试"),
    ),
    "demo-registry-unreachable": Entry(
        "{package} with the demo's tweets cannot be fetched: the package registry cannot be reached",
        "the demo needs the package registry once; check the connection, or " + _OWN_TABLE[0],
        page="the demo needs the package registry once; check the connection, or " + _OWN_TABLE[1],
        zh=(
            "无法获取含示例推文的 {package}：连接不上软件包仓库",
            "示例需要连接一次软件包仓库；请检查连接，或" + _OWN_TABLE[2],
        ),
    ),
    "demo-not-fetched": Entry(
        "{package} with the demo's tweets cannot be fetched: {told}",
        "the demo needs the package registry once; check the connection, or " + _OWN_TABLE[0],
        page="the demo needs the package registry once; check the connection, or " + _OWN_TABLE[1],
        zh=(
            "无法获取含示例推文的 {package}：{told}",
            "示例需要连接一次软件包仓库；请检查连接，或" + _OWN_TABLE[2],
        ),
    ),
    "demo-not-fetched-silently": Entry(
        "{package} with the demo's tweets cannot be fetched: pip gave no reason",
        "the demo needs the package registry once; check the connection, or " + _OWN_TABLE[0],
        page="the demo needs the package registry once; check the connection, or " + _OWN_TABLE[1],
        zh=(
            "无法获取含示例推文的 {package}：pip 没有给出原因",
            "示例需要连接一次软件包仓库；请检查连接，或" + _OWN_TABLE[2],
        ),
    ),
    "demo-without-pip": Entry(
        "there is no pip here to fetch the demo's tweets with",
        "install pip, or " + _OWN_TABLE[0],
        page="install pip, or " + _OWN_TABLE[1],
        zh=("这里没有 pip，无法获取示例推文", "请安装 pip，或" + _OWN_TABLE[2]),
    ),
}

_BY_ID = "name the column whose values are in the ids with --id COLUMN (or how they are made, as in --id 'doc-{{{{doc}}}}-s-{{{{sentence}}}}')"
_BY_ID_PAGE = "name the column whose values are in the ids (or how they are made, as in doc-{{{{doc}}}}-s-{{{{sentence}}}})"
_BY_ID_ZH = "请指明编号来自哪一列（或编号的构成方式，例如 doc-{{{{doc}}}}-s-{{{{sentence}}}}）"
_SEVERAL = "if rows have several results, as in 3_run0 and 3_run1: --several rows, or --several columns"
_SEVERAL_PAGE = "if rows have several results, as in 3_run0 and 3_run1, choose how they are written"
_SEVERAL_ZH = "若每行有多条结果（例如 3_run0 和 3_run1），请选择写法"

_IDS: dict[str, Entry] = {
    "id-of-two-numbers": Entry(
        "{example!r} has more than one number: which of them is the row?",
        f"{_BY_ID}; {_SEVERAL}; if the last one is the row number: --first-number 1 (or 0)",
        page=f"{_BY_ID_PAGE}; {_SEVERAL_PAGE}; if the last one is the row number, give the number of the first row",
        zh=(
            "{example!r} 中有不止一个数字：哪一个是行号？",
            f"{_BY_ID_ZH}；{_SEVERAL_ZH}；若最后一个是行号，请给出第一行的编号",
        ),
    ),
    "ids-begin-with-value": Entry(
        "the ids begin with {value!r}, which stands in row {row:,} of {column!r}: are {example!r} and the others results of that row?",
        f"{_SEVERAL}; if they are row numbers: --first-number 1 (or 0)",
        page=f"{_SEVERAL_PAGE}; if they are row numbers, give the number of the first row",
        zh=(
            "编号以 {value!r} 开头，而它是“{column}”第 {row:,} 行的值：{example!r} 等是该行的结果吗？",
            f"{_SEVERAL_ZH}；若是行号，请给出第一行的编号",
        ),
    ),
    "ids-of-two-numbers": Entry(
        "the ids have more than one number that differs, as in {first!r} and {second!r}: which of them is the row?",
        f"{_BY_ID}; {_SEVERAL}; of two experiments give the result files of one",
        page=f"{_BY_ID_PAGE}; {_SEVERAL_PAGE}; of two experiments give the result files of one",
        zh=(
            "编号中有不止一个变化的数字，例如 {first!r} 和 {second!r}：哪一个是行号？",
            f"{_BY_ID_ZH}；{_SEVERAL_ZH}；两个实验时只给其中一个的结果文件",
        ),
    ),
    "ids-without-number": Entry(
        "{without:,} of {results:,} results have an id that is no row number, as in {example!r}",
        f"{_BY_ID}; to join the others all the same: --first-number 1 (or 0)",
        page=f"{_BY_ID_PAGE}; or give the number of the first row",
        zh=(
            "{results:,} 条结果中有 {without:,} 条的编号不是行号，例如 {example!r}",
            f"{_BY_ID_ZH}；或给出第一行的编号",
        ),
    ),
    "ids-beyond-table": Entry(
        "the ids are no row numbers of {path}: it has {rows:,} rows, and there is an id {example}",
        f"is it the right table, whole? If a column of it has the ids: {_BY_ID}. To join those that are there by their "
        "number all the same: --first-number 1 (or 0)",
        page=f"is it the right table, whole? If a column of it has the ids: {_BY_ID_PAGE}; or give the number of the first row",
        zh=(
            "编号不是 {path} 的行号：它有 {rows:,} 行，而有编号 {example}",
            f"数据表是否正确、完整？若编号来自某一列：{_BY_ID_ZH}；或给出第一行的编号",
        ),
    ),
    "ids-without-end": Entry(
        "the ids from {lowest} to {highest} may count the {rows:,} rows of {path} from 0 or from 1",
        f"say it with --first-number 0 or 1; if they do not count the rows: {_BY_ID}",
        page=f"give the number of the first row; if they do not count the rows: {_BY_ID_PAGE}",
        zh=(
            "编号 {lowest} 到 {highest} 可能从 0 或从 1 数 {path} 的 {rows:,} 行",
            f"请给出第一行的编号；若它们不是行号：{_BY_ID_ZH}",
        ),
    ),
    "ids-of-a-column": Entry(
        "the ids may be made of the column {column!r}, and not row numbers: {example} would be row {by_column:,}",
        f"if they are of the column: {_BY_ID}; if they are row numbers, as `convert` writes them: --first-number {{first_number}}",
        page=f"if they are of the column: {_BY_ID_PAGE}; if they are row numbers, give the number of the first row",
        zh=(
            "编号可能来自“{column}”列，而不是行号：{example} 将是第 {by_column:,} 行",
            f"若来自该列：{_BY_ID_ZH}；若是行号，请给出第一行的编号",
        ),
    ),
    "ids-of-a-column-in-reach": Entry(
        "the ids may be made of the column {column!r}, and not row numbers: {example} would be row {by_number:,} or row {by_column:,}",
        f"if they are of the column: {_BY_ID}; if they are row numbers, as `convert` writes them: --first-number {{first_number}}",
        page=f"if they are of the column: {_BY_ID_PAGE}; if they are row numbers, give the number of the first row",
        zh=(
            "编号可能来自“{column}”列，而不是行号：{example} 将是第 {by_number:,} 行或第 {by_column:,} 行",
            f"若来自该列：{_BY_ID_ZH}；若是行号，请给出第一行的编号",
        ),
    ),
}

_KEYS: dict[str, Entry] = {
    "id-without-column": Entry(
        "{text!r} names no column",
        "give the name of one, or a template: --id 'text-{{{{column}}}}'",
        page="give the name of one, or a template, as in text-{{{{column}}}}",
        zh=("{text!r} 没有指明任何列", "请填写列名，或模板，例如 text-{{{{column}}}}"),
    ),
    "id-empty": Entry(
        "there is no id in {column!r}",
        "leave the row out (--skip-empty, if it has no text), or leave out --id: then ids are row numbers",
        page="fill it in, or let the ids be row numbers",
        zh=("“{column}”中没有编号", "请补上，或改用行号作为编号"),
    ),
    "id-refused": Entry(
        "{value!r} in {column!r} can be no id: providers take 1 to 64 letters, digits, _ and -",
        "name a column of such ids, or leave out --id: then ids are row numbers",
        page="name a column of such ids, or let the ids be row numbers",
        zh=(
            "“{column}”中的 {value!r} 不能作为编号：服务商只接受 1 到 64 个字母、数字、_ 和 -",
            "请指明符合要求的列，或改用行号作为编号",
        ),
    ),
    "id-twice": Entry(
        "{value!r} in {column!r} stands in row {before:,} already",
        "name a column in which each value stands once, or several: --id '{{{{one}}}}-{{{{other}}}}'",
        page="name a column in which each value stands once, or several, as in {{{{one}}}}-{{{{other}}}}",
        zh=(
            "“{column}”中的 {value!r} 已在第 {before:,} 行出现过",
            "请指明一个每个值只出现一次的列，或多个列，例如 {{{{one}}}}-{{{{other}}}}",
        ),
    ),
    "several-with-duplicates": Entry(
        "a list of duplicates is for one result a row",
        "give --several or --duplicates, not both",
        page="choose one result a row",
        zh=("重复行的列表只适用于每行一条结果", "请选择每行一条结果"),
    ),
    "id-without-table": Entry(
        "a column with ids is one of a table",
        "say which table: --join TABLE",
        page="choose the table that they came from",
        zh=("编号所在的列属于某个数据表", "请选择来源数据表"),
    ),
    "ids-of-no-value": Entry(
        "{without:,} of {ids:,} ids have no row: nothing that is in {example!r} stands in {column!r}",
        "is it the right table, whole? Another column: --id COLUMN; how ids are made of it: --id 'text-{{{{column}}}}'",
        page="is it the right table, whole? Name another column, or how ids are made of it, as in text-{{{{column}}}}",
        zh=(
            "{ids:,} 个编号中有 {without:,} 个没有对应的行：{example!r} 中没有任何内容出现在“{column}”里",
            "数据表是否正确、完整？请指明另一列，或编号的构成方式，例如 text-{{{{column}}}}",
        ),
    ),
    "ids-of-several-results": Entry(
        "the ids have more in them than the value of {column!r}, as {example!r} has: several results of a row?",
        "write them as further rows or columns: --several rows, or --several columns",
        page="choose how several results of a row are written",
        zh=(
            "编号中除了“{column}”的值还有别的内容，例如 {example!r}：每行有多条结果吗？",
            "请选择一行有多条结果时的写法",
        ),
    ),
    "id-value-twice": Entry(
        "{value!r} stands in the rows {first:,} and {second:,} of {column!r}: whose is the result?",
        "name a column in which each value stands once, or more than one: --id '{{{{one}}}}-{{{{other}}}}'",
        page="name a column in which each value stands once, or more than one, as in {{{{one}}}}-{{{{other}}}}",
        zh=(
            "“{column}”的第 {first:,} 行和第 {second:,} 行都是 {value!r}：结果属于哪一行？",
            "请指明一个每个值只出现一次的列，或多个列，例如 {{{{one}}}}-{{{{other}}}}",
        ),
    ),
    "ids-cut-two-ways": Entry(
        "{example!r} may be row {first:,} or row {second:,} by {column!r}, and so may the others",
        "say how the ids are made, as in --id 'text-{{{{column}}}}'",
        page="say how the ids are made, as in text-{{{{column}}}}",
        zh=(
            "按“{column}”，{example!r} 可能是第 {first:,} 行或第 {second:,} 行，其他编号也一样",
            "请写明编号的构成方式，例如 text-{{{{column}}}}",
        ),
    ),
    "ids-of-two-columns": Entry(
        "the values of the ids stand in {first!r} and in {second!r}, in other rows: which column is it?",
        "say it with --id COLUMN",
        page="name the column",
        zh=("编号的值既在“{first}”列也在“{second}”列，而所在的行不同：是哪一列？", "请指明是哪一列"),
    ),
    "ids-of-column-or-number": Entry(
        "the ids may have the values of {column!r}, or row numbers, which are other rows",
        "say it with --id COLUMN, or with --first-number 1 (or 0)",
        page="name the column, or give the number of the first row",
        zh=("编号可能是“{column}”列的值，也可能是行号，而两者对应的行不同", "请指明列名，或给出第一行的编号"),
    ),
    "ids-count-from-either": Entry(
        "the ids may count the rows from 0 or from 1",
        "say it with --first-number 0 or 1, or name a column with --id COLUMN",
        page="give the number of the first row, or name a column",
        zh=("编号可能从 0 或从 1 数行", "请给出第一行的编号，或指明列名"),
    ),
    "ids-of-no-column": Entry(
        "no column of {path} has the values of all ids, and they are no row numbers: {example!r}",
        "say how they are made: --id COLUMN, or --id 'text-{{{{column}}}}'",
        page="name the column whose values they have, or how they are made, as in text-{{{{column}}}}",
        zh=(
            "{path} 中没有一列含有全部编号的值，它们也不是行号：{example!r}",
            "请指明列名，或编号的构成方式，例如 text-{{{{column}}}}",
        ),
    ),
    "too-many-variants": Entry(
        "rows have {count:,} different results, as {example!r}; {most:,} are the most for columns side by side",
        "write them as further rows: --several rows",
        page="write them as further rows",
        zh=("各行共有 {count:,} 种不同的结果，例如 {example!r}；并排的列最多 {most:,} 种", "请写成更多的行"),
    ),
}

_UNITS: dict[str, Entry] = {
    "table-would-be-its-units": Entry(
        "{path} would be replaced by its own units",
        "give another name with -o",
        page=_ANOTHER_NAME[0],
        zh=("{path} 会被由它切分出的单元覆盖", _ANOTHER_NAME[1]),
    ),
    "table-would-be-its-documents": Entry(
        "{path} would be replaced by what is made of it",
        "give another name with -o",
        page=_ANOTHER_NAME[0],
        zh=("{path} 会被由它生成的数据表覆盖", _ANOTHER_NAME[1]),
    ),
    "units-by-unknown": Entry(
        "texts cannot be cut by {by!r}",
        "they are cut by one of: {known}",
        zh=("文本不能按“{by}”切分", "可以选择：{known:、}"),
    ),
    "units-without-size": Entry(
        "units of {by} need a size",
        "say how many {by} a unit has, as in --size 200",
        page="say how many a unit has",
        zh=("按 {by} 切分需要指定大小", "请指定每个单元的数量"),
    ),
    "units-overlap": Entry(
        "a unit of {size:,} cannot share {overlap:,} with the one before",
        "a size is at least 1, and an overlap is less than the size",
        zh=("大小为 {size:,} 的单元不能与前一个单元重叠 {overlap:,}", "大小至少为 1，重叠必须小于大小"),
    ),
    "units-rule-unknown": Entry(
        "there is no rule {rule!r}",
        "rules are: {known}; for a column of its own, as in --rule topic=list",
        page="rules are: {known}",
        zh=("没有名为“{rule}”的规则", "可用的规则有：{known:、}"),
    ),
    "units-rule-missing": Entry(
        "it is not said how the labels of units become that of a document",
        "say it with --rule: any, most or list; `rowbatch join-units --help` says what each does",
        page="choose any, most or list",
        zh=("没有说明各单元的标签如何合成文档的标签", "请选择：任一（any）、多数（most）或列表（list）"),
    ),
    "units-without-document": Entry(
        "{path} has no column {column!r}, so nothing says whose its units are",
        "name a column that both tables have with --id",
        page="name a column that both tables have",
        zh=("{path} 没有“{column}”列，无法知道各单元属于哪个文档", "请指定两个数据表都有的一列"),
    ),
    "unit-without-document": Entry(
        "{path}, row {row:,}, column {column!r}: {cell!r} is no row of the original table",
        "name a column that both tables have with --id",
        page="name a column that both tables have",
        zh=("{path} 第 {row:,} 行的“{column}”列：“{cell}”不是原数据表的行号", "请指定两个数据表都有的一列"),
    ),
    "units-without-labels": Entry(
        "{path} has no column with labels beside those of the original table",
        "name the columns to join with --rule, as in --rule topic=most",
        page="name the columns to join",
        zh=("{path} 中除原数据表的列以外没有标签列", "请指定要合并的列"),
    ),
    "units-id-empty": Entry(
        "{path}, row {row:,}: the column {column!r} is empty, and so the row has no units",
        "give each row a value of its own, or leave --id out",
        page="give each row a value of its own",
        zh=("{path} 第 {row:,} 行：“{column}”列为空，无法找到它的单元", "请给每一行一个不同的值"),
    ),
    "units-id-twice": Entry(
        "{path}, row {row:,}: {cell!r} in the column {column!r} stands in row {first:,} already",
        "give each row a value of its own, or leave --id out",
        page="give each row a value of its own",
        zh=(
            "{path} 第 {row:,} 行：“{column}”列的“{cell}”在第 {first:,} 行已经出现",
            "请给每一行一个不同的值",
        ),
    ),
    "units-of-another-table": Entry(
        "{count:,} {count:unit is|units are} of no row of {path}, which has {documents:,}: they are of another table",
        "give the table that they were cut from, or name a column that both have with --id",
        page="give the table that they were cut from",
        zh=(
            "{count:,} 个单元不属于 {path} 的任何一行（共 {documents:,} 行）：它们来自另一个数据表",
            "请给出切分时所用的数据表",
        ),
    ),
    "units-of-other-texts": Entry(
        "{count:,} {count:text|texts} of {path} {count:is|are} not what the units were cut from, the first one in "
        "row {row:,}: was the table sorted since, or is it another one?",
        "give the table that they were cut from, or name a column that both have with --id",
        page="give the table that they were cut from",
        zh=(
            "{path} 中有 {count:,} 个文本与切分时的文本不同，第一个在第 {row:,} 行：数据表是否重新排序过，或者不是同一个？",
            "请给出切分时所用的数据表",
        ),
    ),
}

_SAMPLE: dict[str, Entry] = {
    "sample-ending": Entry(
        "{path} does not end as a file for {form} does: {endings:, }",
        "give it such a name, or say for whom it is: --to sheet, label-studio or doccano",
        page="give it such a name, or choose for whom it is",
        zh=("{path} 的扩展名不适合 {form}：应为 {endings:、}", "请换一个名称，或选择其他用途"),
    ),
    "sample-examples": Entry(
        "{rows:,} {rows:row|rows} could not be drawn: {rows:its text is an example|their texts are examples} in the codebook, "
        "so the model is told what is right",
        zh=("有 {rows:,} 行不参与抽取：它们的文本是编码手册中的示例，模型会被告知正确答案", ""),
    ),
    "sample-too-few-rows": Entry(
        "{rows:,} rows cannot be drawn: {left:,} are left of {of:,} with a text",
        "draw fewer: --rows {left}",
        page="draw fewer",
        zh=("无法抽取 {rows:,} 行：有文本的 {of:,} 行中只剩 {left:,} 行", "请减少行数"),
    ),
    "sample-no-variable": Entry(
        "the codebook has no variable {name!r}",
        "it has {names!r}",
        zh=("编码手册没有变量“{name}”", "它有：“{names:”、“}”"),
    ),
    "sample-needs-text": Entry(
        "which column holds the text?",
        "say --text COLUMN",
        page="choose the column with the text",
        zh=("文本在哪一列？", "请选择文本所在的列"),
    ),
    "sample-needs-codebook": Entry(
        "what are people to code?",
        "say --labels A,B,C or --codebook FILE",
        page="choose labels, or a codebook",
        zh=("要编码什么？", "请给出标签或编码手册"),
    ),
    "sample-run-has-its-own": Entry(
        "a run has its own table, codebook and way of reading",
        "leave these options out, or draw from the table itself",
        page="draw from the table itself",
        zh=("任务已有自己的数据表、编码手册和读取方式", "请直接从数据表抽样"),
    ),
    "doccano-cannot-ask": Entry(
        "doccano has labels of texts, or of parts of them, and no place for {variable!r}",
        "leave it out with --variable, which names the others; or write a sheet, or for Label Studio",
        page="leave it out; or write a sheet, or for Label Studio",
        zh=(
            "在 doccano 中只能给文本或其片段加标签，不能询问“{variable}”",
            "请去掉该变量；或改用表格或 Label Studio",
        ),
    ),
    "doccano-label-too-long": Entry(
        "the label {label!r} has {chars:,} characters; doccano takes {most:,} at most",
        "shorten it; or write a sheet, or for Label Studio",
        zh=(
            "标签“{label}”有 {chars:,} 个字符；doccano 最多 {most:,} 个",
            "请缩短；或改用表格或 Label Studio",
        ),
    ),
}

TOOLS: dict[str, Entry] = (
    _KEYS | _DOCUMENTS | _LINES | _OUTPUTS | _SPLIT | _CONVERT | _EXTRACT | _IDS | _UNITS | _DEMO | _SAMPLE
)

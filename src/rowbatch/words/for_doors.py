"""What the doors say: keys, runs by name, the desk and its program, the questions of the command line, assistants."""

from __future__ import annotations

from rowbatch.words.telling import Entry

_STREAMS: dict[str, Entry] = {
    "stdin-twice": Entry(
        "standard input (-) is given twice, and can be read once",
        "write one of them to a file",
        zh=("标准输入（-）给出了两次，但只能读取一次", "请把其中一个先写入文件"),
    ),
    "stdin-not-here": Entry(
        "a run needs its table as a file: it is read again when the run goes on",
        "write standard input to a file first, and give that",
        zh=("任务需要数据表是文件：任务继续时会再次读取它", "请先把标准输入写入文件，再给出该文件"),
    ),
    "stdout-one-file": Entry(
        "this makes {others!r} besides, and standard output takes one file",
        "give the output a name instead of -",
        zh=("此操作还会生成“{others:”、“}”，而标准输出只能容纳一个文件", "请给输出指定文件名，而不是 -"),
    ),
}

_SETTINGS: dict[str, Entry] = {
    "settings-unreadable": Entry(
        "{path} cannot be read: {told}",
        'a line of it is as in: provider = "openai"',
        zh=("无法读取 {path}：{told}", '其中每行的写法如：provider = "openai"'),
    ),
    "settings-secret": Entry(
        "{path} has a key, or what looks like one, under {name!r}",
        "take it out: keys are kept with `rowbatch key set`, or in the environment",
        page="take it out: keys are kept on the page for keys",
        zh=("{path} 的“{name}”中有密钥，或看起来像密钥的内容", "请删除它：密钥应保存在密钥页面"),
    ),
    "settings-unknown": Entry(
        "{path}: there is no setting {name!r}",
        "settings are: {known}",
        zh=("{path}：没有名为“{name}”的设置", "可用的设置有：{known:、}"),
    ),
    "settings-unknown-but-near": Entry(
        "{path}: there is no setting {name!r}; did you mean {near!r}?",
        zh=("{path}：没有名为“{name}”的设置；您是指“{near}”吗？", ""),
    ),
    "settings-cost": Entry(
        "{path}: {value!r} is no amount of US dollars",
        "write max_cost as in: max_cost = 5",
        zh=("{path}：“{value}”不是美元金额", "写法如：max_cost = 5"),
    ),
    "settings-language": Entry(
        "{path}: there is no language {value!r}",
        "languages are: {known}",
        zh=("{path}：没有语言“{value}”", "可用的语言有：{known:、}"),
    ),
    "settings-value": Entry(
        "{path}: {name} cannot be {value!r}",
        "write a text in quotation marks",
        zh=("{path}：{name} 不能是“{value}”", "请写成带引号的文本"),
    ),
}

_KEYS: dict[str, Entry] = {
    "key-without-address": Entry(
        "{title} has no address of its own",
        "give --base-url",
        page="write its address",
        zh=("{title} 没有自己的地址", "请填写它的地址"),
    ),
    "key-empty": Entry("the key is empty", zh=("密钥是空的", "")),
    "key-malformed": Entry(
        "the key from {place} cannot be one: {why}",
        "copy it once more, whole and by itself; it was sent nowhere",
        zh=("来自{place}的密钥不可能是密钥：{why}", "请重新完整地单独复制；它没有被发送到任何地方"),
    ),
    "key-place-given": Entry("what was given", zh=("所填内容", "")),
    "key-place-environment": Entry("environment ({name})", zh=("环境变量（{name}）", "")),
    "key-place-dotenv": Entry(".env ({name})", zh=(".env 文件（{name}）", "")),
    "key-place-keyring": Entry("keyring", zh=("密钥环", "")),
    "key-too-long": Entry(
        "it has {chars:,} characters, and at most {most:,} are taken",
        zh=("它有 {chars:,} 个字符，最多接受 {most:,} 个", ""),
    ),
    "key-with-space": Entry(
        "character {at:,} of {chars:,} is a blank", zh=("共 {chars:,} 个字符，第 {at:,} 个是空格", "")
    ),
    "key-with-control": Entry(
        "character {at:,} of {chars:,} is a line break or another one without a shape",
        zh=("共 {chars:,} 个字符，第 {at:,} 个是换行或其他不可见字符", ""),
    ),
    "key-not-ascii": Entry(
        "character {at:,} of {chars:,} is none that a key has: a letter with an accent, a curly quotation mark, …",
        zh=("共 {chars:,} 个字符，第 {at:,} 个不是密钥会有的字符：带重音的字母、弯引号等", ""),
    ),
    "keyring-not-installed": Entry(
        "keys are kept in the system's keyring, and the package for it is not installed",
        'pip install "rowbatch[keyring]"; or put the key into the environment',
        page="use it for this session only, or ask whoever installed the program for the keyring",
        zh=(
            "密钥保存在系统的密钥环中，但尚未安装所需的软件包",
            "请仅在本次使用中保留，或请安装程序的人加装密钥环",
        ),
    ),
    "keyring-unusable": Entry(
        "this machine has no keyring that can be used: {told}",
        "put the key into an environment variable instead",
        page="use the key for this session only",
        zh=("本机没有可用的密钥环：{told}", "请仅在本次使用中保留密钥"),
    ),
}

_RUNS: dict[str, Entry] = {
    "correction-computed": Entry(
        "{variable} is known from another value and cannot be corrected by itself",
        "correct the quote that it is about",
        zh=("{variable} 由另一个值得出，不能单独更正", "请更正它所对应的引文"),
    ),
    "correction-does-not-apply": Entry(
        "{variable} does not apply to this row: it is asked only where other variables have certain values",
        "correct {others} first",
        zh=("{variable} 不适用于这一行：只有其他变量取特定值时才提问", "请先更正 {others:、}"),
    ),
    "no-such-variable": Entry(
        "the codebook has no variable {variable!r}", zh=("编码手册中没有变量“{variable}”", "")
    ),
    "no-such-row": Entry("there is no row {row:,}", zh=("没有第 {row:,} 行", "")),
    "run-was-sent": Entry(
        "a run from which something was sent is not removed", zh=("已发送过内容的任务不会被删除", "")
    ),
    "runs-of-one-name": Entry(
        "there are {count} runs named {name}",
        "say which: {paths}",
        zh=("有 {count} 个名为 {name} 的任务", "请指明是哪一个：{paths:、}"),
    ),
    "no-such-run": Entry(
        "there is no run {path}",
        "`rowbatch list` shows the runs on this machine",
        page="the list of jobs shows those on this machine",
        zh=("没有任务 {path}", "任务列表显示本机的所有任务"),
    ),
    "no-such-status": Entry("there is no status {status!r}", zh=("没有状态“{status}”", "")),
}

_DESK: dict[str, Entry] = {
    "table-not-read-yet": Entry("the table is not read yet", zh=("数据表尚未读完", "")),
    "answers-not-read-yet": Entry("the answers are not there yet", zh=("回答尚未就绪", "")),
    "table-missing": Entry(
        "there is no such table: it was removed, or never here",
        "open its file again; what was sent of it is in the list of jobs",
        zh=("没有这个数据表：它已被移除，或从未放进来过", "请重新放入这个文件；已发送的内容在任务列表中"),
    ),
    "table-was-lost": Entry(
        "{name} was lost: an earlier version of this program wrote over its copy",
        "hand the file over once more",
        zh=("{name} 已丢失：本程序的早期版本覆盖了它的副本", "请重新提交这个文件"),
    ),
    "not-a-table": Entry(
        "{name} is not a table that can be read",
        "save it as CSV or XLSX",
        zh=("{name} 不是可以读取的数据表", "请另存为 CSV 或 XLSX"),
    ),
    "no-label-in-table": Entry(
        "there is no label in this table",
        "the first column should hold the labels",
        zh=("这个表中没有标签", "第一列应当是标签"),
    ),
    "too-many-labels": Entry(
        "this table has {labels:,} labels; {most} are the most",
        "is it the right file?",
        zh=("这个表有 {labels:,} 个标签；最多 {most} 个", "选对文件了吗？"),
    ),
    "texts-for-labels": Entry(
        "the first column holds texts rather than labels; one has {chars:,} characters",
        "a table of labels has one label a row, and its definition beside it",
        zh=("第一列是文本而不是标签；其中一个有 {chars:,} 个字符", "标签表每行一个标签，旁边是它的定义"),
    ),
    "recipe-without-codebook": Entry(
        "this recipe is damaged: it has no codebook",
        "download it again",
        zh=("这份配方已损坏：其中没有编码手册", "请重新下载"),
    ),
    "recipe-too-new": Entry(
        "this recipe was made by a newer rowbatch than {version}",
        "pip install --upgrade rowbatch",
        page="update the program",
        zh=("这份配方由比 {version} 更新的版本创建", "请更新本程序"),
    ),
    "upload-limit-impossible": Entry(
        "the largest file is between 0 and 1,000 GB", zh=("最大文件应在 0 到 1,000 GB 之间", "")
    ),
    "answer-unreadable": Entry(
        "the provider's answer cannot be read: {told}", zh=("无法读取服务商的回答：{told}", "")
    ),
}

_PROGRAM: dict[str, Entry] = {
    "program-could-not-start": Entry(
        "the program could not start",
        "the reason stands above",
        page="the reason stands in its log",
        zh=("程序无法启动", "原因在它的日志中"),
    ),
    "program-did-not-start": Entry(
        "the program did not start",
        "its last words are in {log}",
        zh=("程序没有启动", "它最后的记录在 {log}"),
    ),
    "program-does-not-stop": Entry(
        "the program does not stop",
        "its process is {pid}, on {computer}; end it there",
        zh=("程序没有停止", "它的进程是 {computer} 上的 {pid}；请在那里结束它"),
    ),
    "program-holds-home": Entry(
        "another program of yours has these tables and jobs, and does not answer from here",
        "end it first: its process is {pid}, on {computer}",
        zh=(
            "您的另一个程序正在使用这些表格和任务，而且从这里得不到它的回应",
            "请先结束它：其进程是 {computer} 上的 {pid}",
        ),
    ),
    "no-port": Entry(
        "{port} is no port",
        "one between 1 and 65535, or 0 for any",
        zh=("{port} 不是端口", "请用 1 到 65535 之间的数，或用 0 表示任意端口"),
    ),
    "port-in-use": Entry(
        "port {port} is in use",
        "give another --port, or leave it out",
        page="choose another port",
        zh=("端口 {port} 已被占用", "请换一个端口"),
    ),
}

_COMMAND_LINE: dict[str, Entry] = {
    "probe-without-run": Entry(
        "which run's first row?",
        "rowbatch doctor RUN --probe",
        page="choose a job",
        zh=("要用哪个任务的第一行？", "请选择一个任务"),
    ),
    "param-too-deep": Entry(
        "the value of --param {name} has too many brackets inside of each other",
        "is one left open?",
        page_message="the value of {name} has too many brackets inside of each other",
        zh=("{name} 的值括号嵌套过深", "是不是有括号没有闭合？"),
    ),
    "param-no-pair": Entry(
        "--param {pair!r} is no NAME=VALUE",
        "for example: --param seed=7",
        page="for example: seed=7",
        page_message="{pair!r} is no NAME=VALUE",
        zh=("{pair!r} 不是“名称=值”的形式", "例如：seed=7"),
    ),
    "no-such-extra": Entry(
        "there is no column {name!r} in results",
        "known are: {known}",
        zh=("结果中没有列“{name}”", "已知的有：{known:、}"),
    ),
    "labels-separators": Entry(
        "nobody knows at which of these the labels are to be split: {marks}",
        "put commas between labels, and quotes around one that has a mark of its own: 'good,\"bad; very bad\"'",
        page="put commas between labels, and quotes around one that has a mark of its own",
        zh=("无法判断应按哪种符号拆分标签：{marks}", "请用逗号分隔标签；含有这类符号的标签请加上引号"),
    ),
    "labels-quotes": Entry(
        "a quotation mark among the labels is not closed, or stands within a label",
        "a label in quotes ends with them, and has its own written twice: 'a,\"b, c\",d'",
        page="a label in quotes ends with them, and has its own written twice",
        zh=("标签中有引号没有配对，或出现在标签中间", "加引号的标签须以引号结束，其中的引号要写两次"),
    ),
    "value-no-text": Entry(
        "labels and values are texts or numbers, and one of these is a {type}",
        zh=("标签和取值必须是文本或数字，而其中一个是 {type}", ""),
    ),
    "not-one-of": Entry(
        "{name} is none of its values: {value!r}",
        "give one of: {choices}",
        zh=("{name} 没有这个取值：“{value}”", "可用的有：{choices:、}"),
    ),
    "no-such-keyword": Entry(
        "nothing is called {name!r} here",
        "is it spelled as in the documentation? How a table is read is said by: {keywords}",
        zh=("这里没有名为“{name}”的参数", "请检查拼写；读取表格的参数有：{keywords:、}"),
    ),
    "label-empty": Entry(
        "a label in --labels is empty",
        "write them as in --labels good,bad,neutral",
        page="write a name for each label",
        page_message="a label is empty",
        zh=("有一个标签是空的", "请为每个标签写下名称"),
    ),
    "nobody-to-ask": Entry(
        "this costs money, and there is nobody to ask",
        "the same with --yes starts it; nothing was sent so far. The run: {run}",
        page="start it on its page; nothing was sent so far",
        zh=("这会产生费用，但没有人可以确认", "请在它的页面上启动；尚未发送任何内容"),
    ),
    "nobody-to-confirm": Entry(
        "this needs a yes, and there is nobody to ask",
        "the same with --yes does it; nothing was done so far. The run: {run}",
        page="do it on its page; nothing was done so far",
        zh=("这需要确认，但没有人可以确认", "请在它的页面上操作；尚未做任何更改"),
    ),
    "not-confirmed": Entry(
        "nothing was done", "the run is as it was: {run}", zh=("没有做任何更改", "任务保持原样：{run}")
    ),
    "try-nobody-to-ask": Entry(
        "this costs money, and there is nobody to ask",
        "the same with --yes tries them; nothing was sent so far, and no run is kept",
        page="try them on the page of the table; nothing was sent so far",
        zh=("这会产生费用，但没有人可以确认", "请在该表的页面上试用；尚未发送任何内容"),
    ),
    "try-not-started": Entry(
        "not tried; nothing was sent, and no run is kept",
        zh=("没有试用；未发送任何内容，也没有保留运行", ""),
    ),
    "not-started": Entry(
        "not started; nothing was sent",
        "rowbatch resume {run} starts it when you want",
        page="start it when you want",
        zh=("没有启动；未发送任何内容", "您可以随时启动它"),
    ),
}

_ASSISTANTS: dict[str, Entry] = {
    "mcp-not-installed": Entry(
        "the server for assistants needs a package that is not installed",
        'pip install "rowbatch[mcp]"',
        page="have the extra “mcp” installed",
        zh=("助手服务所需的软件包尚未安装", "请加装附加组件“mcp”"),
    ),
    "mcp-outside-folder": Entry(
        "{path} is not in {folder}, and this server looks at no other files",
        "name a file in that folder; the person who started the server can choose another one with --folder",
        page="name a file in that folder",
        zh=("{path} 不在 {folder} 中，而本服务不查看其他文件", "请指定该文件夹中的文件"),
    ),
    "mcp-codebook-not-yaml": Entry(
        "{path} is no codebook in YAML, and what is in other files may be people's texts",
        "name a .yaml file; `rowbatch codebook convert` makes one of any other form",
        page="name a file in YAML",
        zh=("{path} 不是 YAML 格式的编码手册，而其他文件中可能有个人文本", "请指定 YAML 文件"),
    ),
    "mcp-no-table": Entry(
        "{path} is not named as a table is, and what is in other files may be keys or people's texts",
        "name a table by its ending, as in posts.csv; hidden files and folders are never looked at",
        page="name a table by its ending, as in posts.csv",
        zh=(
            "{path} 的名称不像数据表，而其他文件中可能有密钥或个人文本",
            "请指定带有数据表扩展名的文件，例如 posts.csv",
        ),
    ),
    "mcp-running-text": Entry(
        "{path} looks like running text, and not like a table: its first line would be told as names",
        "put it into a folder, and name the folder: each .txt file in it is a row",
        zh=(
            "{path} 看起来是普通文本，而不是数据表：其第一行会被当作列名告知",
            "请把它放进一个文件夹并指定该文件夹：其中每个 .txt 文件是一行",
        ),
    ),
    "mcp-no-such-run": Entry(
        "no run of this computer is called {run!r}",
        "list_runs has their names",
        page="look at the list of runs",
        zh=("本机上没有名为 {run!r} 的运行", "请查看运行列表"),
    ),
    "mcp-not-labelled": Entry(
        "run {run!r} has no labelled table yet",
        "look at its state with run_status",
        page="wait until it is done",
        zh=("运行 {run!r} 还没有标注结果表", "请等待其完成"),
    ),
    "mcp-rows-not-allowed": Entry(
        "rows are not shown: their texts would go to the provider of the assistant's model",
        "the person who owns them can start the server with --allow-rows",
        page="the person who owns them can allow it",
        zh=("不显示数据行：其文本会被发送给助手模型的提供方", "数据所有者可以允许显示"),
    ),
}

DOORS: dict[str, Entry] = (
    _STREAMS | _SETTINGS | _KEYS | _RUNS | _DESK | _PROGRAM | _COMMAND_LINE | _ASSISTANTS
)

"""Run directories, and what is done with a run that is not driven."""

from __future__ import annotations

from rowbatch.words.telling import Entry

_FIELDS = "`rowbatch codebook schema` has every field, for an editor too"
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
    "codebook-cell": Entry(
        "row {row:,} below the header, column {column!r}: {fault}",
        zh=("标题行下第 {row:,} 行，“{column}”列：{fault}", ""),
    ),
    "codebook-cell-of-sheet": Entry(
        "sheet {sheet!r}, row {row:,} below the header, column {column!r}: {fault}",
        zh=("工作表“{sheet}”，标题行下第 {row:,} 行，“{column}”列：{fault}", ""),
    ),
    "codebook-no-such-column": Entry(
        "a codebook has no such column; known are: {known}. What is for people only belongs into a column 'notes'",
        zh=("编码手册没有这样的列；可用的有：{known:、}。只给人看的内容请放在名为“备注”的列中", ""),
    ),
    "codebook-column-twice": Entry(
        "there is another column for the same: {name}",
        zh=("另有一列表示同样的内容：{name}", ""),
    ),
    "codebook-row-without-variable": Entry(
        "no variable is named here, nor in a row above",
        zh=("这一行和上面各行都没有写明变量", ""),
    ),
    "codebook-cell-differs": Entry(
        "{found!r} is not what another row says of the same variable",
        zh=("“{found}”与同一变量其他行的内容不一致", ""),
    ),
    "codebook-table-too-long": Entry(
        "{path} has more than {most:,} rows or {most_mb} MB, and what a model is told never has",
        "is it the right file? A codebook holds variables and labels, and no texts to label",
        zh=(
            "{path} 超过 {most:,} 行或 {most_mb} MB，而给模型的说明不会这么长",
            "选对文件了吗？编码手册里是变量和标签，不是要标注的文本",
        ),
    ),
    "codebook-not-taken": Entry(
        "{path} has parts that a codebook cannot say, and without them something else would be asked:\n"
        "  {parts:\n  }",
        "`rowbatch codebook convert {path} codebook.yaml` takes the rest; look at it, then use that file",
        page="take these parts out of the file, or write them as a codebook can say them, and bring it again",
        zh=(
            "{path} 中有编码手册无法表达的部分，去掉它们就会改变所问的内容：\n  {parts:\n  }",
            "请从文件中去掉这些部分，或改写成编码手册能表达的形式，然后重新上传",
        ),
    ),
    "codebook-output-unknown": Entry(
        "a codebook is not written as {path}",
        "its name ends in one of: {endings}",
        zh=("编码手册不能写成 {path}", "文件名的结尾可以是：{endings:、}"),
    ),
    "codebook-open-place": Entry(
        "the question still says {place}",
        "write in its place what the question is about",
        zh=("问题中还留着 {place}", "请把它换成问题所针对的内容"),
    ),
    "ready-codebook-unknown": Entry(
        "no codebook of the name {name} comes along in the language {language}",
        "names: {known}; languages: {languages}",
        zh=("没有语言为 {language}、名为 {name} 的现成编码手册", "名称：{known:、}；语言：{languages:、}"),
    ),
    "ready-codebook-without-target": Entry(
        "the codebook {name} asks about no target",
        "leave the target out; of those that come along only stance has one",
        zh=("编码手册 {name} 不针对特定对象", "请不要给出对象；现成的编码手册中只有立场需要对象"),
    ),
    "xlsform-not-taken": Entry(
        "row {row:,} of the survey, {column}: {found}",
        zh=("问卷表单第 {row:,} 行，{column}：{found}", ""),
    ),
    "xlsform-row-left-out": Entry(
        "row {row:,} of the survey, {type}: no question",
        zh=("问卷表单第 {row:,} 行，{type}：不是问题", ""),
    ),
    "refi-broken": Entry(
        "{path} is no codebook or project of REFI-QDA that can be read: {told}",
        "export it once more from the program that it comes from",
        zh=("{path} 不是可以读取的 REFI-QDA 编码手册或项目：{told}", "请从原来的程序重新导出"),
    ),
    "refi-no-project": Entry(
        "{path} is no project of REFI-QDA: there is no project.qde in it",
        "export it once more from the program that it comes from",
        zh=("{path} 不是 REFI-QDA 项目：其中没有 project.qde", "请从原来的程序重新导出"),
    ),
    "refi-no-codes": Entry(
        "there is no code in it that a text may have",
        zh=("其中没有可以用于文本的编码", ""),
    ),
    "refi-too-many-labels": Entry(
        "{name} has {labels:,} codes; {most} are the most of one question",
        zh=("{name} 有 {labels:,} 个编码；一个问题最多 {most} 个", ""),
    ),
    "refi-all-that-apply": Entry(
        "how many codes a text may have, which the file does not say: each question takes all that apply, or none",
        zh=("文件没有说明一个文本可以有几个编码：每个问题取所有适用的编码，或一个都没有", ""),
    ),
    "refi-top-codable": Entry(
        "codes with others below them, which are questions here and no labels ({count:,}): {names}",
        zh=("带有下级的编码在这里是问题，不是标签（{count:,} 个）：{names:、}", ""),
    ),
    "refi-not-codable": Entry(
        "codes that no text may have ({count:,}): {names}",
        zh=("不能用于文本的编码（{count:,} 个）：{names:、}", ""),
    ),
    "refi-separator": Entry(
        "the ; in names of codes, which is a comma here ({count:,}): {names}",
        zh=("编码名称中的分号，在这里改为逗号（{count:,} 个）：{names:、}", ""),
    ),
    "refi-sets": Entry(
        "groups (sets) of codes: {count:,}",
        zh=("编码组（集合）：{count:,} 个", ""),
    ),
    "refi-nothing-fits": Entry(
        "the codebook has no labels and asks for no quotes, and codes are nothing else",
        zh=("编码手册没有标签，也不要求引文，因此没有编码可写", ""),
    ),
    "refi-embeddings": Entry(
        "the answers are embeddings, and a project of REFI-QDA holds codes of texts",
        "export them to Parquet",
        page="download them as Parquet",
        zh=("答案是嵌入向量，而 REFI-QDA 项目保存的是文本的编码", "请下载为 Parquet"),
    ),
    "refi-without-codes": Entry(
        "variables that are no codes: {names}",
        zh=("不是编码的变量：{names:、}", ""),
    ),
    "refi-fields-lost": Entry(
        "what codes cannot say: {fields}",
        zh=("编码无法表达的内容：{fields:、}", ""),
    ),
    "classify-not-taken": Entry("{name} is not known", zh=("不认识 {name}", "")),
    "classify-left-out": Entry("{name} has no place there", zh=("{name} 没有对应的位置", "")),
    "classify-option-unknown": Entry(
        "{name} is {found}; known are: {known}",
        zh=("{name} 为 {found}；可用的有：{known:、}", ""),
    ),
    "classify-no-labels": Entry(
        "{variable} is of kind {kind_of_variable}, and a classify function answers with labels",
        "name a variable that has labels",
        zh=("{variable} 是 {kind_of_variable} 类变量，而分类函数只回答标签", "请选择有标签的变量"),
    ),
    "classify-too-many": Entry(
        "{variable} has {labels:,} labels; the function takes 2 to {most:,} of at most {chars} characters each",
        "shorten the names of the labels, or ask in two variables",
        zh=(
            "{variable} 有 {labels:,} 个标签；该函数接受 2 到 {most:,} 个，每个最多 {chars} 个字符",
            "请缩短标签名，或分成两个变量",
        ),
    ),
    "classify-no-such-variable": Entry(
        "the codebook has no variable {variable!r}",
        "it has: {known}",
        zh=("编码手册中没有变量“{variable}”", "它有：{known:、}"),
    ),
    "classify-which-variable": Entry(
        "a classify function answers one question, and the codebook has several with labels: {known}",
        "name one: --variable NAME",
        page="name one of them",
        zh=("分类函数只回答一个问题，而编码手册有多个带标签的变量：{known:、}", "请指定其中一个"),
    ),
    "classify-nothing-fits": Entry(
        "the codebook asks for no labels, and a classify function answers with nothing else",
        zh=("编码手册没有要求标签，而分类函数只回答标签", ""),
    ),
    "json-field-twice": Entry(
        "{path} is broken: the field {name!r} is there twice",
        "leave one of them out",
        zh=("{path} 有误：字段“{name}”出现了两次", "请去掉其中一个"),
    ),
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
    "codebook-no-labels": Entry(
        "a variable of kind label has at least two labels",
        zh=("标签变量至少要有两个标签", ""),
    ),
    "codebook-label-has-separator": Entry(
        "{name!r} has a {separator!r} in it, which stands between the labels of a cell",
        zh=("“{name}”中有“{separator}”，而它用来分隔一个单元格中的标签", ""),
    ),
    "codebook-most-above-labels": Entry(
        "most is {most}, and there are {labels} labels",
        zh=("最多 {most} 个，而只有 {labels} 个标签", ""),
    ),
    "codebook-condition-on-nothing": Entry(
        "{name!r} is no variable that stands before this one",
        zh=("“{name}”不是排在此变量之前的变量", ""),
    ),
    "codebook-condition-without-values": Entry(
        "{name!r} is of kind {found}, which has no list of values to depend on",
        zh=("“{name}”是 {found} 类变量，没有可作为条件的取值列表", ""),
    ),
    "codebook-field-of-another-kind": Entry(
        "a variable of kind {own} has no such field; kind: {others: or } has it",
        zh=("{own} 类变量没有这个字段；{others:、} 类才有", ""),
    ),
    "codebook-no-such-kind": Entry(
        "there is no kind {found}; known are: {known}",
        zh=("没有 {found} 这一类变量；已知的有：{known:、}", ""),
    ),
    "codebook-bound-not-whole": Entry(
        "{bound} is no whole number, and only whole ones are asked for",
        zh=("{bound} 不是整数，而这里只要整数", ""),
    ),
    "codebook-max-below-min": Entry(
        "{most} is less than min, which is {least}",
        zh=("{most} 小于最小值 {least}", ""),
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
    "yaml-too-long": Entry(
        "{path} has more than {most_mb} MB, and what a model is told never has",
        "is it the right file? A codebook holds instructions and variables, and no texts to label",
        zh=(
            "{path} 超过 {most_mb} MB，而给模型的说明不会这么长",
            "选对文件了吗？编码手册里是说明和变量，不是要标注的文本",
        ),
    ),
    "yaml-too-many-entries": Entry(
        "{path} is broken: line {line}: with what its references (*name) stand for, it has more than {most:,} entries",
        "write out what is meant, without references to what has references itself",
        zh=(
            "{path} 有误：第 {line} 行：把引用（*名称）展开后超过 {most:,} 项",
            "请直接写出内容，不要引用本身又含有引用的内容",
        ),
    ),
    "yaml-too-deep": Entry(
        "{path} is broken: line {line}: more than {most} lists and fields stand inside of each other",
        "a codebook needs six; is a bracket left open?",
        zh=(
            "{path} 有误：第 {line} 行：列表和字段的嵌套超过 {most} 层",
            "编码手册最多需要六层；是不是有括号没有闭合？",
        ),
    ),
    "yaml-refers-to-nothing": Entry(
        "{path} is broken: line {line}: *{name} refers to something that is not there: no &{name} stands before it",
        "a text that begins with * must stand in quotes",
        zh=(
            "{path} 有误：第 {line} 行：*{name} 引用的内容不存在：前面没有 &{name}",
            "以 * 开头的文本必须放在引号中",
        ),
    ),
    "yaml-refers-to-itself": Entry(
        "{path} is broken: line {line}: *{name} stands inside of what it refers to",
        "write out what is meant",
        zh=("{path} 有误：第 {line} 行：*{name} 位于它所引用的内容之中", "请直接写出内容"),
    ),
    "yaml-merges-no-fields": Entry(
        "{path} is broken: line {line}: what follows << are no fields",
        "<< takes over the fields of something else, as in `<<: *name`",
        zh=("{path} 有误：第 {line} 行：<< 后面不是字段", "<< 用来沿用别处的字段，例如 `<<: *name`"),
    ),
    "yaml-tag": Entry(
        "{path} is broken: line {line}: {tag} means nothing here, or does not fit what follows it",
        "leave it out; a text that begins with ! must stand in quotes",
        zh=(
            "{path} 有误：第 {line} 行：{tag} 在这里没有意义，或与后面的内容不符",
            "请去掉它；以 ! 开头的文本必须放在引号中",
        ),
    ),
    "yaml-name-no-text": Entry(
        "{path} is broken: line {line}: the name of a field is a text, and here stands something else",
        "a text that begins with a bracket, or with *, must stand in quotes",
        zh=(
            "{path} 有误：第 {line} 行：字段名应当是文本，而这里是别的内容",
            "以括号或 * 开头的文本必须放在引号中",
        ),
    ),
    "yaml-field-twice": Entry(
        "{path} is broken: line {line}: the field {name!r} is there twice",
        "leave one of them out; items of a list begin with a dash each",
        zh=("{path} 有误：第 {line} 行：字段“{name}”出现了两次", "请去掉其中一个；列表的每一项以短横线开头"),
    ),
    "yaml-several-documents": Entry(
        "{path} is broken: line {line}: a second document begins here",
        "leave the line of three dashes out, or make two files of it",
        zh=("{path} 有误：第 {line} 行：这里开始了第二个文档", "请去掉由三个短横线组成的行，或分成两个文件"),
    ),
    "yaml-character": Entry(
        "{path} is broken: line {line}: it holds {character}, a character that no text has",
        "delete it, or save the file as UTF-8",
        zh=(
            "{path} 有误：第 {line} 行：含有 {character}，文本中不会有这个字符",
            "请删除它，或将文件存为 UTF-8",
        ),
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
        zh=("没有名为“{name}”的接口", "可用的有：{known:、}"),
    ),
    "embeddings-have-no-limits": Entry(
        "embeddings have no temperature and no output limit",
        "leave --temperature and --max-tokens out",
        page="leave the temperature and the longest answer empty",
        zh=("嵌入没有温度，也没有输出上限", "请将温度和回答的最大长度留空"),
    ),
    "confidence-of-embeddings": Entry(
        "embeddings have no confidence",
        "leave --confidence out",
        page="do not ask how sure the model is",
        zh=("嵌入没有置信度", "请不要询问模型有多确定"),
    ),
    "confidence-of-words": Entry(
        "free text has no confidence: the probability of a wording says little of what it says",
        "leave --confidence out, or ask for a label or a number",
        page="do not ask how sure the model is, or ask for a label or a number",
        zh=(
            "自由文本没有置信度：某种措辞的概率并不能说明其内容是否可靠",
            "请不要询问模型有多确定，或改为询问标签或数字",
        ),
    ),
    "confidence-not-offered": Entry(
        "as far as is known, {title} does not tell the probabilities of the tokens of an answer, so there is no confidence",
        "use --samples 5 in its place, or choose another provider; if it tells them by now, add --param logprobs=true",
        page="ask each text several times in its place, or choose another provider",
        zh=(
            "据目前所知，{title} 不提供回答中各词元的概率，因此没有置信度",
            "请改为多次询问每条文本，或选择其他服务商",
        ),
    ),
    "confidence-not-told": Entry(
        "{model} does not tell the probabilities of the tokens of an answer, as models that reason don't, so there is no confidence",
        "use --samples 5 in its place, or choose a model that does not reason; some tell them with --param reasoning_effort=none",
        page="ask each text several times in its place, or choose a model that does not reason",
        zh=(
            "{model} 与其他推理模型一样，不提供回答中各词元的概率，因此没有置信度",
            "请改为多次询问每条文本，或选择非推理模型",
        ),
    ),
    "samples-out-of-range": Entry(
        "{samples} samples of a row are too few or too many",
        "from 2 to {most}",
        zh=("每行采样 {samples} 次过少或过多", "请填写 2 到 {most} 之间的数"),
    ),
    "samples-and-confidence": Entry(
        "a row that is asked several times has its confidence from how many samples agree",
        "give either --samples or --confidence",
        page="ask how sure the model is, or ask each text several times, not both",
        zh=("多次询问同一行时，置信度取决于有多少次结果一致", "请只选择“模型有多确定”或“多次询问”之一"),
    ),
    "samples-of-words": Entry(
        "free text and embeddings cannot be counted, so there is nothing on which samples could agree",
        "leave --samples out, or ask for a label or a number",
        page="ask once, or ask for a label or a number",
        zh=("自由文本和嵌入无法计数，因此多次采样没有意义", "请只询问一次，或改为询问标签或数字"),
    ),
    "samples-of-local": Entry(
        "the model on this computer gives the same answer each time, so samples say nothing",
        "leave --samples out; --confidence says how sure it is",
        page="ask once; it can say how sure it is",
        zh=("本机模型每次给出相同的回答，因此多次采样没有意义", "请只询问一次；它可以给出把握程度"),
    ),
    "samples-the-same": Entry(
        "all samples of a row would be the same: the temperature is 0, or a seed is set",
        "leave --temperature 0 and the seed out, or --samples",
        page="leave the temperature empty, or ask once",
        zh=("同一行的所有采样结果都会相同：温度为 0 或设置了随机种子", "请将温度留空，或只询问一次"),
    ),
    "consensus-of-one": Entry(
        "one model alone has no consensus",
        "name further models with --with PROVIDER:MODEL, or leave --consensus out",
        page="name a further model",
        zh=("只有一个模型时谈不上一致意见", "请添加其他模型"),
    ),
    "panel-and-confidence": Entry(
        "with several models the confidence is how far they agree",
        "leave --samples and --confidence out, or --with",
        page="ask several models, or how sure one is, not both",
        zh=("使用多个模型时，置信度取决于模型之间的一致程度", "请只选择多个模型或单个模型的置信度之一"),
    ),
    "panel-of-words": Entry(
        "free text and embeddings cannot be counted, so there is nothing on which models could agree",
        "leave --with out, or ask for a label or a number",
        page="ask one model, or ask for a label or a number",
        zh=("自由文本和嵌入无法计数，因此模型之间无从比较是否一致", "请只使用一个模型，或改为询问标签或数字"),
    ),
    "panel-and-only-changed": Entry(
        "only what changed in a codebook is asked of one model, not of several",
        "leave --only-changed out, or --with",
        page="ask all variables, or one model",
        zh=("只询问编码手册中已更改的变量时，只能使用一个模型", "请询问全部变量，或只使用一个模型"),
    ),
    "panel-too-many": Entry(
        "{models} models are too many for one run",
        "at most {most}",
        zh=("一个任务使用 {models} 个模型过多", "最多 {most} 个"),
    ),
    "panel-model-twice": Entry(
        "{model} is asked twice",
        "name each model once; --samples asks one model several times",
        page="name each model once",
        zh=("{model} 出现了两次", "每个模型请只填写一次"),
    ),
    "no-such-consensus": Entry(
        "there is no consensus {found!r}",
        "known are: {known}",
        zh=("没有名为“{found}”的一致意见算法", "可选：{known:、}"),
    ),
    "no-panel": Entry(
        "one model alone was asked in this run",
        "make a run with --with PROVIDER:MODEL",
        page="make a job that asks several models",
        zh=("此任务只使用了一个模型", "请新建一个使用多个模型的任务"),
    ),
    "confidence-not-asked": Entry(
        "nobody asked in this run how sure the model was",
        "make a run with --confidence, --samples or --with",
        page="make a job that asks how sure the model is",
        zh=("此任务没有询问模型有多确定", "请新建一个询问模型有多确定的任务"),
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

_ONE_WORKER = (
    "only one may work on it; `rowbatch status` can be asked at any time",
    "only one may work on it; its page shows at any time how it stands",
    "同一时间只能有一个程序处理它；任务页面随时可以查看进度",
)
_BY_A_COPY = ("bring it back from a copy", "请从备份中恢复")

_DIRECTORY: dict[str, Entry] = {
    "run-exists": Entry(
        "{path} exists already",
        "give the run another name, or go on with it: rowbatch resume",
        page="go on with the job that is there, or start again: the new one gets another name",
        zh=("{path} 已存在", "请继续已有的任务，或重新开始：新任务会得到另一个名称"),
    ),
    "no-run": Entry(
        "{path} is not a run directory: it has no run.toml",
        "`rowbatch list` shows the runs on this machine",
        page="the list of jobs shows those on this computer",
        zh=("{path} 不是任务文件夹：其中没有 run.toml", "任务列表中有本机的所有任务"),
    ),
    "settings-damaged": Entry("{file} is damaged: {told}", zh=("{file} 已损坏：{told}", "")),
    "settings-without-format": Entry("{file} has no format number", zh=("{file} 中没有格式编号", "")),
    "settings-incomplete": Entry(
        "{file} is damaged: {name} is not in it",
        zh=("{file} 已损坏：其中没有 {name}", ""),
    ),
    "run-too-new": Entry(
        "{path} was written by a newer rowbatch (format {version}, this one knows {known})",
        "pip install --upgrade rowbatch",
        page="install the newest version of this program",
        zh=(
            "{path} 由更新版本的 rowbatch 写成（格式 {version}，本版本只认识到 {known}）",
            "请安装本程序的最新版本",
        ),
    ),
    "run-not-built": Entry(
        "{path} has not been built yet",
        "rowbatch resume {path}",
        page="continue the job",
        zh=("{path} 还没有生成请求", "请继续这个任务"),
    ),
    "run-locked": Entry(
        "another process is working on this run: process {pid} on {host}, {doing} since {since}",
        "wait for it, or stop it first; `rowbatch status` can be asked at any time",
        page="wait for it, or stop it first; the page of the job shows at any time how it stands",
        zh=(
            "另一个程序正在处理这个任务：{host} 上的进程 {pid}，自 {since} 起在进行 {doing}",
            "请等它结束，或先停止它；任务页面随时可以查看进度",
        ),
    ),
    "run-locked-silently": Entry(
        "another process is working on this run: it has not said which",
        "wait for it, or stop it first; `rowbatch status` can be asked at any time",
        page="wait for it, or stop it first; the page of the job shows at any time how it stands",
        zh=(
            "另一个程序正在处理这个任务，但没有说明是哪一个",
            "请等它结束，或先停止它；任务页面随时可以查看进度",
        ),
    ),
    "run-taken-over": Entry(
        "another process has taken this run over",
        _ONE_WORKER[0],
        page=_ONE_WORKER[1],
        zh=("另一个程序已接管这个任务", _ONE_WORKER[2]),
    ),
}

_LEDGER: dict[str, Entry] = {
    "ledger-too-new": Entry(
        "{path} was written by a newer rowbatch (ledger version {version}, this one knows {known})",
        "pip install --upgrade rowbatch",
        page="install the newest version of this program",
        zh=(
            "{path} 由更新版本的 rowbatch 写成（账本版本 {version}，本版本只认识到 {known}）",
            "请安装本程序的最新版本",
        ),
    ),
    "ledger-incomplete": Entry(
        "{ledger} is not a ledger that was completely written",
        "nothing is sent; bring it back from a copy, or make it anew: rowbatch recover {path}",
        page="nothing is sent; bring it back from a copy, or recover the job: its batches are looked for",
        zh=(
            "账本 {ledger} 没有写完整",
            "不会发送任何内容；请从备份中恢复它，或恢复这个任务：程序会寻找它的批处理",
        ),
    ),
    "ledger-lost": Entry(
        "{path} was built, and may have been sent and paid for, but its ledger is gone or empty",
        "nothing is sent; bring ledger.sqlite back from a copy, or make it anew: rowbatch recover {path}",
        page="nothing is sent; bring ledger.sqlite back from a copy, or recover the job: its batches are looked for",
        zh=(
            "{path} 已经生成过，可能已发送并付费，但它的账本不见了或是空的",
            "不会发送任何内容；请从备份中恢复 ledger.sqlite，或恢复这个任务：程序会寻找它的批处理",
        ),
    ),
    "ledger-damaged": Entry(
        "the ledger {path} is damaged: {told}",
        "nothing is sent; bring it back from a copy, or make it anew: rowbatch recover {run}",
        page="nothing is sent; bring it back from a copy, or recover the job: its batches are looked for",
        zh=(
            "账本 {path} 已损坏：{told}",
            "不会发送任何内容；请从备份中恢复它，或恢复这个任务：程序会寻找它的批处理",
        ),
    ),
    "ledger-findings-damaged": Entry(
        "the ledger is damaged, where it says what the results hold: {told}",
        "bring ledger.sqlite back from a copy, or make it anew: rowbatch recover RUN",
        page="bring ledger.sqlite back from a copy, or recover the job: its batches are looked for",
        zh=(
            "账本已损坏，损坏处记录了结果的内容：{told}",
            "请从备份中恢复 ledger.sqlite，或恢复这个任务：程序会寻找它的批处理",
        ),
    ),
    "ledger-of-another-run": Entry(
        "{ledger} is the ledger of another run",
        "nothing is sent; bring the right one back from a copy, or make it anew: rowbatch recover {path}",
        page="nothing is sent; bring the right one back from a copy, or recover the job: its batches are looked for",
        zh=(
            "{ledger} 是另一个任务的账本",
            "不会发送任何内容；请从备份中恢复正确的账本，或恢复这个任务：程序会寻找它的批处理",
        ),
    ),
    "ledger-outdated": Entry(
        "{ledger} is an older copy: it does not know what batches.jsonl beside it tells of",
        "nothing is sent, or what was paid for since then would be paid again; bring the newest back, or make it "
        "anew: rowbatch recover {path}",
        page="nothing is sent, or what was paid for since then would be paid again; recover the job: its batches are "
        "looked for",
        zh=(
            "{ledger} 是旧的副本：旁边的 batches.jsonl 所记录的内容它不知道",
            "不会发送任何内容，否则之后已付费的部分会再次付费；请恢复这个任务：程序会寻找它的批处理",
        ),
    ),
    "nothing-to-recover": Entry(
        "the ledger of {path} is whole: there is nothing to recover",
        "rowbatch resume {path}",
        page="continue the job",
        zh=("{path} 的账本完好：没有需要恢复的内容", "请继续这个任务"),
    ),
    "trail-of-another-run": Entry(
        "{file} is that of another run",
        "bring the right one back from a copy, or move it away: without it the provider's list of batches is looked at",
        zh=(
            "{file} 属于另一个任务",
            "请从备份中恢复正确的文件，或把它移走：没有它时，程序会查看服务商的批处理列表",
        ),
    ),
    "trail-unreadable": Entry(
        "batches.jsonl in {path} cannot be read: {told}",
        "bring it back from a copy, or move it away: without it the provider's list of batches is looked at",
        zh=(
            "无法读取 {path} 中的 batches.jsonl：{told}",
            "请从备份中恢复它，或把它移走：没有它时，程序会查看服务商的批处理列表",
        ),
    ),
    "recovery-incomplete": Entry(
        "the request files in {path} are not all that its table makes, which are {requests:,} requests",
        "bring the missing ones back from a copy; or make a new run of the table",
        page="bring the missing ones back from a copy; or make a new job of the table",
        zh=(
            "{path} 中的请求文件不完整：它的表共生成 {requests:,} 个请求",
            "请从备份中恢复缺少的文件；或用该表新建任务",
        ),
    ),
    "database-damaged": Entry(
        "the database {path} is damaged: {told}",
        "bring it back from a copy",
        zh=("数据库 {path} 已损坏：{told}", "请从备份中恢复它"),
    ),
    "database-refuses": Entry("the database {path}: {told}", zh=("数据库 {path}：{told}", "")),
    "no-such-shard": Entry(
        "the run has no shard {number} in round {round}",
        zh=("这个任务的第 {round} 轮没有第 {number} 部分", ""),
    ),
    "shard-changed-meanwhile": Entry(
        "shard {shard} is not {state} any more: another process changed it",
        "run the same command again",
        page="try again",
        page_message="part {shard} is not {state} any more: another program changed it",
        zh=("部分 {shard} 已不是 {state} 状态：另一个程序更改了它", "请重试"),
    ),
}

_ANSWERS: dict[str, Entry] = {
    "asked-rows-gone": Entry(
        "{file} is gone: it says which rows round {round} asked",
        _BY_A_COPY[0],
        zh=("{file} 不见了：其中记录了第 {round} 轮询问的行", _BY_A_COPY[1]),
    ),
    "kept-values-gone": Entry(
        "{file} is gone: it holds the values that were kept of an earlier run",
        _BY_A_COPY[0],
        zh=("{file} 不见了：其中保存了取自以前运行的值", _BY_A_COPY[1]),
    ),
    "result-file-changed": Entry(
        "{file} is not the file that was downloaded: its digest differs",
        "bring the file back from a copy",
        zh=("{file} 不是当初下载的文件：校验值不同", _BY_A_COPY[1]),
    ),
}

_STEPS: dict[str, Entry] = {
    "not-collected": Entry(
        "the results are not in a labelled table yet",
        "`rowbatch collect` first; then nothing at the provider is needed any more",
        page="let the job come to its end first; then nothing at the provider is needed any more",
        zh=("结果还没有写入带标签的表", "请先让任务结束；之后就不再需要服务商处的任何内容"),
    ),
    "output-taken": Entry(
        "{path} exists already",
        "rowbatch collect {run} -o ANOTHER_NAME, or --overwrite; nothing is lost",
        page="give it another name; nothing is lost",
        zh=("{path} 已存在", "请换一个名称；不会丢失任何内容"),
    ),
    "embeddings-not-corrected": Entry(
        "embeddings are not corrected by hand", zh=("嵌入向量不能人工更正", "")
    ),
    "not-asked-again": Entry(
        "rows that are {statuses} are not asked again", zh=("状态为 {statuses} 的行不会再次询问", "")
    ),
    "no-status-given": Entry(
        "rows that are of no status are not asked again", zh=("没有指定状态的行不会再次询问", "")
    ),
    "batches-on-their-way": Entry(
        "batches of this run are still on their way",
        "wait until they are over",
        zh=("这个任务还有批处理在进行", "请等待它们结束"),
    ),
    "requests-gone": Entry(
        "{file} is gone, so its rows cannot be asked again",
        "bring it back from a copy, or go on without another round: --rounds {round}; `rowbatch collect` writes "
        "what is there",
        page="bring it back from a copy",
        zh=("{file} 不见了，因此它的行不能再次询问", "请从备份中恢复它"),
    ),
    "table-shorter": Entry("the table has fewer rows than were asked", zh=("表的行数少于已询问的行数", "")),
    "table-longer": Entry("the table has more rows than were asked", zh=("表的行数多于已询问的行数", "")),
    "table-other-rows": Entry(
        "shard {shard} has {requests:,} requests, but the table has {rows:,} rows for it",
        "is it still the same table? The answers that came are untouched",
        zh=(
            "部分 {shard} 有 {requests:,} 个请求，而表中与它对应的有 {rows:,} 行",
            "表还是同一个吗？已取回的回答没有改动",
        ),
    ),
    "price-unknown": Entry(
        "the price of {model} is not known, so a cap cannot be kept",
        "give the price in models.toml (rowbatch models says where), or leave --max-cost out",
        page="write its price into {prices_file}, or continue without a limit",
        zh=("{model} 的价格未知，因此无法遵守上限", "请把它的价格写入 {prices_file}，或不设上限继续"),
    ),
    "direct-too-many": Entry(
        "{rows:,} rows are too many to be asked one by one: at most {most:,} are",
        "leave --direct out (or --by-batch, where the run has it): a batch costs half as much and needs no program "
        "that waits; or make a run of fewer rows",
        page="send them as a batch, which costs half as much; or make a job of fewer rows",
        zh=(
            "有 {rows:,} 行，太多，无法逐行询问：最多 {most:,} 行",
            "请用批处理发送（费用为一半）；或用较少的行新建任务",
        ),
    ),
    "direct-local": Entry(
        "the model on this computer answers at once and costs nothing: there is no other way to ask it",
        "leave --direct out; it is for providers",
        page="start it as it is",
        zh=("这台计算机上的模型会立即回答且免费：没有其他询问方式", "请照原样开始"),
    ),
    "answers-unbounded": Entry(
        "nothing limits how long an answer is, so a cap cannot be kept",
        "give --max-tokens when the run is made, or leave --max-cost out",
        page="continue without a limit; or make a new job of a model whose longest answer is known",
        zh=("回答的长度没有限制，因此无法遵守上限", "请不设上限继续；或用已知最长回答的模型新建任务"),
    ),
}

RUNS: dict[str, Entry] = _CODEBOOK | _REQUEST | _DIRECTORY | _LEDGER | _ANSWERS | _STEPS

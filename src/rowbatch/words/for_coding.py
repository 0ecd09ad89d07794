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
    "coding-drawn-meanwhile": Entry(
        "others drew rows into the coding set {name} at the same moment; nothing was drawn",
        "look at what is in it now, and draw again what is missing",
        zh=("其他人同时向编码集 {name} 抽取了行；这次没有抽取", "请先查看其中现有的行，再补抽所缺的"),
    ),
    "coders-address": Entry(
        "{address} is no address of this computer in a network",
        "give one as others know it, as 192.168.1.20; all of its addresses at once are not opened",
        zh=(
            "{address} 不是本机在网络中的地址",
            "请给出其他计算机所用的地址，例如 192.168.1.20；不会同时开放所有地址",
        ),
    ),
    "coders-no-network": Entry(
        "this computer has no address by which others could reach it",
        "connect it to a network, or name the address: rowbatch ui --coders ADDRESS",
        page="connect it to a network, or write its address yourself",
        zh=("本机没有可供其他计算机访问的地址", "请连接网络，或自行填写地址"),
    ),
    "coders-did-not-open": Entry(
        "nothing can be opened for coders at {host}",
        "try again, or another address",
        zh=("无法在 {host} 为编码者开放", "请重试，或换一个地址"),
    ),
    "coders-program-runs": Entry(
        "a program is running already, at {url}, and is not open for coders by this command",
        "open it there: Human coding, a set, Let others code over the network; or end it first: rowbatch ui --stop",
        page="open it on the page of a coding set",
        zh=("已有程序在 {url} 运行，此命令不会为它开放编码", "请在编码集的页面上开放"),
    ),
    "coders-closed": Entry(
        "nobody can code over the network: it was switched off",
        "switch it on, then make the link again",
        zh=("网络编码已关闭，没有人可以通过网络编码", "请先打开，再生成链接"),
    ),
    "coders-too-many-links": Entry(
        "there are {most} links for coders already",
        "take those back that nobody needs",
        zh=("编码者链接已有 {most} 个", "请收回不再需要的链接"),
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
        "one row of each group cannot be drawn in strata: rows of large groups would be less likely than others of "
        "their stratum",
        "draw whole groups in strata (leave --one-per-group out), or leave the strata out",
        page="draw whole groups in strata, or leave the strata out",
        zh=(
            "不能在分层中每组只抽一行：大组中的行被抽中的可能性会低于同层的其他行",
            "请在分层中抽取整组，或者不分层",
        ),
    ),
    "sample-groups-in-several-strata": Entry(
        "{count:,} groups of {group} lie in several strata of {by}, as {names:, }",
        "a group is drawn with all of its rows, so each has to lie in one stratum: choose a column that is the same "
        "for all rows of a group, or leave one of the two out",
        zh=(
            "“{group}”中有 {count:,} 个组分属“{by}”的多个层，例如 {names:、}",
            "抽中一组会带上它的所有行，因此每组只能属于一层：请选择组内各行取值相同的列，或去掉其中之一",
        ),
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
    "sample-too-few-unsure": Entry(
        "{rows:,} rows cannot be chosen: there are {left:,} that are in no set yet, and of which it is known how "
        "sure the model was",
        "choose fewer",
        zh=("无法选出 {rows:,} 行：不在编码集中且已知模型把握程度的只有 {left:,} 行", "请减少行数"),
    ),
    "coding-nothing-left": Entry(
        "there is nothing left in {name!r} for {coder!r} to code",
        "draw further rows, or write the ones that are coded, too: --all-rows",
        page="draw further rows",
        zh=("编码集“{name}”中已没有需要“{coder}”编码的行", "请追加抽样"),
    ),
    "coding-file-several-coders": Entry(
        "{path} has codes of several coders, so they are not all {coder!r}",
        "leave the coder out: the names in the file are taken",
        zh=("{path} 中有多名编码者的编码，不能都算作“{coder}”", "请不要指定编码者，将采用文件中的名字"),
    ),
    "coding-file-of-whom": Entry(
        "who coded {path}?",
        "say --coder NAME: a name, or a pseudonym",
        page="say who: a name, or a pseudonym",
        zh=("{path} 是谁编码的？", "请指明编码者：名字或化名"),
    ),
    "coding-file-other-rows": Entry(
        "{path} has codes for {count:,} rows that are not in this coding set, or have another text there: row "
        "{rows:, }",
        "take the file into the set that it was made from; nothing was taken",
        zh=(
            "{path} 中有 {count:,} 行编码不属于该编码集，或文本不同：第 {rows:、} 行",
            "请导入到生成该文件的编码集；未导入任何内容",
        ),
    ),
    "how-many-pilot": Entry(
        "{rows:,} rows are coded, too few for a pilot (at least {least})",
        "code more of them; or leave the columns out, and the worst case is assumed",
        zh=("已编码 {rows:,} 行，作为预研究太少（至少 {least}）", "请再编码一些；或不指定列，按最坏情况估计"),
    ),
    "how-many-no-label": Entry(
        "nobody said {label!r} in the pilot",
        "it has {labels!r}",
        zh=("预研究中没有标签“{label}”", "其中有：“{labels:”、“}”"),
    ),
    "how-many-no-number": Entry(
        "{cell!r} is no number, and the mean is wanted",
        "leave --mean out for a share",
        page="choose a share",
        zh=("“{cell}”不是数字，无法求均值", "请改为比例"),
    ),
    "how-many-rows": Entry(
        "a table has at least one row, not {rows}",
        zh=("数据表至少有一行，而不是 {rows}", ""),
    ),
    "how-many-columns": Entry(
        "a pilot is a table with two columns: the model's values and people's",
        "say --predicted COLUMN and --gold COLUMN, or neither for the worst case",
        page="choose both columns, or neither",
        zh=("预研究需要数据表中的两列：模型的值和人的值", "请同时选择两列，或都不选"),
    ),
    "how-many-few": Entry(
        "the pilot has {rows:,} rows: with {wanted} or more the numbers are better known",
        zh=("预研究有 {rows:,} 行：达到 {wanted} 行以上估计会更可靠", ""),
    ),
    "how-many-label-chosen": Entry(
        "{label!r} needs the most rows of the {labels:,} labels; say another one with --label",
        page_message="{label!r} needs the most rows of the {labels:,} labels",
        zh=("{labels:,} 个标签中，“{label}”需要的行数最多", ""),
    ),
    "coding-set-begins-by-chance": Entry(
        "a coding set begins with rows that chance drew: of others nothing can be said of the table",
        "draw some at random first, then add those that the model was least sure of",
        zh=("编码集应从随机抽取的行开始：其他行不能代表整个数据表", "请先随机抽样，再加入模型最没有把握的行"),
    ),
    "coding-set-is-frozen": Entry(
        "the coding set {name!r} was made with something else for: {what:, }",
        "leave these options out, or choose another name for a new set",
        page="leave these as they are, or make a new set",
        zh=("编码集“{name}”创建时以下内容不同：{what:、}", "请保持不变，或新建编码集"),
    ),
    "sample-least-sure-of-run": Entry(
        "only a run knows how sure its model was",
        "give the run instead of the table",
        zh=("只有任务知道模型的把握程度", "请选择任务，而不是数据表"),
    ),
    "sample-needs-set": Entry(
        "there has to be a set, in which the chance of each row is kept, for {options:, }",
        "say --set NAME",
        page="choose a coding set",
        zh=("{options:、} 需要编码集，以保存每行的抽取概率", "请选择编码集"),
    ),
    "sample-needs-output": Entry(
        "where to?",
        "say -o FILE, or draw into a set: --set NAME",
        page="say where to, or choose a coding set",
        zh=("写到哪里？", "请给出文件，或选择编码集"),
    ),
    "sample-needs-rows": Entry(
        "how many rows?",
        "say --rows NUMBER, or a number for each stratum: --allocate A=30,B=60",
        page="say how many",
        zh=("抽取多少行？", "请给出行数"),
    ),
    "sample-allocation": Entry(
        "{given!r} is none of proportional, equal, and a number for each stratum",
        "say it as in --allocate good=30,bad=60",
        page="choose one of these",
        zh=("“{given}”不是 proportional、equal，也不是各层的行数", "请选择其中之一"),
    ),
    "sample-after-in-set": Entry(
        "a set knows which rows it has, so there is no --after",
        "leave it out: further rows are never those that were drawn",
        page="draw further rows: they are never those that were drawn",
        page_message="a set knows which rows it has",
        zh=("编码集知道已有哪些行", "直接追加抽样即可：不会抽到已有的行"),
    ),
    "how-many-width": Entry(
        "half of an interval's width is above 0, not {value}",
        "say it as in 0.05",
        zh=("区间半宽应大于 0，而不是 {value}", "例如 0.05"),
    ),
}

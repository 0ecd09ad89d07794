"""A student of a model's labels: what it cannot learn, and what is shown of it."""

from __future__ import annotations

from rowbatch.words.telling import Entry

DISTIL: dict[str, Entry] = {
    "distil-kind": Entry(
        "{variable!r} cannot be learned: a student gives one of a list of labels, or several, to every row",
        "variables that it can learn: {variables!r}; a number, a date, a text, a quote, or what is asked of some rows only, is none",
        zh=(
            "变量“{variable}”无法学习：学生模型只能为每一行给出标签列表中的一个或几个",
            "可以学习的变量：“{variables:”、“}”；数字、日期、文本、引文以及只对部分行提问的变量都不行",
        ),
    ),
    "distil-too-few": Entry(
        "{rows:,} {rows:row is|rows are} left to learn from, and {least:,} are a beginning; {held_out:,} are people's and "
        "are not learned from",
        "ask the model more rows than people code, some thousands",
        zh=(
            "可供学习的只有 {rows:,} 行，至少需要 {least:,} 行；另有 {held_out:,} 行由人工编码，不用于学习",
            "请让模型标注比人工编码更多的行，最好有几千行",
        ),
    ),
    "distil-one-label": Entry(
        "there is nothing to tell apart in {variable!r}: of its labels in the answers only {labels!r} are in rows enough",
        "ask the model more rows: each label has to be in five at least",
        zh=(
            "变量“{variable}”没有可区分的内容：回答中行数足够的标签只有“{labels:”、“}”",
            "请让模型标注更多的行：每个标签至少要有五行",
        ),
    ),
    "distil-without-people": Entry(
        "nobody has coded rows of {table!r} for {variable!r}: how often the student is right is not known, so that none of its "
        "labels may be used",
        "draw a sample for people to code: rowbatch sample TABLE --rows 200 --set NAME; or write labels of which nothing is "
        "shown: --all-labels",
        page="draw a sample, and code it",
        zh=(
            "还没有人为变量“{variable}”编码表“{table}”中的行：无法知道学生模型的正确率，因此其标签都不能使用",
            "请先抽取样本并进行人工编码",
        ),
    ),
    "distil-nothing-left": Entry(
        "the model was asked every text of {table!r}: there is no row for a student to label",
        "name a larger table of the same kind: --table TABLE",
        page="choose a larger table of the same kind",
        zh=("模型已经标注了表“{table}”中的所有文本：没有需要学生模型标注的行", "请选择同类的更大的表"),
    ),
    "distil-onto-table": Entry(
        "{path} is a table that is read, or is to be written twice",
        "name another file",
        zh=("{path} 是正在读取的表，或被指定写入两次", "请换一个文件名"),
    ),
    "distil-not-by-chance": Entry(
        "the {rows:,} texts that the model was asked do not lie in {table!r} as rows that chance drew: what people coded among "
        "them says nothing of the others",
        "draw a sample of the whole table for people to code: rowbatch sample TABLE --rows 200 --set NAME",
        page="draw a sample of the whole table, and code it",
        zh=(
            "模型标注的 {rows:,} 条文本在表“{table}”中的位置不像随机抽取的：其中的人工编码不能代表其余的行",
            "请从整个表中抽取样本并进行人工编码",
        ),
    ),
    "distil-set-design": Entry(
        "the coding set {name!r} was drawn in strata or by groups out of the rows that the model was asked: of the other rows "
        "these are not known",
        "draw a sample of the whole table for people to code, or a simple one",
        zh=(
            "编码集“{name}”是从模型标注过的行中分层或按组抽取的：其余的行没有这些信息",
            "请从整个表中抽取样本，或进行简单随机抽样",
        ),
    ),
    "distil-not-of-table": Entry(
        "{count:,} {count:row|rows} of the coding set {name!r} {count:is|are} not in {table!r}, the first {rows!r}: what people "
        "said says nothing of that table",
        "draw a sample of it for people to code; or write labels of which nothing is shown: --all-labels",
        page="draw a sample of it, and code it",
        zh=(
            "编码集“{name}”中有 {count:,} 行不在表“{table}”中，例如第 {rows:、} 行：人工编码不能代表该表",
            "请从该表中抽取样本并进行人工编码",
        ),
    ),
    "student-damaged": Entry(
        "{path} is no whole student: the file was changed, cut off, or written by another version",
        "remove it: the same student is learned again from the run",
        zh=(
            "{path} 不是完整的学生模型文件：它被修改过、不完整，或由其他版本写成",
            "删除它即可：系统会根据任务重新学习出同样的学生模型",
        ),
    ),
    "student-unreadable": Entry(
        "{path} is no student, or none that this version reads: it was changed, cut off, or written by another one",
        "name the file that distil names at its end, in the folder students of a run; without --student the labels of the "
        "run are learned anew",
        page="choose the file of a student, out of the folder students of a run",
        zh=(
            "{path} 不是学生模型文件，或不是本版本能读取的：它被修改过、不完整，或由其他版本写成",
            "请选择任务的 students 文件夹中的学生模型文件",
        ),
    ),
    "student-of-other-variable": Entry(
        "{path} is a student of {other!r}, and {variable!r} is wanted",
        "name another student, or the variable that this one learned",
        zh=("{path} 学习的是变量“{other}”，而需要的是“{variable}”", "请换一个学生模型，或选择它学习过的变量"),
    ),
    "student-of-other-rules": Entry(
        "{path} learned {variable!r} in {run!r} by other rules: {rules!r} {rules:is|are} not as in the codebook of this run",
        "what a label means has changed: let a student learn from rows that the model was asked by the new codebook",
        zh=(
            "{path} 在任务“{run}”中学习变量“{variable}”时的规则不同：“{rules:”、“}”与本任务的编码手册不一致",
            "标签的含义已经改变：请让学生模型从按新编码手册标注的行中学习",
        ),
    ),
    "student-of-other-columns": Entry(
        "{path} learned from texts of other columns: {others!r}, and this run asks {columns!r}",
        "give the columns of the table the names that they had, if they hold the same",
        zh=(
            "{path} 学习的文本来自其他列：“{others:”、“}”，而本任务使用“{columns:”、“}”",
            "如果内容相同，请把表的列名改回原来的名称",
        ),
    ),
    "student-saw-people": Entry(
        "of the {rows:,} texts that people coded the student learned {count:,} from the model's labels: of these another student "
        "speaks, that did not see them",
        zh=(
            "人工编码的 {rows:,} 条文本中有 {count:,} 条被该学生模型学习过（按模型的标签）：对这些文本采用未见过它们的另一个学生模型的结果",
            "",
        ),
    ),
    "distil-unlike": Entry(
        "the texts of {table!r} look unlike those that the student learned from: in {share} of them it knows fewer of the words "
        "than in all but {expected} of those; it is likelier to be wrong there",
        "believe only what people's codes of this table show; better, ask the model some of its rows, and let a student learn them",
        zh=(
            "表“{table}”中的文本与学生模型学习过的文本不太一样：其中 {share} 的文本里它认识的词少于学习文本中最低的 {expected}，更容易出错",
            "请只相信此表的人工编码所显示的结果；最好让模型标注其中一些行，再让学生模型学习",
        ),
    ),
    "distil-rare": Entry(
        "too rare to be learned, with {rows:,} {rows:row|rows} in all: {labels!r}; the student never says so",
        zh=("标签“{labels:”、“}”总共只有 {rows:,} 行，未被学习：学生模型不会给出它们", ""),
    ),
    "distil-few": Entry(
        "the student learned from {rows:,} rows; with fewer than {enough:,} it knows few words",
        "ask the model more rows",
        zh=("学生模型只从 {rows:,} 行中学习；少于 {enough:,} 行时它认识的词很少", "请让模型标注更多的行"),
    ),
    "distil-not-converged": Entry(
        "the search for the student's weights was ended before it was done: another one may differ a little",
        zh=("学生模型权重的搜索提前结束：结果可能略有不同", ""),
    ),
    "distil-unshown": Entry(
        "nobody coded rows of this table: nothing shows how often the student is right, and no number made of its labels is "
        "corrected",
        "draw a sample for people to code, and distil again",
        zh=(
            "没有人编码过此表的行：学生模型的正确率未知，由其标签得到的数字也未经校正",
            "请抽取样本进行人工编码，然后重新蒸馏",
        ),
    ),
    "distil-of-model": Entry(
        "of the {rows:,} rows whose text the model was asked {labelled:,} were coded; its own numbers hold for the table if chance "
        "drew these rows",
        zh=(
            "模型标注过的 {rows:,} 行中有 {labelled:,} 行有人工编码；若这些行是随机抽取的，则模型的数字适用于整个表",
            "",
        ),
    ),
    "distil-none-of-table": Entry(
        "none of the texts that the model was asked is in {table!r}: the student has seen nothing of it",
        zh=("模型标注过的文本都不在表“{table}”中：学生模型没有见过其中的内容", ""),
    ),
}

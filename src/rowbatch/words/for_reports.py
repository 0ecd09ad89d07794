"""Reports, archives, and what is asked again."""

from __future__ import annotations

from rowbatch.words.telling import Entry

REPORTS: dict[str, Entry] = {
    "report-ending": Entry(
        "a report is not written as {path}",
        "its name ends in one of: {endings:, }",
        zh=("报告不能写成 {path}", "文件名须以下列之一结尾：{endings:、}"),
    ),
    "report-twice": Entry(
        "{path} is wanted twice",
        "name each file once",
        zh=("{path} 给出了两次", "请每个文件只写一次"),
    ),
    "report-nowhere": Entry(
        "no file is named that the report shall be written to",
        "its name ends in one of: {endings:, }",
        zh=("没有指明报告要写入的文件", "文件名须以下列之一结尾：{endings:、}"),
    ),
    "no-checklist": Entry(
        "there is no checklist {name!r}",
        "there are: {names:, }",
        zh=("没有名为“{name}”的清单", "可用的有：{names:、}"),
    ),
    "archive-ending": Entry(
        "an archive is not written as {path}",
        "its name ends in .zip",
        zh=("存档不能写成 {path}", "文件名须以 .zip 结尾"),
    ),
    "archive-missing": Entry(
        "there is no archive {path}",
        zh=("没有存档 {path}", ""),
    ),
    "archive-unreadable": Entry(
        "{path} can't be read as an archive: {told}",
        "fetch it again from where it was published",
        zh=("无法将 {path} 作为存档读取：{told}", "请从发布处重新下载"),
    ),
    "archive-not-ours": Entry(
        "{path} is no archive of a run: it has no {file}",
        "`rowbatch archive RUN -o OUT.zip` makes one",
        page="an archive is made on the page of a job",
        zh=("{path} 不是任务存档：其中没有 {file}", "存档可在任务页面生成"),
    ),
    "archive-changed": Entry(
        "{path} was changed since it was written: {files:, }",
        "fetch it again from where it was published; nothing is done with a changed one",
        zh=("{path} 在写成之后被改动：{files:、}", "请从发布处重新下载；被改动的存档不会使用"),
    ),
    "rerun-not-possible": Entry(
        "what this archive asked can't be asked of a table alone ({what})",
        "ask it anew with the codebook in the archive",
        zh=("该存档的提问不能仅凭数据表重复（{what}）", "请使用存档中的编码手册重新提问"),
    ),
    "rerun-other-table": Entry(
        "none of the {rows:,} texts of {table} is in the archive",
        "give the table that the archive is of; its texts must be as they were, to the last space",
        zh=("{table} 的 {rows:,} 条文本都不在存档中", "请给出存档所用的数据表；文本须与当时完全一致"),
    ),
    "rerun-too-few-rows": Entry(
        "{rows:,} rows are to be asked again, and only {left:,} of this table had a usable answer",
        "ask for fewer",
        zh=("要重新询问 {rows:,} 行，但该数据表只有 {left:,} 行曾得到可用的回答", "请减少行数"),
    ),
    "sentinels-are-drawn": Entry(
        "{path} has {drawn:,} sentinels already, and {rows:,} are wanted",
        "leave --rows out: the same texts are asked each time",
        page="leave the number out: the same texts are asked each time",
        zh=(
            "{path} 已有 {drawn:,} 条哨兵文本，而要求的是 {rows:,} 条",
            "请不要给出数量：每次询问的都是同样的文本",
        ),
    ),
    "sentinels-damaged": Entry(
        "{path} can't be read as the sentinels of an archive ({told})",
        "take it from a backup; without it other texts are drawn, and earlier looks are gone",
        zh=(
            "{path} 无法作为存档的哨兵文本读取（{told}）",
            "请从备份中恢复；没有它就会抽取其他文本，以前的记录也会丢失",
        ),
    ),
    "sentinels-of-another-archive": Entry(
        "{path} has the sentinels of another archive than {archive}",
        "put it beside the archive that it is of, or give the archive another name",
        zh=(
            "{path} 中的哨兵文本属于另一个存档，而不是 {archive}",
            "请把它放在所属的存档旁，或给存档换个名称",
        ),
    ),
    "sentinels-of-another-run": Entry(
        "{archive} is an archive of another run than {run}",
        "name an archive that was made of this run",
        zh=("{archive} 是另一个任务的存档，而不是 {run} 的", "请指定由此任务生成的存档"),
    ),
    "sentinels-none": Entry(
        "no sentinels of {archive} were ever asked",
        "ask them: rowbatch rerun ARCHIVE TABLE --sentinels",
        page="ask them again with the command line first",
        zh=("{archive} 的哨兵文本还从未被询问过", "请先在命令行用 rowbatch rerun 询问"),
    ),
}

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
}

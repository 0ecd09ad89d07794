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
    "coder-name": Entry(
        "{name!r} can't be the name of a coder",
        "a name has 1 to 60 characters and no line break; a pseudonym is as good",
        zh=("“{name}”不能作为编码者的名字", "名字为 1 到 60 个字符，不含换行；可以用化名"),
    ),
}

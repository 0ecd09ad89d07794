"""Files, disks and outputs."""

from __future__ import annotations

from rowbatch.words.telling import Entry

FILES: dict[str, Entry] = {
    "said": Entry("{text}"),
    "said-with-hint": Entry("{text}", "{hint}"),
    "path-missing": Entry(
        "{path} does not exist",
        "check the name and the folder",
        zh=("{path} 不存在", "请检查名称和文件夹"),
    ),
    "path-is-web-address": Entry(
        "{address} is an address on the web, and nothing is fetched from there",
        "download the file, and give its name",
        zh=("{address} 是网址，程序不会从网上下载文件", "请先下载该文件，再给出它的名称"),
    ),
    "path-is-google-sheet": Entry(
        "{address} is a sheet of Google's, and nothing is fetched from there",
        "download it (File > Download > Comma-separated values), and give the file",
        zh=(
            "{address} 是 Google 表格，程序不会从网上下载文件",
            "请先下载（文件 > 下载 > 逗号分隔值），再给出该文件",
        ),
    ),
    "not-utf8": Entry(
        "{text} has bytes that are no text in UTF-8, which a run cannot keep",
        "give the file or folder a name in UTF-8",
        zh=("{text} 含有不是 UTF-8 文本的字节，任务无法保存", "请将文件或文件夹改为 UTF-8 名称"),
    ),
    "path-is-folder": Entry(
        "{path} is a folder, not a file",
        "name a file inside it",
        zh=("{path} 是文件夹，不是文件", "请选择其中的一个文件"),
    ),
    "file-empty": Entry(
        "{path} is empty",
        "is it the right file?",
        zh=("{path} 是空的", "选对文件了吗？"),
    ),
    "no-permission": Entry(
        "no permission to use {path}",
        "check who owns it",
        zh=("没有使用 {path} 的权限", "请检查它的所有者"),
    ),
    "folder-of-another": Entry(
        "{path} belongs to somebody else, who could read or change what is kept there",
        "set ROWBATCH_HOME to a folder of your own, or do this as its owner (sudo -u OWNER)",
        page="stop the program, and set ROWBATCH_HOME to a folder of your own",
        zh=(
            "{path} 属于其他用户，对方可以读取或更改保存在那里的内容",
            "请停止程序，并将 ROWBATCH_HOME 设为您自己的文件夹",
        ),
    ),
    "folder-in-open-folder": Entry(
        "everybody may change {parent}, and so put another folder in the place of {path}",
        "set ROWBATCH_HOME to a place in your own folder, or take that right away: chmod o-w {parent}",
        page="stop the program, and set ROWBATCH_HOME to a place in your own folder",
        zh=(
            "任何人都可以更改 {parent}，因此可以用别的文件夹替换 {path}",
            "请停止程序，并将 ROWBATCH_HOME 设为您自己文件夹中的位置",
        ),
    ),
    "disk-full": Entry(
        "no space left on the disk while writing {path}",
        "free some space and run the same command again; nothing already written is lost",
        page="free some space and try again; nothing already written is lost",
        zh=("写入 {path} 时磁盘空间已满", "请腾出一些空间后重试；已写入的内容不会丢失"),
    ),
    "disk-almost-full": Entry(
        "the disk of {path} is almost full: going on would leave less than {left_bytes:,} bytes of it",
        "free some space and try again; a small packed file may hold very much",
        zh=(
            "{path} 所在的磁盘快满了：继续下去剩余空间将不足 {left_bytes:,} 字节",
            "请腾出一些空间后重试；很小的压缩文件也可能包含大量内容",
        ),
    ),
    "locks-not-kept": Entry(
        "the file system of {path} keeps no locks: {told}",
        "two programs at once could pay twice, so nothing is done there; put the run on a disk of this machine "
        "(--run PLACE), or the folder of rowbatch itself (ROWBATCH_HOME)",
        page="two programs at once could pay twice, so nothing is done there; put the folder of this program on a disk of "
        "this computer",
        zh=(
            "{path} 所在的文件系统不支持文件锁：{told}",
            "两个程序同时运行可能会重复付费，因此不会在那里进行任何操作；请把 rowbatch 的文件夹放在本机的磁盘上",
        ),
    ),
    "held-by-another": Entry(
        "another program has held {path} for a minute, so nothing was saved",
        "end the program that does not go on, then try again",
        zh=("另一个程序占用 {path} 已有一分钟，因此没有保存", "请结束那个没有反应的程序，然后重试"),
    ),
    "disk-refuses": Entry("{path}: {told}"),
    "output-exists": Entry(
        "{path} exists already",
        "give --overwrite to replace it, or another name",
        page="give it another name",
        zh=("{path} 已存在", "请换一个名称"),
    ),
    "request-too-large": Entry(
        "row {row:,} makes a request of {size_bytes:,} bytes; at most {max_bytes:,} fit in one file",
        "shorten the text, or leave the row out",
        zh=(
            "第 {row:,} 行生成的请求有 {size_bytes:,} 字节；一个文件最多容纳 {max_bytes:,} 字节",
            "请缩短文本，或去掉这一行",
        ),
    ),
}

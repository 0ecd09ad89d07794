"""What only pages are asked for."""

from __future__ import annotations

from rowbatch.words.telling import Entry

PAGES: dict[str, Entry] = {
    "job-missing": Entry("there is no such job", zh=("没有这个任务", "")),
    "row-missing": Entry("there is no such row", zh=("没有这一行", "")),
    "tool-missing": Entry("there is no such tool", zh=("没有这个工具", "")),
    "format-missing": Entry("there is no such format", zh=("没有这种格式", "")),
    "file-gone": Entry(
        "there is no such file any more", "make it again", zh=("这个文件已不存在", "请重新生成")
    ),
    "rows-not-ready": Entry(
        "the rows are still being made ready", "try again in a minute", zh=("各行仍在准备中", "请稍后再试")
    ),
    "correction-empty": Entry(
        "a correction is a label, and not empty", zh=("更正必须是一个标签，不能为空", "")
    ),
    "no-columns": Entry(
        "no column of your table is chosen",
        "choose at least one",
        zh=("没有选择表中的任何列", "请至少选择一列"),
    ),
    "rows-by-number": Entry("rows are asked for by start and count", zh=("请用起始位置和数量来请求行", "")),
    "file-missing": Entry("a file is missing", "choose one", zh=("缺少文件", "请选择一个文件")),
    "results-missing": Entry(
        "the result files are missing", "choose one or more", zh=("缺少结果文件", "请选择一个或多个")
    ),
    "upload-empty": Entry(
        "the file is empty", "is it the right file?", zh=("文件是空的", "选择的文件对吗？")
    ),
    "file-too-large": Entry(
        "the file is larger than {most_gb:,.1f} GB",
        "raise the limit in the settings, or start the program with the file itself",
        zh=("文件大于 {most_gb:,.1f} GB", "请在设置中提高上限，或在启动程序时直接给出该文件"),
    ),
    "no-room": Entry(
        "there is not enough room on the disk for {size_bytes:,} bytes",
        zh=("磁盘空间不足，容纳不下 {size_bytes:,} 字节", ""),
    ),
    "two-uploads": Entry(
        "two files are being sent already",
        "wait until they are here",
        zh=("已有两个文件正在发送", "请等它们传完"),
    ),
    "not-a-number": Entry("{field}: {text!r} is not a number", zh=("{field}：{text!r} 不是数字", "")),
    "number-missing": Entry(
        "a number is missing",
        "say into how many parts, or how large",
        zh=("缺少数字", "请填写分成几份，或每份多大"),
    ),
    "rows-not-of-such-a-kind": Entry(
        "rows of such a kind are not asked again", zh=("这类行不会再次询问", "")
    ),
    "coding-set-gone": Entry(
        "there is no such coding set any more",
        "look at the list of coding sets",
        zh=("该编码集已不存在", "请查看编码集列表"),
    ),
    "coder-missing": Entry(
        "nobody of this name codes this set",
        "begin with a name on the page of the set",
        zh=("该编码集中没有这个编码者", "请在编码集页面输入名字后开始"),
    ),
    "coding-row-missing": Entry(
        "this text is not one of those that are to be coded here",
        "go back to the coding set",
        zh=("该文本不在此处要编码的文本之中", "请返回编码集"),
    ),
    "code-empty": Entry(
        "nothing is said yet",
        "choose or write a value, or skip the text",
        zh=("尚未填写", "请选择或填写一个值，或跳过该文本"),
    ),
    "coding-run-of-another-table": Entry(
        "the run {run} is of another table, or asks nothing that is coded here",
        "choose a run of the table that the set was drawn from",
        zh=("运行 {run} 属于另一个数据表，或没有询问此处编码的内容", "请选择该编码集所属数据表的运行"),
    ),
    "not-a-number-of-rows": Entry(
        "{value!r} is no whole number",
        "write a number, as in 200",
        zh=("“{value}”不是整数", "请填写数字，例如 200"),
    ),
}

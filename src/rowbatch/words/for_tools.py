"""The tools: convert, split, check, estimate, extract."""

from __future__ import annotations

from rowbatch.words.telling import Entry

_LINES: dict[str, Entry] = {
    "line-no-request": Entry(
        "this line is no request ({told}): {begin!r}",
        "rowbatch check says what is wrong",
        page="is it a batch file? Each line of one is a request",
        zh=("这一行不是请求（{told}）：{begin!r}", "这是批处理文件吗？其中每行应当是一个请求"),
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

TOOLS: dict[str, Entry] = _LINES

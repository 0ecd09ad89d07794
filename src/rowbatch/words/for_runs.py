"""Run directories, and what is done with a run that is not driven."""

from __future__ import annotations

from rowbatch.words.telling import Entry

RUNS: dict[str, Entry] = {
    "no-texts": Entry(
        "none of the {rows:,} rows has a text, so there is nothing to ask",
        "is --text the right column?",
        page="is it the right column?",
        zh=("{rows:,} 行都没有文本，没有可询问的内容", "选择的列对吗？"),
    ),
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
    "table-changed": Entry(
        "the table {table} was changed since this run was made, so its rows may be others now",
        "bring the old file back, or make a new run; the answers that came stay in {results} and `rowbatch extract` "
        "reads them",
        page="bring the old file back, or make a new job; the answers that came stay in {results}",
        zh=(
            "表 {table} 在任务创建之后被更改，它的行可能已不同",
            "请恢复原来的文件，或新建任务；已取回的回答保存在 {results}",
        ),
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
    "answers-unbounded": Entry(
        "nothing limits how long an answer is, so a cap cannot be kept",
        "give --max-tokens when the run is made, or leave --max-cost out",
        page="continue without a limit; or make a new job of a model whose longest answer is known",
        zh=("回答的长度没有限制，因此无法遵守上限", "请不设上限继续；或用已知最长回答的模型新建任务"),
    ),
}

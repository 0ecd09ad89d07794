"""Tasks, and what does them."""

from __future__ import annotations

from rowbatch.words.telling import Entry

_SAME_EVERYWHERE = (
    "install the same version on every machine",
    "请在每台机器上安装同一版本",
)
_PLAN_ANEW = (
    "make the run anew, of the table as it is now",
    "请用现在的数据表重新建立任务",
)

TASKS: dict[str, Entry] = {
    "no-such-task-function": Entry(
        "no work is called {name!r} here",
        "known are: {known}; the one that wrote the tasks is another version: install the same everywhere",
        page="known are: {known}; the one that wrote the tasks is another version: install the same everywhere",
        zh=(
            "这里没有名为 {name!r} 的工作",
            "已知的有：{known}；写出这些任务的是另一个版本，请在各处安装同一版本",
        ),
    ),
    "tasks-of-one-model": Entry(
        "only a run of one model is planned as tasks",
        "leave --with out, or leave --runner out",
        page="choose one model",
        zh=("只有单个模型的运行才能规划为任务", "请只选择一个模型"),
    ),
    "tasks-ask-all": Entry(
        "a run that asks only what changed in its codebook is not planned as tasks",
        "leave --only-changed out, or leave --runner out",
        page="ask all variables",
        zh=("只询问编码手册中更改部分的运行不能规划为任务", "请询问所有变量"),
    ),
    "tasks-are-fresh": Entry(
        "the answers of earlier runs are not looked up by tasks: each row is asked, and paid",
        "make the run with --fresh, or with rowbatch plan, which says the same",
        page="ask every row",
        zh=("以任务方式运行时不会查找以前运行的回答：每一行都会被询问并计费", "请选择询问每一行"),
    ),
    "tasks-too-late": Entry(
        "the request files of {path} are there already",
        "rowbatch resume goes on with it; to divide the work make another run",
        page="go on with it",
        zh=("{path} 的请求文件已经写好", "请继续该运行"),
    ),
    "parts-not-planned": Entry(
        "this table is not written in parts",
        "that can be done of a run that was made with rowbatch plan or --runner, without --dedupe, and of no "
        "embeddings; leave --runner out",
        page="choose a file as the output",
        zh=("此数据表不能分部分写出", "请选择一个文件作为输出"),
    ),
    "parts-need-folder": Entry(
        "parts of a table go into a folder",
        "say which with -o FOLDER; without --errors, --bom, --excel-safe and --numbers",
        page="choose a folder",
        zh=("数据表的各部分写入一个文件夹", "请选择一个文件夹"),
    ),
    "tasks-damaged": Entry(
        "{path} is no plan of tasks, or is damaged: {told}",
        "name prepare.jsonl in the folder tasks of a run; or make the run anew",
        page="make the run anew",
        zh=("{path} 不是任务计划，或已损坏：{told}", "请重新建立运行"),
    ),
    "tasks-too-new": Entry(
        "the plan in {path} has format {version}, and this version knows up to {known}",
        _SAME_EVERYWHERE[0],
        zh=("{path} 中的计划格式为 {version}，而本版本最高支持 {known}", _SAME_EVERYWHERE[1]),
    ),
    "task-without-memory": Entry(
        "there is not enough memory for task {task}",
        "use fewer workers, or a computer with more memory",
        page="use a computer with more memory",
        zh=("任务 {task} 的内存不足", "请使用内存更大的计算机"),
    ),
    "task-broke": Entry(
        "task {task} ended with an error that nobody expected: {told}",
        "the others are kept; the same command tries it again. Please report it",
        page="the others are kept, and it can be tried again. Please report it",
        zh=("任务 {task} 因意外错误而结束：{told}", "其他任务都已保留，可以重试。请报告此问题"),
    ),
    "task-ends-workers": Entry(
        "task {task} ended its process {times:,} times ({how}); each may take {memory_mb:,} MB. Last words: {told}",
        "use fewer workers, so that each has more memory, or a computer with more; what is done is kept",
        page="use a computer with more memory; what is done is kept",
        zh=(
            "任务 {task} 使其进程结束了 {times:,} 次（{how}）；每个进程可用 {memory_mb:,} MB。最后的输出：{told}",
            "请使用内存更大的计算机；已完成的部分都已保留",
        ),
    ),
    "task-stuck": Entry(
        "task {task} stood still for {waited_s:,.0f} seconds, {times:,} times, and its process was ended; each may "
        "take {memory_mb:,} MB",
        "use fewer workers, so that each has more memory, and see whether the disk with the table answers; what is "
        "done is kept",
        page="use a computer with more memory, and see whether the disk with the table answers; what is done is kept",
        zh=(
            "任务 {task} 有 {times:,} 次停滞了 {waited_s:,.0f} 秒，其进程已被结束；每个进程可用 {memory_mb:,} MB",
            "请使用内存更大的计算机，并检查数据表所在的磁盘是否正常；已完成的部分都已保留",
        ),
    ),
    "no-process": Entry(
        "no further process can be started: {told}",
        "use fewer workers",
        zh=("无法再启动进程：{told}", "请减少进程数"),
    ),
    "tasks-wait-for-array": Entry(
        "{left:,} of {tasks:,} tasks are not done yet",
        "do them on any machine that sees this folder: rowbatch worker --tasks {path} --index 0 --of 1; then the "
        "same command again",
        page="they are done by an array job; look again later",
        zh=("{tasks:,} 个任务中有 {left:,} 个尚未完成", "它们由作业阵列完成，请稍后再看"),
    ),
    "model-not-served": Entry(
        "nobody who is asked has the model {model}; there are: {known}",
        "name the model as its server lists it when the requests are made: `convert --model`",
        page="name the model as its server lists it",
        zh=("被询问的服务器都没有模型 {model}；已有的模型：{known}", "请按服务器列出的名称填写模型"),
    ),
    "no-request-files": Entry(
        "there are no request files in {path}",
        "they end in .jsonl; `rowbatch convert` writes them",
        page="they end in .jsonl",
        zh=("{path} 中没有请求文件", "请求文件以 .jsonl 结尾"),
    ),
    "request-unreadable": Entry(
        "line {line:,} of {path} is no request like the others",
        "each line has a custom_id of its own, and the same url and model as the others; `rowbatch check` looks "
        "at the whole file",
        page="each line has a custom_id of its own, and the same url and model as the others",
        zh=(
            "{path} 的第 {line:,} 行不是与其他行一致的请求",
            "每行应有唯一的 custom_id，且 url 和模型与其他行相同",
        ),
    ),
    "requests-empty": Entry(
        "{path} has no requests",
        "remove it, or make it anew",
        zh=("{path} 中没有请求", "请删除它，或重新生成"),
    ),
    "answered-file-changed": Entry(
        "{path} has changed since its results were made: they are of other requests, and lie in {results}",
        "have its results written to another folder (`-o`), or move {results} away, and it is answered anew",
        page="move {results} away, and it is answered anew",
        zh=(
            "{path} 在结果生成之后已更改：{results} 中的结果属于另外的请求",
            "请将 {results} 移到别处，之后会重新回答",
        ),
    ),
    "results-of-unknown": Entry(
        "{results} is there, and nothing says of which requests: {path} may have changed since, or somebody "
        "else put it there",
        "have the results written to another folder (`-o`), or move {results} away, and {path} is answered anew",
        page="move {results} away, and {path} is answered anew",
        zh=(
            "{results} 已经存在，但没有记录说明它属于哪些请求：{path} 可能在此之后被更改，或者该文件是别人放进去的",
            "请将 {results} 移到别处，之后会重新回答 {path}",
        ),
    ),
    "answered-file-changes": Entry(
        "{path} was changed while it was being answered",
        "leave it as it is while somebody answers it; start again, and it is answered as it is now",
        zh=("{path} 在回答过程中被更改", "回答期间请勿更改该文件；重新开始后将按现在的内容回答"),
    ),
    "no-such-element": Entry(
        "there is no element {index}: there are {elements:,}, from 0 on",
        "an index is the number of an array job's element, from 0",
        zh=(
            "没有编号为 {index} 的元素：共有 {elements:,} 个，从 0 开始",
            "编号是作业阵列中元素的序号，从 0 开始",
        ),
    ),
    "no-such-runner": Entry(
        "there is no runner {name!r}",
        "known are: {known}",
        zh=("没有名为 {name!r} 的执行方式", "已知的有：{known}"),
    ),
    "workers-not-taken": Entry(
        "the runner {name} takes no number of workers",
        "leave --workers out, or take --runner pool",
        page="leave the number of workers out",
        zh=("执行方式 {name} 不需要进程数", "请不要填写进程数"),
    ),
    "piece-changed": Entry(
        "{path} is not what it was when the work was planned: {rows:,} rows were expected here, and {found:,} found",
        _PLAN_ANEW[0],
        zh=("{path} 与规划时不同：这里应有 {rows:,} 行，实际为 {found:,} 行", _PLAN_ANEW[1]),
    ),
    "piece-columns-changed": Entry(
        "{path} has other columns than when the work was planned",
        _PLAN_ANEW[0],
        zh=("{path} 的列与规划时不同", _PLAN_ANEW[1]),
    ),
    "task-done-otherwise": Entry(
        "{path} is there already with other content: task {task} was done by another version, or of another table",
        "install the same rowbatch on every machine, and make the run anew",
        page="make the run anew",
        zh=("{path} 已存在但内容不同：任务 {task} 是由另一个版本或针对另一个数据表完成的", "请重新建立运行"),
    ),
    "prepared-file-changed": Entry(
        "{path} is not what was written: its digest differs",
        "remove it; the same command writes it again",
        page="remove it, and try again",
        zh=("{path} 与写入时不同：其摘要不一致", "请删除它，然后重试"),
    ),
}

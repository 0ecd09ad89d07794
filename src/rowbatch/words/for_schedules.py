"""What many batches mean, before the first of them is made."""

from __future__ import annotations

from rowbatch.words.telling import Entry

SCHEDULES: dict[str, Entry] = {
    "plan-creations": Entry(
        "{batches:,} batches; the provider lets {limit:,} be made in an hour, so it takes about {hours} hours to make "
        "all",
        zh=("共 {batches:,} 个批处理；服务商每小时最多可创建 {limit:,} 个，全部创建约需 {hours} 小时", ""),
    ),
    "plan-creations-at-once": Entry(
        "{batches:,} {batches:batch|batches}, and the provider lets {limit:,} be made in an hour: all go at once, as "
        "far as the queue allows it",
        zh=("共 {batches:,} 个批处理，服务商每小时最多可创建 {limit:,} 个：队列允许时可一次全部创建", ""),
    ),
    "plan-creations-unknown": Entry(
        "{batches:,} batches; how many the provider lets be made in an hour is not known (--creations-per-hour, where "
        "you know)",
        page_message="{batches:,} batches; how many the provider lets be made in an hour is not known",
        zh=("共 {batches:,} 个批处理；服务商每小时可创建多少个未知", ""),
    ),
    "plan-queue": Entry(
        "{tokens:,} tokens in the prompts, and {limit:,} may wait at a time: the queue is filled {turns:,} "
        "{turns:time|times}, for up to a day each",
        zh=(
            "提示共 {tokens:,} 个 token，同时排队的上限为 {limit:,} 个：队列要填满 {turns:,} 次，每次最长一天",
            "",
        ),
    ),
    "plan-queue-requests": Entry(
        "{requests:,} requests, and {limit:,} may wait at a time: the queue is filled {turns:,} {turns:time|times}, "
        "for up to a day each",
        zh=(
            "共 {requests:,} 个请求，同时排队的上限为 {limit:,} 个：队列要填满 {turns:,} 次，每次最长一天",
            "",
        ),
    ),
    "plan-queue-tiers": Entry(
        "{tokens:,} tokens in the prompts; how many may wait at a time depends on your tier (--tier), and so how often "
        "the queue is filled, for up to a day each: tier {tiers:; tier }",
        page_message="{tokens:,} tokens in the prompts; how many may wait at a time depends on your tier at the "
        "provider, and so how often the queue is filled, for up to a day each: tier {tiers:; tier }",
        zh=(
            "提示共 {tokens:,} 个 token；同时可排队多少取决于您在服务商处的等级，队列要填满的次数（每次最长一天）"
            "也随之不同：等级 {tiers:；等级 }",
            "",
        ),
    ),
    "plan-queue-unknown": Entry(
        "{tokens:,} tokens in the prompts; how many may wait at a time is not known (--queue-tokens, where you know): "
        "the batches wait for each other when the provider's queue is full",
        page_message="{tokens:,} tokens in the prompts; how many may wait at a time is not known: the batches wait for "
        "each other when the provider's queue is full",
        zh=("提示共 {tokens:,} 个 token；同时可排队多少未知：服务商的队列满时，批处理会依次等待", ""),
    ),
    "plan-storage": Entry(
        "about {kept} of files at the provider ({results} of it results), where {limit} have room",
        zh=("服务商处约有 {kept} 的文件（其中结果 {results}），上限为 {limit}", ""),
    ),
    "plan-storage-freed": Entry(
        "about {results} of results at the provider, where {limit} have room; request files go when their results are "
        "here, and with all of them it would be {kept}",
        zh=(
            "服务商处约有 {results} 的结果，上限为 {limit}；结果取回后即删除请求文件，全部保留则为 {kept}",
            "",
        ),
    ),
    "plan-storage-over": Entry(
        "about {kept} of files at the provider, more than the {limit} that have room; without request files, which "
        "--free-inputs removes when their results are here, {results}",
        page_message="about {kept} of files at the provider, more than the {limit} that have room; {results} without "
        "request files",
        zh=("服务商处约有 {kept} 的文件，超过上限 {limit}；不含请求文件则为 {results}", ""),
    ),
    "plan-storage-impossible": Entry(
        "about {results} of results alone, more than the {limit} that have room at the provider: label the table in "
        "parts, and remove the files of each with `rowbatch clean` before the next",
        page_message="about {results} of results alone, more than the {limit} that have room at the provider: label "
        "the table in parts, and remove the files of each before the next",
        zh=(
            "仅结果就约有 {results}，超过服务商的上限 {limit}：请把数据表分成几部分标注，并在下一部分之前删除上一部分的文件",
            "",
        ),
    ),
    "plan-storage-unknown": Entry(
        "about {kept} of files at the provider ({results} of it results); how much has room there is not known",
        zh=("服务商处约有 {kept} 的文件（其中结果 {results}）；那里的空间上限未知", ""),
    ),
    "plan-files": Entry(
        "{batches:,} request files, and the provider keeps {limit:,} at a time: --free-inputs removes each when its "
        "results are here",
        page_message="{batches:,} request files, and the provider keeps {limit:,} at a time",
        zh=("共 {batches:,} 个请求文件，服务商同时最多保存 {limit:,} 个", ""),
    ),
    "plan-binds-creations": Entry(
        "what decides how long it takes: the batches that may be made in an hour; about {hours} hours, and up to a day "
        "for the last ones",
        zh=("决定用时的是每小时可创建的批处理数：约 {hours} 小时，最后一批另需最长一天", ""),
    ),
    "plan-binds-queue": Entry(
        "what decides how long it takes: the queue; up to {turns:,} {turns:day|days} where batches take their whole day",
        zh=("决定用时的是队列：如果每个批处理都用满一天，则最长 {turns:,} 天", ""),
    ),
    "plan-binds-storage": Entry(
        "what decides whether it is possible: the room for files",
        zh=("决定能否完成的是文件空间", ""),
    ),
    "plan-binds-files": Entry(
        "what decides whether it is possible: how many files are kept at a time",
        zh=("决定能否完成的是同时可保存的文件数", ""),
    ),
}

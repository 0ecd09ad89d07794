"""Waits, stops and decisions of a run that is driven."""

from __future__ import annotations

from rowbatch.words.telling import Entry

_WAITS: dict[str, Entry] = {
    "wait-unreachable": Entry("the provider cannot be reached", zh=("无法连接服务商", "")),
    "wait-queue-share": Entry(
        "{queued:,} of {limit:,} tokens wait at the provider; it goes when a batch is over",
        zh=("服务商处排队的 token 已有 {queued:,} 个，上限为 {limit:,} 个；有批处理结束后即发送", ""),
    ),
    "wait-queue-full": Entry("the provider's queue is full", zh=("服务商的队列已满", "")),
    "wait-first-part": Entry(
        "the answers of {shard} are looked at before the rest is sent; it goes when they are here, and can be used "
        "(--first-rows 0 sends all at once)",
        page_message="the answers of the first part, {shard}, are looked at before the rest is sent; it goes when they "
        "are here, and can be used",
        zh=("先看第一部分 {shard} 的回答，再发送其余部分；回答取回且可用后即发送", ""),
    ),
    "wait-creations": Entry(
        "{batches:,} batches were made within an hour", zh=("一小时内已创建 {batches:,} 个批处理", "")
    ),
    "wait-storage": Entry(
        "{stored_bytes:,} of {limit_bytes:,} bytes that the provider keeps are taken; it goes when there is room "
        "(--free-inputs removes each request file when its results are here, and `rowbatch clean` all files)",
        page_message="{stored_bytes:,} of {limit_bytes:,} bytes that the provider keeps are taken; it goes when there "
        "is room",
        zh=("服务商可存放的 {limit_bytes:,} 字节中已占用 {stored_bytes:,} 字节；有空间后即发送", ""),
    ),
    "wait-direct": Entry("rows are asked one by one, part after part", zh=("逐行询问，一部分接一部分", "")),
    "wait-busy": Entry("the provider asked to wait: {why}", zh=("服务商要求等待：{why}", "")),
    "cap-reached": Entry(
        "the cap of {cap_usd:$} does not allow it: {spent_usd:$} are spent or reserved, and it may cost up to "
        "{most_usd:$}",
        zh=(
            "{cap_usd:$} 的上限不允许发送：已花费或预留 {spent_usd:$}，这一部分最多可能花费 {most_usd:$}",
            "",
        ),
    ),
}
_STOPS: dict[str, Entry] = {
    "cancelling": Entry("the run is being cancelled", zh=("任务正在取消", "")),
    "still-cancelling": Entry(
        "{batches:,} {batches:batch|batches} {batches:is|are} still ending at the provider; `rowbatch cancel {path}` "
        "again brings what was answered",
        page_message="{batches:,} {batches:batch|batches} {batches:is|are} still ending at the provider",
        zh=("服务商处仍有 {batches:,} 个批处理正在结束", ""),
    ),
    "mass-failure": Entry(
        "{failed:,} of the {asked:,} rows of {shard} failed with {cause}",
        zh=("{shard} 的 {asked:,} 行中有 {failed:,} 行失败：{cause}", ""),
    ),
    "mass-truncated": Entry(
        "{failed:,} of the {asked:,} rows of {shard} have no usable answer; {rows:,} were cut off at the output limit. "
        "A new run with a higher --max-tokens, or a lower --reasoning-effort, leaves them room: the thoughts of a "
        "model that reasons count too",
        page_message="{failed:,} of the {asked:,} rows of {shard} have no usable answer; {rows:,} were cut off at the "
        "output limit. A new job with a higher limit, or less reasoning, leaves them room: the thoughts of a model "
        "that reasons count too",
        zh=(
            "{shard} 的 {asked:,} 行中有 {failed:,} 行没有可用的回答；其中 {rows:,} 行在输出上限处被截断。"
            "请新建任务并提高上限或降低推理强度：推理模型的思考也计入上限",
            "",
        ),
    ),
    "mass-invalid": Entry(
        "{failed:,} of the {asked:,} rows of {shard} have no usable answer; {rows:,} are not allowed by the codebook, "
        "most of them because: {reason}. The column raw_answer of the table has what the model said: another model, "
        "or clearer instructions, in a new run may help",
        page_message="{failed:,} of the {asked:,} rows of {shard} have no usable answer; {rows:,} are not allowed by the "
        "codebook, most of them because: {reason}. The results show what the model said: another model, or clearer "
        "instructions, in a new job may help",
        zh=(
            "{shard} 的 {asked:,} 行中有 {failed:,} 行没有可用的回答；其中 {rows:,} 行不符合编码手册，"
            "多数原因是：{reason}。结果中有模型的原话：可新建任务，换用其他模型或更清楚的说明",
            "",
        ),
    ),
    "mass-refused": Entry(
        "{failed:,} of the {asked:,} rows of {shard} have no usable answer; {rows:,} were declined by the model or its "
        "filters, most of them with: {reason}. Another model may answer them, in a new run",
        page_message="{failed:,} of the {asked:,} rows of {shard} have no usable answer; {rows:,} were declined by the "
        "model or its filters, most of them with: {reason}. Another model may answer them, in a new job",
        zh=(
            "{shard} 的 {asked:,} 行中有 {failed:,} 行没有可用的回答；其中 {rows:,} 行被模型或其过滤器拒绝，"
            "多数说明是：{reason}。可新建任务，换用其他模型",
            "",
        ),
    ),
    "rows-unpaid": Entry(
        "{failed:,} of the {asked:,} rows of {shard} failed with {cause}",
        zh=("{shard} 的 {asked:,} 行中有 {failed:,} 行失败：{cause}", ""),
    ),
    "shard-unpaid": Entry(
        "{shard} was refused because nobody pays: {why}", zh=("{shard} 因账户没有余额被拒绝：{why}", "")
    ),
    "shard-changed": Entry(
        "the request file of {shard} is not what was built",
        zh=("{shard} 的请求文件与生成时不同", ""),
    ),
}
_SAID: dict[str, Entry] = {
    "tried-again": Entry("{shard}: {why}; it is tried again", zh=("{shard}：{why}；将重试", "")),
    "batch-adopted": Entry(
        "{shard}: its batch was found at the provider, and is not sent again",
        zh=("{shard}：在服务商处找到了它的批处理，不会再次发送", ""),
    ),
    "input-not-freed": Entry(
        "{shard}: its request file stays at the provider for now: {why}",
        zh=("{shard}：它的请求文件暂时留在服务商处：{why}", ""),
    ),
    "batches-undecided": Entry(
        "{shard}: {batches} batches may be its own; that shows when they are over",
        zh=("{shard}：有 {batches} 个批处理可能属于它；等它们结束后才能确定", ""),
    ),
    "looking": Entry(
        "{shard}: the answer to its paid call was lost; the provider's list is looked at",
        zh=("{shard}：付费调用的回答丢失了；正在查看服务商的列表", ""),
    ),
    "status-unknown": Entry(
        "{shard}: the provider says {status!r}, which is not known here",
        zh=("{shard}：服务商的状态是 {status!r}，本程序不认识它", ""),
    ),
    "batch-still": Entry(
        "{shard}: nothing has moved at the provider for {hours} hours (it says {status!r}). A batch may take a day; "
        "`rowbatch cancel {path}` ends it, `rowbatch give-up {path} {shard}` waits no more for it",
        page_message="{shard}: nothing has moved at the provider for {hours} hours (it says {status!r}). A batch may "
        "take a day",
        zh=("{shard}：服务商处已有 {hours} 小时没有进展（状态为 {status!r}）。批处理可能需要一天", ""),
    ),
    "cancel-asked": Entry(
        "{shard}: the provider is asked to end its batch, which may take ten minutes",
        zh=("{shard}：已请求服务商结束它的批处理，这可能需要十分钟", ""),
    ),
    "download-tried-again": Entry(
        "a result file does not come: {why}; it is tried again", zh=("结果文件无法取回：{why}；将重试", "")
    ),
    "file-lost": Entry(
        "{shard}: the provider cannot find the file that it was given; it is sent anew",
        zh=("{shard}：服务商找不到已上传的文件；将重新发送", ""),
    ),
    "shard-sent-before": Entry(
        "{shard} was sent before, as the batch {batch_id}: this run directory is an older copy. Nothing is paid again",
        page_message="{shard} was sent before, as the batch {batch_id}: this job's folder is an older copy. Nothing is paid again",
        zh=("{shard} 之前已作为批处理 {batch_id} 发送：这个任务的文件夹是旧的副本。不会再次付费", ""),
    ),
    "batch-refused": Entry(
        "{shard}: the provider refused the whole batch: {why}",
        zh=("{shard}：服务商拒绝了整个批处理：{why}", ""),
    ),
    "shard-waits": Entry("{shard} waits: {why}", zh=("{shard} 正在等待：{why}", "")),
    "queue-full": Entry(
        "{shard} waits: the provider's queue is full ({why})",
        zh=("{shard} 正在等待：服务商的队列已满（{why}）", ""),
    ),
    "larger-than-queue": Entry("it is larger than the provider's queue", zh=("它大于服务商的队列", "")),
    "cut-for-direct": Entry(
        "rows are asked one by one, and what each part cost is seen before the next",
        zh=("逐行询问；每一部分的费用确定之后才开始下一部分", ""),
    ),
    "cut-for-batches": Entry(
        "it was to be asked row by row, and goes in batches now", zh=("原定逐行询问，现改为批处理", "")
    ),
    "direct-waits-for-calls": Entry(
        "calls that have gone out are waited for, so that no answer is lost: {calls}",
        zh=("正在等待已发出的 {calls} 个调用，以免丢失回答", ""),
    ),
    "shard-cut": Entry(
        "{shard} was cut into {parts} smaller shards: {why}",
        zh=("{shard} 被分成 {parts} 个更小的部分：{why}", ""),
    ),
    "stopped": Entry("nothing more is submitted: {why}", zh=("不再发送：{why}", "")),
    "next-round": Entry(
        "round {round}: {rows:,} rows are asked again", zh=("第 {round} 轮：再次询问 {rows:,} 行", "")
    ),
}
_REMARKS: dict[str, Entry] = {
    "ignored-response-format": Entry(
        "the server of the model ignores the form of the answer: its answers do not fit the codebook's schema",
        zh=("模型的服务器忽略了回答的格式：它的回答不符合编码手册的结构", ""),
    ),
    "mended-response-format": Entry(
        "the server of the model ignores the form of the answer; the form stands in the prompt instead",
        zh=("模型的服务器忽略了回答的格式；因此格式改为写在提示词中", ""),
    ),
    "refused-json-schema": Entry(
        "the server of the model refuses a schema as the form of the answer",
        zh=("模型的服务器拒绝以结构作为回答的格式", ""),
    ),
    "mended-json-schema": Entry(
        "the server of the model refuses a schema as the form of the answer; a weaker form is asked for, and the "
        "schema stands in the prompt",
        zh=("模型的服务器拒绝以结构作为回答的格式；因此改用较弱的格式，并把结构写在提示词中", ""),
    ),
    "ignored-max-tokens": Entry(
        "the server of the model ignores the limit of tokens: its answers are longer, and may cost more",
        zh=("模型的服务器忽略了词元上限：回答更长，费用可能更高", ""),
    ),
    "mended-max-tokens": Entry(
        "the server of the model ignores the limit of tokens by its newer name; it is given under the older one too",
        zh=("模型的服务器不认识词元上限的新名称；因此也用旧名称给出", ""),
    ),
    "ignored-stop": Entry(
        "the server of the model ignores where answers are to stop: they go on behind it",
        zh=("模型的服务器忽略了停止标记：回答在标记之后继续", ""),
    ),
    "ignored-logprobs": Entry(
        "the server of the model gives no probabilities, though they are asked for: there is no confidence",
        zh=("已请求概率，但模型的服务器没有给出：因此没有置信度", ""),
    ),
    "ignored-n": Entry(
        "the server of the model gives fewer answers to a row than are asked for",
        zh=("模型的服务器对一行给出的回答少于所请求的数量", ""),
    ),
    "ignored-content": Entry(
        "the server of the model gives empty answers: the texts may be longer than the model can read",
        zh=("模型的服务器给出空的回答：文本可能超过模型可读的长度", ""),
    ),
    "maybe-asked-twice": Entry(
        "the Batch server was killed while it worked: {count:,} rows may have been asked twice, and be billed twice "
        "where somebody bills",
        zh=("批处理服务器在工作时被终止：有 {count:,} 行可能被请求了两次，收费的服务商可能会计费两次", ""),
    ),
}

_DECISIONS: dict[str, Entry] = {
    "lost-answer": Entry(
        "shard {shard}: nobody knows whether its batch was made. The answer was lost, and the provider's list has "
        "not shown it in {waited_s:,.0f} s",
        "look at the provider's page; if there is no such batch: rowbatch resume {path} --resubmit-lost; if there is: "
        "rowbatch resume {path} --batch {shard}=ID",
        page="look at the provider once more, or send the part again",
        zh=(
            "部分 {shard}：不能确定它的批处理是否已创建。回答丢失了，服务商的列表在 {waited_s:,.0f} 秒内没有显示它",
            "请再查看一次服务商的列表，或重新发送这一部分",
        ),
    ),
    "lost-answer-told": Entry(
        "shard {shard}: nobody knows whether its batch was made. The answer was lost ({why}), and the provider's list "
        "has not shown it in {waited_s:,.0f} s",
        "look at the provider's page; if there is no such batch: rowbatch resume {path} --resubmit-lost; if there is: "
        "rowbatch resume {path} --batch {shard}=ID",
        page="look at the provider once more, or send the part again",
        zh=(
            "部分 {shard}：不能确定它的批处理是否已创建。回答丢失了（{why}），服务商的列表在 {waited_s:,.0f} 秒内没有显示它",
            "请再查看一次服务商的列表，或重新发送这一部分",
        ),
    ),
    "lost-answer-unlisted": Entry(
        "shard {shard}: nobody knows whether its batch was made. The answer was lost ({why}), and the server has no "
        "list of batches to look at ({told})",
        "look at the server's page; if there is no such batch: rowbatch resume {path} --resubmit-lost; if there is: "
        "rowbatch resume {path} --batch {shard}=ID",
        page="look at the server's own page for the batch, or send the part again",
        zh=(
            "部分 {shard}：不能确定它的批处理是否已创建。回答丢失了（{why}），而服务器没有可查看的批处理列表（{told}）",
            "请在服务器自己的页面上查看这个批处理，或重新发送这一部分",
        ),
    ),
    "forgotten-batch": Entry(
        "the provider does not know the batch {batch_id} of shard {shard} any more, or not with this key",
        "with the key of another project or organisation it cannot be seen: use the right one, then rowbatch resume "
        "{path}. `rowbatch give-up {path} {shard}` waits no more for it; it may have been paid for",
        page="with the key of another project or organisation it cannot be seen; or give the part up, which may have "
        "been paid for",
        zh=(
            "服务商不再认识部分 {shard} 的批处理 {batch_id}，或用这个密钥看不到它",
            "用另一个项目或组织的密钥看不到它；也可以放弃这一部分，它可能已经付费",
        ),
    ),
    "results-gone": Entry(
        "the results of shard {shard} are not at the provider any more: {why}",
        "they may come later: rowbatch resume {path}. `rowbatch give-up {path} {shard}` waits no more for them; they "
        "were paid for",
        page="they may come later; or give the part up, which was paid for",
        zh=("部分 {shard} 的结果已不在服务商处：{why}", "也许稍后可以取回；也可以放弃这一部分，它已经付费"),
    ),
    "give-up-not-fitting": Entry(
        "this job does not wait for a part that could be given up, or whose batch could be named",
        page="look at the job again: what it waits for may have changed",
        zh=(
            "这个任务并没有在等待可以放弃或指定批处理的部分",
            "请重新查看任务：它所等待的可能已改变",
        ),
    ),
    "give-up-which": Entry(
        "which part shall be given up? Waited for from the provider: {waiting}",
        "name them: rowbatch give-up {run} PART",
        page="look at the parts of the job",
        zh=("要放弃哪个部分？正在等待服务商的部分：{waiting}", "请查看任务的各个部分"),
    ),
    "part-not-waited-for": Entry(
        "nothing is waited for of {shard}. Waited for from the provider: {waiting}",
        "rowbatch status shows all parts",
        page="look at the parts of the job",
        zh=("没有在等待 {shard}。正在等待服务商的部分：{waiting}", "请查看任务的各个部分"),
    ),
    "batch-no-pair": Entry(
        "--batch {pair!r} is not PART=ID, as in r1-0001=batch_abc",
        page_message="{pair!r} is not a part and the id of its batch",
        zh=("{pair!r} 不是部分及其批处理的编号", ""),
    ),
    "batch-not-wanted": Entry(
        "no batch is looked for of {shard}. Shards whose answer was lost: {lost}",
        "rowbatch status shows all shards",
        page="look at the parts of the job",
        zh=("没有在寻找 {shard} 的批处理。回答丢失的部分：{lost}", "请查看任务的各个部分"),
    ),
    "batch-known-already": Entry(
        "the batch {batch_id} is another one of this run, and not that of {shard}",
        zh=("批处理 {batch_id} 是这个任务的另一个批处理，不是 {shard} 的", ""),
    ),
    "batch-of-other-count": Entry(
        "the batch {batch_id} is not that of {shard}: it has {found:,} requests, and {shard} has {wanted:,}",
        zh=("批处理 {batch_id} 不是 {shard} 的：它有 {found:,} 个请求，而 {shard} 有 {wanted:,} 个", ""),
    ),
    "batch-of-other-file": Entry(
        "the batch {batch_id} is not that of {shard}: it was made of another file",
        zh=("批处理 {batch_id} 不是 {shard} 的：它由另一个文件创建", ""),
    ),
    "batch-of-other-time": Entry(
        "the batch {batch_id} is not that of {shard}: it was made at {made} UTC, and {shard} was sent at {sent}",
        zh=("批处理 {batch_id} 不是 {shard} 的：它创建于 {made} UTC，而 {shard} 发送于 {sent}", ""),
    ),
    "lost-rows": Entry(
        "{rows:,} rows were asked one by one, and their answers were lost on the way; they may have been billed",
        "the table has all other rows; to ask these again, and perhaps pay for them twice: rowbatch resume {path} "
        "--resubmit-lost",
        page="the table has all other rows; ask these again if you accept that they may be billed twice",
        zh=(
            "有 {rows:,} 行是逐行询问的，回答在途中丢失了；这些行可能已计费",
            "表中有其余所有的行；如果可以接受重复计费，可以再次询问这些行",
        ),
    ),
    "recovery-undecided": Entry(
        "nobody knows whether these shards of {path} were sent: {shards}. No file here and no batch in the provider's "
        "list tells of them",
        "look at the provider's page; if there is no batch of them: rowbatch recover {path} --never-sent",
        page="look at the provider's page; if there is no batch of them, recover the job and say so",
        page_message="nobody knows whether these parts of {path} were sent: {shards}. No file here and no batch in the "
        "provider's list tells of them",
        zh=(
            "不能确定 {path} 的这些部分是否已发送：{shards}。这里的文件和服务商的批处理列表中都没有它们的记录",
            "请查看服务商的页面；如果没有它们的批处理，请在恢复任务时说明",
        ),
    ),
    "late-batch": Entry(
        "the batch {batch_id} of shard {shard} should be over since {expires} UTC, and the provider says {status!r}",
        "look at the provider's page; `rowbatch cancel {path}` ends it, and what it answered comes; `rowbatch give-up "
        "{path} {shard}` waits no more for it, and it may have been paid for",
        page="look at the provider once more; or cancel it, and what it answered comes; or give it up",
        zh=(
            "部分 {shard} 的批处理 {batch_id} 应在 {expires} UTC 前结束，而服务商的状态是 {status!r}",
            "请再查看一次服务商；也可以取消它，已回答的内容会取回；或放弃它",
        ),
    ),
    "requests-changed": Entry(
        "{file} is not the file that was built: its digest differs",
        "nothing was sent; make a new run from the table",
        page="nothing of it was sent; make a new job from the table",
        zh=("{file} 不是生成时的文件：校验值不同", "其中的内容没有发送；请用该表新建任务"),
    ),
    "stopped-mass-failure": Entry(
        "nothing more was submitted: {why}",
        "the table has what came; mend the cause, then: rowbatch resume {path}; or --go-on, which submits the rest "
        "all the same",
        page="the table has what came; mend the cause, or send the rest all the same",
        zh=("已停止发送：{why}", "表中有已取回的内容；请排除原因，或照样发送其余部分"),
    ),
    "stopped-unpaid": Entry(
        "nothing more was submitted: {why}",
        "the table has what came; pay at the provider, then: rowbatch resume {path}, which asks these rows again",
        page="the table has what came; top up the account at the provider, then continue: these rows are asked again",
        zh=("已停止发送：{why}", "表中有已取回的内容；请在服务商处充值后继续，这些行会再次询问"),
    ),
    "go-on-not-fitting": Entry(
        "this job did not stop because too many rows failed or have no usable answer, so there is no rest to send all the same",
        page="look at the job again: what it waits for may have changed",
        zh=(
            "这个任务并不是因为太多行失败而停止的，因此不能“照样发送其余部分”",
            "请重新查看任务：它所等待的可能已改变",
        ),
    ),
    "never-sent-not-fitting": Entry(
        "this job does not wait for word of parts of which nothing is known",
        page="look at the job again: what it waits for may have changed",
        zh=("这个任务并没有在等待对未知部分的说明", "请重新查看任务：它所等待的可能已改变"),
    ),
    "resend-not-fitting": Entry(
        "this job does not wait for a lost answer, so there is no part to send again",
        page="look at the job again: what it waits for may have changed",
        zh=(
            "这个任务并没有在等待丢失的回答，因此没有要重新发送的部分",
            "请重新查看任务：它所等待的可能已改变",
        ),
    ),
}
_REFUSALS: dict[str, Entry] = {
    "shard-refused": Entry(
        "shard {shard} was refused: {why}",
        "nothing was billed for it; mend the cause and run `rowbatch resume`",
        page="nothing was billed for it; mend the cause, then continue",
        zh=("部分 {shard} 被拒绝：{why}", "没有为它计费；请排除原因后继续"),
    ),
    "still-refused": Entry("{why}"),
    "direct-refused": Entry(
        "the provider does not answer these requests: {why}",
        "nothing was billed for the refused row; mend the cause, then: rowbatch resume",
        page="nothing was billed for the refused row; mend the cause, then continue",
        zh=("服务商不接受这些请求：{why}", "没有为被拒绝的行计费；请排除原因后继续"),
    ),
    "direct-no-connection": Entry(
        "nobody could be asked: {why}",
        "nothing was asked; look at the network and the address, then: rowbatch resume",
        page="nothing was asked; look at the network and the address, then continue",
        zh=("无法询问任何人：{why}", "尚未询问任何内容；请检查网络和地址后继续"),
    ),
    "direct-still-refused": Entry(
        "the provider has taken no request for half an hour: {why}",
        "what was answered is here; later: rowbatch resume",
        page="what was answered is here; continue later",
        zh=("服务商半小时内没有接受任何请求：{why}", "已回答的内容都已保存；请稍后继续"),
    ),
    "direct-requests-gone": Entry(
        "{path} is gone: it says which rows were to be asked one by one",
        "put it back from a copy of the run, then: rowbatch resume",
        page="put it back from a copy of the job's folder, then continue",
        zh=("{path} 不见了：其中记录了要逐行询问的行", "请从任务文件夹的副本中恢复它，然后继续"),
    ),
    "row-too-large": Entry(
        "row {row:,} alone is too large for the provider: {why}",
        "shorten its text, or leave the row out",
        zh=("仅第 {row:,} 行就超出服务商的限制：{why}", "请缩短这一行的文本，或去掉这一行"),
    ),
    "batch-of-other-key": Entry(
        "the provider does not know the batch {batch_id} of shard {shard}",
        "it was submitted with another key than the one that is used now: use that key again",
        zh=(
            "服务商不认识部分 {shard} 的批处理 {batch_id}",
            "它是用另一个密钥提交的：请重新使用那个密钥",
        ),
    ),
    "batch-not-seen": Entry(
        "the provider does not know the batch {batch_id} of shard {shard}",
        "with the key of another project or organisation it cannot be seen; it is not sent again",
        zh=(
            "服务商不认识部分 {shard} 的批处理 {batch_id}",
            "用另一个项目或组织的密钥看不到它；不会再次发送",
        ),
    ),
    "results-differ": Entry(
        "the result files of shard {shard} come with other bytes each time",
        "run `rowbatch resume` later; the answers are still at the provider",
        page="continue later; the answers are still at the provider",
        zh=("部分 {shard} 的结果文件每次下载都不同", "请稍后继续；回答仍在服务商处"),
    ),
    "request-not-taken": Entry(
        "{file}, line {line:,}: {why}",
        "leave it out, or choose another provider",
        zh=("{file} 第 {line:,} 行：{why}", "请去掉它，或选择另一个服务商"),
    ),
}
DRIVE: dict[str, Entry] = {**_WAITS, **_STOPS, **_SAID, **_REMARKS, **_DECISIONS, **_REFUSALS}

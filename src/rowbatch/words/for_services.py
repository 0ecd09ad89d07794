"""Providers, keys and servers."""

from __future__ import annotations

from rowbatch.words.telling import Entry

SERVICES: dict[str, Entry] = {
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

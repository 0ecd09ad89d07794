"""Providers, servers, keys, the local model."""

from __future__ import annotations

from rowbatch.words.telling import Entry

_KNOWN = ("known are: {known}", "已知的有：{known}")

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

SERVICES: dict[str, Entry] = {**_MODELS_FILE}

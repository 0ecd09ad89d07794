"""Answers: what was forgiven so that they could be read, see `core/forms.py`."""

from __future__ import annotations

from rowbatch.words.telling import Entry

ANSWERS: dict[str, Entry] = {
    "forgiven-thoughts": Entry(
        "{answers:,} {answers:answer|answers} had thoughts before {answers:it|them}",
        zh=("{answers:,} 个回答前带有思考过程", ""),
    ),
    "forgiven-fence": Entry(
        "{answers:,} {answers:answer|answers} stood in a Markdown fence",
        zh=("{answers:,} 个回答写在 Markdown 代码块中", ""),
    ),
    "forgiven-words-around": Entry(
        "{answers:,} {answers:answer|answers} had words beside the JSON",
        zh=("{answers:,} 个回答在 JSON 之外还有别的文字", ""),
    ),
    "forgiven-list-around": Entry(
        "{answers:,} {answers:answer|answers} stood in a list",
        zh=("{answers:,} 个回答写在一个列表里", ""),
    ),
    "forgiven-object-around": Entry(
        "{answers:,} {answers:answer|answers} stood in another JSON object",
        zh=("{answers:,} 个回答写在另一个 JSON 对象里", ""),
    ),
    "forgiven-said-again": Entry(
        "{answers:,} {answers:answer|answers} said the same more than once",
        zh=("{answers:,} 个回答把同样的内容说了不止一遍", ""),
    ),
    "forgiven-loose-json": Entry(
        "{answers:,} {answers:answer was|answers were} not quite JSON: other quotation marks, a comma too many, or a line break in a text",
        zh=("{answers:,} 个回答不是严格的 JSON：引号不同、多了逗号，或文本中有换行", ""),
    ),
    "forgiven-key-spelling": Entry(
        "{answers:,} {answers:answer|answers} had the name of a variable in another spelling",
        zh=("{answers:,} 个回答中变量名的写法不同", ""),
    ),
    "packed-no-list": Entry(
        "the answers hold no list of entries (in the field {field})",
        "leave --unpack out where a request has one answer; name the field with --unpack-list",
        page="leave the unpacking out where a request has one answer",
        zh=("回答中没有条目列表（字段 {field}）", "如果每个请求只有一个回答，请不要拆分"),
    ),
    "packed-several-lists": Entry(
        "the answers hold several lists: {fields}",
        "say which with --unpack-list FIELD",
        page="write down which of them is meant",
        zh=("回答中有多个列表：{fields}", "请写明是哪一个"),
    ),
    "packed-no-id": Entry(
        "no field of the entries is seen to be their id; there are: {fields}",
        "say which with --unpack-id FIELD; ids have to differ within an answer",
        page="write down which field is the id; ids have to differ within an answer",
        zh=(
            "看不出条目的哪个字段是编号；现有字段：{fields}",
            "请写明哪个字段是编号；同一回答中的编号不得相同",
        ),
    ),
    "packed-several-ids": Entry(
        "several fields of the entries may be their id: {fields}",
        "say which with --unpack-id FIELD",
        page="write down which of them is the id",
        zh=("条目中有多个字段可能是编号：{fields}", "请写明是哪一个"),
    ),
    "forgiven-value-spelling": Entry(
        "{answers:,} {answers:answer|answers} had a label in another spelling",
        zh=("{answers:,} 个回答中标签的写法不同", ""),
    ),
}

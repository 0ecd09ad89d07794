"""Archives of social media, each in the form that its program writes; all persons and texts are invented."""

from __future__ import annotations

import json
import zipfile
from typing import Any

import pytest

from rowbatch.core.table_options import PLAIN, ReadOptions
from rowbatch.errors import InputError, TableError, UsageError
from rowbatch.programs.opening import open_table
from rowbatch.programs.registry import PROGRAMS


def rows_of(table):
    return [
        dict(zip(table.header, row, strict=True))
        for chunk in table.chunks()
        for row in chunk.frame.iter_rows()
    ]


def read(path, **options):
    """The rows as dictionaries; the reading gives the same table again."""
    table = open_table(path, ReadOptions(**options))
    rows = rows_of(table)
    again = open_table(path, table.reading)
    assert table.reading.program in {one.name for one in PROGRAMS}
    assert (again.header, rows_of(again), again.reading.program) == (
        table.header,
        rows,
        table.reading.program,
    )
    return rows


def kinds_of(path):
    return [note.kind for note in open_table(path).notes]


def written(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def texts_of(path):
    return [row["text"] for row in read(path)]


def tweets(*texts):
    return [
        {"tweet": {"id": str(at), "full_text": text, "entities": {"hashtags": []}}}
        for at, text in enumerate(texts)
    ]


def script(name, part, entries):
    return f"window.YTD.{name}.part{part} = " + json.dumps(entries, indent=2)


def test_tweets_of_an_archive_of_x(tmp_path):
    """
    What a person sees: the archive writes & as HTML does, once; what was typed as &lt; stays.
    """
    path = written(
        tmp_path / "tweets.js", script("tweets", 0, tweets("a &amp; b &lt;3", "&amp;lt; é", "\ud83d"))
    )
    rows = read(path)
    assert [row["text"] for row in rows] == ["a & b <3", "&lt; é", "\ufffd"]
    assert rows[0]["full_text"] == "a &amp; b &lt;3"
    assert rows[0]["entities.hashtags"] == "[]"
    assert kinds_of(path) == ["note-x-archive"]


def test_a_whole_archive_of_x(tmp_path):
    """
    As a zip file or a folder; parts are read in the order of their numbers.
    """
    files = {
        "data/tweets.js": script("tweets", 0, tweets("first")),
        "data/tweets-part10.js": script("tweets", 10, tweets("last")),
        "data/tweets-part2.js": script("tweets", 2, tweets("second")),
        "data/like.js": script("like", 0, [{"like": {"tweetId": "1", "fullText": "liked"}}]),
    }
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as packed:
        for name, text in files.items():
            packed.writestr(name, text)
            written(tmp_path / "folder" / name, text)
    for path in (tmp_path / "x.zip", tmp_path / "folder"):
        assert sorted(texts_of(path)) == ["first", "last", "second"]
    assert texts_of(tmp_path / "folder" / "data" / "like.js") == ["liked"]
    assert sorted(texts_of(tmp_path / "folder" / "data")) == ["first", "last", "second"]
    with zipfile.ZipFile(tmp_path / "data.zip", "w") as packed:
        packed.writestr("tweets.js", files["data/tweets.js"])
    assert texts_of(tmp_path / "data.zip") == ["first"]


def test_long_posts_of_x_are_whole(tmp_path):
    """
    A long post is cut in tweets.js, and whole in note-tweet.js; what stays cut is counted.

    Form: the archive of github.com/alrocar/x, of 2024.
    """
    words = "Long posts are cut in the archive & nobody tells you. " * 8
    answer = "See https://t.co/two " + words.strip()
    posts = [
        ("a", "Fri Oct 13 14:58:50 +0000 2023", words[:270].replace("&", "&amp;") + "… https://t.co/picture"),
        ("b", "Fri Oct 13 14:58:50 +0000 2023", "@ana @bo See https://t.co/one " + words[:250] + "…"),
        ("c", "Fri Oct 13 14:58:51 +0000 2023", "RT @ana: " + words[:130] + "…"),
        ("d", "Fri Oct 13 14:58:50 +0000 2023", "Well…"),
    ]
    entries = [{"tweet": {"id": name, "created_at": at, "full_text": text}} for name, at, text in posts]
    notes = [
        {"noteTweet": {"noteTweetId": "1", "createdAt": "2023-10-13T14:58:50.000Z", "core": {"text": text}}}
        for text in (answer, words.strip())
    ]
    written(tmp_path / "x" / "data" / "note-tweet.js", script("note_tweet", 0, notes))
    path = written(tmp_path / "x" / "data" / "tweets.js", script("tweets", 0, entries))
    whole = open_table(tmp_path / "x")
    assert [row["text"] for row in rows_of(whole)] == [
        words.strip() + " https://t.co/picture",
        "@ana @bo " + answer,
        posts[2][2],
        "Well…",
    ]
    assert [(note.kind, note.values.get("cut")) for note in whole.notes][1:] == [("note-x-cut", 1)]
    assert [note.values.get("cut") for note in open_table(path).notes][1:] == [3]
    assert texts_of(path.with_name("note-tweet.js")) == [answer, words.strip()]


def test_other_lists_of_an_archive_of_x(tmp_path):
    """
    Who follows has no text, and is a table all the same.
    """
    text = script("follower", 0, [{"follower": {"accountId": "1"}}, {"follower": {"accountId": "2"}}])
    assert read(written(tmp_path / "follower.js", text)) == [{"accountId": "1"}, {"accountId": "2"}]


def test_messages_of_an_archive_of_x(tmp_path):
    """
    A row a message, with its conversation.
    """
    messages = [
        {"messageCreate": {"text": "hi", "senderId": "1"}},
        {"joinConversation": {"initiatingUserId": "2"}},
    ]
    text = script("direct_messages", 0, [{"dmConversation": {"conversationId": "1-2", "messages": messages}}])
    rows = read(written(tmp_path / "direct-messages.js", text))
    assert [(row["text"], row["conversationId"], row["kind"]) for row in rows] == [
        ("hi", "1-2", "messageCreate"),
        ("", "1-2", "joinConversation"),
    ]


def test_tweets_without_their_wrapper(tmp_path):
    """
    As archives before 2020 have them.
    """
    text = script("tweet", 0, [{"id_str": "1", "full_text": "old"}])
    assert texts_of(written(tmp_path / "tweet.js", text)) == ["old"]


def test_pages_of_twarc(tmp_path):
    """
    A row a tweet of a page, with its author; a retweet is whole, a long tweet too.
    """
    page: dict[str, Any] = {
        "data": [
            {
                "id": "1", "author_id": "7", "text": "RT @ana: it is so lo…", "edit_history_tweet_ids": ["1"],
                "referenced_tweets": [{"type": "retweeted", "id": "9"}],
            },
            {"id": "2", "author_id": "8", "text": "short…", "note_tweet": {"text": "long &amp; whole"}},
        ],
        "includes": {
            "users": [{"id": "7", "username": "bo", "public_metrics": {"followers_count": 3}}],
            "tweets": [{"id": "9", "text": "it is so long that it was cut"}],
        },
        "meta": {"result_count": 2},
    }  # fmt: skip
    path = written(
        tmp_path / "t.jsonl", "\n".join(json.dumps(one) for one in (page, {**page, "data": page["data"][:1]}))
    )
    rows = read(path)
    assert [row["text"] for row in rows] == [
        "RT @ana: it is so long that it was cut",
        "long & whole",
        "RT @ana: it is so long that it was cut",
    ]
    assert rows[0]["text_escaped"] == "RT @ana: it is so lo…"
    assert (rows[0]["author.username"], rows[0]["author.public_metrics.followers_count"]) == ("bo", "3")
    assert rows[1]["author.username"] == ""
    assert kinds_of(path) == ["note-tweets"]


def test_tweets_of_the_first_interface(tmp_path):
    """
    A tweet a line: `full_text`, or of the stream `extended_tweet.full_text`; a retweet is that of another.
    """
    user = {"screen_name": "ana", "id_str": "5"}
    common = {"created_at": "Mon Nov 23 18:00:00 +0000 2020", "id_str": "1", "user": user, "truncated": False}
    lines = [
        {**common, "full_text": "whole &gt; part"},
        {**common, "text": "cut…", "truncated": True, "extended_tweet": {"full_text": "not cut"}},
        {
            **common,
            "text": "RT @bo: x…",
            "retweeted_status": {**common, "extended_tweet": {"full_text": "x y z"}},
        },
    ]
    path = written(tmp_path / "t.jsonl", "\n".join(map(json.dumps, lines)))
    assert texts_of(path) == ["whole > part", "not cut", "RT @bo: x y z"]


def message(number, text, **more):
    return {
        "id": number,
        "type": "message",
        "date": "2023-01-01T00:00:00",
        "from": "Ana",
        "text": text,
        **more,
    }


def test_a_chat_of_telegram(tmp_path):
    """
    Formatted parts are one text; messages of the service are rows without one.
    """
    parts = ["see ", {"type": "link", "text": "example.org"}, " or ", {"type": "bold", "text": "ask"}]
    chat = {
        "name": "Book club", "type": "private_group", "id": 12,
        "messages": [
            {"id": 1, "type": "service", "action": "create_group", "actor": "Ana", "text": ""},
            message(2, parts),
            message(3, parts, text_entities=[{"type": "plain", "text": "see "}]),
            message(4, "two\nlines"),
        ],
    }  # fmt: skip
    path = written(tmp_path / "result.json", json.dumps(chat, indent=1))
    rows = read(path)
    assert [row["text"] for row in rows] == [
        "",
        "see example.org or ask",
        "see example.org or ask",
        "two\nlines",
    ]
    assert [bool(row["text_parts"]) for row in rows] == [False, True, False, False]
    assert {(row["chat_name"], row["chat_id"]) for row in rows} == {("Book club", "12")}
    assert kinds_of(path) == ["note-messages"]
    everything = {"about": "…", "chats": {"about": "…", "list": [chat, {**chat, "name": None}]}}
    rows = read(written(tmp_path / "all.json", json.dumps(everything)))
    assert [row["chat_name"] for row in rows] == ["Book club"] * 4 + [""] * 4


def test_tweets_that_twarc_flattened(tmp_path):
    """
    A tweet a line, with what it refers to in it: a retweet is whole.

    Form: DocNow/twarc, src/twarc/expansions.py, flatten.
    """
    author = {"id": "7", "username": "ana", "name": "Ana"}
    whole = "a &amp; b " * 20
    common = {"author_id": "7", "author": author, "conversation_id": "1", "edit_history_tweet_ids": ["1"]}
    tweets = [
        {**common, "id": "1", "text": "x &lt; y"},
        {
            **common,
            "id": "2",
            "text": "RT @bo: a &amp; b…",
            "referenced_tweets": [{"type": "retweeted", "id": "3", "text": whole, "author": author}],
        },
        {
            **common,
            "id": "4",
            "text": "RT @bo: gone…",
            "referenced_tweets": [{"type": "retweeted", "id": "5"}],
        },
    ]
    path = written(tmp_path / "flat.jsonl", "".join(json.dumps(tweet) + "\n" for tweet in tweets))
    rows = read(path)
    assert [row["text"] for row in rows] == ["x < y", "RT @bo: " + "a & b " * 20, "RT @bo: gone…"]
    assert rows[0]["author.username"] == "ana"


def test_control_characters_of_telegram(tmp_path):
    """
    It writes them as no JSON has them, and a backslash that was typed stays one.

    Source: Telegram Desktop, export_output_json.cpp, SerializeString.
    """
    text = r"one\x0Btwo \\x0C \\\x1F \"three\""
    path = written(
        tmp_path / "result.json",
        r'{"name": "A\x01", "type": "personal_chat", "id": 1, "messages": [{"id": 1, "text": "'
        + text
        + '"}]}',
    )
    rows = read(path)
    assert rows[0]["chat_name"] == "A\x01"
    assert [row["text"] for row in rows] == ['one\x0btwo \\x0C \\\x1f "three"']


def test_a_folder_of_telegram(tmp_path):
    """
    Telegram writes a folder with pictures beside the messages; it may be packed.
    """
    chat = json.dumps(
        {"name": "A", "type": "personal_chat", "id": 1, "messages": [{"id": 1, "text": "milk"}]}
    )
    written(tmp_path / "ChatExport_2024-01-01" / "photos" / "1.jpg", "")
    written(tmp_path / "ChatExport_2024-01-01" / "result.json", chat)
    assert texts_of(tmp_path / "ChatExport_2024-01-01") == ["milk"]
    with zipfile.ZipFile(tmp_path / "ChatExport.zip", "w") as packed:
        packed.writestr("ChatExport/photos/1.jpg", b"")
        packed.writestr("ChatExport/result.json", chat)
    assert texts_of(tmp_path / "ChatExport.zip") == ["milk"]


def test_all_chats_of_telegram_behind_many_contacts(tmp_path):
    """
    What is looked at first may not reach to the first chat, and no chat has a name where it is one's own.
    """
    contacts = {"about": "…", "list": [{"user_id": at, "first_name": "Ana"} for at in range(3000)]}
    chat = {"type": "saved_messages", "id": 12, "messages": [{"id": 1, "type": "message", "text": "milk"}]}
    everything = {
        "about": 'Daten von "Telegram".',
        "contacts": contacts,
        "chats": {"about": "…", "list": [chat]},
    }
    rows = read(written(tmp_path / "result.json", json.dumps(everything, indent=1)))
    assert [(row["chat_type"], row["text"]) for row in rows] == [("saved_messages", "milk")]


IPHONE = (
    "[31.12.23, 23:59:58] Book club: \u200eMessages are end-to-end encrypted.\r\n"
    "[31.12.23, 23:59:59] Ana: first line\nsecond: line\r\n"
    "\u200e[01.01.24, 00:00:01] ~\u202fBo: \u200e<attached: 1.jpg>\r\n"
)


@pytest.mark.parametrize(
    ("stamp", "time"),
    [
        pytest.param("[31.12.23, 23:59:59] ", "2023-12-31T23:59:59", id="iphone-german"),
        pytest.param("[12/31/23, 11:59:59\u202fPM] ", "2023-12-31T23:59:59", id="iphone-american"),
        pytest.param("[31.12.2023 klo 23.59.59] ", "2023-12-31T23:59:59", id="iphone-finnish"),
        pytest.param("[2023/12/31 下午11:59:59] ", "2023-12-31T23:59:59", id="iphone-chinese"),
        pytest.param("12/31/23, 12:59 AM - ", "2023-12-31T00:59", id="android-american"),
        pytest.param("31/12/2023, 11:59\u202fp.m. - ", "2023-12-31T23:59", id="android-australian"),
        pytest.param("31/12/2023, 11:59 p. m. - ", "2023-12-31T23:59", id="android-spanish"),
        pytest.param("31/12/2023 23:59 - ", "2023-12-31T23:59", id="android-portuguese"),
        pytest.param("31.12.23, 23:59 - ", "2023-12-31T23:59", id="android-german"),
        pytest.param("31-12-2023 23:59 - ", "2023-12-31T23:59", id="android-dutch"),
        pytest.param("2023-12-31, 23:59 - ", "2023-12-31T23:59", id="android-swedish"),
        pytest.param("[31/12/2023,\u200923:59:59] ", "2023-12-31T23:59:59", id="thin-space"),
        pytest.param("31.12.17, 23:59:59: ", "2017-12-31T23:59:59", id="iphone-of-old"),
        pytest.param("31.12.2023 kl. 23.59 - ", "2023-12-31T23:59", id="danish"),
        pytest.param("31.12.2023 \u0433., 23:59 - ", "2023-12-31T23:59", id="bulgarian"),
        pytest.param("31/12/23, 11:59 \u03bc.\u03bc. - ", "2023-12-31T23:59", id="greek"),
        pytest.param("31.12.2023 ÖS 11:59 - ", "2023-12-31T23:59", id="turkish"),
        pytest.param("31/12/2023, 11:59 CH - ", "2023-12-31T23:59", id="vietnamese"),
        pytest.param("31/12/23, 11:59 अपराह्न - ", "2023-12-31T23:59", id="nepali"),
        pytest.param("2023. 12. 31. du. 11:59 - ", "2023-12-31T23:59", id="hungarian"),
        pytest.param("[2023-12-31 23 h 59 min 59 s] ", "2023-12-31T23:59:59", id="french-of-canada"),
        pytest.param(
            "\u200f٣١\u200f/١٢\u200f/٢٠٢٣\u060c ١١:٥٩ \u0645 - ",
            "2023-12-31T23:59",
            id="arabic",
        ),
        pytest.param("31/12/2566 23:59 - ", "2023-12-31T23:59", id="thai"),
        pytest.param("31/12/23, 11:59 malam - ", "", id="a-word-that-is-not-known"),
        pytest.param("1402/10/10, 23:59 - ", "", id="another-calendar"),
    ],
)
def test_stamps_of_whatsapp(tmp_path, stamp, time):
    """
    Of both phones and many countries; a message of several lines is one.
    """
    path = written(
        tmp_path / "_chat.txt",
        f"{stamp}Ana: one\ntwo: x\n{stamp}Bo created this group\n{stamp}Bo: 3\n",
    )
    rows = read(path)
    assert [(row["time"], row["author"], row["text"]) for row in rows] == [
        (time, "Ana", "one\ntwo: x"),
        (time, "", "Bo created this group"),
        (time, "Bo", "3"),
    ]
    assert rows[0]["stamp"] in stamp


def test_a_chat_of_an_iphone(tmp_path):
    """
    LF stands in messages and CR LF between them; marks that can't be seen are not of the names.
    """
    path = written(tmp_path / "_chat.txt", IPHONE)
    rows = read(path)
    assert [(row["author"], row["text"]) for row in rows] == [
        ("Book club", "\u200eMessages are end-to-end encrypted."),
        ("Ana", "first line\nsecond: line"),
        ("~\u202fBo", "\u200e<attached: 1.jpg>"),
    ]
    with zipfile.ZipFile(tmp_path / "WhatsApp Chat - Book club.zip", "w") as packed:
        packed.writestr("_chat.txt", IPHONE)
        packed.writestr("1.jpg", b"")
    assert read(tmp_path / "WhatsApp Chat - Book club.zip") == rows


def test_the_order_of_a_date_is_told_by_all_of_them(tmp_path):
    """
    The last date may be the only one that tells; where none does, that is said.
    """
    path = written(tmp_path / "c.txt", "1/2/24, 10:00 - Ana: x\n1/13/24, 10:00 - Ana: y\n")
    assert [row["time"] for row in read(path)] == ["2024-01-02T10:00", "2024-01-13T10:00"]
    assert kinds_of(path) == ["note-messages"]
    path = written(tmp_path / "d.txt", "1/2/24, 10:00 - Ana: x\n")
    assert [row["time"] for row in read(path)] == ["2024-02-01T10:00"]
    assert kinds_of(path) == ["note-messages", "note-day-first"]


@pytest.mark.parametrize(
    ("stamps", "times"),
    [
        pytest.param(["1/2/24", "2/1/24"], ["2024-01-02", "2024-02-01"], id="month"),
        pytest.param(["2/1/24", "1/2/24"], ["2024-01-02", "2024-02-01"], id="day"),
        pytest.param(
            ["23.12.31", "24.01.01", "24.01.02"], ["2023-12-31", "2024-01-01", "2024-01-02"], id="year"
        ),
    ],
)
def test_messages_follow_each_other(tmp_path, stamps, times):
    """
    Where no number tells which is the day, the order of the messages does, and nothing has to be said.
    """
    path = written(tmp_path / "c.txt", "".join(f"{stamp}, 10:00 - Ana: x\n" for stamp in stamps))
    assert [row["time"] for row in read(path)] == [f"{time}T10:00" for time in times]
    assert kinds_of(path) == ["note-messages"]


def test_a_line_with_another_stamp_is_of_the_message(tmp_path):
    """
    A chat has one form of stamps: what a person pasted from another one is no message of its own.
    """
    pasted = "see:\n[01.02.24, 10:00:00] Bo: hi\n1/2/24, 9:00 PM - Bo: ho"
    path = written(tmp_path / "c.txt", f"1/2/24, 10:00 - Ana: {pasted}\n1/2/24, 10:01 - Bo: x\n")
    assert [(row["author"], row["text"]) for row in read(path)] == [("Ana", pasted), ("Bo", "x")]


def test_stamps_that_are_no_times_are_counted(tmp_path):
    """
    No time is guessed: the stamp stays, and it is said how many there are.
    """
    path = written(tmp_path / "c.txt", "1402/10/10, 23:59 - Ana: x\n1402/10/11, 23:59 - Ana: y\n")
    table = open_table(path)
    assert [row["stamp"] for row in rows_of(table)] == ["1402/10/10, 23:59", "1402/10/11, 23:59"]
    assert [note.values for note in table.notes if note.kind == "note-stamps-unread"] == [
        {"path": "c.txt", "stamps": 2}
    ]


def test_a_log_is_no_chat(tmp_path):
    """
    Lines of a log have stamps as well.
    """
    path = written(tmp_path / "log.txt", "2024-10-31 15:50:46: INFO: x\n2024-10-31 15:50:47: INFO: y\n")
    assert open_table(path).reading.program is None


def test_a_chat_in_a_zip_file_with_a_name_of_its_own(tmp_path):
    """
    The only text in it is the chat, where it begins like one.
    """
    for name, text in (("talk.txt", "31/12/2023, 23:59 - Ana: x\n"), ("table.txt", "a,b\n1,2\n")):
        with zipfile.ZipFile(tmp_path / f"{name}.zip", "w") as packed:
            packed.writestr(name, text)
            packed.writestr("1.jpg", b"")
    assert texts_of(tmp_path / "talk.txt.zip") == ["x"]
    assert open_table(tmp_path / "table.txt.zip").header == ("a", "b")


@pytest.mark.parametrize(
    "name", ["WhatsApp-Chat mit Ana.txt", "Chat de WhatsApp con Ana.txt", "与Ana的WhatsApp聊天.txt"]
)
def test_a_chat_in_a_zip_file_of_any_language(tmp_path, name):
    """
    The name of the chat in it is in the phone's language.
    """
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as packed:
        packed.writestr(name, "31/12/2023, 23:59 - Ana: x\n")
    assert texts_of(tmp_path / "c.zip") == ["x"]


def mangled(value):
    """As Meta writes JSON: the bytes of UTF-8 as characters."""
    text = json.dumps(value, ensure_ascii=False).encode().decode("latin-1")
    return text.encode("ascii", "backslashreplace").replace(b"\\x", b"\\u00")


REACTIONS = [{"reaction": "👍"}]


def thread(*texts):
    return {
        "participants": [{"name": "Zoë"}, {"name": "Bo"}],
        "messages": [
            {"sender_name": "Zoë", "timestamp_ms": 1_700_000_000_000, "content": text, "reactions": REACTIONS}
            for text in texts
        ],
        "title": "Bo", "thread_path": "inbox/bo_1",
    }  # fmt: skip


def test_messages_of_facebook_and_instagram(tmp_path):
    """
    Texts are what a person sees: é and emoji, which the file has as other characters.
    """
    path = written(tmp_path / "message_1.json", mangled(thread("café 👍", "¡sí!")))
    rows = read(path)
    assert [(row["text"], row["sender_name"], row["thread"], row["time"]) for row in rows] == [
        ("café 👍", "Zoë", "Bo", "2023-11-14T22:13:20Z"),
        ("¡sí!", "Zoë", "Bo", "2023-11-14T22:13:20Z"),
    ]
    assert json.loads(rows[0]["reactions"]) == [{"reaction": "👍"}]
    assert kinds_of(path) == ["note-meta"]
    with zipfile.ZipFile(tmp_path / "f.zip", "w") as packed:
        for number in (1, 2, 10):
            name = f"your_facebook_activity/messages/inbox/bo_1/message_{number}.json"
            packed.writestr(name, mangled(thread(str(number))))
            written(tmp_path / "f" / name, mangled(thread(str(number))))
    assert [row["text"] for row in read(tmp_path / "f.zip")] == ["1", "2", "10"]
    assert [row["text"] for row in read(tmp_path / "f")] == ["1", "2", "10"]


@pytest.mark.parametrize(
    "document",
    [
        pytest.param([{"timestamp": 1700000000, "data": [{"post": "café"}], "title": "Bo"}], id="posts"),
        pytest.param(
            {
                "comments_v2": [
                    {"timestamp": 1700000000, "data": [{"comment": {"comment": "café", "author": "Bo"}}]}
                ]
            },
            id="comments",
        ),
        pytest.param(
            [
                {
                    "media_list_data": [{"uri": ""}],
                    "string_map_data": {"Kommentar": {"value": "café"}, "Zeit": {"timestamp": 1700000000}},
                }
            ],
            id="instagram-comments",
        ),
        pytest.param(
            {
                "comments_media_comments": [
                    {"title": "Bo", "string_list_data": [{"value": "café", "timestamp": 1700000000}]}
                ]
            },
            id="instagram-comments-of-old",
        ),
        pytest.param(
            [{"media": [{"uri": "1.jpg", "creation_timestamp": 1700000000, "title": "café"}]}],
            id="instagram-picture",
        ),
        pytest.param(
            [
                {
                    "media": [
                        {"uri": "1.jpg", "creation_timestamp": 1, "title": ""},
                        {"uri": "2.jpg", "title": ""},
                    ],
                    "title": "café",
                    "creation_timestamp": 1700000000,
                }
            ],
            id="instagram-pictures",
        ),
        pytest.param(
            {"ig_stories": [{"uri": "1.jpg", "creation_timestamp": 1700000000, "title": "café"}]},
            id="instagram-stories",
        ),
    ],
)
def test_posts_and_comments_of_meta(tmp_path, document):
    """
    Whatever the language of the account calls its fields.
    """
    rows = read(written(tmp_path / "t.json", mangled(document)))
    assert [(row["text"], row["time"]) for row in rows] == [("café", "2023-11-14T22:13:20Z")]


@pytest.mark.parametrize(
    "section", ["archived_threads", "filtered_threads", "message_requests", "e2ee_cutover"]
)
def test_every_section_of_messages_of_meta(tmp_path, section):
    """
    Requests and archived threads are messages as well.
    """
    for name in ("inbox", section):
        written(tmp_path / "f" / "messages" / name / "bo_1" / "message_1.json", mangled(thread(name)))
    assert sorted(texts_of(tmp_path / "f")) == sorted(("inbox", section))


def test_encrypted_chats_of_messenger(tmp_path):
    """
    They come by themselves, with other names of fields, and with whole letters.
    """
    message = {
        "senderName": "Zoë",
        "timestamp": 1_700_000_000_000,
        "text": "café 👍",
        "type": "text",
        "media": [],
    }
    chat = {"participants": ["Zoë", "Bo"], "threadName": "Bo_1", "messages": [message]}
    rows = read(written(tmp_path / "Bo_1.json", json.dumps(chat, ensure_ascii=False)))
    assert [(row["text"], row["senderName"], row["thread"], row["time"]) for row in rows] == [
        ("café 👍", "Zoë", "Bo_1", "2023-11-14T22:13:20Z")
    ]


def test_the_html_of_meta_is_refused_by_name(tmp_path):
    """
    What to ask for instead is said.
    """
    page = '<html><head><title>Bo</title></head><body class="_5vb_ _a6-g"><div>hi</div></body></html>'
    with pytest.raises(TableError) as caught:
        open_table(written(tmp_path / "message_1.html", page))
    assert caught.value.kind == "archive-in-html"
    with zipfile.ZipFile(tmp_path / "f.zip", "w") as packed:
        packed.writestr("messages/inbox/bo_1/message_1.html", page)
    with pytest.raises(TableError) as caught:
        open_table(tmp_path / "f.zip")
    assert "JSON" in caught.value.hint


@pytest.mark.parametrize("name", ["RC_2015-01", "RS_2015-01.zst"])
def test_dumps_of_reddit(tmp_path, name):
    """
    Known by their first bytes, packed or not: their names have no ending.
    """
    common = {"author": "ana", "subreddit": "books", "created_utc": 1420070400, "edited": False}
    lines = [{**common, "body": "a &gt; b"}, {**common, "body": "[deleted]"}]
    if name.startswith("RS"):
        lines = [{**common, "title": "T", "selftext": "a &amp; b"}, {**common, "title": "T", "selftext": ""}]
    data = "".join(json.dumps(line) + "\n" for line in lines).encode()
    if name.endswith("zst"):
        zstd = pytest.importorskip("backports.zstd")
        data = zstd.compress(data)
    path = written(tmp_path / name, data)
    assert texts_of(path) == (["a > b", "[deleted]"] if name.startswith("RC") else ["T\n\na & b", "T"])
    assert kinds_of(path) == ["note-reddit"]
    assert read(path)[0]["created_utc"] == "1420070400"


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(
            "Live Chat ID,Channel ID,Live Chat Create Timestamp,Price,Video ID,Live Chat Text", id="chats"
        ),
        pytest.param(
            "Comment ID,Channel ID,Comment create timestamp,Price,Video ID,Comment text", id="of-old"
        ),
    ],
)
def test_other_files_of_takeout(tmp_path, header):
    """
    Live chats, names as they were spelled before, and parts in a list.
    """
    cells = ['{"takeoutSegments":[{"text":"one "},{"text":"two"}]}', '{"text":"three"}']
    lines = [
        header,
        *(
            f'1,UC0123456789abcdefghij-_,2024-01-01T10:00:00Z,0,v1,"{cell.replace(chr(34), chr(34) * 2)}"'
            for cell in cells
        ),
    ]
    assert texts_of(written(tmp_path / "t.csv", "\n".join(lines))) == ["one two", "three"]


def test_comments_of_youtube(tmp_path):
    """
    Of Takeout what the parts of a comment say; of the API answers stand below theirs.
    """
    cell = json.dumps({"text": 'so "good" '}) + "," + json.dumps({"text": "@ana"})
    quoted = cell.replace('"', '""')
    header = "Channel ID,Price,Comment ID,Parent Comment ID,Video ID,Comment Text,Top-Level Comment ID"
    lines = [header, f'UC1,0,Ug1,,v1,"{quoted}",', "UC1,0,Ug2,,v1,plain,", ""]
    path = written(tmp_path / "comments.csv", "\n".join(lines))
    rows = read(path)
    assert [row["text"] for row in rows] == ['so "good" @ana', "plain"]
    assert rows[0]["Comment Text"] == cell
    comment = {
        "kind": "youtube#comment",
        "id": "1",
        "snippet": {"textDisplay": "a &amp; b", "textOriginal": "a & b"},
    }
    thread = {
        "kind": "youtube#commentThread",
        "snippet": {"topLevelComment": comment},
        "replies": {"comments": [{**comment, "id": "2", "snippet": {"textDisplay": "<b>yes</b>"}}]},
    }
    page = {"kind": "youtube#commentThreadListResponse", "items": [thread]}
    rows = read(written(tmp_path / "c.json", json.dumps(page)))
    assert [(row["id"], row["text"]) for row in rows] == [("1", "a & b"), ("2", "<b>yes</b>")]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("id,text\n1,window.YTD.tweets.part0 = [\n", id="csv"),
        pytest.param('{"text": "messages", "type": "message"}\n', id="lines"),
        pytest.param('{"data": [{"text": "a"}, {"text": "b"}]}', id="document"),
        pytest.param("31.12.23;x\n01.01.24;y\n", id="dates"),
        pytest.param('[{"timestamp": 1, "text": "x"}]', id="list"),
        pytest.param('{"author": "ana", "body": "x"}\n', id="bodies"),
    ],
)
def test_what_is_of_no_program_stays_a_plain_table(tmp_path, text):
    """
    A file is taken for an archive only where that is sure.
    """
    path = written(tmp_path / ("t.csv" if "id,text" in text or ";" in text else "t.json"), text)
    assert open_table(path).format in ("csv", "json", "jsonl")


def test_an_archive_may_be_read_as_it_stands(tmp_path):
    """
    `plain` leaves the program out; a program that is named and is not there is an error, and so are options
    that do not fit.
    """
    path = written(tmp_path / "r.json", json.dumps({"type": "public_channel", "messages": [message(1, "x")]}))
    assert open_table(path, ReadOptions(program=PLAIN)).header[:2] == ("id", "type")
    with pytest.raises(UsageError):
        open_table(path, ReadOptions(delimiter=";"))
    with pytest.raises(UsageError):
        open_table(written(tmp_path / "t.json", '[{"a": 1}]'), ReadOptions(program="telegram"))


@pytest.mark.parametrize("field", ["text", "more", "in"])
def test_an_archive_of_another_encoding(tmp_path, field):
    """
    JSON is UTF-8: what is not is said when the archive is opened, wherever it stands.
    """
    texts = {"text": "x", "more": "x", "in": {"it": "x"}} | {field: "é" if field != "in" else {"it": "é"}}
    chat = {"type": "public_channel", "messages": [message(1, **texts)]}
    data = json.dumps(chat, ensure_ascii=False).encode("latin-1")
    with pytest.raises(TableError) as caught:
        open_table(written(tmp_path / "r.json", data))
    assert caught.value.kind == "archive-broken"


@pytest.mark.parametrize("cut", [1, 5, 40])
def test_an_archive_that_is_cut_off(tmp_path, cut):
    """
    One clear error, whichever it is.
    """
    chat = {"type": "public_channel", "messages": [message(1, ["a", {"type": "bold", "text": "b"}])]}
    files = {
        "r.json": json.dumps(chat).encode(),
        "tweets.js": script("tweets", 0, tweets("x")).encode(),
        "m.json": mangled(thread("x")),
    }
    for name, data in files.items():
        with pytest.raises((TableError, InputError)) as caught:
            open_table(written(tmp_path / name, data[:-cut]))
        assert caught.value.hint


def test_a_plain_list_of_posts_is_no_download_of_facebook(tmp_path):
    """It has `post` in each record; Facebook has it in the objects of a list `data`."""
    path = tmp_path / "posts.json"
    path.write_text(json.dumps([{"timestamp": 1, "post": "Ã©"}, {"timestamp": 2, "post": "b"}]), "utf-8")

    table = open_table(path)

    assert table.header == ("timestamp", "post")
    assert [tuple(row.values()) for row in rows_of(table)] == [("1", "Ã©"), ("2", "b")]


def test_a_column_text_that_somebody_added_to_a_dump_of_reddit_stays(tmp_path):
    """Dumps have `body` and no `text`; who cleaned it and called that `text` lost it."""
    path = tmp_path / "comments.jsonl"
    path.write_text(
        json.dumps({"subreddit": "a", "author": "b", "created_utc": 1, "body": "X!", "text": "x"})
    )

    table = open_table(path)

    assert table.header[:1] == ("text",)
    assert [row["text"] for row in rows_of(table)] == ["x"]


@pytest.mark.parametrize(
    "document",
    [
        {
            "data": [
                {"subreddit": "a", "author": "b", "created_utc": at, "body": f"text {at}"} for at in (1, 2)
            ]
        },
        {
            "search_metadata": {},
            "statuses": [
                {
                    "id_str": str(at),
                    "truncated": False,
                    "created_at": "",
                    "user": {"screen_name": ""},
                    "body": f"text {at}",
                }
                for at in (1, 2)
            ],
        },
    ],
    ids=["pushshift", "search"],
)
def test_answers_of_an_api_are_no_dump_with_one_record(tmp_path, document) -> None:
    """Pushshift's and Twitter's first API gave lists in an object: the records are not the file's own."""
    path = tmp_path / "answer.json"
    path.write_text(json.dumps(document))

    assert [row["body"] for row in rows_of(open_table(path))] == ["text 1", "text 2"]


def test_messages_of_another_form_are_told_without_a_traceback(tmp_path) -> None:
    path = tmp_path / "message_1.json"
    named = {"sender_name": 1, "timestamp_ms": 1}
    path.write_text(json.dumps({"participants": [], "messages": ["a"], "x": named}))

    with pytest.raises(TableError) as told:
        open_table(path)

    assert told.value.kind == "archive-broken"


def test_posts_beside_the_messages_of_a_download_are_told(tmp_path) -> None:
    path = tmp_path / "download.zip"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("messages/inbox/bo_1/message_1.json", mangled(thread("a")))
        packed.writestr("posts/your_posts_1.json", "[]")
        packed.writestr("comments_and_reactions/comments.json", "{}")

    table = open_table(path)

    assert [note.kind for note in table.notes] == ["note-meta", "note-meta-others"]
    assert table.notes[1].values["files"] == [
        "posts/your_posts_1.json",
        "comments_and_reactions/comments.json",
    ]

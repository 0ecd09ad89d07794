"""The encoding of a text without a mark is found; where two are likely, both are shown."""

from __future__ import annotations

import codecs
import gzip
import unicodedata

import pytest

from rowbatch.errors import TableError
from rowbatch.tables.csv_reader import open_csv
from rowbatch.tables.encodings import EncodingGuess, guess_encoding, is_utf8, looks_encoded, telling_lines
from rowbatch.tables.formats import open_table

# Sentences of our own, as people answer in surveys.
SENTENCES = {
    "cs": (
        "Učitelé byli příjemní a přednášky zajímavé, ale knihovna má otevřeno příliš krátce. Žádná stížnost."
    ),
    "pl": (
        "Zajęcia były ciekawe, choć sala okazała się za mała. Dziękuję prowadzącym za życzliwość "
        "i cierpliwość."
    ),
    "hu": (
        "A tanárok nagyon kedvesek voltak, köszönöm. Több időt szerettem volna a gyakorlatokra, "
        "őszintén szólva."
    ),
    "hr": (
        "Nastavnici su bili ljubazni, a vježbe su mi najviše pomogle. Želio bih više vremena za "
        "učenje i čitanje."
    ),
    "ro": (
        "Profesorii au fost foarte buni şi răbdători. Aş fi vrut mai multe ore de practică, în "
        "fiecare săptămână."
    ),
    "de": (
        "Die Übungen waren sehr gut, nur die Räume zu klein. Schöne Grüße an alle, die das "
        "möglich gemacht haben."
    ),
    "fr": (
        "Les enseignants étaient très à l'écoute et les exercices variés. J'ai été déçue par la bibliothèque."
    ),
    "es": (
        "Los profesores fueron muy amables y aprendí más de lo que esperaba. El próximo año "
        "volveré, señora Muñoz."
    ),
    "tr": (
        "Öğretmenler çok yardımcı oldu, teşekkür ederim. Dersler ilginçti ama sınıf biraz "
        "küçüktü, ışık yetersizdi."
    ),
    "lt": (
        "Dėstytojai buvo labai malonūs, ačiū. Norėčiau daugiau laiko pratyboms ir šiek tiek "
        "mažesnės grupės, žinoma."
    ),
    "lv": (
        "Pasniedzēji bija ļoti laipni, paldies. Es vēlētos vairāk laika vingrinājumiem un mazāku "
        "grupu, protams."
    ),
    "et": (
        "Õpetajad olid väga sõbralikud, aitäh. Ma sooviksin rohkem aega harjutusteks ja "
        "väiksemat rühma, täpsemalt."
    ),
    "ru": (
        "Преподаватели были очень доброжелательны, спасибо. Хотелось бы больше времени на "
        "упражнения, я не успевал."
    ),
    "uk": (
        "Викладачі були дуже приязні, дякую. Хотілося б більше часу на вправи, і щоб їх було ще "
        "більше, я встигаю."
    ),
    "bg": (
        "Преподавателите бяха много любезни, благодаря. Бих искал повече време за упражнения и "
        "по-малка група."
    ),
    "sr": (
        "Наставници су били веома љубазни, хвала. Желео бих више времена за вежбе и мању групу, "
        "а учионица је мала."
    ),
    "el": (
        "Οι καθηγητές ήταν πολύ ευγενικοί, ευχαριστώ. Θα ήθελα περισσότερο χρόνο για τις "
        "ασκήσεις και μικρότερη ομάδα."
    ),
    "he": "המורים היו אדיבים מאוד, תודה רבה. הייתי רוצה יותר זמן לתרגילים וקבוצה קטנה יותר בשנה הבאה.",
    "ar": "كان المعلمون لطفاء جدا. شكرا لكم. أود المزيد من الوقت للتمارين ومجموعة أصغر في السنة القادمة.",
    "th": "อาจารย์ใจดีมาก ขอบคุณครับ อยากได้เวลาฝึกมากกว่านี้ และอยากให้กลุ่มเล็กลงในปีหน้า",
    "vi": (
        "Các thầy cô rất tốt bụng, cảm ơn. Tôi muốn có thêm thời gian để thực hành và nhóm nhỏ "
        "hơn vào năm sau."
    ),
    "ja": (
        "先生はとても親切でした、ありがとうございます。練習の時間"
        "がもっとあればよかったと思います。教室は少し狭かったです。"
    ),
    "ko": (
        "선생님들이 매우 친절하셨습니다, 감사합니다. 연습 시간이 더 많았으면 좋겠고 교실이 조금 작았습니다."
    ),
    "zh": "老师们都很亲切，谢谢。希望明年有更多的练习时间，教室也可以再大一点，图书馆关门太早了。",
    "zh-tw": "老師們都很親切，謝謝。希望明年有更多的練習時間，教室也可以再大一點，圖書館關門太早了。",
}
WRITTEN_IN = {
    "cs": "cp1250 iso8859-2 cp852 mac-latin2",
    "pl": "cp1250 iso8859-2 cp852 mac-latin2",
    "hu": "cp1250 iso8859-2 cp852 mac-latin2",
    "hr": "cp1250 iso8859-2 cp852 mac-latin2",
    "ro": "cp1250 iso8859-2 cp852",
    "de": "cp1252 iso8859-15 mac-roman cp850 cp437",
    "fr": "cp1252 iso8859-15 mac-roman cp850 cp437",
    "es": "cp1252 iso8859-15 mac-roman cp850 cp437",
    "tr": "cp1254 iso8859-9 cp857 mac-turkish",
    "lt": "cp1257 iso8859-13 cp775 iso8859-4",
    "lv": "cp1257 iso8859-13 cp775 iso8859-4",
    "et": "cp1257 iso8859-13",
    "ru": "cp1251 koi8-r cp866 cp855 mac-cyrillic iso8859-5",
    "uk": "cp1251 koi8-u cp1125 mac-cyrillic iso8859-5",
    "bg": "cp1251 cp866 mac-cyrillic iso8859-5",
    "sr": "cp1251 cp855 mac-cyrillic iso8859-5",
    "el": "cp1253 iso8859-7 cp737 mac-greek",
    "he": "cp1255 iso8859-8 cp862",
    "ar": "cp1256 iso8859-6 cp720",
    "th": "cp874 tis-620",
    "vi": "cp1258",
    "ja": "cp932 euc_jp iso2022_jp",
    "ko": "cp949 euc_kr johab iso2022_kr",
    "zh": "gb18030 gbk gb2312 hz",
    "zh-tw": "big5 cp950 big5hkscs",
}
UNICODE = ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")


def shaped(shape: str, language: str) -> str:
    """A sentence as a text, or as tables of few and of many rows."""
    sentence = SENTENCES[language]
    if language == "vi":
        sentence = as_in_cp1258(sentence)
    if shape == "sentence":
        return sentence
    rows = 2 if shape == "rows" else 300
    return "id;date;text\r\n" + "".join(f"{n};2024-05-11;{sentence}\r\n" for n in range(1, rows + 1))


def as_in_cp1258(text: str) -> str:
    """Windows writes a tone of Vietnamese as a sign behind its letter."""
    signed = {
        unicodedata.normalize("NFC", letter + tone): letter + tone
        for letter in "a\u0103\u00e2e\u00eaio\u00f4\u01a1u\u01b0y"
        for tone in "\u0301\u0300\u0309\u0303\u0323"
    }
    return "".join(signed.get(letter, letter) for letter in unicodedata.normalize("NFC", text))


@pytest.mark.parametrize("shape", ["sentence", "rows", "table"])
@pytest.mark.parametrize(
    ("language", "encoding"),
    [(language, name) for language, names in WRITTEN_IN.items() for name in names.split()],
)
def test_a_text_is_read_in_the_encoding_it_was_written_in(language, encoding, shape):
    """
    What is read is what was written, under whatever name: a sentence, a table of two rows, and of 300.
    """
    text = shaped(shape, language)
    data = text.encode(encoding)
    found = guess_encoding(data).encoding
    assert found is not None
    assert codecs.decode(data, found) == text


@pytest.mark.parametrize("encoding", UNICODE)
@pytest.mark.parametrize("language", ["de", "pl", "ru", "el", "ar", "ja", "zh", "ko"])
def test_wide_encodings_need_no_mark(language, encoding):
    """
    UTF-16 and UTF-32 in both orders are known by their spaces and line ends, in every script.
    """
    data = shaped("rows", language).encode(encoding)
    assert guess_encoding(data).encoding == encoding
    assert looks_encoded(data)


def test_the_name_of_windows_where_it_reads_the_same():
    """
    ISO-8859-1 of German reads as Windows-1252 does, and a sign further down may be one that only Windows has.
    """
    assert guess_encoding(shaped("rows", "de").encode("iso8859-1")).encoding == "cp1252"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("id,comment\n1,it\u2019s fine\n", "cp1252", id="one-apostrophe"),
        pytest.param("id,price\n1,cost \u00a35\n", "cp1252", id="one-pound"),
        pytest.param("id,price\n" + "1,5 \u20ac\n" * 50, "cp1252", id="euros"),
        pytest.param("id,t\n1,\u201cgood\u201d \u2013 I\u2019d say\u2026\n", "cp1252", id="quotes"),
    ],
)
def test_english_with_few_signs_is_of_windows(text, expected):
    """
    A pound or an apostrophe is letters in other encodings; but nearly all such files are of Windows.
    chardet 7.7.0 reads them as Macintosh, Greek and Hebrew ones.
    """
    assert guess_encoding(text.encode("cp1252")).encoding == expected


def test_two_likely_readings_are_shown():
    """
    Where a second reading is nearly as likely, a piece of the text is there in both, around what differs.
    """
    guess = guess_encoding("id,comment\n1,it\u2019s fine\n".encode("cp1252"))
    assert guess.readings == (("cp1252", "1,it\u2019s fine"), ("mac-roman", "1,it\u00eds fine"))


def test_a_clear_text_has_one_reading():
    """
    Nothing is asked where the words of a language are plain.
    """
    for language in ("de", "pl", "ru", "tr", "ja"):
        encoding = WRITTEN_IN[language].split()[0]
        assert guess_encoding(shaped("table", language).encode(encoding)).readings == ()


def test_what_no_text_has_is_not_guessed():
    """
    Every byte once is no text, and so are letters where none can stand.
    """
    assert guess_encoding(bytes(range(128, 256)) * 3).encoding is None
    assert guess_encoding(b"a,b\n1,\xff\xfe\x81\x8d\n").encoding is None


def test_utf8_with_a_broken_byte_is_utf8():
    """
    A byte that was cut does not make another encoding of thousands of letters: the reader names its line.
    """
    data = shaped("table", "pl").encode()
    at = data.index("ż".encode(), 4_000)
    broken = data[: at + 1] + data[at + 2 :]
    assert not is_utf8(broken, is_whole=True)
    assert guess_encoding(broken).encoding == "utf-8"


@pytest.mark.parametrize("row", [b"2;2024-05-11;f\xc3\x81r\r\n", b"2;2024-05-11;\x90\x81\r\n"])
def test_a_row_of_another_encoding_does_not_decide(row):
    """
    A row with bytes that Windows-1252 leaves open does not make Turkish of German; the reader names its line.
    """
    first, table = shaped("rows", "de").encode("cp1252"), shaped("table", "de").encode("cp1252")
    assert guess_encoding(table + row).encoding == "cp1252"
    assert guess_encoding(first + row + table).encoding == "cp1252"


def test_letters_far_down_are_found():
    """
    The lines that tell something are taken from all over the sample, few of each place.
    """
    plain = b"1;nothing of note\n" * 40_000
    rows = shaped("table", "pl").encode("iso8859-2")
    assert guess_encoding(plain + rows).encoding == "iso8859-2"
    telling = telling_lines(plain + rows + plain)
    assert b"nothing" not in telling
    assert len(telling) < 30_000


@pytest.mark.parametrize(
    ("language", "encoding"), [("ja", "cp932"), ("zh", "gb18030"), ("zh-tw", "big5"), ("ko", "cp949")]
)
def test_long_lines_are_not_cut_within_a_character(language, encoding):
    """
    A text of one line without a space is looked at by whole characters, and is read rightly.
    """
    text = SENTENCES[language].replace(" ", "").replace(",", "") * 2_000
    data = text.encode(encoding)
    assert codecs.decode(telling_lines(data)[:1_000], encoding, "ignore")[:20] == text[:20]
    found = guess_encoding(data).encoding
    assert found is not None
    assert codecs.decode(data, found) == text


def test_old_line_ends_are_line_ends():
    """
    A file of an old Macintosh has CR alone, and is read line by line as any.
    """
    text = shaped("table", "fr").replace("\r\n", "\r")
    assert guess_encoding(text.encode("mac-roman")).encoding == "mac-roman"


@pytest.mark.parametrize("text", ["a ~ b", "~{", "a +AOk- b", "\x1b[1mbold\x1b[0m", "C:\\~{1}", ""])
def test_plain_ascii_is_left_alone(text):
    """
    Signs of escapes in plain text are no escapes; UTF-7 is never guessed, for much ASCII would be read as it.
    """
    assert not looks_encoded(text.encode())
    assert guess_encoding(text.encode()) == EncodingGuess(None)


def read(path):
    table = open_csv(path)
    return table, [row for chunk in table.chunks() for row in chunk.frame.iter_rows()]


@pytest.mark.parametrize("encoding", ["iso2022_jp", "cp932", "euc_jp", "utf-16-le", "utf-32-be"])
@pytest.mark.parametrize("rows", [3, 40_000])
def test_a_table_is_read_by_both_readers(tmp_path, encoding, rows):
    """
    What is ASCII to the letter, as ISO-2022 is, and what has NUL bytes, as UTF-32 has, are tables as any.
    """
    path = tmp_path / "t.csv"
    sentence = SENTENCES["ja"]
    path.write_bytes(("id,回答\r\n" + f"1,{sentence}\r\n" * rows).encode(encoding))
    table, found = read(path)
    assert (table.encoding, table.header, table.encoding_guessed) == (encoding, ("id", "回答"), True)
    assert found == [("1", sentence)] * rows


@pytest.mark.parametrize("pack", [lambda data: data, gzip.compress], ids=["plain", "gzip"])
def test_letters_below_a_mebibyte_of_ascii_decide(tmp_path, pack):
    """
    A file that begins in plain ASCII is read in the encoding of the letters further down.
    """
    path = tmp_path / "t.csv"
    plain = b"1,nothing of note\r\n" * 70_000
    path.write_bytes(pack(b"id,t\r\n" + plain + f"2,{SENTENCES['pl'][:20]}\r\n".encode("cp1250") * 9_000))
    table, found = read(path)
    assert table.encoding == "cp1250"
    assert (found[0][1], found[-1][1]) == ("nothing of note", SENTENCES["pl"][:20])


def test_one_byte_far_down_is_told_with_its_line(tmp_path):
    """
    A byte or two below a mebibyte of ASCII are damage rather than an encoding: the reader names the line.
    """
    path = tmp_path / "t.csv"
    path.write_bytes(b"id,t\n" + b"1,nothing of note\n" * 70_000 + b"1,\xff\n")
    with pytest.raises(TableError) as caught:
        read(path)
    assert caught.value.line == 70_002


def test_a_broken_byte_in_utf8_is_told_with_its_line(tmp_path):
    """
    A cut character stops the reading at its line, and nothing is read as another encoding.
    """
    path = tmp_path / "t.csv"
    text = shaped("table", "pl").replace("\r\n", "\n")
    data = text.encode()
    at = data.index("ż".encode(), data.index(b"\n7;"))
    path.write_bytes(data[: at + 1] + data[at + 2 :])
    with pytest.raises(TableError) as caught:
        read(path)
    assert (caught.value.kind, caught.value.line) == ("bytes-not-of-encoding", 8)


def test_a_second_likely_reading_is_said(tmp_path):
    """
    The table is read in the likelier way, and a line shows both, with the option for the other one.
    """
    path = tmp_path / "t.csv"
    path.write_bytes("id,comment\n1,it\u2019s fine\n".encode("cp1252"))
    table, found = read(path)
    assert found == [("1", "it\u2019s fine")]
    (note,) = table.notes
    assert note.kind == "note-two-readings"
    assert "it\u2019s fine" in str(note)
    assert "--encoding mac-roman" in str(note)
    assert open_csv(path, encoding="cp1252").notes == ()


def test_a_toss_is_asked(tmp_path):
    """
    Where two readings are as likely, the error shows a line in both, and the two options.
    """
    path = tmp_path / "t.csv"
    path.write_bytes("id,word\n1,Übung\n".encode("mac-roman"))
    with pytest.raises(TableError) as caught:
        open_csv(path)
    assert caught.value.kind == "encoding-of-two"
    assert "1,Übung" in str(caught.value)
    assert "--encoding mac-roman" in caught.value.hint


def test_a_folder_of_texts_in_many_encodings(tmp_path):
    """
    Each file of a folder is read in its own encoding.
    """
    names = {"ja": "iso2022_jp", "pl": "iso8859-2", "ru": "koi8-r", "de": "utf-8", "th": "cp874"}
    for language, encoding in names.items():
        (tmp_path / f"{language}.txt").write_bytes(SENTENCES[language].encode(encoding))
    table = open_table(tmp_path)
    rows = [row for chunk in table.chunks() for row in chunk.frame.iter_rows()]
    assert rows == [(f"{language}.txt", SENTENCES[language]) for language in sorted(names)]


@pytest.mark.parametrize("name", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_mark_decides_in_a_folder_of_texts_too(tmp_path, name):
    """
    The mark of UTF-32 begins with that of UTF-16; a document beside the texts is read in the same way.
    """
    (tmp_path / "a.txt").write_bytes("größer, 更大".encode(name))
    assert next(open_table(tmp_path).chunks()).frame["1"].to_list() == ["größer, 更大"]

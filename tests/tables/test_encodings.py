"""The encoding of a text without a mark is found; where two are likely, both are shown."""

from __future__ import annotations

import codecs
import unicodedata

import pytest

from rowbatch.tables.encodings import EncodingGuess, guess_encoding, is_utf8, looks_encoded, telling_lines

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

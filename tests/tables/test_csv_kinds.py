"""Encodings that nobody said, packed files, and broken rows that are kept or skipped on demand."""

from __future__ import annotations

import csv
import gzip
import io
import os
import tarfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cases import cases
from rowbatch.core.table_options import BadRows
from rowbatch.errors import RowbatchError, TableError
from rowbatch.tables import csv_fast
from rowbatch.tables.csv_reader import CsvTable, open_csv
from rowbatch.tables.encodings import guess_encoding, is_utf8
from rowbatch.tables.formats import open_table

SHARED = Path(os.environ.get("ROWBATCH_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"))
TEXTS = {
    "french": ("cp1252", "Prénom,réponse\nÉlodie,\"C'est très bien, j'ai été reçue à l'heure\"\n"),
    "german": ("cp1252", "name,antwort\nJürgen,Größe der Straße\n"),
    "spanish": ("latin-1", "nombre,texto\nJosé,El niño comió mañana\n"),
    "portuguese": ("cp1252", "nome,resposta\nJoão,Não é possível, atenção\n"),
    "swedish": ("cp1252", "namn,svar\nÅsa,Det är bra på högskolan\n"),
    "one-apostrophe": ("cp1252", "a,b\n1,it’s fine\n"),
    "one-pound": ("latin-1", "a,b\n1,cost £5\n"),
    "polish": ("cp1250", "imię,odpowiedź\nŁukasz,Bardzo dobra obsługa, dziękuję\n"),
    "czech": ("cp1250", "jméno,odpověď\nŘehoř,Příliš žluťoučký kůň úpěl\n"),
    "hungarian": ("cp1250", "név,válasz\nGyőző,Nagyon jó volt, köszönöm, őszintén\n"),
    "turkish": ("cp1254", "isim,cevap\nİbrahim,Çok güzel bir gün, teşekkürler ağabey\n"),
    "latvian": ("cp1257", "vārds,atbilde\nJānis,Ļoti labi, paldies, ķēniņš\n"),
    "russian": ("cp1251", "имя,текст\nИван,Очень хорошо работает\n"),
    "russian-koi8": ("koi8-r", "имя,текст\nИван,Очень хорошо работает сегодня\n"),
    "greek": ("cp1253", "όνομα,απάντηση\nΓιώργος,Πολύ καλό\n"),
    "hebrew": ("cp1255", "שם,תשובה\nדוד,טוב מאוד\n"),
    "arabic": ("cp1256", "اسم,جواب\nأحمد,جيد جدا\n"),
    "simplified": ("gb18030", "姓名,回答\n王伟,服务态度很好，非常满意\n"),
    "traditional": ("big5", "姓名,回答\n王偉,服務態度很好，非常滿意\n"),
    "japanese": ("cp932", "名前,回答\n田中,とても良いサービスでした\n"),
    "korean": ("cp949", "이름,답변\n김철수,서비스가 매우 좋았습니다\n"),
    "wide": ("utf-16-le", "name,text\nAnna,all well here\n"),
    "wide-be": ("utf-16-be", "name,text\nAnna,all well here\n"),
}


def rows_of(table: CsvTable) -> list[tuple[str, ...]]:
    return [row for chunk in table.chunks() for row in chunk.frame.iter_rows()]


@pytest.mark.parametrize("times", [1, 200])
@pytest.mark.parametrize("name", TEXTS)
def test_the_encoding_of_a_text_is_found(tmp_path, name, times):
    """
    A table in the encoding that its language is usually written in comes out right, and the guess is shown.
    """
    encoding, text = TEXTS[name]
    path = tmp_path / "t.csv"
    path.write_bytes((text * times).encode(encoding))
    guessed = guess_encoding(path.read_bytes())
    assert guessed.encoding is not None
    assert path.read_bytes().decode(guessed.encoding) == text * times
    rows = [line.split(",") for line in text.splitlines()]
    if len({len(row) for row in rows}) == 1:
        table = open_csv(path)
        assert table.encoding_guessed
        assert table.reading.encoding == table.encoding
        assert rows_of(table)[0] == tuple(rows[1])


@pytest.mark.parametrize("content", [b"a,b\n1,\xff\xfe\x81\x8d\n", bytes(range(128, 256)) * 3])
def test_what_nobody_can_tell_is_asked_for(tmp_path, content):
    """
    Bytes that are no text in any encoding, or in too many, are an error that names the option.
    """
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    with pytest.raises(TableError, match=r"--encoding|not UTF-8") as caught:
        rows_of(open_csv(path))
    assert "--encoding" in caught.value.hint


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data are not here")
def test_real_samples():
    """
    Of the samples of other people none is misread: each is UTF-8, or decodes in the encoding that is found.
    """
    expected = {
        "sample-arabic-1.txt": "cp1256",
        "sample-chinese.txt": "big5hkscs",
        "sample-french-1.txt": "cp1252",
        "sample-greek.txt": "cp1253",
        "sample-greek-2.txt": "cp1253",
        "sample-hebrew-2.txt": "cp1255",
        "sample-hebrew-3.txt": "cp1255",
        "sample-korean.txt": "cp949",
        "sample-russian.txt": "mac-cyrillic",
        "sample-turkish.txt": "cp1254",
    }
    found = {}
    with tarfile.open(SHARED / "charset_samples.tar.xz") as archive:
        for member in archive.getmembers():
            file = archive.extractfile(member)
            if file is not None and member.name.endswith(".txt"):
                content = file.read()
                if not is_utf8(content, is_whole=True):
                    found[Path(member.name).name] = guess_encoding(content).encoding
    assert found == expected


def packed_zstd(data: bytes) -> bytes:
    zstd = pytest.importorskip("backports.zstd")
    return bytes(zstd.compress(data))


@pytest.mark.parametrize("pack", [gzip.compress, packed_zstd], ids=["gzip", "zstd"])
def test_packed_tables(tmp_path, monkeypatch, pack):
    """
    A packed table is read as the unpacked one is, by both readers, and an error names the same line.
    """
    monkeypatch.setattr(csv_fast, "_BLOCK_BYTES", 1_000)
    text = "a,b\n" + "".join(f'{n},"x\n{n}"\n' for n in range(2_000))
    path = tmp_path / "t.csv.gz"
    path.write_bytes(pack(text.encode()))
    rows = rows_of(open_csv(path))
    assert rows == [(str(n), f"x\n{n}") for n in range(2_000)]
    path.write_bytes(pack((text + "3\n").encode()))
    with pytest.raises(TableError) as caught:
        rows_of(open_csv(path))
    assert caught.value.line == 1 + 4_000 + 1


@pytest.mark.parametrize("pack", [gzip.compress, packed_zstd], ids=["gzip", "zstd"])
def test_a_packed_file_that_is_cut_off(tmp_path, pack):
    """
    A download that broke off is an error, not a shorter table.
    """
    data = pack(os.urandom(3_000_000).hex().encode() + b"\n")
    path = tmp_path / "t.csv.zst"
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(TableError, match="damaged or cut off"):
        rows_of(open_csv(path))


@pytest.mark.parametrize("encoding", ["utf-16", "cp1252", "gb18030", "utf-32"])
@pytest.mark.parametrize("rows", [10, 30_000])
def test_other_encodings_take_the_fast_way_too(tmp_path, monkeypatch, encoding, rows):
    """
    What is not UTF-8 is the same table, also when it breaks in the middle.
    """
    monkeypatch.setattr(csv_fast, "_BLOCK_BYTES", 50_000)
    text = "a,b\r\n" + "".join(f'{n},"é ""{n}"""\r\n' for n in range(rows))
    path = tmp_path / "t.csv"
    path.write_bytes(text.encode(encoding))
    table = open_csv(path, encoding=encoding)
    fast = csv_fast.FastReader(path, table.header, table.encoding, ",")
    assert sum(frame.height for frame in fast.frames()) == rows
    assert fast.is_done
    assert rows_of(table) == [(str(n), f'é "{n}"') for n in range(rows)]
    path.write_bytes((text + "1\r\n").encode(encoding))
    with pytest.raises(TableError, match="1 cells") as caught:
        rows_of(open_csv(path, encoding=encoding))
    assert caught.value.line == rows + 2


BROKEN = 'a,b,c\n1,2,3\n4,5\n6,7,8,9\n\n10,"x"y,12\n13,\0,15\n16,17,18\n19,"20,21\n22,23,24\n'


@pytest.mark.parametrize(
    ("mode", "rows", "lines"),
    [
        pytest.param(
            "keep",
            [
                ("1", "2", "3"),
                ("4", "5", ""),
                ("6", "7", "8,9"),
                ("", "", ""),
                ("10", "xy", "12"),
                ("13", "\ufffd", "15"),
                ("16", "17", "18"),
                ("19", '"20', "21"),
                ("22", "23", "24"),
            ],
            [3, 4, 5, 6, 7, 9],
            id="keep",
        ),
        pytest.param(
            "skip",
            [("1", "2", "3"), ("16", "17", "18"), ("22", "23", "24")],
            [3, 4, 5, 6, 7, 9],
            id="skip",
        ),
    ],
)
def test_broken_rows_on_demand(tmp_path, mode, rows, lines):
    """
    Kept or skipped, each broken row is listed with its line, and no other row is touched.
    """
    path = tmp_path / "t.csv"
    path.write_text(BROKEN, newline="")
    with pytest.raises(TableError):
        rows_of(open_csv(path))
    table = open_csv(path, on_bad_rows=mode)
    assert rows_of(table) == rows
    assert [bad.line for bad in table.bad_rows.first] == lines
    assert table.bad_rows.count == len(lines)
    assert rows_of(table) == rows
    assert table.bad_rows.count == len(lines)


@pytest.mark.parametrize(
    ("rows", "kept", "lines"),
    [
        pytest.param(
            ['1,"open,x', "2,good,y", "3,good,z", '4,"also open,w', "5,good,v"],
            ["2", "3", "5"],
            [2, 5],
            id="text-after-the-quote-that-closes",
        ),
        pytest.param(
            ['1,"open,x', "2,good,y", '3,good,"quoted"', "4,good,v"],
            ["2", "3", "4"],
            [2],
            id="a-good-quote-closes",
        ),
        pytest.param(
            ['1,"open,x', "2,good,y", '3,"",z', "4,good,v"],
            ["2", "3", "4"],
            [2],
            id="too-few-cells",
        ),
        pytest.param(
            ['1,"two', 'lines" here",x', "2,good,y"], ["2"], [2], id="no-row-among-the-lines-of-a-cell"
        ),
    ],
)
def test_a_quote_that_closes_in_a_later_row_costs_its_own_row(tmp_path, rows, kept, lines):
    """
    Rows that a broken record would swallow as a part of its cell are rows.
    """
    path = tmp_path / "t.csv"
    path.write_text("\n".join(["id,text,more", *rows, ""]))
    table = open_csv(path, on_bad_rows="skip")
    assert [row[0] for row in rows_of(table)] == kept
    assert [bad.line for bad in table.bad_rows.first] == lines


def test_bytes_of_another_encoding_on_demand(tmp_path):
    """
    A byte that is not of the encoding costs its row, or becomes a replacement character, and is listed.
    """
    path = tmp_path / "t.csv"
    path.write_bytes("a,b\n1,ü\n2,".encode() + b"\xff\n3,x\n")
    kept, skipped = (open_csv(path, encoding="utf-8", on_bad_rows=mode) for mode in ("keep", "skip"))
    assert rows_of(kept) == [("1", "ü"), ("2", "\ufffd"), ("3", "x")]
    assert rows_of(skipped) == [("1", "ü"), ("3", "x")]
    assert [bad.line for bad in kept.bad_rows.first] == [3]
    assert "not UTF-8" in kept.bad_rows.first[0].what


cells = st.text(alphabet=st.sampled_from('ab,"\n\r\0 é;\t'), max_size=6)


@settings(max_examples=cases(100, 3_000))
@given(
    lines=st.lists(st.lists(cells, min_size=1, max_size=5), max_size=12),
    junk=st.text(alphabet=st.sampled_from('ab,"\n\r\0é'), max_size=30),
    mode=st.sampled_from(["keep", "skip"]),
)
def test_nothing_vanishes_silently(tmp_path_factory, lines, junk, mode: BadRows):
    """
    Whatever follows them, rows that are whole come out unchanged, in order, and what is left out is counted.
    """
    path = tmp_path_factory.mktemp("t") / "t.csv"
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([["x", "y", "z"], ["1", "2", "3"]])
    path.write_text(text.getvalue() + junk + "\n" + "\n".join(",".join(line) for line in lines), newline="")
    try:
        table = open_csv(path, encoding="utf-8", delimiter=",", on_bad_rows=mode)
        rows = rows_of(table)
    except RowbatchError:
        return
    assert rows[0] == ("1", "2", "3")
    assert all(len(row) == 3 for row in rows)
    letters = sum(character in "abé" for character in junk) + sum(
        character in "abé" for line in lines for cell in line for character in cell
    )
    found = sum(character in "abé" for row in rows for cell in row for character in cell)
    assert found == letters if mode == "keep" else found <= letters
    assert table.bad_rows.count or found == letters


@pytest.mark.parametrize("first", ["id", '"id"'], ids=["plain", "quoted"])
@pytest.mark.parametrize(
    "mark", [b"\xef\xbb\xbf" * 2, "\ufeff".encode("gb18030")], ids=["twice", "of GB18030"]
)
def test_a_mark_that_nobody_sees_is_no_part_of_the_first_name(
    tmp_path: Path, mark: bytes, first: str
) -> None:
    """Two programs may each write a byte order mark, or one GB18030's: Python strips one of UTF-8."""
    path = tmp_path / "t.csv"
    path.write_bytes(mark + f"{first},text\n1,你好世界\n".encode("gb18030" if mark[0] == 0x84 else "utf-8"))
    assert open_table(path).header == ("id", "text")


def test_a_stray_nul_in_a_short_file_makes_it_no_utf_16(tmp_path: Path) -> None:
    """Pairs of ASCII letters are Chinese signs then, without a line end; the line with the NUL is named."""
    path = tmp_path / "t.csv"
    path.write_bytes(b"id,text\n1,a\x00b\n2,b\n")
    table = open_table(path)
    assert table.header == ("id", "text")
    with pytest.raises(TableError, match="line 2: it holds a NUL byte"):
        list(table.chunks())


@pytest.mark.parametrize(
    ("mark", "program"),
    [(b"$FL2", "SPSS"), (b"<stata_dta>", "Stata"), (b"RDX3\n", "R"), (b"\x1f\x8b\x08", "gzip")],
    ids=str,
)
@pytest.mark.parametrize("suffix", [".gz", ".zip"])
def test_what_is_packed_and_no_text_is_named(tmp_path: Path, suffix: str, mark: bytes, program: str) -> None:
    """It was called a text of an encoding that nobody can tell."""
    path, content = tmp_path / f"t.csv{suffix}", mark + bytes(range(256))
    if suffix == ".gz":
        path.write_bytes(gzip.compress(content))
    else:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("t.bin", content)
    with pytest.raises(TableError, match=f"it is {program} data"):
        open_table(path)

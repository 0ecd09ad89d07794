"""Corrections by hand."""

from rowbatch.store.corrections import NAME, add_correction, read_corrections


def test_the_last_word_counts(tmp_path):
    """
    A row may be corrected again, and a correction taken back; the file keeps all of it.
    """
    assert read_corrections(tmp_path) == {}
    add_correction(tmp_path, 7, "topic", "health")
    add_correction(tmp_path, 2, "topic", "other")
    add_correction(tmp_path, 7, "topic", "economy\n\u2028")
    add_correction(tmp_path, 2, "topic", None)
    assert read_corrections(tmp_path) == {7: {"topic": "economy\n\u2028"}}
    assert len((tmp_path / NAME).read_bytes().splitlines()) == 4


def test_a_line_that_was_cut_by_a_crash(tmp_path):
    """
    It is not read, and the next correction begins a line of its own.
    """
    add_correction(tmp_path, 1, "topic", "a")
    with (tmp_path / NAME).open("ab") as file:
        file.write(b'{"row": 2, "vari')
    add_correction(tmp_path, 3, "topic", "b")
    assert read_corrections(tmp_path) == {1: {"topic": "a"}, 3: {"topic": "b"}}

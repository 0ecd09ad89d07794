"""Files that appear whole or not at all."""

import stat
import subprocess
import sys

import pytest

from rowbatch.errors import InputError, OutputExists, StorageError
from rowbatch.store.atomic import atomic_file, write_atomically


def test_the_file_has_its_name_only_when_it_is_whole(tmp_path):
    """
    While it is written there is no file of that name.
    """
    path = tmp_path / "new" / "a.csv"
    with atomic_file(path, overwrite=False) as file:
        file.write(b"half")
        file.flush()
        assert not path.exists()
        file.write(b" and half")
    assert path.read_bytes() == b"half and half"
    assert [entry.name for entry in path.parent.iterdir()] == ["a.csv"]


def test_an_error_leaves_the_old_file_and_no_stray(tmp_path):
    """
    A failed write changes nothing.
    """
    path = tmp_path / "a.csv"
    path.write_bytes(b"old")
    with pytest.raises(RuntimeError), atomic_file(path, overwrite=True) as file:
        file.write(b"new")
        raise RuntimeError
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.csv"]


def test_an_existing_file_is_refused(tmp_path):
    """
    Without leave to overwrite, an existing file stays, also when it appears in the middle.
    """
    path = tmp_path / "a.csv"
    path.write_bytes(b"old")
    with pytest.raises(OutputExists):
        write_atomically(path, b"new", overwrite=False)
    late = tmp_path / "b.csv"
    with pytest.raises(OutputExists), atomic_file(late, overwrite=False) as file:
        file.write(b"new")
        late.write_bytes(b"someone else's")
    assert path.read_bytes() == b"old"
    assert late.read_bytes() == b"someone else's"


def test_a_file_is_readable_as_the_umask_says(tmp_path):
    """
    The temporary file's private mode does not stay.
    """
    write_atomically(tmp_path / "a", b"", overwrite=False)
    (tmp_path / "b").touch()
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == stat.S_IMODE((tmp_path / "b").stat().st_mode)


def test_a_folder_in_the_way_is_a_clear_error(tmp_path):
    """
    What the operating system says is translated.
    """
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises((StorageError, InputError)) as caught:
        write_atomically(tmp_path / "file" / "a", b"", overwrite=True)
    assert "file" in caught.value.message


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/full and RLIMIT_FSIZE are Linux's")
def test_a_full_disk_is_one_clear_error(tmp_path):
    """
    A write that the file system refuses leaves no file, and says so in one sentence.
    """
    program = """
import resource, signal, sys
# Python 3.11 keeps a compiled module that was cut off, for all programs to come.
sys.dont_write_bytecode = True
from pathlib import Path
from rowbatch.errors import StorageError
from rowbatch.store.atomic import write_atomically
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    write_atomically(Path(sys.argv[1]), b"x" * 100_000, overwrite=True)
except StorageError as error:
    print("refused:", error.message)
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "a")], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("refused:")
    assert list(tmp_path.iterdir()) == []

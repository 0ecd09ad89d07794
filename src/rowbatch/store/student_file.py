"""
The file of a student: an .npz of plain arrays, whole by rename, that is believed only if its digest is right.

Nothing in it can run: no pickle is read.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rowbatch.core.student.features import Vocabulary
from rowbatch.core.student.learning import Learning, Said, Student
from rowbatch.core.student.logistic import Weights
from rowbatch.errors import RunError, from_os_error
from rowbatch.store.atomic import write_atomically

FORMAT = 1
Arrays = dict[str, npt.NDArray[Any]]
_MOST_BYTES = 1 << 32
_ARRAYS = {
    "words": np.uint64,
    "runs": np.uint64,
    "idf": np.float64,
    "of_features": np.float64,
    "intercepts": np.float64,
    "codes": np.int64,
    "sure": np.float32,
}


def write_student(path: Path, learning: Learning) -> None:
    """
    Keep a student, with how it came about.

    Raises:
        StorageError: The file cannot be written.
    """
    student = learning.student
    arrays: Arrays = {
        "words": student.vocabulary.words,
        "runs": student.vocabulary.runs,
        "idf": student.vocabulary.idf,
        "of_features": student.weights.of_features,
        "intercepts": student.weights.intercepts,
        "codes": learning.unseen.codes,
        "sure": learning.unseen.sure,
    }
    told = {
        "format": FORMAT,
        "labels": list(student.labels),
        "several": student.several,
        "rows": learning.rows,
        "strength": learning.strength,
        "losses": [list(pair) for pair in learning.losses.items()],
        "same": learning.same,
        "rare": dict(learning.rare),
        "is_converged": learning.is_converged,
        "sha256": _digest(arrays),
    }
    file = io.BytesIO()
    about = json.dumps(told, ensure_ascii=False).encode()
    whole: dict[str, Any] = {"about": np.frombuffer(about, dtype=np.uint8), **arrays}
    np.savez(file, **whole)
    write_atomically(path, file.getvalue(), overwrite=True)


def read_student(path: Path) -> Learning | None:
    """
    Read a student that was kept.

    Returns:
        It; None where there is none.
    Raises:
        RunError: The file is damaged, or a newer rowbatch wrote it.
    """
    try:
        with path.open("rb") as file:
            return _read(file)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise from_os_error(error, str(path)) from error
    except (ValueError, KeyError, TypeError, EOFError, MemoryError, zipfile.BadZipFile, OverflowError):
        raise RunError("student-damaged", path=str(path)) from None


def _read(file: io.BufferedReader) -> Learning:
    with zipfile.ZipFile(file) as archive:
        if sum(one.file_size for one in archive.infolist()) > _MOST_BYTES:
            raise ValueError("too large")
    file.seek(0)
    with np.load(file, allow_pickle=False) as content:
        told = json.loads(content["about"].tobytes())
        if told["format"] != FORMAT:
            raise ValueError("another format")
        arrays = {name: content[name] for name in _ARRAYS}
    if any(arrays[name].dtype != kind for name, kind in _ARRAYS.items()) or told["sha256"] != _digest(arrays):
        raise ValueError("another content")
    student = Student(
        tuple(map(str, told["labels"])),
        bool(told["several"]),
        Vocabulary(arrays["words"], arrays["runs"], arrays["idf"]),
        Weights(arrays["of_features"], arrays["intercepts"]),
    )
    return Learning(
        student,
        int(told["rows"]),
        float(told["strength"]),
        {float(strength): float(loss) for strength, loss in told["losses"]},
        float(told["same"]),
        Said(arrays["codes"], arrays["sure"]),
        {str(label): int(rows) for label, rows in told["rare"].items()},
        bool(told["is_converged"]),
    )


def _digest(arrays: Arrays) -> str:
    digest = hashlib.sha256()
    for name in _ARRAYS:
        one = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {one.dtype} {one.shape}\n".encode())
        digest.update(one.tobytes())
    return digest.hexdigest()

"""
The file of a student: an .npz of plain arrays, whole by rename, that is believed only if its digest is right.

Nothing in it can run: no pickle is read.
"""

from __future__ import annotations

import hashlib
import io
import json
import lzma
import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rowbatch.core.student.features import Vocabulary
from rowbatch.core.student.learning import Learning, Said, Student
from rowbatch.core.student.logistic import Weights
from rowbatch.errors import RunError, from_os_error
from rowbatch.store.atomic import write_atomically

FORMAT = 2
Arrays = dict[str, npt.NDArray[Any]]
_MOST_BYTES = 1 << 32
# What NumPy, zip files, what these may be packed by, and JSON raise for what is not as it should be.
_DAMAGE = (
    *(ValueError, KeyError, TypeError, AttributeError, EOFError, MemoryError, OverflowError, RecursionError),
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, NotImplementedError, RuntimeError, struct.error),
)
_ARRAYS = {
    "words": np.uint64,
    "runs": np.uint64,
    "idf": np.float64,
    "of_features": np.float64,
    "intercepts": np.float64,
    "codes": np.int64,
    "sure": np.float32,
    "known": np.float32,
    "texts": np.uint64,
}


@dataclass(frozen=True, slots=True)
class Lesson:
    """
    What a student was taught.

    Attributes:
        run: Name of the run whose labels these are.
        variable: The name of the variable.
        rules: What was asked: the variable as codebooks have it.
        columns: Of the table, that a text is made of.
    """

    run: str
    variable: str
    rules: Mapping[str, Any]
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class KeptStudent:
    """
    A student that was kept.

    Attributes:
        learning: How it came about.
        lesson: What it was taught.
        texts: Digests of the texts that it learned from, see `digest_of`, a row a row.
        sha256: Of all of it.
    """

    learning: Learning
    lesson: Lesson
    texts: npt.NDArray[np.uint64]
    sha256: str


def digest_of(text: str) -> int:
    """By this a text is known again that a student learned from; the file has no texts."""
    digest = hashlib.sha256(f"rowbatch-text\n{text}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big")


def write_student(path: Path, learning: Learning, lesson: Lesson, texts: Sequence[str]) -> None:
    """
    Keep a student, with how it came about.

    Args:
        path: Of the file.
        learning: The student.
        lesson: What it was taught.
        texts: That it learned from, a row a row.
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
        "known": learning.known,
        "texts": np.array([digest_of(one) for one in texts], dtype=np.uint64),
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
        "lesson": {
            "run": lesson.run,
            "variable": lesson.variable,
            "rules": dict(lesson.rules),
            "columns": list(lesson.columns),
        },
    }
    file = io.BytesIO()
    about = json.dumps(told, ensure_ascii=False).encode()
    arrays["about"] = np.frombuffer(about, dtype=np.uint8)
    whole: dict[str, Any] = {**arrays, "sha256": np.frombuffer(_digest(arrays), dtype=np.uint8)}
    np.savez(file, **whole)
    write_atomically(path, file.getvalue(), overwrite=True)


def read_student(path: Path) -> KeptStudent:
    """
    Read a student that was kept.

    Raises:
        RunError: The file is damaged, or another version of rowbatch wrote it.
        InputError, StorageError: There is no such file, or it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return _read(file)
    except OSError as error:
        raise from_os_error(error, str(path)) from error
    except _DAMAGE:
        raise RunError("student-damaged", path=str(path)) from None


def _read(file: io.BufferedReader) -> KeptStudent:
    with zipfile.ZipFile(file) as archive:
        if sum(one.file_size for one in archive.infolist()) > _MOST_BYTES:
            raise ValueError("too large")
    file.seek(0)
    with np.load(file, allow_pickle=False) as content:
        arrays = {name: content[name] for name in (*_ARRAYS, "about")}
        digest = content["sha256"].tobytes()
    told = json.loads(arrays["about"].tobytes())
    if told["format"] != FORMAT:
        raise ValueError("another format")
    if any(arrays[name].dtype != kind for name, kind in _ARRAYS.items()) or digest != _digest(arrays):
        raise ValueError("another content")
    _require_shapes(arrays, told)
    student = Student(
        tuple(map(str, told["labels"])),
        bool(told["several"]),
        Vocabulary(arrays["words"], arrays["runs"], arrays["idf"]),
        Weights(arrays["of_features"], arrays["intercepts"]),
    )
    learning = Learning(
        student,
        int(told["rows"]),
        float(told["strength"]),
        {float(strength): float(loss) for strength, loss in told["losses"]},
        float(told["same"]),
        Said(arrays["codes"], arrays["sure"]),
        {str(label): int(rows) for label, rows in told["rare"].items()},
        bool(told["is_converged"]),
        arrays["known"],
    )
    about = told["lesson"]
    lesson = Lesson(
        str(about["run"]), str(about["variable"]), dict(about["rules"]), tuple(map(str, about["columns"]))
    )
    return KeptStudent(learning, lesson, arrays["texts"], digest.hex())


def _require_shapes(arrays: Arrays, told: Mapping[str, Any]) -> None:
    """That all of it goes together: the digest says that nobody changed it since, and not who made it."""
    labels, rows = len(told["labels"]), len(arrays["texts"])
    features = len(arrays["words"]) + len(arrays["runs"])
    shapes = {
        **dict.fromkeys(("texts", "codes", "sure"), (rows,)),
        "idf": (features,),
        "of_features": (features, labels),
        "intercepts": (labels,),
    }
    if any(arrays[name].shape != shape for name, shape in shapes.items()):
        raise ValueError("parts that do not go together")
    if any(arrays[name].ndim != 1 for name in ("words", "runs", "known")):
        raise ValueError("parts that do not go together")
    codes = arrays["codes"]
    most = 1 << labels if told["several"] else labels
    if labels < 1 or (rows and not 0 <= codes.min() <= codes.max() < most):
        raise ValueError("labels that are none")


def _digest(arrays: Arrays) -> bytes:
    digest = hashlib.sha256()
    for name in (*_ARRAYS, "about"):
        one = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {one.dtype} {one.shape}\n".encode())
        digest.update(one.tobytes())
    return digest.digest()

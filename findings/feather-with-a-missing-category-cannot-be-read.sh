#!/usr/bin/env bash
# polars 2.1.0, pandas 3.1.1, pyarrow 26.0.1, Python 3.11, 2026-11-28
#
# Expected: A Feather file that pandas writes of a category column with one missing value is read: "a", null, "b". What stands
#           under a null in the validity bitmap is undefined (Arrow columnar format 1.5, "Validity bitmaps"), so -1 may.
# Seen:     polars.read_ipc raises ComputeError: "The dictionary key must fit in a `usize`, but -1 does not". The same table
#           read by pyarrow and handed over, or written as Parquet, is read; so is one that pyarrow encodes itself.
# Who meets it: whoever saves a survey with pandas (a label column with a gap is a category column) and reads it with polars.
# Remedy:   read it with pyarrow, or write Parquet.
#
# Exits with 1 when this is no longer so.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check 'polars==2.1.0' 'pandas==3.1.1' 'pyarrow==26.0.1'
cat >"$place/see.py" <<'PYTHON'
import sys
from pathlib import Path

import pandas as pd
import polars as pl
import pyarrow as pa
from pyarrow import feather

place = Path(sys.argv[1])
frame = pd.DataFrame({"mood": pd.Categorical(["a", None, "b"])})
frame.to_feather(place / "pandas.feather")
frame.to_parquet(place / "pandas.parquet")
own = pa.table({"mood": pa.array(["a", None, "b"]).dictionary_encode()})
feather.write_feather(own, place / "pyarrow.feather")

expected = ["a", None, "b"]
written = feather.read_table(place / "pandas.feather")
written.validate(full=True)
print("pyarrow reads it  ", written["mood"].to_pylist())
assert written["mood"].to_pylist() == expected
assert pl.from_arrow(written).to_series().to_list() == expected
assert pl.read_parquet(place / "pandas.parquet").to_series().to_list() == expected
assert pl.read_ipc(place / "pyarrow.feather").to_series().to_list() == expected
try:
    seen = str(pl.read_ipc(place / "pandas.feather").to_series().to_list())
except pl.exceptions.ComputeError as error:
    seen = str(error)
print("polars says       ", seen)
assert "dictionary key must fit" in seen, seen
PYTHON
"$place/venv/bin/python" "$place/see.py" "$place"
echo "still so"

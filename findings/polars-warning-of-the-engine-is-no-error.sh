#!/usr/bin/env bash
# polars 2.1.0, pytest 9.0.1, CPython 3.11, Linux, 2026-11-29
#
# A project treats warnings as errors, so that what a library will drop is seen before it goes: `python -W error`, or
# `filterwarnings = error` of pytest. It uses something of polars that is deprecated, here `is_in` with a series.
#
# Expected: as with every other DeprecationWarning, the call raises it, and the test fails.
# Seen:     the call succeeds, and the test passes. Warnings that polars' engine gives (they are made in Rust, for
#           expressions) become an exception as the filter wants, which the engine then prints to standard error and
#           drops: "DeprecationWarning: ..." without file and line. So neither `-W error`, nor pytest's
#           `filterwarnings = error`, nor `pytest.warns` or `recwarn` under it, sees them; users of the program do.
#           With the filter "default" the same call gives an ordinary warning with file and line.
# Who meets it: every test suite that holds warnings to be errors, and every tool that prints only what it wants to.
# Remedy:   look at standard error as well (pytest: `capfd`), or run the suite once with `-W default` and read it.
#
# Exits with 1 when this is no longer so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check polars==2.1.0 pytest==9.0.1
cat > "$folder/test_it.py" <<'PYTHON'
import warnings

import polars as pl
import pytest

FRAME = pl.DataFrame({"fruit": ["apple", "pear"]})
WANTED = pl.Series(["apple"])


def test_of_the_engine():
    assert FRAME.filter(pl.col("fruit").is_in(WANTED)).height == 1
    assert FRAME.lazy().select(pl.col("fruit").is_in(WANTED)).collect().height == 2


def test_of_python():
    with pytest.raises(DeprecationWarning):
        warnings.warn("as of any other library", DeprecationWarning, stacklevel=1)
PYTHON
cd "$folder"
"$folder/venv/bin/python" -m pytest -q -s -p no:cacheprovider -W error test_it.py > out.txt 2> err.txt || { cat out.txt err.txt; exit 1; }
grep -q "2 passed" out.txt
printed=$(cat out.txt err.txt | grep -c "^\.\?DeprecationWarning: \`is_in\`")
echo "polars 2.1.0, warnings as errors: the test passes, and $printed warnings of the engine stand in its output"
[ "$printed" -ge 1 ]
"$folder/venv/bin/python" -W default - 2> plain.txt <<'PYTHON'
import polars as pl
pl.DataFrame({"fruit": ["apple"]}).filter(pl.col("fruit").is_in(pl.Series(["apple"])))
PYTHON
grep -q "<stdin>:2: DeprecationWarning" plain.txt
echo "with -W default it is an ordinary warning, with its line"

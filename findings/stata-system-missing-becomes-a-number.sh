#!/usr/bin/env bash
# pyreadstat 1.3.7 (pandas 3.0.0 as the second reader), Python 3.11, 2026-11-28
#
# Expected: a whole-number variable of a Stata file with both kinds of missing values, `.a` ("can't say") and `.` (no
#           answer), read with `user_missing=True`, has the letter "a" for the one and no value (NaN or None) for the other.
# Seen:     the letter comes; `.` becomes a whole number, without a warning: 0 when the file has this variable alone, and
#           9221120237041090560 (the bits of a NaN) was seen in one with more variables. Without `user_missing` it is NaN.
#           pandas.read_stata reads the same file as it was meant.
# Who meets it: whoever keeps "refused", "can't say" and "not asked" apart in survey data from Stata: a mean of that variable
#           has zeros in it that nobody answered, or is off by eighteen digits.
# Remedy:   read twice: where the file read without `user_missing` has NaN and the other one no letter, nothing was answered.
#
# Exits with 1 when this is no longer so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pyreadstat==1.3.7 pandas==3.0.0
cat > "$folder/show.py" <<'PYTHON'
import sys

import pandas as pd
import pyreadstat

path = sys.argv[1]
data = pd.DataFrame({"trust": pd.Series([1, "a", 2, None], dtype="object")})
pyreadstat.write_dta(
    data,
    path,
    missing_user_values={"trust": ["a"]},
    variable_value_labels={"trust": {1: "low", 2: "high", "a": "can't say"}},
)
letters = pyreadstat.read_dta(path, user_missing=True)[0]["trust"].tolist()
plain = pyreadstat.read_dta(path)[0]["trust"].tolist()
other = [str(value) for value in pd.read_stata(path, convert_missing=True, convert_categoricals=False)["trust"]]
print("pyreadstat", pyreadstat.__version__, "pandas", pd.__version__, "Python", sys.version.split()[0])
print("pyreadstat, user_missing=True:", letters)
print("pyreadstat:                   ", plain)
print("pandas.read_stata:            ", other)
still = letters[:3] == [1, "a", 2] and isinstance(letters[3], int) and plain[3] != plain[3] and other == ["1", ".a", "2", "."]
sys.exit(0 if still else "this has changed")
PYTHON
"$folder/venv/bin/python" "$folder/show.py" "$folder/trust.dta"

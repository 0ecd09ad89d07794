#!/usr/bin/env bash
# ruamel.yaml 0.19.1, Python 3.11 to 3.13, 2026-11-27
#
# Expected: `YAML(typ="safe").load` reads what `YAML(typ="safe").dump` wrote of a dictionary of strings.
# Seen:     a value that begins with a question mark and goes on, as in `{"label": "?unsure"}`, is written as
#           `{label: ?unsure}`, and the same library ends in a ParserError when it reads that. In block style
#           (`default_flow_style = False`) all is well. YAML 1.2 (rule ns-plain-first) allows the text unquoted.
# Who meets it: whoever keeps labels, questions or search terms in YAML by the safe dumper with its defaults; it is
#           noticed when the file is read again, which may be much later.
# Remedy:   `default_flow_style = False`.
#
# Exits with 1 when this is no longer so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check ruamel.yaml==0.19.1 PyYAML==6.0.3
cat > "$folder/show.py" <<'PYTHON'
import io
import sys

import ruamel.yaml
import yaml
from ruamel.yaml.error import YAMLError

VALUE = {"label": "?unsure"}


def round_trip(block):
    writer = ruamel.yaml.YAML(typ="safe")
    if block:
        writer.default_flow_style = False
    written = io.StringIO()
    writer.dump(VALUE, written)
    try:
        read = ruamel.yaml.YAML(typ="safe").load(written.getvalue())
    except YAMLError as error:
        read = type(error).__name__
    return written.getvalue().strip(), read


print("ruamel.yaml", ruamel.yaml.__version__, "Python", sys.version.split()[0])
default, block = round_trip(False), round_trip(True)
plain = yaml.safe_load(yaml.safe_dump(VALUE, default_flow_style=True))
print("with its defaults:", *default)
print("in block style:   ", *block)
print("PyYAML, in flow:  ", plain)
still = default[1] == "ParserError" and block[1] == VALUE and plain == VALUE
sys.exit(0 if still else "this has changed")
PYTHON
"$folder/venv/bin/python" "$folder/show.py"

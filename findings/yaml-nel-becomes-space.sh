#!/usr/bin/env bash
# ruamel.yaml 0.19.1 and PyYAML 6.0.3 with allow_unicode=True, Python 3.11 to 3.13, 2026-11-27
#
# Expected: a text that was written by one of them is the same text when the same library reads it, whatever Unicode
#           characters it has; JSON does that, and PyYAML without that option.
# Seen:     U+0085 (NEXT LINE) between letters comes back as a space, without a warning, with every `typ` of ruamel.yaml,
#           pure or not, and with `allow_unicode=True` of PyYAML, which is how YAML for people is written. It stands
#           as it is in single quotes, and is folded there as an end of a line, which YAML 1.2 says it is not.
# Who meets it: whoever keeps texts of social media or old surveys in YAML. U+0085 is what "…" of Windows-1252 becomes
#           when a file is read as Latin-1, so it is the commonest control character in such texts; a hash or a join
#           on the text no longer fits afterwards.
# Remedy:   DoubleQuotedScalarString, or a representer for str that asks for double quotes where U+0085 stands.
#
# Exits with 1 when this is no longer so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check ruamel.yaml==0.19.1 PyYAML==6.0.3
cat > "$folder/show.py" <<'PYTHON'
import io
import json
import sys

import ruamel.yaml
import yaml

TEXT = "wait\x85what"


def by_ruamel(typ, pure):
    written = io.StringIO()
    ruamel.yaml.YAML(typ=typ, pure=pure).dump({"text": TEXT}, written)
    return ruamel.yaml.YAML(typ=typ, pure=pure).load(written.getvalue())["text"]


found = {f"ruamel.yaml typ={typ} pure={pure}": by_ruamel(typ, pure) for typ in ("rt", "safe") for pure in (True, False)}
others = {
    "json": json.loads(json.dumps({"text": TEXT}))["text"],
    "PyYAML": yaml.safe_load(yaml.safe_dump({"text": TEXT}))["text"],
    "PyYAML allow_unicode": yaml.safe_load(yaml.safe_dump({"text": TEXT}, allow_unicode=True))["text"],
}
print("ruamel.yaml", ruamel.yaml.__version__, "PyYAML", yaml.__version__, "Python", sys.version.split()[0])
print(f"{'written':32} {TEXT!r}")
for name, text in {**found, **others}.items():
    print(f"{name:32} {text!r}")
still = all(text == "wait what" for text in found.values())
still = still and others == {"json": TEXT, "PyYAML": TEXT, "PyYAML allow_unicode": "wait what"}
sys.exit(0 if still else "this has changed")
PYTHON
"$folder/venv/bin/python" "$folder/show.py"

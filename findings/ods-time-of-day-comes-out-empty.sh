#!/usr/bin/env bash
# fastexcel 0.21.0, python-calamine 0.9.1, pandas 3.1.1 with odfpy 1.4.1, Python 3.11, 2026-11-28
#
# Expected: OpenDocument 1.3, part 3: office:time-value="PT13H45M00S" (19.385) is 13:45; text:tab and text:line-break (6.1.4,
#           6.1.5) are a tab and a line break: "one", tab, "two", line break, "three".
# Seen:     fastexcel gives null for the time, also where it is asked for texts; pandas and python-calamine give 13:45.
#           fastexcel and python-calamine give "onetwothree" for the text; pandas keeps the break and loses the tab.
# Who meets it: whoever reads a diary, a schedule or an interview that LibreOffice saved as .ods: times are gone, and words
#           run together, without a word of warning.
# Remedy:   put the signs and the times into content.xml as plain text before it is read.
#
# Exits with 1 when this is no longer so.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check 'fastexcel==0.21.0' 'python-calamine==0.9.1' 'polars==2.1.0' 'pandas==3.1.1' 'odfpy==1.4.1'
cat >"$place/see.py" <<'PYTHON'
import sys
import zipfile

import fastexcel
import pandas as pd
from python_calamine import CalamineWorkbook

path = sys.argv[1]
head = (
    '<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
    'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" office:version="1.3">'
    '<office:body><office:spreadsheet><table:table table:name="S">'
)
tail = "</table:table></office:spreadsheet></office:body></office:document-content>"
cells = [
    '<table:table-cell office:value-type="string"><text:p>h</text:p></table:table-cell>',
    '<table:table-cell office:value-type="time" office:time-value="PT13H45M00S"><text:p>13:45</text:p>'
    "</table:table-cell>",
    '<table:table-cell office:value-type="string"><text:p>one<text:tab/>two<text:line-break/>three</text:p>'
    "</table:table-cell>",
]
manifest = (
    '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0" manifest:version="1.3">'
    '<manifest:file-entry manifest:full-path="/" '
    'manifest:media-type="application/vnd.oasis.opendocument.spreadsheet"/>'
    '<manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml"/></manifest:manifest>'
)
with zipfile.ZipFile(path, "w") as archive:
    archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
    archive.writestr("META-INF/manifest.xml", manifest)
    rows = "".join(f"<table:table-row>{cell}</table:table-row>" for cell in cells)
    archive.writestr("content.xml", head + rows + tail)

fast = fastexcel.read_excel(path).load_sheet(0, header_row=None, dtypes="string").to_polars().to_series().to_list()
calamine = [row[0] for row in CalamineWorkbook.from_path(path).get_sheet_by_index(0).to_python()]
odf = pd.read_excel(path, engine="odf", header=None)[0].tolist()
print("fastexcel      ", fast)
print("python-calamine", calamine)
print("pandas, odfpy  ", odf)
assert fast == ["h", None, "onetwothree"], fast
assert calamine[2] == "onetwothree", calamine
assert [str(odf[1]), odf[2]] == ["13:45:00", "onetwo\nthree"], odf
PYTHON
"$place/venv/bin/python" "$place/see.py" "$place/t.ods"
echo "still so"

#!/usr/bin/env bash
# click 8.5.1, CPython 3.11.7, Linux, 2026-11-28
#
# A program of click imports a library while the disk, or a limit on the size of files (RLIMIT_FSIZE, a quota), takes
# only part of what is written. Later there is room again.
#
# Expected: Python keeps a compiled module whole or not at all; the program works as soon as there is room. What goes
#           wrong in a command is told as what it is.
# Seen:     1. CPython 3.11 keeps the part of the compiled module that was taken (`_write_atomic` of importlib does not
#              look how many bytes `FileIO.write` took) and gives it its name: from then on each program that imports
#              the module ends with EOFError ("marshal data too short" or alike), also with all room of the world.
#           2. click takes any EOFError of a command for the end of a prompt's input: the person sees "Aborted!" and
#              exit code 1, and nothing of the broken module.
# Who meets it: who runs tools on a full disk or under a quota, once; then every command of the tool says "Aborted!".
# Remedy:   remove the `__pycache__` folders; `PYTHONDONTWRITEBYTECODE=1` where files are limited; in a program of click
#           catch EOFError around what is no prompt.
#
# Exits with 1 when this is no longer so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check click==8.5.1
cat > "$folder/wordlist.py" <<'PYTHON'
WORDS = {f"word{number}": number for number in range(5)}
TEXT = """a library with some text in it, so that its compiled form is longer than a thousand bytes""" * 1
def one(): return "one " * 3, [str(n) for n in range(10)], {"a": 1, "b": 2}
def two(): return "two " * 3, [str(n) for n in range(20)], {"c": 1, "d": 2}
def three(): return "three " * 3, [str(n) for n in range(30)], {"e": 1, "f": 2}
def four(): return "four " * 3, [str(n) for n in range(40)], {"g": 1, "h": 2}
PYTHON
cat > "$folder/tool.py" <<'PYTHON'
import click


@click.command()
def tool():
    import wordlist

    click.echo(f"{len(wordlist.WORDS)} words")


tool()
PYTHON
cat > "$folder/limited.py" <<'PYTHON'
import resource
import runpy
import signal
import sys

import click  # noqa: F401 - compiled before there is a limit

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
sys.argv = ["tool.py"]
runpy.run_path("tool.py", run_name="__main__")
PYTHON
cd "$folder"
unset PYTHONDONTWRITEBYTECODE
echo "with files of at most 1,000 bytes:"
PYTHONPATH=. venv/bin/python limited.py
ls -l __pycache__ | awk 'NR > 1 {print "  kept:", $5, "bytes", $9}'
echo "without a limit:"
set +e
venv/bin/python tool.py > told 2>&1
code=$?
told=$(tr -d "\n" < told)
direct=$(venv/bin/python -c 'import wordlist' 2>&1 | tail -1)
set -e
echo "  tool: '$told', exit code $code"
echo "  import: '$direct'"
if [ "$told" = "Aborted!" ] && [ "$code" = 1 ] && [[ "$direct" == EOFError:* ]]; then
  echo "As described."
else
  echo "This is no longer so." >&2
  exit 1
fi

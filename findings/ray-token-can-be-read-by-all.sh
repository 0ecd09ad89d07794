#!/usr/bin/env bash
# ray 2.60.0, CPython 3.11, Linux, 2026-11-28
#
# `ray.init(address="local")` where no token is set up: since 2.60 Ray makes one, so that other users of the computer
# cannot have it run their code.
#
# Expected: the file with the token can be read by its owner alone, as ssh has its keys.
# Seen:     ~/.ray/auth_token is written by `open(path, "w")` and its folder by `mkdir`: with the usual umask of 022
#           both can be read by every user that may enter the home folder (mode 644 in 755).
#           The folders of the session are mode 777 besides, also with a `_temp_dir` that was 700 before.
# Who meets it: shared computers and clusters whose home folders are 755, as Debian and Ubuntu before 21.04 make them.
# Remedy:   RAY_AUTH_MODE=token and a random RAY_AUTH_TOKEN in the environment: then no file is written. Or
#           `install -d -m 700 ~/.ray` first. A `_temp_dir` inside a folder of mode 700.
#
# Exits with 1 when this is no longer so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check ray==2.60.0
mkdir -m 700 "$folder/home" "$folder/t"
cat > "$folder/show.py" <<'PYTHON'
import os
import sys
from pathlib import Path

import ray


def mode(path):
    return oct(path.stat().st_mode & 0o777)


temporary = Path(sys.argv[1])
ray.init(
    address="local", num_cpus=1, include_dashboard=False, object_store_memory=80 << 20, log_to_driver=False,
    logging_level="ERROR", _temp_dir=str(temporary),
)  # fmt: skip
token = Path.home() / ".ray" / "auth_token"
print("token", mode(token), "its folder", mode(token.parent), "folder of the session", mode(temporary))
still = (mode(token), mode(token.parent), mode(temporary)) == ("0o644", "0o755", "0o777")
ray.shutdown()
sys.exit(0 if still else "this has changed")
PYTHON
umask 022
env -u RAY_AUTH_MODE -u RAY_AUTH_TOKEN -u RAY_AUTH_TOKEN_PATH HOME="$folder/home" RAY_USAGE_STATS_ENABLED=0 \
  "$folder/venv/bin/python" "$folder/show.py" "$folder/t"

#!/usr/bin/env bash
# ray 2.60.0, CPython 3.11, Linux, 2026-11-28
#
# A program wants Ray for itself alone, on a computer that others reach, and names the address of this computer:
# `ray.init(address="local", _node_ip_address="127.0.0.1")`.
#
# Expected: Ray listens on 127.0.0.1.
# Seen:     its servers (gcs_server, raylet, workers, the program itself) listen on every interface. `init` replaces
#           the address by the one of the network (`resolve_ip_for_localhost`: "Make sure localhost isn't resolved to
#           the loopback ip"), and a node with such an address listens on all. The same without the option.
# Who meets it: notebooks and tests on shared computers and login nodes; what Ray takes from whoever reaches it is code
#           (CVE-2023-48022), since 2.60 with a token.
# Remedy:   RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER=0 in the environment before `import ray`: what Ray does on Windows and
#           macOS by default, obeyed on Linux too. Every port is then on 127.0.0.1.
#
# Exits with 1 when this is no longer so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export HOME="$folder" RAY_USAGE_STATS_ENABLED=0
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check ray==2.60.0
cat > "$folder/show.py" <<'PYTHON'
import os
import sys

import psutil_of_ray as psutil
import ray


def listening():
    """Addresses at which this process and what it has started listen."""
    found = set()
    own = psutil.Process()
    for process in [own, *own.children(recursive=True)]:
        for one in process.net_connections(kind="inet"):
            if one.status == psutil.CONN_LISTEN:
                found.add(one.laddr.ip.removeprefix("::ffff:"))
    return found


ray.init(
    address="local", num_cpus=1, include_dashboard=False, object_store_memory=80 << 20, log_to_driver=False,
    logging_level="ERROR", _temp_dir=os.environ["HOME"] + "/r", _node_ip_address="127.0.0.1",
)  # fmt: skip
print(sys.argv[1], "listens at", sorted(listening()))
everywhere = bool(listening() & {"::", "0.0.0.0"})
ray.shutdown()
sys.exit(0 if everywhere == (sys.argv[1] == "by-address") else "this has changed")
PYTHON
cat > "$folder/psutil_of_ray.py" <<'PYTHON'
import ray  # its own copy is found once it is imported

assert ray
from psutil import *  # noqa: E402, F403
PYTHON
"$folder/venv/bin/python" "$folder/show.py" by-address
RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER=0 "$folder/venv/bin/python" "$folder/show.py" by-environment

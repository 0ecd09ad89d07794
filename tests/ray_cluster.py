"""
A cluster of Ray with two computers, both this one: `python tests/ray_cluster.py`, where Ray is installed.

It writes its address, does what each line of its input says, and ends with it:

    lose            kills the second computer
    add FOLDER      has one more join, whose Python looks for packages in FOLDER first
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Any

os.environ |= {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    # A computer that is gone is missed after some seconds.
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_failure_threshold": "3",
}


def _join(cluster: Any, **options: Any) -> Any:
    """A further computer; on a busy one Ray gives its start up after 30 s, whatever is set."""
    for _ in range(3):
        with suppress(Exception):
            return cluster.add_node(**options)
    return cluster.add_node(**options)


def main() -> None:
    """Start, tell the address, and do as told."""
    from ray.cluster_utils import Cluster

    options = {"num_cpus": 1, "object_store_memory": 80 << 20}
    cluster = Cluster()
    _join(cluster, **options, include_dashboard=False)
    second = _join(cluster, **options)
    sys.stdout.write(f"{cluster.address}\n")
    sys.stdout.flush()
    for line in sys.stdin:
        command, _, folder = line.strip().partition(" ")
        if command == "lose":
            cluster.remove_node(second, allow_graceful=False)
        else:
            os.environ["PYTHONPATH"] = os.pathsep.join([folder, os.environ.get("PYTHONPATH", "")])
            _join(cluster, **options)
        sys.stdout.write(f"{command}\n")
        sys.stdout.flush()
    cluster.shutdown()


if __name__ == "__main__":
    main()

"""
Schemathesis asks the Batch server whatever its own description allows, and much that it does not.

    python tests/schema_attack.py PATH-OF-SCHEMATHESIS [ITS OPTIONS]

It is in an environment of its own: `make schema-attack`. No answer may be a 5xx, and every answer has the
form that `/openapi.json` says.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from serving import ScriptedEngine, running_server

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


def main() -> int:
    """As Schemathesis exits: 0 where it found nothing."""
    with (
        tempfile.TemporaryDirectory() as home,
        running_server(Path(home), ScriptedEngine()) as endpoint,
    ):
        address = endpoint.base_url.removesuffix("/v1")
        given = [
            *("run", f"{address}/openapi.json"),
            *("--header", f"Authorization: Bearer {endpoint.key}"),
            *("--checks", CHECKS),
            *("--max-examples", "100"),
        ]
        return subprocess.run([sys.argv[1], *given, *sys.argv[2:]], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())

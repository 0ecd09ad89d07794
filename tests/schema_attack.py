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

from rowbatch.server.echo import EchoEngine
from serving import running_server

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


def main() -> int:
    """As Schemathesis exits: 0 where it found nothing."""
    with (
        tempfile.TemporaryDirectory() as home,
        # It has an answer at every endpoint, and streams.
        running_server(Path(home), EchoEngine()) as endpoint,
    ):
        address = endpoint.base_url.removesuffix("/v1")
        given = [
            *("run", f"{address}/openapi.json"),
            *("--header", f"Authorization: Bearer {endpoint.key}"),
            *("--checks", CHECKS),
            *("--max-examples", "100"),
        ]
        program = str(Path(sys.argv[1]).absolute())
        # It keeps what it finds where it is started.
        return subprocess.run([program, *given, *sys.argv[2:]], cwd=home, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())

"""
Hold a bill of materials to CycloneDX's own schema: `make sbom`.

    python tests/sbom_check.py dist/rowbatch.cdx.json

The schemas come with cyclonedx-python-lib. With its extra its own validator checks each address, and was not
done with these 90 packages after two minutes of computing (11.12.0).
"""

from __future__ import annotations

import json
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

from jsonschema import Draft7Validator
from referencing import Registry
from referencing.jsonschema import DRAFT7


def schema(name: str) -> Any:
    """One of CycloneDX's, by its name."""
    place = files("cyclonedx.schema") / "_res" / f"{name}.SNAPSHOT.schema.json"
    return json.loads(place.read_text(encoding="utf-8"))


def main() -> int:
    document = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    named: Registry[Any] = Registry().with_resources(
        (f"http://cyclonedx.org/schema/{name}.SNAPSHOT.schema.json", DRAFT7.create_resource(schema(name)))
        for name in ("spdx", "jsf-0.82")
    )
    version = document["specVersion"]
    wrong = list(Draft7Validator(schema(f"bom-{version}"), registry=named).iter_errors(document))
    for error in wrong[:20]:
        sys.stderr.write(f"{sys.argv[1]}: {error.json_path}: {error.message[:300]}\n")
    sys.stdout.write(f"{sys.argv[1]}: CycloneDX {version}, {len(wrong)} faults\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

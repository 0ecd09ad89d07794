"""
Hold an archive to the validators of the formats that it says it has: roc-validator and frictionless.

    make archives

`--make FOLDER` writes archives with this project; `FOLDER` alone, where the validators are installed, reads
them. The context of RO-Crate is the one that comes with the `rocrate` package, so nothing is fetched; the
two checks of roc-validator 0.13.0 that only fetch it are left out.
"""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

FETCHING = ("ro-crate-1.2_4.1", "ro-crate-1.2_4.2")


def make(folder: Path) -> None:
    """An archive of a small run, with all that only people know, and one without texts."""
    from driving import finish, make_run
    from fake_providers import FakeProvider
    from rowbatch.api.reporting import archive

    run = make_run(folder / "run")
    finish(run, FakeProvider("openai"))
    archive(
        run.path, folder / "whole.zip", title="A study", author="A. Author", license="https://example.org/by"
    )
    archive(run.path, folder / "bare.zip", texts=False)


def validate(folder: Path) -> int:
    """Read each archive with the validators; returns how many faults they found."""
    import io
    import urllib.request
    from email.message import Message
    from typing import Any
    from urllib.response import addinfourl

    import rocrate
    from frictionless import validate as check_package
    from rocrate_validator import models, services

    context = (Path(rocrate.__file__).parent / "data" / "ro-crate.jsonld").read_bytes()
    opened = urllib.request.OpenerDirector.open

    def open_here(self: Any, request: Any, *more: Any, **options: Any) -> Any:
        address = request if isinstance(request, str) else request.full_url
        if not address.startswith("https://w3id.org/ro/crate/"):
            return opened(self, request, *more, **options)
        headers = Message()
        headers["Content-Type"] = "application/ld+json"
        return addinfourl(io.BytesIO(context), headers, address, 200)

    urllib.request.OpenerDirector.open = open_here  # type: ignore[assignment,method-assign]
    faults = 0
    for path in sorted(folder.glob("*.zip")):
        place = folder / path.stem
        with zipfile.ZipFile(path) as file:
            file.extractall(place)
        settings = services.ValidationSettings(
            rocrate_uri=str(place),
            profile_identifier="ro-crate-1.2",
            requirement_severity=models.Severity.REQUIRED,
            abort_on_first=False,
        )
        issues = [
            one for one in services.validate(settings).get_issues() if one.check.identifier not in FETCHING
        ]
        for one in issues:
            print(f"{path.name}: {one.check.identifier} {one.message}")
        package = check_package(str(place / "datapackage.json"))
        for row in package.flatten(["type", "message"]):
            print(f"{path.name}: frictionless {row}")
        faults += len(issues) + (0 if package.valid else 1)
        told = "valid" if package.valid else "broken"
        print(f"{path.name}: RO-Crate 1.2 {len(issues)} faults, data package {told}")
    return faults


if __name__ == "__main__":
    if sys.argv[1] == "--make":
        make(Path(sys.argv[2]))
    else:
        sys.exit(min(1, validate(Path(sys.argv[1]))))

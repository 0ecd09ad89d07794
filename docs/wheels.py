"""
Whether everything that rowbatch and its extras pull in comes as a finished package: for each Python that it
is released for, on Linux, macOS and Windows. Where it does not, an installation wants a compiler, or fails.

The lock file tells, without the internet and without any of these Pythons.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from packaging.markers import Marker
from packaging.tags import Tag, compatible_tags, cpython_tags, mac_platforms
from packaging.utils import parse_wheel_filename

ROOT = Path(__file__).parent.parent
LOCK = ROOT / "uv.lock"

_LINUX = ["manylinux2014_x86_64", *(f"manylinux_2_{minor}_x86_64" for minor in range(28, 4, -1))]
SYSTEMS: Mapping[str, tuple[Mapping[str, str], list[str]]] = {
    "Linux": ({"os_name": "posix", "sys_platform": "linux", "platform_machine": "x86_64"}, _LINUX),
    "macOS": (
        {"os_name": "posix", "sys_platform": "darwin", "platform_machine": "arm64"},
        list(mac_platforms((14, 0), "arm64")),
    ),
    "Windows": ({"os_name": "nt", "sys_platform": "win32", "platform_machine": "AMD64"}, ["win_amd64"]),
}
_NAMES = {"linux": "Linux", "darwin": "Darwin", "win32": "Windows"}


def pythons(project: Path = ROOT / "pyproject.toml") -> list[str]:
    """The Pythons that it is released for, as the classifiers say."""
    text = project.read_text(encoding="utf-8")
    return re.findall(r'"Programming Language :: Python :: (3\.\d+)"', text)


def faults(lock: Path = LOCK) -> Iterator[str]:
    """What has no wheel, in sentences."""
    packages = tomllib.loads(lock.read_text(encoding="utf-8"))["package"]
    for python in pythons():
        for system, (facts, platforms) in SYSTEMS.items():
            environment: dict[str, str] = {
                **facts,
                "platform_system": _NAMES[facts["sys_platform"]],
                "platform_python_implementation": "CPython",
                "implementation_name": "cpython",
                "implementation_version": f"{python}.0",
                "python_version": python,
                "python_full_version": f"{python}.0",
                "platform_release": "",
                "platform_version": "",
            }
            wanted = _tags(python, platforms)
            for package in _installed(packages, environment):
                wheels = [wheel["url"].rpartition("/")[2] for wheel in package.get("wheels", [])]
                if not any(wanted & parse_wheel_filename(name)[3] for name in wheels):
                    named = f"{package['name']} {package['version']}"
                    yield f"{named} has no wheel for Python {python} on {system}"


def _tags(python: str, platforms: list[str]) -> set[Tag]:
    major, minor = map(int, python.split("."))
    return {
        *cpython_tags((major, minor), platforms=platforms),
        *compatible_tags((major, minor), f"cp{major}{minor}", platforms),
    }


def _installed(packages: list[Any], environment: dict[str, str]) -> Iterator[Mapping[str, Any]]:
    """All that rowbatch pulls in there with all of its extras, without itself."""
    (own,) = (package for package in packages if package["name"] == "rowbatch")
    waiting = [
        *own["dependencies"],
        *(one for extra in own["optional-dependencies"].values() for one in extra),
    ]
    seen: set[tuple[str, str, tuple[str, ...]]] = set()
    while waiting:
        needed = waiting.pop()
        if "marker" in needed and not _holds(needed["marker"], environment):
            continue
        for package in packages:
            if package["name"] != needed["name"] or not _is_chosen(package, needed, environment):
                continue
            extras = tuple(needed.get("extra", []))
            key = (package["name"], package["version"], extras)
            if key in seen:
                continue
            if (package["name"], package["version"]) not in {(name, version) for name, version, _ in seen}:
                yield package
            seen.add(key)
            waiting += package.get("dependencies", [])
            for extra in extras:
                waiting += package.get("optional-dependencies", {}).get(extra, [])


def _is_chosen(package: Mapping[str, Any], needed: Mapping[str, Any], environment: dict[str, str]) -> bool:
    """Whether it is the version that is meant: of several each says where it holds."""
    if "version" in needed:
        return bool(package["version"] == needed["version"])
    markers = package.get("resolution-markers", [])
    return not markers or any(_holds(marker, environment) for marker in markers)


def _holds(marker: str, environment: dict[str, str]) -> bool:
    return Marker(marker).evaluate(environment)

"""
Compile the kernels: `make kernels`, which brings the compiler (a package, the same on every system).

The same sources give the same bytes, so that anybody can see that `kernels.wasm` is what the sources say.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
BUILT = HERE / "kernels.wasm"


def digest_of_sources() -> str:
    """SHA-256 of the sources, in the order of their names."""
    digest = hashlib.sha256()
    for path in sorted([*HERE.glob("*.h"), *HERE.glob("*.c")]):
        digest.update(path.name.encode() + b"\0" + path.read_bytes().replace(b"\r\n", b"\n") + b"\0")
    return digest.hexdigest()


def main() -> None:
    """Compile all sources into one module."""
    sources = sorted(path.name for path in HERE.glob("*.c"))
    flags = [
        "--target=wasm32-freestanding",
        "-mcpu=generic+simd128+bulk_memory",
        "-O3",
        "-g0",
        "-Wall",
        "-Wextra",
    ]
    link = ["-nostdlib", "-Wl,--no-entry", "-Wl,--strip-all", "-Wl,-z,stack-size=65536"]
    define = f'-DSOURCES="{digest_of_sources()}"'
    command = [sys.executable, "-m", "ziglang", "cc", *flags, *link, define, "-o", BUILT.name, *sources]
    subprocess.run(command, check=True, cwd=HERE)
    # It is read, and never started by itself.
    BUILT.chmod(0o644)


if __name__ == "__main__":
    main()

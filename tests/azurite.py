"""
Azure's storage to test with: Azurite, Microsoft's own emulator of it, in a folder of its own.

It is fetched from npm the first time, in one version, into .tools/; Node has to be there. It keeps its
objects in a folder that goes at the end, and tells nobody that it ran.
"""

from __future__ import annotations

import base64
import contextlib
import datetime
import hashlib
import hmac
import http.client
import itertools
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

AZURITE = "ROWBATCH_AZURITE"
"""Set where the tests that need it are to run, and to fail where there is none."""
VERSION = "3.37.0"

_TOOLS = Path(__file__).parent.parent / ".tools" / f"azurite-{VERSION}"
_START_S = 120.0
ACCOUNT = "devstoreaccount1"
# It is in Azurite's README, and the same for everybody.
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


@dataclass
class Azurite:
    """
    Attributes:
        url: Its address.
        container: One that is there.
    """

    url: str
    container: str = "rowbatch-tests"
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def new_prefix(self) -> str:
        """A place in the container where nobody was."""
        return f"test {next(self._numbers)}/ü+%"

    def environment(self, url: str = "") -> dict[str, str]:
        """What a program needs to reach it, perhaps through something in between."""
        return {
            "AZURE_STORAGE_ENDPOINT": f"{url or self.url}/{ACCOUNT}",
            "AZURE_STORAGE_ACCOUNT_NAME": ACCOUNT,
            "AZURE_STORAGE_ACCOUNT_KEY": KEY,
        }

    def ask(
        self, path: str, body: bytes = b"", query: str = "", headers: Mapping[str, str] | None = None
    ) -> tuple[int, bytes]:
        """
        Put something there without any library in between.

        Source:
            Azure Storage services REST API Reference, "Authorize with Shared Key".
        """
        now = datetime.datetime.now(datetime.UTC)
        signed = {
            "x-ms-date": now.strftime("%a, %d %b %Y %H:%M:%S GMT"),
            "x-ms-version": "2021-12-02",
            **(headers or {}),
        }
        lines = ["PUT", "", "", str(len(body) or ""), *[""] * 5, signed.get("if-none-match", ""), "", ""]
        lines += [f"{name}:{signed[name]}" for name in sorted(signed) if name.startswith("x-ms-")]
        # The account stands in the path of an emulator, and before every path.
        lines += [f"/{ACCOUNT}/{ACCOUNT}{path}", *query.replace("=", ":").split("&")]
        to_sign = "\n".join(lines).rstrip("\n").encode()
        signature = base64.b64encode(hmac.digest(base64.b64decode(KEY), to_sign, hashlib.sha256)).decode()
        connection = http.client.HTTPConnection(self.url.removeprefix("http://"), timeout=60)
        where = f"/{ACCOUNT}{path}" + (f"?{query}" if query else "")
        allowed = {"Authorization": f"SharedKey {ACCOUNT}:{signature}"}
        connection.request("PUT", where, body or None, {**signed, **allowed})
        answer = connection.getresponse()
        found = answer.status, answer.read()
        connection.close()
        return found


def _fetch() -> Path:
    """The program; fetched from npm the first time."""
    program = _TOOLS / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"
    if not program.exists():
        if shutil.which("npm") is None:
            raise RuntimeError("Azurite is fetched with npm: Node has to be installed")
        shutil.rmtree(_TOOLS, ignore_errors=True)
        _TOOLS.mkdir(parents=True)
        words = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", f"azurite@{VERSION}"]
        subprocess.run(words, cwd=_TOOLS, check=True, stdout=subprocess.DEVNULL)
    return program


@contextmanager
def azurite() -> Iterator[Azurite]:
    """
    Start it with a container, and end it.

    Raises:
        RuntimeError: It cannot be fetched, or does not come up; with what it said.
    """
    program = _fetch()
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = int(found.getsockname()[1])
    with tempfile.TemporaryDirectory(prefix="rowbatch-azurite-") as name:
        log = Path(name) / "log"
        words = ["node", str(program), "--blobHost", "127.0.0.1", "--blobPort", str(port), "--location", name]
        # A library may be of a later version than it; and it tells Microsoft of each start otherwise.
        words += ["--silent", "--skipApiVersionCheck", "--disableTelemetry"]
        with log.open("wb") as out:
            process = subprocess.Popen(words, stdout=out, stderr=out)
        try:
            store = Azurite(f"http://127.0.0.1:{port}")
            deadline = time.monotonic() + _START_S
            while time.monotonic() < deadline and process.poll() is None:
                with contextlib.suppress(OSError):
                    status, said = store.ask(f"/{store.container}", query="restype=container")
                    if status != 201:
                        raise RuntimeError(f"no container: {said!r}")
                    break
                time.sleep(0.1)
            else:
                raise RuntimeError(f"Azurite does not come up:\n{log.read_text(errors='replace')[-2_000:]}")
            yield store
        finally:
            process.kill()
            process.wait()

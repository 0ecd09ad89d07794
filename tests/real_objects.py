"""
A real store to test with: Ceph's gateway (radosgw), with a monitor and a disk in memory, in its own folder.

    python tests/real_objects.py            # starts one, says how to reach it, and waits for Ctrl-C

Debian's packages are fetched and unpacked into .tools/, and nothing is installed. No service and no rights of
root are needed.
"""

from __future__ import annotations

import contextlib
import datetime
import functools
import hashlib
import hmac
import http.client
import itertools
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rowbatch.objects.store import Store

REAL = "ROWBATCH_REAL_STORE"
"""Set where the tests that need a real store are to run, and to fail where there is none."""

_TOOLS = Path(__file__).parent.parent / ".tools" / "ceph"
_PACKAGES = ("radosgw", "ceph-osd", "ceph-mon")
# Come along as dependencies, and are for disks and machines of which nothing is touched here.
_NEEDLESS = ("cryptsetup", "dmidecode", "gdisk", "hdparm", "logrotate", "lvm2", "nvme-cli", "parted",
             "smartmontools", "sudo", "uuid-runtime", "xfsprogs", "dmeventd")  # fmt: skip
_CONFIG = """
[global]
fsid = {fsid}
mon host = v2:127.0.0.1:{mon_port}
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind msgr1 = false
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
keyring = {folder}/keyring
run dir = {folder}
admin socket =
log file = {folder}/$name.log
mon cluster log file = {folder}/cluster.log
erasure code dir = {lib}/ceph/erasure-code
plugin dir = {lib}/ceph
osd class dir = {lib}/rados-classes
osd class load list = *
osd class default list = *
osd objectstore = memstore
memstore device bytes = 4294967296
mon data = {folder}/mon
osd data = {folder}/osd
mon data avail crit = 1
mon allow pool size one = true
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pgp num = 4
osd crush chooseleaf type = 0
rgw frontends = beast endpoint=127.0.0.1:{port}
"""


@dataclass
class RealStore:
    """
    Attributes:
        url: Its address.
        version: What it says of itself.
        stranger: Key and secret of a user who has no right to the bucket.
    """

    url: str
    version: str
    key: str = "AKIDREAL"
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(30))
    stranger: tuple[str, str] = ("AKIDSTRANGER", "canary-of-a-stranger")
    bucket: str = "rowbatch-tests"
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def new_prefix(self) -> str:
        """A place in the bucket where nobody was."""
        return f"test {next(self._numbers)}/ü+%"

    def environment(self, url: str = "") -> dict[str, str]:
        """What a program needs to reach it, perhaps through something in between."""
        return {
            "AWS_ENDPOINT_URL": url or self.url,
            "AWS_ACCESS_KEY_ID": self.key,
            "AWS_SECRET_ACCESS_KEY": self.secret,
            "AWS_REGION": "us-east-1",
        }

    def ask(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        ago: datetime.timedelta = datetime.timedelta(),
    ) -> tuple[int, bytes, Mapping[str, str]]:
        """
        Ask it without any library in between.

        Args:
            path: With its query, quoted.
            ago: How late the clock of the caller is.
        Source:
            Amazon S3 API Reference, "Authenticating Requests: Using the Authorization Header".
        """
        host = self.url.removeprefix("http://")
        time_text = (datetime.datetime.now(datetime.UTC) - ago).strftime("%Y%m%dT%H%M%SZ")
        place, _, query = path.partition("?")
        signed = {
            "host": host,
            "x-amz-date": time_text,
            "x-amz-content-sha256": hashlib.sha256(body).hexdigest(),
            **(headers or {}),
        }
        pairs = sorted(pair if "=" in pair else f"{pair}=" for pair in query.split("&") if pair)
        lines = [method, place, "&".join(pairs), *(f"{name}:{signed[name]}" for name in sorted(signed)), "",
                 ";".join(sorted(signed)), signed["x-amz-content-sha256"]]  # fmt: skip
        scope = f"{time_text[:8]}/us-east-1/s3/aws4_request"
        digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
        to_sign = f"AWS4-HMAC-SHA256\n{time_text}\n{scope}\n{digest}"
        key = functools.reduce(_signed, scope.split("/"), f"AWS4{self.secret}".encode())
        connection = http.client.HTTPConnection(host, timeout=30)
        connection.request(
            method,
            path,
            body,
            {
                **signed,
                "Authorization": f"AWS4-HMAC-SHA256 Credential={self.key}/{scope}, "
                f"SignedHeaders={';'.join(sorted(signed))}, Signature={_signed(key, to_sign).hex()}",
            },
        )
        answer = connection.getresponse()
        found = answer.status, answer.read(), dict(answer.headers)
        connection.close()
        return found


def _signed(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def _fetch() -> Path:
    """The programs of Ceph, unpacked; fetched by apt the first time."""
    root = _TOOLS / "root"
    if (root / "usr/bin/radosgw").exists():
        return root
    if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
        raise RuntimeError("a real store is fetched with apt-get and dpkg: on Debian or Ubuntu")
    shutil.rmtree(_TOOLS, ignore_errors=True)
    packed, unpacked = _TOOLS / "packages", _TOOLS / "unpacked"
    packed.mkdir(parents=True)
    unpacked.mkdir()
    simulated = _out(["apt-get", "install", "--no-install-recommends", "-s", *_PACKAGES])
    names = [line.split()[1] for line in simulated.splitlines() if line.startswith("Inst ")]
    wanted = [name for name in {*names, *_PACKAGES} if not name.startswith(_NEEDLESS)]
    subprocess.run(["apt-get", "download", "-q", *wanted], cwd=packed, check=True, stdout=subprocess.DEVNULL)
    for package in packed.glob("*.deb"):
        subprocess.run(["dpkg", "-x", str(package), str(unpacked)], check=True)
    shutil.rmtree(packed)
    unpacked.rename(root)
    return root


def _out(words: Sequence[str], env: Mapping[str, str] | None = None) -> str:
    done = subprocess.run(words, capture_output=True, text=True, env=env, timeout=120, check=False)
    if done.returncode:
        raise RuntimeError(f"{words}: {done.stderr}")
    return done.stdout


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def real_store() -> Iterator[RealStore]:
    """
    Start a store with a bucket, and end it.

    Raises:
        RuntimeError: It cannot be fetched, or does not come up; with what it said.
    """
    root = _fetch()
    (lib,) = root.glob("usr/lib/*-linux-gnu")
    with tempfile.TemporaryDirectory(prefix="rowbatch-ceph-") as name, contextlib.ExitStack() as running:
        folder, port = Path(name), _free_port()
        for made in ("mon", "osd", "rgw"):
            (folder / made).mkdir()
        fsid, osd = str(uuid.uuid4()), str(uuid.uuid4())
        config, keyring = folder / "ceph.conf", folder / "keyring"
        mon_port = _free_port()
        config.write_text(_CONFIG.format(fsid=fsid, mon_port=mon_port, port=port, folder=folder, lib=lib))
        env = {
            **os.environ,
            "PATH": f"{root}/usr/bin:{os.environ['PATH']}",
            "LD_LIBRARY_PATH": f"{lib}:{lib}/ceph:{root}/lib/{lib.name}",
            "PYTHONPATH": f"{root}/usr/lib/python3/dist-packages",
        }

        def run(*words: str) -> str:
            return _out(words, env)

        def start(*words: str) -> None:
            with (folder / f"{words[0]}.out").open("wb") as out:
                process = subprocess.Popen(words, env=env, stdout=out, stderr=out)
            running.callback(_end, process)

        run(
            "ceph-authtool",
            "--create-keyring",
            str(keyring),
            "--gen-key",
            "-n",
            "mon.",
            "--cap",
            "mon",
            "allow *",
        )
        run("ceph-authtool", str(keyring), "--gen-key", "-n", "client.admin",
            "--cap", "mon", "allow *", "--cap", "osd", "allow *")  # fmt: skip
        run("ceph-authtool", str(keyring), "--gen-key", "-n", "osd.0",
            "--cap", "mon", "allow profile osd", "--cap", "osd", "allow *")  # fmt: skip
        with_config = ("-c", str(config))
        monmap = str(folder / "monmap")
        run("monmaptool", "--create", "--fsid", fsid, "--addv", "a", f"[v2:127.0.0.1:{mon_port}]", monmap)
        run("ceph-mon", *with_config, "--mkfs", "-i", "a", "--monmap", monmap, "--keyring", str(keyring))
        start("ceph-mon", *with_config, "-i", "a", "-f")
        # By the system's own Python: the module that speaks to the monitor is made for it.
        python = "/usr/bin/python3"
        run(python, f"{root}/usr/bin/ceph", *with_config, "--connect-timeout", "60", "osd", "new", osd, "0")
        run("ceph-osd", *with_config, "-i", "0", "--mkfs", "--osd-uuid", osd)
        start("ceph-osd", *with_config, "-i", "0", "-f")
        gateway = ("-n", "client.admin", "--keyring", str(keyring), "--rgw-data", str(folder / "rgw"))
        start("radosgw", *with_config, *gateway, "-f")
        store = RealStore(f"http://127.0.0.1:{port}", run("radosgw", "--version").strip())
        _wait(port, folder)
        for user, (key, secret) in {"owner": (store.key, store.secret), "stranger": store.stranger}.items():
            run("radosgw-admin", *with_config, "user", "create", f"--uid={user}", f"--display-name={user}",
                f"--access-key={key}", f"--secret-key={secret}")  # fmt: skip
        status, said, _ = store.ask("PUT", f"/{store.bucket}")
        if status != 200:
            raise RuntimeError(f"no bucket: {said!r}")
        yield store


def _wait(port: int, folder: Path) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.2)
    said = "\n".join(path.read_text(errors="replace")[-2_000:] for path in folder.glob("*.out"))
    raise RuntimeError(f"the store does not come up:\n{said}")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextmanager
def cutting_proxy(target: str) -> Iterator[CuttingProxy]:
    """Something between a program and a store that loses connections."""
    proxy = CuttingProxy(urllib.parse.urlsplit(target).netloc)
    try:
        yield proxy
    finally:
        proxy.close()


class CuttingProxy:
    """
    Hands bytes on, and cuts as many connections as it is told to after some bytes.

    Attributes:
        url: Its address.
        cuts: How many of the next connections that carry more are cut.
        lost_answers: How many of the next answers to more bytes are not handed on.
        after_bytes: Bytes in one direction that a connection carries before.
        done: How many were cut.
        stalled: Set when a connection that carried more waits, where `stalls` is set.
    """

    def __init__(self, target: str) -> None:
        host, _, port = target.partition(":")
        self._target = (host, int(port))
        self.cuts, self.lost_answers, self.after_bytes, self.done = 0, 0, 0, 0
        self.stalls, self.stalled = False, threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no more connections."""
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(self._target)
                carried = {near: 0, far: 0}
                for ends in ((near, far), (far, near)):
                    threading.Thread(target=self._hand_on, args=(*ends, near, carried), daemon=True).start()

    def _hand_on(
        self,
        source: socket.socket,
        sink: socket.socket,
        near: socket.socket,
        carried: dict[socket.socket, int],
    ) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                carried[source] += len(data)
                if self.stalls and carried[source] > self.after_bytes:
                    self.stalled.set()
                    while self.stalls:
                        time.sleep(0.01)
                if self.cuts and carried[source] > self.after_bytes:
                    self.cuts -= 1
                    self.done += 1
                    break
                if self.lost_answers and source is not near and carried[near] > self.after_bytes:
                    self.lost_answers -= 1
                    self.done += 1
                    break
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


def race_writers(store: Store, folder: Path, *, rounds: int) -> None:
    """Eight writers of other bytes at once, again and again: one is first each time, and its bytes stay."""
    store.put("warm", b"")
    for turn in range(rounds):
        told: dict[int, bool] = {}
        start = threading.Barrier(8)

        def write(
            number: int, turn: int = turn, told: dict[int, bool] = told, start: threading.Barrier = start
        ) -> None:
            path = folder / f"{turn}-{number}"
            path.write_bytes(b"%d" % number * 10_000)
            start.wait()
            told[number] = store.commit(f"shard-{turn}", path)

        threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        (first,) = [number for number, is_first in told.items() if is_first]
        assert store.read(f"shard-{turn}") == b"%d" % first * 10_000


if __name__ == "__main__":
    with real_store() as store:
        for name, value in store.environment().items():
            print(f"export {name}={value}")
        print(f"# bucket: {store.bucket}; {store.version}", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            sys.stdin.read() if not sys.stdin.isatty() else threading.Event().wait()

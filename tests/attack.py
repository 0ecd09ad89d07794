"""
Attack the real program, as a stranger on the same computer would, and as strange files and answers do.

    make attack
    python tests/attack.py --only web,files --requests 1000

Who runs it as root has a true second user for it, "nobody"; otherwise the stranger is a process of the same
user, and what only file rights keep from him is left out, which the summary says. Every input is harmless by
itself: what is tested are our walls, never a hole of another program.
"""

from __future__ import annotations

import argparse
import atexit
import json
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from end_to_end import environment

ROOT = Path(__file__).parent.parent
STRANGER = (ROOT / "tests" / "stranger.py").read_text(encoding="utf-8")
SENTINEL = "a-sentence-that-stands-nowhere-else"
IS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
_PATHS = (
    "/",
    "/jobs",
    "/settings",
    "/help",
    "/tables/form",
    "/tables/example",
    "/tools/convert",
    "/static/app.js",
)
_LEDGER_TESTS = ("tests/store/test_damage.py", "tests/steps/test_recover.py")
_LINK = re.compile(r"http://127\.0\.0\.1:(\d+)/\S*token=([\w-]+)")


@dataclass(slots=True)
class Tally:
    """What was checked, and what was found."""

    section: str
    checks: int = 0
    found: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def check(self, is_well: bool, what: str) -> None:
        """Count a check; `what` says what was found where it is not well."""
        self.checks += 1
        if not is_well:
            self.found.append(what)


def main() -> int:
    """Run the sections that were asked for; returns 1 where one found something."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default=",".join(SECTIONS), help="sections, with commas between them")
    parser.add_argument("--requests", type=int, default=10_000, help="of the fuzzer, to each surface")
    parser.add_argument("--mib", type=int, default=1_000, help="what each archive becomes in memory, about")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    tallies = []
    for name in options.only.split(","):
        started = time.monotonic()
        tally = Tally(name)
        SECTIONS[name](tally, options)
        tallies.append(tally)
        took = time.monotonic() - started
        print(f"{name:10} {tally.checks:7,} checks {len(tally.found):4} found {took:7.1f} s")
        for line in [*tally.said, *(f"FOUND: {one}" for one in tally.found[:20])]:
            print(f"           {line}")
        sys.stdout.flush()
    if not IS_ROOT:
        print("Not root: the stranger was a process of this user, and no rights of files were tried.")
    return 1 if any(tally.found for tally in tallies) else 0


# The stranger.


def stranger(*words: str) -> Any:
    """A process of another user, with nothing but Python."""
    other = pwd.getpwnam("nobody") if IS_ROOT else None
    who = f"{other.pw_uid}:{other.pw_gid}" if other else "-"
    return _begun(
        [sys.executable, "-I", "-c", STRANGER, who, *words],
        cwd="/",
        env={"PATH": "/usr/bin:/bin"},
        text=True,
        stdout=subprocess.PIPE,
    )


def _begun(words: list[str], **how: Any) -> Any:
    """A process that does not outlive this one."""
    process = subprocess.Popen(words, **how)
    atexit.register(process.kill)
    return process


def ask_stranger(*words: str) -> Any:
    """What he finds out."""
    process = stranger(*words)
    told, _ = process.communicate(timeout=600)
    if process.returncode:
        raise RuntimeError(f"the stranger failed: {words[0]}")
    return json.loads(told)


class Listening:
    """The stranger as a server: what came to him."""

    def __init__(self, port: int, *hosts: str) -> None:
        self.process = stranger("listen", str(port), *(hosts or ("127.0.0.1",)))
        assert self.process.stdout is not None
        first = self.process.stdout.readline()
        self.ports: list[int] = json.loads(first)["ports"] if first else []

    def end(self) -> list[dict[str, Any]]:
        """Stop him; what came."""
        self.process.kill()
        told, _ = self.process.communicate()
        return [json.loads(line) for line in told.splitlines() if line.endswith("}")]


# The program.


@dataclass(frozen=True, slots=True)
class Program:
    """A program that a user started in a terminal."""

    process: Any
    home: Path
    port: int
    link: str
    token: str

    def end(self, how: int = signal.SIGTERM) -> None:
        """End it as a system would."""
        self.process.send_signal(how)
        self.process.wait(20)


def rowbatch(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """A command as a user types it."""
    return subprocess.run(
        [sys.executable, "-m", "rowbatch", *words], env=environment(home), cwd=home.parent,
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def start(home: Path, port: int = 0) -> Program:
    """Start the program, with a link and no browser."""
    said = home.parent / "said.txt"
    with said.open("w") as out:
        process = _begun(
            [sys.executable, "-m", "rowbatch", "ui", "--no-browser", "--port", str(port)],
            env=environment(home), cwd=home.parent, stdout=out, stderr=subprocess.STDOUT,
        )  # fmt: skip
    end = time.monotonic() + 60
    while not (found := _LINK.search(said.read_text())):
        if process.poll() is not None or time.monotonic() > end:
            raise RuntimeError(said.read_text())
        time.sleep(0.02)
    return Program(process, home, int(found[1]), found[0], found[2])


@contextmanager
def place() -> Iterator[Path]:
    """A folder that everybody may look into, and the widest umask: only our own walls count."""
    folder = Path(tempfile.mkdtemp(prefix="rowbatch-attack-"))
    folder.chmod(0o755)
    before = os.umask(0)
    try:
        yield folder
    finally:
        os.umask(before)
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def browser() -> Iterator[Any]:
    """Chromium: the one that is here, or Playwright's own."""
    from playwright.sync_api import sync_playwright

    found = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        try:
            yield opened
        finally:
            opened.close()


def table(folder: Path, rows: int = 30) -> Path:
    path = folder / "posts.csv"
    path.write_text(
        "id,post\n" + "".join(f"{n},{SENTINEL} {n}\n" for n in range(1, rows + 1)), encoding="utf-8"
    )
    return path


def hand_over(page: Any, path: Path) -> None:
    page.set_input_files("#file", path)
    page.wait_for_url(re.compile("/tables/[0-9a-f]{16}"))
    page.wait_for_load_state()


def host_of(came: dict[str, Any]) -> str:
    return str(came["headers"].get("Host"))


# The sections.


def attack_web(tally: Tally, _: Any) -> None:
    """No token, no page; no cookie goes to a stranger; what he keeps is worth nothing."""
    with place() as folder, browser() as chromium:
        home = folder / "home"
        program = start(home)
        page = chromium.new_context().new_page()
        page.goto(program.link)
        page.locator("#file").wait_for(state="attached")
        own = urlsplit(page.url).netloc
        tally.check(own.partition(":")[0].endswith(".localhost"), f"the pages are under {own}")
        tally.check(program.token not in page.content() + page.url, "the token stands on the page")
        hand_over(page, table(folder))
        guesses = [
            f"rowbatch-{program.port}=" + "s" * 43,
            f"rowbatch-{program.port}={program.token}x",
            "rowbatch=1",
        ]
        hosts = [
            f"127.0.0.1:{program.port}", f"localhost:{program.port}", f"[::1]:{program.port}", own,
            f"rb-{'0' * 32}.localhost:{program.port}", "evil.example", f"evil.example:{program.port}", "",
        ]  # fmt: skip
        asked = {"port": program.port, "hosts": hosts, "paths": list(_PATHS), "cookies": guesses}
        for method, host, path, status in ask_stranger("knock", json.dumps(asked)):
            tally.check(
                status in (400, 401, 403, 421), f"{method} {path} of {host!r} without a cookie: {status}"
            )
        _listeners(tally, chromium, page, program)
        _after_the_end(tally, page, program)


def _listeners(tally: Tally, chromium: Any, page: Any, program: Program) -> None:
    """Pages of a stranger on other ports, visited by the browser that was let in."""
    stranger_at = Listening(0, "127.0.0.1")
    (port,) = stranger_at.ports
    other = page.context.new_page()
    for host in ("127.0.0.1", "localhost"):
        other.goto(f"http://{host}:{port}/")
        for target in (f"http://127.0.0.1:{program.port}/", page.url):
            read = "u => fetch(u, {credentials: 'include'}).then(r => r.text(), e => 'refused')"
            told = other.evaluate(read, target)
            tally.check(told == "refused", f"a page of another port reads {target}: {told[:80]}")
            post = "u => fetch(u, {method: 'POST', mode: 'no-cors', credentials: 'include'}).catch(() => 0)"
            other.evaluate(f"async u => {{ await ({post})(u) }}", urljoin(target, "/tables/example"))
    came = stranger_at.end()
    tally.check(bool(came), "the stranger was not visited at all")
    for one in came:
        tally.check(
            "rowbatch" not in one["headers"].get("Cookie", ""), f"a cookie came to port {port}: {one}"
        )
        tally.check(program.token not in json.dumps(one), f"the token came to port {port}")
    tables = [one for one in (program.home / "tables").iterdir() if one.is_dir()]
    tally.check(len(tables) == 1, "a page of another port made a table")
    other.close()
    # He who knows the name of the pages, as nobody can, and makes a browser go to another port of it.
    knowing = Listening(0, "127.0.0.1")
    name = urlsplit(page.url).hostname
    visit = page.context.new_page()
    visit.goto(f"http://{name}:{knowing.ports[0]}/")
    stolen = [one["headers"].get("Cookie", "") for one in knowing.end()]
    tally.said.append(
        "a cookie goes to another port of the pages' own name, for who knows that name: "
        + ("yes, as browsers do" if any("rowbatch" in one for one in stolen) else "no")
    )
    visit.close()


def _after_the_end(tally: Tally, page: Any, program: Program) -> None:
    """The program ends, a stranger takes its port, and open tabs go on asking; then it is started again."""
    state = program.home / "ui.json"
    program.end(signal.SIGTERM)
    tally.check(not state.exists(), "the file that names the program stays after SIGTERM")
    squatter = Listening(program.port, "127.0.0.1")
    try:
        page.reload()
    except Exception as error:  # noqa: BLE001 - a page that does not come is well too
        tally.said.append(f"the open page: {type(error).__name__}")
    told = rowbatch(program.home, "ui", "--stop")
    tally.check(
        told.returncode == 0 and "no program" in told.stdout, f"--stop of none: {told.stdout}{told.stderr}"
    )
    again = start(program.home)
    tally.check(again.port != program.port, "the port of a stranger was taken")
    kept = [cookie for one in squatter.end() if (cookie := one["headers"].get("Cookie", ""))]
    tally.said.append(f"cookies that the stranger kept: {len(kept)}")
    name = urlsplit(page.url).netloc
    hosts = [f"127.0.0.1:{again.port}", name, f"{name.partition(':')[0]}:{again.port}"]
    asked = {"port": again.port, "hosts": hosts, "paths": list(_PATHS), "cookies": kept[:20]}
    for method, host, path, status in ask_stranger("knock", json.dumps(asked)):
        tally.check(
            status in (400, 401, 403, 421), f"an old cookie opens {method} {path} of {host}: {status}"
        )
    # Killed, it leaves its file. Whoever has its port then is not believed, and told nothing.
    for how in (signal.SIGHUP, signal.SIGKILL):
        again.end(how)
        if how == signal.SIGHUP:
            tally.check(not state.exists(), "the file that names the program stays after SIGHUP")
            again = start(program.home)
            continue
        squatter = Listening(again.port, "127.0.0.1")
        bystander = _begun([sys.executable, "-c", "import time; time.sleep(600)"])
        if state.exists():
            plain = json.loads(state.read_text())
            state.write_text(json.dumps({**plain, "pid": bystander.pid}))
        rowbatch(program.home, "ui", "--stop")
        tally.check(bystander.poll() is None, "--stop ended a process that is not the program")
        bystander.kill()
        bystander.wait()
        fresh = start(program.home)
        came = squatter.end()
        tally.check(fresh.port != again.port, "the port of a stranger was taken")
        for one in came:
            tally.check(again.token not in json.dumps(one), "a stranger on the old port was told the token")
            tally.check(
                fresh.token not in json.dumps(one), "a stranger on the old port was told the new token"
            )
        fresh.end()


def attack_files(tally: Tally, _: Any) -> None:
    """What a second user can read of a session with a table and a job, after all of it was used once."""
    with place() as folder, browser() as chromium:
        home = folder / "home"
        program = start(home)
        page = chromium.new_context().new_page()
        page.goto(program.link)
        hand_over(page, table(folder, rows=3_000))
        address = page.url
        page.goto(urljoin(page.url, "/tools/convert"))
        page.set_input_files("#file", folder / "posts.csv")
        page.locator("#model").wait_for()
        ours = [one for one in home.rglob("*") if not one.is_symlink()]
        for one in [home, *ours]:
            mode = one.stat().st_mode & 0o777
            tally.check(mode & 0o077 == 0, f"{one.relative_to(folder)} has the rights {mode:o}")
        if IS_ROOT:
            seen = ask_stranger("read", str(home))
            tally.check(not seen["listed"], f"a second user lists {seen['listed'][:5]}")
            tally.check(not seen["files"], f"a second user reads {seen['files'][:5]}")
            for one in ours:
                told = ask_stranger("read", str(one.parent)) if one.is_file() and tally.checks < 60 else None
                tally.check(not told or not told["files"], f"a second user reads {one}")
        secrets_of_it = [program.token, urlsplit(address).hostname or "", SENTINEL]
        where = ask_stranger("processes", *secrets_of_it)
        for word, places in where.items():
            tally.check(not places, f"{word[:12]}… stands in {places}")
        page.goto(urljoin(address, "/"))
        _remove_table(page)
        page.wait_for_timeout(1_500)
        left = [
            str(one.relative_to(folder))
            for one in home.rglob("*")
            if one.is_file() and SENTINEL.encode() in one.read_bytes()
        ]
        # What the tools were given is kept for half a day, or until the end of the program.
        program.end()
        left = [one for one in left if (folder / one).exists()]
        tally.check(not left, f"the text of a removed table stands in {left[:5]}")
        listening = _listening_ports()
        tally.said.append(
            f"a second user still sees: that {len(listening)} ports listen, pids, and arguments of programs, "
            "in which no token and no name of a table stands"
        )


def _remove_table(page: Any) -> None:
    """By the first page, where the tables stand."""
    before = page.locator("form[action$='/remove']").count()
    page.locator("form[action$='/remove'] button").first.click()
    page.wait_for_load_state()
    # What needs the table is named, and asked about, before.
    sure = page.locator("button[name=sure]")
    if sure.count():
        sure.click()
        page.wait_for_load_state()
    if page.locator("form[action$='/remove']").count() != before - 1:
        sys.exit("the table was not removed")


def _listening_ports() -> list[int]:
    try:
        lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    except OSError:
        return []
    return [int(line.split()[1].rpartition(":")[2], 16) for line in lines if line.split()[3] == "0A"]


class _Page(HTMLParser):
    """Links of a page, and what on it could run."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.runs: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        if tag == "a" and told.get("href"):
            self.links.append(str(told["href"]))
        source = told.get("src") or ""
        if tag in ("iframe", "object", "embed", "base") or (
            tag == "script" and not source.startswith("/static/")
        ):
            self.runs.append(tag)
        self.runs += [f"{tag} {name}" for name, _ in attrs if name.startswith("on")]
        self.runs += [
            f"{tag} {name}={value}"
            for name, value in attrs
            if (value or "").lower().strip().startswith("javascript:")
        ]


def attack_pages(tally: Tally, _: Any) -> None:
    """Every page that links lead to, with a table of texts that look like HTML: nothing of them runs."""
    evil = "<img src=x onerror=alert(1)><script>alert(2)</script>{{7*7}}' onload='x"
    with place() as folder:
        home = folder / "home"
        path = folder / "<script>alert(3)<>.csv"
        path.write_text(f"id,{evil}\n" + "".join(f'{n},"{evil} {n}"\n' for n in range(12)), "utf-8")
        made = rowbatch(
            home, "run", str(path), "--text", evil, "--labels", "<b>good,<i>bad", "--prompt", evil,
            "--output", str(folder / "out.csv"), "--yes",
        )  # fmt: skip
        tally.check(made.returncode in (0, 3), f"no job was made: {made.stderr[-300:]}")
        program = start(home)
        with _visitor(program) as client:
            answer = client.post("/tables", params={"name": path.name}, content=path.read_bytes())
            tally.check(answer.status_code == 200, f"the table was not taken: {answer.text[:200]}")
            waiting = ["/", answer.json()["url"]]
            known = set(waiting)
            while waiting:
                address = waiting.pop(0)
                answer = client.get(address)
                tally.check(answer.status_code < 500, f"{address}: {answer.status_code}")
                for header in ("content-security-policy", "x-content-type-options", "referrer-policy"):
                    tally.check(header in answer.headers, f"{address} has no {header}")
                if "html" not in answer.headers.get("content-type", ""):
                    continue
                found = _Page()
                found.feed(answer.text)
                tally.check(not found.runs, f"{address}: {found.runs[:3]}")
                tally.check(program.token not in answer.text, f"{address} has the token")
                for link in found.links:
                    to = urljoin(address, link).partition("#")[0]
                    if to.startswith("/") and to not in known and len(known) < 300:
                        known.add(to)
                        waiting.append(to)
            tally.said.append(f"{len(known)} pages")
        program.end()


@contextmanager
def _visitor(program: Program) -> Iterator[Any]:
    """A client that was let in as a browser is, with the cookie as a header."""
    import httpx2

    url = f"http://127.0.0.1:{program.port}"
    told = httpx2.get(f"{url}/?token={program.token}&stay=1").headers["set-cookie"]
    headers = {"cookie": told.partition(";")[0], "origin": url}
    with httpx2.Client(base_url=url, timeout=60, follow_redirects=False, headers=headers) as client:
        yield client


def attack_slow(tally: Tally, _: Any) -> None:
    """200 clients that say nothing, and uploads that stand still: others are served, and none stays."""
    with place() as folder:
        program = start(folder / "home")
        with _visitor(program) as client:
            cookie = client.headers["cookie"]
            host = f"127.0.0.1:{program.port}"
            idle = []
            for number in range(200):
                one = socket.create_connection(("127.0.0.1", program.port), timeout=5)
                if number % 2:
                    one.sendall(b"GET / HTTP/1.1\r\nHost: ")
                idle.append(one)
            for _ in range(6):
                one = socket.create_connection(("127.0.0.1", program.port), timeout=5)
                one.sendall(
                    f"POST /tables?name=a.csv HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\n"
                    f"Cookie: {cookie}\r\nContent-Length: 1000000\r\n\r\nid,post\n".encode()
                )
                idle.append(one)
            started = time.monotonic()
            tally.check(client.get("/").status_code == 200, "a page does not come beside 200 slow clients")
            tally.said.append(f"a page beside 206 of them: {(time.monotonic() - started) * 1e3:.0f} ms")
            taken = False
            while not taken and time.monotonic() - started < 120:
                answer = client.post("/tables", params={"name": "b.csv"}, content=b"id,post\n1,x\n")
                taken = answer.status_code == 200
                time.sleep(0.5)
            tally.check(taken, "an upload is never taken beside others that stand still")
            tally.said.append(f"an upload is taken after {time.monotonic() - started:.0f} s")
            closed = 0
            while time.monotonic() - started < 120 and closed < len(idle):
                closed = sum(_is_closed(one) for one in idle)
                time.sleep(0.5)
            tally.check(closed == len(idle), f"{len(idle) - closed} slow connections are still open")
            tally.said.append(f"all slow connections closed after {time.monotonic() - started:.0f} s")
            for one in idle:
                one.close()
            parts = [
                path for path in (folder / "home" / "tables").iterdir() if not (path / "table.json").exists()
            ]
            tally.check(not parts, f"uploads that broke off left {len(parts)} folders")
        program.end()


def _is_closed(one: socket.socket) -> bool:
    one.setblocking(False)
    try:
        while one.recv(65_536):
            pass
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def attack_requests(tally: Tally, options: Any) -> None:
    """The fuzzer, at app and server."""
    for target in ("app", "server"):
        words = ["--target", target, "--requests", str(options.requests)]
        told = subprocess.run(
            [sys.executable, ROOT / "tests" / "fuzz_http.py", *words],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        tally.checks += options.requests
        if told.returncode:
            tally.found.append(f"{target}: {told.stdout[-1500:]}{told.stderr[-1500:]}")
        tally.said.append(" ".join(told.stdout.split()))


def attack_archives(tally: Tally, options: Any) -> None:
    """Small files that hold much, of every kind that is read."""
    told = subprocess.run(
        [sys.executable, ROOT / "tests" / "ratio_archives.py", "--mib", str(options.mib)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    lines = told.stdout.splitlines()
    tally.checks += len(lines)
    tally.said += lines
    if told.returncode:
        tally.found.append(f"one was neither refused in one sentence nor read: {told.stderr[-1500:]}")


def attack_ledgers(tally: Tally, _: Any) -> None:
    """Ledgers with flipped bits, and runs whose ledger is gone."""
    told = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n", "2", *_LEDGER_TESTS],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    last = told.stdout.strip().splitlines()[-1]
    tally.checks += sum(map(int, re.findall(r"(\d+) (?:passed|failed)", last)))
    tally.said.append(last)
    if told.returncode:
        tally.found.append(told.stdout[-2000:])


SECTIONS: dict[str, Callable[[Tally, Any], None]] = {
    "web": attack_web,
    "files": attack_files,
    "pages": attack_pages,
    "slow": attack_slow,
    "archives": attack_archives,
    "ledgers": attack_ledgers,
    "requests": attack_requests,
}


if __name__ == "__main__":
    sys.exit(main())

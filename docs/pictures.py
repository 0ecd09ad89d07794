"""
Take the pictures of the app that the README and the docs show, out of the demo's run.

    make pictures
    make pictures ARGS="--folder DIR"    keeps the demo's run there, and takes it again the next time

The program is started as a user starts it, in a home of its own, and looked at in a real browser. People's
labels of the coding set are those of the demo's table, which people gave.
"""

from __future__ import annotations

import argparse
import csv
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from rowbatch import api

ROOT = Path(__file__).parents[1]
PICTURES = ROOT / "docs" / "pictures"
MAX_BYTES = 150_000
_ROWBATCH = (sys.executable, "-m", "rowbatch")
_WIDTH, _HEIGHT = 1280, 800
_CODED, _SHOWN = 120, 40
_BY_PEOPLE, _TO_SEE = "tweets", "more tweets"
_SEEN_CODED, _READ_MS = 7, 400


def make_demo(folder: Path) -> dict[str, str]:
    """
    The demo's run, a coding set of it that people have coded, and one for the picture of the screen, whose
    codes mean nothing; returns the ids of the sets by their names.
    """
    if not (folder / "demo").exists():
        subprocess.run([*_ROWBATCH, "demo", "--folder", "demo"], cwd=folder, check=True)
    if not api.coding_sets():
        _code(folder)
    return {coding.name: coding.plan.id for coding in api.coding_sets()}


def _code(folder: Path) -> None:
    api.coding_set(folder / "demo" / "run", count=_SHOWN, name=_TO_SEE, test=0)
    coding = api.coding_set(folder / "demo" / "run", count=_CODED, name=_BY_PEOPLE, test=0)
    sheet = folder / "sheet.csv"
    coding.write_sheet(sheet, "People", overwrite=True)
    with (folder / "demo" / "tweets.csv").open(encoding="utf-8", newline="") as file:
        people = {row["text"]: row["human_label"] for row in csv.DictReader(file)}
    with sheet.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    with sheet.open("w", encoding="utf-8", newline="") as file:
        out = csv.DictWriter(file, list(rows[0]))
        out.writeheader()
        for row in rows:
            # A text that a spreadsheet would take for a formula has an apostrophe before it.
            text = row["text"]
            row["sentiment"] = people[text if text in people else text.removeprefix("'")]
            out.writerow(row)
    coding.take(sheet, "People")


@contextmanager
def program(folder: Path) -> Iterator[str]:
    """The program, as a user starts it; its link."""
    process = subprocess.Popen(
        [*_ROWBATCH, "ui", "--no-browser", "--port", "0"], cwd=folder, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if found := re.search(r"http://\S+", line):
                yield found[0]
                return
        raise SystemExit("the program did not start")
    finally:
        process.terminate()
        process.wait(20)


def take(page: Page, name: str) -> None:
    """A picture of what is seen of a page."""
    place = PICTURES / f"{name}.png"
    place.write_bytes(packed(page.screenshot(animations="disabled")))
    size = place.stat().st_size
    print(f"{place.relative_to(ROOT)}  {size:,} bytes")
    if size > MAX_BYTES:
        raise SystemExit(f"{name}.png is larger than {MAX_BYTES:,} bytes")


def packed(png: bytes) -> bytes:
    """The same picture in fewer bytes: with a palette, where 256 colours are enough, and packed harder."""
    parts, at = [], 8
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        parts.append((png[at + 4 : at + 8], png[at + 8 : at + 8 + length]))
        at += 12 + length
    width, height, bits, kind = struct.unpack(">IIBB", parts[0][1][:10])
    channels = {2: 3, 6: 4}[kind]
    assert bits == 8
    data = zlib.decompress(b"".join(body for name, body in parts if name == b"IDAT"))
    pixels = [_rgb(line, channels) for line in _lines(data, width * channels, channels, height)]
    counts: dict[bytes, int] = {}
    for line in pixels:
        for pixel in line:
            counts[pixel] = counts.get(pixel, 0) + 1
    # The rare ones are edges of letters; they become the nearest that is kept.
    kept = sorted(counts, key=lambda pixel: -counts[pixel])[:256]
    near = {pixel: number for number, pixel in enumerate(kept)}
    for pixel in counts:
        if pixel not in near:
            near[pixel] = min(
                range(len(kept)),
                key=lambda number: sum((a - b) ** 2 for a, b in zip(kept[number], pixel, strict=True)),
            )
    body = b"".join(b"\0" + bytes(near[pixel] for pixel in line) for line in pixels)
    return b"".join(
        (
            png[:8],
            _part(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
            _part(b"PLTE", b"".join(kept)),
            _part(b"IDAT", zlib.compress(body, 9)),
            _part(b"IEND", b""),
        )
    )


def _part(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _rgb(line: bytes, channels: int) -> list[bytes]:
    return [line[at : at + 3] for at in range(0, len(line), channels)]


def _lines(data: bytes, stride: int, step: int, height: int) -> Iterator[bytes]:
    """The lines of a picture without their filters, as the PNG specification has these."""
    above = bytearray(stride)
    for number in range(height):
        start = number * (stride + 1)
        method, line = data[start], bytearray(data[start + 1 : start + 1 + stride])
        for at in range(stride):
            left = line[at - step] if at >= step else 0
            if method == 1:
                line[at] = (line[at] + left) & 255
            elif method == 2:
                line[at] = (line[at] + above[at]) & 255
            elif method == 3:
                line[at] = (line[at] + (left + above[at]) // 2) & 255
            elif method == 4:
                corner = above[at - step] if at >= step else 0
                line[at] = (line[at] + _paeth(left, above[at], corner)) & 255
        above = line
        yield bytes(line)


def _paeth(left: int, above: int, corner: int) -> int:
    guess = left + above - corner
    return min((left, above, corner), key=lambda one: abs(guess - one))


def main() -> None:
    """All of them."""
    asked = argparse.ArgumentParser(description="Take the pictures of the app that the docs show.")
    asked.add_argument("--folder", type=Path, help="where the demo's run is kept; by default nowhere")
    folder = asked.parse_args().folder
    with tempfile.TemporaryDirectory(prefix="rowbatch-pictures-") as name:
        place = folder.resolve() if folder else Path(name)
        place.mkdir(parents=True, exist_ok=True)
        os.environ["ROWBATCH_HOME"] = str(place / "home")
        sets = make_demo(place)
        # Those of the last time.
        shutil.rmtree(place / "home" / "tables", ignore_errors=True)
        PICTURES.mkdir(exist_ok=True)
        with program(place) as link, sync_playwright() as playwright:
            path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
            browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
            page = browser.new_context(
                viewport={"width": _WIDTH, "height": _HEIGHT}, locale="en-US", color_scheme="light"
            ).new_page()
            page.goto(link)
            visit(page, sets)
            browser.close()


def visit(page: Page, sets: Mapping[str, str]) -> None:
    """The screens, in the order in which a user meets them."""
    own = page.url.rstrip("/")
    job = page.locator("a[href^='/jobs/']").first.get_attribute("href")
    take(page, "start")
    page.locator("form[action='/tables/example'] button").click()
    page.wait_for_url("**/label")
    page.locator("[data-key='mod+Enter']").first.click()
    page.locator("#trial tbody tr:not(.teach)").nth(9).wait_for(timeout=180_000)
    page.goto(page.url)
    page.locator("#preview, .bubble").first.wait_for()
    take(page, "form")
    page.goto(f"{own}{job}")
    page.locator(".compare").first.wait_for(timeout=60_000)
    take(page, "results")
    page.goto(f"{own}{job}/quality?set={sets[_BY_PEOPLE]}")
    page.locator(".figures").first.wait_for(timeout=60_000)
    take(page, "quality")
    page.goto(f"{own}/coding/{sets[_TO_SEE]}")
    page.locator("#name").fill("Anna")
    page.locator("#name").press("Enter")
    page.wait_for_url("**/by/*")
    page.locator("#text").wait_for()
    while (done := int(re.findall(r"(\d+) of", page.locator(".far").inner_text())[0])) < _SEEN_CODED:
        # A press in the first moments of a text is not taken for one that is about it.
        page.wait_for_timeout(_READ_MS)
        page.locator("button.option").nth(done % 3).click()
        page.wait_for_timeout(_READ_MS)
    take(page, "coding")


if __name__ == "__main__":
    main()

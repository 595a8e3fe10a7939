"""The HTML report in a real browser: layout and legibility on a phone and at a desk, and accessibility by axe-core.

    python tests/browser.py report.html --axe axe.min.js

Needs Chromium, and for the last the file of axe-core (``npm pack axe-core``); without a browser it ends with 1.
The page is opened with a script put into a copy of it that measures what is laid out; the report itself has none.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
WIDTHS = (390, 1280)
SCREEN = 844
"""Height of the phone's screen, px."""

SMALLEST_LETTERS = 11.0
CHART_LETTERS = 10.0
"""Least size of letters on a phone, px, and of those of a chart at its own size (7.5 points)."""

MEASURE = """
const frame = document.createElement("iframe");
frame.style.cssText = "border:0;height:900px;width:WIDTHpx";
frame.srcdoc = PAGE;
frame.onload = async () => {
  const inside = frame.contentDocument.documentElement;
  await Promise.all([...frame.contentDocument.images].map(image => image.decode()));
  const finding = frame.contentDocument.querySelector(".finding");
  const found = {wide: inside.scrollWidth, violations: [], finding: finding.getBoundingClientRect().bottom,
    letters: Math.min(...[...frame.contentDocument.images].map(image => image.clientWidth / image.naturalWidth))};
  if (frame.contentWindow.axe) {
    const told = await frame.contentWindow.axe.run(frame.contentDocument);
    found.violations = told.violations.map(one => [one.id, one.nodes.length, one.nodes[0].html.slice(0, 200)]);
  }
  const out = document.createElement("pre");
  out.id = "found";
  out.textContent = JSON.stringify(found);
  document.body.append(out);
};
document.body.append(frame);
"""


def looked_at(browser: str, page: str, axe: str, width: int) -> dict:
    """How wide the page is laid out in a frame of ``width``, and what axe-core finds."""
    inner = page.replace("</head>", f"<script>{axe}</script></head>") if axe else page
    quoted = json.dumps(inner).replace("</", "<\\/")
    script = MEASURE.replace("WIDTH", str(width)).replace("PAGE", quoted)
    outer = f'<!DOCTYPE html><html lang="en"><body><script>{script}</script></body></html>'
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "look.html"
        file.write_text(outer, encoding="utf-8")
        told = subprocess.run(
            [browser, "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=60000",
             f"--user-data-dir={folder}/profile", "--window-size=1400,1000", "--dump-dom", file.as_uri()],
            capture_output=True, text=True, timeout=300, check=True,
        )  # fmt: skip
    match = re.search(r'<pre id="found">(.*?)</pre>', told.stdout, re.DOTALL)
    if match is None:
        raise RuntimeError("the page did not load in time")
    return json.loads(match[1].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("page", type=Path)
    parser.add_argument("--axe", type=Path, help="axe.min.js of axe-core")
    chosen = parser.parse_args()
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        print(f"not looked at: none of {', '.join(BROWSERS)} is installed", file=sys.stderr)
        return 1
    page = chosen.page.read_text(encoding="utf-8")
    axe = chosen.axe.read_text(encoding="utf-8") if chosen.axe else ""
    faults = 0
    for width in WIDTHS:
        found = looked_at(browser, page, axe, width)
        wide, violations = found["wide"], found["violations"]
        letters = CHART_LETTERS * found["letters"]
        faults += (
            (wide > width) + len(violations) + (found["finding"] > SCREEN) + (letters < SMALLEST_LETTERS)
        )
        checked = f"{len(violations)} violations" if axe else "accessibility not checked"
        print(
            f"{width} px: laid out {wide} px wide, {checked}; the finding ends at {found['finding']:.0f} px, "
            f"letters of charts have at least {letters:.1f} px"
        )
        for violation in violations:
            print("  ", *violation)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

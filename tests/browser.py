"""The HTML pages in a real browser: layout and legibility on a phone and at a desk, accessibility by axe-core, and
the numbers of the page with sliders against the model.

    python tests/browser.py report.html --axe axe.min.js
    python tests/browser.py sliders.html --axe axe.min.js --sliders 50

Needs Chromium, and for the second the file of axe-core (``npm pack axe-core``); without a browser it ends with 1.
The page is opened with a script put into a copy of it that measures what is laid out, and of the page with sliders with
one that follows links to random settings and reads what is shown.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

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
    letters: Math.min(...[...frame.contentDocument.images].map(image => CHART * image.clientWidth / image.naturalWidth),
      ...[...frame.contentDocument.querySelectorAll("svg")].map(drawn => drawn.getScreenCTM().a * Math.min(
        ...[...drawn.querySelectorAll("text")].map(text => parseFloat(getComputedStyle(text).fontSize)))))};
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
    script = MEASURE.replace("WIDTH", str(width)).replace("PAGE", quoted).replace("CHART", str(CHART_LETTERS))
    return found_in(browser, f'<!DOCTYPE html><html lang="en"><body><script>{script}</script></body></html>')


def found_in(browser: str, page: str) -> Any:
    """What the script of a page leaves in its element ``found``, as JSON."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "look.html"
        file.write_text(page, encoding="utf-8")
        told = subprocess.run(
            [browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--virtual-time-budget=60000",
             f"--user-data-dir={folder}/profile", "--window-size=1400,1000", "--dump-dom", file.as_uri()],
            capture_output=True, text=True, timeout=300, check=True,
        )  # fmt: skip
    match = re.search(r'<pre id="found">(.*?)</pre>', told.stdout, re.DOTALL)
    if match is None:
        raise RuntimeError("the page did not load in time")
    return json.loads(match[1].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))


READ = """
addEventListener("load", async () => {
  const found = [];
  for (const setting of SETTINGS) {
    const moved = new Promise(done => addEventListener("hashchange", () => setTimeout(done), {once: true}));
    location.hash = new URLSearchParams(setting);
    await moved;
    const read = key => [0, 1].map(place => Number(document.getElementById(key + "-" + place).value));
    found.push({inside: read("inside"), beside: read("beside"), total: read("total"),
      finding: document.getElementById("finding").textContent,
      adults: [...document.querySelectorAll("#groups td:nth-child(2)")].map(cell => cell.textContent)});
  }
  const slider = document.getElementById("participants");
  const told = value => {
    slider.value = value;
    slider.dispatchEvent(new Event("input", {bubbles: true}));
    return document.getElementById("finding").textContent;
  };
  document.getElementById("event").value = "boom";
  const before = told(1), after = told(slider.max);
  const followed = before !== after && location.hash.includes("participants=" + slider.max);
  const out = document.createElement("pre");
  out.id = "found";
  out.textContent = JSON.stringify({found, followed});
  document.body.append(out);
});
"""

AT_ONCE = 100
"""Settings that a page is asked for: Chromium ignores addresses that change more than 200 times in some seconds."""

CLOSE = 2e-3, 2e-6
"""How near the page is to the model: this share of the sum, or these billions of dollars for each share of adoption."""


def random_settings(count: int) -> list[dict[str, Any]]:
    """Positions of the sliders, as the link has them."""
    draw = random.Random(401)
    return [
        {
            "participants": draw.randrange(1, 101) / 2, "share": draw.randrange(1, 21),
            "event": draw.choice(["boom", "bust", "boom_then_bust", "stagnation", "none"]),
            "year": draw.randrange(2027, 2041), "outside": draw.randrange(0, 101, 5),
            "against": draw.choice(["equity", "none"]),
        }
        for _ in range(count)
    ]  # fmt: skip


def compared(browser: str, page: str, count: int) -> int:
    """Faults of the page with sliders: what it shows at random settings against a run of the model."""
    import fiscal
    from fiscal.results.headline import LONG, TEN, Effect
    from fiscal.studies import page_lattice as lattice

    settings = random_settings(count)
    read: dict[str, Any] = {"found": [], "followed": True}
    for first in range(0, count, AT_ONCE):
        script = READ.replace("SETTINGS", json.dumps(settings[first : first + AT_ONCE]))
        told = found_in(browser, page.replace("</body>", f"<script>{script}</script></body>"))
        read = {"found": read["found"] + told["found"], "followed": read["followed"] and told["followed"]}
    faults, largest = int(not read["followed"]), 0.0
    for setting, shown in zip(settings, read["found"], strict=True):
        event = lattice.NO_EVENT if setting["event"] == "none" else setting["event"]
        year = None if setting["event"] == "none" else setting["year"]
        scenario = lattice.scenario_of(event, year, setting["share"] / 100, setting["participants"] / 100)
        result = fiscal.run(scenario)
        effect = Effect(result, "equity_adoption" if setting["against"] == "equity" else "no_crypto")
        outside = Effect(result, "no_crypto")
        expected = {
            "inside": [effect.over(window) for window in (TEN, LONG)],
            "beside": [
                setting["outside"] / 100 * outside.over(window, "displaced_gains_tax") for window in (TEN, LONG)
            ],
        }
        for key, values in expected.items():
            for own, value in zip(shown[key], values, strict=True):
                gap = abs(own - value)
                room = CLOSE[0] * abs(value) + CLOSE[1] * setting["participants"] * setting["share"]
                largest = max(largest, gap / max(abs(value), 0.05))
                if gap > room:
                    faults += 1
                    print("  ", setting, key, own, value)
    print(f"{count} settings: the page differs from the model by at most {100 * largest:.3f} percent; {faults} faults")
    return faults


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("page", type=Path)
    parser.add_argument("--axe", type=Path, help="axe.min.js of axe-core")
    parser.add_argument("--sliders", type=int, metavar="N", help="compare the page with sliders at N random settings")
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
        letters = found["letters"]
        faults += (wide > width) + len(violations) + (found["finding"] > SCREEN) + (letters < SMALLEST_LETTERS)
        checked = f"{len(violations)} violations" if axe else "accessibility not checked"
        print(
            f"{width} px: laid out {wide} px wide, {checked}; the finding ends at {found['finding']:.0f} px, "
            f"letters of charts have at least {letters:.1f} px"
        )
        for violation in violations:
            print("  ", *violation)
    if chosen.sliders:
        faults += compared(browser, page, chosen.sliders)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

"""The page in a real browser: it fits a phone and a desk, reads in both themes, prints, and runs nothing."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image, ImageStat

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--allow-file-access-from-files", "--run-all-compositor-stages-before-draw", "--virtual-time-budget=4000",
]  # fmt: skip
PROBE = """<!doctype html><iframe id=page src=report.html width=%d height=900></iframe><pre id=out></pre><script>
document.getElementById("page").onload = function () {
  const page = this.contentDocument, view = this.contentWindow;
  const rgb = colour => colour.match(/[\\d.]+/g).map(Number);
  const linear = v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => [r, g, b].map(v => linear(v / 255))
    .reduce((sum, v, at) => sum + v * [.2126, .7152, .0722][at], 0);
  const paper = light(rgb(view.getComputedStyle(page.body).backgroundColor));
  const words = "p, li, td, th, dt, dd, a, span, h1, h2, h3, figcaption, caption, small, text";
  const contrasts = [...page.querySelectorAll(words)]
    .filter(node => node.textContent.trim() && node.checkVisibility()).map(node => {
      const style = view.getComputedStyle(node), of = node.tagName === "text" ? style.fill : style.color;
      const own = light(rgb(of)); return (Math.max(own, paper) + .05) / (Math.min(own, paper) + .05); });
  const cells = [...page.querySelectorAll("table")].filter(table => /^Metrics/.test(table.caption.textContent))
    .flatMap(table => [...table.querySelectorAll("tbody th")].map(cell => cell.getBoundingClientRect().width));
  const answers = [...page.querySelectorAll(".answer")].map(node => node.getBoundingClientRect().bottom);
  document.getElementById("out").textContent = JSON.stringify({
    overflow: page.documentElement.scrollWidth - view.innerWidth, contrast: Math.min(...contrasts),
    narrowest: Math.min(...cells), scripts: page.scripts.length, bottom: Math.max(...answers), texts: contrasts.length,
    styled: view.getComputedStyle(page.querySelector(".answers")).display,
    fetched: view.performance.getEntriesByType("resource").filter(entry => !entry.name.startsWith("data:")).length });
};</script>"""

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine (apt-get install chromium)")


def browse(profile: Path, *arguments: str) -> str:
    command = [str(BROWSER), *QUIET, f"--user-data-dir={profile}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


def probed(run: Path, profile: Path, width: int, *arguments: str) -> dict[str, float | str]:
    (run / "probe.html").write_text(PROBE % width)
    page = browse(profile, "--dump-dom", "--window-size=1500,1000", *arguments, f"file://{run}/probe.html")
    found = re.search('<pre id="out">(.*?)</pre>', page)
    assert found is not None
    return dict(json.loads(found[1]))


@pytest.mark.parametrize("theme", [0, 1], ids=["dark", "light"])
@pytest.mark.parametrize("width", [360, 1280])
def test_it_fits_and_can_be_read(run: Path, tmp_path: Path, width: int, theme: int) -> None:
    found = probed(run, tmp_path, width, f"--blink-settings=preferredColorScheme={theme}")
    assert found["overflow"] <= 0
    assert found["contrast"] >= 4.5
    assert found["texts"] > 300
    assert found["scripts"] == found["fetched"] == 0
    assert found["styled"] == "grid"


def test_metric_names_can_be_read_on_a_phone(run: Path, tmp_path: Path) -> None:
    found = probed(run, tmp_path, 390)
    assert found["narrowest"] > 80
    assert found["overflow"] <= 0


def test_the_answers_fit_the_first_screen_of_a_desk(run: Path, tmp_path: Path) -> None:
    assert probed(run, tmp_path, 1280)["bottom"] <= 900


def test_the_themes_differ(run: Path, tmp_path: Path) -> None:
    grey = []
    for theme in (0, 1):
        shot = tmp_path / f"{theme}.png"
        look = f"--blink-settings=preferredColorScheme={theme}"
        browse(tmp_path, f"--screenshot={shot}", "--window-size=1000,800", look, f"file://{run}/report.html")
        grey.append(ImageStat.Stat(Image.open(shot).convert("L")).mean[0])
    assert grey[0] < 80
    assert grey[1] > 175


def test_it_prints(run: Path, tmp_path: Path) -> None:
    paper = tmp_path / "report.pdf"
    browse(tmp_path, f"--print-to-pdf={paper}", "--no-pdf-header-footer", f"file://{run}/report.html")
    content = paper.read_bytes()
    assert content.startswith(b"%PDF")
    assert b"/MediaBox [0 0 595" in content or b"/MediaBox [0 0 594" in content

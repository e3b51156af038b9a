"""The project page and DVC's charts in a real browser; skipped where there is no Chromium."""

import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path

import pytest
from workspace import Workspace

from keypoints import layout

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)
pytestmark = pytest.mark.skipif(not CHROMIUM, reason="no Chromium on this machine")

# What the browser itself knows of the page, written where --dump-dom shows it.
PROBE = """
<script>
let shift = 0;
new PerformanceObserver(list => list.getEntries().forEach(entry => shift += entry.value))
  .observe({type: 'layout-shift', buffered: true});
addEventListener('load', async () => {
  const sources = [...document.querySelectorAll('img')].map(image => image.src).concat(
    [...document.querySelectorAll('svg image')].map(image => image.href.baseVal));
  const broken = [];
  for (const source of sources) {
    const image = new Image();
    image.src = source;
    await image.decode().catch(() => broken.push(source.slice(0, 60)));
  }
  const root = document.documentElement;
  root.dataset.probe = JSON.stringify({
    pictures: sources.length, broken, shift,
    overflow: root.scrollWidth - innerWidth, width: innerWidth,
    charts: [...document.querySelectorAll('.vega-embed')].map(
      chart => chart.querySelectorAll('.mark-line path, .mark-group').length
        + chart.querySelectorAll('canvas').length),
  });
});
</script>
"""


def browse(page: Path, tmp_path: Path, width: int) -> tuple[dict, list[str]]:
    """Open a page where no name resolves; what the probe found, and what the console said."""
    probed = page.with_name("probed.html")
    probed.write_text(page.read_text().replace("</head>", f"{PROBE}</head>", 1))
    done = subprocess.run(
        [
            CHROMIUM,
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            "--host-resolver-rules=MAP * ~NOTFOUND",
            "--enable-logging=stderr",
            f"--user-data-dir={tmp_path / 'profile'}",
            f"--window-size={width},900",
            "--virtual-time-budget=20000",
            "--dump-dom",
            probed.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )
    probed.unlink()
    found = re.search(r'data-probe="([^"]*)"', done.stdout)
    assert found, done.stderr
    console = [line for line in done.stderr.splitlines() if ":CONSOLE" in line]
    return json.loads(unescape(found[1])), console


@pytest.mark.parametrize("width", [390, 1440])
def test_the_page_opens_whole_and_quiet_and_fits_its_window(
    ran: Workspace, tmp_path: Path, width: int
) -> None:
    probe, console = browse(ran.folder / layout.REPORT / "index.html", tmp_path, width)
    assert probe["width"] == width
    assert console == []
    assert probe["pictures"] > 60
    assert probe["broken"] == []
    assert probe["overflow"] <= 0
    assert probe["shift"] == 0


def test_dvcs_charts_are_drawn_without_the_web(ran: Workspace, tmp_path: Path) -> None:
    ran.run("python", "src/plots_template.py")
    ran.dvc("config", "--local", "plots.html_template", "plots.html")
    ran.dvc("plots", "show", "--out", str(tmp_path / "plots"))
    ran.dvc("config", "--local", "--unset", "plots.html_template")
    page = tmp_path / "plots/index.html"
    assert 'src="http' not in page.read_text()
    probe, console = browse(page, tmp_path, 1440)
    assert len(probe["charts"]) == 8  # learning curves of five models, CED curves of three tasks
    assert all(marks > 0 for marks in probe["charts"])
    assert probe["broken"] == []
    assert not [line for line in console if "WARN Infinite extent" not in line]

"""The page of a run and DVC's charts in a real browser; skipped if Chromium is missing."""

import json
import re
import subprocess
from html import unescape
from pathlib import Path

import pytest
from chromium import CHROMIUM, COMMAND
from workspace import MODELS, Workspace

from keypoints.core import paths

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="no Chromium on this machine")

# Measures a page after it has loaded. A copy of each image is requested, which also delays the load
# event. The page is in a frame, because a window cannot be arbitrarily narrow.
PROBE = """
<script>
let shift = 0;
new PerformanceObserver(list => list.getEntries().forEach(entry => shift += entry.value))
  .observe({type: 'layout-shift', buffered: true});
const copies = [];
document.addEventListener('DOMContentLoaded', () => {
  for (const image of document.querySelectorAll('img, svg image')) {
    const copy = new Image();
    copy.src = image.src || image.href.baseVal;
    copies.push(copy);
  }
});
addEventListener('load', () => setTimeout(report, 2000));  // charts appear after the load event
const report = () => parent.postMessage({
  pictures: copies.length,
  broken: copies.filter(copy => !copy.naturalWidth).map(copy => copy.src.slice(0, 60)),
  shift, width: innerWidth, height: document.documentElement.scrollHeight,
  table: document.querySelector('.scores tbody')?.getBoundingClientRect().top,
  overflow: document.documentElement.scrollWidth - innerWidth,
  charts: [...document.querySelectorAll('.vega-embed canvas')].map(countColoured),
}, '*');
function countColoured(canvas) {
  const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
  let count = 0;
  for (let i = 0; i < pixels.length; i += 4) count += Math.abs(pixels[i] - pixels[i + 1]) > 30;
  return count;
}
</script>
"""
FRAME = """<!DOCTYPE html><link rel="icon" href="data:,">
<script>
addEventListener('message', message => {
  document.documentElement.dataset.probe = JSON.stringify(message.data);
});
</script>
<iframe src="probed.html" width="WIDTH" height="900" style="border: 0"></iframe>
"""


def browse(page: Path, tmp_path: Path, width: int) -> tuple[dict, list[str]]:
    """Open a page without a network; returns the probe's measurements and the console's lines."""
    probed, frame = page.with_name("probed.html"), page.with_name("frame.html")
    probed.write_text(page.read_text().replace("<head>", f"<head>{PROBE}", 1))
    frame.write_text(FRAME.replace("WIDTH", str(width)))
    done = subprocess.run(
        [
            *COMMAND,
            "--hide-scrollbars",
            f"--user-data-dir={tmp_path / 'profile'}",
            "--timeout=60000",
            "--virtual-time-budget=10000",
            "--dump-dom",
            frame.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )
    probed.unlink()
    frame.unlink()
    found = re.search(r'data-probe="([^"]*)"', done.stdout)
    assert found, done.stderr
    console = [line for line in done.stderr.splitlines() if ":CONSOLE" in line]
    return json.loads(unescape(found[1])), console


@pytest.mark.parametrize("width", [390, 1440])
def test_the_page_opens_completely_without_messages_and_fits_its_window(
    ran: Workspace, tmp_path: Path, width: int
) -> None:
    probe, console = browse(ran.folder / paths.REPORT / "index.html", tmp_path, width)
    assert probe["width"] == width
    assert console == []
    assert probe["pictures"] > 50
    assert probe["table"] < 700, "the score table begins on the first screen"
    assert probe["broken"] == []
    assert probe["overflow"] <= 0
    assert probe["shift"] < 0.001, "nothing moves visibly"  # 0.0003 on a busy machine


def test_dvcs_charts_appear_without_the_web(ran: Workspace, tmp_path: Path) -> None:
    ran.run("python", "tools/dvc_plots_template.py")
    ran.dvc("config", "--local", "plots.html_template", "plots.html")
    ran.dvc("plots", "show", "--out", str(tmp_path / "plots"))
    ran.dvc("config", "--local", "--unset", "plots.html_template")
    page = tmp_path / "plots/index.html"
    assert 'src="http' not in page.read_text()
    probe, console = browse(page, tmp_path, 1440)
    assert len(probe["charts"]) == 2 * len(MODELS) + 2  # learning curves, CED curves; nose networks
    assert min(probe["charts"]) > 50, "coloured pixels, which only lines have"
    assert probe["broken"] == []
    assert not [line for line in console if "WARN Infinite extent" not in line]

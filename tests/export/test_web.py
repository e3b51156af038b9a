"""The demo in a real browser says what Python says; skipped where Chromium or npm is missing."""

import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Empty, Queue

import numpy as np
import pytest

from keypoints.annotation.images import read_image
from keypoints.annotation.onnx_predictor import open_onnx
from keypoints.annotation.predictor import cut_faces, predict_faces
from keypoints.export.onnxruntime_web import PACKAGE, DemoError, put_onnxruntime_web
from keypoints.export.web import build_demo
from keypoints.models.predict import load_model

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)
DOWNLOADS = Path(__file__).parents[2] / ".downloads"
needs_a_browser = pytest.mark.skipif(not CHROMIUM, reason="no Chromium on this machine")
needs_npm = pytest.mark.skipif(
    not (DOWNLOADS / PACKAGE).is_file() and not shutil.which("npm"),
    reason="neither npm nor its package of onnxruntime-web is here",
)

# Looks at the demo from around it, drags the box, and tells what was there before and after.
PROBE = """<!DOCTYPE html><link rel="icon" href="data:,">
<iframe src="index.html#drawn" width="WIDTH" height="900" style="border: 0"></iframe>
<script type="module">
const frame = document.querySelector("iframe");
const numbers = () => frame.contentDocument?.getElementById("numbers")?.textContent;
const wait = test => new Promise(done => {
  const timer = setInterval(() => test() && (clearInterval(timer), done()), 50);
});
await wait(numbers);
const before = numbers(), inner = frame.contentWindow, page = frame.contentDocument;
const overlay = page.getElementById("overlay"), square = overlay.querySelector(".box");
const place = overlay.getBoundingClientRect(), pixel = place.width / overlay.viewBox.baseVal.width;
overlay.setPointerCapture = () => {};  // no real pointer is down
const point = (type, target, x, y) => target.dispatchEvent(new inner.PointerEvent(type,
  {bubbles: true, cancelable: true, clientX: x, clientY: y, pointerId: 1}));
const [x, y] = [place.left + place.width / 2, place.top + place.height / 2];
point("pointerdown", square, x, y);
point("pointermove", overlay, x + 20 * pixel, y - 10 * pixel);
point("pointerup", overlay, x + 20 * pixel, y - 10 * pixel);
await wait(() => numbers() !== before);
await fetch("told", {method: "POST", body: JSON.stringify({
  before: JSON.parse(before), after: JSON.parse(numbers()),
  asked: inner.performance.getEntriesByType("resource").map(entry => entry.name),
  overflow: page.documentElement.scrollWidth - inner.innerWidth,
  crosses: overlay.querySelector(".predicted").getAttribute("d").split("M").length - 1,
  canDownload: !page.getElementById("json").disabled,
})});
</script>
"""


class Handler(SimpleHTTPRequestHandler):
    told: Queue[dict]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.told.put(json.loads(body))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def demo(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    build_demo(folder, load_model(tiny_model), downloads=DOWNLOADS)
    return folder


@pytest.fixture
def server(demo: Path) -> Iterator[ThreadingHTTPServer]:
    handler = type("DemoHandler", (Handler,), {"told": Queue()})
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(demo))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        server.told = handler.told  # type: ignore[attr-defined]
        yield server
        server.shutdown()


def browse(demo: Path, server: ThreadingHTTPServer, profile: Path, width: int) -> tuple[dict, str]:
    """What the probe tells of the demo, and the console's words."""
    (demo / "probe.html").write_text(PROBE.replace("WIDTH", str(width)))
    with (profile.parent / "said.txt").open("w+") as said:
        browser = subprocess.Popen(
            [
                CHROMIUM,
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
                "--enable-logging=stderr",
                f"--user-data-dir={profile}",
                "--window-size=1600,1000",
                "--remote-debugging-port=0",  # keeps it open
                f"http://127.0.0.1:{server.server_port}/probe.html",
            ],
            stdout=subprocess.DEVNULL,
            stderr=said,
        )
        try:
            told = server.told.get(timeout=120)  # type: ignore[attr-defined]
        except Empty:
            told = {}
        finally:
            browser.terminate()
            browser.wait()
        said.seek(0)
        console = "".join(line for line in said if ":CONSOLE" in line)
    return told, console


@needs_a_browser
@needs_npm
@pytest.mark.parametrize("width", [390, 1200])
def test_the_browser_finds_pythons_points_and_asks_nobody(
    width: int, demo: Path, server: ThreadingHTTPServer, tmp_path: Path
) -> None:
    told, console = browse(demo, server, tmp_path / "profile", width)
    assert told, f"the demo told nothing:\n{console}"
    predictor = open_onnx(demo / "model.onnx")[1]()
    photo = read_image(demo / "sample.png")
    boxes = []
    for moment in ("before", "after"):
        found = told[moment]["faces"][0]
        boxes.append(np.array(found["box"]))
        face = predict_faces(predictor, cut_faces(photo, [found["box"]], predictor.format))[0]
        assert np.abs(face.landmarks_photo - found["points"]).max() < 0.5, "px"
        assert np.abs(face.uncertainty_photo - found["uncertainty"]).max() < 0.5, "px"
        assert (told[moment]["height"], told[moment]["width"]) == photo.shape[:2]
    assert np.abs(boxes[1] - boxes[0] - (20, -10, 20, -10)).max() < 0.01
    assert told["crosses"] == 68
    assert told["canDownload"]
    assert told["overflow"] <= 0
    assert all(name.startswith(f"http://127.0.0.1:{server.server_port}/") for name in told["asked"])
    assert console == ""


def test_another_package_than_the_expected_one_is_refused(tmp_path: Path) -> None:
    (tmp_path / PACKAGE).write_bytes(b"something else")
    with pytest.raises(DemoError, match=r"not the package that is expected"):
        put_onnxruntime_web(tmp_path / "ort", tmp_path)


def test_without_npm_the_way_out_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DemoError, match=r"npm is missing.* put onnxruntime-web-.* yourself"):
        put_onnxruntime_web(tmp_path / "ort", tmp_path / "downloads")

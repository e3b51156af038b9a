"""The page in a real browser predicts what Python predicts; skipped without Chromium or npm."""

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
from chromium import CHROMIUM, COMMAND

import export
from keypoints.annotation.face_crops import FaceBox
from keypoints.annotation.images import read_image
from keypoints.annotation.onnx_predictor import open_onnx
from keypoints.annotation.predictor import crop_faces, predict_faces
from keypoints.core.errors import PipelineError
from keypoints.export.onnxruntime_web import PACKAGE, unpack_onnxruntime_web

DOWNLOADS = Path(__file__).parents[2] / ".downloads"
needs_a_browser = pytest.mark.skipif(not CHROMIUM, reason="no Chromium on this machine")
needs_npm = pytest.mark.skipif(
    not (DOWNLOADS / PACKAGE).is_file() and not shutil.which("npm"),
    reason="neither npm nor its package of onnxruntime-web is available",
)

# Opens the page in a frame, drags the box, and posts the results from before and after.
PROBE = """<!DOCTYPE html><link rel="icon" href="data:,">
<iframe src="index.html#rendered" width="WIDTH" height="900" style="border: 0"></iframe>
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
await fetch("results", {method: "POST", body: JSON.stringify({
  before: JSON.parse(before), after: JSON.parse(numbers()),
  requests: inner.performance.getEntriesByType("resource").map(entry => entry.name),
  overflow: page.documentElement.scrollWidth - inner.innerWidth,
  crosses: overlay.querySelector(".predicted").getAttribute("d").split("M").length - 1,
  canDownload: !page.getElementById("json").disabled,
})});
</script>
"""


class Handler(SimpleHTTPRequestHandler):
    results: Queue[dict]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.results.put(json.loads(body))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def site(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    export.main([str(tiny_model), "--web", str(folder)])
    return folder


@pytest.fixture
def server(site: Path) -> Iterator[ThreadingHTTPServer]:
    handler = type("SiteHandler", (Handler,), {"results": Queue()})
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(site))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        server.results = handler.results  # type: ignore[attr-defined]
        yield server
        server.shutdown()


def browse(site: Path, server: ThreadingHTTPServer, profile: Path, width: int) -> tuple[dict, str]:
    """The results that the probe posts, and the messages in the browser's console."""
    (site / "probe.html").write_text(PROBE.replace("WIDTH", str(width)))
    with (profile.parent / "log.txt").open("w+") as log:
        browser = subprocess.Popen(
            [
                *COMMAND,
                f"--user-data-dir={profile}",
                "--remote-debugging-port=0",  # keeps it open
                f"http://127.0.0.1:{server.server_port}/probe.html",
            ],
            stdout=subprocess.DEVNULL,
            stderr=log,
        )
        try:
            results = server.results.get(timeout=120)  # type: ignore[attr-defined]
        except Empty:
            results = {}
        finally:
            browser.terminate()
            browser.wait()
        log.seek(0)
        console = "".join(line for line in log if ":CONSOLE" in line)
    return results, console


@needs_a_browser
@needs_npm
@pytest.mark.parametrize("width", [390, 1200])
def test_the_browser_predicts_pythons_points_and_contacts_no_other_server(
    width: int, site: Path, server: ThreadingHTTPServer, tmp_path: Path
) -> None:
    results, console = browse(site, server, tmp_path / "profile", width)
    assert results, f"the page posted no results:\n{console}"
    predictor = open_onnx(site / "model.onnx")[1]()
    photo = read_image(site / "sample.png")
    boxes = []
    for moment in ("before", "after"):
        found = results[moment]["faces"][0]
        boxes.append(np.array(found["box"]))
        boxes_photo = [FaceBox(tuple(found["box"]))]
        face = predict_faces(predictor, crop_faces(photo, boxes_photo, predictor.format))[0]
        assert np.abs(face.landmarks_photo - found["points"]).max() < 0.5, "px"
        assert np.abs(face.uncertainty_photo - found["uncertainty"]).max() < 0.5, "px"
        assert (results[moment]["height"], results[moment]["width"]) == photo.shape[:2]
    assert np.abs(boxes[1] - boxes[0] - (20, -10, 20, -10)).max() < 0.01
    assert results["crosses"] == 68
    assert results["canDownload"]
    assert results["overflow"] <= 0
    own = f"http://127.0.0.1:{server.server_port}/"
    assert all(address.startswith(own) for address in results["requests"])
    assert console == ""


def test_a_package_with_another_digest_is_rejected(tmp_path: Path) -> None:
    (tmp_path / PACKAGE).write_bytes(b"something else")
    with pytest.raises(PipelineError, match="its SHA-512 digest differs from the expected one"):
        unpack_onnxruntime_web(tmp_path / "ort", tmp_path)


def test_without_npm_the_message_contains_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PipelineError, match=r"npm.* is missing.* put onnxruntime-web-.* yourself"):
        unpack_onnxruntime_web(tmp_path / "ort", tmp_path / "downloads")

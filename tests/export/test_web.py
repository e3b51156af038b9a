"""The page in a real browser finds what Python finds; skipped without Chromium or npm."""

import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Empty, Queue

import cv2
import numpy as np
import pytest
from chromium import CHROMIUM, COMMAND

import export
from keypoints.annotation.annotator import Annotator
from keypoints.annotation.default_model import PRETRAINED
from keypoints.annotation.images import read_image
from keypoints.core.errors import PipelineError
from keypoints.export.onnxruntime_web import PACKAGE, unpack_onnxruntime_web

ROOT = Path(__file__).parents[2]
PORTRAIT = ROOT / "data/photos/eileen_collins.jpg"
needs_a_browser = pytest.mark.skipif(not CHROMIUM, reason="no Chromium on this machine")
needs_npm = pytest.mark.skipif(
    not (ROOT / ".downloads" / PACKAGE).is_file() and not shutil.which("npm"),
    reason="neither npm nor its package of onnxruntime-web is available",
)

# Opens the page in frames, uses it, and posts the results.
PROBE = """<!DOCTYPE html><link rel="icon" href="data:,">
<iframe src="index.html" width="1440" height="900" style="border: 0"></iframe>
<script type="module">
const until = async test => { while (!test()) await new Promise(done => setTimeout(done, 50)); };
const results = {overflow: {}}, frame = document.querySelector("iframe");
const text = (id, of = frame) => of.contentDocument?.getElementById(id)?.textContent ?? "";
await until(() => text("headline").startsWith("Ready"));
const {contentWindow: inner, contentDocument: page} = frame, part = id => page.getElementById(id);
results.opened = JSON.parse(text("numbers"));

const transfer = async name => {
  const files = new inner.DataTransfer(), blob = await (await fetch(name)).blob();
  files.items.add(new inner.File([blob], name));
  return files;
};
const result = async name => {
  await until(() => text("note").includes(" s on ") && JSON.parse(text("numbers")).photo === name);
  return JSON.parse(text("numbers"));
};
part("file").files = (await transfer("portrait.jpg")).files;
part("file").dispatchEvent(new inner.Event("change"));
results.portrait = await result("portrait.jpg");
inner.dispatchEvent(new inner.DragEvent("drop", {dataTransfer: await transfer("two.png")}));
results.two = await result("two.png");
results.closeUps = part("close-ups").children.length;

let link = null;
inner.HTMLAnchorElement.prototype.click = function () { link = this; };
part("save").click();
await until(() => link);
results.saved = link.download;
const picture = await createImageBitmap(await (await fetch(link.href)).blob());
const canvas = new OffscreenCanvas(picture.width, picture.height).getContext("2d");
canvas.drawImage(picture, 0, 0);
results.size = [picture.height, picture.width];
const {data} = canvas.getImageData(0, 0, picture.width, picture.height);
results.colours = results.two.faces.flatMap(face => face.points.map(([x, y]) =>
  [...data.subarray(4 * (Math.round(y) * picture.width + Math.round(x))).subarray(0, 3)]));

for (const width of [390, 1440]) {
  frame.width = width;
  await new Promise(done => setTimeout(done, 100));
  results.overflow[width] = page.documentElement.scrollWidth - inner.innerWidth;
}

part("details").open = true;
part("camera").click();
const places = [], tracks = new Set();
await until(() => {
  const {photo, faces} = JSON.parse(text("numbers"));
  if (photo === "camera") faces.forEach(({box, track}) => places.push(box[0]) && tracks.add(track));
  return Math.max(...places) - Math.min(...places) > 12;
});
part("camera").click();
await until(() => text("note").startsWith("Frozen"));
results.tracks = [...tracks];

const other = document.body.appendChild(Object.assign(document.createElement("iframe"),
  {src: "without_webassembly.html"}));
await until(() => text("headline", other).includes("cannot"));
results.refusal = text("note", other);
results.shown = JSON.parse(text("numbers", other)).faces.length;
results.requests = [inner, other.contentWindow].flatMap(window =>
  window.performance.getEntriesByType("resource").map(entry => entry.name));
await fetch("results", {method: "POST", body: JSON.stringify(results)});
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


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    export.main([str(PRETRAINED), "--web", str(folder)])
    shutil.copy(PORTRAIT, folder / "portrait.jpg")
    (folder / "probe.html").write_text(PROBE)
    page = (folder / "index.html").read_text()
    removal = '<script src="remove.js"></script><script type="module"'
    (folder / "without_webassembly.html").write_text(page.replace('<script type="module"', removal))
    (folder / "remove.js").write_text("delete globalThis.WebAssembly;")
    return folder


@pytest.fixture
def server(site: Path) -> Iterator[ThreadingHTTPServer]:
    handler = type("SiteHandler", (Handler,), {"results": Queue()})
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(site))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        server.results = handler.results  # type: ignore[attr-defined]
        yield server
        server.shutdown()


def two_faces() -> np.ndarray:
    """A photo of two faces, one of them smaller and turned by 40 degrees."""
    portrait = read_image(PORTRAIT)[:300, 80:380]
    turned = cv2.warpAffine(
        portrait, cv2.getRotationMatrix2D((143, 122), -40, 0.8), (300, 300), borderValue=(90,) * 3
    )
    return np.concatenate([portrait, turned], axis=1).astype(np.uint8)


def write_video(path: Path) -> None:
    """A face that moves slowly to and fro, in the only format that Chromium's camera accepts."""
    portrait = read_image(PORTRAIT)
    with path.open("wb") as file:
        file.write(b"YUV4MPEG2 W320 H240 F10:1 Ip A1:1 C420jpeg\n")
        for shift in (*range(0, 24, 2), *range(24, 0, -2)):
            frame = portrait[:240, 60 + shift : 380 + shift]
            file.write(b"FRAME\n" + cv2.cvtColor(frame, cv2.COLOR_RGB2YUV_I420).tobytes())


def browse(server: ThreadingHTTPServer, folder: Path) -> tuple[dict, str]:
    """The results that the probe posts, and the messages in the browser's console."""
    write_video(folder / "camera.y4m")
    with (folder / "log.txt").open("w+") as log:
        browser = subprocess.Popen(
            [
                *COMMAND,
                f"--user-data-dir={folder / 'profile'}",
                "--remote-debugging-port=0",  # keeps it open
                "--use-fake-device-for-media-stream",
                "--use-fake-ui-for-media-stream",
                f"--use-file-for-fake-video-capture={folder / 'camera.y4m'}",
                f"http://127.0.0.1:{server.server_port}/probe.html",
            ],
            stdout=subprocess.DEVNULL,
            stderr=log,
        )
        try:
            results = server.results.get(timeout=180)  # type: ignore[attr-defined]
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
def test_the_page_finds_pythons_points_and_contacts_no_other_server(
    site: Path, server: ThreadingHTTPServer, tmp_path: Path
) -> None:
    photos = {"portrait": read_image(PORTRAIT), "two": two_faces()}
    (site / "two.png").write_bytes(cv2.imencode(".png", photos["two"][..., ::-1])[1].tobytes())
    results, console = browse(server, tmp_path)
    assert results, f"the page posted no results:\n{console}"
    annotator = Annotator(site / "model.onnx")
    for name, photo in photos.items():
        expected, found = annotator(photo), results[name]
        assert (found["height"], found["width"]) == photo.shape[:2]
        assert len(expected) == len(found["faces"]) == {"portrait": 1, "two": 2}[name]
        for points, face in zip(expected.points, found["faces"], strict=True):
            assert np.abs(points - face["points"]).max() < 1, "px"
            assert face["certain"]
    opened, (portrait,) = results["opened"]["faces"][0], results["portrait"]["faces"]
    assert np.abs(np.subtract(opened["points"], portrait["points"])).max() < 1
    assert results["closeUps"] == 2
    assert (results["saved"], results["size"]) == ("two_points.png", [300, 600])
    colours = np.array(results["colours"])
    is_white = np.abs(colours - (255, 255, 255)).max(axis=1) < 30
    is_orange = np.abs(colours - (255, 176, 0)).max(axis=1) < 30
    assert (is_white | is_orange).mean() > 0.9, "dots at the points of the saved picture"
    assert results["tracks"] == [1]
    assert max(results["overflow"].values()) <= 0
    assert "WebAssembly" in results["refusal"]
    assert results["shown"] == 1
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

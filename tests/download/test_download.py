"""Downloads from a real server on the loopback, which misbehaves according to a script."""

import hashlib
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from keypoints.download import http
from keypoints.download.http import PartialFile, resume_download
from keypoints.download.mirrors import Download, DownloadDirs, DownloadError, file_name, find

OLD = bytes(range(256)) * 1000
NEW = OLD[::-1] + b"one more line"
LARGE = 8 * OLD  # more than is written at once
SRC = Path(__file__).parents[2] / "src"


@dataclass(frozen=True)
class Reply:
    body: bytes = OLD
    status: int = 200
    etag: str | None = '"old"'
    n_sent: int | None = None  # number of bytes after which the connection ends
    n_announced: int | str | None = None
    announces_length: bool = True
    has_ranges: bool = True
    checks_version: bool = True
    range_shift: int = 0  # bytes between the requested and the sent start of the rest
    tail: bytes = b""  # follows the rest
    location: str | None = None
    is_held: bool = False  # the connection stays open, but nothing more is sent


class Server(ThreadingHTTPServer):
    """Sends the replies scripted for a path one after the other, and repeats the last one."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.script: dict[str, list[Reply]] = {}
        self.requests: list[tuple[str, str | None]] = []  # path and Range
        self.release = threading.Event()  # closes the held connections
        self.address = f"http://127.0.0.1:{self.server_port}"

    def serve(self, path: str, *replies: Reply) -> str:
        self.script[path] = list(replies)
        return self.address + path


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        wanted = self.headers["Range"]
        self.server.requests.append((self.path, wanted))
        replies = self.server.script.get(self.path, [Reply(b"gone", 404)])
        reply = replies.pop(0) if len(replies) > 1 else replies[0]
        is_same = not reply.checks_version or self.headers["If-Range"] == reply.etag
        if wanted and reply.has_ranges and is_same:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            self.send_rest(reply, start + reply.range_shift)
        else:
            self.send(reply, reply.status, reply.body)

    def send_rest(self, reply: Reply, start: int) -> None:
        n_bytes = len(reply.body)
        if start < n_bytes:
            content_range = f"bytes {start}-{n_bytes - 1}/{n_bytes}"
            self.send(reply, 206, reply.body[start:] + reply.tail, content_range)
        else:
            self.send(reply, 416, b"", f"bytes */{n_bytes}")

    def send(
        self, reply: Reply, status: int, body: bytes, content_range: str | None = None
    ) -> None:
        self.send_response(status)
        headers = {
            "ETag": reply.etag,
            "Location": reply.location,
            "Content-Range": content_range,
            "Content-Length": str(reply.n_announced or len(body)),
        }
        for name, value in headers.items():
            if value and (reply.announces_length or name != "Content-Length"):
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body[: reply.n_sent])
        if reply.is_held:
            self.server.release.wait(timeout=60)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(http, "BACKOFF_S", (0, 0))
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.release.set()
        server.shutdown()
        thread.join()


def fetch(*urls: str, root: Path, mirror: str | None = None, sha256: str | None = None) -> Download:
    dirs = DownloadDirs(root, mirror)
    return find(list(map(file_name, urls)), dirs, urls=urls, sha256=sha256)


def keep(root: Path, name: str, content: bytes = OLD) -> Path:
    """Write a file as an earlier run left it among the downloads."""
    (root / ".downloads").mkdir(exist_ok=True)
    (root / ".downloads" / name).write_bytes(content)
    return root / ".downloads" / name


def downloaded(root: Path) -> set[str]:
    return {path.name for path in (root / ".downloads").iterdir() if path.suffix != ".lock"}


@contextmanager
def file_size_limit(n_bytes: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_download_has_its_name_digest_and_origin(server: Server, tmp_path: Path) -> None:
    url = server.serve("/data/faces.tar.gz", Reply())
    found = fetch(url, root=tmp_path / "new" / "folder")
    path = tmp_path / "new" / "folder" / ".downloads" / "faces.tar.gz"
    assert found == Download(path, hashlib.sha256(OLD).hexdigest(), origin=url)
    assert path.read_bytes() == OLD
    assert downloaded(tmp_path / "new" / "folder") == {"faces.tar.gz"}


def test_a_dropped_connection_is_resumed(server: Server, tmp_path: Path) -> None:
    url = server.serve("/faces.zip", Reply(n_sent=1000), Reply(n_sent=500), Reply())
    assert fetch(url, root=tmp_path).path.read_bytes() == OLD
    assert [wanted for _, wanted in server.requests] == [None, "bytes=1000-", "bytes=1500-"]


def test_attempts_that_receive_something_are_not_counted(server: Server, tmp_path: Path) -> None:
    url = server.serve("/faces.zip", *[Reply(n_sent=10) for _ in range(9)], Reply())
    assert fetch(url, root=tmp_path).path.read_bytes() == OLD


def test_a_later_run_resumes_the_download_of_an_earlier_one(server: Server, tmp_path: Path) -> None:
    url = server.serve("/faces.zip", Reply(n_sent=1000), Reply(n_sent=0))
    with pytest.raises(DownloadError, match=r"received 1,000 of 256,000 bytes"):
        fetch(url, root=tmp_path)
    server.serve("/faces.zip", Reply())
    assert fetch(url, root=tmp_path).path.read_bytes() == OLD
    assert server.requests[-1] == ("/faces.zip", "bytes=1000-")


def test_a_complete_part_of_a_killed_run_is_used_without_the_network(
    server: Server, tmp_path: Path
) -> None:
    url = server.serve("/faces.zip", Reply())
    part = keep(tmp_path, "faces.zip.part", b"")
    resume_download(url, PartialFile(part))
    assert fetch(url, root=tmp_path).path.read_bytes() == OLD
    assert len(server.requests) == 1


def test_a_killed_download_is_resumed_by_the_next_run(server: Server, tmp_path: Path) -> None:
    url = server.serve("/faces.zip", Reply(LARGE, n_sent=6 * len(OLD), is_held=True), Reply(LARGE))
    part = keep(tmp_path, "faces.zip.part", b"")
    code = "import sys; from pathlib import Path; "
    code += "from keypoints.download.http import PartialFile, resume_download; "
    code += "resume_download(sys.argv[1], PartialFile(Path(sys.argv[2])))"
    command = [sys.executable, "-c", code, url, str(part)]
    with subprocess.Popen(command, env=os.environ | {"PYTHONPATH": str(SRC)}) as child:
        deadline = time.monotonic() + 60
        while PartialFile(part).n_bytes == 0 and time.monotonic() < deadline:
            time.sleep(0.01)
        child.kill()
    n_kept = PartialFile(part).n_bytes
    assert n_kept > 0
    assert fetch(url, root=tmp_path).path.read_bytes() == LARGE
    assert server.requests[-1] == ("/faces.zip", f"bytes={n_kept}-")


def test_a_part_without_a_valid_note_is_dropped(server: Server, tmp_path: Path) -> None:
    keep(tmp_path, "faces.zip.part", b"another file")
    keep(tmp_path, "faces.zip.part.json", b'{"address": "http://127')
    url = server.serve("/faces.zip", Reply())
    assert fetch(url, root=tmp_path).path.read_bytes() == OLD


def test_a_server_without_ranges_sends_the_whole_file_again(server: Server, tmp_path: Path) -> None:
    url = server.serve("/faces.zip", Reply(n_sent=1000), Reply(has_ranges=False))
    assert fetch(url, root=tmp_path).path.read_bytes() == OLD
    assert server.requests[1] == ("/faces.zip", "bytes=1000-")


@pytest.mark.parametrize("etag", [None, 'W/"weak"'])
def test_without_a_strong_version_nothing_is_resumed(
    server: Server, tmp_path: Path, etag: str | None
) -> None:
    url = server.serve("/faces.zip", Reply(etag=etag, n_sent=1000), Reply(NEW, etag=etag))
    assert fetch(url, root=tmp_path).path.read_bytes() == NEW
    assert server.requests[1] == ("/faces.zip", None)


@pytest.mark.parametrize("checks_version", [True, False])
@pytest.mark.parametrize("body", [NEW, OLD[::-1]], ids=["longer", "as long"])
def test_versions_of_a_changed_file_are_never_mixed(
    server: Server, tmp_path: Path, checks_version: bool, body: bytes
) -> None:
    changed = Reply(body, etag='"new"', checks_version=checks_version)
    url = server.serve("/faces.zip", Reply(n_sent=1000), changed)
    assert fetch(url, root=tmp_path).path.read_bytes() == body


@pytest.mark.parametrize("wrong", [Reply(range_shift=8, tail=b"8 bytes."), Reply(tail=b"too much")])
def test_a_rest_that_does_not_match_the_part_is_dropped(
    server: Server, tmp_path: Path, wrong: Reply
) -> None:
    url = server.serve("/faces.zip", Reply(n_sent=1000), wrong, Reply())
    assert fetch(url, root=tmp_path).path.read_bytes() == OLD


@pytest.mark.parametrize("has_ranges", [True, False])
def test_a_wrong_length_is_an_error(server: Server, tmp_path: Path, has_ranges: bool) -> None:
    longer = Reply(n_announced=len(OLD) + 1, has_ranges=has_ranges)
    url = server.serve("/faces.zip", longer)
    with pytest.raises(DownloadError, match="received 256,000 of 256,001 bytes|length was wrong"):
        fetch(url, root=tmp_path)
    assert "faces.zip" not in downloaded(tmp_path)


def test_a_length_that_is_too_short_is_detected_by_the_digest(
    server: Server, tmp_path: Path
) -> None:
    url = server.serve("/faces.zip", Reply(n_announced=1000))
    with pytest.raises(DownloadError, match=f"{url}: sha256 must be"):
        fetch(url, root=tmp_path, sha256=hashlib.sha256(OLD).hexdigest())
    assert downloaded(tmp_path) == set()


def test_a_server_that_sends_no_length_is_refused(server: Server, tmp_path: Path) -> None:
    url = server.serve("/faces.zip", Reply(announces_length=False))
    with pytest.raises(DownloadError, match="sends no length"):
        fetch(url, root=tmp_path)


def test_a_busy_server_gets_another_request(server: Server, tmp_path: Path) -> None:
    url = server.serve("/faces.zip", Reply(b"later", status=503), Reply())
    assert fetch(url, root=tmp_path).path.read_bytes() == OLD


def test_the_next_address_is_tried_under_its_own_name(server: Server, tmp_path: Path) -> None:
    url = server.serve("/faces.zip", Reply())
    found = fetch(f"{server.address}/gone/faces.tar.gz", url, root=tmp_path)
    assert (found.path.name, found.origin) == ("faces.zip", url)
    assert len(server.requests) == 2  # a missing file is requested once


def test_without_any_source_the_error_lists_all_sources_and_remedies(
    server: Server, tmp_path: Path
) -> None:
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    gone, refused = f"{server.address}/faces.zip", "http://127.0.0.1:1/faces.zip"
    with pytest.raises(DownloadError) as error:
        fetch(gone, refused, root=tmp_path, mirror="mirror")
    assert f"{mirror / 'faces.zip'}: No such file" in str(error.value)
    assert f"{gone}: 404 Not Found" in str(error.value)
    assert f"{refused}: " in str(error.value)
    assert "Set `mirror:` in params.yaml" in str(error.value)
    assert f"put the file at {tmp_path / '.downloads' / 'faces.zip'} by hand" in str(error.value)


def test_redirects_are_followed(server: Server, tmp_path: Path) -> None:
    server.serve("/elsewhere", Reply())
    url = server.serve("/faces.zip", Reply(b"", status=302, location="/elsewhere"))
    found = fetch(url, root=tmp_path)
    assert (found.path.name, found.origin) == ("faces.zip", url)
    assert found.path.read_bytes() == OLD


@pytest.mark.parametrize("location", ["file:///etc/hostname", "ftp://127.0.0.1/faces.zip"])
def test_redirects_to_other_protocols_are_refused(
    server: Server, tmp_path: Path, location: str
) -> None:
    url = server.serve("/faces.zip", Reply(b"", status=302, location=location))
    with pytest.raises(DownloadError, match="No connection adapters"):
        fetch(url, root=tmp_path)


@pytest.mark.parametrize(
    "reply",
    [
        *(
            Reply(b"", status=302, location=location)
            for location in ("http://[bad/x", "http://a..b/x", "\xff", "/faces.zip")
        ),
        Reply(n_announced="9" * 5000),
        Reply(status=500),
    ],
    ids=lambda reply: str(reply.location or reply.status),
)
def test_the_next_address_is_tried_whatever_a_server_sends(
    server: Server, tmp_path: Path, reply: Reply
) -> None:
    url, other = server.serve("/faces.zip", reply), server.serve("/other.zip", Reply())
    found = fetch(url, other, root=tmp_path, mirror=server.address.replace("http", "HTTP"))
    assert found.path.name == "other.zip"


@pytest.mark.parametrize(
    "url",
    ["file:///etc/hostname", "ftp://127.0.0.1/faces.zip", "faces.zip", "http://host/", "http:///x"],
)
def test_only_http_addresses_of_files_are_accepted(tmp_path: Path, url: str) -> None:
    with pytest.raises(DownloadError, match=r"must be a file's address, http:// or https://"):
        fetch(url, root=tmp_path)


def test_a_mirror_folder_is_preferred_and_its_file_stays_there(
    server: Server, tmp_path: Path
) -> None:
    (tmp_path / "mirror").mkdir()
    path = tmp_path / "mirror" / "faces.ZIP"
    path.write_bytes(NEW)
    keep(tmp_path, "faces.zip")
    url = server.serve("/faces.tar.gz", Reply())
    found = fetch(url, f"{server.address}/faces.zip", root=tmp_path, mirror="mirror")
    assert (found.path, found.origin) == (path, str(path))
    assert server.requests == []


def test_a_mirror_address_is_preferred_to_public_ones_and_used_once(
    server: Server, tmp_path: Path
) -> None:
    public = server.serve("/public/faces.zip", Reply())
    mirrored = server.serve("/mirror/faces.zip", Reply(NEW))
    found = fetch(public, root=tmp_path, mirror=f"{server.address}/mirror/")
    path = tmp_path / ".downloads" / "faces.zip"
    assert (found.path, found.origin) == (path, mirrored)
    assert found.path.read_bytes() == NEW
    again = fetch(public, root=tmp_path, mirror=f"{server.address}/mirror/")
    assert (again.path, again.sha256) == (path, found.sha256)
    assert len(server.requests) == 1


def test_a_mirror_address_may_have_a_query(server: Server, tmp_path: Path) -> None:
    server.serve("/mirror/faces.zip?key=1", Reply())
    mirror = f"{server.address}/mirror/?key=1"
    found = fetch(f"{server.address}/faces.zip", root=tmp_path, mirror=mirror)
    assert (found.path.name, found.origin) == ("faces.zip", f"{mirror[:-6]}faces.zip?key=1")


def test_a_mirror_may_be_below_the_home_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "faces.zip").write_bytes(OLD)
    assert fetch("http://host/faces.zip", root=tmp_path / "x", mirror="~").path.exists()


@pytest.mark.parametrize("kind", ["folder", "address"])
def test_a_mirror_without_the_file_is_skipped(server: Server, tmp_path: Path, kind: str) -> None:
    mirror = "." if kind == "folder" else f"{server.address}/mirror"
    url = server.serve("/faces.zip", Reply())
    assert fetch(url, root=tmp_path, mirror=mirror).origin == url


def test_another_kind_of_file_is_skipped(server: Server, tmp_path: Path) -> None:
    dead = server.serve("/dead/faces.zip", Reply(b"<html>"))
    url = server.serve("/faces.zip", Reply())
    found = find(
        ["faces.zip"],
        DownloadDirs(tmp_path, None),
        urls=[dead, url],
        problem_of=lambda path: "HTML" if path.read_bytes().startswith(b"<") else "",
    )
    assert found.origin == url


@pytest.mark.parametrize("mirror", ["no/such/folder", "ftp://127.0.0.1/mirror"])
def test_an_invalid_mirror_is_an_error(server: Server, tmp_path: Path, mirror: str) -> None:
    url = server.serve("/faces.zip", Reply())
    with pytest.raises(DownloadError, match=f"mirror: there is no folder '{mirror}'; it must"):
        fetch(url, root=tmp_path, mirror=mirror)
    assert server.requests == []


def test_credentials_of_a_mirror_are_never_shown_or_written(
    server: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    mirror = server.address.replace("//", "//user:secret@")
    server.serve("/faces.zip", Reply(n_sent=1000), Reply(n_sent=0))
    with pytest.raises(DownloadError) as error:
        fetch(f"{server.address}/public/faces.zip", root=tmp_path, mirror=mirror)
    written = (tmp_path / ".downloads" / "faces.zip.part.json").read_text()
    server.serve("/faces.zip", Reply())
    found = fetch(f"{server.address}/public/faces.zip", root=tmp_path, mirror=mirror)
    assert found.origin == f"{server.address}/faces.zip"
    assert "secret" not in str(error.value) + caplog.text + written


def test_a_wrong_digest_is_an_error_and_the_file_is_removed(server: Server, tmp_path: Path) -> None:
    expected, got = hashlib.sha256(NEW).hexdigest(), hashlib.sha256(OLD).hexdigest()
    url = server.serve("/faces.zip", Reply())
    with pytest.raises(DownloadError, match=f"{url}: sha256 must be {expected}; got {got}"):
        fetch(url, root=tmp_path, sha256=expected)
    assert downloaded(tmp_path) == set()


def test_a_wrong_digest_in_a_mirror_folder_is_an_error_and_the_file_stays(
    server: Server, tmp_path: Path
) -> None:
    (tmp_path / "faces.zip").write_bytes(OLD)
    url = server.serve("/faces.zip", Reply(NEW))
    expected = hashlib.sha256(NEW).hexdigest()
    with pytest.raises(DownloadError, match=f"{tmp_path / 'faces.zip'}: sha256 must be"):
        fetch(url, root=tmp_path, mirror=".", sha256=expected)
    assert (tmp_path / "faces.zip").exists()


@pytest.mark.parametrize("sha256", [None, hashlib.sha256(OLD).hexdigest()])
def test_a_finished_download_is_used_without_the_network(
    server: Server, tmp_path: Path, sha256: str | None
) -> None:
    keep(tmp_path, "faces.zip")
    url = server.serve("/faces.zip", Reply(NEW))
    assert fetch(url, root=tmp_path, sha256=sha256).path.read_bytes() == OLD
    assert server.requests == []


def test_a_finished_download_with_another_digest_is_replaced(
    server: Server, tmp_path: Path
) -> None:
    keep(tmp_path, "faces.zip")
    url = server.serve("/faces.zip", Reply(NEW))
    found = fetch(url, root=tmp_path, sha256=hashlib.sha256(NEW).hexdigest())
    assert found.path.read_bytes() == NEW


@pytest.mark.parametrize("bundle", ["missing.pem", ".", "text.pem"])
def test_an_unusable_certificate_bundle_is_no_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bundle: str
) -> None:
    (tmp_path / "text.pem").write_text("not a certificate")
    monkeypatch.setattr(http, "BACKOFF_S", ())
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / bundle))
    with pytest.raises(DownloadError) as error:
        fetch("https://127.0.0.1:1/faces.zip", root=tmp_path)
    assert "free some space" not in str(error.value)
    assert "Connection refused" in str(error.value) or "missing.pem" in str(error.value)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_dead_proxy_is_named_without_its_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    monkeypatch.setattr(http, "BACKOFF_S", ())
    monkeypatch.setenv("no_proxy", "")
    for name in (f"{scheme}_proxy", f"{scheme}_proxy".upper()):
        monkeypatch.setenv(name, "http://user:secret@127.0.0.1:9")
    with pytest.raises(DownloadError) as error:
        fetch(f"{scheme}://example.org/faces.zip", root=tmp_path)
    assert "(through the proxy http://127.0.0.1:9 of the environment" in str(error.value)
    assert "secret" not in str(error.value)


def test_a_folder_that_cannot_be_written_is_named(server: Server, tmp_path: Path) -> None:
    url = server.serve("/faces.zip", Reply())
    keep(tmp_path, "x", b"")
    (tmp_path / ".downloads" / "faces.zip.part").mkdir()
    with pytest.raises(DownloadError) as error:
        fetch(url, root=tmp_path)
    assert "faces.zip.part: Is a directory" in str(error.value)
    assert "free some space" not in str(error.value)


def test_a_limit_of_file_sizes_is_named_and_the_part_is_kept(
    server: Server, tmp_path: Path
) -> None:
    url = server.serve("/faces.zip", Reply())
    with (
        file_size_limit(100_000),
        pytest.raises(
            DownloadError,
            match=r"zip\.part: .*; raise the limit of .*; the first 100,000 bytes are kept",
        ),
    ):
        fetch(url, root=tmp_path)
    assert fetch(url, root=tmp_path).path.read_bytes() == OLD
    assert server.requests[-1] == ("/faces.zip", "bytes=100000-")


def test_two_processes_download_the_same_file_once(server: Server, tmp_path: Path) -> None:
    url = server.serve("/faces.zip", Reply())
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda _: fetch(url, root=tmp_path), range(2)))
    assert [one.path.read_bytes() for one in found] == [OLD, OLD]
    assert len(server.requests) == 1

"""A small service on 127.0.0.1 that implements Kaggle's API for the real client.

With `KAGGLE_API_ENVIRONMENT=LOCALHOST`, the client calls http://localhost/api/v1/..., and
HTTP_PROXY redirects these calls to the service. HTTPS goes to a dead port, so that nothing can
leave the machine.
"""

import io
import json
import threading
import zipfile
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

NUMBER, TOKEN = 7001, "blob-token-of-the-upload"
DEAD = "http://127.0.0.1:9"
SECRET = "the-secret-key"


class KaggleService(ThreadingHTTPServer):
    """Answers the calls; tests set the faults.

    Attributes:
        calls: (name, body) of all calls in order; a body is JSON or the bytes of an upload.
        headers: Headers of all calls in order.
        refusals: Status and message by the name of the call.
        submissions: Answers to ListSubmissions in order; the last one repeats.
        allowed: Number of submissions left today.
        dropped: Number of uploads whose connection breaks in the middle.
        archive: Zip archive of the competition's files.
        leaderboard: Zip archive with the scores of all teams.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.calls: list[tuple[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.refusals: dict[str, tuple[int, str]] = {}
        self.submissions: list[list[dict[str, Any]]] = [[submission(publicScore="7.25")]]
        self.allowed = 5
        self.dropped = 0
        self.archive = b""
        self.leaderboard = leaderboard_archive("6.5", "7.0", "8.0")

    @property
    def environment(self) -> dict[str, str]:
        """Environment in which the client calls this service and nothing else."""
        proxies = {"http_proxy": f"http://127.0.0.1:{self.server_port}", "https_proxy": DEAD}
        proxies |= {"all_proxy": DEAD, "no_proxy": ""}
        return {
            **proxies,
            **{name.upper(): value for name, value in proxies.items()},
            "KAGGLE_API_ENVIRONMENT": "LOCALHOST",
            "KAGGLE_USERNAME": "competitor",
            "KAGGLE_KEY": SECRET,
        }

    @property
    def names(self) -> list[str]:
        """Names of all calls in order."""
        return [name for name, _ in self.calls]

    def body(self, name: str) -> Any:
        """Body of the last call of that name."""
        return next(body for called, body in reversed(self.calls) if called == name)

    def run(self) -> Callable[[], None]:
        """Start serving; returns a function that stops the service."""
        thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()

        def stop() -> None:
            self.shutdown()
            thread.join()
            self.server_close()

        return stop


def leaderboard_archive(*scores: str) -> bytes:
    """The public leaderboard in Kaggle's format, one team per score."""
    lines = ["Rank,TeamId,TeamName,LastSubmissionDate,Score,SubmissionCount,TeamMemberUserNames"]
    lines += [
        f'{rank},{rank},"Team, {rank}",2016-11-11 19:00:39,{score},3,member'
        for rank, score in enumerate(scores, 1)
    ]
    with io.BytesIO() as file:
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("publicleaderboard.csv", "\ufeff" + "\n".join(lines) + "\n")
        return file.getvalue()


def submission(**values: Any) -> dict[str, Any]:
    """A scored submission in the format of ListSubmissions; `values` replace its fields."""
    return {"ref": NUMBER, "status": "COMPLETE", "fileName": "resnet18.csv"} | values


class _Handler(BaseHTTPRequestHandler):
    server: KaggleService
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        name = self.path.rpartition("/")[2]
        self._record(name, json.loads(body))
        answer = getattr(self, f"answer_{name}", None)
        if name in self.server.refusals:
            status, message = self.server.refusals[name]
            self._send(status, {"code": status, "message": message})
        elif answer is None:
            self._send(404, {"code": 404, "message": f"no call {name}"})
        else:
            answer()

    def do_PUT(self) -> None:
        length = int(self.headers["Content-Length"])
        if self.server.dropped:
            self.server.dropped -= 1
            self._record("PUT", self.rfile.read(length // 2))
            self.close_connection = True
            self.connection.close()
            return
        self._record("PUT", self.rfile.read(length))
        status, message = self.server.refusals.get("PUT", (200, "OK"))
        self._send(status, {}, message)

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self._record("GET", path)
        is_board = path.endswith("leaderboard.zip")
        self._send(200, self.server.leaderboard if is_board else self.server.archive)

    def answer_GetSubmissionLimits(self) -> None:
        self._send(200, {"numToday": 5 - self.server.allowed, "numAllowedNow": self.server.allowed})

    def answer_StartSubmissionUpload(self) -> None:
        self._send(200, {"token": TOKEN, "createUrl": "http://localhost/upload/x?signature=y"})

    def answer_CreateSubmission(self) -> None:
        self._send(200, {"message": "Successfully submitted", "ref": NUMBER})

    def answer_ListSubmissions(self) -> None:
        answers = self.server.submissions
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        self._send(200, {"submissions": answer})

    def answer_IntrospectToken(self) -> None:
        active = self.server.body("IntrospectToken")["token"] == SECRET
        self._send(200, {"active": active, "username": "competitor" if active else ""})

    def answer_DownloadDataFiles(self) -> None:
        self._redirect("files.zip")

    def answer_DownloadLeaderboard(self) -> None:
        self._redirect("leaderboard.zip")

    def _redirect(self, file: str) -> None:
        self.send_response(302)
        self.send_header("Location", f"http://localhost/storage/{file}?signature=z")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _record(self, name: str, body: Any) -> None:
        self.server.calls.append((name, body))
        self.server.headers.append(dict(self.headers))

    def _send(self, status: int, content: Any, reason: str | None = None) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        kind = "application/zip" if isinstance(content, bytes) else "application/json"
        self.send_response(status, reason)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass

"""All calls of the official `kaggle` client.

When imported, the client signs in and creates a folder for its settings; it prints errors and, if
VERBOSE is set, the credentials. It is therefore imported late, silenced, and without VERBOSE.
"""

import io
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from keypoints.core.errors import PipelineError, first_line

CREDENTIALS = """\
Credentials go to one of these places (only the client reads them, never this project):
  kaggle auth login            signs in with the browser
  KAGGLE_API_TOKEN             environment variable: a token of https://www.kaggle.com/settings/api
  ~/.kaggle/access_token       file with that token, chmod 600
  ~/.kaggle/kaggle.json        an older API key with its user name, chmod 600"""

_TOKEN_FILES = ("access_token", "access_token.txt", "credentials.json", "kaggle.json")


class KaggleError(PipelineError):
    """Kaggle refuses a call, or cannot be reached; the message contains reason and remedy."""


@dataclass(frozen=True)
class Result:
    """State of a submission."""

    is_final: bool  # scored or failed
    public_score: float | None = None
    private_score: float | None = None  # None until the competition ends
    problem: str = ""  # why the submission failed


def has_credentials() -> bool:
    """Whether the client would find credentials; checked without importing it."""
    get = os.environ.get
    if get("KAGGLE_API_TOKEN") or (get("KAGGLE_USERNAME") and get("KAGGLE_KEY")):
        return True
    home = Path("~/.kaggle").expanduser()
    base = Path(get("XDG_CONFIG_HOME") or "~/.config").expanduser()
    config = Path(get("KAGGLE_CONFIG_DIR") or (home if home.exists() else base / "kaggle"))
    files = [home / name for name in _TOKEN_FILES] + [config / "kaggle.json"]
    return any(path.is_file() and path.stat().st_size for path in files)


class Kaggle:
    """A signed-in client. It raises KaggleError if Kaggle refuses or cannot be reached."""

    def __init__(self, slug: str) -> None:
        if not has_credentials():
            raise KaggleError(f"no Kaggle credentials were found.\n{CREDENTIALS}")
        self.slug = slug
        with self._translate_errors():
            try:
                self._api = _sign_in()
            except requests.RequestException:
                raise
            except (OSError, TypeError, ValueError):  # their messages may contain a token
                raise KaggleError(f"the credentials cannot be read.\n{CREDENTIALS}") from None

    def check_limit(self) -> None:
        """Raise KaggleError if today's limit of submissions is reached; Kaggle may report none."""
        with self._translate_errors():
            try:
                limits = self._api.competition_get_submission_limits(self.slug)
            except requests.HTTPError as error:
                if error.response is not None and error.response.status_code in (401, 403):
                    raise
                return
        if limits.num_allowed_now <= 0:
            raise KaggleError(
                f"no submission to {self.slug} is left today ({limits.num_today} were made); "
                "the count restarts at midnight UTC"
            )

    def submit(self, path: Path, message: str) -> int:
        """Upload a CSV; returns Kaggle's number of the submission."""
        self._api.upload_status = ""
        with self._translate_errors() as printed:
            response = self._api.competition_submit(str(path), message, self.slug, quiet=True)
        if response.message == self._api.COMPETITION_SUBMIT_UPLOAD_FAILED_MESSAGE:
            reason = self._api.upload_status or _redact_urls(printed.getvalue())
            raise KaggleError(f"{path}: the upload failed ({reason}); nothing was submitted")
        return int(response.ref)

    def result(self, number: int) -> Result:
        with self._translate_errors():
            submissions = self._api.competition_submissions(self.slug) or []
        found = next((s for s in submissions if s is not None and s.ref == number), None)
        if found is None or found.status.name == "PENDING":
            return Result(is_final=False)
        if found.status.name == "ERROR":
            return Result(True, problem=found.error_description or "Kaggle gives no reason")
        return Result(True, _parse_score(found.public_score), _parse_score(found.private_score))

    def download(self, folder: Path) -> Path:
        """Download the archive of the competition's files into a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        with self._translate_errors():
            self._api.competition_download_files(self.slug, str(folder), quiet=True)
        return folder / f"{self.slug}.zip"

    @contextmanager
    def _translate_errors(self) -> Iterator[io.StringIO]:
        """Capture the client's output, and raise its errors as `KaggleError`."""
        printed = io.StringIO()
        try:
            with redirect_stdout(printed):
                yield printed
        except requests.HTTPError as error:
            raise KaggleError(_http_message(error, self.slug)) from error
        except requests.RequestException as error:
            raise KaggleError(
                f"Kaggle cannot be reached ({_redact_urls(first_line(error))}); check the network "
                f"and, before another upload, `kaggle competitions submissions {self.slug}`"
            ) from error
        except (TypeError, ValueError) as error:  # their messages may contain a key
            raise KaggleError(f"the kaggle client failed ({type(error).__name__})") from None
        except SystemExit as error:
            raise KaggleError(f"Kaggle rejects the credentials.\n{CREDENTIALS}") from error


def _sign_in() -> Any:
    for name in ("VERBOSE", "VERBOSE_OUTPUT"):
        os.environ.pop(name, None)
    from kaggle.api.kaggle_api_extended import KaggleApi

    class Api(KaggleApi):
        """The client with the HTTP status of a failed upload, which it does not report itself."""

        upload_status = ""

        def _is_upload_successful(self, response: requests.Response) -> bool:
            self.upload_status = f"{response.status_code} {response.reason}"
            return super()._is_upload_successful(response)

    api = Api()
    api.authenticate()
    return api


def _http_message(error: requests.HTTPError, slug: str) -> str:
    response = error.response
    if response is None:
        return f"Kaggle refused: {_redact_urls(first_line(error))}"
    try:
        reason = str(response.json()["message"])
    except (ValueError, KeyError, TypeError):
        reason = response.reason
    status = f"Kaggle responded {response.status_code}, {reason}"
    match response.status_code:
        case 401:
            return f"{status}: the credentials are not accepted.\n{CREDENTIALS}"
        case 403:
            return (
                f"{status}: join the competition and accept its rules at "
                f"https://www.kaggle.com/c/{slug}/rules, or it is closed"
            )
        case 404:
            return f"{status}: competition {slug} does not exist or accepts no submissions any more"
        case 429:
            return f"{status}: too many calls or submissions; wait, at most until midnight UTC"
    return status


def _redact_urls(text: str) -> str:
    """The last line of a message without addresses: the address of an upload is a credential."""
    lines = text.strip().splitlines() or ["the client gives no reason"]
    return re.sub(r"https?://\S+|(with url: )\S+", r"\1...", lines[-1])


def _parse_score(text: str | None) -> float | None:
    try:
        return float(text or "")
    except ValueError:
        return None

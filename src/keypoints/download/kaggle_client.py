"""All calls of the official `kaggle` client.

When imported, the client signs in and creates a folder for its settings; it prints errors and, if
VERBOSE is set, the credentials. It is therefore imported late, silenced, and without VERBOSE.
"""

import atexit
import csv
import io
import os
import re
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from keypoints.core.errors import PipelineError, first_line, os_error_message
from keypoints.core.paths import expand_user

CREDENTIALS = """\
Credentials go to one of these places (only the client reads them, never this project):
  kaggle auth login            signs in with the browser
  KAGGLE_API_TOKEN             environment variable: a token of https://www.kaggle.com/settings/api
  ~/.kaggle/access_token       file with that token, chmod 600
  ~/.kaggle/kaggle.json        an older API key with its user name, chmod 600"""

_KEY_FILE = "kaggle.json"
_TOKEN_FILES = ("access_token", "access_token.txt", "credentials.json", _KEY_FILE)
_MISSING = "missing"
# Messages may contain a token.
_WRONG_FORMAT = (
    AttributeError,
    IndexError,
    KeyError,
    TypeError,
    ValueError,
    csv.Error,
    zipfile.BadZipFile,
)


class KaggleError(PipelineError):
    """Kaggle refuses a call, or cannot be reached; the message contains reason and remedy."""


@dataclass(frozen=True)
class Result:
    """State of a submission."""

    is_final: bool  # scored or failed
    public_score: float | None = None
    private_score: float | None = None  # None until the competition ends
    problem: str = ""  # why the submission failed


def credentials_problem() -> str:
    """Why the client cannot find credentials; empty if it can. Checked without importing it."""
    files = _credential_files()
    problems = {path: _file_problem(path) for path in files}
    if _environment_sources() or not all(problems.values()):
        return ""
    unusable = [f"{path}: {problem}" for path, problem in problems.items()]
    found = "; ".join(unusable) or "no Kaggle credentials were found"
    return f"{found}.\n{CREDENTIALS}"


def _environment_sources() -> list[str]:
    get = os.environ.get
    token = ["KAGGLE_API_TOKEN"] if get("KAGGLE_API_TOKEN") else []
    has_key = get("KAGGLE_USERNAME") and get("KAGGLE_KEY")
    return token + (["KAGGLE_USERNAME and KAGGLE_KEY"] if has_key else [])


def _config_folder() -> Path:
    """Folder of the client's kaggle.json; without a home folder the client uses one named ~."""
    get, home = os.environ.get, expand_user("~/.kaggle")
    base = Path(get("XDG_CONFIG_HOME") or expand_user("~/.config"))
    has_home = _file_problem(home) != _MISSING
    return Path(get("KAGGLE_CONFIG_DIR") or (home if has_home else base / "kaggle"))


def _credential_files() -> list[Path]:
    """The files with credentials that exist, whether or not they can be read."""
    folder = expand_user("~/.kaggle")
    files = dict.fromkeys([*(folder / name for name in _TOKEN_FILES), _config_folder() / _KEY_FILE])
    return [path for path in files if _file_problem(path) != _MISSING]


def _file_problem(path: Path) -> str:
    try:
        n_bytes = path.stat().st_size
    except (FileNotFoundError, NotADirectoryError):
        return _MISSING
    except OSError as error:
        return error.strerror or str(error)
    if path.is_dir():
        return "a folder"
    if not n_bytes:
        return "an empty file"
    return "" if os.access(path, os.R_OK) else "Permission denied"


class Kaggle:
    """A signed-in client. It raises KaggleError if Kaggle refuses or cannot be reached."""

    def __init__(self, slug: str) -> None:
        if problem := credentials_problem():
            raise KaggleError(problem)
        self.slug = slug
        _provide_config_folder()
        with self._translate_errors():
            try:
                self._api = _sign_in()
            except requests.RequestException:
                raise
            except SystemExit as error:
                raise KaggleError(f"{_rejection()}.\n{CREDENTIALS}") from error
            except (OSError, *_WRONG_FORMAT) as error:
                problem = _reading_problem(error)
                raise KaggleError(f"{problem}.\n{CREDENTIALS}") from None

    def check_limit(self) -> None:
        """Raise KaggleError if today's limit of submissions is reached; Kaggle may report none."""
        limits = self._limits()
        if limits is not None and limits.num_allowed_now <= 0:
            raise KaggleError(
                f"no submission to {self.slug} is left today ({limits.num_today} were made); "
                "the count restarts at midnight UTC"
            )

    def submissions_left(self) -> int | None:
        """Number of submissions that are left today; None if Kaggle reports none."""
        limits = self._limits()
        return None if limits is None else limits.num_allowed_now

    def _limits(self) -> Any:
        with self._translate_errors():
            try:
                return self._api.competition_get_submission_limits(self.slug)
            except requests.HTTPError as error:
                if error.response is not None and error.response.status_code in (401, 403):
                    raise
                return None

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

    def own_scores(self) -> list[float | None]:
        """Public scores of the latest own submissions, None for one without a score."""
        with self._translate_errors():
            submissions = self._api.competition_submissions(self.slug) or []
        return [_parse_score(one.public_score) for one in submissions if one is not None]

    def leaderboard(self) -> list[float]:
        """Scores of all teams on the public leaderboard.

        Raises:
            KaggleError: If Kaggle refuses, or the leaderboard has another format.
        """
        with tempfile.TemporaryDirectory() as folder, self._translate_errors():
            self._api.competition_leaderboard_download(self.slug, folder, quiet=True)
            with zipfile.ZipFile(Path(folder) / f"{self.slug}.zip") as archive:
                texts = [archive.read(name).decode("utf-8-sig") for name in archive.namelist()]
            rows = csv.DictReader(texts[0].splitlines())
            scores = [_parse_score(row["Score"]) for row in rows]
        return [score for score in scores if score is not None]

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
        except (*_WRONG_FORMAT, SystemExit) as error:  # their messages may contain a key
            raise KaggleError(f"the kaggle client failed ({type(error).__name__})") from None


def _provide_config_folder() -> None:
    """Provide a temporary folder for the client's settings if it could not create its own."""
    if expand_user("~") != Path("~") or os.environ.get("KAGGLE_CONFIG_DIR"):
        with suppress(OSError):  # a home folder that cannot be written
            return _config_folder().mkdir(parents=True, exist_ok=True)
    folder = tempfile.mkdtemp(prefix="kaggle-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ["KAGGLE_CONFIG_DIR"] = folder
    return None


def _rejection() -> str:
    """Why the client cannot sign in, although there are credentials."""
    sources = [*_environment_sources(), *map(str, _credential_files())]
    if all(source.endswith(_KEY_FILE) for source in sources):  # no call was made
        return (
            f"{sources[0]}: contains no user name and key in the format of Kaggle's settings page"
        )
    return f"Kaggle rejects the credentials in {' and '.join(sources)}"


def _reading_problem(error: Exception) -> str:
    """What went wrong while the client read the credentials, without any part of them."""
    files = [*_credential_files(), _config_folder()]
    if isinstance(error, OSError) and error.filename in map(str, files):
        return os_error_message(error)
    if isinstance(error, OSError) and error.errno is None and "certificate" in str(error):
        return str(error)
    sources = ", ".join([*_environment_sources(), *map(str, _credential_files())])
    return f"the credentials in {sources} cannot be read ({type(error).__name__})"


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

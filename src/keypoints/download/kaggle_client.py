"""Everything that talks to the official `kaggle` client.

The client signs in when it is imported, makes a folder for its settings, prints what goes wrong,
and with VERBOSE set prints the credentials: so it is imported late, silenced, and without VERBOSE.
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
Credentials go to one of these places (the client reads them, this project never does):
  kaggle auth login            signs in with the browser
  KAGGLE_API_TOKEN             environment variable: a token of https://www.kaggle.com/settings/api
  ~/.kaggle/access_token       the same token in a file, chmod 600
  ~/.kaggle/kaggle.json        an older API key with its user name, chmod 600"""

_TOKEN_FILES = ("access_token", "access_token.txt", "credentials.json", "kaggle.json")


class KaggleError(PipelineError):
    """Kaggle refused, or could not be reached; the message says why and the way out."""


@dataclass(frozen=True)
class Result:
    """What Kaggle says of a submission.

    Attributes:
        is_final: Whether it has been scored, or will never be.
        public_score: None where there is none.
        private_score: None until the competition ends.
        problem: Why it was not scored.
    """

    is_final: bool
    public_score: float | None = None
    private_score: float | None = None
    problem: str = ""


def has_credentials() -> bool:
    """Whether the client would find any, without importing it."""
    environment = os.environ
    if environment.get("KAGGLE_API_TOKEN"):
        return True
    if environment.get("KAGGLE_USERNAME") and environment.get("KAGGLE_KEY"):
        return True
    own = Path("~/.kaggle").expanduser()
    base = Path(environment.get("XDG_CONFIG_HOME") or Path("~/.config").expanduser())
    config = Path(
        environment.get("KAGGLE_CONFIG_DIR") or (own if own.exists() else base / "kaggle")
    )
    files = [own / name for name in _TOKEN_FILES] + [config / "kaggle.json"]
    return any(path.is_file() and path.stat().st_size for path in files)


class Kaggle:
    """A signed-in client.

    Args:
        slug: The competition that the calls are about.

    Raises:
        KaggleError: If there are no credentials or they are not accepted.
    """

    def __init__(self, slug: str) -> None:
        if not has_credentials():
            raise KaggleError(f"no Kaggle credentials were found.\n{CREDENTIALS}")
        self.slug = slug
        with self._translate_errors():
            try:
                self._api = _sign_in()
            except requests.RequestException:
                raise
            except (OSError, TypeError, ValueError):  # their texts may show a token
                raise KaggleError(f"the credentials cannot be read.\n{CREDENTIALS}") from None

    def check_limit(self) -> None:
        """Stop where today's submissions are used up; a service that cannot tell is no reason to.

        Raises:
            KaggleError: If they are, or the competition is closed to this user.
        """
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
                "Kaggle counts anew from midnight UTC"
            )

    def submit(self, path: Path, message: str) -> int:
        """Upload a CSV.

        Returns:
            Kaggle's number of the submission.

        Raises:
            KaggleError: If it was not taken.
        """
        self._api.upload_answer = ""
        with self._translate_errors() as said:
            answer = self._api.competition_submit(str(path), message, self.slug, quiet=True)
        if answer.message == self._api.COMPETITION_SUBMIT_UPLOAD_FAILED_MESSAGE:
            reason = self._api.upload_answer or _redact_urls(said.getvalue())
            raise KaggleError(f"{path}: the upload failed ({reason}); nothing was submitted")
        return int(answer.ref)

    def result(self, number: int) -> Result:
        """What is known of a submission by now.

        Raises:
            KaggleError: If Kaggle does not say.
        """
        with self._translate_errors():
            submissions = self._api.competition_submissions(self.slug) or []
        found = next((s for s in submissions if s is not None and s.ref == number), None)
        if found is None or found.status.name == "PENDING":
            return Result(is_final=False)
        if found.status.name == "ERROR":
            problem = found.error_description or "Kaggle gives no reason"
            return Result(is_final=True, problem=problem)
        return Result(True, _number(found.public_score), _number(found.private_score))

    def download(self, folder: Path) -> Path:
        """Bring the archive of the competition's files into a folder.

        Raises:
            KaggleError: If it cannot be had.
        """
        folder.mkdir(parents=True, exist_ok=True)
        with self._translate_errors():
            self._api.competition_download_files(self.slug, str(folder), quiet=True)
        return folder / f"{self.slug}.zip"

    @contextmanager
    def _translate_errors(self) -> Iterator[io.StringIO]:
        """Keep what the client prints, and say its errors in the house's words."""
        said = io.StringIO()
        try:
            with redirect_stdout(said):
                yield said
        except requests.HTTPError as error:
            raise KaggleError(_refusal(error, self.slug)) from error
        except requests.RequestException as error:
            raise KaggleError(
                f"Kaggle cannot be reached ({_redact_urls(first_line(error))}); check the "
                f"network and, before you send again, `kaggle competitions submissions {self.slug}`"
            ) from error
        except (TypeError, ValueError) as error:  # its text may show a key
            raise KaggleError(f"the kaggle client failed ({type(error).__name__})") from None
        except SystemExit as error:
            raise KaggleError(f"Kaggle does not accept the credentials.\n{CREDENTIALS}") from error


def _sign_in() -> Any:
    for name in ("VERBOSE", "VERBOSE_OUTPUT"):
        os.environ.pop(name, None)
    from kaggle.api.kaggle_api_extended import KaggleApi

    class Api(KaggleApi):
        """The client, which remembers how an upload was answered; its own says only 'failed'."""

        upload_answer = ""

        def _is_upload_successful(self, response: requests.Response) -> bool:
            self.upload_answer = f"{response.status_code} {response.reason}"
            return super()._is_upload_successful(response)

    api = Api()
    api.authenticate()
    return api


def _refusal(error: requests.HTTPError, slug: str) -> str:
    response = error.response
    if response is None:
        return f"Kaggle refused: {_redact_urls(first_line(error))}"
    said = f"Kaggle says {response.status_code}, {_message(response)}"
    match response.status_code:
        case 401:
            return f"{said}: the credentials are not accepted.\n{CREDENTIALS}"
        case 403:
            return (
                f"{said}: join the competition and accept its rules at "
                f"https://www.kaggle.com/c/{slug}/rules, or it is closed"
            )
        case 404:
            return f"{said}: there is no competition {slug}, or it takes no submissions any more"
        case 429:
            return f"{said}: too many calls or submissions; wait, at most until midnight UTC"
    return said


def _message(response: requests.Response) -> str:
    try:
        return str(response.json()["message"])
    except (ValueError, KeyError, TypeError):
        return response.reason


def _redact_urls(text: str) -> str:
    """An error's text without addresses: that of an upload is a credential."""
    lines = text.strip().splitlines() or ["the client does not say why"]
    return re.sub(r"https?://\S+|(with url: )\S+", r"\1...", lines[-1])


def _number(text: str | None) -> float | None:
    try:
        return float(text or "")
    except ValueError:
        return None

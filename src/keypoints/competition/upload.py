"""Sending a submission to Kaggle: what goes, what speaks against it, and what is noted of it."""

import json
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from keypoints.competition.base import Competition, SubmissionSpec
from keypoints.competition.provenance import LOCK_FILE, Revision, is_locked, read_revision
from keypoints.competition.submission_log import (
    SubmissionRecord,
    add_scores,
    append_record,
    read_history,
)
from keypoints.competition.waiting import wait_for_score
from keypoints.core import paths
from keypoints.core.errors import PipelineError
from keypoints.download.kaggle_client import CREDENTIALS, Kaggle, KaggleError, has_credentials
from keypoints.download.mirrors import sha256_of


class UploadError(PipelineError):
    """A submission that is better not sent; the message says why and how to send it anyway."""


@dataclass(frozen=True)
class Upload:
    """A submission, ready to be sent.

    Attributes:
        path: Of the CSV.
        competition: That gets it.
        model: That predicted it.
        sha256: Of the file.
        revision: Of the repository.
        scores: Of the model on its validation faces; empty where there are none.
        message: As Kaggle will show it.
    """

    path: Path
    competition: Competition
    model: str
    sha256: str
    revision: Revision
    scores: dict[str, float]
    message: str

    def __str__(self) -> str:
        return "\n".join(
            [
                str(self.path),
                f"  competition  {self.competition.slug}, metric {self.competition.metric.name}",
                f"  sha256       {self.sha256}",
                f"  model        {self.model}",
                f"  revision     {self.revision}",
                f"  message      {self.message}",
            ]
        )


def prepare_upload(model: str, asked: SubmissionSpec, message: str | None) -> Upload:
    """Gather what is known of a model's submission.

    Args:
        model: Whose CSV it is.
        asked: By its competition.
        message: None for one that names model, validation score and revision.

    Raises:
        UploadError: If the message is not one line of text, or there is no such CSV.
    """
    path, metric = paths.submission_file(model), asked.competition.metric.name
    if not path.is_file():
        there = ", ".join(sorted(file.stem for file in path.parent.glob("*.csv")))
        raise UploadError(
            f"{path} is missing; there are: {there or 'none'}. `dvc repro` makes those of "
            "params.yaml's models"
        )
    if message and not message.isprintable():
        raise UploadError("the message should be one line of UTF-8 text")
    revision, scores = read_revision(ignored=paths.SUBMISSION_LOG), _scores(model)
    known = f"validation {metric} {scores[metric]:.4g}" if metric in scores else "not validated"
    return Upload(
        path=path,
        competition=asked.competition,
        model=model,
        sha256=sha256_of(path),
        revision=revision,
        scores=scores,
        message=message or f"{model}, {known}, {revision.short}",
    )


def preflight_problems(parcel: Upload) -> list[str]:
    """What keeps the file from being repeated from its revision."""
    found = []
    if not parcel.revision.commit:
        found.append("there is no git commit here that could be named")
    if parcel.revision.changed:
        files = ", ".join(parcel.revision.changed[:3])
        more = len(parcel.revision.changed) - 3
        found.append(f"uncommitted changes: {files}" + (f" and {more} more" if more > 0 else ""))
    if not is_locked(parcel.path):
        found.append(f"{parcel.path} is not the file that {LOCK_FILE} names; run `dvc repro`")
    return found


def upload(parcel: Upload, *, dry_run: bool, force: bool, again: bool, wait_s: float) -> None:
    """Send a submission, or say why not; without credentials it is a dry run that fails.

    Args:
        parcel: To send.
        dry_run: Only say what would be sent.
        force: Send in spite of objections.
        again: Do not ask where the same file was sent before.
        wait_s: The longest to wait for the score.

    Raises:
        UploadError: If it is better not sent.
        KaggleError: If there are no credentials, Kaggle does not take it, or cannot score it.
    """
    against = preflight_problems(parcel)
    print(parcel)
    if dry_run or not has_credentials():
        for objection in against:
            print(f"  would stop   {objection}")
        print("Dry run: nothing was sent.")
        if not dry_run:
            raise KaggleError(f"no Kaggle credentials were found.\n{CREDENTIALS}")
        return
    if against and not force:
        raise UploadError(f"{'; '.join(against)}. Or say --force to send it as it is")
    history = read_history(
        paths.SUBMISSION_LOG
    )  # a damaged one stops before the upload, not after it
    if not again:
        _ask_before_the_second_time(parcel, history)
    sent = _send(parcel, wait_s)
    scores = {"public": sent.public_score, "private": sent.private_score}
    known = [f"{name} score {value:g}" for name, value in scores.items() if value is not None]
    print(", ".join(known) or f"no score after {wait_s:g} s; Kaggle's page will have it")


def _ask_before_the_second_time(parcel: Upload, history: list[SubmissionRecord]) -> None:
    same = (parcel.competition.slug, parcel.sha256)
    sent = [s for s in history if (s.competition, s.sha256) == same]
    if not sent:
        return
    said = f"these bytes went to {sent[-1].competition} on {sent[-1].time}: {sent[-1].message!r}"
    if not sys.stdin.isatty():
        raise UploadError(f"{said}. Say --again to send them a second time")
    if input(f"{said}. Send them again? [y/N] ").strip().lower() not in ("y", "yes"):
        raise UploadError("nothing was sent")


def _send(parcel: Upload, wait_s: float) -> SubmissionRecord:
    """Upload a submission, note it in the history, and wait for its score."""
    kaggle = Kaggle(parcel.competition.slug)
    kaggle.check_limit()
    number = kaggle.submit(parcel.path, parcel.message)
    sending = SubmissionRecord(
        time=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        competition=parcel.competition.slug,
        sha256=parcel.sha256,
        revision=str(parcel.revision),
        model=parcel.model,
        message=parcel.message,
        validation_mae_px=parcel.scores.get("mae_px"),
    )
    print(f"{parcel.path} is submission {number} of {parcel.competition.slug}")
    append_record(paths.SUBMISSION_LOG, sending)
    result = wait_for_score(lambda: kaggle.result(number), wait_s)
    if result.problem:
        raise KaggleError(f"Kaggle took submission {number} and did not score it: {result.problem}")
    return add_scores(paths.SUBMISSION_LOG, sending, result.public_score, result.private_score)


def _scores(model: str) -> dict[str, float]:
    path = paths.SCORES / f"{model}.json"
    if not path.exists():
        return {}
    try:
        values = dict(json.loads(path.read_text(encoding="utf-8")))
    except (TypeError, ValueError) as error:  # the marks of a merge conflict, say
        raise UploadError(f"{path}: no scores ({error}); run `dvc repro`") from error
    return {key: float(value) for key, value in values.items() if isinstance(value, int | float)}

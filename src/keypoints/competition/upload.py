"""Uploads a submission to Kaggle: preflight checks, upload, log entry, wait for the score."""

import itertools
import json
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from keypoints.competition.base import Competition, find_competition
from keypoints.competition.provenance import LOCK_FILE, is_locked, read_revision
from keypoints.competition.submission_log import (
    SubmissionRecord,
    add_scores,
    append_record,
    read_history,
)
from keypoints.core import paths
from keypoints.core.errors import PipelineError
from keypoints.core.hashing import sha256_of
from keypoints.download.kaggle_client import (
    CREDENTIALS,
    Kaggle,
    KaggleError,
    Result,
    has_credentials,
)

POLL_INTERVALS_S = (1, 2, 3, 5)  # the last one repeats


def prepare_upload(name: str, competition: Competition, message: str | None) -> SubmissionRecord:
    """Collect the record of an upload, still without its time.

    Args:
        name: Name of the predictions, whose CSV is submissions/NAME.csv.
        competition: The competition.
        message: Message on Kaggle; None: the name, the validation score and the revision.

    Raises:
        PipelineError: If the message is not one line of text, or the CSV does not exist.
    """
    path, metric = paths.submission_file(name), competition.metric.name
    if not path.is_file():
        there = ", ".join(sorted(file.stem for file in path.parent.glob("*.csv")))
        raise PipelineError(
            f"{path} is missing; there are: {there or 'none'}. The stage submit@{name} writes it, "
            "if dvc.yaml lists it"
        )
    if message and not message.isprintable():
        raise PipelineError("the message should be one line of UTF-8 text")
    revision, scores = read_revision(ignored=paths.SUBMISSION_LOG), _read_scores(name)
    known = f"validation {metric} {scores[metric]:.4g}" if metric in scores else "not validated"
    return SubmissionRecord(
        time="",
        competition=competition.slug,
        sha256=sha256_of(path),
        revision=str(revision),
        model=name,
        message=message or f"{name}, {known}, {revision.short}",
        validation_mae_px=scores.get("mae_px"),
    )


def preflight_problems(path: Path) -> list[str]:
    """Reasons why a submission could not be reproduced from the current revision."""
    revision, problems = read_revision(ignored=paths.SUBMISSION_LOG), []
    if not revision.commit:
        problems.append("there is no git commit to record")
    if revision.changed:
        files = ", ".join(revision.changed[:3])
        more = len(revision.changed) - 3
        problems.append(f"uncommitted changes: {files}" + (f" and {more} more" if more > 0 else ""))
    if not is_locked(path):
        problems.append(f"{path} is not the file that {LOCK_FILE} lists; run `dvc repro`")
    return problems


def upload(
    record: SubmissionRecord, *, dry_run: bool, force: bool, again: bool, wait_s: float
) -> None:
    """Upload a submission and wait for its score. Without credentials, make a dry run and fail.

    Args:
        record: Record from `prepare_upload`.
        dry_run: Only print what would be uploaded.
        force: Upload despite preflight problems.
        again: Upload a file that was uploaded before, without asking.
        wait_s: Longest time to wait for the score in seconds.

    Raises:
        PipelineError: If there are preflight problems, or the file was uploaded before.
        KaggleError: If there are no credentials, or Kaggle rejects the file or cannot score it.
    """
    path = paths.submission_file(record.model)
    problems = preflight_problems(path)
    metric = find_competition(record.competition).metric.name
    print(f"{path}\n  competition  {record.competition}, metric {metric}")
    for field in ("sha256", "model", "revision", "message"):
        print(f"  {field:11}  {getattr(record, field)}")
    if dry_run or not has_credentials():
        for problem in problems:
            print(f"  would stop   {problem}")
        print("Dry run: nothing was uploaded.")
        if not dry_run:
            raise KaggleError(f"no Kaggle credentials were found.\n{CREDENTIALS}")
        return
    if problems and not force:
        raise PipelineError(f"{'; '.join(problems)}. Use --force to upload it anyway")
    history = read_history(paths.SUBMISSION_LOG)  # a damaged log is an error before the upload
    if not again:
        _confirm_second_upload(record, history)
    scored = _upload(path, record, wait_s)
    scores = {"public": scored.public_score, "private": scored.private_score}
    known = [f"{name} score {value:g}" for name, value in scores.items() if value is not None]
    print(", ".join(known) or f"no score after {wait_s:g} s; see the competition's page on Kaggle")


def _confirm_second_upload(record: SubmissionRecord, history: list[SubmissionRecord]) -> None:
    key = (record.competition, record.sha256)
    earlier = [r for r in history if (r.competition, r.sha256) == key]
    if not earlier:
        return
    last = earlier[-1]
    text = f"the same file was uploaded to {last.competition} on {last.time}: {last.message!r}"
    if not sys.stdin.isatty():
        raise PipelineError(f"{text}. Use --again to upload it a second time")
    try:
        answer = input(f"{text}. Upload it again? [y/N] ")
    except EOFError:
        answer = ""
    if answer.strip().lower() not in ("y", "yes"):
        raise PipelineError("nothing was uploaded")


def _upload(path: Path, record: SubmissionRecord, wait_s: float) -> SubmissionRecord:
    """Upload a CSV, append its record to the log, and add the score to it."""
    kaggle = Kaggle(record.competition)
    kaggle.check_limit()
    number = kaggle.submit(path, record.message)
    record = replace(record, time=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
    print(f"{path} is submission {number} of {record.competition}")
    append_record(paths.SUBMISSION_LOG, record)
    result = wait_for_score(lambda: kaggle.result(number), wait_s)
    if result.problem:
        raise KaggleError(
            f"Kaggle accepted submission {number} but cannot score it: {result.problem}"
        )
    return add_scores(paths.SUBMISSION_LOG, record, result.public_score, result.private_score)


def wait_for_score(poll: Callable[[], Result], wait_s: float) -> Result:
    """Poll until the result is final, the time is over, or the user presses Ctrl-C.

    A failed poll is not an error, because the submission has already been accepted.
    """
    deadline = time.monotonic() + wait_s
    result = Result(is_final=False)
    try:
        for interval_s in itertools.chain(POLL_INTERVALS_S, itertools.repeat(POLL_INTERVALS_S[-1])):
            try:
                result = poll()
            except KaggleError as error:
                print(f"the score is not known yet: {error}", file=sys.stderr)
            left_s = deadline - time.monotonic()
            if result.is_final or left_s <= 0:
                break
            time.sleep(min(interval_s, left_s))
    except KeyboardInterrupt:
        print("stopped waiting for the score; the submission was accepted", file=sys.stderr)
    return result


def _read_scores(name: str) -> dict[str, float]:
    path = paths.SCORES / f"{name}.json"
    if not path.exists():
        return {}
    try:
        values = dict(json.loads(path.read_text(encoding="utf-8")))
    except (TypeError, ValueError) as error:  # such as the markers of a merge conflict
        raise PipelineError(f"{path}: not a file of scores ({error}); run `dvc repro`") from error
    return {key: float(value) for key, value in values.items() if isinstance(value, int | float)}

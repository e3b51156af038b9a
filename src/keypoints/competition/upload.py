"""Uploads a submission to Kaggle: preflight checks, upload, log entry, wait for the score."""

import itertools
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from keypoints.competition.base import Competition, SubmissionSpec
from keypoints.competition.eligibility import find_obstacle
from keypoints.competition.leaderboard import find_standing
from keypoints.competition.provenance import (
    LOCK_FILE,
    Revision,
    locked_digest,
    md5_of,
    read_revision,
)
from keypoints.competition.submission import SubmissionError, check_submission
from keypoints.competition.submission_log import (
    SubmissionRecord,
    append_record,
    read_history,
    replace_record,
)
from keypoints.core import paths
from keypoints.core.cli import error_message
from keypoints.core.errors import PipelineError, shorten_list
from keypoints.core.hashing import sha256_of
from keypoints.core.records import read_record
from keypoints.download.kaggle_client import (
    Kaggle,
    KaggleError,
    Result,
    credentials_problem,
)


def upload(
    name: str,
    spec: SubmissionSpec,
    *,
    message: str | None,
    dry_run: bool,
    force: bool,
    again: bool,
    wait_s: float,
) -> None:
    """Check a submission, upload it and wait for its score, or only print what would be uploaded.

    Without credentials, make a dry run and fail.

    Args:
        name: Name of the predictions, whose CSV is submissions/NAME.csv.
        spec: Contents of the submission.
        message: Message on Kaggle; None: the name, the validation score and the revision.
        dry_run: Only print what would be uploaded.
        force: Upload despite preflight problems, but not without the competition's test faces.
        again: Upload a file that was uploaded before, without asking.
        wait_s: Longest time to wait for the score in seconds.

    Raises:
        PipelineError: If there is no such CSV, or there are preflight problems, or the file was
            uploaded before.
        SubmissionError: If the CSV is invalid, or not about the competition's test faces.
        KaggleError: If there are no credentials, or Kaggle rejects the file or cannot score it.
    """
    path, revision = find_submission(name), read_revision(ignored=paths.SUBMISSION_LOG)
    record = _make_record(path, spec.competition, revision, message)
    check_submission(path, spec)
    obstacle, problems = find_obstacle(spec), _preflight_problems(path, revision)
    _print_upload(path, record, spec.competition)
    missing = credentials_problem()
    if dry_run or missing:
        for problem in filter(None, [obstacle, *problems]):
            print(f"  would stop   {problem}")
        print("Dry run: nothing was uploaded.")
        if not dry_run:
            raise KaggleError(missing)
        return
    if obstacle:
        raise SubmissionError(f"{path}: {obstacle}")
    if problems and not force:
        raise PipelineError(f"{'; '.join(problems)}. Use --force to upload it anyway")
    history = read_history()  # a damaged log is an error before the upload
    if not again:
        _confirm_second_upload(record, history)
    _upload(path, record, wait_s)


def find_submission(name: str) -> Path:
    """The CSV of a model.

    Raises:
        PipelineError: If there is none.
    """
    path = paths.submission_file(name)
    if not path.is_file():
        there = ", ".join(sorted(file.stem for file in path.parent.glob("*.csv")))
        raise PipelineError(
            f"{path} is missing; there are: {there or 'none'}. The stage submit@{name} writes it, "
            "if dvc.yaml lists it"
        )
    return path


def _print_upload(path: Path, record: SubmissionRecord, competition: Competition) -> None:
    print(f"{path}\n  competition  {record.competition}, metric {competition.metric.name}")
    for field in ("sha256", "model", "revision", "message"):
        print(f"  {field:11}  {getattr(record, field)}")


def _make_record(
    path: Path, competition: Competition, revision: Revision, message: str | None
) -> SubmissionRecord:
    """The record of an upload, without its time."""
    name, metric = path.stem, competition.metric.name
    if message and not message.isprintable():
        raise PipelineError("the message should be one line of UTF-8 text")
    scores = _read_scores(name)
    known = f"validation {metric} {scores[metric]:.4g}" if metric in scores else "not validated"
    return SubmissionRecord(
        time="",
        competition=competition.slug,
        sha256=sha256_of(path),
        revision=revision.label(),
        model=name,
        message=message or f"{name}, {known}, {revision.label(7)}",
        validation_mae_px=scores.get("mae_px"),
        validation_score=scores.get(metric),
    )


def _preflight_problems(path: Path, revision: Revision) -> list[str]:
    """Reasons why a submission could not be reproduced from the current revision."""
    problems = []
    if not revision.commit:
        problems.append(f"there is no git commit to record ({revision.problem})")
    if revision.changed:
        problems.append(f"uncommitted changes: {shorten_list(revision.changed, 3)}")
    match locked_digest(path):
        case None:
            problems.append(
                f"{LOCK_FILE} lists no {path}: add a line `{path.stem}: TASK` to `submit` in "
                f"dvc.yaml, run `dvc repro submit@{path.stem}` and commit both files"
            )
        case digest if digest != md5_of(path):
            problems.append(
                f"{path} is not the file that {LOCK_FILE} lists; run `dvc repro submit@{path.stem}`"
            )
    return problems


def _confirm_second_upload(record: SubmissionRecord, history: list[SubmissionRecord]) -> None:
    key = (record.competition, record.sha256)
    last = next((r for r in reversed(history) if (r.competition, r.sha256) == key), None)
    if last is None:
        return
    text = f"the same file was uploaded to {last.competition} on {last.time}: {last.message!r}"
    if not sys.stdin.isatty():
        raise PipelineError(f"{text}. Use --again to upload it a second time")
    try:
        answer = input(f"{text}. Upload it again? [y/N] ")
    except EOFError:
        answer = ""
    if answer.strip().lower() not in ("y", "yes"):
        raise PipelineError("nothing was uploaded")


def _upload(path: Path, record: SubmissionRecord, wait_s: float) -> None:
    kaggle = Kaggle(record.competition)
    kaggle.check_limit()
    number = kaggle.submit(path, record.message)
    record = replace(record, time=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
    print(f"{path} is submission {number} of {record.competition}")
    _log(lambda: append_record(record), record)
    result = _wait_for_score(lambda: kaggle.result(number), wait_s)
    if result.problem:
        prefix = f"Kaggle accepted submission {number} but cannot score it"
        raise KaggleError(f"{prefix}: {result.problem}")
    scores = {"public": result.public_score, "private": result.private_score}
    known = [f"{name} score {value:g}" for name, value in scores.items() if value is not None]
    print(", ".join(known) or f"no score after {wait_s:g} s; see the competition's page on Kaggle")
    scored = replace(record, public_score=scores["public"], private_score=scores["private"])
    completed = _add_standing(scored, kaggle)
    _log(lambda: replace_record(record, completed), completed)


def _add_standing(record: SubmissionRecord, kaggle: Kaggle) -> SubmissionRecord:
    """Print and add the rank of the best own score and the number of submissions left today.

    A failed call is a warning, because the submission has been accepted.
    """
    try:
        earlier = [row.public_score for row in read_history() if row.competition == kaggle.slug]
        left = kaggle.submissions_left()
        own = [*kaggle.own_scores(), *earlier, record.public_score]
        standing = find_standing(own, kaggle.leaderboard())
    except (OSError, PipelineError) as error:
        print(f"warning: no place on the leaderboard: {error_message(error)}", file=sys.stderr)
        return record
    record = replace(record, submissions_left=left)
    if left is not None:
        print(f"submissions left today: {left}")
    if standing is None:
        return record
    print(standing.text())
    return replace(
        record,
        rank=standing.rank,
        n_teams=standing.n_teams,
        best_public_score=standing.best_score,
        to_next_rank=standing.to_next,
        to_top=standing.to_top,
    )


def _log(write: Callable[[], None], record: SubmissionRecord) -> None:
    """Write to the log; a failure is a warning, because the submission has been accepted."""
    try:
        write()
    except (OSError, PipelineError) as error:
        print(f"warning: {error_message(error)}; the log lacks {record}", file=sys.stderr)


def _wait_for_score(poll: Callable[[], Result], wait_s: float) -> Result:
    """Poll until the result is final, the time is over, or the user presses Ctrl-C.

    A failed poll is not an error, because the submission has already been accepted.
    """
    deadline, result = time.monotonic() + wait_s, Result(is_final=False)
    try:
        for interval_s in itertools.chain((1, 2, 3), itertools.repeat(5)):
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
    values = read_record(path) if path.exists() else {}
    return {key: float(value) for key, value in values.items() if isinstance(value, int | float)}

"""Send a model's submission to Kaggle, check a CSV, or score it here.

`python src/send.py MODEL`, `python src/send.py --check FILE`,
`python src/send.py --score FILE [--against OTHER.csv]`
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from keypoints.competition.asking import submission_spec_for
from keypoints.competition.base import SubmissionSpec
from keypoints.competition.local_score import compare, difference_text, score, score_text
from keypoints.competition.submission import check_submission, read_submission
from keypoints.competition.test_labels import read_test_labels
from keypoints.competition.upload import prepare_upload, upload
from keypoints.config.params import read_params
from keypoints.core import paths
from keypoints.core.errors import PipelineError


def score_file(path: Path, asked: SubmissionSpec, against: Path | None) -> None:
    """Say what the competition would say, and whether another CSV differs by more than noise."""
    truth = read_test_labels(asked, paths.RAW / asked.competition.dataset)
    predicted = read_submission(path, asked)
    other = read_submission(against, asked) if against else None
    print(f"{path}: {score_text(score(predicted, truth, asked), asked)}")
    if other is not None:
        difference = compare(predicted, other, truth, asked)
        print(f"{path} against {against}: {difference_text(difference, asked)}")


def send_model(given: argparse.Namespace, asked: SubmissionSpec) -> None:
    """Check a model's submission and send it, or say what would be sent."""
    parcel = prepare_upload(given.model, asked, given.message)
    check_submission(parcel.path, asked)
    upload(parcel, dry_run=given.dry_run, force=given.force, again=given.again, wait_s=given.wait)


def main(arguments: Sequence[str] | None = None) -> None:
    """Do what the command line says; exit 1 with a message where a user can mend something."""
    parser = _parser()
    given = parser.parse_args(arguments)
    if given.against and not given.score:
        parser.error("--against needs --score; nothing was sent")
    path = given.check or given.score or paths.submission_file(given.model)
    try:
        asked = submission_spec_for(path.stem, read_params(), given.competition)
        if given.check:
            check_submission(path, asked)
        elif given.score:
            score_file(path, asked, given.against)
        else:
            send_model(given, asked)
    except (KeyboardInterrupt, EOFError):
        sys.exit("interrupted")
    except FileNotFoundError as error:
        sys.exit(f"error: {error.filename} is missing; run `dvc repro`, which makes it")
    except (PipelineError, OSError) as error:
        sys.exit(f"error: {error}")


def _parser() -> argparse.ArgumentParser:
    style = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=style)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("model", metavar="MODEL", nargs="?", help="send submissions/MODEL.csv")
    what.add_argument("--check", metavar="FILE", type=Path, help="check every row")
    what.add_argument("--score", metavar="FILE", type=Path, help="score as the competition would")
    parser.add_argument("--against", metavar="FILE", type=Path, help="with --score: compare")
    parser.add_argument("--competition", metavar="SLUG", help="another one than params.yaml says")
    parser.add_argument("-m", "--message", help="default: model, validation score, git revision")
    parser.add_argument("--dry-run", action="store_true", help="say what would be sent")
    parser.add_argument("--force", action="store_true", help="send in spite of objections")
    parser.add_argument("--again", action="store_true", help="send the same file a second time")
    parser.add_argument("--wait", type=_seconds, default=300, help="seconds for the score (300)")
    return parser


def _seconds(text: str) -> float:
    """An argument that is a length of time."""
    value = float(text)
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"should be 0 or more seconds; got {text}")
    return value


if __name__ == "__main__":
    main()

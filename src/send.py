"""Upload a submission to Kaggle, check a CSV, or score it with local test labels.

`python src/send.py NAME`, `python src/send.py --check FILE`,
`python src/send.py --score FILE [--against OTHER.csv]`
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from keypoints.competition.base import SubmissionSpec, submission_spec_for
from keypoints.competition.eligibility import find_obstacle
from keypoints.competition.local_score import compare, difference_text, score, score_text
from keypoints.competition.submission import check_submission, read_submission
from keypoints.competition.test_labels import read_test_labels
from keypoints.competition.upload import find_submission, upload
from keypoints.config.params import read_params
from keypoints.core import paths
from keypoints.core.cli import exit_on_error
from keypoints.core.tables import text_encoding

_MAX_HEADER = 1000  # characters; those of all competitions are shorter


def score_file(path: Path, spec: SubmissionSpec, against: Path | None) -> None:
    """Print the score of a CSV, and whether its difference from another CSV is significant."""
    target = read_test_labels(spec, paths.RAW / spec.competition.dataset)
    predicted = read_submission(path, spec)
    other = read_submission(against, spec) if against else None
    print(f"{path}: {score_text(score(predicted, target, spec), spec)}")
    if other is not None:
        difference = compare(predicted, other, target, spec)
        print(f"{path} against {against}: {difference_text(difference, spec)}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = _parser()
    parsed = parser.parse_args(arguments)
    if parsed.against and not parsed.score:
        parser.error("--against needs --score; nothing was uploaded")
    with exit_on_error():
        path = parsed.check or parsed.score or find_submission(parsed.name)
        for file in filter(None, (parsed.check, parsed.score, parsed.against)):
            file.open("rb").close()  # a missing file is an error before the test faces are read
        header = _first_line(path)
        spec = submission_spec_for(path.stem, read_params(), parsed.competition, header=header)
        if parsed.check:
            check_submission(path, spec)
            if obstacle := find_obstacle(spec):
                print(f"{path}: {obstacle}")
        elif parsed.score:
            score_file(path, spec, parsed.against)
        else:
            upload(
                parsed.name,
                spec,
                message=parsed.message,
                dry_run=parsed.dry_run,
                force=parsed.force,
                again=parsed.again,
                wait_s=parsed.wait,
            )


def _parser() -> argparse.ArgumentParser:
    style = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=style)
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("name", metavar="NAME", nargs="?", help="upload submissions/NAME.csv")
    action.add_argument("--check", metavar="FILE", type=Path, help="check every row of a CSV")
    action.add_argument("--score", metavar="FILE", type=Path, help="score a CSV on test labels")
    parser.add_argument("--against", metavar="FILE", type=Path, help="with --score: CSV to compare")
    parser.add_argument("--competition", metavar="SLUG", help="default: by predictions or header")
    parser.add_argument("-m", "--message", help="default: name, validation score, git revision")
    parser.add_argument("--dry-run", action="store_true", help="print what would be uploaded")
    parser.add_argument("--force", action="store_true", help="upload despite problems")
    parser.add_argument("--again", action="store_true", help="upload the same file a second time")
    wait = "longest wait for the score (300)"
    parser.add_argument("--wait", metavar="SECONDS", type=_seconds, default=300, help=wait)
    return parser


def _first_line(path: Path) -> str:
    """First line of a CSV; empty if it cannot be read, which is reported later."""
    try:
        with path.open(encoding=text_encoding(path, "latin-1"), errors="replace") as file:
            return file.readline(_MAX_HEADER).rstrip("\n")
    except OSError:
        return ""


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"should be 0 or more seconds; got {text!r}")
    return value


if __name__ == "__main__":
    main()

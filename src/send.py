"""Check and score Kaggle submissions, before they are sent.

`python src/send.py --check FILE`, `python src/send.py --score FILE [--against OTHER.csv]`
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from keypoints import layout
from keypoints.competitions import competition_of, find_competition
from keypoints.competitions.terms import AskedFaces, CompetitionError, read_asked_faces
from keypoints.errors import PipelineError
from keypoints.local_score import compare, difference_text, score, score_text
from keypoints.settings import Params, read_params
from keypoints.submission import far_points, read_submission
from keypoints.truth import read_truth


def check(path: Path, asked: AskedFaces) -> None:
    """Read every row of a CSV, and warn of faces that cannot be right."""
    for warning in far_points(read_submission(path, asked), asked):
        print(f"warning: {path}: {warning}", file=sys.stderr)
    print(
        f"{path}: {len(asked.values):,} rows for {len(asked.names)} faces, as "
        f"{asked.competition.slug} asks"
    )


def score_file(path: Path, asked: AskedFaces, against: Path | None) -> None:
    """Say what the competition would say, and whether another CSV differs by more than noise."""
    truth = read_truth(asked, layout.RAW / asked.competition.dataset)
    predicted = read_submission(path, asked)
    print(f"{path}: {score_text(score(predicted, truth, asked), asked)}")
    if against is not None:
        other = read_submission(against, asked)
        difference = compare(predicted, other, truth, asked)
        print(f"{path} against {against}: {difference_text(difference, asked)}")


def asked_of(path: Path, params: Params, slug: str | None) -> AskedFaces:
    """What is asked of a file: by --competition, or by the data of the model that it is named for.

    Raises:
        CompetitionError: If there is no such competition or no task with its data set.
    """
    if slug is None and path.stem in params.models:
        task = params.task(params.model(path.stem).task)
        competition = competition_of(task.dataset, preferred=params.competition)
    else:
        competition = find_competition(slug or params.competition)
    for name, task in params.tasks.items():
        if (task.dataset, task.points) == (competition.dataset, "all"):
            return read_asked_faces(competition, layout.CROPS / name)
    raise CompetitionError(f"no task of params.yaml has data set {competition.dataset}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Do what the command line says; exit 1 with a message where a user can mend something."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--check", metavar="FILE", type=Path, help="check every row")
    what.add_argument("--score", metavar="FILE", type=Path, help="score as the competition would")
    parser.add_argument("--against", metavar="FILE", type=Path, help="with --score: compare")
    parser.add_argument("--competition", metavar="SLUG", help="another one than params.yaml says")
    given = parser.parse_args(arguments)
    try:
        asked = asked_of(given.check or given.score, read_params(), given.competition)
        if given.check:
            check(given.check, asked)
        else:
            score_file(given.score, asked, given.against)
    except FileNotFoundError as error:
        sys.exit(f"error: {error.filename} is missing; run `dvc repro`, which makes it")
    except (PipelineError, OSError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()

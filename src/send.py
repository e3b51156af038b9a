"""Check a Kaggle submission before it is sent: `python src/send.py --check FILE`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from keypoints import layout
from keypoints.competitions import competition_of, find_competition
from keypoints.competitions.terms import AskedFaces, CompetitionError, read_asked_faces
from keypoints.errors import PipelineError
from keypoints.settings import Params, read_params
from keypoints.submission import far_points, read_submission


def check(path: Path, asked: AskedFaces) -> None:
    """Read every row of a CSV, and warn of faces that cannot be right."""
    landmarks_photo = read_submission(path, asked)
    for warning in far_points(landmarks_photo, asked):
        print(f"warning: {path}: {warning}", file=sys.stderr)
    print(
        f"{path}: {len(asked.values):,} rows for {len(asked.names)} faces, as "
        f"{asked.competition.slug} asks"
    )


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
    parser.add_argument("--check", metavar="FILE", type=Path, required=True)
    parser.add_argument("--competition", metavar="SLUG", help="another one than params.yaml says")
    given = parser.parse_args(arguments)
    try:
        check(given.check, asked_of(given.check, read_params(), given.competition))
    except FileNotFoundError as error:
        sys.exit(f"error: {error.filename} is missing; run `dvc repro`, which makes it")
    except (PipelineError, OSError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()

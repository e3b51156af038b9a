"""Is one revision or experiment better than another on the validation faces, or is it luck?

`python src/compare.py OLD NEW [--model MODEL]`; two models of one revision or of two:
`python src/compare.py OLD [NEW] --model OLD_MODEL --model NEW_MODEL`
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from io import StringIO
from pathlib import Path

import pandas as pd

from keypoints.core import paths
from keypoints.core.errors import PipelineError
from keypoints.statistics.comparison import Comparison, ComparisonError, compare_errors
from keypoints.statistics.comparison_text import comparison_text, format_verdict
from keypoints.statistics.revisions import RevisionError, RevisionOutputs

outputs_of = cache(RevisionOutputs)


@dataclass(frozen=True)
class ModelRuns:
    """Trainings of one model, a revision for each seed."""

    revisions: tuple[str, ...]
    model: str

    def read_errors(self) -> list[pd.DataFrame]:
        """The table of metrics/faces/ of each training."""
        folder, name = Path(self.model).parent, Path(self.model).name
        path = folder / paths.FACES / f"{name}.csv"
        return [
            pd.read_csv(
                StringIO(outputs_of(revision).read(path)), dtype={"face": str, "group": str}
            )
            for revision in self.revisions
        ]

    def exists(self) -> bool:
        """Whether the errors of all of them are to be had."""
        try:
            return bool(self.read_errors())
        except RevisionError:
            return False

    def label(self, other: "ModelRuns") -> str:
        """What tells this side from the other one."""
        revisions = ",".join(self.revisions)
        if self.revisions == other.revisions:
            return self.model
        return revisions if self.model == other.model else f"{self.model} of {revisions}"


def compare_sides(old: ModelRuns, new: ModelRuns, judged_by: str) -> tuple[Comparison, str, str]:
    """The comparison of two sides, and what they are called."""
    found = compare_errors(old.read_errors(), new.read_errors(), judged_by=judged_by)
    return found, old.label(new), new.label(old)


def compare_all(old: tuple[str, ...], new: tuple[str, ...], judged_by: str) -> None:
    """A sentence for every model that the two revisions have, here and among the contenders.

    Raises:
        RevisionError: If no model could be compared.
    """
    n_compared = n_untrained = 0
    for folder in (Path(), paths.CONTENDERS):
        for name in outputs_of(new[0]).names(folder / paths.FACES):
            model = (folder / name).with_suffix("").as_posix()
            sides = ModelRuns(old, model), ModelRuns(new, model)
            if not any(side.exists() for side in sides):
                n_untrained += 1
                continue
            try:
                said = format_verdict(*compare_sides(*sides, judged_by))
                n_compared += 1
            except (RevisionError, ComparisonError) as error:
                said = str(error)
            print(f"{model}: {said}")
    if not n_compared:
        raise RevisionError("no model could be compared; name two revisions that have been run")
    if n_untrained:
        print(f"({n_untrained} more were trained on neither side)")


def main(arguments: Sequence[str] | None = None) -> None:
    """Do what the command line says; exit 1 with a message where a user can mend something."""
    parser = _parser()
    given = parser.parse_args(arguments)
    revisions, models = given.revisions, given.model
    if len(revisions) > 2 or len(models) > 2:
        parser.error("two sides are compared: at most two revisions and two models")
    if len(revisions) == len(models) == 1 or (len(revisions) == 1 and not models):
        parser.error("name two revisions, or two models")
    try:
        if not models:
            compare_all(revisions[0], revisions[1], given.by)
        else:
            old, new = ModelRuns(revisions[0], models[0]), ModelRuns(revisions[-1], models[-1])
            print(comparison_text(*compare_sides(old, new, given.by)))
    except (PipelineError, OSError) as error:
        sys.exit(f"error: {error}")


def _parser() -> argparse.ArgumentParser:
    style = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=style)
    parser.add_argument(
        "revisions",
        metavar="REV",
        nargs="+",
        type=_seeds,
        help="a commit, an experiment, or `workspace`; of several seeds: one,two,three",
    )
    parser.add_argument(
        "--model",
        action="append",
        default=[],
        help="a model, in full; of the contenders: contenders/MODEL; without: a line for each",
    )
    parser.add_argument("--by", default="mae_px", help="the error that decides (mae_px)")
    return parser


def _seeds(text: str) -> tuple[str, ...]:
    """An argument that is a revision for each seed."""
    revisions = tuple(text.split(","))
    if len(set(revisions)) < len(revisions) or "" in revisions:
        raise argparse.ArgumentTypeError(f"should be different revisions; got {text!r}")
    return revisions


if __name__ == "__main__":
    main()

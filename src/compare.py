"""Compare revisions, experiments or models by their errors on the validation faces.

`python src/compare.py OLD NEW [--model MODEL]` compares two revisions. Two models of one revision
or of two: `python src/compare.py OLD [NEW] --model OLD_MODEL --model NEW_MODEL`
"""

import keypoints  # noqa: F401  names a wrong Python

# isort: split

import argparse
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from io import StringIO
from pathlib import Path

import pandas as pd
from pandas.api.types import is_numeric_dtype

from keypoints.core import paths
from keypoints.core.cli import exit_on_error
from keypoints.core.errors import PipelineError, first_line, shorten_list
from keypoints.core.tables import NAMES_AS_TEXT
from keypoints.statistics.comparison import Comparison, compare_errors
from keypoints.statistics.comparison_text import comparison_text, format_verdict
from keypoints.statistics.revisions import MissingOutputError, RevisionOutputs

_ERRORS = ("norm_px", "mae_px", "rmse_px", "nme")

open_outputs = cache(RevisionOutputs)


@dataclass(frozen=True)
class ModelRuns:
    """Trainings of one model."""

    revisions: tuple[str, ...]  # of each training; they differ in their seeds
    model: str  # name of the predictions, or contenders/NAME

    def read_errors(self) -> list[pd.DataFrame]:
        """Table of metrics/faces/ of each training."""
        project, name = Path(self.model).parent, Path(self.model).name
        outputs = [open_outputs(revision, project) for revision in self.revisions]
        return [_read_table(output, paths.FACES / f"{name}.csv") for output in outputs]

    def exists(self) -> bool:
        """Whether the errors of all trainings can be read."""
        try:
            return bool(self.read_errors())
        except MissingOutputError:
            return False
        except PipelineError:  # which is raised again when they are compared
            return True

    def label(self, other: "ModelRuns") -> str:
        """A name that distinguishes this side from the other."""
        revisions = ",".join(self.revisions)
        if self.revisions == other.revisions:
            return self.model
        return revisions if self.model == other.model else f"{self.model} of {revisions}"


def _read_table(output: RevisionOutputs, path: Path) -> pd.DataFrame:
    """Read the errors per face of one training.

    Raises:
        PipelineError: If the file is missing, or is not such a table.
    """
    text = output.read(path)
    try:
        table = pd.read_csv(StringIO(text), **NAMES_AS_TEXT)
        _check_table(table)
    except ValueError as error:  # such as the errors of pandas
        raise PipelineError(f"{path}: not a table of faces: {first_line(error)}") from error
    return table


def _check_table(table: pd.DataFrame) -> None:
    """ValueError if a table is not one of errors per face."""
    missing = sorted({"face", "group", "norm_px"} - set(table))
    if missing:
        raise ValueError(f"it has no column {missing[0]}")
    if not isinstance(table.index, pd.RangeIndex):
        raise ValueError("its rows have more columns than the first line")
    if table.empty or table[["face", "group"]].isna().any(axis=None):
        raise ValueError("it has no faces, or some of them have no name or group")
    if not table["face"].is_unique:
        raise ValueError("it lists a face twice")
    for column in table.columns:
        is_error = column in _ERRORS or column.startswith("nme_")
        if is_error and not is_numeric_dtype(table[column]):
            raise ValueError(f"its column {column} contains other values than numbers")


def compare_sides(
    old: ModelRuns, new: ModelRuns, metric: str | None
) -> tuple[Comparison, str, str]:
    """The comparison of two sides, and the labels of both."""
    comparison = compare_errors(old.read_errors(), new.read_errors(), metric=metric)
    return comparison, old.label(new), new.label(old)


def compare_all(old: tuple[str, ...], new: tuple[str, ...], metric: str | None) -> None:
    """Print a verdict for every model of either revision, including the contenders.

    Raises:
        PipelineError: If some models cannot be compared; the others are compared nevertheless.
    """
    for revision in (*old, *new):
        open_outputs(revision, Path())  # an unknown revision is an error
    n_compared, untrained, failed = 0, [], []
    for model in dict.fromkeys([*_models(new[0]), *_models(old[0])]):
        sides = ModelRuns(old, model), ModelRuns(new, model)
        if not any(side.exists() for side in sides):
            untrained.append(model)
            continue
        try:
            text = format_verdict(*compare_sides(*sides, metric))
            n_compared += 1
        except MissingOutputError as error:
            text = str(error)
        except PipelineError as error:
            text = str(error)
            failed.append(model)
        print(f"{model}: {text}")
    if untrained:
        print(f"not trained on either side: {shorten_list(untrained)}")
    if failed:
        raise PipelineError(f"not compared: {shorten_list(failed)}")
    if not n_compared:
        raise PipelineError("no model could be compared; give two revisions that have been run")


def _models(revision: str) -> list[str]:
    models = _names(revision, Path())
    if (paths.CONTENDERS / ".dvc").is_dir():
        with suppress(PipelineError):  # in this revision, they were not a separate project
            models += _names(revision, paths.CONTENDERS)
    return models


def _names(revision: str, project: Path) -> list[str]:
    files = open_outputs(revision, project).names(paths.FACES)
    return [(project / name).with_suffix("").as_posix() for name in files if name.endswith(".csv")]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = _parser()
    parsed = parser.parse_args(arguments)
    revisions, models = parsed.revisions, parsed.model
    if len(revisions) > 2 or len(models) > 2:
        parser.error("give at most two revisions and two models")
    if len(revisions) == 1 and len(models) < 2:
        parser.error("give two revisions or two models")
    with exit_on_error():
        if not models:
            compare_all(revisions[0], revisions[1], parsed.by)
        else:
            old, new = ModelRuns(revisions[0], models[0]), ModelRuns(revisions[-1], models[-1])
            print(comparison_text(*compare_sides(old, new, parsed.by)))


def _parser() -> argparse.ArgumentParser:
    style = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=style)
    parser.add_argument(
        "revisions",
        metavar="REV",
        nargs="+",
        type=_revisions,
        help="commit, experiment or `workspace`; trainings with several seeds: one,two,three",
    )
    parser.add_argument(
        "--model",
        action="append",
        default=[],
        help="name of a model, or contenders/NAME; without it, a line for each model",
    )
    parser.add_argument(
        "--by",
        metavar="METRIC",
        help="the metric that decides, such as nme (mae_px, or rmse_px of faces of several kinds)",
    )
    return parser


def _revisions(text: str) -> tuple[str, ...]:
    revisions = tuple(text.split(","))
    if "" in revisions:
        raise argparse.ArgumentTypeError(f"a revision should not be empty; got {text!r}")
    if len(set(revisions)) < len(revisions):
        raise argparse.ArgumentTypeError(f"should be different revisions; got {text!r}")
    return revisions


if __name__ == "__main__":
    main()

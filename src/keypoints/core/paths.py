"""Where each stage's outputs lie, relative to the repository's root; dvc.yaml names the same."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

RAW = Path("data/raw")
CROPS = Path("data/crops")
WEIGHTS = Path("data/weights")
MODELS = Path("models")
HISTORY = Path("metrics/history")
SCORES = Path("metrics/scores")
FACES = Path("metrics/faces")
CED = Path("metrics/ced")
FIGURES = Path("metrics/figures")
PREDICTIONS = Path("data/predictions")
TIMINGS = Path("metrics/timings")
SUBMISSIONS = Path("submissions")
SUBMISSION_LOG = SUBMISSIONS / "history.csv"
REPORT = Path("report")
CONTENDERS = Path("contenders")  # whose outputs lie below it in the same way


def repo_root() -> Path:
    """The user's own checkout: experiments may run in a copy of it elsewhere, and DVC tells.

    Without DVC it is the folder above that has DVC's own, else the current one.
    """
    if "DVC_ROOT" in os.environ:
        return Path(os.environ["DVC_ROOT"])
    here = Path.cwd()
    above = (folder for folder in (here, *here.parents) if (folder / ".dvc").is_dir())
    return Path(os.path.relpath(next(above, here)))


def replace_output(path: Path) -> Path:
    """Make way for an output: remove what is there, which may be a link into DVC's cache."""
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


@contextmanager
def atomic_folder(folder: Path) -> Iterator[Path]:
    """Make way for an output folder that is whole when the work is done, and gone if it fails."""
    replace_output(folder)
    try:
        yield folder
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def model_file(name: str) -> Path:
    """A trained model."""
    return MODELS / f"{name}.safetensors"


def calibrator_file(name: str, *, of_folds: bool = False) -> Path:
    """What corrects a model's shapes, learnt from its training faces or from its folds."""
    return MODELS / f"{name}{'_oof' if of_folds else ''}_calibrator.safetensors"


def submission_file(name: str) -> Path:
    """The Kaggle CSV of a model."""
    return SUBMISSIONS / f"{name}.csv"


def checkpoint_file(name: str, digest: str) -> Path:
    """What an interrupted training of a model goes on from; experiments share the folder."""
    return repo_root() / ".resume" / f"{name}-{digest}.state"

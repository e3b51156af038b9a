"""Paths of the stages' outputs, relative to the folder of dvc.yaml, and ways to replace them."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

RAW = Path("data/raw")
CROPS = Path("data/crops")
WEIGHTS = Path("data/weights")
PREDICTIONS = Path("data/predictions")
MODELS = Path("models")
HISTORY = Path("metrics/history")
TRAINING = Path("metrics/training")
SCORES = Path("metrics/scores")
DETAILS = Path("metrics/details")
FACES = Path("metrics/faces")
CED = Path("metrics/ced")
FIGURES = Path("metrics/figures")
TIMINGS = Path("metrics/timings")
SUBMISSIONS = Path("submissions")
SUBMISSION_LOG = SUBMISSIONS / "history.csv"
REPORT = Path("report")
_OUTPUT_FOLDERS = (("data",), ("models",), ("metrics",), ("submissions",), ("report",))
CONTENDERS = Path("contenders")  # a separate DVC project with the same folders


def expand_user(path: str) -> Path:
    """The path that a text names, in UTF-8 whatever the locale; a leading ~ is the home folder.

    The ~ is kept if the user has no home folder, as in some containers.
    """
    found = Path(os.fsdecode(path.encode("utf-8", "surrogateescape")))
    try:
        return found.expanduser()
    except RuntimeError:
        return found


def is_output(path: object) -> bool:
    """Whether a path, as the stages spell it, is below a folder of their outputs."""
    return isinstance(path, str | Path) and Path(path).parts[:1] in _OUTPUT_FOLDERS


def repo_root() -> Path:
    """Root of the user's repository: the nearest folder with `src/keypoints`, from here upwards.

    The search starts at `DVC_ROOT` if DVC set it, because DVC runs some experiments in a copy of
    the repository, and then in the current folder, because `DVC_ROOT` may be that of another
    project. If no folder qualifies, the current folder is returned.
    """
    if (dvc_root := os.environ.get("DVC_ROOT")) and (root := _find_root(Path(dvc_root))):
        return root
    return Path(os.path.relpath(_find_root(Path.cwd()) or Path.cwd()))


def _find_root(start: Path) -> Path | None:
    folders = (start, *start.parents)
    return next((folder for folder in folders if (folder / "src/keypoints").is_dir()), None)


def replace_output(path: Path) -> Path:
    """Remove an old output and create its parent folder; a link is removed, but not its target."""
    if path.is_dir() and not path.is_symlink():
        try:
            shutil.rmtree(path)
        except OSError as error:
            error.filename = str(path)  # otherwise the name of an inner file, without its folder
            raise
    path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


@contextmanager
def atomic_folder(folder: Path) -> Iterator[Path]:
    """Replace an output folder, which the block creates; remove it if the block fails."""
    replace_output(folder)
    try:
        yield folder
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Replace a file by the temporary one that the block writes, only if the block succeeds.

    An OSError of the block that names no file, such as that of a full disk, gets the file's name.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        temporary.replace(path)
    except OSError as error:
        if error.filename is None or str(error.filename) == str(temporary):
            error.filename = str(path)
        raise
    finally:
        with suppress(OSError):  # on a read-only disk, even if there is no such file
            temporary.unlink(missing_ok=True)


def model_file(name: str) -> Path:
    """Weights of a model, or of the model of one fold, such as `nose_net.2of5`."""
    return (fold_folder(name) if "." in name else MODELS) / f"{name}.safetensors"


def history_file(name: str) -> Path:
    """Training history of a model, or of the model of one fold."""
    return (fold_folder(name) if "." in name else HISTORY) / f"{name}.csv"


def training_metrics_file(name: str) -> Path | None:
    """Last epoch of a model's training; None for the model of one fold, which DVC does not show."""
    return None if "." in name else TRAINING / f"{name}.json"


def fold_folder(name: str) -> Path:
    """Folder of the models that the cross-validation of a model trains."""
    return MODELS / f"{name.partition('.')[0]}_folds"


def submission_file(name: str) -> Path:
    """CSV for Kaggle with the predictions of that name."""
    return SUBMISSIONS / f"{name}.csv"


def checkpoint_file(name: str, fingerprint: str) -> Path:
    """Checkpoint of an unfinished training; all experiments share the folder."""
    return repo_root() / ".resume" / f"{name}-{fingerprint}.state"

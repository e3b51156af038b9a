"""Facial keypoint detection: data, networks, training, scores and submissions."""

import os
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType

_REMEDY = "run `make setup`, then `source .venv/bin/activate`"
if sys.version_info < (3, 11, 4):
    sys.exit(f"error: {sys.executable} is older than Python 3.11.4; {_REMEDY}")
if not find_spec("numpy"):
    sys.exit(f"error: numpy is not installed for {sys.executable}; {_REMEDY}")

# A script of a repository must run that repository's code, not an installed copy of the package.
_script = Path(getattr(sys.modules["__main__"], "__file__", None) or sys.argv[0]).resolve()
_beside = _script.with_name("keypoints") / "__init__.py"
if _beside.is_file() and not _beside.samefile(__file__):
    sys.exit(
        f"error: {_script} imports {__file__} instead of the package beside it; unset "
        "PYTHONSAFEPATH, and leave out the options -P and -I of Python"
    )


# Stages depend on the packages, in which bytecode would be files that differ from run to run. DVC's
# project in contenders/ cannot leave them out, because they lie outside its folder.
if Path(__file__).resolve().parents[1].name == "src":
    sys.dont_write_bytecode = True


def _report_briefly(
    kind: type[BaseException], error: BaseException, traceback: TracebackType | None
) -> None:
    """Print an interruption and a package that cannot be imported in one line."""
    name = getattr(error, "name", None) or ""
    if issubclass(kind, KeyboardInterrupt):
        print("interrupted", file=sys.stderr)
    elif issubclass(kind, ModuleNotFoundError) and not name.startswith("keypoints"):
        print(f"error: {name} is not installed for {sys.executable}; {_REMEDY}", file=sys.stderr)
    elif issubclass(kind, ImportError) and name and not name.startswith("keypoints"):
        print(f"error: {sys.executable}: {error}; {_REMEDY}", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, traceback)


# Imports take seconds, in which the scripts of src/, tools/ and benchmarks/ cannot catch anything.
if _script.parent.parent == Path(__file__).resolve().parents[2]:
    sys.excepthook = _report_briefly

# OpenCV and tqdm read variables when they are imported. A user's own ones could limit the size of
# photos or, if they are no numbers, end every command.
for _name in [name for name in os.environ if name.startswith(("OPENCV_", "TQDM_"))]:
    del os.environ[_name]
# This bounds images whose damaged header gives OpenCV another size than Pillow; the value is that
# of faces.images.MAX_PIXELS.
os.environ["OPENCV_IO_MAX_IMAGE_PIXELS"] = "25000000"


def __getattr__(name: str) -> type:
    """Import the annotator when it is used: stages of the pipeline do not need it."""
    if name == "Annotator":
        return import_module("keypoints.annotation.annotator").Annotator
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

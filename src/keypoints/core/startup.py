"""Prepares the scripts of this project; other programs that import the package stay as they are.

Scripts import this module before any other package, and it imports the standard library only.
"""

from __future__ import annotations  # an old Python has to reach the check of its version

import os
import sys
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType

_REMEDY = "run `make setup`, then `source .venv/bin/activate`"
_PACKAGE = Path(__file__).resolve().parents[1]
_INSTALLED_COMMAND = "facial-keypoints"

# OpenCV and tqdm read them when they are imported. Those of a user could limit the size of photos
# or, if they are not numbers, end every command.
_USER_VARIABLES = "OPENCV_", "TQDM_"
# Bounds images whose damaged header gives OpenCV another size than Pillow; the value is that of
# faces.images.MAX_PIXELS.
OPENCV_LIMIT = {"OPENCV_IO_MAX_IMAGE_PIXELS": "25000000"}


def prepare_script() -> None:
    """Check the Python of a script of this project, and remove what would change its results.

    Raises:
        SystemExit: If this Python is too old, lacks the packages, or imports another copy of them.
    """
    script = Path(getattr(sys.modules["__main__"], "__file__", None) or sys.argv[0]).resolve()
    # A script of a repository must run that repository's code, not an installed copy.
    beside = script.with_name("keypoints") / "__init__.py"
    if beside.is_file() and not beside.samefile(_PACKAGE / "__init__.py"):
        sys.exit(
            f"error: {script} imports {_PACKAGE} instead of the package beside it; unset "
            "PYTHONSAFEPATH, and leave out the options -P and -I of Python"
        )
    is_own = script.parent.parent == _PACKAGE.parents[1]  # of src/, tools/ or benchmarks/
    if is_own:
        _check_python()
        # Imports take seconds, in which a script cannot catch anything.
        sys.excepthook = _report_briefly
    if is_own or script.stem == _INSTALLED_COMMAND:
        for name in [name for name in os.environ if name.startswith(_USER_VARIABLES)]:
            del os.environ[name]
        os.environ |= OPENCV_LIMIT


def _check_python() -> None:
    if sys.version_info < (3, 11, 4):
        sys.exit(f"error: {sys.executable} is older than Python 3.11.4; {_REMEDY}")
    if not find_spec("numpy"):
        sys.exit(f"error: numpy is not installed for {sys.executable}; {_REMEDY}")


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

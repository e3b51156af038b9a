"""What scripts share: a stage's one argument, and errors as messages."""

import argparse
import errno
import inspect
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from keypoints.core.errors import PipelineError

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def run_stage(
    work: Callable[..., None], description: str | None, items: Iterable[str] | None = None
) -> None:
    """Call a stage's work with what the command line names, if the work takes something.

    What a user can mend is printed as a message, and the script exits 1.

    Args:
        work: From the item's name and what may be left out, or from nothing.
        description: The script's docstring, shown by `--help`.
        items: The names allowed; None: the work checks them.
    """
    parser = argparse.ArgumentParser(description=description)
    for name, parameter in inspect.signature(work).parameters.items():
        if parameter.default is parameter.empty:
            parser.add_argument(name, choices=items, help="the part of the stage's name after @")
        else:
            parser.add_argument(name, nargs="?", default=parameter.default)
    with exit_on_error(_message):
        work(**vars(parser.parse_args()))


@contextmanager
def exit_on_error(
    tell: Callable[[PipelineError | OSError], str] = str,
) -> Iterator[None]:
    """Print what a user can mend, or that they interrupted, and exit 1.

    Args:
        tell: An error in words.
    """
    try:
        yield
    except KeyboardInterrupt:
        sys.exit("interrupted")
    except (PipelineError, OSError) as error:
        sys.exit(f"error: {tell(error)}")


def _message(error: PipelineError | OSError) -> str:
    if isinstance(error, FileNotFoundError) and error.filename:
        return f"{error.filename} is missing; run `dvc repro`, which makes it"
    if isinstance(error, OSError) and error.errno in _FULL and not error.filename:
        return f"{error.strerror}, here or for temporary files; make room and give it again"
    return str(error)

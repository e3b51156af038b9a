"""Command lines of the scripts: a stage's arguments, and errors as messages."""

import argparse
import inspect
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from keypoints.core.errors import PipelineError, is_disk_full


def run_stage(
    work: Callable[..., None], description: str | None, items: Iterable[str] | None = None
) -> None:
    """Call a stage's function with the arguments of the command line.

    If it raises an error that a user can fix, print the message and exit with code 1.

    Args:
        work: Function of the stage; its parameters are the arguments of the script, and those with
            a default may be left out.
        description: Docstring of the script, shown by `--help`.
        items: Allowed values of the arguments; None: `work` checks them.
    """
    parser = argparse.ArgumentParser(description=description)
    for name, parameter in inspect.signature(work).parameters.items():
        if parameter.default is parameter.empty:
            parser.add_argument(name, choices=items, help="the part of the stage's name after @")
        else:
            parser.add_argument(name, nargs="?", default=parameter.default)
    with exit_on_error(stage_message):
        work(**vars(parser.parse_args()))


@contextmanager
def exit_on_error(
    format_message: Callable[[PipelineError | OSError], str] = str,
) -> Iterator[None]:
    """Print an interruption or an error that a user can fix, and exit with code 1.

    Args:
        format_message: Function that returns the message of an error.
    """
    try:
        yield
    except KeyboardInterrupt:
        sys.exit("interrupted")
    except (PipelineError, OSError) as error:
        sys.exit(f"error: {format_message(error)}")


def stage_message(error: PipelineError | OSError) -> str:
    """Message of an error; for a missing file, name the command that creates it."""
    if isinstance(error, FileNotFoundError) and error.filename:
        return f"{error.filename} is missing; run `dvc repro`, which makes it"
    if isinstance(error, OSError) and is_disk_full(error):
        place = error.filename or "the current folder or the one for temporary files"
        return f"{place}: {error.strerror}; free some space and run the command again"
    return str(error)

"""Command lines of the scripts: a stage's arguments, and errors as messages."""

import argparse
import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from keypoints.core.errors import PipelineError, is_disk_full


def run_stage(work: Callable[..., None], description: str | None) -> None:
    """Call a stage's function, whose parameters are the arguments of the command line.

    Parameters with a default are optional. Errors that a user can fix end the script with their
    message and exit code 1.
    """
    parser = argparse.ArgumentParser(description=description)
    for name, parameter in inspect.signature(work).parameters.items():
        if parameter.default is parameter.empty:
            parser.add_argument(name, help="the part of the stage's name after @")
        else:
            parser.add_argument(name, nargs="?", default=parameter.default)
    with exit_on_error(stage_message):
        work(**vars(parser.parse_args()))


@contextmanager
def exit_on_error(format_message: Callable[[PipelineError | OSError], str] = str) -> Iterator[None]:
    """Print an interruption or an error that a user can fix, and exit with code 1."""
    try:
        yield
    except KeyboardInterrupt:
        sys.exit("interrupted")
    except (PipelineError, OSError) as error:
        sys.exit(f"error: {format_message(error)}")


def stage_message(error: PipelineError | OSError) -> str:
    """Message of an error; for a missing file, name the command that creates it."""
    if isinstance(error, FileNotFoundError) and error.filename:
        return f"{error.filename} is missing; run `dvc repro` to create it"
    if isinstance(error, OSError) and is_disk_full(error):
        place = error.filename or "the current or the temporary folder"
        return f"{place}: {error.strerror}; free some space and run the command again"
    return str(error)

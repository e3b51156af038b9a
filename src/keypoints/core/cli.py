"""Command lines of the scripts: a stage's arguments, and errors as messages."""

import argparse
import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import TextIOWrapper

from keypoints.core import paths
from keypoints.core.errors import PipelineError, is_disk_full, os_error_message


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
    with exit_on_error():
        work(**vars(parser.parse_args()))


@contextmanager
def exit_on_error() -> Iterator[None]:
    """Print an interruption or an error that a user can fix, and exit with code 1.

    Characters that the terminal's encoding lacks are printed as escapes.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        yield
    except KeyboardInterrupt:
        sys.exit("interrupted")
    except (PipelineError, OSError) as error:
        sys.exit(f"error: {error_message(error)}")


def error_message(error: PipelineError | OSError) -> str:
    """Message of an error; for a missing output of a stage, name the command that creates it."""
    if isinstance(error, PipelineError):
        return str(error)
    if isinstance(error, FileNotFoundError) and paths.is_output(error.filename):
        return f"{error.filename} is missing; run `dvc repro` to create it"
    place = "the current or the temporary folder" if is_disk_full(error) else None
    return os_error_message(error, place)

"""Command lines of the scripts: a stage's arguments, and errors as messages."""

import argparse
import inspect
import os
import select
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from threading import current_thread, main_thread
from types import FrameType
from typing import NoReturn

from keypoints.core import paths
from keypoints.core.errors import PipelineError, escape_controls, os_error_message, space_remedy


def run_stage(work: Callable[..., None], description: str | None) -> None:
    """Call a stage's function, whose parameters are the arguments of the command line.

    Parameters with a default are optional. Errors that a user can fix end the script with their
    message and exit code 1.
    """
    parser = argparse.ArgumentParser(description=description)
    for name, parameter in inspect.signature(work).parameters.items():
        if parameter.default is parameter.empty:
            parser.add_argument(name, help="as in the stage's cmd in dvc.yaml")
        else:
            parser.add_argument(name, nargs="?", default=parameter.default)
    with exit_on_error():
        work(**vars(parser.parse_args()))


@contextmanager
def exit_on_error() -> Iterator[None]:
    """Print an interruption or an error that a user can fix, and exit with code 1.

    SIGTERM and SIGHUP interrupt like Ctrl-C, so that files are completed or removed. Characters
    that the terminal's encoding lacks are printed as escapes.
    """
    _open_streams()
    try:
        with _interrupted_by("SIGTERM", "SIGHUP"):
            yield
            sys.stdout.flush()
    except KeyboardInterrupt:
        sys.exit("interrupted")
    except (PipelineError, OSError) as error:
        if isinstance(error, BrokenPipeError) and _is_output_closed():
            sys.exit("interrupted: the program that reads the output has ended")
        message = escape_controls(error_message(error), keep="\n")
        sys.exit(f"error: {message}")


def _open_streams() -> None:
    """Replace closed standard streams, which Python sets to None, and let the others escape."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _is_output_closed() -> bool:
    """Whether nobody reads standard output, as in `| head`; it is then replaced."""
    if not hasattr(select, "poll"):  # Windows
        return False
    errors = select.poll()
    errors.register(sys.stdout, 0)
    if is_closed := bool(errors.poll(0)):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes it again
    return is_closed


@contextmanager
def _interrupted_by(*names: str) -> Iterator[None]:
    """Raise KeyboardInterrupt on signals, unless they are ignored (nohup) or handled already.

    Windows has no SIGHUP. torchrun ends its processes by SIGTERM while they wait for each other.
    """

    def interrupt(number: int, frame: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt

    is_own = "WORLD_SIZE" not in os.environ and current_thread() is main_thread()
    known = [getattr(signal, name) for name in names if hasattr(signal, name)]
    own = [one for one in known if is_own and signal.getsignal(one) is signal.SIG_DFL]
    for number in own:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number in own:
            signal.signal(number, signal.SIG_DFL)


def error_message(error: PipelineError | OSError) -> str:
    """Message of an error; for a missing output of a stage, name the command that creates it."""
    if isinstance(error, PipelineError):
        return str(error)
    if isinstance(error, FileNotFoundError) and paths.is_output(error.filename):
        return f"{error.filename} is missing; run `dvc repro` to create it"
    place = "the current or the temporary folder" if space_remedy(error) else None
    return os_error_message(error, place)

"""Command lines of the stages: their arguments, and errors as messages."""

import errno
import io
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from keypoints.core.cli import exit_on_error, run_stage
from keypoints.core.errors import PipelineError

SOURCE = Path(__file__).parents[2] / "src"


def run(monkeypatch: pytest.MonkeyPatch, work: Callable[..., None], *arguments: str) -> str:
    """The message with which a stage exits."""
    monkeypatch.setattr(sys, "argv", ["stage.py", *arguments])
    with pytest.raises(SystemExit) as caught:
        run_stage(work, None)
    assert isinstance(caught.value.code, str)  # printed, and the exit code is 1
    return caught.value.code


def test_parameters_of_the_stage_are_its_arguments(monkeypatch: pytest.MonkeyPatch):
    calls = []

    def work(name: str, folds: str = "5") -> None:
        calls.append((name, folds))

    for arguments in (["net"], ["net", "3"]):
        monkeypatch.setattr(sys, "argv", ["stage.py", *arguments])
        run_stage(work, None)
    monkeypatch.setattr(sys, "argv", ["stage.py"])
    run_stage(lambda: calls.append(()), None)
    assert calls == [("net", "5"), ("net", "3"), ()]


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (PipelineError("a.csv: 3 rows; fetch it again"), "error: a.csv: 3 rows; fetch it again"),
        (PipelineError("a\x1b[2J\nb"), "error: a\\x1b[2J\nb"),
        (
            FileNotFoundError(errno.ENOENT, "No such file or directory", "models/net"),
            "error: models/net is missing; run `dvc repro` to create it",
        ),
        (
            OSError(errno.ENOSPC, "No space left on device", "models/net"),
            "error: models/net: No space left on device; free some space and run the command again",
        ),
        (
            OSError(errno.ENOSPC, "No space left on device"),
            "error: the current or the temporary folder: No space left on device; "
            "free some space and run the command again",
        ),
        (
            OSError(errno.EFBIG, "File too large", "models/net"),
            "error: models/net: File too large; raise the limit of file sizes (`ulimit -f`), or",
        ),
        (
            PermissionError(errno.EACCES, "Permission denied", "models/net"),
            "error: models/net: Permission denied",
        ),
        (
            FileNotFoundError(errno.ENOENT, "No such file or directory", "/nosuch/ca.pem"),
            "error: /nosuch/ca.pem: No such file or directory",
        ),
        (OSError("Could not find a certificate bundle"), "error: Could not find a certificate b"),
        (KeyboardInterrupt(), "interrupted"),
    ],
)
def test_errors_that_a_user_can_fix_are_messages(
    monkeypatch: pytest.MonkeyPatch, error: BaseException, message: str
):
    def fail() -> None:
        raise error

    assert run(monkeypatch, fail).startswith(message)


def test_output_that_the_terminal_cannot_encode_is_escaped(monkeypatch: pytest.MonkeyPatch):
    terminal = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", terminal)
    with exit_on_error():
        print("ä.jpg, lat\udcefn.jpg", flush=True)
    assert terminal.buffer.getvalue() == b"\\xe4.jpg, lat\\udcefn.jpg\n"  # type: ignore[attr-defined]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_the_end_of_the_terminal_or_the_session_is_an_interruption(
    monkeypatch: pytest.MonkeyPatch, number: signal.Signals
):
    before = signal.signal(number, signal.SIG_DFL)  # nohup ignores one of them
    try:
        assert run(monkeypatch, lambda: signal.raise_signal(number)) == "interrupted"
        assert signal.getsignal(number) is signal.SIG_DFL
    finally:
        signal.signal(number, before)


def run_python(code: str, **streams: int) -> subprocess.CompletedProcess[str]:
    command, environment = [sys.executable, "-c", code], {"PYTHONPATH": str(SOURCE)}
    return subprocess.run(command, env=environment, text=True, **streams)  # type: ignore[call-overload]


def test_closed_streams_are_empty():
    code = "import sys; sys.stdin = sys.stdout = sys.stderr = None\n"
    code += "from keypoints.core.cli import exit_on_error\n"
    code += "with exit_on_error(): print(sys.stdin.read(), file=sys.stderr)"
    assert run_python(code).returncode == 0


def test_a_reader_that_ends_early_is_named():
    code = "from keypoints.core.cli import exit_on_error\nwith exit_on_error(): print('text')"
    reading, writing = os.pipe()
    os.close(reading)
    done = run_python(code, stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    assert done.stderr == "interrupted: the program that reads the output has ended\n"
    assert done.returncode == 1


def test_other_errors_keep_their_traceback():
    with pytest.raises(ZeroDivisionError), exit_on_error():
        1 / 0  # noqa: B018

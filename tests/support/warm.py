"""`python src/STAGE.py` and `dvc` without their start: torch, timm and DVC take long to import.

A server imports them once, for all of pytest's workers, and ends with pytest. What stands for
`python` and `dvc` in a folder of its own hands over a command, with its arguments, folder,
environment and open files, and the server forks a process that does the work. Whatever else
`python` is asked for starts Python itself.
"""

import atexit
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import sys
import traceback
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen
from typing import Any

import psutil

IMPORTED = ("cv2", "dvc.cli", "dvc.repo", "matplotlib.figure", "pandas", "pydantic", "timm")
SCRIPTS = (  # beside the stages
    "tests/support/all_stages.py",
    "tests/support/killed_stage.py",
    "tests/support/spied_stage.py",
    "tools/label_offset.py",
    "tools/score_folder.py",
)
SOCKET = "socket"  # beside the commands
_STARTED: list[Popen[bytes]] = []  # nobody waits for them

CLIENT = """#!{python} -IS
import json, os, socket, sys
folder, tool = os.path.split(os.path.abspath(sys.argv[0]))
if tool == "python" and not sys.argv[1].endswith(WARM):
    os.execv({python!r}, [{python!r}, *sys.argv[1:]])
with socket.socket(socket.AF_UNIX) as server:
    server.connect(os.path.join(folder, {socket!r}))
    command = [tool, *sys.argv[1:]]
    asked = json.dumps([command, os.getcwd(), dict(os.environ)]).encode()
    socket.send_fds(server, [len(asked).to_bytes(4)], [0, 1, 2])
    server.sendall(asked)
    code = server.recv(1)
os._exit(code[0] if code else 137)
"""


def start_warm_commands(folder: Path, *, lasts: int) -> None:
    """Make a folder with `python` and `dvc`, to put first on the PATH.

    Args:
        folder: Is made.
        lasts: Number of the process whose end is theirs.
    """
    folder.mkdir(exist_ok=True)
    stages = tuple(f"src/{path.name}" for path in (Path(__file__).parents[2] / "src").glob("*.py"))
    text = CLIENT.format(python=sys.executable, socket=SOCKET)
    text = text.replace("WARM", repr(stages + SCRIPTS))
    for tool in ("python", "dvc"):
        (folder / tool).write_text(text)
        (folder / tool).chmod(0o755)
    command = [sys.executable, __file__, str(folder / SOCKET), str(lasts)]
    server = Popen(command, stdin=DEVNULL, stdout=PIPE, start_new_session=True)
    _STARTED.append(server)
    assert server.stdout is not None
    with server.stdout as said:
        assert said.readline() == b"listening\n"


def serve(path: str, lasts: int) -> None:
    """Fork a process for each command, until the process of that number has ended."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()
        print("listening", flush=True)
        for name in IMPORTED:
            importlib.import_module(name)
        read_locks_in_c()
        gc.freeze()  # or each process visits, and so copies, all objects when it collects garbage
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
        while psutil.pid_exists(lasts):
            if not select.select([server], [], [], 1)[0]:
                continue
            connection, _ = server.accept()
            if os.fork() == 0:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                _answer(connection)
            connection.close()


def read_locks_in_c() -> None:
    """Have DVC read dvc.lock, which has no comments, by the fast parser also to change it.

    DVC reads and writes it twice a stage. The parser that keeps comments takes half of its time.
    """
    from dvc.utils.serialize import _yaml

    parse = _yaml.parse_yaml

    def parse_for_update(text: str, path: str) -> dict[str, Any]:
        return parse(text, path, typ="safe" if str(path).endswith("dvc.lock") else "rt")

    _yaml.parse_yaml_for_update = parse_for_update


def _answer(connection: socket.socket) -> None:
    length, files, _, _ = socket.recv_fds(connection, 4, 3)
    with connection.makefile("rb") as stream:
        command, folder, environment = json.loads(stream.read(int.from_bytes(length)))
    for number, file in enumerate(files):
        os.dup2(file, number)
    os.closerange(min(files), max(files) + 1)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    try:
        code = _run(command)
    except SystemExit as stopped:
        code = stopped.code if isinstance(stopped.code, int) else int(stopped.code is not None)
        if isinstance(stopped.code, str):
            print(stopped.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
        code = 1
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    connection.sendall(bytes([code]))
    os._exit(code)


def _run(command: list[str]) -> int:
    if command[0] == "dvc":
        from dvc.cli import main

        sys.argv = command
        return main(command[1:])
    sys.argv = command[1:]
    script = Path(sys.argv[0]).resolve()  # absolute: processes that the script starts import it too
    sys.path[0] = str(script.parent)
    runpy.run_path(str(script), run_name="__main__")
    return 0


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))

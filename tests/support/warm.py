"""Stages, `dvc` and pytest's workers without their start: torch, timm and DVC take long to import.

A server imports them once and ends with pytest. What stands for `python`, `dvc` and the Python of a
worker in a folder of its own hands over a command, with its arguments, folder, environment and open
files, and the server forks a process that does the work. Other uses of `python` than with a script
of the repository start Python itself. If a command is terminated, so is its process.
"""

import _imp
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
import types
from collections import OrderedDict
from importlib.machinery import SourceFileLoader
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen
from typing import Any, TextIO

import psutil
import yaml

IMPORTED = (  # what the commands import, most of it late
    "celery.app.task",
    "celery.backends.filesystem",
    "cv2",
    "dulwich.porcelain",
    "dvc.analytics",
    "dvc.cli.parser",
    "dvc.data_cloud",
    "dvc.repo.brancher",
    "dvc.repo.collect",
    "dvc.repo.experiments.executor.local",
    "dvc.repo.experiments.queue.celery",
    "dvc.repo.experiments.queue.tempdir",
    "dvc.repo.graph",
    "dvc.repo.metrics.diff",
    "dvc.repo.worktree",
    "dvc.utils.hydra",
    "dvc_data.index.checkout",
    "hydra",
    "jinja2",
    "kombu.transport.filesystem",
    "matplotlib.backends.backend_agg",
    "matplotlib.backends.backend_svg",
    "matplotlib.figure",
    "networkx",
    "pandas",
    "pydantic.main",
    "pydantic.root_model",
    "pygit2",
    "requests",
    "ruamel.yaml",
    "sklearn.linear_model",
    "timm",
    "torch.distributed.launcher.api",
    "wcwidth",
)
SCRIPTS = (  # beside the stages
    "tests/support/all_stages.py",
    "tests/support/killed_stage.py",
    "tests/support/process_member.py",
    "tests/support/spied_stage.py",
    "tools/label_offset.py",
    "tools/score_folder.py",
)
SOCKET = "socket"  # beside the commands
_STARTED: list[Popen[bytes]] = []  # nobody waits for them

CLIENT = """#!{python} -IS
import json, os, signal, socket, sys
def end(number, frame):
    os.kill(process, number)
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
folder, tool = os.path.split(os.path.abspath(sys.argv[0]))
if tool == "python" and not sys.argv[1].endswith(WARM):
    os.execv({python!r}, [{python!r}, *sys.argv[1:]])
with socket.socket(socket.AF_UNIX) as server:
    server.connect(os.path.join(folder, {socket!r}))
    command = [tool, *sys.argv[1:]]
    request = json.dumps([command, os.getcwd(), dict(os.environ)]).encode()
    socket.send_fds(server, [len(request).to_bytes(4)], [0, 1, 2])
    server.sendall(request)
    process = int.from_bytes(server.recv(4))
    signal.signal(signal.SIGTERM, end)
    code = server.recv(1)
if not code:
    os.kill(os.getpid(), signal.SIGKILL)
os._exit(code[0])
"""


def start_warm_commands(folder: Path, *, lasts: int) -> None:
    """Make a folder with `python` and `dvc`, to put first on the PATH, and `worker`.

    Args:
        folder: May exist.
        lasts: Number of the process whose end is theirs.
    """
    folder.mkdir(exist_ok=True)
    stages = tuple(f"src/{path.name}" for path in (Path(__file__).parents[2] / "src").glob("*.py"))
    text = CLIENT.format(python=sys.executable, socket=SOCKET)
    text = text.replace("WARM", repr(stages + SCRIPTS))
    for tool in ("python", "dvc", "worker"):
        (folder / tool).write_text(text)
        (folder / tool).chmod(0o755)
    command = [sys.executable, __file__, str(folder / SOCKET), str(lasts)]
    server = Popen(command, stdin=DEVNULL, stdout=PIPE, start_new_session=True)
    _STARTED.append(server)
    assert server.stdout is not None
    with server.stdout as lines:
        assert lines.readline() == b"listening\n"


def serve(path: str, lasts: int) -> None:
    """Fork a process for each command, until the process of that number has ended."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()
        print("listening", flush=True)
        handle_locks_in_c()
        for name in IMPORTED:
            importlib.import_module(name)
        keep_code()
        gc.freeze()  # or each process visits, and so copies, all objects when it collects garbage
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
        while psutil.pid_exists(lasts):
            if not select.select([server], [], [], 1)[0]:
                continue
            connection, _ = server.accept()
            if os.fork() == 0:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                _answer(connection, Path(path).parent)
            connection.close()


class LockDumper(yaml.CSafeDumper):
    """Writes ordered dictionaries as plain ones."""


LockDumper.add_representer(OrderedDict, yaml.CSafeDumper.represent_dict)


def handle_locks_in_c() -> None:
    """Have DVC read and write dvc.lock, which has no comments, with libyaml.

    DVC does both twice a stage. A parser that keeps comments takes half of its time.
    """
    from dvc.utils import serialize
    from dvc.utils.serialize import _yaml

    parse, dump = _yaml.parse_yaml, _yaml._dump

    def parse_quickly(text: str, path: str, typ: str = "safe") -> dict[str, Any]:
        if not str(path).endswith("dvc.lock"):
            return parse(text, path, typ)
        return yaml.load(text, yaml.CSafeLoader) or {}

    def dump_quickly(data: dict[str, Any], stream: TextIO) -> None:
        if type(data) is dict and "stages" in data:
            yaml.dump(data, stream, LockDumper, default_flow_style=False, sort_keys=False)
        else:
            dump(data, stream)

    serialize.parse_yaml = _yaml.parse_yaml = parse_quickly  # before it is imported elsewhere
    _yaml._dump = dump_quickly


def keep_code() -> None:
    """Compile the packages once: their copies in temporary repositories have equal sources."""
    kept = {}
    for path in (Path(__file__).parents[2] / "src").rglob("*.py"):
        source = path.read_bytes()
        kept[source] = compile(source, path, "exec", dont_inherit=True)
    compile_source = SourceFileLoader.source_to_code

    def source_to_code(
        self: SourceFileLoader, data: bytes, path: str, **options: Any
    ) -> types.CodeType:
        code = kept.get(data)
        if code is None:
            return compile_source(self, data, path, **options)
        _imp._fix_co_filename(code, path)
        return code

    SourceFileLoader.source_to_code = source_to_code


def _answer(connection: socket.socket, tools: Path) -> None:
    length, files, _, _ = socket.recv_fds(connection, 4, 3)
    with connection.makefile("rb") as stream:
        command, folder, environment = json.loads(stream.read(int.from_bytes(length)))
    for number, file in enumerate(files):
        os.dup2(file, number)
    os.closerange(min(files), max(files) + 1)
    connection.sendall(os.getpid().to_bytes(4))
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    try:
        code = _run(command, tools)
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


def _run(command: list[str], tools: Path) -> int:
    if command[0] == "dvc":
        from dvc.cli import main

        sys.argv = command
        return main(command[1:])
    if command[0] == "worker":
        sys.argv, sys.modules["__main__"] = ["-c"], types.ModuleType("__main__")
        exec(command[-1], vars(sys.modules["__main__"]))
        return 0
    sys.argv, sys.executable = command[1:], str(tools / "python")
    script = Path(sys.argv[0]).resolve()  # absolute: processes that the script starts import it too
    sys.path[0] = str(script.parent)
    runpy.run_path(str(script), run_name="__main__")
    return 0


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))

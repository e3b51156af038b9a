"""Real runs that are killed or find the disk full: nothing is lost, and nothing is half there."""

import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import pandas as pd
import psutil
import pytest
from workspace import Workspace

KILLED_STAGE = str(Path(__file__).parents[1] / "support/killed_stage.py")
EPOCHS = 30
MODEL_FILE = "models/nose_net_16ch.safetensors"
TRAIN = ("src/train.py", "nose_net_16ch")


@pytest.fixture(scope="module")
def whole(ran: Workspace) -> bytes:
    """The weights of a training that nothing interrupted."""
    ran.set_params({"models.nose_net_16ch.epochs": EPOCHS})
    ran.run("python", *TRAIN)
    weights = (ran.folder / MODEL_FILE).read_bytes()
    ran.restore()
    return weights


@pytest.fixture
def longer(workspace: Workspace, whole: bytes) -> Iterator[Workspace]:
    """The repository before the same training."""
    workspace.set_params({"models.nose_net_16ch.epochs": EPOCHS})
    (workspace.folder / MODEL_FILE).unlink(missing_ok=True)
    return workspace


def wait_for(what: Callable[[], object]) -> None:
    deadline = time.monotonic() + 180
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def states(workspace: Workspace) -> list[Path]:
    return list((workspace.folder / ".resume").glob("*.state"))


def test_a_training_killed_ten_times_ends_in_the_same_bytes(
    longer: Workspace, whole: bytes
) -> None:
    said = longer.run("python", KILLED_STAGE, "train", "nose_net_16ch", "10", "0.2")
    assert "killed 10" in said
    assert "goes on in epoch" in said
    assert (longer.folder / MODEL_FILE).read_bytes() == whole
    assert len(pd.read_csv(longer.folder / "metrics/history/nose_net_16ch.csv")) == EPOCHS
    assert not list((longer.folder / ".resume").iterdir())


def test_ctrl_c_says_so_and_the_same_command_goes_on(longer: Workspace, whole: bytes) -> None:
    training = subprocess.Popen(
        [sys.executable, *TRAIN],  # a process of its own, which gets the signal
        cwd=longer.folder,
        preexec_fn=partial(
            signal.signal, signal.SIGINT, signal.SIG_DFL
        ),  # background jobs have none
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for(partial(states, longer))
    training.send_signal(signal.SIGINT)
    assert training.communicate()[1] == "interrupted\n"
    assert training.returncode == 1
    assert not (longer.folder / MODEL_FILE).exists()
    said = longer.run("python", *TRAIN)
    assert re.search(r"nose_net_16ch-[0-9a-f]{16}\.state: goes on in epoch \d+", said)
    assert (longer.folder / MODEL_FILE).read_bytes() == whole


def trainings(workspace: Workspace) -> list[psutil.Process]:
    """Those that run in the repository, or in a copy of it below."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            folder = Path(process.cwd())
            if workspace.folder in (folder, *folder.parents) and TRAIN[0] in process.cmdline():
                found.append(process)
    return found


def test_a_training_killed_in_the_queue_goes_on_wherever_it_is_run_again(
    longer: Workspace, whole: bytes, tmp_path: Path
) -> None:
    longer.dvc("exp", "run", "--queue", "train@nose_net_16ch")
    cold = Workspace(longer.folder, commands=tmp_path)  # its processes are those that are named
    cold.dvc("queue", "start")
    wait_for(partial(states, longer))
    for training in trainings(longer):
        training.kill()
    wait_for(lambda: "Failed" in longer.dvc("queue", "status"))
    said = longer.run("python", *TRAIN)
    assert re.search(r"nose_net_16ch-[0-9a-f]{16}\.state: goes on in epoch \d+", said)
    assert (longer.folder / MODEL_FILE).read_bytes() == whole


def test_a_store_killed_while_it_is_cut_is_never_taken_for_a_whole_one(
    workspace: Workspace,
) -> None:
    folder = workspace.folder / "data/crops/kaggle15"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    said = workspace.run("python", KILLED_STAGE, "prepare", "kaggle15", "30", "0.2")
    killed, halves = map(int, re.findall(r"killed (\d+), halves taken (\d+)", said)[0])
    assert killed > 5
    assert halves == 0
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_disk_that_fills_while_a_store_is_cut_is_named(workspace: Workspace) -> None:
    n_bytes = 100_000  # the crops are 144,000
    done = subprocess.run(
        [sys.executable, "src/prepare.py", "nose"],
        cwd=workspace.folder,
        preexec_fn=partial(resource.setrlimit, resource.RLIMIT_FSIZE, (n_bytes, n_bytes)),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr == (
        "error: data/crops/nose/crops.npy: File too large; make room and prepare the task again\n"
    )
    said = workspace.run("python", "src/train.py", "nose_net", check=False)
    assert "error: data/crops/nose/store.json is missing; run `dvc repro`, which makes it" in said

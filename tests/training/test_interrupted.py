"""Real runs that are killed or fill the disk: nothing is lost, and no output is incomplete."""

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
CONTINUING = re.compile(r"nose_net_16ch-[0-9a-f]{16}\.state: continuing in epoch \d+")


@pytest.fixture(scope="module")
def uninterrupted(ran: Workspace) -> bytes:
    """The model file of a training that nothing interrupted."""
    ran.set_params({"models.nose_net_16ch.epochs": EPOCHS})
    ran.run("python", *TRAIN)
    weights = (ran.folder / MODEL_FILE).read_bytes()
    ran.restore()
    return weights


@pytest.fixture
def untrained(workspace: Workspace, uninterrupted: bytes) -> Iterator[Workspace]:
    """The repository before the same training."""
    workspace.set_params({"models.nose_net_16ch.epochs": EPOCHS})
    (workspace.folder / MODEL_FILE).unlink(missing_ok=True)
    return workspace


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 180
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def checkpoints(workspace: Workspace) -> list[Path]:
    return list((workspace.folder / ".resume").glob("*.state"))


def test_a_training_that_is_killed_ten_times_ends_with_the_same_bytes(
    untrained: Workspace, uninterrupted: bytes
) -> None:
    output = untrained.run("python", KILLED_STAGE, "train", "nose_net_16ch", "10", "0.2")
    assert "killed 10" in output
    assert CONTINUING.search(output)
    assert (untrained.folder / MODEL_FILE).read_bytes() == uninterrupted
    assert len(pd.read_csv(untrained.folder / "metrics/history/nose_net_16ch.csv")) == EPOCHS
    assert not list((untrained.folder / ".resume").iterdir())


def test_after_ctrl_c_the_same_command_continues(
    untrained: Workspace, uninterrupted: bytes
) -> None:
    training = subprocess.Popen(
        [sys.executable, *TRAIN],
        cwd=untrained.folder,
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # tests may ignore it
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for(partial(checkpoints, untrained))
    training.send_signal(signal.SIGINT)
    assert training.communicate()[1] == "interrupted\n"
    assert training.returncode == 1
    assert not (untrained.folder / MODEL_FILE).exists()
    assert CONTINUING.search(untrained.run("python", *TRAIN))
    assert (untrained.folder / MODEL_FILE).read_bytes() == uninterrupted


def trainings(workspace: Workspace) -> list[psutil.Process]:
    """Trainings in the repository, or in a copy of it below."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            folder = Path(process.cwd())
            if workspace.folder in (folder, *folder.parents) and TRAIN[0] in process.cmdline():
                found.append(process)
    return found


def test_a_training_that_is_killed_in_the_queue_continues_in_the_workspace(
    untrained: Workspace, uninterrupted: bytes, tmp_path: Path
) -> None:
    untrained.dvc("exp", "run", "--queue", "train@nose_net_16ch")
    real_python = Workspace(untrained.folder, commands=tmp_path)  # its command lines are visible
    real_python.dvc("queue", "start")
    wait_for(partial(checkpoints, untrained))
    for training in trainings(untrained):
        training.kill()
    wait_for(lambda: "Failed" in untrained.dvc("queue", "status"))
    assert CONTINUING.search(untrained.run("python", *TRAIN))
    assert (untrained.folder / MODEL_FILE).read_bytes() == uninterrupted


def test_an_incomplete_crop_store_is_never_accepted(workspace: Workspace) -> None:
    folder = workspace.folder / "data/crops/kaggle15"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    output = workspace.run("python", KILLED_STAGE, "prepare", "kaggle15", "30", "0.2")
    counts = re.findall(r"killed (\d+), incomplete stores accepted (\d+)", output)[0]
    killed, accepted = map(int, counts)
    assert killed > 5
    assert accepted == 0
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_full_disk_is_reported_with_the_file(workspace: Workspace) -> None:
    n_bytes = 100_000  # the crops have 144,000
    done = subprocess.run(
        [sys.executable, "src/prepare.py", "nose"],
        cwd=workspace.folder,
        preexec_fn=partial(resource.setrlimit, resource.RLIMIT_FSIZE, (n_bytes, n_bytes)),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: data/crops/nose/crops.npy: File too large; ")
    output = workspace.run("python", "src/train.py", "nose_net", check=False)
    assert "error: data/crops/nose/store.json is missing; run `dvc repro`" in output

"""Several processes train like one: equal batches, gradients and errors; interruptions are safe."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import process_member
import pytest
import torch
from small_models import HEATMAP, read_task
from workspace import Workspace

from keypoints.core.errors import PipelineError
from keypoints.crops.batches import Batch, BatchLoader
from keypoints.crops.store import CropStore
from keypoints.models.build import build_network
from keypoints.training.distributed import SINGLE_PROCESS, ProcessGroup, process_group

MEMBER = Path(process_member.__file__)


def run_two(commands: Path, store: Path, out: Path, *fate: object) -> tuple[int, str]:
    """Train in two processes; return the exit code and the errors."""
    done = subprocess.run(
        [str(commands / "python"), str(MEMBER), str(store), str(out), *map(str, fate)],
        capture_output=True,
        text=True,
        timeout=300,  # on a busy machine
    )
    return done.returncode, done.stderr


@pytest.fixture(scope="module")
def two_processes(
    commands: Path, dot_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, np.ndarray]:
    """The results of two processes that nothing interrupts."""
    out = tmp_path_factory.mktemp("two") / "out.npz"
    code, errors = run_two(commands, dot_folder, out)
    assert (code, errors) == (0, "")
    return dict(np.load(out))


def test_a_part_of_torchruns_variables_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "1")
    monkeypatch.setenv("RANK", "0")
    with pytest.raises(PipelineError, match="but no MASTER_ADDR, MASTER_PORT; unset WORLD_SIZE"):
        process_group().__enter__()


def load_shards(store: CropStore, world_size: int, batch_size: int) -> list[list[Batch]]:
    """The batches of each process."""
    rows = store.rows("train")
    return [
        list(
            BatchLoader(
                store,
                rows,
                (0, 1, 2),
                batch_size=batch_size,
                augment=process_member.AUGMENT,
                rank=rank,
                world_size=world_size,
            ).epoch(1)
        )
        for rank in range(world_size)
    ]


@pytest.mark.parametrize("world_size", [2, 3])
def test_processes_share_each_batch(dot_store: CropStore, world_size: int) -> None:
    (whole,) = load_shards(dot_store, 1, batch_size=4)
    for batch, *shards in zip(
        whole, *load_shards(dot_store, world_size, batch_size=4), strict=True
    ):
        for rank, shard in enumerate(shards):
            assert (shard.images == batch.images[rank::world_size]).all()
            assert (shard.landmarks_unit == batch.landmarks_unit[rank::world_size]).all()
            expected = world_size * len(shard.images) / len(batch.images)
            assert shard.weight == pytest.approx(expected)


def test_a_process_without_a_face_has_one_with_weight_zero(dot_store: CropStore) -> None:
    last = [batches[-1] for batches in load_shards(dot_store, 2, batch_size=7)]  # of eight faces
    assert [len(shard.images) for shard in last] == [1, 1]
    assert [shard.weight for shard in last] == [2, 0]


def test_the_weight_of_a_shard_is_its_fraction_of_the_known_coordinates(
    dot_store: CropStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    landmarks = dot_store.landmarks_photo[range(len(dot_store))].copy()
    landmarks[dot_store.rows("train")[:4], 0] = np.nan
    monkeypatch.setattr(dot_store, "landmarks_photo", landmarks)
    shards = [batches[0] for batches in load_shards(dot_store, 2, batch_size=8)]
    known = [np.isfinite(shard.landmarks_unit).sum() for shard in shards]
    expected = [2 * n / sum(known) for n in known]
    assert [shard.weight for shard in shards] == pytest.approx(expected)


def test_every_process_validates_all_faces_if_there_are_too_few_to_share() -> None:
    assert ProcessGroup(1, 2).shard_rows(np.arange(5)).tolist() == [1, 3]
    assert ProcessGroup(1, 2).shard_rows(np.arange(1)).tolist() == [0]


def test_synchronised_batch_norms_keep_timms_activations() -> None:
    from timm.layers import convert_sync_batchnorm

    task = read_task("wild").model_copy(update={"height": 64, "width": 64})
    network = build_network(HEATMAP, task, 5, seed=1).eval()
    images = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        before = network(images)
        convert_sync_batchnorm(network)
        torch.testing.assert_close(network(images), before)


def test_the_gradients_of_two_processes_are_those_of_one(
    dot_store: CropStore, two_processes: dict[str, np.ndarray]
) -> None:
    alone = process_member.run_first_step(dot_store, SINGLE_PROCESS)
    size = np.abs(alone["gradients"]).max()
    assert np.abs(two_processes["gradients"] - alone["gradients"]).max() < 1e-5 * size
    np.testing.assert_allclose(two_processes["losses"], alone["losses"], rtol=1e-6)


def test_the_errors_of_two_processes_are_those_of_one(
    dot_store: CropStore, two_processes: dict[str, np.ndarray]
) -> None:
    alone = process_member.run_training(dot_store, SINGLE_PROCESS, None)
    np.testing.assert_allclose(two_processes["errors"], alone["errors"], rtol=1e-3)


def test_if_a_process_is_killed_the_run_ends_and_continues_with_the_same_bits(
    commands: Path, dot_folder: Path, two_processes: dict[str, np.ndarray], tmp_path: Path
) -> None:
    out = tmp_path / "out.npz"
    code, errors = run_two(commands, dot_folder, out, 1, 2)  # after an epoch of the second phase
    assert code == 1
    assert "error: process 1 was killed by signal 9; run the same command again" in errors
    assert "Traceback" not in errors
    assert not out.exists()
    assert out.with_suffix(".state").exists()
    assert run_two(commands, dot_folder, out) == (0, "")
    continued = np.load(out)
    assert (continued["weights"] == two_processes["weights"]).all()
    assert (continued["errors"] == two_processes["errors"]).all()


@pytest.fixture
def hosts() -> Iterator[list[tuple[str, str]]]:
    """Two network namespaces with a cable between them: their names, and those of its ends."""
    ends = [(f"host{os.getpid()}{side}", f"end{side}") for side in "ab"]
    (one, end), (other, other_end) = ends
    cable = f"link add {end} netns {one} type veth peer name {other_end} netns {other}"
    commands = [f"netns add {one}", f"netns add {other}", cable]
    for number, (name, end) in enumerate(ends, 1):
        commands += [f"-n {name} address add 10.77.0.{number}/24 dev {end}"]
        commands += [f"-n {name} link set {device} up" for device in (end, "lo")]
    try:
        for command in commands:
            if subprocess.run(["ip", *command.split()], capture_output=True).returncode:
                pytest.skip(f"ip {command}: not allowed here")
        yield ends
    finally:
        for name, _ in ends:
            subprocess.run(["ip", "netns", "delete", name], capture_output=True)


def host_options(number: int) -> list[str]:
    """Options that torchrun cannot detect: a namespace has no host name of its own."""
    return [f"--local-addr=10.77.0.{number}", f"--rdzv-conf=is_host={int(number == 1)}"]


@pytest.mark.skipif(not shutil.which("ip"), reason="iproute2 is missing")
def test_two_hosts_train_like_two_processes_of_one(
    hosts: list[tuple[str, str]],
    dot_folder: Path,
    two_processes: dict[str, np.ndarray],
    tmp_path: Path,
) -> None:
    out = tmp_path / "out.npz"
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nnodes=2", "--nproc-per-node=1"]
    torchrun += ["--rdzv-backend=c10d", "--rdzv-endpoint=10.77.0.1:29500"]
    member = [str(MEMBER), str(dot_folder), str(out)]
    running = [
        subprocess.Popen(
            ["ip", "netns", "exec", name, *torchrun, *host_options(number), *member],
            env=os.environ | {"GLOO_SOCKET_IFNAME": end},
            stderr=subprocess.PIPE,
            text=True,
        )
        for number, (name, end) in enumerate(hosts, 1)
    ]
    errors = [process.communicate(timeout=300)[1] for process in running]
    assert [process.returncode for process in running] == [0, 0], errors
    assert (np.load(out)["weights"] == two_processes["weights"]).all()


def test_a_model_trains_in_two_processes_if_the_settings_say_so(workspace: Workspace) -> None:
    model = workspace.folder / "models/nose_net.safetensors"
    alone = model.read_bytes()
    history = workspace.folder / "metrics/history/nose_net.csv"
    (one,) = np.loadtxt(history, delimiter=",", skiprows=1, ndmin=2)
    output = workspace.dvc("exp", "run", "-S", "processes=2", "train@nose_net")
    assert len(re.findall(r"epoch +1/1 ", output)) == 1
    (two,) = np.loadtxt(history, delimiter=",", skiprows=1, ndmin=2)
    assert model.read_bytes() != alone
    np.testing.assert_allclose(two[1:3], one[1:3], rtol=1e-3)


def test_a_wrong_setting_is_reported_once_before_processes_start(workspace: Workspace) -> None:
    workspace.set_params({"processes": 2, "models.nose_net.loss": "wings"})
    output = workspace.run("python", "src/train.py", "nose_net", check=False)
    assert output.splitlines()[0].startswith("error: params.yaml: models.nose_net.loss must be one")
    assert len(output.strip().splitlines()) == 3  # the error, an empty line and the exit code


def test_an_error_of_all_processes_is_reported_once(workspace: Workspace) -> None:
    workspace.set_params({"processes": 2, "lr": 1e30})
    output = workspace.run("python", "src/train.py", "nose_net", check=False)
    assert output.count("error: the loss is") == 1

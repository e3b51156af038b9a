"""Several processes train as one does: the same batches, gradients and errors; none is lost."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import team_member
from workspace import Workspace

from keypoints.crops.batches import Batch, BatchLoader
from keypoints.crops.store import CropStore
from keypoints.training.distributed import SINGLE_PROCESS, ProcessGroup

MEMBER = Path(team_member.__file__)


def run_two(store: Path, out: Path, *fate: object) -> tuple[int, str]:
    """Exit code and errors of two processes."""
    done = subprocess.run(
        [sys.executable, str(MEMBER), str(store), str(out), *map(str, fate)],
        capture_output=True,
        text=True,
        timeout=300,  # on a busy machine
    )
    return done.returncode, done.stderr


@pytest.fixture(scope="module")
def of_two(dot_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    """What two processes come to that nothing interrupts."""
    out = tmp_path_factory.mktemp("two") / "out.npz"
    code, said = run_two(dot_folder, out)
    assert (code, said) == (0, "")
    return dict(np.load(out))


def parts_of(store: CropStore, n_parts: int, batch_size: int) -> list[list[Batch]]:
    rows = store.rows("train")
    return [
        list(
            BatchLoader(
                store,
                rows,
                (0, 1, 2),
                batch_size=batch_size,
                augment=team_member.AUGMENT,
                rank=number,
                world_size=n_parts,
            ).epoch(1)
        )
        for number in range(n_parts)
    ]


@pytest.mark.parametrize("n_parts", [2, 3])
def test_parts_are_a_batch_dealt_out(dot_store: CropStore, n_parts: int) -> None:
    (whole,) = parts_of(dot_store, 1, batch_size=4)
    for batch, *parts in zip(whole, *parts_of(dot_store, n_parts, batch_size=4), strict=True):
        for number, part in enumerate(parts):
            assert (part.images == batch.images[number::n_parts]).all()
            assert (part.landmarks_unit == batch.landmarks_unit[number::n_parts]).all()
            assert part.weight == pytest.approx(n_parts * len(part.images) / len(batch.images))


def test_a_process_without_a_face_has_one_that_does_not_count(dot_store: CropStore) -> None:
    lasts = [batches[-1] for batches in parts_of(dot_store, 2, batch_size=7)]  # of eight faces
    assert [len(part.images) for part in lasts] == [1, 1]
    assert [part.weight for part in lasts] == [2, 0]


def test_a_part_weighs_as_many_coordinates_as_it_knows(
    dot_store: CropStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    landmarks = dot_store.landmarks_photo[range(len(dot_store))].copy()
    landmarks[dot_store.rows("train")[:4], 0] = np.nan
    monkeypatch.setattr(dot_store, "landmarks_photo", landmarks)
    parts = [batches[0] for batches in parts_of(dot_store, 2, batch_size=8)]
    known = [np.isfinite(part.landmarks_unit).sum() for part in parts]
    assert [part.weight for part in parts] == pytest.approx([2 * n / sum(known) for n in known])


def test_few_validation_faces_are_seen_by_all() -> None:
    assert ProcessGroup(1, 2).shard_rows(np.arange(5)).tolist() == [1, 3]
    assert ProcessGroup(1, 2).shard_rows(np.arange(1)).tolist() == [0]


def test_a_first_step_has_the_gradients_of_one_process(
    dot_store: CropStore, of_two: dict[str, np.ndarray]
) -> None:
    alone = team_member.first_step(dot_store, SINGLE_PROCESS)
    size = np.abs(alone["gradients"]).max()
    assert np.abs(of_two["gradients"] - alone["gradients"]).max() < 1e-6 * size
    np.testing.assert_allclose(of_two["told"], alone["told"], rtol=1e-6)


def test_errors_are_those_of_one_process(
    dot_store: CropStore, of_two: dict[str, np.ndarray]
) -> None:
    alone = team_member.training(dot_store, SINGLE_PROCESS, None)
    np.testing.assert_allclose(of_two["errors"], alone["errors"], rtol=1e-3)


def test_after_a_process_dies_the_run_ends_soon_and_goes_on_to_the_same_bits(
    dot_folder: Path, of_two: dict[str, np.ndarray], tmp_path: Path
) -> None:
    out = tmp_path / "out.npz"
    code, said = run_two(dot_folder, out, 1, 2)
    assert said.startswith("error: process 1 was killed by signal 9; give the same command again")
    assert code == 1
    assert not out.exists()
    assert out.with_suffix(".state").exists()
    assert run_two(dot_folder, out) == (0, "")
    together = np.load(out)
    assert (together["weights"] == of_two["weights"]).all()
    assert (together["errors"] == of_two["errors"]).all()


@pytest.fixture
def hosts() -> Iterator[list[tuple[str, str]]]:
    """Two network namespaces with a cable between them: names, and those of the cable's ends."""
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


def this_host(number: int) -> list[str]:
    """What torchrun cannot find out: the machine's name leads to no address of a namespace."""
    return [f"--local-addr=10.77.0.{number}", f"--rdzv-conf=is_host={int(number == 1)}"]


@pytest.mark.skipif(not shutil.which("ip"), reason="no iproute2 to make hosts with")
def test_two_hosts_train_as_two_processes_of_one(
    hosts: list[tuple[str, str]], dot_folder: Path, of_two: dict[str, np.ndarray], tmp_path: Path
) -> None:
    out = tmp_path / "out.npz"
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nnodes=2", "--nproc-per-node=1"]
    torchrun += ["--rdzv-backend=c10d", "--rdzv-endpoint=10.77.0.1:29500"]
    member = [str(MEMBER), str(dot_folder), str(out)]
    running = [
        subprocess.Popen(
            ["ip", "netns", "exec", name, *torchrun, *this_host(number), *member],
            env=os.environ | {"GLOO_SOCKET_IFNAME": end},
            stderr=subprocess.PIPE,
            text=True,
        )
        for number, (name, end) in enumerate(hosts, 1)
    ]
    said = [process.communicate(timeout=300)[1] for process in running]
    assert [process.returncode for process in running] == [0, 0], said
    assert (np.load(out)["weights"] == of_two["weights"]).all()


def test_a_model_trains_in_two_processes_when_the_settings_say_so(workspace: Workspace) -> None:
    model = workspace.folder / "models/nose_net.safetensors"
    alone = model.read_bytes()
    history = workspace.folder / "metrics/history/nose_net.csv"
    (of_one,) = np.loadtxt(history, delimiter=",", skiprows=1, ndmin=2)
    said = workspace.dvc("exp", "run", "-S", "processes=2", "train@nose_net")
    assert len(re.findall(r"epoch +1/1 ", said)) == 1
    (of_two,) = np.loadtxt(history, delimiter=",", skiprows=1, ndmin=2)
    assert model.read_bytes() != alone
    np.testing.assert_allclose(of_two[1:3], of_one[1:3], rtol=1e-3)

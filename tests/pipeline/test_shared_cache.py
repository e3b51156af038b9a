"""A cache on an S3 server: what one clone has trained, another takes from there."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from workspace import Workspace

BUCKET = "s3://bucket/keypoints"
STARTS_WITHIN_S = 60


@pytest.fixture(scope="module")
def s3_server() -> Iterator[str]:
    """The address of moto's server, on the loopback device, with an empty bucket."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "moto.server", "--host", "127.0.0.1", "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            _make_bucket(f"{address}/bucket", server)
            yield address
        finally:
            server.terminate()


def _make_bucket(address: str, server: subprocess.Popen[bytes]) -> None:
    last = time.monotonic() + STARTS_WITHIN_S
    while time.monotonic() < last and server.poll() is None:
        try:
            requests.put(address, timeout=10).raise_for_status()
        except requests.ConnectionError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("moto's server did not start")


@pytest.fixture(scope="module")
def pushed(
    ran: Workspace, s3_server: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Workspace]:
    """The clone that trained, with all that it made pushed to the server."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "AWS_ACCESS_KEY_ID": "nobody",
            "AWS_SECRET_ACCESS_KEY": "nothing",
            "AWS_DEFAULT_REGION": "us-east-1",
        }.items():
            patch.setenv(name, value)
        for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
            patch.delenv(name)
        first = ran.beside(tmp_path_factory.mktemp("first") / "repository")
        shutil.copytree(ran.folder, first.folder, symlinks=True)
        first.dvc("remote", "add", "--default", "storage", BUCKET)
        first.dvc("remote", "modify", "storage", "endpointurl", s3_server)
        first.commit()
        first.dvc("push", "--run-cache")
        yield first


def clone(of: Workspace, folder: Path) -> Workspace:
    of.run("git", "clone", "--quiet", ".", str(folder))
    made = of.beside(folder)
    made.run("git", "config", "user.name", "Test")
    made.run("git", "config", "user.email", "test@example.com")
    return made


@pytest.fixture(scope="module")
def second(pushed: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A clone that pulled what the first one pushed."""
    made = clone(pushed, tmp_path_factory.mktemp("second") / "repository")
    assert not (made.folder / "models").exists()
    made.dvc("pull", "--run-cache")
    return made


def test_a_second_clone_pulls_and_repeats_nothing(pushed: Workspace, second: Workspace) -> None:
    model = "models/nose_net.safetensors"
    assert (second.folder / model).read_bytes() == (pushed.folder / model).read_bytes()
    assert second.stages_run("repro") == []
    assert second.changed() == set()


def test_one_trains_only_what_depends_on_its_setting_and_another_takes_its_model(
    pushed: Workspace, second: Workspace, tmp_path: Path
) -> None:
    second.set_params({"models.nose_net.epochs": 5})
    expected = ["weights", "train@nose_net", "predict@nose_net", "evaluate@nose_net"]
    assert second.stages_run("repro", "evaluate@nose_net") == expected
    second.dvc("push", "--run-cache")

    third = clone(pushed, tmp_path / "third")
    third.dvc("pull", "--run-cache")
    third.set_params({"models.nose_net.epochs": 5})
    # DVC pushes no outputs that git keeps, so the scores are computed anew; nothing is trained.
    assert third.stages_run("repro", "--pull", "evaluate@nose_net") == ["evaluate@nose_net"]
    model = "models/nose_net.safetensors"
    assert (third.folder / model).read_bytes() == (second.folder / model).read_bytes()
    assert (third.folder / model).read_bytes() != (pushed.folder / model).read_bytes()

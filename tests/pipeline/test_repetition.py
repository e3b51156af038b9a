"""Two runs from scratch give the same bytes, whatever processes and cores they ran in."""

import os
from pathlib import Path

import pandas as pd
import pytest
from ruamel.yaml import YAML
from workspace import MODELS, Workspace

ALL_STAGES = Path(__file__).parents[1] / "support/all_stages.py"
TIMED = ("metrics/history/", "metrics/timings/", "report/times.html")  # contain times

pytestmark = pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity"), reason="a process cannot be kept on one core here"
)


@pytest.fixture(scope="module")
def again(ran: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone in which one process on one core ran all stages, without DVC and without a network.

    In the other repository each stage had a process of its own, and work went to all cores.
    """
    folder = tmp_path_factory.mktemp("again")
    ran.run("git", "clone", "--quiet", ".", str(folder))
    ran.run("python", str(ALL_STAGES), str(folder))
    return folder


def outputs(ran: Workspace) -> list[str]:
    """Every file that the stages leave."""
    lock = YAML(typ="safe").load((ran.folder / "dvc.lock").read_text())
    outs = [ran.folder / out["path"] for stage in lock["stages"].values() for out in stage["outs"]]
    files = [path for out in outs for path in (out.rglob("*") if out.is_dir() else [out])]
    return sorted(str(path.relative_to(ran.folder)) for path in files if path.is_file())


def test_every_output_but_the_times_is_the_same_byte_for_byte(ran: Workspace, again: Path) -> None:
    compared = [name for name in outputs(ran) if not name.startswith(TIMED)]
    different = [
        name for name in compared if (ran.folder / name).read_bytes() != (again / name).read_bytes()
    ]
    assert different == []
    for name in (
        "data/crops/wild/crops.npy",
        "data/crops/wild/faces.csv",
        "models/resnet18.safetensors",
        "metrics/scores/resnet18.json",
        "submissions/resnet18.csv",
        "report/index.html",
    ):
        assert name in compared


@pytest.mark.parametrize("model", MODELS)
def test_histories_differ_in_their_seconds_alone(ran: Workspace, again: Path, model: str) -> None:
    first, second = (
        pd.read_csv(folder / f"metrics/history/{model}.csv", dtype=str)
        for folder in (ran.folder, again)
    )
    pd.testing.assert_frame_equal(first.drop(columns="seconds"), second.drop(columns="seconds"))

"""The GPU benchmark on a CPU, with packed crops."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from keypoints.core.geometry import apply_map
from keypoints.crops.cropping import write_crops
from keypoints.crops.format import CropFormat
from keypoints.crops.store import CropStore
from keypoints.faces.face import Face
from keypoints.models.predict import load_model

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
FORMAT = CropFormat(64, 64, 12, colour=True, box_scale=1.5, scheme="ibug68")
SMALLER = CropFormat(48, 56, 2, colour=False, box_scale=1.2, scheme="ibug68")


@pytest.fixture(scope="module")
def packed_file(tmp_path_factory: pytest.TempPathFactory, paint_dots: Callable[..., None]) -> Path:
    """Eight faces of four dots, two of which are for validation and one for the test, packed."""
    root = tmp_path_factory.mktemp("packed")
    faces = []
    for number in range(8):
        dots = np.array([(60, 65), (100, 60), (70, 100), (95, 95)]) + 2.5 * number
        paint_dots(root / f"{number}.png", (180, 200), dots)
        box = (50.0 + number, 45.0, 110.0 + number, 105.0)
        landmarks_photo = dots[np.arange(68) % 4]
        faces.append(Face(str(number), f"{number}.png", str(number), box, landmarks_photo))
    split = {"5": "validation", "6": "validation", "7": "test"}
    write_crops(root / "store", root, faces, lambda face: split.get(face.name, "train"), FORMAT)
    file = root / "crops.npz"
    command = [sys.executable, BENCHMARKS / "pack_crops.py", root / "store", file, "--quality=95"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert "7 faces" in done.stdout
    return file


def test_packed_crops_become_crops_of_another_task_with_dots_under_their_landmarks(
    packed_file: Path, tmp_path: Path, dot_near: Callable, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.syspath_prepend(BENCHMARKS)
    from gpu_workspace import write_crops_of_task
    from pack_crops import read_packed

    write_crops_of_task(tmp_path, SMALLER, read_packed(packed_file), (7, 2))
    with CropStore(tmp_path) as store:
        assert [len(store.rows(split)) for split in ("train", "validation")] == [7, 2]
        crops, maps = store.crops[range(9)], store.photo_to_crop[range(9)]
        landmarks_crop = apply_map(maps, store.landmarks_photo[range(9)])
    assert (crops[5] == crops[0]).all()  # five faces as seven
    found = 0
    for crop, points in zip(crops, landmarks_crop, strict=True):
        for point in points[:4]:
            if (middle := dot_near(crop[..., 0], point, reach=4)) is not None:
                assert np.abs(middle - point).max() < 0.35
                found += 1
    assert found >= 9


def test_a_quick_run_on_a_cpu_checks_steps_and_trains_a_contender(
    packed_file: Path, tmp_path: Path
):
    arguments = ["--device=cpu", "--quick", f"--data={packed_file}", f"--out={tmp_path}"]
    command = [sys.executable, BENCHMARKS / "gpu.py", *arguments, "crops", "step", "contender"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    subprocess.run(command, check=True, capture_output=True, env=environment)
    results = json.loads((tmp_path / "results.json").read_text())
    assert "7 packed faces as 20" in results["workspace"]["wild256"], results
    checks = [*results["crops"].values(), *results.values()]
    assert sum(check["ok"] for check in checks if isinstance(check, dict) and "ok" in check) == 7
    assert results["contender"]["epochs"] == [2, 1, 1]
    trained = load_model(tmp_path / "large_256.half.safetensors")
    assert trained.info.model.backbone == results["contender"]["backbone"]


PARTS = """
import time

def run_failing(options, seconds):
    raise ValueError("a problem")

def run_slow(options, seconds):
    time.sleep(60)

def run_working(options, seconds):
    return {"value": 1}
"""


def test_a_part_that_fails_or_takes_too_long_does_not_end_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.syspath_prepend(BENCHMARKS)
    monkeypatch.syspath_prepend(tmp_path)
    import gpu
    from gpu_workspace import Options

    (tmp_path / "small_parts.py").write_text(PARTS)
    limits = {"failing": 300, "slow": 1, "working": 300, "late": 0.1}
    parts = {name: gpu.Part(f"small_parts.run_{name}", limit) for name, limit in limits.items()}
    monkeypatch.setattr(gpu, "PARTS", parts)
    monkeypatch.setattr(gpu, "MIN_SECONDS", 0.5)
    folder = tmp_path / "work"
    folder.mkdir()
    options = Options(folder, tmp_path, "cuda", True, None, "resnet18", None)
    results = gpu.run_parts(list(parts), options, minutes=60)
    assert results == json.loads((tmp_path / "results.json").read_text())
    assert results["failing"]["error"] == "ValueError: a problem"
    assert results["slow"]["error"].startswith("TimeoutError")
    assert results["working"]["value"] == 1
    assert results["late"]["skipped"] == "no time left"
    assert "Traceback" in (tmp_path / "log.txt").read_text()

"""The light install: the files and packages of `pip install .`, without the rest of the pipeline.

A copy of the package as the wheel contains it runs here; imports of other packages than its
dependencies fail, as they do where those are not installed.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from workspace import ROOT

from keypoints import Annotator, PhotoError
from keypoints.annotation.images import read_image

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PORTRAIT = ROOT / "data/photos/eileen_collins.jpg"
MODULES = {"opencv-python-headless": "cv2", "pillow": "PIL"}
REQUIRED = ("flatbuffers", "google", "packaging", "pydantic_core", "annotated_types")
REQUIRED += ("typing_extensions", "typing_inspection")  # by the dependencies
LIMIT = """
import sys
class Limit:
    def find_spec(self, name, path=None, target=None):
        top = name.split(".")[0]
        if not top.startswith("_") and top not in sys.stdlib_module_names | ALLOWED:
            raise ModuleNotFoundError(f"not a dependency: {name}", name=name)
sys.meta_path.insert(0, Limit())
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of packages that contains the wheel's files."""
    site = tmp_path_factory.mktemp("site")
    shutil.copytree(
        ROOT / "src/keypoints", site / "keypoints", ignore=shutil.ignore_patterns("__pycache__")
    )
    wheel = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["packages"] == ["src/keypoints"]
    for source, target in wheel["force-include"].items():
        shutil.copy(ROOT / source, site / target)
    return site


@pytest.fixture
def run_installed(installed: Path, tmp_path: Path) -> Callable[..., str]:
    """Runs code in a process that finds the copy and its dependencies; returns what it printed."""
    names = [re.split("[<>=]", each)[0] for each in PROJECT["project"]["dependencies"]]
    allowed = {"keypoints", *(MODULES.get(name, name) for name in names), *REQUIRED}

    def run(code: str, *arguments: str) -> str:
        code = LIMIT.replace("ALLOWED", repr(allowed)) + code
        environment = os.environ | {"PYTHONPATH": str(installed)}
        command = [sys.executable, "-c", code, *arguments]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
        )
        return done.stdout

    return run


def test_the_installed_command_annotates_a_photo(
    run_installed: Callable[..., str], tmp_path: Path
) -> None:
    script = PROJECT["project"]["scripts"]["facial-keypoints"]
    module, function = script.split(":")
    code = f"from {module} import {function} as run; run()"
    printed = run_installed(code, "annotate", str(PORTRAIT))
    assert "1 face in 1 image" in printed
    record = json.loads((tmp_path / "annotated/eileen_collins.json").read_text())
    assert np.array(record["faces"][0]["points"]).shape == (68, 2)


def test_the_installed_annotator_returns_the_arrays_of_the_repository(
    run_installed: Callable[..., str],
) -> None:
    code = "import sys, json; from keypoints import Annotator; faces = Annotator()(sys.argv[1]); "
    code += "print(json.dumps([faces.boxes.tolist(), faces.points.tolist()]))"
    boxes, points = json.loads(run_installed(code, str(PORTRAIT)))
    network = ROOT / "pretrained/wild.onnx"
    for photo in (PORTRAIT, read_image(PORTRAIT)):
        faces = Annotator(network)(photo)
        assert (faces.boxes.shape, faces.points.shape) == ((1, 4), (1, 68, 2))
        assert faces.uncertainty.shape == (1, 68)
        assert faces.certain.tolist() == [True]
        assert np.array(boxes) == pytest.approx(faces.boxes, abs=1e-6)
        assert np.array(points) == pytest.approx(faces.points, abs=1e-3)


def test_an_array_may_be_gray_and_may_show_no_face() -> None:
    annotator = Annotator(ROOT / "pretrained/wild.onnx")
    assert len(annotator(read_image(PORTRAIT)[..., 1])) == 1
    faces = annotator(np.zeros((40, 60, 3), np.uint8))
    assert (len(faces), faces.points.shape, faces.certain.shape) == (0, (0, 68, 2), (0,))


@pytest.mark.parametrize(
    "pixels", [np.zeros((4, 4, 3)), np.zeros((4, 4, 4), np.uint8), np.zeros((0, 4), np.uint8)]
)
def test_an_array_of_another_type_or_shape_is_rejected(pixels: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"must be a uint8 array of shape \(height, width, 3\)"):
        Annotator(ROOT / "pretrained/wild.onnx")(pixels)


def test_given_boxes_replace_the_detector() -> None:
    annotator = Annotator(ROOT / "pretrained/wild.onnx")
    detected = annotator(PORTRAIT)
    given = annotator(PORTRAIT, boxes=detected.boxes)
    assert given.boxes.tolist() == detected.boxes.tolist() and given.scores.tolist() == [1]
    side = np.ptp(detected.boxes[0, [0, 2]])  # the detector may have turned the head slightly
    assert np.abs(given.points - detected.points).mean() < 0.02 * side
    assert len(annotator(PORTRAIT, boxes=np.zeros((0, 4)))) == 0
    assert repr(given) == "<AnnotatedFaces: 1, 0 of them uncertain>"
    with pytest.raises(PhotoError, match="outside the photo"):
        annotator(PORTRAIT, boxes=[(-9, -9, -3, -3)])
    with pytest.raises(ValueError, match="boxes must be rows x0, y0, x1, y1"):
        annotator(PORTRAIT, boxes=[(20, 20, 10, 40)])


def test_a_script_imports_the_package_of_the_repository(installed: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(installed)}
    command = [sys.executable, "-v", str(ROOT / "src/prepare.py"), "--help"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert str(ROOT / "src/keypoints/core") in done.stderr
    assert str(installed / "keypoints") not in done.stderr
    others = [*ROOT.glob("tools/*.py"), *ROOT.glob("benchmarks/*.py")]
    assert not [path for path in others if "sys.path.append" in path.read_text()]


def test_a_script_that_finds_only_an_installed_copy_stops(installed: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(installed), "PYTHONSAFEPATH": "1"}
    command = [sys.executable, str(ROOT / "src/prepare.py"), "--help"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert "instead of the package beside it; unset PYTHONSAFEPATH" in done.stderr

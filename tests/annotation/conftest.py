"""A photo with one detectable face, and runs of annotate.py."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import annotate
from keypoints.annotation.detection import detect_faces
from keypoints.annotation.images import read_image
from keypoints.datasets.ibug import read_ibug


@pytest.fixture(scope="session")
def photo(rendered_ibug: Path) -> NDArray[np.uint8]:
    """A rendered photo in which the cascades detect the face and nothing else."""
    for face in read_ibug(rendered_ibug):
        photo = read_image(rendered_ibug / face.photo)
        boxes = detect_faces(photo)
        if len(boxes) == 1 and np.abs(np.subtract(boxes[0], face.box)).max() < len(photo) / 6:
            return photo
    raise AssertionError("the cascades detect none of the rendered faces")


@pytest.fixture
def run(
    tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str]]:
    """Runs annotate.py with tmp_path/out as output folder; returns exit code and output."""

    def run_annotate(*arguments: object) -> tuple[int, str]:
        options = ["--model", str(tiny_model), "--out", str(tmp_path / "out")]
        with pytest.raises(SystemExit) as exit_:
            annotate.main([*map(str, arguments), *options])
        output = capsys.readouterr().out
        if isinstance(exit_.value.code, str):
            return 1, output + exit_.value.code
        return int(exit_.value.code or 0), output

    return run_annotate

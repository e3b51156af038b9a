"""A photo with one detectable face, and runs of annotate.py."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import annotate
from keypoints.annotation.images import read_image
from keypoints.datasets.ibug import read_ibug


@pytest.fixture(scope="session")
def photo(rendered_ibug: Path) -> NDArray[np.uint8]:
    """A rendered photo with one face, which is nearly upright."""
    return read_image(rendered_ibug / read_ibug(rendered_ibug)[0].photo)


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

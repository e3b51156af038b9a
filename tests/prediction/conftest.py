"""The current folder of a pipeline that has prepared the task `wild`."""

from pathlib import Path

import pytest
from predicted import prepare_wild


@pytest.fixture(scope="session")
def prepared(rendered_ibug: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepare_wild(tmp_path_factory.mktemp("prepared"), rendered_ibug)


@pytest.fixture
def pipeline(tmp_path: Path, prepared: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/crops").symlink_to(prepared / "data/crops")
    monkeypatch.chdir(tmp_path)
    return tmp_path

"""Start and duration of a stage."""

import json
import re
from pathlib import Path

import pytest

from keypoints.core.timing import timed, timing_file


def test_a_stage_writes_its_start_and_its_duration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = []
    timed("fetch", lambda item: done.append(item))(item="imm")
    assert done == ["imm"]
    record = json.loads(timing_file("fetch", "imm").read_text())
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", record["started"])
    assert record["seconds"] >= 0


def test_a_stage_that_fails_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(item: str) -> None:
        raise OSError(item)

    monkeypatch.chdir(tmp_path)
    with pytest.raises(OSError, match="imm"):
        timed("fetch", fail)(item="imm")
    assert not timing_file("fetch", "imm").exists()

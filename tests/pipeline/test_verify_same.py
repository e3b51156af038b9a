"""`make same` records outputs only if they are those of dvc.lock."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from pytest import MonkeyPatch

from keypoints.core.errors import PipelineError

sys.path.append(str(Path(__file__).parents[2] / "tools"))
import verify_same


def dvc_status(monkeypatch: MonkeyPatch, code: int, status: object) -> None:
    done = subprocess.CompletedProcess(["dvc"], code, stdout=json.dumps(status))
    monkeypatch.setattr(subprocess, "run", lambda *args, **options: done)


def test_changed_code_may_be_verified(monkeypatch: MonkeyPatch) -> None:
    dvc_status(monkeypatch, 0, {"train@nose_net": [{"changed deps": {"src/train.py": "modified"}}]})
    verify_same.check_outputs()


def test_outputs_of_other_settings_are_refused(monkeypatch: MonkeyPatch) -> None:
    changed = {"changed outs": {"models/nose_net.safetensors": "modified"}}
    dvc_status(monkeypatch, 0, {"train@nose_net": [changed, "changed command"]})
    with pytest.raises(PipelineError, match="train@nose_net; run `dvc checkout` first"):
        verify_same.check_outputs()


def test_a_failed_status_is_an_error(monkeypatch: MonkeyPatch) -> None:
    dvc_status(monkeypatch, 255, {})
    with pytest.raises(PipelineError, match="dvc status failed"):
        verify_same.check_outputs()

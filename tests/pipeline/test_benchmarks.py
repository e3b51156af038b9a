"""The benchmarks run, and their settings are valid."""

import os
import re
import subprocess
import sys
from pathlib import Path

RUN = Path(__file__).parents[2] / "benchmarks" / "run.py"


def test_a_quick_run_prints_ratios_beside_their_targets():
    command = [sys.executable, str(RUN), "render", "prepare", "--quick"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert re.search(r"photos rendered .* / 20 +\d\.\d\d +>= 1\.0 +\d+\.\d photos/s", done.stdout)
    for task in ("nose", "face", "wild"):
        assert re.search(
            rf"prepare {task} / .* \d+\.\d\d +>= 0\.8 +\d+ / \d+ photos/s", done.stdout
        )


def test_the_settings_of_the_memory_measurement_are_valid(tmp_path: Path):
    code = """
import workspace
from pathlib import Path
from peak_memory import MODEL, MODELS, TASKS
from ruamel.yaml import YAML
from keypoints.config.params import read_params
from keypoints.training.settings import read_train_settings
changed = workspace.change_settings({"tasks": TASKS, "models": MODELS})
YAML(typ="safe").dump(changed, Path("params.yaml"))
read_train_settings(read_params(), MODEL)
"""
    folders = os.pathsep.join([str(RUN.parent), str(RUN.parents[1] / "src")])
    environment = os.environ | {"PYTHONPATH": folders}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, check=True)


def test_an_unknown_part_is_refused_with_the_known_ones():
    command = [sys.executable, str(RUN), "sped"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert (
        "must be one of render, train, malloc, frameworks, prepare, memory, scale, repro, "
        "annotate, detect, video, predict, start, soak; got sped" in done.stderr
    )

import os
import re
import subprocess
import sys
from pathlib import Path

RUN = Path(__file__).parents[2] / "benchmarks" / "run.py"


def test_a_quick_measurement_prints_its_ratios_beside_their_bars():
    command = [sys.executable, str(RUN), "draw", "prepare", "--quick"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert re.search(r"faces drawn .* / 20 +\d\.\d\d +>= 1\.0 +\d+\.\d faces/s", done.stdout)
    for task in ("nose", "face", "wild"):
        assert re.search(
            rf"prepare {task} / .* \d+\.\d\d +>= 0\.8 +\d+ / \d+ photos/s", done.stdout
        )


def test_the_settings_of_the_memory_measurement_are_accepted():
    code = """
import workspace
from peak_memory import MODELS, TASKS
from keypoints.config.params import Params
Params(**workspace.settings_with({"tasks": TASKS, "models": MODELS}))
"""
    folders = os.pathsep.join([str(RUN.parent), str(RUN.parents[1] / "src")])
    environment = os.environ | {"PYTHONPATH": folders}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)


def test_an_unknown_part_is_refused_with_the_known_ones():
    command = [sys.executable, str(RUN), "sped"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert (
        "must be one of draw, speed, customary, prepare, memory, scale, repro, annotate, predict, "
        "start, soak; got sped" in done.stderr
    )

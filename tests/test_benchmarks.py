import re
import subprocess
import sys
from pathlib import Path

RUN = Path(__file__).parents[1] / "benchmarks" / "run.py"


def test_a_quick_measurement_prints_its_ratios_beside_their_bars():
    command = [sys.executable, str(RUN), "draw", "prepare", "memory", "--quick"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert re.search(r"faces drawn .* / 20 +\d\.\d\d +>= 1\.0 +\d+\.\d faces/s", done.stdout)
    for task in ("nose", "face", "wild"):
        assert re.search(
            rf"prepare {task} / .* \d+\.\d\d +>= 0\.8 +\d+ / \d+ photos/s", done.stdout
        )
    for stage in ("prepare", "train"):
        assert re.search(
            rf"{stage}, peak memory at .* \d\.\d\d +<= 1\.10 +\d+ / \d+ MiB", done.stdout
        )


def test_an_unknown_part_is_refused_with_the_known_ones():
    command = [sys.executable, str(RUN), "sped"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert (
        "must be one of draw, speed, customary, prepare, memory, scale, repro, annotate, soak; "
        "got sped" in done.stderr
    )

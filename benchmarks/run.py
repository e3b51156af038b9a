"""Measure speed and memory as ratios within one run: `python benchmarks/run.py [PART ...]`.

A ratio compares two works that are done in turn on the same machine, so a slow or a busy machine
moves both. Nothing is asserted about times; bars are printed beside the ratios.
"""

import argparse
import importlib
import os
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from measurement import FULL, QUICK, Size, table

sys.path.append(str(Path(__file__).resolve().parents[1] / "src"))

# Modules are imported when their part runs: some import torch.
PARTS = {
    "draw": "drawing_speed",
    "speed": "training_speed",
    "customary": "customary_speed",
    "prepare": "cutting_speed",
    "memory": "peak_memory",
    "scale": "scaling",
    "repro": "repeat_time",
    "annotate": "annotating_speed",
    "predict": "prediction_speed",
    "start": "start_time",
    "soak": "soak",
}
ON_DEMAND = ("customary", "scale", "soak")  # take much longer than the others


def run(parts: Iterable[str], size: Size) -> None:
    """Measure the parts on faces that are drawn for them, and print the table."""
    start, measurements = time.perf_counter(), []
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
        drawn = Path(folder) / "drawn"
        print("drawing faces", flush=True)
        importlib.import_module("workspace").draw_photos(drawn, size)
        for part in parts:
            print(f"{part}:", flush=True)
            measure = importlib.import_module(PARTS[part]).measure
            for measurement in measure(Path(folder) / part, drawn, size):
                print(f"  {measurement.name}: {measurement.ratio:.2f}", flush=True)
                measurements.append(measurement)
    print(f"\n{table(measurements)}\n\n{_machine()}, {time.perf_counter() - start:.0f} s in all")


def _machine() -> str:
    cores = f"{os.cpu_count()} cores"
    if "torch" not in sys.modules:  # seconds to import, for a part that does not use it
        return cores
    import torch

    return f"{cores}, {torch.get_num_threads()} torch threads"


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    names = f"of {', '.join(PARTS)}; none: all but {', '.join(ON_DEMAND)}"
    parser.add_argument("parts", nargs="*", metavar="PART", help=names)
    parser.add_argument("--quick", action="store_true", help="tiny numbers, to see that it runs")
    parser.add_argument("--experiments", type=int, help="of the soak (50; quick: 6)")
    arguments = parser.parse_args()
    unknown = set(arguments.parts) - set(PARTS)
    if unknown:
        parser.error(f"PART must be one of {', '.join(PARTS)}; got {', '.join(sorted(unknown))}")
    size = QUICK if arguments.quick else FULL
    if arguments.experiments:
        size = replace(size, experiments=arguments.experiments)
    run(arguments.parts or [part for part in PARTS if part not in ON_DEMAND], size)


if __name__ == "__main__":
    main()

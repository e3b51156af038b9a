"""Measure speed and memory as ratios within one run: `python benchmarks/run.py [PART ...]`.

A ratio compares two measurements that alternate on one machine, so that the machine's speed and
load affect both. Nothing fails if a ratio misses its target; the table shows both.
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

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

import keypoints  # noqa: F401  names a wrong Python

# isort: split
from measurement import FULL, QUICK, Size, format_table

from keypoints.core.cli import exit_on_error

# The module of a part is imported when the part runs, because some modules import torch.
PARTS = {
    "render": "render_speed",
    "train": "train_speed",
    "malloc": "kept_memory",
    "frameworks": "framework_speed",
    "prepare": "prepare_speed",
    "memory": "peak_memory",
    "scale": "scaling",
    "repro": "noop_repro",
    "annotate": "annotate_speed",
    "detect": "detect",
    "video": "video_tracking",
    "predict": "predict_speed",
    "start": "start_time",
    "soak": "soak",
}
ON_DEMAND = ("frameworks", "scale", "detect", "soak")  # take long, or need --mirror


def run(parts: Iterable[str], size: Size) -> None:
    """Run the parts on photos rendered for them, and print the table."""
    start, measurements = time.perf_counter(), []
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
        rendered = Path(folder) / "rendered"
        print("rendering photos", flush=True)
        importlib.import_module("workspace").render_photos(rendered, size)
        for part in parts:
            print(f"{part}:", flush=True)
            measure = importlib.import_module(PARTS[part]).measure
            for measurement in measure(Path(folder) / part, rendered, size):
                print(f"  {measurement.name}: {measurement.ratio:.2f}", flush=True)
                measurements.append(measurement)
    seconds = time.perf_counter() - start
    print(f"\n{format_table(measurements)}\n\n{_describe_machine()}, {seconds:.0f} s in total")


def _describe_machine() -> str:
    cores = f"{os.cpu_count()} cores"
    if "torch" not in sys.modules:  # takes seconds to import if no part has used it
        return cores
    import torch

    return f"{cores}, {torch.get_num_threads()} torch threads"


def main() -> None:
    """Parse the command line and run the parts."""
    parser = argparse.ArgumentParser(description=__doc__)
    names = f"one of {', '.join(PARTS)} (default: all except {', '.join(ON_DEMAND)})"
    parser.add_argument("parts", nargs="*", metavar="PART", help=names)
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to test the benchmarks")
    parser.add_argument(
        "--experiments", type=int, help="number of experiments of the soak (default: 50; quick: 6)"
    )
    mirror_help = "folder with the public archives, for the part detect"
    parser.add_argument("--mirror", metavar="DIR", type=Path, help=mirror_help)
    crops_help = "where detect writes missed faces and other detections, to be looked at"
    parser.add_argument("--crops", metavar="DIR", type=Path, help=crops_help)
    arguments = parser.parse_args()
    unknown = set(arguments.parts) - set(PARTS)
    if unknown:
        parser.error(f"PART must be one of {', '.join(PARTS)}; got {', '.join(sorted(unknown))}")
    size = QUICK if arguments.quick else FULL
    size = replace(size, mirror=arguments.mirror, crops=arguments.crops)
    if arguments.experiments:
        size = replace(size, experiments=arguments.experiments)
    with exit_on_error():
        run(arguments.parts or [part for part in PARTS if part not in ON_DEMAND], size)


if __name__ == "__main__":
    main()

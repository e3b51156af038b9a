"""Check and measure training on an NVIDIA GPU: `python benchmarks/gpu.py --out FOLDER`.

The parts run in the order of their value. Each one adds its result, or its error, to
FOLDER/results.json and FOLDER/log.txt when it ends, so that nothing is lost if time runs out. DVC
and OpenCV are not needed, nor the network.

Examples:
  python benchmarks/gpu.py --out gpu                      # all parts on generated crops
  python benchmarks/pack_crops.py contenders/data/crops/wild224 crops.npz
  python benchmarks/gpu.py --out gpu --data crops.npz     # on real ones
  python benchmarks/gpu.py --out gpu speed stage          # two groups of parts
  python benchmarks/gpu.py --out gpu --device cpu --quick # tiny sizes, to test the benchmark
"""

import argparse
import gc
import importlib
import json
import multiprocessing
import os
import signal
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from traceback import format_exc
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

import keypoints  # noqa: F401  names a wrong Python

# isort: split

from gpu_workspace import Options

from keypoints.core.cli import exit_on_error
from keypoints.core.errors import first_line
from keypoints.core.paths import atomic_file


@dataclass(frozen=True)
class Part:
    """A part of the benchmark.

    Attributes:
        function: Its function, as `module.name`.
        limit: Longest time that it may take, s.
        arguments: Further arguments of the function.
    """

    function: str
    limit: float
    arguments: tuple[str | int, ...] = ()


OTHERS = ("nose_net", "face_net", "resnet18")  # a model of each architecture but heatmap
SPEEDS = {  # models and batch sizes; mobile_wild and sharp_224 are heat maps at 128 and 224 px
    "resnet18": ("resnet18",),
    "resnet18_512": ("resnet18", 512),
    "face_net": ("face_net",),
    "mobile_wild": ("mobile_wild",),
    "sharp_224": ("sharp_224",),
}
PARTS = {  # GROUP or GROUP:NAME
    "versions": Part("gpu_speed.run_versions", 45),
    "crops": Part("gpu_checks.run_crops", 40),
    **{f"step:{n}": Part("gpu_checks.run_step", 30, (n,)) for n in (*OTHERS, "sharp_224")},
    **{f"speed:{n}": Part("gpu_speed.run_speed", 40, each) for n, each in SPEEDS.items()},
    "stage": Part("gpu_checks.run_stage", 90),
    "synchronisation": Part("gpu_checks.run_synchronisation", 45),
    **{
        f"training:{n}": Part("gpu_checks.run_training", 40, (n,)) for n in (*OTHERS, "mobile_wild")
    },
    "resume": Part("gpu_checks.run_resume", 75),
    "onnx": Part("gpu_checks.run_onnx", 40),
    "compile": Part("gpu_speed.run_compile", 90),
    "contender": Part("gpu_contender.run_contender", 3600),
}
MIN_SECONDS = 10  # a part is skipped if less is left


class Worker:
    """A process that runs parts. A part that fails ends it, because the GPU may be unusable."""

    def __init__(self, log: Path) -> None:
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(1, context, initializer=_start_worker, initargs=(log,))
        self._pid = self._pool.submit(os.getpid).result()

    def run(self, part: Part, options: Options, seconds: float) -> dict[str, Any]:
        """Run a part; any error, or TimeoutError, is raised. An interruption ends the process."""
        try:
            return self._pool.submit(_call, part, options, seconds).result(seconds)
        except KeyboardInterrupt:
            self.kill()
            raise

    def close(self) -> None:
        """End the idle process."""
        self._pool.shutdown()

    def kill(self) -> None:
        """End the process and those that it started at once."""
        with suppress(ProcessLookupError):
            os.killpg(self._pid, signal.SIGKILL)
        self._pool.shutdown()


def _start_worker(log: Path) -> None:
    os.setsid()
    file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    for stream in (1, 2):
        os.dup2(file, stream)


def _call(part: Part, options: Options, seconds: float) -> dict[str, Any]:
    os.chdir(options.folder)
    if options.device == "cpu":
        importlib.import_module("gpu_stage").use_gpu_reader()
    module, name = part.function.split(".")
    result = getattr(importlib.import_module(module), name)(options, seconds, *part.arguments)
    if options.device == "cuda":
        gc.collect()
        importlib.import_module("torch").cuda.empty_cache()  # for the processes of other parts
    return result


def run_parts(names: list[str], options: Options, minutes: float) -> dict[str, Any]:
    """Run parts until the time is used up; return the results, which are also in results.json."""
    end = time.monotonic() + 60 * minutes
    log, worker = options.out / "log.txt", None
    results: dict[str, Any] = {}
    for name in ["workspace", *names]:
        part = PARTS.get(name, Part("gpu_workspace.create_workspace", 60))
        start = time.monotonic()
        seconds = end - start if options.device == "cpu" else min(part.limit, end - start)
        print(f"{name}: ", end="", flush=True)
        if seconds < MIN_SECONDS:
            results[name] = {"skipped": "no time left"}
        else:
            _append(log, f"\n{name}\n")
            try:
                worker = worker or Worker(log)
                results[name] = worker.run(part, options, seconds)
            except Exception as error:  # a part must not end the others
                _append(log, format_exc())
                results[name] = {"error": f"{type(error).__name__}: {first_line(error)}"}
                worker = worker.kill() if worker else None
        results[name]["seconds"] = round(time.monotonic() - start, 1)
        _append(log, f"{json.dumps(results[name])}\n")
        with atomic_file(options.out / "results.json") as file:
            file.write_text(json.dumps(results, indent=1) + "\n")
        print(_summary(results[name]), flush=True)
    if worker:
        worker.close()
    return results


def _summary(result: dict[str, Any]) -> str:
    if "error" in result:
        return result["error"]
    if "skipped" in result:
        return f"skipped, {result['skipped']}"
    failed = [
        key for key, row in result.items() if isinstance(row, dict) and row.get("ok") is False
    ]
    return f"{', '.join(failed)} FAILED" if failed else f"{result['seconds']} s"


def _append(log: Path, text: str) -> None:
    with log.open("a") as file:
        file.write(text)


def main() -> None:
    """Parse the command line, run the parts and print their results."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    groups = list(dict.fromkeys(name.split(":")[0] for name in PARTS))
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(groups)}")
    parser.add_argument("--out", type=Path, required=True, help="folder of the results")
    parser.add_argument("--data", type=Path, help="file of pack_crops.py (default: generated)")
    parser.add_argument("--device", default="cuda", help="cuda | cpu (default: cuda)")
    parser.add_argument("--quick", action="store_true", help="tiny sizes")
    parser.add_argument(
        "--budget-minutes", type=float, default=8, help="for all parts (default: 8)"
    )
    parser.add_argument("--backbone", default="tf_efficientnet_lite0", help="of part contender")
    parser.add_argument("--weights", type=Path, help="its initial weights (default: random)")
    given = parser.parse_args()
    if unknown := set(given.parts) - set(groups):
        parser.error(f"PART must be one of {', '.join(groups)}; got {', '.join(sorted(unknown))}")
    names = [name for name in PARTS if name.split(":")[0] in (given.parts or groups)]
    given.out.mkdir(parents=True, exist_ok=True)
    data, weights = (path and path.resolve() for path in (given.data, given.weights))
    with exit_on_error(), tempfile.TemporaryDirectory(prefix="gpu-") as folder:
        options = Options(
            folder=Path(folder),
            out=given.out.resolve(),
            device=given.device,
            quick=given.quick,
            data=data,
            backbone=given.backbone,
            weights=weights,
        )
        results = run_parts(names, options, given.budget_minutes)
    print(*(f"{name}: {json.dumps(result)}" for name, result in results.items()), sep="\n")


if __name__ == "__main__":
    main()

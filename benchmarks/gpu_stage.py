"""The train stage with the crop reader of GPUs on a CPU: `python benchmarks/gpu_stage.py MODEL`.

Part of the test of benchmarks/gpu.py: all code of a GPU runs on a CPU, and OpenCV is not needed.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

import keypoints  # noqa: F401  names a wrong Python

# isort: split

from keypoints.core.cli import run_stage
from keypoints.crops.gpu_crops import GpuCropReader
from keypoints.training import run
from train import train


def use_gpu_reader() -> None:
    """Read the crops of all trainings of this process with the reader of GPUs."""
    run.make_crop_reader = lambda device, store: GpuCropReader(store, device)


if __name__ == "__main__":
    use_gpu_reader()
    run_stage(train, __doc__)

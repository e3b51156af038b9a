"""The device of a network, and the memory of a process that computes on the CPU."""

import subprocess
import sys

import pytest
from imports import SRC

from keypoints.core.devices import choose_device
from keypoints.core.errors import PipelineError

REUSE = """
import resource
import torch
from keypoints.core.devices import choose_device
choose_device("cpu")
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        torch.zeros(16_000_000)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults()
print(faults())
"""


def test_a_missing_device_is_an_error_that_names_the_others():
    with pytest.raises(PipelineError, match=r"this machine has no tpu; use .*cpu or auto"):
        choose_device("tpu")


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's malloc")
def test_freed_tensors_leave_their_memory_to_the_next_ones():
    done = subprocess.run(
        [sys.executable, "-c", REUSE], capture_output=True, text=True, check=True, cwd=SRC
    )
    assert int(done.stdout) < 1000  # 15,625 pages each, if every tensor had new ones

"""Opens networks in onnxruntime, whose telemetry is switched off before it is imported."""

import os
from pathlib import Path

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # onnxruntime reads this when it is imported

# isort: split
from onnxruntime import InferenceSession, SessionOptions
from onnxruntime.capi import onnxruntime_pybind11_state as errors

OPEN_ERRORS = (  # of a file that is missing, or damaged, or contains something else
    errors.NoSuchFile,
    errors.Fail,
    errors.InvalidArgument,
    errors.InvalidGraph,
    errors.InvalidProtobuf,
    errors.NotImplemented,
    errors.RuntimeException,
)


def open_session(network: Path | bytes, *, n_threads: int | None = None) -> InferenceSession:
    """Open a network for CPUs.

    Args:
        network: An ONNX file, or its contents.
        n_threads: Number of threads of a call; None: one per core.

    Raises:
        OPEN_ERRORS: If the network cannot be opened.
    """
    options = SessionOptions()
    options.log_severity_level = 3  # errors
    if n_threads is not None:
        options.intra_op_num_threads = n_threads
    return InferenceSession(network, options, providers=["CPUExecutionProvider"])

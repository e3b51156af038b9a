"""Processes that train one network together, each on its share of every batch.

torchrun's launcher starts them: on one machine if `processes` is above 1 (`launch_processes`), on
several if you call `torchrun ... src/train.py MODEL` on each.
"""

import logging
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch import distributed as dist

from keypoints.core.errors import PipelineError, first_line

TIMEOUT = timedelta(minutes=15)  # of a collective operation; processes compile for minutes
_TORCHRUN_VARIABLES = ("RANK", "MASTER_ADDR", "MASTER_PORT")  # besides WORLD_SIZE
_REPORT_S = 30  # seconds for rank 0 to report an error that occurs in all processes


@dataclass(frozen=True)
class ProcessGroup:
    """The group of processes that train a network, seen from one of them."""

    rank: int = 0  # number of this process, counted from 0
    world_size: int = 1  # number of processes

    @property
    def is_main(self) -> bool:
        """Whether this process writes files and prints."""
        return self.rank == 0

    def shard_rows(self, rows: NDArray[np.integer]) -> NDArray[np.integer]:
        """Select this process's share of some rows; all rows if there are fewer than processes."""
        return rows[self.rank :: self.world_size] if len(rows) >= self.world_size else rows

    def wrap(self, network: nn.Module) -> nn.Module:
        """Wrap a network so that its gradients are means over all processes."""
        if self.world_size == 1:
            return network
        if next(network.parameters()).is_cuda:
            from timm.layers import convert_sync_batchnorm  # torch's drops timm's activations

            convert_sync_batchnorm(network)
        return nn.parallel.DistributedDataParallel(network)

    def mean(self, values: Tensor) -> Tensor:
        """Compute the mean over all processes."""
        if self.world_size > 1:
            values = values / self.world_size
            dist.all_reduce(values)
        return values

    def weighted_mean(self, value: float, weight: float) -> float:
        """Compute the mean over all processes, each of which has its own weight."""
        if self.world_size == 1:
            return value
        weighted, weights = self.mean(torch.tensor([value * weight, weight], dtype=torch.float64))
        return (weighted / weights).item()

    def broadcast(self, content: bytes | None) -> bytes | None:
        """Send the content of rank 0, which may be None, to all processes."""
        shared = [content]
        if self.world_size > 1:
            dist.broadcast_object_list(shared)
        return shared[0]


SINGLE_PROCESS = ProcessGroup()


def launch_processes(processes: int) -> None:
    """Run this script in several processes with torchrun's launcher; exit with their exit code.

    It does nothing for one process, or in a script that torchrun already runs.

    Raises:
        PipelineError: If a process is killed. The processes report other errors themselves.
    """
    if processes == 1 or "WORLD_SIZE" in os.environ:
        return
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    threads = max(1, torch.get_num_threads() // processes)
    os.environ.setdefault("OMP_NUM_THREADS", str(threads))
    config = LaunchConfig(  # that of `torchrun --standalone`
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=processes,
        run_id=f"{os.getpid()}",
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        local_addr="127.0.0.1",
        max_restarts=0,
    )
    logging.disable()  # the launcher would log the failure of each process in ten lines
    try:
        elastic_launch(config, sys.executable)(*sys.argv)
    except SignalException as error:
        raise KeyboardInterrupt from error
    except ChildFailedError as error:
        for rank, failure in error.failures.items():
            if failure.exitcode < 0 and failure.exitcode != -signal.SIGTERM:  # the launcher's
                raise PipelineError(
                    f"process {rank} was killed by signal {-failure.exitcode}; run the same "
                    "command again: training continues from the last checkpoint"
                ) from error
        sys.exit(1)
    sys.exit(0)


@contextmanager
def process_group() -> Iterator[ProcessGroup]:
    """Join the processes that torchrun started; a single process is a group of one.

    Raises:
        PipelineError: If another process ends or does not respond, or if the environment has only
            some of torchrun's variables.
    """
    if "WORLD_SIZE" not in os.environ:
        yield SINGLE_PROCESS
        return
    missing = [name for name in _TORCHRUN_VARIABLES if name not in os.environ]
    if missing:
        raise PipelineError(
            f"the environment has WORLD_SIZE, as torchrun sets it, but no {', '.join(missing)}; "
            "unset WORLD_SIZE"
        )
    rank, world_size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    local_rank = int(os.environ.get("LOCAL_RANK", rank))
    if local_rank < torch.cuda.device_count():  # with fewer GPUs, CPUs may train
        torch.cuda.set_device(local_rank)
    try:
        dist.init_process_group(init_method="env://", timeout=TIMEOUT)
        yield ProcessGroup(rank, world_size)
        dist.barrier()  # no process ends while rank 0 still writes
    except PipelineError:
        if rank > 0:  # most errors occur in all processes; torchrun ends this one after rank 0
            time.sleep(_REPORT_S)
        raise
    except RuntimeError as error:
        raise PipelineError(
            f"process {rank} of {world_size} lost the connection to the others "
            f"({first_line(error)}); run the same command again: training continues from the last "
            "checkpoint"
        ) from error
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()

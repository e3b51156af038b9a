"""Processes that train one network together, each on its part of every batch.

`torchrun` starts them on any number of machines; on one, the first starts the others itself.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import IO

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch import distributed as dist

from keypoints.core.errors import PipelineError, first_line

TIMEOUT = timedelta(seconds=50)  # with a process that does not answer
COMPILE_TIMEOUT = timedelta(minutes=15)  # where processes compile, one sooner than another


class TeamError(PipelineError):
    """Processes that cannot go on together; the message says why."""


@dataclass(frozen=True)
class ProcessGroup:
    """One of some processes.

    Attributes:
        rank: Its number, counted from 0.
        size: How many they are.
    """

    rank: int = 0
    size: int = 1

    @property
    def is_main(self) -> bool:
        """Whether it is the one that writes and tells."""
        return self.rank == 0

    @property
    def shard(self) -> tuple[int, int]:
        """Its number and how many they are, as `BatchLoader` takes them."""
        return self.rank, self.size

    def shard_rows(self, rows: NDArray[np.integer]) -> NDArray[np.integer]:
        """Its part of some rows; all of them, where they are too few for everyone."""
        return rows[self.rank :: self.size] if len(rows) >= self.size else rows

    def wrap(self, network: nn.Module) -> nn.Module:
        """The network with gradients that are means over all processes."""
        if self.size == 1:
            return network
        if next(network.parameters()).is_cuda:
            from timm.layers import convert_sync_batchnorm  # torch's drops timm's activations

            convert_sync_batchnorm(network)
        return nn.parallel.DistributedDataParallel(network)

    def mean(self, values: Tensor) -> Tensor:
        """The mean over all processes."""
        if self.size > 1:
            values = values / self.size
            dist.all_reduce(values)
        return values

    def weighted_mean(self, value: float, weight: float) -> float:
        """The mean of a number that each process has with a weight of its own."""
        if self.size == 1:
            return value
        weighted, weights = self.mean(torch.tensor([value * weight, weight], dtype=torch.float64))
        return (weighted / weights).item()

    def of_leader(self, content: bytes | None) -> bytes | None:
        """What the leader has, for all; None where it has nothing."""
        if self.size == 1:
            return content
        length = torch.tensor(-1 if content is None else len(content))
        dist.broadcast(length, 0)
        if length < 0:
            return None
        shared = torch.empty(int(length), dtype=torch.uint8)
        if self.is_main and content is not None:
            shared.copy_(torch.frombuffer(bytearray(content), dtype=torch.uint8))
        dist.broadcast(shared, 0)
        return shared.numpy().tobytes()


SINGLE_PROCESS = ProcessGroup()


@dataclass(frozen=True)
class _Worker:
    """A process that this one started, and where its errors go."""

    rank: int
    process: "subprocess.Popen[bytes]"
    said: IO[str]


@contextmanager
def process_group(processes: int, patience: timedelta = TIMEOUT) -> Iterator[ProcessGroup]:
    """Join the other processes: those of `torchrun`, or so many in all that this one starts.

    Args:
        processes: How many, where `torchrun` does not say so; each runs the script that runs here.
        patience: With one that does not answer.

    Raises:
        TeamError: If one of them ends before its time, or does not answer for so long.
    """
    if "WORLD_SIZE" in os.environ:
        rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
        with _joined("env://", rank, size, patience) as team:
            yield team
        return
    if processes == 1:
        yield SINGLE_PROCESS
        return
    port = _free_port()
    with ExitStack() as stack:
        ranks = range(1, processes)
        others = [stack.enter_context(_started(rank, processes, port)) for rank in ranks]
        try:
            with _joined(f"tcp://127.0.0.1:{port}", 0, processes, patience) as team:
                yield team
        except PipelineError as error:
            raise _first_failure(error, others) from error


@contextmanager
def _joined(address: str, rank: int, size: int, patience: timedelta) -> Iterator[ProcessGroup]:
    local_rank = int(os.environ.get("LOCAL_RANK", rank))
    if local_rank < torch.cuda.device_count():  # where there are fewer, CPUs may train
        torch.cuda.set_device(local_rank)
    if "OMP_NUM_THREADS" not in os.environ:
        n_here = int(os.environ.get("LOCAL_WORLD_SIZE", size))
        torch.set_num_threads(max(1, torch.get_num_threads() // n_here))
    try:
        dist.init_process_group(init_method=address, rank=rank, world_size=size, timeout=patience)
        yield ProcessGroup(rank, size)
        dist.barrier()  # nobody leaves while the leader writes
    except RuntimeError as error:
        raise TeamError(
            f"process {rank} of {size} has lost the others ({first_line(error)}); give the same "
            "command again: it goes on from what was saved"
        ) from error
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()


@contextmanager
def _started(rank: int, size: int, port: int) -> Iterator[_Worker]:
    """This script once more, as another process of the team."""
    own = {"RANK": rank, "WORLD_SIZE": size, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    environment = os.environ | {name: str(value) for name, value in own.items()}
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(
            [sys.executable, *sys.argv], env=environment, stdout=subprocess.DEVNULL, stderr=said
        )
        try:
            yield _Worker(rank, process, said)
        finally:
            process.terminate()
            process.wait()


def _first_failure(error: PipelineError, others: list[_Worker]) -> PipelineError:
    """What ended the work: the error of this process, or what another one met first."""
    for other in others:
        with suppress(subprocess.TimeoutExpired):
            code = other.process.wait(timeout=5)
            other.said.seek(0)
            told = other.said.read().strip()
            if code < 0:
                return TeamError(
                    f"process {other.rank} was killed by signal {-code}; give the same command "
                    "again: it goes on from what was saved"
                )
            if code > 0 and str(error) not in told and "has lost the others" not in told:
                return TeamError(f"process {other.rank}: {told.removeprefix('error: ')}")
    return error


def _free_port() -> int:
    """That the system gives to whoever asks for any."""
    return int(dist.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False).port)

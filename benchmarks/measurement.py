"""Sizes of a run, alternating time measurements, and the table of results."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median


@dataclass(frozen=True)
class Size:
    """Amount of work of a benchmark run.

    Attributes:
        people: Rendered people of the IMM layout, with six photos each.
        photos: Rendered training photos of the iBUG layout.
        copies: Hard links to each rendered photo in the measurements of time.
        faces: Minimum size of the smaller data set in the memory measurement.
        factor: Size of the larger data set relative to the smaller one.
        rounds: Number of alternations of two functions.
        seconds: Approximate time per network; a slow network takes longer.
        experiments: Number of queued experiments in the soak test.
        mirror: Folder with the public archives, for the part `detect`.
        crops: Folder for pictures of missed faces and other detections; None: they are not kept.
    """

    people: int
    photos: int
    copies: int
    faces: int
    factor: int
    rounds: int
    seconds: float
    experiments: int
    mirror: Path | None = None
    crops: Path | None = None


FULL = Size(
    people=9, photos=40, copies=6, faces=3200, factor=10, rounds=5, seconds=20.0, experiments=50
)
QUICK = Size(
    people=1, photos=4, copies=16, faces=64, factor=2, rounds=1, seconds=0.5, experiments=6
)


@dataclass(frozen=True)
class Measurement:
    """A row of the table.

    Attributes:
        name: Names of the two compared quantities.
        ratio: Ratio of the first quantity to the second one, both of the same run.
        target: Intended ratio; empty if there is none.
        values: The two quantities, with their unit.
    """

    name: str
    ratio: float
    target: str
    values: str


@dataclass(frozen=True)
class Times:
    """Seconds of two functions that were called alternately, one value per round."""

    first: list[float]
    second: list[float]

    @property
    def speed_ratio(self) -> float:
        """Speed of the first function relative to the second one, the median over the rounds."""
        return median(b / a for a, b in zip(self.first, self.second, strict=True))


def alternate(first: Callable[[], object], second: Callable[[], object], rounds: int) -> Times:
    """Time two functions alternately, so that a slow phase of the machine affects both."""
    times = Times([], [])
    for _ in range(rounds):
        times.first.append(measure_seconds(first))
        times.second.append(measure_seconds(second))
    return times


def measure_seconds(work: Callable[[], object]) -> float:
    """Wall-clock time of a call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def format_table(measurements: Sequence[Measurement]) -> str:
    """Format measurements as text, one line each."""
    rows = [("measurement", "ratio", "target", "values")]
    rows += [(m.name, f"{m.ratio:.2f}", m.target, m.values) for m in measurements]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )

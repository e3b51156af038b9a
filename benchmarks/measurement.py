"""What every measurement shares: its size, two works in turn, and a row of the table."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Size:
    """How much is measured.

    Attributes:
        people: Drawn for the IMM layout, six photos each.
        photos: Training photos drawn for the iBUG layout.
        copies: Hard links to each drawn photo, for the measurements of time.
        faces: Of the smaller set of the memory measurement, at least; the public one has 7,674.
        times: How many times as many the larger set has.
        rounds: How often two works are done in turn.
        seconds: Spent on each network, about; a slow one takes longer.
        experiments: Queued by the soak.
    """

    people: int
    photos: int
    copies: int
    faces: int
    times: int
    rounds: int
    seconds: float
    experiments: int


FULL = Size(
    people=9, photos=40, copies=6, faces=3200, times=10, rounds=5, seconds=20.0, experiments=50
)
QUICK = Size(people=1, photos=4, copies=16, faces=64, times=2, rounds=1, seconds=0.5, experiments=6)


@dataclass(frozen=True)
class Measurement:
    """A row of the table.

    Attributes:
        name: What is compared with what.
        ratio: First over second, both of the same run.
        bar: What the ratio should be; empty where there is no such demand.
        numbers: The two values behind the ratio, with their unit.
    """

    name: str
    ratio: float
    bar: str
    numbers: str


@dataclass(frozen=True)
class Times:
    """Seconds of two works that were done in turn, a value per round."""

    first: list[float]
    second: list[float]

    @property
    def speed_ratio(self) -> float:
        """Speed of the first over that of the second: the median of the rounds' ratios."""
        return median(b / a for a, b in zip(self.first, self.second, strict=True))


def in_turn(first: Callable[[], object], second: Callable[[], object], rounds: int) -> Times:
    """Do two works in turn, so that a slow minute of the machine meets both."""
    times = Times([], [])
    for _ in range(rounds):
        times.first.append(seconds_of(first))
        times.second.append(seconds_of(second))
    return times


def seconds_of(work: Callable[[], object]) -> float:
    """Wall-clock time of a work."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def table(measurements: Sequence[Measurement]) -> str:
    """The measurements as text, a line each."""
    rows = [("measurement", "ratio", "bar", "numbers")]
    rows += [(m.name, f"{m.ratio:.2f}", m.bar, m.numbers) for m in measurements]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )

"""Faults of a data set, collected so that all of them are reported together."""

from collections.abc import Sequence
from dataclasses import dataclass

from keypoints.faces.face import Face, FormatError

_MAX_SHOWN = 10


@dataclass(frozen=True)
class Fault:
    """What is wrong with a face, or with a whole file."""

    problem: str  # with the path of the file
    name: str = ""  # of the face; empty if the whole file is faulty


class FaultyFacesError(FormatError):
    """Some faces of a data set cannot be read.

    Attributes:
        faults: All faults.
        faces: The other faces.
    """

    def __init__(self, faults: Sequence[Fault], faces: Sequence[Face] = ()) -> None:
        super().__init__(list_faults(faults))
        self.faults, self.faces = faults, faces


def list_faults(faults: Sequence[Fault]) -> str:
    """A line per fault, for the first ten, and the number of all faults if there are several."""
    lines = [fault.problem for fault in faults[:_MAX_SHOWN]]
    if len(faults) > 1:
        lines.insert(0, f"{len(faults):,} faults:")
    if len(faults) > _MAX_SHOWN:
        lines.append(f"and {len(faults) - _MAX_SHOWN:,} more")
    return "\n  ".join(lines)

"""Splits of grouped faces by hashes: deterministic and independent of the order of the faces."""

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def in_hash_fraction(group: str, fraction: float) -> bool:
    """Whether a group is among the given fraction of all groups, chosen by the hash of its name.

    The result depends on the name alone, so adding a group never moves another one, and a larger
    fraction contains a smaller one.
    """
    return _hash_fraction(group) < fraction


def group_k_fold(groups: Sequence[str], n_folds: int) -> NDArray[np.int64]:
    """Number of the fold that holds out each face, 1..n_folds, (n_faces,).

    The groups, one per face, are dealt to the folds in turn, in the order of the hashes of their
    names. So the numbers of groups per fold differ by at most one.
    """
    fold_of = {group: 1 + place % n_folds for place, group in enumerate(_shuffled(groups))}
    return np.array([fold_of[group] for group in groups], np.int64)


def take_groups(groups: Sequence[str], count: int) -> NDArray[np.bool_]:
    """Mask of the faces in the first `count` groups, in the order of `group_k_fold`, (n_faces,)."""
    taken = set(_shuffled(groups)[:count])
    return np.array([group in taken for group in groups], bool)


def _shuffled(groups: Sequence[str]) -> list[str]:
    return sorted(set(groups), key=lambda group: (_hash_fraction(f"fold of {group}"), group))


def _hash_fraction(name: str) -> float:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") / 2**64

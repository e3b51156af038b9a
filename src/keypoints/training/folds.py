"""Cross-validation: MODEL.KofN names a model that is trained without the faces of fold K of N.

Folds are those of the training faces, by photo or person; the validation faces stay out of all of
them, so that what is learnt from out-of-fold predictions can still be judged.
"""

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from keypoints.core.errors import PipelineError
from keypoints.core.splits import group_k_fold, take_groups
from keypoints.crops.store import CropStore

Rows = NDArray[np.integer]

_FOLD = re.compile(r"([1-9]\d*)of([1-9]\d*)")


class FoldError(PipelineError):
    """An item that names no fold; the message says what does."""


@dataclass(frozen=True)
class Fold:
    """One of so many folds, counted from 1."""

    number: int
    of: int

    def model_name(self, model: str) -> str:
        """What a model that is trained without this fold is called."""
        return f"{model}.{self.number}of{self.of}"

    def split(self, store: CropStore) -> tuple[Rows, Rows]:
        """The rows that are trained on, and those of the fold.

        Raises:
            FoldError: If one of them is empty.
        """
        rows = store.rows("train")
        is_held_out = group_k_fold(store.faces(rows)["group"].tolist(), self.of) == self.number
        if is_held_out.all() or not is_held_out.any():
            raise FoldError(f"fold {self.number} of {self.of}: {len(rows)} faces are too few")
        return rows[~is_held_out], rows[is_held_out]


def train_val_rows(
    store: CropStore, fold: Fold | None, n_groups: int | None = None
) -> tuple[Rows, Rows]:
    """The rows that are trained on, and those held out: of a fold, or of the split.

    Validation faces have all their points; so have those of a fold, whose others are left out.

    Args:
        store: The crops.
        fold: To hold out; None: the validation faces.
        n_groups: Persons, or photos, that are trained on, always the same; None, or more than there
            are: all of them.

    Raises:
        FoldError: If one of them is empty.
    """
    train, held_out = _sides_of_fold(store, fold) if fold else _split(store)
    if n_groups is not None:
        train = train[take_groups(store.faces(train)["group"].tolist(), n_groups)]
    return train, held_out


def _sides_of_fold(store: CropStore, fold: Fold) -> tuple[Rows, Rows]:
    train, held_out = fold.split(store)
    known = held_out[np.isfinite(store.landmarks_photo[held_out]).all(axis=(1, 2))]
    if not len(known):
        raise FoldError(f"fold {fold.number} of {fold.of}: no face has all its points; try fewer")
    return train, known


def _split(store: CropStore) -> tuple[Rows, Rows]:
    train, validation = store.rows("train"), store.rows("validation")
    if not len(train) or not len(validation):
        raise FoldError(
            f"a side of the split is empty: {len(train)} faces to train on, {len(validation)} held "
            "out; change the data set's share under validation, or draw more faces"
        )
    return train, validation


def folds_of(count: int) -> list[Fold]:
    """All of so many folds."""
    return [Fold(number, count) for number in range(1, count + 1)]


def parse_fold(item: str) -> tuple[str, Fold | None]:
    """The model of an item, and the fold that it is trained without, if it names one.

    Raises:
        FoldError: If what follows the dot is no fold.
    """
    model, dot, text = item.partition(".")
    if not dot:
        return model, None
    found = _FOLD.fullmatch(text)
    if not found or not 1 <= int(found[1]) <= int(found[2]) >= 2:
        raise FoldError(f"{item}: after the dot should stand a fold, as 2of5; got {text!r}")
    return model, Fold(int(found[1]), int(found[2]))

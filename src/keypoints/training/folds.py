"""Cross-validation: MODEL.KofN is the model that is trained without the faces of fold K of N.

Folds divide the training faces by photo or person. The validation faces are in no fold, so they can
evaluate a correction that was fitted to out-of-fold predictions.
"""

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from keypoints.core.errors import PipelineError
from keypoints.core.splits import group_k_fold, take_groups
from keypoints.crops.store import CropStore

Rows = NDArray[np.integer]


@dataclass(frozen=True)
class Fold:
    """One fold of several."""

    number: int  # counted from 1
    n_folds: int

    def model_name(self, model: str) -> str:
        """Name of the model that is trained without this fold."""
        return f"{model}.{self.number}of{self.n_folds}"

    def split(self, store: CropStore) -> tuple[Rows, Rows]:
        """Return the training rows outside of the fold, and those of the fold.

        Raises:
            PipelineError: If one of them is empty.
        """
        rows = store.rows("train")
        groups = store.faces(rows)["group"].tolist()
        is_held_out = group_k_fold(groups, self.n_folds) == self.number
        if is_held_out.all() or not is_held_out.any():
            raise PipelineError(
                f"fold {self.number} of {self.n_folds}: {len(rows)} faces are too few; use fewer "
                "folds"
            )
        return rows[~is_held_out], rows[is_held_out]


def make_folds(store: CropStore, n_folds: int) -> list[Fold]:
    """All folds of a cross-validation.

    Raises:
        PipelineError: If one of them is empty, which training the others would take hours to show.
    """
    if n_folds > (n_faces := len(store.rows("train"))):
        raise PipelineError(f"{n_folds} folds: {n_faces} faces are too few; use fewer folds")
    folds = [Fold(number, n_folds) for number in range(1, n_folds + 1)]
    for fold in folds:
        fold.split(store)
    return folds


def parse_fold(name: str) -> tuple[str, Fold | None]:
    """Split a name such as `nose_net.2of5` into the model and the fold; None: no fold.

    Raises:
        PipelineError: If the text after the dot does not name a fold.
    """
    model, dot, text = name.partition(".")
    if not dot:
        return model, None
    found = re.fullmatch(r"([1-9]\d*)of([1-9]\d*)", text)
    if not found or not 1 <= int(found[1]) <= int(found[2]) >= 2:
        raise PipelineError(f"{name}: a fold, such as 2of5, should follow the dot; got {text!r}")
    return model, Fold(int(found[1]), int(found[2]))


def train_val_rows(
    store: CropStore, fold: Fold | None, max_groups: int | None = None
) -> tuple[Rows, Rows]:
    """Return the training and the validation rows of a fold, or of the data set's split.

    `max_groups` is the maximum number of people, or photos, to train on, the same ones in every
    call; None: all.

    Raises:
        PipelineError: If one of them is empty.
    """
    if fold:
        train, validation = fold.split(store)
    else:
        train, validation = store.rows("train"), store.rows("validation")
        if not len(train) or not len(validation):
            raise PipelineError(
                f"the split has {len(train)} training faces and {len(validation)} validation "
                "faces; change val_fraction of the data set, or render more faces"
            )
    if max_groups is not None:
        train = train[take_groups(store.faces(train)["group"].tolist(), max_groups)]
    return train, validation

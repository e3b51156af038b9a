"""Settings of shape corrections, separate from the code, which imports scikit-learn."""

import re
from pathlib import Path

from pydantic import field_validator

from keypoints.config.base import Settings


class CorrectionSettings(Settings):
    """Settings of the shape correction of a model."""

    task: str
    learn_from: str  # data/predictions/NAME/train.npz; NAME: a model, or MODEL_folds, out of fold

    @field_validator("learn_from")
    @classmethod
    def _check_path(cls, path: str) -> str:
        if not re.fullmatch(r"data/predictions/[A-Za-z0-9_-]+/train\.npz", path):
            raise ValueError(f"must be data/predictions/NAME/train.npz; got {path!r}")
        return path

    @property
    def source(self) -> str:
        """Name of the predictions to learn from."""
        return Path(self.learn_from).parent.name

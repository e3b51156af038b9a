"""Settings of shape corrections, apart from their code, which imports scikit-learn."""

import re

from pydantic import field_validator

from keypoints.config.base import Settings

_TRAIN_FILE = re.compile(r"data/predictions/([A-Za-z0-9_-]+)/train\.npz")


class CorrectionSettings(Settings):
    """Settings of the shape correction of a model.

    Attributes:
        task: Task of the model.
        learn_from: File with predictions of the training faces, data/predictions/NAME/train.npz.
            NAME is the model, or MODEL_oof for out-of-fold predictions of its cross-validation.
    """

    task: str
    learn_from: str

    @field_validator("learn_from")
    @classmethod
    def _check_path(cls, path: str) -> str:
        if not _TRAIN_FILE.fullmatch(path):
            raise ValueError(f"must be data/predictions/NAME/train.npz; got {path!r}")
        return path

    @property
    def source(self) -> str:
        """Name of the predictions to learn from."""
        match = _TRAIN_FILE.fullmatch(self.learn_from)
        assert match, "validated above"
        return match[1]

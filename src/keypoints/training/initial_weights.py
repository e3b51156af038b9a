"""What a training starts from: random weights, pre-trained ones, or those of another model."""

from pathlib import Path

from keypoints.config.models import BackboneSettings, ModelSettings
from keypoints.core.paths import WEIGHTS
from keypoints.core.weights_folder import find_weights
from keypoints.training.folds import Fold, FoldError


def find_initial_weights(
    name: str, model: ModelSettings, fold: Fold | None
) -> tuple[Path | None, Path]:
    """What a model starts from.

    Args:
        name: Of the model.
        model: Its settings.
        fold: That it is trained without.

    Returns:
        The weights file, None where they are random; and the file or folder that says so.

    Raises:
        FoldError: If it would go on from, or be taught by, a model that may have seen the fold.
    """
    if fold and model.teacher:
        raise FoldError(
            f"{name} is taught by {model.teacher}, which may have seen every fold; say teacher: "
            "null to cross-validate it"
        )
    if isinstance(model, BackboneSettings) and model.init_model:
        if fold:
            raise FoldError(
                f"{name} goes on from {model.init_model}, which has seen every fold: only models "
                "that start from data/weights can be cross-validated"
            )
        return Path(model.init), Path(model.init)
    return find_weights(WEIGHTS / name), WEIGHTS / name

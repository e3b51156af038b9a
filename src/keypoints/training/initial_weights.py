"""The initial weights of a training: random, pre-trained, or those of another model."""

from pathlib import Path

from keypoints.core.errors import PipelineError
from keypoints.core.paths import WEIGHTS
from keypoints.core.weights_folder import find_weights
from keypoints.models.settings import BackboneSettings, ModelSettings
from keypoints.training.folds import Fold


def find_initial_weights(
    name: str, model: ModelSettings, fold: Fold | None
) -> tuple[Path | None, Path]:
    """Find the initial weights: their file, None if random; and the path that determines them.

    Raises:
        PipelineError: If a fold is held out, but the model starts or learns from a model that may
            have been trained on it.
    """
    if fold and model.teacher:
        raise PipelineError(
            f"{name}: its teacher {model.teacher} may have been trained on every fold; set "
            "teacher: null to cross-validate it"
        )
    if isinstance(model, BackboneSettings) and model.init_model:
        if fold:
            raise PipelineError(
                f"{name}: it starts from {model.init_model}, which was trained on every fold; only "
                f"a model with init: {WEIGHTS / name} can be cross-validated"
            )
        return Path(model.init), Path(model.init)
    return find_weights(WEIGHTS / name), WEIGHTS / name

"""Fetch the pre-trained weights of all models, or of one: `python src/weights.py [MODEL]`.

A model that is distilled also gets the model file of its teacher.
"""

from keypoints.config.messages import SettingsError
from keypoints.config.params import read_params
from keypoints.core import paths
from keypoints.core.cli import run_stage
from keypoints.core.errors import PipelineError
from keypoints.download.mirrors import DownloadDirs, DownloadError
from keypoints.download.pretrained import PretrainedSettings, fetch_model_files


def fetch_weights(model: str | None = None) -> None:
    """Write data/weights, or data/weights/MODEL; a model with random weights needs no mirror.

    Raises:
        PipelineError: With the problems of all models.
    """
    params = read_params()
    dirs = DownloadDirs.read(params)
    names = [model] if model else params.names("models")
    problems: list[str] = []
    with paths.atomic_folder(paths.WEIGHTS / model if model else paths.WEIGHTS):
        for name in names:
            try:
                settings: PretrainedSettings = params.entry("models", name, PretrainedSettings)
            except SettingsError as error:  # which names the model
                problems.append(str(error))
                continue
            try:
                found = fetch_model_files(settings, paths.WEIGHTS / name, dirs)
                print(f"{name}: {found}")
            except (SettingsError, DownloadError) as error:
                problems.append(f"models.{name}: {error}")
        if problems:
            raise PipelineError("\n".join(problems))


if __name__ == "__main__":
    run_stage(fetch_weights, __doc__)

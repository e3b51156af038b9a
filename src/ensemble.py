"""Combine predictions as an ensemble: `python src/ensemble.py NAME`."""

from keypoints.config.params import read_params
from keypoints.core.cli import run_stage
from keypoints.core.predictions import (
    predicted_splits,
    read_info,
    read_predictions,
    write_predictions,
)
from keypoints.prediction.ensemble import EnsembleSettings, check_members, combine


def ensemble(name: str) -> None:
    """Write data/predictions/NAME, for an entry of `ensembles`, with all members' common splits."""
    settings: EnsembleSettings = read_params().entry("ensembles", name, EnsembleSettings)
    infos = {member: read_info(member) for member in settings.members}
    check_members(infos)
    splits = [
        split
        for split in predicted_splits(settings.members[0])
        if all(split in predicted_splits(member) for member in settings.members)
    ]
    combined = {}
    for split in splits:
        predictions = {member: read_predictions(member, split) for member in settings.members}
        combined[split] = combine(settings.reduce, predictions, settings.weights)
    write_predictions(name, infos[settings.members[0]], combined)
    print(f"{name}: {settings.reduce} of {', '.join(settings.members)} for {', '.join(splits)}")


if __name__ == "__main__":
    run_stage(ensemble, __doc__)

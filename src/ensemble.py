"""Combine predictions as an ensemble: `python src/ensemble.py NAME`."""

import sys
from typing import get_args

from keypoints.config.params import read_params
from keypoints.core.cli import run_stage
from keypoints.core.predictions import (
    Split,
    has_predictions,
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
    combined = {}
    for split in get_args(Split):
        missing = [one for one in settings.members if not has_predictions(one, split)]
        if missing:
            # Only some corrections need predictions of the training faces.
            if split != "train" and len(missing) < len(settings.members):
                members = ", ".join(missing)
                print(f"warning: {name}: without {split} faces: none of {members}", file=sys.stderr)
            continue
        predictions = {member: read_predictions(member, split) for member in settings.members}
        combined[split] = combine(settings.reduce, predictions, settings.weights)
    write_predictions(name, infos[settings.members[0]], combined)
    print(f"{name}: {settings.reduce} of {', '.join(settings.members)} for {', '.join(combined)}")


if __name__ == "__main__":
    run_stage(ensemble, __doc__)

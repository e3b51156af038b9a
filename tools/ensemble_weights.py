"""Choose the weights of an ensemble's members by their errors out of fold.

`cd contenders && python ../tools/ensemble_weights.py kaggle15_ensemble`

Prints the weights, to be copied to `ensembles.NAME.weights`, for which the mean of the members'
predictions has the smallest root mean square error on the training faces. Each member needs a
cross-validation (stage `cross_validate`). A corrected model has the weight of the model.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

import keypoints  # noqa: F401  names a wrong Python

# isort: split
import numpy as np

from keypoints.config.params import read_params
from keypoints.core import paths
from keypoints.core.cli import exit_on_error
from keypoints.core.predictions import read_info, read_predictions
from keypoints.core.types import Array
from keypoints.crops.store import CropStore
from keypoints.prediction.ensemble import EnsembleSettings, check_members


def choose_weights(errors: Array) -> Array:
    """Choose the non-negative weights, of sum 1, whose mean of errors has the smallest square.

    The errors are (n_coordinates, n_members); the weights, (n_members,).

    Source: Breiman, Stacked regressions, 1996.
    """
    from scipy.optimize import nnls

    # The sum of the weights should be 1; if it is not, only the scale of the solution changes.
    triangle = np.linalg.qr(errors, mode="r") / np.sqrt(len(errors))  # squares as those of `errors`
    equations = np.vstack([triangle, np.ones(errors.shape[1])])
    weights, _ = nnls(equations, np.append(np.zeros(len(triangle)), 1.0))
    return np.asarray(weights / weights.sum())


def out_of_fold_errors(members: list[str]) -> Array:
    """Errors of the training faces' known coordinates in photo pixels, (n_coordinates, n_members).

    Raises:
        PipelineError: If a member has not been cross-validated, or the members do not match.
    """
    names = [f"{name.removesuffix('_corrected').removesuffix('_folds')}_folds" for name in members]
    infos = {name: read_info(name) for name in names}
    check_members(infos)
    info = infos[names[0]]
    with CropStore(paths.CROPS / info.task) as store:
        target = store.landmarks_photo[store.rows("train")][:, list(info.points)]
    errors = [read_predictions(name, "train").landmarks_photo - target for name in names]
    return np.stack([error[np.isfinite(target)] for error in errors], axis=1)


def main() -> None:
    """Print the weights and the errors of the members, their mean and their weighted mean."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("ensemble", help="entry of ensembles in params.yaml")
    name = parser.parse_args().ensemble
    with exit_on_error():
        settings: EnsembleSettings = read_params().entry("ensembles", name, EnsembleSettings)
        errors = out_of_fold_errors(settings.members)
        weights = choose_weights(errors).round(2)
        columns = dict(zip(settings.members, errors.T, strict=True))
        columns["equal weights"] = errors.mean(axis=1)
        columns["these weights"] = np.average(errors, axis=1, weights=weights)
        for column, values in columns.items():
            print(f"{column}: {np.sqrt((values**2).mean()):.4f} px RMSE out of fold")
        print(f"weights: {[float(weight) for weight in weights]}")


if __name__ == "__main__":
    main()

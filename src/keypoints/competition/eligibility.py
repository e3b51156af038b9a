"""Whether a competition would score a submission: its test faces must be the competition's."""

from keypoints.competition.base import SubmissionSpec
from keypoints.core import paths
from keypoints.faces.dataset import find_dataset, is_rendered


def find_obstacle(spec: SubmissionSpec) -> str:
    """Why the competition would not score submissions about these test faces; empty if it would."""
    dataset, n_faces = spec.competition.dataset, len(spec.names)
    if is_rendered(paths.RAW / dataset):
        return "rendered faces: well-formed, but not the competition's"
    n_published = find_dataset(dataset).public_counts.get("test", 0)
    if n_faces < n_published:
        return (
            f"{n_faces:,} of the {n_published:,} test faces: well-formed, but the competition "
            "needs all of them"
        )
    return ""

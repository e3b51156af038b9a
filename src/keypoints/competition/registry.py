"""The registry of the Kaggle competitions: one file each. To add one, list it here."""

from keypoints.competition.base import Competition, CompetitionError
from keypoints.competition.cs194_26 import CS194_26
from keypoints.competition.facial_keypoints_detection import FACIAL_KEYPOINTS_DETECTION

COMPETITIONS = {c.slug: c for c in (CS194_26, FACIAL_KEYPOINTS_DETECTION)}


def find_competition(slug: str) -> Competition:
    """The competition of that name.

    Raises:
        CompetitionError: If there is none.
    """
    if slug not in COMPETITIONS:
        raise CompetitionError(
            f"competition must be one of {', '.join(COMPETITIONS)}; got {slug!r}; a new one is a "
            "file in src/keypoints/competitions"
        )
    return COMPETITIONS[slug]


def competition_of(dataset: str, preferred: str) -> Competition:
    """The competition that asks for a data set's test faces.

    Args:
        dataset: Of the faces.
        preferred: Its slug, where more than one asks for them: `competition` in params.yaml.

    Raises:
        CompetitionError: If none does, or `preferred` is no competition.
    """
    asking = [c for c in COMPETITIONS.values() if c.dataset == dataset]
    first = find_competition(preferred)
    if not asking:
        raise CompetitionError(f"no competition asks for test faces of data set {dataset}")
    return first if first in asking else asking[0]

"""Which faces, and what of them, a competition asks of a file."""

from keypoints.competition.base import CompetitionError, SubmissionSpec, load_submission_spec
from keypoints.competition.registry import competition_of, find_competition
from keypoints.config.params import Params
from keypoints.core import paths


def submission_spec_for(name: str, params: Params, slug: str | None = None) -> SubmissionSpec:
    """Find the competition of a file, and read what it asks for from the crops of its task.

    Args:
        name: Of the file, without ending: that of the model or ensemble that made it, or another.
        params: The settings.
        slug: Of the competition; None: the one for the model's data set, or that of the settings.

    Raises:
        CompetitionError: If there is no such competition, or no task with its data set.
    """
    made_by = params.ensembles[name].members[0] if name in params.ensembles else name
    if slug is None and made_by in params.models:
        task = params.task(params.model(made_by).task)
        competition = competition_of(task.dataset, preferred=params.competition)
    else:
        competition = find_competition(slug or params.competition)
    for task_name, task in params.tasks.items():
        if (task.dataset, task.points) == (competition.dataset, "all"):
            return load_submission_spec(competition, paths.CROPS / task_name)
    raise CompetitionError(f"no task of params.yaml has data set {competition.dataset}")

"""Competitions: found by the modules that define them."""

from pathlib import Path

import pytest

from keypoints.competition.base import competition_for_dataset, find_competition, find_competitions
from keypoints.core.errors import PipelineError

KAGGLE_15 = find_competition("facial-keypoints-detection")


def test_every_module_defines_a_competition_with_its_own_slug() -> None:
    definitions = Path("src/keypoints/competition/definitions").resolve()
    modules = {path for path in definitions.glob("*.py") if path.stem != "__init__"}
    assert len(find_competitions()) == len(modules)


def test_a_data_set_determines_the_competition_unless_another_one_is_preferred() -> None:
    assert competition_for_dataset("kaggle15", "cs194-26-fall-2021-project-5") is KAGGLE_15
    assert competition_for_dataset("kaggle15", KAGGLE_15.slug) is KAGGLE_15


def test_unknown_slugs_and_data_sets_without_a_competition_are_errors() -> None:
    with pytest.raises(PipelineError, match=r"must be one of cs194-26\S+ facial-key.*; got 'x'"):
        competition_for_dataset("kaggle15", "x")
    with pytest.raises(PipelineError, match="no competition is about test faces of data set imm"):
        competition_for_dataset("imm", KAGGLE_15.slug)

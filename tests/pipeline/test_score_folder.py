"""A model is scored on another folder of its data set as evaluate scores it on its own."""

import json

from workspace import Workspace

COMMAND = ("python", "src/transfer_score.py", "models/nose_net_16ch.safetensors", "--raw")


def test_on_its_own_set_a_model_has_the_scores_of_evaluate(ran: Workspace) -> None:
    said = ran.run(*COMMAND, "data/raw/imm")
    scores = json.loads((ran.folder / "metrics/scores/nose_net_16ch.json").read_text())
    assert json.loads(said[said.index("{") :]) == scores


def test_a_folder_that_does_not_hold_the_set_is_told(ran: Workspace) -> None:
    said = ran.run(*COMMAND, "data/raw/ibug", check=False)
    assert "error: data/raw/ibug: " in said
    assert "exit code 1" in said

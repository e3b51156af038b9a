"""Place of a team's best score among those of a competition's leaderboard."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Standing:
    """Where the best own public score stands; lower scores are better.

    A competition that has ended keeps its leaderboard, so the rank is the one that the score would
    have.
    """

    rank: int  # counted from 1
    n_teams: int
    best_score: float  # the best own score
    to_next: float | None  # how much lower the next better score is; None: there is none
    to_top: float  # how much lower the best score of all teams is

    def text(self) -> str:
        """The standing as a sentence."""
        further = f"{self.to_next:.5g} to the next rank" if self.to_next else "no better score"
        return (
            f"rank {self.rank:,} of {self.n_teams:,} with the best own score {self.best_score:g}: "
            f"{further}, {self.to_top:.5g} to the top"
        )


def find_standing(own: Iterable[float | None], board: Sequence[float]) -> Standing | None:
    """Find the rank of the best own score; None if there is no own score, or no leaderboard.

    Args:
        own: Public scores of all own submissions, None if a submission has none.
        board: Scores of all teams.
    """
    known = [score for score in own if score is not None]
    if not known or not board:
        return None
    best = min(known)
    better = [score for score in board if score < best]
    return Standing(
        rank=1 + len(better),
        n_teams=len(board),
        best_score=best,
        to_next=best - max(better) if better else None,
        to_top=best - min(better, default=best),
    )

"""The wait for a submission's score, with a time limit and a spinner."""

import itertools
import sys
import time
from collections.abc import Callable

from keypoints.download.kaggle_client import KaggleError, Result

POLL_INTERVALS_S = (1, 2, 3, 5)  # between two looks; the last one for ever
_TURN_S = 0.1


def wait_for_score(look: Callable[[], Result], wait_s: float) -> Result:
    """Look again and again until a result is final or the time is over, turning a spinner.

    A look that fails is no news: the submission is there, only the answer is not. Ctrl-C ends the
    wait and nothing else.
    """
    deadline = time.monotonic() + wait_s
    for pause_s in itertools.chain(POLL_INTERVALS_S, itertools.repeat(POLL_INTERVALS_S[-1])):
        try:
            result = look()
        except KaggleError as error:
            result = Result(is_final=False)
            print(f"the score is not known yet: {error}", file=sys.stderr)
        except KeyboardInterrupt:
            return Result(is_final=False)
        left_s = deadline - time.monotonic()
        if result.is_final or left_s <= 0 or not _spin(min(pause_s, left_s)):
            return result
    raise AssertionError("the pauses never end")


def _spin(seconds: float) -> bool:
    """Wait; whether nobody interrupted it."""
    end, is_shown = time.monotonic() + seconds, sys.stderr.isatty()
    try:
        for sign in itertools.cycle("|/-\\"):
            if is_shown:
                print(f"\rwaiting for the score {sign}", end="", file=sys.stderr, flush=True)
            if time.monotonic() >= end:
                return True
            time.sleep(_TURN_S)
    except KeyboardInterrupt:
        return False
    finally:
        if is_shown:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
    return True

"""The base of the errors that a user can mend: a stage prints their message and exits 1."""


class PipelineError(Exception):
    """Something outside of the program is wrong; the message says where, what, and the way out."""


def first_line(error: BaseException) -> str:
    """What an error of another library says, in one line."""
    return next(iter(str(error).splitlines()), type(error).__name__)

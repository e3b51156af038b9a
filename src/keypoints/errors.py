"""The base of the errors that a user can mend: a stage prints their message and exits 1."""


class PipelineError(Exception):
    """Something outside of the program is wrong; the message says where, what, and the way out."""

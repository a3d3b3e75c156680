"""The one error that this folder raises on purpose."""


class ServingError(Exception):
    """A wrong argument, setting or state; says what was expected, what was found and what to do."""

"""The errors that this folder raises on purpose."""


class ServingError(Exception):
    """A wrong argument, setting or state; says what was expected, what was found and what to do."""


class UsageError(ServingError):
    """An argument that cannot be right whatever the data; the command exits with 2."""

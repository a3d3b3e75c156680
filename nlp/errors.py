"""The one error that this folder raises on purpose."""


class ModelError(Exception):
    """A model folder, engine or setting is wrong; says what was expected, what was found and what
    to do.
    """

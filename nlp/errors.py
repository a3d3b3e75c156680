"""The one error that this folder raises on purpose."""


class ModelError(Exception):
    """A model folder, engine or setting is wrong; says what was expected, what was found and what
    to do.
    """


class StoppedError(ModelError):
    """The caller asked to stop before all texts had gone through the network."""

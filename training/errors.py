"""The one error that this folder raises on purpose."""


class TrainingError(Exception):
    """Wrong recipe, data or weights; says what was expected, what was found and what to do."""

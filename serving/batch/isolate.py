"""Finding the texts on which scoring fails, so that one bad text costs its own row only.

A function that fails on many texts is tried on halves of them, down to single texts, each of which
gets a second chance. When a harmless text fails as well, or very many fail, the fault is not in the
texts, and the error stands.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

Result = TypeVar("Result")

HARMLESS: Final = "好"
MOST_FAILURES: Final = 64  # of one window; more are no accident


def isolate(
    function: Callable[[list[str]], Result], texts: list[str], error: Exception
) -> tuple[list[tuple[int, Result]], dict[int, str]]:
    """The function's results over runs of the texts that it can do, each with its first position,
    and the reasons by position of those that it cannot.

    ``error`` is how it failed on all of them. Raises it when the fault is not in single texts.
    """
    try:
        function([HARMLESS])
    except Exception:
        raise error from None
    done: list[tuple[int, Result]] = []
    failed: dict[int, str] = {}
    waiting = [(0, len(texts))]
    while waiting:
        start, stop = waiting.pop()
        try:
            done.append((start, function(texts[start:stop])))
        except Exception as fault:
            if stop - start > 1:
                middle = (start + stop) // 2
                waiting += [(middle, stop), (start, middle)]
                continue
            try:
                done.append((start, function(texts[start:stop])))
            except Exception:
                failed[start] = f"scoring_failed: {type(fault).__name__}"
                if len(failed) > MOST_FAILURES:
                    raise error from fault
    return done, failed

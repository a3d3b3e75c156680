"""Results of normalised texts seen before: "哈哈哈" and "好评" recur for ever.

Least recently used go first; the bound is in bytes of keys and values plus what Python adds. One
cache belongs to one model version.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Final

ENTRY_OVERHEAD_BYTES: Final = 260  # two objects' headers, the dictionary's and the list's links


class ResultCache:
    """Normalised text to the JSON of its result. Thread-safe; 0 bytes keeps nothing."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.size_bytes = self.hits = self.misses = 0
        self._entries: OrderedDict[str, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, text: str) -> bytes | None:
        """The result, or None."""
        with self._lock:
            found = self._entries.get(text)
            if found is None:
                self.misses += 1
                return None
            self.hits += 1
            self._entries.move_to_end(text)
            return found

    def put(self, text: str, result: bytes) -> None:
        """Keeps a result, dropping the oldest where there is no room."""
        size = _size(text, result)
        if size > self.max_bytes:
            return
        with self._lock:
            old = self._entries.pop(text, None)
            if old is not None:
                self.size_bytes -= _size(text, old)
            self._entries[text] = result
            self.size_bytes += size
            while self.size_bytes > self.max_bytes:
                key, value = self._entries.popitem(last=False)
                self.size_bytes -= _size(key, value)


def _size(text: str, result: bytes) -> int:
    return 2 * len(text) + len(result) + ENTRY_OVERHEAD_BYTES  # Chinese takes two bytes a character

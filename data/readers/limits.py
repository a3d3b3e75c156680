"""Every bound of the readers, in one place: what is larger is rejected or refused, never loaded.

Code reads these through the module (``limits.MAX_ROW_BYTES``), so that a test can lower them.
"""

from __future__ import annotations

from typing import Final

MAX_ROW_BYTES = (
    16 * 1024 * 1024
)  # one row; MySQL's and most crawlers' own ceiling for a text is below this
MAX_QUOTED_LINES = 10_000  # physical lines that one quoted CSV cell may span
MAX_COLUMNS = 20_000
MAX_NESTING = 100  # depth of a JSON value inside a row
MAX_RAW_CHARS: Final = 2_000  # of a rejected row, kept for the reader of the rejects file
MAX_BATCH_BYTES = 4 * 1024 * 1024  # a batch ends early when its rows hold more than this
MAX_BATCH_CELLS = 500_000
MAX_XLSX_BYTES = 2 * 1024 * 1024 * 1024  # unpacked
MAX_DUPLICATE_KEYS = 5_000_000  # three 8-byte hashes each: 120 MB at the bound
HEAD_ROWS = 1_000  # rows of the scan that recognition may look at
CHUNK_BYTES: Final = 1024 * 1024

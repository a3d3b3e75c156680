"""Readers for every dump format: recognise the file, repair what can be repaired, reject the rest
by name.

``open_dump`` scans a file and says what it is; ``Dump.batches`` gives its rows as they came and
under the canonical names of ``data.columns``. No row is dropped in silence: rows kept plus rows
rejected is rows read.
"""

from __future__ import annotations

from data.readers.dump import Dump, open_dump
from data.readers.errors import DumpError
from data.readers.inputs import InputFile, expand_inputs
from data.readers.recognise import known_formats
from data.readers.report import RepairReport
from data.readers.rows import Batch, Reject

__all__ = [
    "Batch",
    "Dump",
    "DumpError",
    "InputFile",
    "Reject",
    "RepairReport",
    "expand_inputs",
    "known_formats",
    "open_dump",
]

"""The dump shapes that are known by name: columns that give each away, and what its columns mean.

A shape is data, not code: adding one is adding an entry to a YAML file here, or to a file of the
user's (``--source``, ``TINGFENG_SOURCES_DIR``), and a golden test.
"""

from __future__ import annotations

from data.readers.shapes.load import load_folder, load_shapes, shipped_shapes
from data.readers.shapes.shape import Kind, LeaveOut, Shape

__all__ = ["Kind", "LeaveOut", "Shape", "load_folder", "load_shapes", "shipped_shapes"]

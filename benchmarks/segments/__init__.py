"""Segments beside their peers, in one run and one table: ``python -m benchmarks.segments``."""

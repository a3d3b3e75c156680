"""What comes in, as code: dump readers with repair, the canonical columns, label names, the
interest
taxonomy, lexicons, the written corpus and the sample generator.

Imports nothing of the other four packages. No databases, no downloads, no user files.
"""

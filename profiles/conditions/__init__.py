"""Conditions on persons: what tags, audiences and filters are written in, and their meaning.

Two spellings of one tree: YAML or JSON (``tree.from_data``) and one line of text (``text.parse``).
``compile.py`` turns a checked tree into an ibis expression, so it means the same in every store.
"""

"""Labelled text in, model artifact out: recipes, fine-tuning, calibration, evaluation, export.

Needs the ``training`` extra (torch); may import ``data`` and ``nlp``.
"""

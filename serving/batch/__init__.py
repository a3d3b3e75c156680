"""Batch scoring: a dump in, one scored row per input row out, in input order."""

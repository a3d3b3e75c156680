"""RFM: how long ago, how often and how much each person bought, scored 1..5 and named.

``purchases`` makes one row per person of order rows, ``scores`` scores them, ``segments`` names the
scores by ``segments.yaml``, ``rules`` reads a house's own thresholds, ``report`` puts it together
and compares two dates. All is DuckDB over Arrow: nothing per person in Python.
"""

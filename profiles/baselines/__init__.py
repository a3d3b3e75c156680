"""Key figures by day or week, what was to be expected of them, and what left the expected band.

``figures`` makes the series from stored events, orders and campaigns; ``band`` judges any series.
"""

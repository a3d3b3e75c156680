"""Tables in, tables out: persons, the dimensions of a profile, content insight, and the store.

May import ``data`` only. ``profiles.store`` is the only place that writes to a database.
"""

"""Detection on counts: arrays of keys and steps in, signals out; no comments, no files, no clocks.

``state`` holds everything that is remembered, ``season`` and ``baseline`` say what is normal,
``significance`` how surprising a count is, ``rise`` accumulates slow rises, ``detector`` closes one
step of time after the other.
"""

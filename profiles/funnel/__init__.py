"""How far people come along a way of steps, who comes back, and which paths they take.

Events in (person, event, time, properties), results out; no database is written here. ``spec`` says
what is asked, ``events`` brings the rows in order, ``chains`` and ``unordered`` match them, and
``funnel`` puts the answer together. ``retention`` and ``paths`` stand beside it.
"""

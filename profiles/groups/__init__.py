"""Interest groups: persons whose interests are alike, found, named, saved and compared over time.

``vectors`` makes one row of shares per person, ``stability`` says how many groups there are (or
none), ``naming`` names them, ``model`` is what is saved and assigns new persons, ``drift`` aligns
two models, ``report`` puts it together.
"""

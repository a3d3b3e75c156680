"""Social influence: who is listened to, in which circles, and whom to ask first.

``graph`` makes a sparse graph of relations, ``ranking`` has PageRank and k-cores, ``communities``
finds circles, ``seeds`` picks persons for reach, ``report`` puts it together. SciPy and NumPy only.
"""

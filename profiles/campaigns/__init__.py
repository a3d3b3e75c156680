"""What came of a campaign: lift against the holdout, cost and return, tags of the persons reached.

``lift`` compares the two arms, ``report`` reads them from the store or a table, ``tags`` writes
what came of each person back.
"""

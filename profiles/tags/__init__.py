"""Two layers of tags: core fields with a fixed meaning, and business tags that rules make of them.

Industry packs (``packs/*.yaml``) add fields read from what people write, and tags over them.
"""

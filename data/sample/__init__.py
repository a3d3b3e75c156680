"""The bundled demo: our own comments with truth labels, made into dumps of an invented brand.

``corpus.jsonl`` holds the texts and labels, ``contents.yaml`` the twelve contents they stand under;
``generate.build_sample`` writes crawler dumps, shop reviews, users, events and orders, the same
bytes on each run.
The labels never enter the dumps, so the demo is also a held-out check of the model.
"""

"""Who pays attention to whom, as the store knows it: relations that were loaded, and answers.

An answer to a comment is attention to its author, and a comment is attention to the author of the
content; accounts are put together to persons. Comments to oneself are left out by the graph.
"""

from __future__ import annotations

import pyarrow as pa

from profiles.bench import lent_for_reading
from profiles.persons import by_person, relations_by_person
from profiles.store.base import Store


def read_relations(store: Store) -> pa.Table:
    """Return source, target and weight (how often) of every pair of persons in the store."""
    comments, contents = by_person("comments"), by_person("contents")
    tables = ("comments", "contents", "relations", "person_identifiers")
    with lent_for_reading(store, tables) as here:
        return here.read(
            f"""WITH said AS ({comments}), made AS ({contents}), edges AS (
            SELECT s.user_id AS source, answered.user_id AS target
            FROM said AS s JOIN said AS answered ON s.parent_id = answered.comment_id
                AND s.platform IS NOT DISTINCT FROM answered.platform
            UNION ALL
            SELECT s.user_id, made.user_id FROM said AS s JOIN made
                ON s.content_id = made.content_id
                AND s.platform IS NOT DISTINCT FROM made.platform
            WHERE s.parent_id IS NULL
            UNION ALL
            SELECT user_id, target_id FROM ({relations_by_person()}))
            SELECT source, target, count(*)::DOUBLE AS weight FROM edges
            WHERE source IS NOT NULL AND target IS NOT NULL GROUP BY ALL"""
        )

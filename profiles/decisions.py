"""What a person allows, made of everything that was said: the rule of consents, in DuckDB's SQL.

Each decision stays under the account or person of whom it was said; a person's consent to a purpose
is made of those of all their identifiers. It is in force from the latest moment at which it was
given until the first withdrawal from that moment on: the latest decision wins, and of two at one
moment the refusal. A decision that only withdraws begins and ends at its moment. So neither the
order of decisions nor that of merges matters, and a split gives both sides back what was theirs.

Growth: one grouping of the decisions.
"""

from __future__ import annotations

DECISION_KEY = ("key", "purpose", "given_at", "withdrawn_at")  # one row each; null equals null


def consents_sql(decisions: str, members: str) -> str:
    """Return a SELECT of the consents that decisions make, by person and purpose.

    ``members`` has ``key`` and ``person_id``; who is not in it is their own person.
    """
    return f"""
        WITH facts AS (
            SELECT told.*, coalesce(member.person_id, told.key) AS person_id,
                told.withdrawn_at IS NOT DISTINCT FROM told.given_at AS alone
            FROM {decisions} AS told LEFT JOIN {members} AS member ON member.key = told.key),
        starts AS (
            SELECT person_id, purpose, max(given_at) FILTER (NOT alone) AS g,
                max(given_at) FILTER (alone) AS refused
            FROM facts GROUP BY ALL),
        placed AS (
            SELECT facts.*, g, refused,
                CASE WHEN g IS NULL THEN given_at = refused
                    ELSE given_at = g AND NOT alone END AS gives,
                withdrawn_at >= coalesce(g, refused) AS ends
            FROM facts JOIN starts USING (person_id, purpose))
        SELECT person_id, purpose, arg_min(basis, key) FILTER (gives) AS basis,
            coalesce(any_value(g), any_value(refused)) AS given_at,
            min(withdrawn_at) FILTER (ends) AS withdrawn_at,
            coalesce(arg_min(run_id, (withdrawn_at, key)) FILTER (ends),
                arg_min(run_id, key) FILTER (gives)) AS run_id
        FROM placed GROUP BY person_id, purpose ORDER BY person_id, purpose"""


def undecided_sql(consents: str, decisions: str, members: str) -> str:
    """Return a SELECT, as decisions, of the consents that no decision stands behind.

    Those of stores of earlier releases, which kept consents alone.
    """
    return f"""
        SELECT kept.person_id AS key, kept.purpose, kept.basis, kept.given_at, kept.withdrawn_at,
            kept.run_id
        FROM {consents} AS kept ANTI JOIN (
            SELECT coalesce(member.person_id, told.key) AS person_id, told.purpose
            FROM {decisions} AS told LEFT JOIN {members} AS member ON member.key = told.key
        ) AS known ON known.person_id = kept.person_id AND known.purpose = kept.purpose"""

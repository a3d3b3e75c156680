"""ibis expressions over stored tables: made without asking the database, compiled to its SQL."""

from __future__ import annotations

from typing import Any

from profiles.store.layout import ibis_schema, load_ibis, table_names


def expression_of(backend: Any, name: str, stored_as: str | None = None) -> Any:
    """Return the table ``name`` as an expression of ``backend``.

    Columns and types are those of the layout, so that all engines agree; tables that are not in it
    (temporary ones) are asked for. ``stored_as`` is the relation that holds it, if not ``name``.
    """
    if name not in table_names():
        return backend.table(name)
    load_ibis()
    from ibis.expr import operations as ops

    return ops.DatabaseTable(
        name=stored_as or name,
        schema=ibis_schema(name),
        source=backend,
        namespace=ops.Namespace(),
    ).to_expr()


def compiled(backend: Any, expr: Any) -> str:
    """Return the SELECT that answers ``expr``; tables in memory that it names are registered."""
    backend._run_pre_execute_hooks(expr)  # what the backend's own execute does first (ibis 12.0.0)
    return str(backend.compile(expr))

"""ibis' compiler for PostgreSQL with one correction: members of records that are text.

ibis 12.0.0 reads a member with ``jsonb_extract_path`` and casts the jsonb, which leaves the quotes
of JSON around text. Taken as text it is the value itself, and casts to numbers stay what they are.
"""

from __future__ import annotations

from typing import Any

from profiles.store.layout import load_ibis


def with_text_members(backend: Any) -> Any:
    """Return ``backend`` with the corrected compiler."""
    load_ibis()
    from ibis.backends.sql.compilers.postgres import PostgresCompiler

    class Compiler(PostgresCompiler):  # type: ignore[misc,unused-ignore]
        def visit_StructField(self, op: Any, *, arg: Any, field: str) -> Any:
            if op.dtype.is_nested() or op.dtype.is_json():
                return super().visit_StructField(op, arg=arg, field=field)
            at = op.arg.dtype.names.index(field) + 1
            member = self.f.jsonb_extract_path_text(self.f.to_jsonb(arg), f"f{at:d}")
            return self.cast(member, op.dtype)

    backend.compiler = Compiler()
    return backend

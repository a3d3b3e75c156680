"""A body that streams into a job's folder: never whole in memory, never half a job."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

from serving.api.errors import ApiError
from serving.api.job_shelf import JobRecord, JobShelf, iso_now, new_job_id

PIECE_BYTES: Final = 1_048_576
_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


async def receive_upload(
    stream: AsyncIterator[bytes],
    shelf: JobShelf,
    *,
    most_waiting: int,
    input_file: str,
    **record: Any,
) -> tuple[JobRecord, bool]:
    """Makes a job of the body; the second of the pair is false where its key named one already.

    Raises ApiError: 422 for an empty body, 507 without space, and what ``JobShelf.add`` raises.
    """
    job_id = new_job_id()
    draft: Path | None = None
    try:
        draft = await asyncio.to_thread(shelf.draft, job_id)
        size, digest = await _save(stream, draft / input_file)
        job = JobRecord(
            id=job_id,
            status="queued",
            created_at=iso_now(),
            input_file=input_file,
            input_bytes=size,
            input_sha256=digest,
            **record,
        )
        return await asyncio.to_thread(shelf.add, job, draft, most_waiting=most_waiting)
    except OSError as error:
        if error.errno in _FULL:
            raise ApiError(
                507,
                "no_space",
                "expected space for the upload, found the disk full",
                "tell the operator; delete finished jobs",
            ) from error
        raise
    finally:
        if draft is not None:
            shutil.rmtree(draft, ignore_errors=True)  # of a finished upload nothing is left there


async def _save(stream: AsyncIterator[bytes], path: Path) -> tuple[int, str]:
    """Writes the stream; gives its bytes and their SHA-256."""
    digest, size, pieces = hashlib.sha256(), 0, bytearray()
    with path.open("xb") as file:

        def flush(data: bytes) -> None:
            file.write(data)
            digest.update(data)

        async for chunk in stream:
            pieces += chunk
            size += len(chunk)
            if len(pieces) >= PIECE_BYTES:
                await asyncio.to_thread(flush, bytes(pieces))
                pieces.clear()
        flush(bytes(pieces))
    if not size:
        raise ApiError(
            422, "invalid", "expected rows in the body, found none", "send JSON lines or CSV"
        )
    return size, digest.hexdigest()

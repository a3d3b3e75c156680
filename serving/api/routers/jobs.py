"""``/v1/jobs``: large texts in one upload, scored in the background, the result as a file."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from fastapi import Header, Query, Request, Response
from fastapi.responses import FileResponse

from serving.api.deps import LONGEST_ID, AnalyzeKey, BareServiceDep, Id
from serving.api.errors import ApiError
from serving.api.job_shelf import JobRecord, JobShelf
from serving.api.results import to_bytes
from serving.api.schemas import JobAnswer, JobsAnswer
from serving.api.strict import refusals, strict_router
from serving.api.upload import receive_upload

router: Final = strict_router("jobs")
MAX_RANGES: Final = 8
UPLOADS: Final = {"application/x-ndjson": "input.jsonl", "text/csv": "input.csv"}
_BODY: Final = {
    "required": True,
    "content": {
        "application/x-ndjson": {
            "schema": {"type": "string"},
            "example": '{"comment_id": "7301", "text": "这也太难喝了吧，再也不买了"}\n',
        },
        "text/csv": {
            "schema": {"type": "string"},
            "example": "comment_id,text\n7301,服务态度特别好\n",
        },
    },
}
Column = Annotated[
    str | None,
    Query(min_length=1, max_length=128, description="the text's column; without it recognised"),
]
IdempotencyKey = Annotated[
    str | None,
    Header(alias="Idempotency-Key", min_length=1, max_length=128, pattern=r"^[!-~]+$"),
]


@router.post(
    "/v1/jobs",
    status_code=202,
    responses={202: {"model": JobAnswer}, 200: {"model": JobAnswer}, **refusals(409, 507)},
    response_model=None,
    openapi_extra={"requestBody": _BODY},
    summary="Upload texts to score",
)
async def create_job(
    request: Request,
    caller: AnalyzeKey,
    service: BareServiceDep,
    out: Literal["jsonl", "csv", "parquet", "xlsx"] = "jsonl",
    text_column: Column = None,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Takes JSON lines or CSV as a stream and answers 202 with the job.

    The same upload with the same `Idempotency-Key` gives the same job (200), another one 409.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in UPLOADS:
        raise ApiError(
            415,
            "unsupported_media_type",
            f"expected Content-Type: {' or '.join(UPLOADS)}, found another",
            "correct the header",
        )
    record, is_new = await receive_upload(
        request.stream(),
        service.shelf,
        most_waiting=service.settings.job_max_waiting,
        tenant=caller.tenant,
        input_file=UPLOADS[kind],
        out=out,
        text_column=text_column,
        idempotency_key=idempotency_key,
    )
    if is_new:
        service.jobs.wake()
    status = 202 if is_new else 200
    headers = {"Location": f"/v1/jobs/{record.id}"}
    return _json(_shown(service.shelf, record), status, headers)


@router.get(
    "/v1/jobs",
    responses={200: {"model": JobsAnswer}, **refusals()},
    response_model=None,
    summary="Jobs, newest first",
)
async def list_jobs(
    caller: AnalyzeKey,
    service: BareServiceDep,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[
        str | None, Query(max_length=LONGEST_ID, pattern=r"^job-[0-9TZa-f.-]+$")
    ] = None,
) -> Response:
    """A page of the tenant's jobs; `cursor` is the `next` of the page before."""
    found = [
        job for job in service.shelf.of_tenant(caller.tenant) if cursor is None or job.id < cursor
    ]
    page = found[:limit]
    more = page[-1].id if len(found) > limit else None
    return _json({"jobs": [_shown(service.shelf, job) for job in page], "next": more})


@router.get(
    "/v1/jobs/{job_id}",
    responses={200: {"model": JobAnswer}, **refusals(404)},
    response_model=None,
    summary="One job and how far it is",
)
async def get_job(job_id: Id, caller: AnalyzeKey, service: BareServiceDep) -> Response:
    """`rows_done` of `rows_total`; once it is done, a summary and the path of the result."""
    return _json(_shown(service.shelf, service.shelf.get(caller.tenant, job_id)))


@router.get(
    "/v1/jobs/{job_id}/result",
    responses={
        200: {"content": {"application/octet-stream": {"schema": {"type": "string"}}}},
        206: {"description": "The range asked for"},
        **refusals(404, 409, 416),
    },
    response_class=Response,
    summary="The scored file",
)
async def job_result(
    request: Request, job_id: Id, caller: AnalyzeKey, service: BareServiceDep
) -> Response:
    """The finished file; 409 while there is none."""
    job = service.shelf.get(caller.tenant, job_id)
    path = service.shelf.folder(job.id) / job.result_file
    if job.status != "done" or not path.is_file():
        raise _not_yet(job)
    if request.headers.get("range", "").count(",") >= MAX_RANGES:
        raise ApiError(
            416, "bad_range", f"expected at most {MAX_RANGES} ranges, found more", "ask for one"
        )
    return FileResponse(path, filename=f"{job.id}.{job.out}")


@router.get(
    "/v1/jobs/{job_id}/rejects",
    responses={
        200: {"content": {"application/x-ndjson": {"schema": {"type": "string"}}}},
        **refusals(404, 409),
    },
    response_class=Response,
    summary="Rows that could not be read",
)
async def job_rejects(job_id: Id, caller: AnalyzeKey, service: BareServiceDep) -> Response:
    """Line, reason and what stood there of each rejected row, as JSON lines; maybe none."""
    job = service.shelf.get(caller.tenant, job_id)
    if job.status != "done":
        raise _not_yet(job)
    path = service.shelf.folder(job.id) / f"{job.result_file}.rejects.jsonl"
    if not path.is_file():
        return Response(b"", media_type="application/x-ndjson")
    return FileResponse(path, media_type="application/x-ndjson")


@router.post(
    "/v1/jobs/{job_id}/cancel",
    responses={200: {"model": JobAnswer}, **refusals(404)},
    response_model=None,
    summary="Stop a job",
)
async def cancel_job(job_id: Id, caller: AnalyzeKey, service: BareServiceDep) -> Response:
    """Stops an unfinished job; one that is finished stays as it is."""
    job = service.shelf.get(caller.tenant, job_id)
    return _json(_shown(service.shelf, service.jobs.cancel(job.id) or job))


@router.delete(
    "/v1/jobs/{job_id}", status_code=204, responses=refusals(404), summary="Stop and forget a job"
)
async def delete_job(job_id: Id, caller: AnalyzeKey, service: BareServiceDep) -> Response:
    """Stops the job and deletes its files."""
    job = service.shelf.get(caller.tenant, job_id)
    service.jobs.cancel(job.id)
    service.shelf.remove(job.id)
    return Response(status_code=204)


def _not_yet(job: JobRecord) -> ApiError:
    return ApiError(
        409, "not_done", f"expected a finished job, found one that is {job.status}", "ask later"
    )


def _shown(shelf: JobShelf, job: JobRecord) -> dict[str, Any]:
    names = ("id", "status", "created_at", "finished_at", "input_bytes", "out", "error")
    shown = {name: getattr(job, name) for name in names} | shelf.progress(job.id)
    return shown | {"result": f"/v1/jobs/{job.id}/result" if job.status == "done" else None}


def _json(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(to_bytes(value), status, headers, media_type="application/json")

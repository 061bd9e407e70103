"""Errors as RFC 9457 ``application/problem+json``: what happened and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from heimdex.domain.errors import BadRequest, HeimdexError, NotFound
from heimdex.web.headers import SECURITY_HEADERS

log = structlog.get_logger()

_EXAMPLE = 'Send {"query": "red car"}, in UTF-8.'
#: of a field's name that an answer repeats
_NAME_CHARACTERS = 80


class Problem(BaseModel):
    """The body of every answer that is not a success."""

    type: str = Field(description="Stable name of the kind of problem, as a URN.")
    code: str = Field(description="The last part of `type`.")
    title: str
    status: int
    detail: str = Field(description="What happened, in one sentence.")
    remedy: str = Field("", description="What to do about it.")


class ProblemResponse(JSONResponse):
    """A problem on its way out."""

    media_type = "application/problem+json"


class Busy(HeimdexError):
    """As many searches as the server takes are running."""

    code = "busy"
    http_status = 503


def problem(
    status: int, code: str, detail: str, *, remedy: str = "", headers: Mapping[str, str] | None = None
) -> ProblemResponse:
    """Return the response for one problem; 503 says when to try again."""
    body = Problem(
        type=f"urn:heimdex:problem:{code}",
        code=code,
        title=code.replace("_", " ").capitalize(),
        status=status,
        detail=detail,
        remedy=remedy,
    )
    extra = dict(headers or {})
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        extra.setdefault("Retry-After", "1")
    return ProblemResponse(body.model_dump(), status_code=status, headers=extra)


def install(app: FastAPI) -> None:
    """Let every error of ``app`` leave as a problem."""
    app.add_exception_handler(HeimdexError, _known)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


async def _known(_request: Request, error: Exception) -> ProblemResponse:
    assert isinstance(error, HeimdexError)  # noqa: S101
    if error.http_status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.warning("Request failed", error=error.code, reason=error.message)
    return problem(error.http_status, error.code, error.message, remedy=error.remedy)


async def _invalid(request: Request, error: Exception) -> ProblemResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return problem(400, BadRequest.code, "The body is not valid JSON.", remedy=_EXAMPLE)
    if first["loc"] == ("body",) and not _says_json(request):
        detail = "The body is not declared as JSON."
        return problem(415, "unsupported_media_type", detail, remedy="Send Content-Type: application/json.")
    place = [str(part) for part in first["loc"] if part not in ("body", "query", "path")] or [str(first["loc"][-1])]
    where = _short(".".join(place))
    return problem(422, BadRequest.code, f"{where}: {first['msg']}.", remedy="See /openapi.json.")


def _says_json(request: Request) -> bool:
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))


def _short(name: str) -> str:
    return name if len(name) <= _NAME_CHARACTERS else name[:_NAME_CHARACTERS] + "…"


async def _http(_request: Request, error: Exception) -> ProblemResponse:
    assert isinstance(error, HTTPException)  # noqa: S101
    if error.status_code == HTTPStatus.NOT_FOUND:
        return problem(404, NotFound.code, "There is nothing at this address.", remedy="See /openapi.json.")
    if error.status_code == HTTPStatus.BAD_REQUEST:  # nested too deep, not UTF-8, a number of thousands of digits
        return problem(400, BadRequest.code, "The body cannot be read as JSON.", remedy=_EXAMPLE)
    name = HTTPStatus(error.status_code).name.lower()
    return problem(error.status_code, name, f"{error.detail}.", headers=error.headers)


async def _unexpected(_request: Request, error: Exception) -> ProblemResponse:
    log.error("Request failed unexpectedly", error=type(error).__name__, exc_info=error)
    # answered outside of the guard, which adds these headers to every other answer
    headers = SECURITY_HEADERS
    return problem(
        500, "error", "Something went wrong inside the server.", remedy="The server's log says what.", headers=headers
    )

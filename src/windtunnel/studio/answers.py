"""How the API answers: JSON in, JSON out, errors as sentences with the status that fits."""

from __future__ import annotations

import inspect
import json
import sys
import traceback
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from windtunnel.base.errors import UsageError, WindtunnelError

Body = Mapping[str, Any]


class NotThere(WindtunnelError):  # noqa: N818 - what it is
    """There is nothing of that name: 404."""


def get(path: str, function: Callable[..., Any]) -> Route:
    """A route that looks: `function(studio, **parameters of the path)` gives the JSON to answer."""

    async def endpoint(request: Request) -> Response:
        return await _answered(function, request.app.state.studio, **request.path_params)

    return Route(path, endpoint, methods=["GET"])


def post(path: str, function: Callable[..., Any]) -> Route:
    """A route that acts: `function(studio, body, **parameters of the path)`; the body is a JSON object."""

    async def endpoint(request: Request) -> Response:
        try:
            body = json.loads(await request.body() or b"{}")
        except (ValueError, RecursionError):
            return reply({"error": "the body is no JSON"}, 400)
        if not isinstance(body, dict):
            return reply({"error": "the body is a JSON object"}, 400)
        return await _answered(function, request.app.state.studio, body, **request.path_params)

    return Route(path, endpoint, methods=["POST"])


async def _answered(function: Callable[..., Any], *args: Any, **more: Any) -> Response:
    try:
        if inspect.iscoroutinefunction(function):
            value = await _awaited(function(*args, **more))
        else:
            value = await run_in_threadpool(function, *args, **more)
    except NotThere as error:
        return reply({"error": str(error)}, 404)
    except UsageError as error:
        return reply({"error": " ".join(str(error).split())}, 400)
    except WindtunnelError as error:
        return reply({"error": str(error)}, 409)
    except Exception:  # noqa: BLE001 - a bug of ours: the terminal has the traceback, the page stays alive
        traceback.print_exc(file=sys.stderr)
        return reply({"error": "an error of windtunnel itself: the terminal of the studio shows the traceback"}, 500)
    return value if isinstance(value, Response) else reply(value)


async def _awaited(value: Awaitable[Any]) -> Any:
    return await value


def reply(value: Any, status: int = 200) -> Response:
    """JSON that is not kept by the browser."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
    body = text.encode("utf-8", "replace")
    return Response(body, status, {"cache-control": "no-store"}, media_type="application/json")


# --- Reading what a page sent ---


def text(body: Body, name: str, *, longest: int = 200, default: str | None = None) -> str:
    """A text of the body. Raises UsageError."""
    value = body.get(name, default)
    if not isinstance(value, str) or len(value) > longest:
        raise UsageError(f"{name}: expected a text of at most {longest} characters; got {_short(value)}")
    return value


def texts(body: Body, name: str, *, most: int = 50) -> tuple[str, ...]:
    """A list of texts, empty if it is not there. Raises UsageError."""
    value = body.get(name) or []
    if not isinstance(value, list) or len(value) > most or not all(isinstance(item, str) and len(item) <= 200 for item in value):
        raise UsageError(f"{name}: expected a list of at most {most} texts; got {_short(value)}")
    return tuple(value)


def number(body: Body, name: str, low: float, high: float, default: float | None = None) -> float | None:
    """A number of the body between two bounds, or the default. Raises UsageError."""
    value = body.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise UsageError(f"{name}: expected a number from {low:g} to {high:g}; got {_short(value)}")
    return float(value)


def whole(body: Body, name: str, low: int, high: int, default: int | None = None) -> int | None:
    """A whole number of the body between two bounds, or the default. Raises UsageError."""
    value = body.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise UsageError(f"{name}: expected a whole number from {low} to {high}; got {_short(value)}")
    return value


def _short(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 80 else shown[:77] + "..."

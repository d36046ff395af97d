"""The routes of the studio: the shell, files, and the API."""

from __future__ import annotations

import contextlib
import mimetypes
from collections.abc import AsyncIterator, Callable
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from windtunnel import __version__
from windtunnel.studio import figures, school, shelf, tunnel, workbench
from windtunnel.studio.answers import NotThere, get, post, reply
from windtunnel.studio.jobs import Jobs
from windtunnel.studio.places import Places
from windtunnel.studio.stream import follow, place_of

PAGES = (
    "/",
    "/choose",
    "/path",
    "/path/{id}",
    "/lesson/{id}",
    "/lab/{id}",
    "/calculators",
    "/calculator/{id}",
    "/catalogue",
    "/system/{id}",
    "/run",
    "/run/{id}",
    "/job/{id}",
    "/decisions",
    "/decision/{id}",
)
"""The addresses of pages. All of them are the same document: the router in the browser looks at the address."""

MEDIA = {".js": "text/javascript", ".woff2": "font/woff2", ".css": "text/css", ".svg": "image/svg+xml", ".html": "text/html"}
VIEWER = "viewer"
"""The folder under which the browser finds the modules of the trace viewer, which reports share with the studio."""


class Studio:
    """What the API works with: places on this machine, and the jobs."""

    def __init__(self, places: Places) -> None:
        self.places = places
        self.jobs = Jobs()

    async def aside(self, function: Callable[..., Any], *args: Any) -> Any:
        """The result of `function(*args)`, called in a thread so that nobody waits for it."""
        return await run_in_threadpool(function, *args)


def application(places: Places) -> Starlette:
    """The studio as an ASGI application, to be put behind a Guard."""
    studio = Studio(places)

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        await studio.jobs.close()

    routes = [
        *(Route(path, _shell, methods=["GET"]) for path in PAGES),
        Route("/static/{name:path}", _file, methods=["GET"]),
        *_api(),
        Route("/api/{rest:path}", _no_such_api, methods=["GET", "POST"]),
        Route("/{rest:path}", _no_such_page, methods=["GET"]),
    ]
    app = Starlette(routes=routes, lifespan=lifespan)
    app.state.studio = studio
    return app


def _api() -> list[Route]:
    return [
        get("/api/home", school.home),
        get("/api/placement", school.exercises),
        post("/api/placement", school.propose),
        get("/api/paths", school.all_paths),
        get("/api/paths/{name}", school.one_path),
        post("/api/paths/{name}/start", school.start_path),
        get("/api/lessons/{name}", school.one_lesson),
        post("/api/lessons/{name}/answer", school.answer),
        post("/api/lessons/{name}/try", school.try_it),
        get("/api/decisions", school.all_decisions),
        get("/api/decisions/{name}", school.one_decision),
        post("/api/decisions/{name}/walk", school.decide),
        get("/api/labs/{name}", workbench.one_lab),
        post("/api/labs/{name}/start", workbench.start_lab),
        get("/api/labs/{name}/source", workbench.source),
        post("/api/labs/{name}/hint", workbench.take_hint),
        get("/api/labs/{name}/solution", workbench.solution),
        post("/api/labs/{name}/predict", workbench.predict),
        post("/api/labs/{name}/check", workbench.check_lab),
        get("/api/calculators", figures.all_calculators),
        get("/api/calculators/{name}", figures.one_calculator),
        post("/api/calculators/{name}", figures.compute),
        post("/api/calculators/{name}/check", figures.check_figure),
        post("/api/calculators/{name}/measure", figures.measure_here),
        get("/api/catalogue", shelf.catalogue),
        get("/api/systems", tunnel.systems),
        get("/api/runs", tunnel.runs),
        post("/api/runs", tunnel.start_run),
        get("/api/runs/{run}", tunnel.one_run),
        get("/api/runs/{run}/report", tunnel.report),
        post("/api/runs/{run}/fork", tunnel.fork_run),
        get("/api/jobs", tunnel.jobs),
        Route("/api/jobs/{job}/events", _events, methods=["GET"]),
        post("/api/jobs/{job}/pace", tunnel.pace),
        post("/api/jobs/{job}/cancel", tunnel.cancel),
    ]


async def _events(request: Request) -> Response:
    """A job, followed as server-sent events."""
    studio: Studio = request.app.state.studio
    try:
        job = tunnel.job_of(studio, request.path_params["job"])
    except NotThere as error:
        return reply({"error": str(error)}, 404)
    after = place_of(request.headers.get("last-event-id"))
    head = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return StreamingResponse(follow(job, after, studio.jobs.closing), media_type="text/event-stream", headers=head)


async def _no_such_api(_request: Request) -> Response:
    return reply({"error": "there is nothing here"}, 404)


# --- Documents ---


@cache
def _assets() -> dict[str, Traversable]:
    """Every file that the browser may have, by its name: what is not in this table does not exist."""
    found: dict[str, Traversable] = {}
    _gather(files("windtunnel.studio") / "static", "", found)
    _gather(files("windtunnel.reports") / "static", f"{VIEWER}/", found)
    return found


def _gather(folder: Traversable, prefix: str, found: dict[str, Traversable]) -> None:
    for item in folder.iterdir():
        if item.is_dir():
            _gather(item, f"{prefix}{item.name}/", found)
        elif item.name.endswith(tuple(MEDIA)):
            found[f"{prefix}{item.name}"] = item


async def _file(request: Request) -> Response:
    asset = _assets().get(request.path_params["name"])
    if asset is None:
        return Response("there is no such file\n", 404, media_type="text/plain")
    kind = MEDIA.get("." + asset.name.rpartition(".")[2]) or mimetypes.guess_type(asset.name)[0]
    return Response(asset.read_bytes(), media_type=kind, headers={"cache-control": "no-cache"})


@cache
def _document() -> bytes:
    text = (files("windtunnel.studio") / "static" / "index.html").read_text(encoding="utf-8")
    return text.replace("{version}", __version__).encode()


async def _shell(_request: Request) -> Response:
    return Response(_document(), media_type="text/html", headers={"cache-control": "no-cache"})


async def _no_such_page(_request: Request) -> Response:
    return Response(_document(), 404, media_type="text/html", headers={"cache-control": "no-cache"})

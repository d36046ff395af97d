"""The catalogue: everything that can be run, built, computed or read, as rows that a page can search."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from windtunnel.studio.school import address, journal

if TYPE_CHECKING:
    from windtunnel.studio.app import Studio

Row = dict[str, Any]


def catalogue(studio: Studio) -> dict[str, Any]:
    """All rows: kind, title, one line, tags, address, and whether the learner has done it."""
    done = journal(studio).read().passed()
    rows = [*_systems(), *_labs(), *_safeguards(), *_calculators(), *_lessons(), *_decisions(), *_models()]
    return {"rows": [row | {"done": row["item"] in done} for row in rows]}


def _row(item: str, kind: str, title: str, text: str, tags: list[str], href: str = "") -> Row:
    line = " ".join(text.split())
    return {"item": item, "kind": kind, "title": title, "text": line, "tags": tags, "href": href or address(item)}


def _laws(laws: tuple[int, ...]) -> list[str]:
    return [f"law {law}" for law in laws]


def _systems() -> Iterator[Row]:
    from windtunnel import systems  # noqa: PLC0415 - each list loads only what it shows

    for name in systems.names():
        found = systems.find(name)
        title, _, text = found.title.partition(":")
        tags = [found.family, found.interface, found.promise]
        yield _row(f"run:{name}", "system", title, text or found.source, tags, f"/system/{name}")


def _labs() -> Iterator[Row]:
    from windtunnel import labs  # noqa: PLC0415

    for lab in labs.catalogue():
        tags = [f"{lab.hours:g} h", f"difficulty {lab.difficulty}", lab.form, *_laws(lab.laws), *lab.pillars]
        yield _row(f"lab:{lab.id}", "lab", lab.title, lab.summary, tags)


def _safeguards() -> Iterator[Row]:
    from windtunnel import labs  # noqa: PLC0415
    from windtunnel.labs.safeguards import safeguard_ids  # noqa: PLC0415

    for name in safeguard_ids():
        lab = labs.find(name)
        yield _row(f"lab:{name}", "safeguard", lab.title.replace("_", " "), lab.summary, [name.partition("/")[0], "15 min"])


def _calculators() -> Iterator[Row]:
    from windtunnel.quant import CALCULATORS  # noqa: PLC0415

    for each in CALCULATORS.values():
        yield _row(f"calc:{each.name}", "calculator", each.title, each.source, [each.group, each.name])


def _lessons() -> Iterator[Row]:
    from windtunnel.learn import lessons  # noqa: PLC0415

    for lesson in lessons().values():
        yield _row(lesson.item, "lesson", lesson.title, lesson.objective, [f"{lesson.minutes} min", *_laws(lesson.laws)])


def _decisions() -> Iterator[Row]:
    from windtunnel.learn import decisions  # noqa: PLC0415

    for made in decisions().values():
        yield _row(made.item, "decision", made.title, made.question, [f"{made.minutes} min", *_laws(made.laws)])


def _models() -> Iterator[Row]:
    from windtunnel.checkers import MODELS  # noqa: PLC0415

    for name, model in MODELS.items():
        about = " ".join(model.doc.split("\n\n")[0].split())
        yield _row(f"model:{name}", "model", name, about, [model.promise, *model.functions][:6], "/catalogue?kind=model")

"""docs/compatibility.md tells the truth about every public name of the packages replaced.

    python tests/test_compatibility.py

prints the rows as they would have to be, with the reasons that the page has now.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from pathlib import Path
from types import ModuleType
from typing import Any, Iterator, TypeVar

import prometheus_client
import prometheus_flask_exporter
import prometheus_flask_exporter.multiprocess

import pyrometer.client

PAGE = Path(__file__).parents[2] / "docs/compatibility.md"

# How many names may differ or be missing. To be lowered with every one that is mended.
DIFFERENCES_MAX = 17

ROW = re.compile(r"\| `([\w.]+)` \| (same|differs: .+|missing: .+) \|")
MISSING = object()
# Names of the standard library that a module happens to have.
BORROWED = {"TYPE_CHECKING", "maxunicode", "ContextManager", "contextmanager"}


def modules() -> Iterator[tuple[ModuleType, str]]:
    """The modules of both packages, and where ours are."""
    yield prometheus_client, "pyrometer.client"
    for found in pkgutil.walk_packages(prometheus_client.__path__, "prometheus_client."):
        ours = found.name.replace("prometheus_client", "pyrometer.client")
        yield importlib.import_module(found.name), ours
    yield prometheus_flask_exporter, "pyrometer.flask_exporter"
    yield prometheus_flask_exporter.multiprocess, "pyrometer.flask_exporter.multiprocess"


def public_names(module: ModuleType) -> list[str]:
    if hasattr(module, "__all__"):
        return sorted(module.__all__)
    return sorted(
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and name not in BORROWED
        and not inspect.ismodule(value)
        and not isinstance(value, TypeVar)
        and getattr(value, "__module__", module.__name__) == module.__name__
    )


def parameters(value: Any) -> list[tuple[Any, ...]]:
    """What can be passed: names, kinds and defaults. Types are no part of a call."""
    try:
        signature = inspect.signature(value)
    except (TypeError, ValueError):
        return []
    return [
        # Nobody passes `self` by its name.
        (one.name, "" if one.name == "self" else one.kind, plain(one.default))
        for one in signature.parameters.values()
    ]


def plain(default: Any) -> Any:
    """A default by its value, or by its kind where the value is an object of a package."""
    if isinstance(default, (int, float, str, bytes, tuple, type(None))):
        return default
    return type(default).__name__


def members(cls: type) -> list[str]:
    """Public names of a class that it or a base from the same package defines."""
    package = cls.__module__.partition(".")[0]
    return sorted(
        {
            name
            for base in cls.__mro__
            if base.__module__.partition(".")[0] == package
            for name in vars(base)
            if not name.startswith("_")
        }
    )


def status(theirs: Any, ours: Any) -> str:
    if ours is MISSING:
        return "missing"
    if callable(theirs) or isinstance(theirs, type):
        known = parameters(theirs)
        mine, more = parameters(ours)[: len(known)], parameters(ours)[len(known) :]
        # What can be left out and only be passed by name changes no call.
        is_more = all(
            kind is inspect.Parameter.KEYWORD_ONLY and default != plain(inspect.Parameter.empty)
            for _, kind, default in more
        )
        return "same" if mine == known and is_more else "differs"
    return "same" if type(theirs).__name__ == type(ours).__name__ else "differs"


def found() -> dict[str, str]:
    """All names, and what they are here."""
    rows: dict[str, str] = {}
    for module, place in modules():
        try:
            own: Any = importlib.import_module(place)
        except ImportError:
            own = None
        for name in public_names(module):
            theirs, ours = getattr(module, name), getattr(own, name, MISSING)
            row = f"{module.__name__}.{name}"
            rows[row] = status(theirs, ours)
            if isinstance(theirs, type) and theirs.__module__ == module.__name__:
                if ours is MISSING:
                    continue
                for member in members(theirs):
                    inner = getattr(ours, member, MISSING)
                    rows[f"{row}.{member}"] = status(getattr(theirs, member), inner)
    return rows


def listed() -> dict[str, str]:
    """The page's rows."""
    return dict(ROW.fullmatch(line).groups() for line in rows_of(PAGE.read_text()))  # type: ignore


def rows_of(text: str) -> list[str]:
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    unreadable = [line for line in rows if not ROW.fullmatch(line)]
    assert not unreadable, f"rows that say neither same, differs nor missing: {unreadable}"
    return rows


def test_the_page_lists_every_public_name_and_what_it_is_here() -> None:
    real = found()
    assert len(real) > 200, "the packages have more names than that"
    page = {name: text.partition(":")[0] for name, text in listed().items()}
    assert page == real


def test_differences_only_become_fewer() -> None:
    differing = [name for name, text in listed().items() if text != "same"]
    assert len(differing) == DIFFERENCES_MAX, "set DIFFERENCES_MAX lower, or mend what is new"


if __name__ == "__main__":
    reasons = listed() if PAGE.exists() else {}
    for name, kind in found().items():
        reason = reasons.get(name, "")
        text = reason if reason.partition(":")[0] == kind else f"{kind}: say how or why"
        print(f"| `{name}` | {'same' if kind == 'same' else text} |")

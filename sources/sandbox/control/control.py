"""The control interface under `/_sandbox/`; it needs no key and stays out of the log."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, fields
from typing import Any

import msgspec
from django.http import HttpRequest, HttpResponse, JsonResponse

from sources.sandbox.company.canaries import written
from sources.sandbox.company.simulate import advance
from sources.sandbox.control.edits import edit
from sources.sandbox.control.faults import FAULTS, Rule
from sources.sandbox.control.snapshots import keep, rewind
from sources.sandbox.control.truth import TABLES, truth
from sources.sandbox.persistence import move_on, put_by
from sources.sandbox.state import WORLD, Gate, Options

Verb = Callable[[dict[str, Any]], Any]


def answering(**verbs: Verb) -> Callable[[HttpRequest], HttpResponse]:
    """A view that hands the body or query to a verb's function; mistakes are a 400 with a sentence."""

    def view(request: HttpRequest) -> HttpResponse:
        verb = verbs.get(str(request.method))
        if verb is None:
            return JsonResponse({"error": f"{request.method} is not offered here"}, status=405)
        try:
            asked = json.loads(request.body) if request.body else request.GET.dict()
            return HttpResponse(msgspec.json.encode(verb(asked)), content_type="application/json")
        except (KeyError, TypeError, ValueError, StopIteration) as error:
            return JsonResponse({"error": f"{type(error).__name__}: {error}"}, status=400)

    view.csrf_exempt = True  # type: ignore[attr-defined]
    return view


def show_truth(asked: dict[str, Any]) -> Any:
    """`GET truth/?key=label&tables=cohorts,users`; without `tables` it is all of them."""
    chosen = asked.get("tables")
    return truth(WORLD.key_called(asked.get("key", "owner")), chosen.split(",") if chosen else TABLES)


def show_requests(asked: dict[str, Any]) -> Any:
    """`GET requests/`."""
    del asked
    with WORLD.lock:
        return list(WORLD.log)


def forget_requests(asked: dict[str, Any]) -> Any:
    """`DELETE requests/`."""
    del asked
    with WORLD.lock:
        WORLD.log.clear()
    return {}


def make_key(asked: dict[str, Any]) -> Any:
    """`POST keys/ {"label", "user", "scopes", "scoped_teams", "scoped_organizations"}`."""
    label, user = str(asked.pop("label")), str(asked.pop("user", "owner"))
    return {"key": WORLD.new_key(label, user, **asked).token}


def change_key(asked: dict[str, Any]) -> Any:
    """`PATCH keys/ {"label", "scopes", "scoped_teams", "scoped_organizations", "revoked"}`."""
    key = WORLD.key_called(asked.pop("label"))
    for name, value in asked.items():
        setattr(key, name, value)
    return {"label": key.label}


def add_gate(asked: dict[str, Any]) -> Any:
    """`POST gates/ {"table", "status", "project"}`."""
    WORLD.gates.append(Gate(**asked))
    return {"gates": len(WORLD.gates)}


def open_gates(asked: dict[str, Any]) -> Any:
    """`DELETE gates/`."""
    del asked
    WORLD.gates.clear()
    return {}


def add_fault(asked: dict[str, Any]) -> Any:
    """`POST faults/ a rule, see `faults.py``."""
    return {"faults": FAULTS.add(Rule(**asked))}


def clear_faults(asked: dict[str, Any]) -> Any:
    """`DELETE faults/`."""
    del asked
    FAULTS.clear()
    return {}


def let_time_pass(asked: dict[str, Any]) -> Any:
    """`POST advance/ {"steps": days}`."""
    for _ in range(int(asked.get("steps", 1))):
        move_on(WORLD) if WORLD.kept else advance(WORLD)
    if WORLD.kept:
        put_by(WORLD.kept, WORLD)
    return {"now": written(WORLD.now), "step": WORLD.step}


def change_rows(asked: dict[str, Any]) -> Any:
    """`POST edit/ a change, see `edits.py``."""
    return {"rows": edit(WORLD, **asked)}


def remove_rows(asked: dict[str, Any]) -> Any:
    """`POST clear/ {"table", "project"}`."""
    project = asked.get("project")
    return {
        "rows": edit(
            WORLD, asked["table"], delete=True, parents={} if project is None else {"project_id": project}
        )
    }


def set_options(asked: dict[str, Any]) -> Any:
    """`POST options/ {name: value}`."""
    known = {field.name for field in fields(Options)}
    if "count_cap" in asked:
        asked.setdefault("count_exact_to", asked["count_cap"])
    for name, value in asked.items():
        if name not in known:
            message = f"no option {name}; there are {', '.join(sorted(known))}"
            raise ValueError(message)
        setattr(WORLD.options, name, value)
    return asdict(WORLD.options)


def clear_options(asked: dict[str, Any]) -> Any:
    """`DELETE options/`."""
    del asked
    WORLD.options = Options()
    return {}


def keep_company(asked: dict[str, Any]) -> Any:
    """`POST keep/ {"name"}`."""
    keep(WORLD, named(asked))
    return {}


def go_back(asked: dict[str, Any]) -> Any:
    """`POST rewind/ {"name"}`."""
    rewind(WORLD, named(asked))
    return {}


def named(asked: dict[str, Any]) -> str:
    """The name under which the company is kept, which becomes part of tables' names."""
    name = str(asked.get("name", ""))
    if name and not name.isidentifier():
        message = f"a company cannot be kept as {name!r}"
        raise ValueError(message)
    return name


VIEWS = {
    "keep": answering(POST=keep_company),
    "rewind": answering(POST=go_back),
    "faults": answering(POST=add_fault, DELETE=clear_faults),
    "advance": answering(POST=let_time_pass),
    "edit": answering(POST=change_rows),
    "clear": answering(POST=remove_rows),
    "truth": answering(GET=show_truth),
    "requests": answering(GET=show_requests, DELETE=forget_requests),
    "keys": answering(POST=make_key, PATCH=change_key),
    "gates": answering(POST=add_gate, DELETE=open_gates),
    "options": answering(POST=set_options, DELETE=clear_options),
}

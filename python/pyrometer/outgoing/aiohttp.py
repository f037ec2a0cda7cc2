"""aiohttp's client, by its public tracing. Each redirect is a call of its own."""

from __future__ import annotations

import functools
from time import perf_counter
from typing import Any, Callable

from . import recording
from .patching import Patches


def patch(module: Any, patches: Patches) -> None:
    """Hooks aiohttp 3: sessions made from now on are traced."""

    def make(original: Any) -> Any:
        @functools.wraps(original)
        def init(self: Any, *args: Any, **kwargs: Any) -> None:
            try:
                own = kwargs.get("trace_configs") or ()
                kwargs["trace_configs"] = [*own, _tracing(module, patches)]
            except Exception as error:
                recording.log_once("aiohttp is not counted", error)
            original(self, *args, **kwargs)

        return init

    patches.replace(module.ClientSession, "__init__", make)


def _tracing(module: Any, patches: Patches) -> Any:
    config = module.TraceConfig()
    config.on_request_start.append(_guarded(_start, patches))
    config.on_request_redirect.append(_guarded(_end, patches))
    config.on_request_end.append(_guarded(_end, patches))
    config.on_request_exception.append(_guarded(_failed, patches))
    return config


def _guarded(note: Callable[[Any, Any], None], patches: Patches) -> Any:
    async def told(session: Any, context: Any, params: Any) -> None:
        if not patches.is_on:
            return
        try:
            note(context, params)
        except Exception as error:
            recording.log_once("aiohttp is not counted", error)

    return told


def _start(context: Any, params: Any) -> None:
    context.started = perf_counter()


def _end(context: Any, params: Any) -> None:
    response = params.response
    url = response.url
    seconds = perf_counter() - context.started
    recording.http(seconds, response.method, url.host, url.port, response.status)
    # The next one follows when this was a redirect.
    context.started = perf_counter()


def _failed(context: Any, params: Any) -> None:
    seconds = perf_counter() - context.started
    url = params.url
    recording.http(seconds, params.method, url.host, url.port, None, params.exception)

"""Metrics as text, and over HTTP."""

from __future__ import annotations

import os
import threading
from functools import partial
from typing import TYPE_CHECKING, Any, Callable, Optional

from . import _core
from .compression import choose_coding
from .openmetrics import exposition as openmetrics
from .registry import REGISTRY
from .registry_writer import write
from .utils import parse_version

if TYPE_CHECKING:
    from .asgi import make_asgi_app as make_asgi_app
    from .http_server import MetricsHandler as MetricsHandler
    from .http_server import ThreadingWSGIServer as ThreadingWSGIServer
    from .http_server import start_wsgi_server as start_wsgi_server
    from .push import SNAPPY_AVAILABLE as SNAPPY_AVAILABLE
    from .push import basic_auth_handler as basic_auth_handler
    from .push import default_handler as default_handler
    from .push import delete_from_gateway as delete_from_gateway
    from .push import instance_ip_grouping_key as instance_ip_grouping_key
    from .push import passthrough_redirect_handler as passthrough_redirect_handler
    from .push import push_to_gateway as push_to_gateway
    from .push import pushadd_to_gateway as pushadd_to_gateway
    from .push import tls_auth_handler as tls_auth_handler

    start_http_server = start_wsgi_server

CONTENT_TYPE_PLAIN_0_0_4 = "text/plain; version=0.0.4; charset=utf-8"
CONTENT_TYPE_PLAIN_1_0_0 = "text/plain; version=1.0.0; charset=utf-8"
CONTENT_TYPE_LATEST = CONTENT_TYPE_PLAIN_1_0_0


def generate_latest(registry: Any = REGISTRY, escaping: str = openmetrics.UNDERSCORES) -> bytes:
    """The registry's metrics in the text format, as UTF-8.

    A failure while a collector's metric is written is raised with the metric among its arguments.
    """
    return write(registry, "text", escaping)


def choose_encoder(accept_header: Optional[str]) -> tuple[Callable[[Any], bytes], str]:
    """The writer and the content type that suit an ``Accept`` header."""
    for accepted in (accept_header or "").split(","):
        media_type, *parameters = (part.strip() for part in accepted.split(";"))
        version = _parameter(parameters, "version")
        escaping = _parameter(parameters, "escaping")
        if escaping not in openmetrics.ESCAPINGS:
            escaping = openmetrics.UNDERSCORES
        is_modern = bool(version) and parse_version(version)[0] not in (0, "0")
        if media_type == "application/openmetrics-text":
            if not version:
                return openmetrics.generate_latest, openmetrics.CONTENT_TYPE_LATEST
            if is_modern:
                encoder = partial(openmetrics.generate_latest, escaping=escaping, version=version)
                content_type = f"application/openmetrics-text; version={version}; charset=utf-8"
                return encoder, f"{content_type}; escaping={escaping}"
        elif media_type == "application/vnd.google.protobuf":
            # Only to whoever asks for just this: other uses of the media type are not ours.
            if _is_delimited_families(parameters):
                from . import protobuf

                return partial(protobuf.generate_latest, escaping=escaping), protobuf.CONTENT_TYPE
        elif media_type == "text/plain" and is_modern:
            encoder = partial(generate_latest, escaping=escaping)
            return encoder, f"{CONTENT_TYPE_LATEST}; escaping={escaping}"
    return generate_latest, CONTENT_TYPE_PLAIN_0_0_4


def _is_delimited_families(parameters: list[str]) -> bool:
    try:
        is_refused = float(_parameter(parameters, "q") or 1) == 0
    except ValueError:
        is_refused = False
    return (
        not is_refused
        and _parameter(parameters, "proto") == "io.prometheus.client.MetricFamily"
        and _parameter(parameters, "encoding") == "delimited"
    )


def _parameter(parameters: list[str], name: str) -> str:
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key == name:
            return value
    return ""


def gzip_accepted(accept_encoding_header: Optional[str]) -> bool:
    """Whether an ``Accept-Encoding`` header allows gzip."""
    header = ",".join(
        part for part in (accept_encoding_header or "").split(",") if "gzip" in part.lower()
    )
    return choose_coding(header) == "gzip"


def _bake_output(
    registry: Any,
    accept_header: Optional[str],
    accept_encoding_header: Optional[str],
    params: dict[str, list[str]],
    disable_compression: bool,
) -> tuple[str, list[tuple[str, str]], bytes]:
    """Status, headers and body of an answer."""
    encoder, content_type = choose_encoder(accept_header)
    if "name[]" in params:
        registry = registry.restricted_registry(params["name[]"])
    output = encoder(registry)
    headers = [("Content-Type", content_type)]
    coding = None if disable_compression else choose_coding(accept_encoding_header)
    if coding is not None:
        output = _core.compress(coding, output)
        headers.append(("Content-Encoding", coding))
    return "200 OK", headers, output


def make_wsgi_app(
    registry: Any = REGISTRY, disable_compression: bool = False
) -> Callable[[dict[str, Any], Any], list[bytes]]:
    """A WSGI application that serves the registry at any path."""

    from urllib.parse import parse_qs

    def prometheus_app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        method = environ["REQUEST_METHOD"]
        headers = [("Allow", "OPTIONS,GET")]
        if method == "OPTIONS":
            status, output = "200 OK", b""
        elif method != "GET":
            status = "405 Method Not Allowed"
            output = f"# HTTP {status}: {method}; use OPTIONS or GET\n".encode()
        elif environ["PATH_INFO"] == "/favicon.ico":
            status, headers, output = "200 OK", [], b""
        else:
            status, headers, output = _bake_output(
                registry,
                environ.get("HTTP_ACCEPT"),
                environ.get("HTTP_ACCEPT_ENCODING"),
                parse_qs(environ.get("QUERY_STRING", "")),
                disable_compression,
            )
        start_response(status, headers)
        return [output]

    # A server that has nothing else to answer is no service to be measured.
    prometheus_app._is_exposition = True  # type: ignore[attr-defined]
    return prometheus_app


# Loading an HTTP server or client takes longer than all the rest, so these are loaded when used.
_LATE = {
    **dict.fromkeys(
        (
            *("MetricsHandler", "ThreadingWSGIServer", "start_wsgi_server"),
            *("_SilentHandler", "_get_best_family", "_get_ssl_ctx"),
        ),
        "http_server",
    ),
    # That module needs this one.
    "make_asgi_app": "asgi",
    **dict.fromkeys(
        (
            *("SNAPPY_AVAILABLE", "basic_auth_handler", "default_handler", "delete_from_gateway"),
            *("instance_ip_grouping_key", "passthrough_redirect_handler", "push_to_gateway"),
            *("pushadd_to_gateway", "tls_auth_handler", "_PrometheusRedirectHandler"),
            *("_compress_payload", "_escape_grouping_key", "_make_handler", "_use_gateway"),
        ),
        "push",
    ),
}


def __getattr__(name: str) -> Any:
    late = "start_wsgi_server" if name == "start_http_server" else name
    if late in _LATE:
        from importlib import import_module

        return getattr(import_module("." + _LATE[late], __package__), late)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def write_to_textfile(
    path: str,
    registry: Any,
    escaping: str = openmetrics.ALLOWUTF8,
    tmpdir: Optional[str] = None,
) -> None:
    """Writes the text to a file in one step, for the node exporter's textfile collector.

    ``tmpdir`` must be on the same file system.
    """
    folder = path if tmpdir is None else os.path.join(tmpdir, os.path.basename(path))
    temporary = f"{folder}.{os.getpid()}.{threading.get_ident()}"
    try:
        with open(temporary, "wb") as file:
            file.write(generate_latest(registry, escaping))
        os.replace(temporary, path)
    except BaseException:
        if os.path.exists(temporary):
            os.remove(temporary)
        raise

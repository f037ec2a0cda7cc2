"""Pushing metrics to a Pushgateway.

For jobs that end before anybody could scrape them. A handler sends one request; those here are
for plain HTTP, basic authentication, client certificates and redirects.
"""

from __future__ import annotations

import base64
import gzip
import importlib.util
import os
import ssl
from typing import Any, Callable, Literal, Optional, Sequence, Union
from urllib.error import HTTPError
from urllib.parse import quote_plus, urlparse
from urllib.request import (
    BaseHandler,
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    Request,
    build_opener,
)

from .exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

_Headers = list[tuple[str, str]]
_Compression = Optional[Literal["gzip", "snappy"]]

SNAPPY_AVAILABLE = importlib.util.find_spec("snappy") is not None
"""Whether python-snappy is installed."""


class _PrometheusRedirectHandler(HTTPRedirectHandler):
    """Repeats the request as it was, with its method and body, at the place it is sent to."""

    def redirect_request(
        self, req: Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> Request:
        if code not in (301, 302, 303, 307, 308) or req.get_method() not in (
            *("GET", "HEAD", "POST", "PUT", "DELETE"),
        ):
            raise HTTPError(req.full_url, code, msg, headers, fp)
        return Request(
            newurl.replace(" ", "%20"),
            headers=dict(req.header_items()),
            origin_req_host=req.origin_req_host,
            unverifiable=True,
            data=req.data,
            method=req.get_method(),
        )


def _make_handler(
    url: str,
    method: str,
    timeout: Optional[float],
    headers: Sequence[tuple[str, str]],
    data: bytes,
    base_handler: Union[BaseHandler, type],
) -> Callable[[], None]:
    def handle() -> None:
        request = Request(url, data=data, method=method)
        for name, value in headers:
            request.add_header(name, value)
        with build_opener(base_handler).open(request, timeout=timeout) as response:
            if response.code >= 400:
                raise OSError(f"error talking to pushgateway: {response.code} {response.msg}")

    return handle


def default_handler(
    url: str, method: str, timeout: Optional[float], headers: _Headers, data: bytes
) -> Callable[[], None]:
    """Sends over HTTP or HTTPS. ``timeout`` is in seconds."""
    return _make_handler(url, method, timeout, headers, data, HTTPHandler)


def passthrough_redirect_handler(
    url: str, method: str, timeout: Optional[float], headers: _Headers, data: bytes
) -> Callable[[], None]:
    """Follows redirects with method, headers and body unchanged.

    The headers go wherever the redirect leads: use it only with servers you trust.
    """
    return _make_handler(url, method, timeout, headers, data, _PrometheusRedirectHandler)


def basic_auth_handler(
    url: str,
    method: str,
    timeout: Optional[float],
    headers: _Headers,
    data: bytes,
    username: Optional[str] = None,
    password: Optional[str] = None,
) -> Callable[[], None]:
    """Sends with a user's name and password; without either as ``default_handler`` does."""

    def handle() -> None:
        if username is not None and password is not None:
            pair = base64.b64encode(f"{username}:{password}".encode()).decode("ascii")
            headers.append(("Authorization", f"Basic {pair}"))
        default_handler(url, method, timeout, headers, data)()

    return handle


def tls_auth_handler(
    url: str,
    method: str,
    timeout: Optional[float],
    headers: _Headers,
    data: bytes,
    certfile: str,
    keyfile: str,
    cafile: Optional[str] = None,
    protocol: int = ssl.PROTOCOL_TLS_CLIENT,
    insecure_skip_verify: bool = False,
) -> Callable[[], None]:
    """Sends over HTTPS with a client certificate.

    ``cafile`` holds who is trusted, else it is the system's. ``insecure_skip_verify`` trusts
    everybody.
    """
    context = ssl.SSLContext(protocol=protocol)
    if cafile is not None:
        context.load_verify_locations(cafile)
    else:
        context.load_default_certs()
    if insecure_skip_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    context.load_cert_chain(certfile=certfile, keyfile=keyfile)
    return _make_handler(url, method, timeout, headers, data, HTTPSHandler(context=context))


def push_to_gateway(
    gateway: str,
    job: str,
    registry: Any,
    grouping_key: Optional[dict[str, Any]] = None,
    timeout: Optional[float] = 30,
    handler: Callable[..., Any] = default_handler,
    compression: _Compression = None,
) -> None:
    """Replaces all metrics of the job and grouping key (PUT).

    gateway: its URL, or ``host:port`` for plain HTTP.
    timeout: in seconds; ``None`` waits for ever.
    handler: sends the request; called with URL, method, timeout, headers and body, it returns
        what is to be called.
    compression: ``gzip`` or ``snappy``, which needs python-snappy.

    Raises what the handler raises: ``OSError`` when the gateway cannot be reached or refuses.
    """
    _use_gateway("PUT", gateway, job, registry, grouping_key, timeout, handler, compression)


def pushadd_to_gateway(
    gateway: str,
    job: str,
    registry: Optional[Any],
    grouping_key: Optional[dict[str, Any]] = None,
    timeout: Optional[float] = 30,
    handler: Callable[..., Any] = default_handler,
    compression: _Compression = None,
) -> None:
    """Replaces those metrics of the job and grouping key that have the same name (POST).

    Arguments and errors are those of ``push_to_gateway``.
    """
    _use_gateway("POST", gateway, job, registry, grouping_key, timeout, handler, compression)


def delete_from_gateway(
    gateway: str,
    job: str,
    grouping_key: Optional[dict[str, Any]] = None,
    timeout: Optional[float] = 30,
    handler: Callable[..., Any] = default_handler,
) -> None:
    """Deletes all metrics of the job and grouping key.

    Arguments and errors are those of ``push_to_gateway``.
    """
    _use_gateway("DELETE", gateway, job, None, grouping_key, timeout, handler)


def instance_ip_grouping_key() -> dict[str, Any]:
    """A grouping key with this machine's address as ``instance``.

    The address is the one by which it would reach itself; nothing is sent.
    """
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        # macOS has no address for "localhost" to connect to without a port; others take any.
        one.connect(("localhost", 0 if os.uname().sysname != "Darwin" else 10001))
        return {"instance": one.getsockname()[0]}


def _use_gateway(
    method: str,
    gateway: str,
    job: str,
    registry: Optional[Any],
    grouping_key: Optional[dict[str, Any]],
    timeout: Optional[float],
    handler: Callable[..., Any],
    compression: _Compression = None,
) -> None:
    scheme = urlparse(gateway).scheme
    # `localhost:9091` reads as a URL with the scheme `localhost`.
    if scheme not in ("http", "https"):
        gateway = f"http://{gateway}"
    parts = [gateway.rstrip("/"), "metrics", *_escape_grouping_key("job", job)]
    for name, value in sorted((grouping_key or {}).items()):
        parts.extend(_escape_grouping_key(str(name), str(value)))
    headers = [("Content-Type", CONTENT_TYPE_PLAIN_0_0_4)]
    data = b""
    if method != "DELETE":
        data, more = _compress_payload(_text(registry), compression)
        headers.extend(more)
    handler(url="/".join(parts), method=method, timeout=timeout, headers=headers, data=data)()


def _text(registry: Optional[Any]) -> bytes:
    return generate_latest() if registry is None else generate_latest(registry)


def _escape_grouping_key(k: str, v: str) -> tuple[str, str]:
    """Name and value as parts of a path; base64 where a value is empty or has a slash or blank."""
    if v == "":
        # The path would have nothing between two slashes; one sign of padding stands for it.
        return k + "@base64", "="
    if "/" in v or " " in v:
        # In a path a gateway does not read `+` as a blank.
        return k + "@base64", base64.urlsafe_b64encode(v.encode()).decode("ascii")
    return k, quote_plus(v)


def _compress_payload(
    data: bytes, compression: _Compression
) -> tuple[bytes, list[tuple[str, str]]]:
    """The body and the header that says how it was compressed."""
    if compression is None:
        return data, []
    if compression == "gzip":
        return gzip.compress(data), [("Content-Encoding", "gzip")]
    if compression == "snappy":
        if not SNAPPY_AVAILABLE:
            raise RuntimeError("Snappy compression requires the python-snappy package")
        import snappy

        # The framing format, as the gateway's decoder reads a stream.
        return snappy.StreamCompressor().compress(data), [("Content-Encoding", "snappy")]
    raise ValueError(f"Unsupported compression type: {compression}")

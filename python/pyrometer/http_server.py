"""Serving metrics over HTTP. Apart, so that a program which does not do so need not load it."""

from __future__ import annotations

import socket
import ssl
import threading
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingMixIn
from typing import Any, Optional
from urllib.parse import parse_qs, urlparse
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from .exposition import _bake_output, make_wsgi_app
from .registry import REGISTRY, Collector


class ThreadingWSGIServer(ThreadingMixIn, WSGIServer):
    """A WSGI server with a thread for each request."""

    # Else the server keeps a reference to every thread it ever started.
    daemon_threads = True


class _SilentHandler(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


def _get_best_family(address: str, port: int) -> tuple[socket.AddressFamily, str]:
    infos = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, _, _, _, sockaddr = infos[0]
    return family, str(sockaddr[0])


def _get_ssl_ctx(
    certfile: str,
    keyfile: str,
    protocol: int,
    cafile: Optional[str] = None,
    capath: Optional[str] = None,
    client_auth_required: bool = False,
    tls_min_version: Optional[ssl.TLSVersion] = None,
    tls_max_version: Optional[ssl.TLSVersion] = None,
) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol=protocol)
    try:
        if cafile is not None or capath is not None:
            context.load_verify_locations(cafile, capath)
        else:
            context.load_default_certs(purpose=ssl.Purpose.CLIENT_AUTH)
    except OSError as error:
        raise type(error)(
            f"Cannot load CA certificates from file {cafile!r} or directory {capath!r}: {error}"
        ) from error
    if client_auth_required:
        context.verify_mode = ssl.CERT_REQUIRED
    try:
        context.load_cert_chain(certfile=certfile, keyfile=keyfile)
    except OSError as error:
        raise type(error)(
            f"Cannot load server certificate file {certfile!r} or "
            f"its private key file {keyfile!r}: {error}"
        ) from error
    if tls_min_version is not None:
        context.minimum_version = tls_min_version
    if tls_max_version is not None:
        context.maximum_version = tls_max_version
    return context


def start_wsgi_server(
    port: int,
    addr: str = "0.0.0.0",
    registry: Any = REGISTRY,
    certfile: Optional[str] = None,
    keyfile: Optional[str] = None,
    client_cafile: Optional[str] = None,
    client_capath: Optional[str] = None,
    protocol: int = ssl.PROTOCOL_TLS_SERVER,
    client_auth_required: bool = False,
    tls_min_version: Optional[ssl.TLSVersion] = None,
    tls_max_version: Optional[ssl.TLSVersion] = None,
) -> tuple[WSGIServer, threading.Thread]:
    """Serves the registry from a daemon thread; returns the server and the thread.

    Port 0 takes a free one: ``server.server_port`` has it.
    """
    family, address = _get_best_family(addr, port)
    server_class = type("Server", (ThreadingWSGIServer,), {"address_family": family})
    app = make_wsgi_app(registry)
    httpd: WSGIServer = make_server(address, port, app, server_class, handler_class=_SilentHandler)
    if certfile and keyfile:
        context = _get_ssl_ctx(
            certfile,
            keyfile,
            protocol,
            client_cafile,
            client_capath,
            client_auth_required,
            tls_min_version,
            tls_max_version,
        )
        httpd.socket = context.wrap_socket(httpd.socket, server_side=True)
    thread = threading.Thread(target=httpd.serve_forever, daemon=True)
    thread.start()
    return httpd, thread


class MetricsHandler(BaseHTTPRequestHandler):
    """A handler for ``http.server`` that serves ``registry``."""

    registry: Any = REGISTRY

    def do_GET(self) -> None:
        status, headers, output = _bake_output(
            self.registry,
            self.headers.get("Accept"),
            self.headers.get("Accept-Encoding"),
            parse_qs(urlparse(self.path).query),
            False,
        )
        self.send_response(int(status.split(" ")[0]))
        for header in headers:
            self.send_header(*header)
        self.end_headers()
        self.wfile.write(output)

    def log_message(self, format: str, *args: Any) -> None:
        pass

    @classmethod
    def factory(cls, registry: Collector) -> type:
        """A handler class for another registry."""
        return type(cls.__name__, (cls,), {"registry": registry})

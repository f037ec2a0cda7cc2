"""The card provider: another company's server, which nobody here measures.

`python provider.py PORT CERTIFICATE KEY MOOD`; MOOD is a JSON file: `{"wait_s": 0, "failing": 0}`.
"""

from __future__ import annotations

import json
import random
import ssl
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Charge(BaseHTTPRequestHandler):
    """Answers every POST as the mood is."""

    def do_POST(self) -> None:
        mood = json.loads(Path(sys.argv[4]).read_text())
        time.sleep(random.uniform(0.01, 0.03) + mood["wait_s"] * random.uniform(0.7, 1.3))
        self.send_response(503 if random.random() < mood["failing"] else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Charge)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[2], sys.argv[3])
server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
server.serve_forever()

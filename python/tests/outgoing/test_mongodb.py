"""pymongo, against a stand-in that speaks just enough of MongoDB's wire protocol (OP_MSG).

Debian has no MongoDB. The stand-in knows ``hello``, ``find`` (on ``broken`` it fails) and says
``ok`` to everything else; messages are read and written by pymongo's own bson.
"""

from __future__ import annotations

import socketserver
import struct
import threading
from typing import Any, Iterator

import bson
import pymongo
import pymongo.errors
import pytest

from .conftest import Calls

_OP_REPLY, _OP_QUERY, _OP_MSG = 1, 2004, 2013


def answer(command: dict[str, Any]) -> dict[str, Any]:
    name = next(iter(command)).lower()
    if name in ("hello", "ismaster"):
        limits = {"maxBsonObjectSize": 1 << 24, "maxMessageSizeBytes": 1 << 25}
        versions = {"minWireVersion": 0, "maxWireVersion": 21, "maxWriteBatchSize": 1000}
        return {"ok": 1, "ismaster": True, "isWritablePrimary": True, **limits, **versions}
    if name == "find" and command["find"] == "broken":
        return {"ok": 0, "code": 50, "codeName": "MaxTimeMSExpired", "errmsg": "too slow"}
    if name == "find":
        return {"ok": 1, "cursor": {"id": 0, "ns": "shop.items", "firstBatch": [{"a": 1}]}}
    return {"ok": 1, "n": 1}


class Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        while head := self.rfile.read(16):
            length, request, _, code = struct.unpack("<iiii", head)
            body = self.rfile.read(length - 16)
            if code == _OP_MSG:
                # Flags, then a section of kind 0: one document.
                (size,) = struct.unpack_from("<i", body, 5)
                reply = b"\0\0\0\0\0" + bson.encode(answer(bson.decode(body[5 : 5 + size])))
                kind = _OP_MSG
            else:
                # Flags, a name that ends with 0, skip and limit, and one document.
                document = body[body.index(b"\0", 4) + 9 :]
                reply = struct.pack("<iqii", 8, 0, 0, 1)
                reply += bson.encode(answer(bson.decode(document)))
                kind = _OP_REPLY
            self.wfile.write(struct.pack("<iiii", 16 + len(reply), 0, request, kind) + reply)


@pytest.fixture
def mongodb() -> Iterator[int]:
    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def test_commands_are_counted_by_name_and_error_code(mongodb: int, calls: Calls) -> None:
    with pymongo.MongoClient("127.0.0.1", mongodb) as client:
        client.shop.items.insert_one({"secret": 1})
        assert list(client.shop.items.find({"secret": 1})) == [{"a": 1}]
        with pytest.raises(pymongo.errors.ExecutionTimeout):
            list(client.shop.broken.find())
    peer = f"db 127.0.0.1:{mongodb} mongodb shop"
    assert calls() == [f"{peer} find", f"{peer} find MaxTimeMSExpired", f"{peer} insert"]

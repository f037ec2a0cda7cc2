"""A bad wire: a TCP proxy that delays what passes, or breaks connections.

`python wire.py LISTEN_ADDRESS PORT --delay SECONDS --broken SHARE`; it passes on to 127.0.0.1:PORT.
"""

from __future__ import annotations

import argparse
import asyncio
import random


async def pass_on(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float
) -> None:
    try:
        while data := await reader.read(65536):
            await asyncio.sleep(delay * random.uniform(0.6, 1.4))
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("address")
    parser.add_argument("port", type=int)
    parser.add_argument("--delay", type=float, default=0.0)
    parser.add_argument("--broken", type=float, default=0.0)
    chosen = parser.parse_args()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if random.random() < chosen.broken:
            writer.transport.abort()
            return
        try:
            there = await asyncio.open_connection("127.0.0.1", chosen.port)
        except OSError:
            writer.transport.abort()
            return
        await asyncio.gather(
            pass_on(reader, there[1], chosen.delay), pass_on(there[0], writer, chosen.delay)
        )

    server = await asyncio.start_server(accept, chosen.address, chosen.port)
    await server.serve_forever()


asyncio.run(main())

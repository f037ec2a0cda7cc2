"""Keeps the carts in Redis, and takes them through payment and order at checkout."""

from __future__ import annotations

from typing import Any

import httpx
import redis.asyncio
import redis.exceptions
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from measuring import DEFECTS, measured

app = measured(FastAPI(), "cart")
carts = redis.asyncio.Redis(
    host="redis", port=6379, socket_timeout=1.5, socket_connect_timeout=1.0, max_connections=50
)
others = httpx.AsyncClient(timeout=3.0, limits=httpx.Limits(max_keepalive_connections=0))
CART_LIFE_S = 900
kept: list[bytes] = []


@app.exception_handler(redis.exceptions.RedisError)
async def no_carts(_request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"error": type(error).__name__}, status_code=503)


@app.exception_handler(httpx.HTTPError)
async def no_answer(_request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"error": type(error).__name__}, status_code=502)


async def ask(url: str, body: dict[str, Any]) -> None:
    answer = await others.post(url, json=body)
    answer.raise_for_status()


@app.get("/carts/{cart}")
async def show(cart: str) -> dict[str, Any]:
    if "leak" in DEFECTS:
        kept.append(b"x" * 3_000_000)
    items = await carts.hgetall(f"cart:{cart}")
    return {"items": {key.decode(): int(value) for key, value in items.items()}}


@app.post("/carts/{cart}/items", status_code=201)
async def add(cart: str, item: dict[str, int]) -> dict[str, Any]:
    key = f"cart:{cart}"
    await carts.hset(key, str(item["product"]), str(item["price_cents"]))
    await carts.expire(key, CART_LIFE_S)
    return {"added": item["product"]}


@app.post("/carts/{cart}/checkout")
async def checkout(cart: str) -> Any:
    items = (await show(cart))["items"]
    if not items:
        return JSONResponse({"error": "the cart is empty"}, status_code=409)
    total = sum(items.values())
    await ask("http://payments:8103/payments", {"cart": cart, "amount_cents": total})
    await ask("http://orders:8104/orders", {"cart": cart})
    await carts.delete(f"cart:{cart}")
    return {"paid_cents": total}

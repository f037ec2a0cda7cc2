"""Answers, or raises while the file `BACK_RAISES` is there."""

from __future__ import annotations

import os
import random

import pyrometer
from fastapi import FastAPI

app = pyrometer.init(FastAPI(), service="back")


@app.get("/")
async def contents() -> dict[str, str]:
    if os.path.exists(os.environ["BACK_RAISES"]) and random.random() < 0.5:
        raise RuntimeError("as it was told")
    return {"contents": "a page"}

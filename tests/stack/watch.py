"""What a Pyrometer that watches the stack says."""

from __future__ import annotations

import json
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from processes import free_port
from stack import Stack

LOUD = ("warning", "critical")


@dataclass
class Watcher:
    """`pyrometer up` on the stack's configuration."""

    stack: Stack
    port: int = field(default_factory=free_port)

    def start(self, binary: Path) -> None:
        config = self.stack.path("pyrometer.yml", self.stack.scrape_config())
        runtime = self.stack.runtime_dir()
        argv = [str(binary.resolve()), "up", "--config", config, "--listen", f"127.0.0.1:{self.port}"]
        argv += ["--data-dir", self.stack.path("pyrometer"), "--runtime-dir", runtime]
        self.stack.fleet.start("pyrometer", argv, port=self.port)

    def get(self, path: str) -> Any:
        """`data` of an answer of the API."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=60) as answer:
            return json.load(answer)["data"]

    def firing(self) -> dict[tuple[str, str], dict[str, Any]]:
        """Firing alerts that want somebody's attention, by name and job."""
        alerts = self.get("/api/v1/alerts")["alerts"]
        return {
            (alert["labels"]["alertname"], alert["labels"].get("job", "")): alert
            for alert in alerts
            if alert["state"] == "firing" and alert["labels"].get("severity") in LOUD
        }

    def detected(self) -> dict[str, list[str]]:
        """The packs of each job."""
        services = self.get("/api/v1/services")["services"]
        return {service["name"]: service["packs"] for service in services}

    def down(self) -> list[str]:
        """Targets that cannot be scraped."""
        targets = self.get("/api/v1/targets")["activeTargets"]
        return [target["scrapeUrl"] for target in targets if target["health"] != "up"]

    def watch(self, seconds: float) -> dict[tuple[str, str], str]:
        """What fired within a span, with its summary."""
        seen: dict[tuple[str, str], str] = {}
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for key, alert in self.firing().items():
                if key not in seen:
                    seen[key] = alert["annotations"].get("summary", "")
                    print(f"  {key[0]} of {key[1]}: {seen[key]}", flush=True)
            time.sleep(2)
        return seen

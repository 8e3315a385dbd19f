"""The machine that a result belongs to."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

from tests.brokers.apache import JARS

PEERS = ("aiokafka", "faust-streaming", "quixstreams", "msgspec", "rocksdict")


class Machine(NamedTuple):
    """What a reader must know to compare."""

    cores: int
    memory_gb: float
    processor: str
    python: str
    kafka: str
    libraries: str
    load: tuple[float, float, float]
    at: str

    def __str__(self) -> str:
        load = ", ".join(f"{each:.1f}" for each in self.load)
        return (
            f"{self.at}: {self.cores} cores ({self.processor}), {self.memory_gb:.0f} GB, Python {self.python}, "
            f"{self.kafka}; {self.libraries}; load average at the start {load}"
        )


def this_machine() -> Machine:
    """As it is now."""
    return Machine(
        cores=os.cpu_count() or 1,
        memory_gb=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30,
        processor=_processor(),
        python=platform.python_version(),
        kafka=_kafka(),
        libraries=", ".join(f"{name} {_version(name)}" for name in PEERS),
        load=os.getloadavg(),
        at=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.exists() else []
    named = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())


def _kafka() -> str:
    jars = sorted(JARS.glob("kafka_2.13-*.jar"))
    return f"Apache Kafka {jars[0].stem.removeprefix('kafka_2.13-')}" if jars else "no Apache Kafka"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"

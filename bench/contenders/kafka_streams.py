"""Kafka Streams doing two kinds; see `bench/kafka_streams`. Maven builds it once; then this process becomes Java."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from bench.contenders.playbooks import the_panel
from bench.contenders.watch import Task, task
from signals.deal import Deal

PROJECT = Path(__file__).parent.parent / "kafka_streams"
MAVEN_S = 600.0
HEAP = ("-Xms512m", "-Xmx1g")


def classpath() -> str:
    """The project's classes and its jars. Exits with one line where they cannot be made."""
    for tool in ("java", "javac", "mvn"):
        if shutil.which(tool) is None:
            sys.exit(f"{tool} is not installed: Kafka Streams needs a JDK 17 and Maven")
    target = PROJECT / "target"
    target.mkdir(exist_ok=True)
    done = target / "done"
    with (target / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        sources = [PROJECT / "pom.xml", *PROJECT.glob("src/**/*.java")]
        if not done.exists() or done.stat().st_mtime < max(source.stat().st_mtime for source in sources):
            command = ["mvn", "-q", "-B", "compile", "dependency:copy-dependencies"]
            made = subprocess.run(command, cwd=PROJECT, check=False, capture_output=True, timeout=MAVEN_S)  # noqa: S603 - Maven as it is found
            if made.returncode != 0:
                sys.exit(f"maven could not build it: {made.stdout.decode(errors='replace')[-200:]}")
            done.touch()
    return f"{target / 'classes'}:{target / 'jars'}/*"


def limits(folder: Path) -> Path:
    """The playbook's limits as a file, for the same decisions."""
    rules, deal = the_panel().rules, Deal("", "")
    stages = {
        value: {"open": rule.is_open, "overstay_us": rule.overstay_us, "contact_us": rule.contact_us}
        for pipeline in rules.playbook.pipelines[:1]
        for stage in pipeline.stages
        for value in (stage.name, *stage.values)
        if (rule := rules.stage(deal, value)) is not None
    }
    file = folder / "limits.json"
    file.write_text(json.dumps({"plan_us": rules.plan_us, "stages": stages}))
    return file


def main(given: Task) -> None:
    """Become the Java program."""
    words = (given.servers, given.topic, str(given.events), given.folder, given.run)
    java = ["java", *HEAP, "-cp", classpath(), "bench.Main", *words, str(limits(Path(given.folder))), given.guarantee]
    os.execvp("java", java)  # noqa: S606, S607 - Java as it is found


if __name__ == "__main__":
    main(task())

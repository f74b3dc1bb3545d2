"""job=doctor: a look at this machine, with the fix for what is wrong."""

import dataclasses
from pathlib import Path

from rich.console import Console
from rich.text import Text

from tsforecast.config import Config
from tsforecast.planning.doctor import Finding, diagnose
from tsforecast.planning.findings import gather
from tsforecast.tracking.run_folder import RunFolder

STYLES = {"ok": "green", "advice": "cyan", "problem": "bold red"}


def main(config: Config, path: Path) -> float:
    """Prints the findings, writes ``doctor.json``; returns the number of problems."""
    facts = gather(path.parent)
    findings = diagnose(facts)
    _print(findings)
    folder = RunFolder.create(path)
    folder.write_json(
        "doctor.json",
        {"facts": dataclasses.asdict(facts), "findings": [dataclasses.asdict(one) for one in findings]},
    )
    print(folder.path, flush=True)
    return float(sum(finding.level == "problem" for finding in findings))


def _print(findings: list[Finding]) -> None:
    console = Console(highlight=False)
    for finding in findings:
        console.print(Text(f"{finding.level:>8}  ", STYLES[finding.level]) + Text(finding.what))
        if finding.fix:
            console.print(Text(f"{'fix':>8}  {finding.fix}"))

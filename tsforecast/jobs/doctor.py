"""job=doctor: check this machine, and print the fix for each problem."""

import dataclasses
from pathlib import Path

from rich.console import Console
from rich.text import Text

from tsforecast.config import Config
from tsforecast.files import display_path
from tsforecast.planning.doctor import Finding, diagnose
from tsforecast.planning.machine_facts import collect_facts
from tsforecast.tracking.run_folder import RunFolder

STYLES = {"ok": "green", "advice": "cyan", "problem": "bold red"}


def main(config: Config, path: Path) -> float:
    """Print the findings and write ``doctor.json``; return the number of problems."""
    facts = collect_facts(path.parent)
    findings = diagnose(facts)
    _print_findings(findings)
    folder = RunFolder.create(path)
    folder.write_json(
        "doctor.json",
        {
            "facts": dataclasses.asdict(facts),
            "findings": [dataclasses.asdict(finding) for finding in findings],
        },
    )
    print(display_path(folder.path), flush=True)
    return float(sum(finding.level == "problem" for finding in findings))


def _print_findings(findings: list[Finding]) -> None:
    console = Console(highlight=False)
    for finding in findings:
        console.print(
            Text(f"{finding.level:>8}  ", STYLES[finding.level]) + Text(finding.what), soft_wrap=True
        )
        if finding.fix:
            console.print(Text(f"{'fix':>8}  {finding.fix}"), soft_wrap=True)

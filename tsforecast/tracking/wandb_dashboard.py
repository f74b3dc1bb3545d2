"""The W&B dashboard of a project as code: learning curves, leaderboard, GPU, spike scorecard.

``python -m tsforecast.tracking.wandb_dashboard --entity TEAM --project tsforecast`` creates it and prints its address.
With ``--study NAME`` it makes a report on the runs of that group instead.
It needs a W&B key and the extra ``dashboard``. Every call creates a new view; existing ones stay unchanged.
"""

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from tsforecast.errors import UserError, install_hint
from tsforecast.metrics import METRICS, metric_label
from tsforecast.tracking.wandb_account import find_key

# Panels of each section: the title, and the keys of its lines over steps or of its bars, one per run.
CURVES = [
    ("Validation RMSE", ["val/rmse"]),
    ("Loss", ["loss", "val/loss"]),
    ("Learning rate", ["learning_rate"]),
]
SPEED = [("Windows per second", ["windows_per_second"]), ("Waiting for input (share)", ["input_wait"])]
GPU = [
    ("GPU memory (%)", ["system.gpu.0.memoryAllocated"]),
    ("GPU memory (bytes)", ["system.gpu.0.memoryAllocatedBytes"]),
    ("GPU utilisation (%)", ["system.gpu.0.gpu"]),
    ("CPU (%)", ["system.cpu"]),
]
BOARD = [
    (f"Test {metric_label('rmse')}", ["test/rmse"]),
    (f"Test {metric_label('mae')}", ["test/mae"]),
    (f"{metric_label('skill')} over persistence", ["skill.persistence"]),
    ("Seconds", ["seconds"]),
]
SPIKES = [(metric.label, [f"test/{metric.name}"]) for metric in METRICS.values() if metric.source == "spikes"]


def build_workspace(entity: str, project: str, name: str = "tsforecast") -> Any:
    """Return the dashboard as a ``wandb_workspaces`` workspace that is not saved yet.

    Args:
        entity: W&B user or team.
        project: W&B project.
        name: Name of the view.

    Raises:
        UserError: The extra ``dashboard`` is not installed.
    """
    try:
        import wandb_workspaces.reports.v2 as panels
        import wandb_workspaces.workspaces as workspaces
    except ImportError as error:
        raise UserError(f"The dashboard needs wandb-workspaces: {install_hint('dashboard')}.") from error

    def lines(charts: Sequence[tuple[str, list[str]]], x: str = "Step") -> list[Any]:
        return [panels.LinePlot(title=title, x=x, y=list(keys)) for title, keys in charts]

    def bars(charts: Sequence[tuple[str, list[str]]]) -> list[Any]:
        return [
            panels.BarPlot(title=title, metrics=[panels.SummaryMetric(key) for key in keys])
            for title, keys in charts
        ]

    cost = panels.ScatterPlot(
        title="Cost against error",
        x=panels.SummaryMetric("seconds"),
        y=panels.SummaryMetric("test/rmse"),
    )
    contents = {
        "Learning curves": lines(CURVES),
        "Leaderboard": [*bars(BOARD), cost],
        "Spike scorecard": bars(SPIKES),
        "GPU memory and utilisation": lines(GPU, x="RelativeTime(Process)"),
        "Speed": lines(SPEED),
    }
    sections = [
        workspaces.Section(name=title, panels=items, is_open=True) for title, items in contents.items()
    ]
    return workspaces.Workspace(entity=entity, project=project, name=name, sections=sections)


def build_report(entity: str, project: str, study: str) -> Any:
    """Return a report on a study, its runs best first, as a ``wandb_workspaces`` report that is not saved yet.

    Args:
        entity: W&B user or team.
        project: W&B project.
        study: Group of the runs: the name of a sweep.

    Raises:
        UserError: The extra ``dashboard`` is not installed.
    """
    try:
        import wandb_workspaces.reports.v2 as panels
    except ImportError as error:
        raise UserError(f"The report needs wandb-workspaces: {install_hint('dashboard')}.") from error

    def grid(*items: Any) -> Any:
        runs = panels.Runset(
            entity=entity,
            project=project,
            name=study,
            filters=f"Metric('Group') == '{study}'",
        )
        return panels.PanelGrid(runsets=[runs], panels=list(items))

    curves = [panels.LinePlot(title=title, x="Step", y=list(keys)) for title, keys in CURVES]
    bars = [
        panels.BarPlot(title=title, metrics=[panels.SummaryMetric(key) for key in keys])
        for title, keys in (*BOARD, *SPIKES)
    ]
    blocks = [
        panels.P(
            f"Runs of the study {study}. The model of each run is the one with the lowest validation loss."
        ),
        panels.H1("Test errors"),
        grid(*bars),
        panels.H1("Learning curves"),
        grid(*curves),
    ]
    return panels.Report(entity=entity, project=project, title=study, blocks=blocks)


def main(arguments: Sequence[str]) -> int:
    """Create the dashboard, or the report on a study, and return the exit code."""
    parser = argparse.ArgumentParser(description="Create the W&B dashboard of a project.")
    parser.add_argument("--entity", required=True, help="W&B user or team")
    parser.add_argument("--project", default="tsforecast", help="W&B project")
    parser.add_argument("--name", default="tsforecast", help="name of the view")
    parser.add_argument("--study", help="make a report on the runs of this group instead")
    options = parser.parse_args(arguments)
    try:
        made = (
            build_report(options.entity, options.project, options.study)
            if options.study
            else build_workspace(options.entity, options.project, options.name)
        )
        if not find_key():  # W&B itself would ask for one, or wait
            raise UserError(
                "The dashboard is made in a W&B account, and no key was found: run 'wandb login'."
            )
        print(made.save().url)
        return 0
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

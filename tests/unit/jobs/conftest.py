"""Measurements of the planning jobs in the process of the tests."""

import pytest

from tsforecast.config.stored import load
from tsforecast.jobs import measure, rehearsal


@pytest.fixture
def measured_modules(monkeypatch, tmp_path_factory):
    """Measure in this process, with the arguments that a new process would get; return the modules that were run."""
    modules, source = [], tmp_path_factory.mktemp("config") / "config.yaml"

    def run_here(module, config_text, arguments=(), **options):
        modules.append(module)
        source.write_text(config_text)
        config = load(source)
        if module == rehearsal.__name__:
            return rehearsal.measure_size(config, *arguments)
        return measure.measure_rows(config, *arguments)

    monkeypatch.setattr(measure, "run_in_fresh_process", run_here)
    monkeypatch.setattr(rehearsal, "run_in_fresh_process", run_here)
    return modules

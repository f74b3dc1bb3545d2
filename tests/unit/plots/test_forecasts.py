import numpy as np
import pyarrow as pa
import pytest

from tsforecast.plots import plot_forecast, plot_series, plot_weights
from tsforecast.plots.forecasts import SeriesHistory

TIMES = np.arange("2024-01-01", "2024-01-02", dtype="datetime64[h]").astype("datetime64[s]")


def forecasts(targets=("load",), **columns):
    """One forecast at every hour."""
    count = len(targets)
    table = pa.table(
        {
            "made_at": np.repeat(TIMES, count),
            "time": np.repeat(TIMES, count),
            "target": np.tile(np.array(targets, dtype=object), len(TIMES)),
            "forecast": np.arange(len(TIMES) * count, dtype=float),
        }
    )
    for name, values in columns.items():
        table = table.append_column(name, pa.array(values))
    return table


def legend(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def history(targets, **members):
    return SeriesHistory(TIMES - np.timedelta64(1, "D"), targets, members)


def test_the_members_of_an_ensemble_are_drawn():
    past = history(np.full((24, 1), 7.0), lstm=np.full((24, 1), 3.0), gru=np.full((24, 1), 4.0))
    (axes,) = plot_forecast(forecasts(), past).axes
    assert legend(axes) == ["observed", "lstm", "gru", "forecast"]
    assert axes.lines[2].get_ydata().tolist() == [4.0] * 24


def test_each_of_many_series_has_axes_of_its_own():
    table = pa.concat_tables(
        forecasts().add_column(0, "id", pa.array([name] * 24)) for name in ("north", "south", "west")
    )
    past = {"west": history(np.full((24, 1), 7.0)), "north": history(np.full((24, 1), 8.0))}
    figure = plot_series(table, past, unit="kW")
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["west", "north"]
    assert [len(axes.lines[1].get_ydata()) for axes in figure.axes] == [24, 24]
    assert figure.axes[1].lines[0].get_ydata().tolist() == [8.0] * 24


def test_each_target_has_its_own_axes_and_values():
    past = history(np.stack([np.full(24, 7.0), np.full(24, 8.0)], axis=1))
    figure = plot_forecast(forecasts(("load", "heat")), past, unit="kW")
    first, second = figure.axes
    assert first.get_title(loc="left") == "load"
    assert first.get_ylabel() == "kW"
    assert second.lines[0].get_ydata().tolist() == [8.0] * 24
    assert second.lines[1].get_ydata().tolist() == list(range(1, 48, 2))


def test_a_band_is_drawn_only_if_there_is_one():
    values = np.arange(24.0)
    (axes,) = plot_forecast(forecasts(lower=values - 1, upper=values + 1), coverage=0.8).axes
    assert legend(axes) == ["80% interval", "forecast"]
    empty = [None] * 24
    (axes,) = plot_forecast(
        forecasts(lower=pa.array(empty, pa.float64()), upper=pa.array(empty, pa.float64()))
    ).axes
    assert axes.get_legend() is None
    assert len(axes.lines) == 1


def test_a_single_step_is_a_point():
    (axes,) = plot_forecast(forecasts(lower=np.zeros(24), upper=np.ones(24)).slice(0, 1)).axes
    assert axes.lines[0].get_marker() == "o"


def test_spikes_have_axes_of_their_own():
    figure = plot_forecast(forecasts(spike_probability=np.full(24, 0.3)))
    assert figure.axes[-1].get_title(loc="left") == "Probability of a spike"
    assert figure.axes[-1].lines[0].get_ydata().tolist() == [0.3] * 24
    assert figure.axes[-1].get_xlim() == figure.axes[0].get_xlim()


def test_times_of_a_zone_are_shown_on_its_clock():
    table = forecasts()
    zoned = pa.array(TIMES).cast(pa.timestamp("s", "UTC")).cast(pa.timestamp("s", "Europe/Paris"))
    (axes,) = plot_forecast(table.set_column(1, "time", zoned)).axes
    assert axes.lines[0].get_xdata()[0] == TIMES[0] + np.timedelta64(1, "h")


def test_weights_are_stacked_over_time():
    shares = np.linspace(0, 1, 24)
    (axes,) = plot_weights(forecasts(weight_gru=shares, weight_lstm=1 - shares)).axes
    assert legend(axes) == ["gru", "lstm"]
    assert axes.get_ylim() == (0, 1)
    top = axes.collections[1].get_paths()[0].vertices
    assert top[:, 1].max() == 1.0
    with pytest.raises(ValueError, match="no weights"):
        plot_weights(forecasts())

from tsforecast.plots import plot_errors


def legend(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()] if axes.get_legend() else []


def test_every_seed_is_drawn_and_the_lowest_mean_is_at_the_top():
    figure = plot_errors({"a": [0.5, 0.7], "b": [0.55, 0.57], "c": [0.9]}, label="test RMSE (kW)")
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["b", "a", "c"]
    runs, means = axes.lines
    assert sorted(runs.get_xydata().tolist()) == [[0.5, 1], [0.55, 0], [0.57, 0], [0.7, 1], [0.9, 2]]
    assert sorted(means.get_ydata()) == [0, 1]
    assert axes.get_xlabel() == "test RMSE (kW)"
    assert axes.yaxis.get_inverted()
    assert legend(axes) == ["run", "mean"]


def test_intervals_are_drawn_where_they_are_known():
    (axes,) = plot_errors({"a": [0.5], "b": [0.4]}, intervals={"a": (0.45, 0.56)}).axes
    (bars,) = axes.collections
    ends = {tuple(path.vertices[:, 0]) for path in bars.get_paths() if path.vertices[0, 1] == 1}
    assert ends == {(0.45, 0.56)}
    assert legend(axes) == ["95 % interval", "run"]

from tsforecast.plots import plot_error_by_hour, plot_importance, plot_learning_curves

HISTORY = [
    {"step": 10, "loss": 0.9, "val/loss": 0.8},
    {"step": 20, "loss": 0.5, "val/loss": 0.4},
    {"step": 30, "loss": 0.3, "val/loss": 0.6},
]


def test_learning_curves_mark_the_best_validation():
    (axes,) = plot_learning_curves(HISTORY).axes
    training, validation, best = axes.lines
    assert training.get_ydata().tolist() == [0.9, 0.5, 0.3]
    assert validation.get_xdata().tolist() == [10, 20, 30]
    assert (best.get_xdata()[0], best.get_ydata()[0]) == (20, 0.4)


def test_a_run_without_a_training_loss_shows_the_validation_alone():
    (axes,) = plot_learning_curves([{"step": 1, "val/loss": 0.4}, {"step": 2, "val/loss": None}]).axes
    assert len(axes.lines) == 2


def test_the_error_by_hour_starts_at_zero():
    (axes,) = plot_error_by_hour(range(24), {"gru": [1.0] * 24, "persistence": [2.0] * 24}, "kW").axes
    assert axes.get_ylim()[0] == 0
    assert axes.get_ylabel() == "RMSE (kW)"
    assert [line.get_ydata()[0] for line in axes.lines] == [1.0, 2.0]


def test_importances_are_shown_from_the_largest():
    features = [{"feature": f"f{number}", "rise": 1.0 / (number + 1), "spread": None} for number in range(20)]
    blocks = [
        {"first": 1, "last": 1, "rise": 0.5, "spread": 0.1},
        {"first": 2, "last": 5, "rise": 0.2, "spread": 0.1},
    ]
    figure = plot_importance({"features": features, "blocks": blocks}, "kW", most=3)
    first, second = figure.axes
    assert [bar.get_width() for bar in first.patches] == [1.0, 0.5, 1.0 / 3]
    assert [label.get_text() for label in second.get_yticklabels()] == ["1", "2 to 5"]
    assert second.get_xlabel() == "rise of the RMSE (kW)"

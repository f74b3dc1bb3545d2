import numpy as np

from tsforecast.monitoring.relations import MAX_SOURCES, Relations


def features(count=400, seed=0):
    rng = np.random.default_rng(seed)
    volts, amps = rng.normal(240, 3, count), rng.gamma(2, 2, count)
    return np.stack([volts, amps, volts * amps / 1000, np.full(count, 3.0)], axis=1)


def test_a_relation_is_found_and_a_shifted_sensor_leaves_it():
    rows = features()
    relations = Relations.fit(rows)
    usual = relations.residuals(rows)[:, 2].std()
    shifted = rows.copy()
    shifted[:, 2] *= 1.1
    assert usual < 0.03 * rows[:, 2].std()
    assert relations.residuals(shifted)[:, 2].mean() > 5 * usual


def test_constant_and_lonely_features_have_none():
    relations = Relations.fit(features())
    assert not relations.weights[3].any()
    assert np.isnan(relations.residuals(features()[:5])[:, 3]).all()
    alone = Relations.fit(features()[:, :1])
    assert np.isnan(alone.residuals(features()[:5, :1])).all()


def test_a_missing_source_makes_the_residual_unknown():
    rows = features()
    relations = Relations.fit(rows)
    rows[0, 1] = np.nan
    residual = relations.residuals(rows)
    assert np.isnan(residual[0, 2])
    assert np.isfinite(residual[1, 2])


def test_many_features_are_regressed_on_few():
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(300, 1)) + rng.normal(size=(300, 30))
    relations = Relations.fit(rows)
    assert (np.count_nonzero(relations.weights, axis=1) == MAX_SOURCES).all()
    assert Relations.from_dict(relations.to_dict()).weights.shape == (30, 30)

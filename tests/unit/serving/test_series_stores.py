from tsforecast.serving import series_stores
from tsforecast.serving.series_stores import SeriesStores


def test_series_share_the_values_that_may_be_kept(monkeypatch):
    monkeypatch.setattr(series_stores, "MAX_VALUES", 100)
    stores = SeriesStores(keep=40)
    for moment in range(60):
        stores.of("a").observe(moment, 0, 1.0)
    assert len(stores.of("a").truths) == 40
    for name in "bcde":
        stores.of(name)
    assert [stores.of(name).keep for name in "abcde"] == [20] * 5
    assert list(stores.of("a").truths) == [(moment, 0) for moment in range(40, 60)]
    assert stores.of("").keep == 40

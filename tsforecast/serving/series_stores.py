"""The newest forecasts of each series, bounded in memory all together."""

from collections.abc import Iterator

from tsforecast.serving.live_store import LiveStore

MAX_VALUES = 500_000  # forecast values of all series, which share them equally


class SeriesStores:
    """The stores of the series of a service; the only series of other models has the empty name.

    Args:
        keep: Forecast values, and truths, to keep of each series, as long as there is room for so many.

    Example:
        >>> stores = SeriesStores(keep=2000)
        >>> stores.of("north") is stores.of("north"), list(stores)
        (True, ['', 'north'])
    """

    def __init__(self, keep: int):
        self.keep = keep
        self._by_name = {"": LiveStore(keep)}

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def of(self, name: str) -> LiveStore:
        """Return the store of a series, a new one if it has none yet."""
        if name not in self._by_name:
            self._by_name[name] = LiveStore(self.keep)
            self._share()
        return self._by_name[name]

    def _share(self) -> None:
        share = max(1, MAX_VALUES // max(1, len(self._by_name) - 1))
        if share < self.keep:
            for name, store in self._by_name.items():
                if name:
                    store.shorten(share)

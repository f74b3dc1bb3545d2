"""Checks of where data come from: nothing that is stored with a run may contain a password."""

from tsforecast.config.schema import Config
from tsforecast.tables.credentials import check_query, check_secrets


def check_no_secrets(config: Config) -> None:
    """Refuse URLs and queries with passwords, wherever the config has them.

    Raises:
        UserError: It does not repeat the password.
    """
    urls = {f"data.{name}": config.data.get(name) for name in ("path", "connection")}
    queries = {"data.query": config.data.get("query")}
    if config.predict is not None:
        urls |= {"predict.data": config.predict.data, "predict.connection": config.predict.connection}
        queries["predict.data"] = config.predict.data
    if config.retrain is not None:
        urls["retrain.data"] = queries["retrain.data"] = config.retrain.data
    if config.serve is not None:
        urls |= {"serve.feed": config.serve.feed, "serve.feed_connection": config.serve.feed_connection}
        queries["serve.feed"] = config.serve.feed
    for key, url in urls.items():
        check_secrets(url, key)
    for key, query in queries.items():
        check_query(query, key)

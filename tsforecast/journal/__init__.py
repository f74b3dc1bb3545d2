"""The durable record of the service: rows, truths, forecasts and scores in one SQLite file."""

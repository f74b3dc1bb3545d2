"""A tracker that keeps what it gets."""

from tsforecast.tracking.null_tracker import NullTracker


class RecordingTracker(NullTracker):
    """Keeps rows, final figures, artifacts and alerts."""

    def __init__(self):
        self.rows, self.final, self.artifacts, self.alerts = [], {}, [], []

    def log(self, row, step):
        self.rows.append((step, dict(row)))

    def summary(self, values):
        self.final |= values

    def artifact(self, artifact):
        self.artifacts.append(artifact)

    def alert(self, title, text):
        self.alerts.append((title, text))

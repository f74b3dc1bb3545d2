"""Any set of finished runs beside each other: a leaderboard with confidence intervals, curves, cost and axes."""

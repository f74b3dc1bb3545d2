"""Comparison of finished runs: a leaderboard with confidence intervals, learning curves, cost and settings."""

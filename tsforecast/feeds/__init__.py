"""Rows that the service fetches itself: from a growing file, a query or a broker."""

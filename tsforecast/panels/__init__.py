"""Many series as one table: their rows, splits, levels and layouts."""

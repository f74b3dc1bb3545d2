"""Reads files as people have them: dialect, cells, times and the time grid, decided once as a recipe."""

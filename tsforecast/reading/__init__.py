"""Reads files as people have them: dialect, rows and columns, decided once as a recipe."""

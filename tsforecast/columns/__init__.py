"""Columns of Arrow tables: what their cells mean, and their numbers as NumPy arrays."""

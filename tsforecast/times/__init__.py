"""Times of rows: how they are written, which columns hold them, and the regular grid that they are put on."""

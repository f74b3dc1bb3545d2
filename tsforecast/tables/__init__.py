"""Tables as they are in files, and where they come from: one table is opened by the recipe and read in pieces."""

"""Files that somebody else may have written: read without running their code, in the memory that they deserve."""

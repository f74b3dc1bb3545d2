"""Arrays in files: written once in pieces, mapped into memory, found again by the content that they were made of."""

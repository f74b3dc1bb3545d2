"""Many runs as one study: each job in a clean state, resumable, and summarized in one table."""

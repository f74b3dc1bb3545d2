"""Many runs as one study: each job in a clean state, resumable, and summarised in one table."""

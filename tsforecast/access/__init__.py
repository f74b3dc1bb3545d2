"""Who may call the service: tokens and their scopes, limits of requests, and HTTPS."""

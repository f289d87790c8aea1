"""Flask plumbing: what every request and every answer share."""

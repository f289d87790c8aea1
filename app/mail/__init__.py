"""E-mail: what letters say, the outbox where they wait, and the signed links in them."""

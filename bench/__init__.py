"""Measurements that `make test` leaves out."""

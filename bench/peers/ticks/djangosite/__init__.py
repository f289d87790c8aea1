"""Django: `settings` as `startproject` makes them, less users and messages; SQLite as for production."""

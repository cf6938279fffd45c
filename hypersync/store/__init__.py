"""The store: one unit of work over SQLAlchemy, on SQLite and PostgreSQL."""

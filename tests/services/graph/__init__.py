"""A local Microsoft Graph for tests, written from the public documentation; see README.md."""

"""A connector for files with one JSON object in each line."""

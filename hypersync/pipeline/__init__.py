"""The three loops (scan, sync, execute) and the pure stages between them."""

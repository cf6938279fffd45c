"""The demo: a made-up company, and three acts played with the real program."""

"""The nouns of HyperSync and their transitions. Pure."""

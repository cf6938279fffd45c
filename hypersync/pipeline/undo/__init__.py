"""What takes actions back: their inverses, what of them still can be, and what is not redone."""

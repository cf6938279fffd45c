"""What stopped actions, or missing objects, have in common: found, chosen and said in words."""

"""The rulebook: expressions, functions, rules, and the one function they are compiled to. Pure."""

"""The configuration: YAML files become checked, frozen models that know their file and line."""

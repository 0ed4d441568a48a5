"""What every part stands on: outcomes, settings, identity and keys, whole files, names of types."""

"""params.yaml as checked, typed settings."""

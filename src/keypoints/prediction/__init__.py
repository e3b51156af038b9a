"""What trained networks say of faces: predicted, mirrored, corrected, put together, exported."""

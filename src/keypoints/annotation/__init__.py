"""Points of the user's own photos: finding faces, predicting, drawing and writing."""

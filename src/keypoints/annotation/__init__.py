"""Annotates the user's photos: detects faces, predicts landmarks, draws and writes them."""

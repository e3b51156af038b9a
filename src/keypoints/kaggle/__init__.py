"""Sending a submission to Kaggle: what is checked, sent, waited for and noted."""

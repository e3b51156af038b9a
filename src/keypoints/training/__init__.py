"""What a training is made of: losses, steps, their recipe, the saved state, teams and teachers."""

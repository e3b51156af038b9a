"""Training: loop, losses, optimiser and schedule, checkpoints, distributed runs, distillation."""

"""One small file per reinforcement learning framework: its calling convention, nothing else."""

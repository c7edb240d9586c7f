"""OpenRLHF: launching it, running it without a GPU, and the tiny policy that needs none."""

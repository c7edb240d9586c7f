"""Verifiable rewards, data and evaluation for reinforcement fine-tuning of VLMs on face anti-spoofing."""

__version__ = "0.1.0"

"""A vision-language policy small enough to learn face anti-spoofing on two CPU cores.

It is a real Qwen2.5-VL with its own tokenizer, processor and chat template, about a million
parameters, random at first. The warm-up (:mod:`.warm_up`) gives it language, format and eyes for a
few measurable image properties, and no knowledge of the classes: every verdict that it is shown is
the toss of a coin. What it later knows about liveness it has learnt from the rewards.
"""

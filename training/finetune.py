"""Multi-task fine-tuning of one encoder on all sources of a recipe.

bf16 autocast, AdamW with layer-wise learning rates, length-sorted batches, a checkpoint every few minutes from which
a killed run goes on, and a run folder that says what was trained on what: ``run.json``, ``log.jsonl``, ``best.pt``.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
import math
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from nlp.heads import HEADS
from nlp.tokenizer import CommentTokenizer
from training.batches import Pool, build_pool, collate, plan_epoch
from training.metrics import dev_score
from training.modeling import CommentModel, load_encoder, loss_of
from training.predict import predict
from training.recipe import Recipe
from training.sources import LabelledSet, load_corpus, load_sources, load_unlabelled
from training.vocabulary import Vocabulary, build_vocabulary

log = logging.getLogger(__name__)
CHECKPOINT_EVERY_S = 240.0


def train(recipe: Recipe, *, data_dir: Path, base_dir: Path, run_dir: Path, resume: bool = True) -> Path:
    """Trains and returns the run folder; with ``resume`` a killed run goes on from its last checkpoint."""
    torch.manual_seed(recipe.seed)
    run_dir.mkdir(parents=True, exist_ok=True)
    train_sets = [*load_sources(recipe, data_dir, split="train"), load_corpus(recipe, held_out=False)]
    dev_sets = [*load_sources(recipe, data_dir, split="dev"), load_corpus(recipe, held_out=True)]
    vocabulary = _vocabulary(recipe, train_sets, data_dir, base_dir)
    vocabulary.tokenizer().save(str(run_dir / "tokenizer.json"))
    tokenizer = CommentTokenizer(vocabulary.tokenizer(), max_tokens=recipe.max_tokens)
    _write_record(recipe, train_sets, vocabulary, run_dir)
    model = build_model(recipe, base_dir, vocabulary)
    (run_dir / "encoder.json").write_text(model.encoder.config.to_json_string(), encoding="utf-8")
    trainer = Trainer(recipe, model, build_pool(train_sets, tokenizer), run_dir)
    trainer.run(dev_sets, tokenizer, resume=resume)
    return run_dir


def build_model(recipe: Recipe, base_dir: Path, vocabulary: Vocabulary | None) -> CommentModel:
    """The base encoder with the cut vocabulary's embedding in place of its own."""
    encoder = load_encoder(base_dir)
    if vocabulary is not None:
        old = encoder.get_input_embeddings().weight.data
        new = nn.Embedding.from_pretrained(vocabulary.embedding(old), freeze=False, padding_idx=0)
        encoder.set_input_embeddings(new)
        encoder.config.vocab_size = new.num_embeddings
    return CommentModel(encoder, dropout=recipe.dropout)


class Trainer:
    """Owns the optimiser, the schedule and the checkpoints of one run."""

    def __init__(self, recipe: Recipe, model: CommentModel, pool: Pool, run_dir: Path) -> None:
        self.recipe, self.model, self.pool, self.run_dir = recipe, model, pool, run_dir
        self.optimizer = torch.optim.AdamW(
            parameter_groups(model, recipe), weight_decay=recipe.weight_decay, fused=True
        )
        plan = self._plan(0)
        self.total_steps = int(len(plan) * recipe.epochs)
        warmup = max(1, int(self.total_steps * recipe.warmup_share))
        self.schedule = torch.optim.lr_scheduler.LambdaLR(
            self.optimizer,
            lambda s: min((s + 1) / warmup, max(0.0, (self.total_steps - s) / (self.total_steps - warmup))),
        )
        self.step, self.best = 0, -1.0

    def run(self, dev_sets: list[LabelledSet], tokenizer: CommentTokenizer, *, resume: bool) -> None:
        """All epochs; evaluates at the half and the end of each and keeps the best in ``best.pt``."""
        if resume:
            self._load()
        steps_before = 0
        for epoch in range(math.ceil(self.recipe.epochs)):
            plan = self._plan(epoch)
            last = min(len(plan), self.total_steps - steps_before)
            for index in range(self.step - steps_before, last):
                self._train_step(plan[index])
                if index + 1 in (len(plan) // 2, last):
                    self._evaluate(dev_sets, tokenizer)
            steps_before += len(plan)

    def _train_step(self, rows: np.ndarray) -> None:
        self.model.train()
        ids, mask, targets, weights = collate(self.pool, rows)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = self.model(ids, mask)
        loss = loss_of(logits, targets, weights)
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.schedule.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.step += 1
        self._report(float(loss.detach()), ids.numel())

    def _report(self, loss: float, tokens: int) -> None:
        state = self.__dict__.setdefault("_meter", {"t": time.monotonic(), "saved": time.monotonic(), "l": [], "n": 0})
        state["l"].append(loss)
        state["n"] += tokens
        if self.step % 100 == 0:
            rate = state["n"] / (time.monotonic() - state["t"])
            self._log(step=self.step, of=self.total_steps, loss=round(float(np.mean(state["l"])), 4), tokens_per_s=int(rate))
            state.update(t=time.monotonic(), l=[], n=0)
        if time.monotonic() - state["saved"] > CHECKPOINT_EVERY_S:
            self._save()
            state["saved"] = time.monotonic()

    def _evaluate(self, dev_sets: list[LabelledSet], tokenizer: CommentTokenizer) -> None:
        scores = {s.name: dev_score(predict(self.model, s.texts[:3000], tokenizer), s.take(range(min(3000, len(s))))) for s in dev_sets}
        flat = [v for per in scores.values() for v in per.values()]
        mean = float(np.mean(flat))
        self._log(step=self.step, dev=scores, mean=round(mean, 4))
        if mean > self.best:
            self.best = mean
            torch.save(self.model.state_dict(), self.run_dir / "best.pt")
        self._save()

    def _plan(self, epoch: int) -> list[np.ndarray]:
        rng = np.random.default_rng([self.recipe.seed, epoch])
        return plan_epoch(self.pool, tokens_per_batch=self.recipe.tokens_per_batch, rng=rng)

    def _save(self) -> None:
        state = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "step": self.step,
            "best": self.best,
        }
        temporary = self.run_dir / "checkpoint.tmp"
        torch.save(state, temporary)
        temporary.replace(self.run_dir / "checkpoint.pt")

    def _load(self) -> None:
        path = self.run_dir / "checkpoint.pt"
        if not path.exists():
            return
        state = torch.load(path, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.step, self.best = state["step"], state["best"]
        self._log(resumed_at=self.step)

    def _log(self, **entry: Any) -> None:
        log.info("%s", entry)
        with (self.run_dir / "log.jsonl").open("a", encoding="utf-8") as out:
            out.write(json.dumps({"time": time.time(), **entry}, ensure_ascii=False) + "\n")


def parameter_groups(model: CommentModel, recipe: Recipe) -> list[dict[str, Any]]:
    """Layer-wise learning rates: each layer below the top learns ``layer_decay`` times slower."""
    layers = model.encoder.config.num_hidden_layers
    groups = []
    for name, parameter in model.named_parameters():
        if name.startswith("heads"):
            rate = recipe.head_learning_rate
        else:
            depth = int(name.split("layer.")[1].split(".")[0]) + 1 if "layer." in name else 0
            rate = recipe.learning_rate * recipe.layer_decay ** (layers - depth)
        decay = recipe.weight_decay if parameter.ndim > 1 else 0.0
        groups.append({"params": [parameter], "lr": rate, "weight_decay": decay})
    return groups


def _vocabulary(
    recipe: Recipe, train_sets: list[LabelledSet], data_dir: Path, base_dir: Path
) -> Vocabulary:
    texts = [t for s in train_sets for t in s.texts]
    for folder in recipe.vocabulary_texts:
        texts += load_unlabelled(data_dir, folder)
    return build_vocabulary(
        base_dir / "vocab.txt",
        texts,
        min_piece_count=recipe.min_piece_count,
        min_emote_count=recipe.min_emote_count,
    )


def _write_record(recipe: Recipe, sets: list[LabelledSet], vocabulary: Vocabulary, run_dir: Path) -> None:
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    record = {
        "recipe": dataclasses.asdict(recipe),
        "commit": commit.stdout.strip(),
        "heads": {h.name: list(h.labels) for h in HEADS},
        "pieces": len(vocabulary.pieces),
        "emotes": len(vocabulary.emotes),
        "data": {s.name: {"rows": len(s), "sha256": _hash(s)} for s in sets},
    }
    text = json.dumps(record, ensure_ascii=False, indent=1)
    (run_dir / "run.json").write_text(text + "\n", encoding="utf-8")


def _hash(labelled: LabelledSet) -> str:
    digest = hashlib.sha256("\n".join(labelled.texts).encode())
    for head in HEADS:
        digest.update(labelled.targets[head.name].tobytes())
    return digest.hexdigest()[:16]

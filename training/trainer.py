"""The optimiser, the schedule and the checkpoints of one run.

bf16 autocast, AdamW with layer-wise learning rates, a checkpoint every few minutes. A run that
goes on from a checkpoint takes the same steps as one that was never stopped: the plan of an epoch
depends on the seed and the epoch alone, dropout on the seed and the step.
"""

from __future__ import annotations

import json
import logging
import math
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import nn

from nlp.heads import OUTPUT_SIZE
from nlp.tokenizer import CommentTokenizer
from training.batches import Pool, Rows, TrainBatch, collate, own_slices, plan_epoch
from training.errors import TrainingError
from training.labelled import LabelledSet
from training.masking import mask
from training.metrics import dev_score, own_accuracy
from training.modeling import CommentModel, distillation_loss, loss_of
from training.predict import predict
from training.recipe import Recipe

log = logging.getLogger(__name__)
CHECKPOINT_EVERY_S: Final = 240.0
REPORT_EVERY_STEPS: Final = 100
EVALUATED_ROWS: Final = 3_000  # of each dev set, so that no large set holds up the run
BEST_FILE: Final = "best.pt"
CHECKPOINT_FILE: Final = "checkpoint.pt"


@dataclass(kw_only=True)
class Meter:
    """Losses and tokens since the last report."""

    losses: list[float] = field(default_factory=list)
    tokens: int = 0
    since: float = field(default_factory=time.monotonic)

    def add(self, loss: float, tokens: int) -> None:
        """Counts one step."""
        self.losses.append(loss)
        self.tokens += tokens

    def report(self) -> dict[str, float]:
        """The mean loss and the tokens per second."""
        seconds = time.monotonic() - self.since
        mean = round(float(np.mean(self.losses)), 4)
        return {"loss": mean, "tokens_per_s": int(self.tokens / seconds)}


class Trainer:
    """One run over a pool of rows; ``run_dir`` gets the log, a checkpoint and the best weights."""

    def __init__(
        self,
        recipe: Recipe,
        model: CommentModel,
        pool: Pool,
        run_dir: Path,
        *,
        mask_id: int = 0,  # of [MASK]; read only where tokens are hidden
    ) -> None:
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.recipe, self.pool, self.run_dir = recipe, pool, run_dir
        self.model, self.mask_id = model.to(self.device), mask_id
        set_dropout(model, recipe.encoder_dropout)
        self.optimizer = torch.optim.AdamW(
            parameter_groups(model, recipe), weight_decay=recipe.weight_decay, fused=True
        )
        self.total_steps = max(1, int(len(self._steps(0)) * recipe.epochs))
        self.last_step = max(1, int(self.total_steps * recipe.stop_after))
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimizer, self._rate)
        self.step, self.best, self._worse = 0, -1.0, 0
        self._meter, self._saved_at = Meter(), time.monotonic()

    def run(
        self, dev_sets: list[LabelledSet], tokenizer: CommentTokenizer, *, resume: bool
    ) -> None:
        """All epochs; evaluates in equal parts of each and keeps the best weights.

        Ends early after ``patience`` evaluations without a better one.
        """
        if resume:
            self._load()
        before = 0
        for epoch in range(math.ceil(self.recipe.epochs)):
            steps = self._steps(epoch)
            last = min(len(steps), self.last_step - before)
            parts = self.recipe.evaluations
            due = {len(steps) * k // parts for k in range(parts)}
            for index in range(self.step - before, last):
                self._train_step(steps[index])
                if index + 1 in due | {last}:
                    self._evaluate(dev_sets, tokenizer)
                    if self.recipe.patience and self._worse >= self.recipe.patience:
                        return
                elif time.monotonic() - self._saved_at > CHECKPOINT_EVERY_S:
                    self._save()
            before += len(steps)

    def _rate(self, step: int) -> float:
        """Linear warm-up, then linear decay to 0."""
        warmup = max(1, int(self.total_steps * self.recipe.warmup_share))
        left = (self.total_steps - step) / max(1, self.total_steps - warmup)
        return min((step + 1) / warmup, max(0.0, left))

    def _train_step(self, parts: list[Rows]) -> None:
        self.model.train()
        torch.manual_seed(self.recipe.seed + self.step)
        total, tokens = 0.0, 0
        for rows in parts:
            batch = collate(self.pool, rows).to(self.device)
            loss = self._loss(batch) / len(parts)
            torch.autograd.backward(loss)
            total, tokens = total + float(loss.detach()), tokens + batch.ids.numel()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.schedule.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.step += 1
        self._report(total, tokens)

    def _loss(self, batch: TrainBatch) -> torch.Tensor:
        ids = batch.ids
        if self.recipe.hide_share:
            ids, _ = mask(ids, batch.mask, share=self.recipe.hide_share, mask_id=self.mask_id)
        with torch.autocast(self.device.type, torch.bfloat16):
            logits = self.model(ids, batch.mask)
        loss = loss_of(logits, batch.targets, batch.weights, batch.own)
        if batch.soft is not None:
            soft = distillation_loss(logits, batch.soft, self.recipe.distill_temperature)
            loss = loss + self.recipe.distill_weight * soft
        return loss

    def _report(self, loss: float, tokens: int) -> None:
        self._meter.add(loss, tokens)
        if self.step % REPORT_EVERY_STEPS == 0:
            self._log(step=self.step, of=self.total_steps, **self._meter.report())
            self._meter = Meter()

    def _evaluate(self, dev_sets: list[LabelledSet], tokenizer: CommentTokenizer) -> None:
        scores: dict[str, dict[str, float]] = {}
        slices = own_slices(self.pool.auxiliary)
        for dev in dev_sets:  # a file may feed several sets; each adds its heads
            part = dev.take(range(min(EVALUATED_ROWS, len(dev))))
            logits = predict(self.model, part.texts, tokenizer)
            found = dev_score(logits, part)
            if part.own is not None:
                own = logits[:, OUTPUT_SIZE:][:, slices[dev.name]]
                found["own classes"] = own_accuracy(own, part.own)
            scores[dev.name] = found | scores.get(dev.name, {})
        each = [value for heads in scores.values() for value in heads.values()]
        mean = float(np.mean(each)) if each else 0.0
        self._log(step=self.step, dev=scores, mean=round(mean, 4))
        self._worse = 0 if mean > self.best else self._worse + 1
        if mean >= self.best:
            self.best = mean
            write_state(self.model.state_dict(), self.run_dir / BEST_FILE)
        self._save()

    def _steps(self, epoch: int) -> list[list[Rows]]:
        """The batches of each step of the optimiser."""
        rng = np.random.default_rng([self.recipe.seed, epoch])
        plan = plan_epoch(self.pool, tokens_per_batch=self.recipe.tokens_per_batch, rng=rng)
        size = self.recipe.accumulate
        return [plan[start : start + size] for start in range(0, len(plan), size)]

    def _save(self) -> None:
        state = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "step": self.step,
            "best": self.best,
            "worse": self._worse,
        }
        write_state(state, self.run_dir / CHECKPOINT_FILE)
        self._saved_at = time.monotonic()

    def _load(self) -> None:
        path = self.run_dir / CHECKPOINT_FILE
        if not path.exists():
            return
        state = torch.load(path, map_location=self.device, weights_only=True)
        try:
            self.model.load_state_dict(state["model"])
        except RuntimeError as error:
            raise TrainingError(
                f"{path}: expected a checkpoint of this model, found other shapes (other texts or "
                "another base); take another run folder or --no-resume"
            ) from error
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.step, self.best, self._worse = state["step"], state["best"], state["worse"]
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
        if not parameter.requires_grad:  # the wide part of a shipped model
            continue
        if name.startswith(("heads", "auxiliary")):
            rate = recipe.head_learning_rate
        else:
            depth = int(name.split("layer.")[1].split(".")[0]) + 1 if "layer." in name else 0
            rate = recipe.learning_rate * recipe.layer_decay ** (layers - depth)
        decay = recipe.weight_decay if parameter.ndim > 1 else 0.0
        groups.append({"params": [parameter], "lr": rate, "weight_decay": decay})
    return groups


def set_dropout(model: CommentModel, share: float) -> None:
    """Dropout inside the encoder, wherever its architecture has a place for it."""
    for module in model.encoder.modules():
        if isinstance(module, nn.Dropout):
            module.p = share


def write_state(state: dict[str, Any], path: Path) -> None:
    """All or nothing: a run that is killed while it writes keeps the file it had."""
    temporary = path.with_suffix(".tmp")
    torch.save(state, temporary)
    os.replace(temporary, path)

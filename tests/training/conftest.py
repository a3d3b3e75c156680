"""One tiny base, its data, one finished run and its model folder, made once per session."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import datasets
import pytest
import torch

from tests.training.tiny import tiny_recipe, write_base, write_sources
from training import pipeline
from training.finetune import train
from training.pipeline import export_run


@pytest.fixture(scope="session", autouse=True)
def _alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One thread, and no cache outside the tests' folder."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    datasets.disable_progress_bars()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path_factory.mktemp("cache"))
        yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A local base encoder; do not change it."""
    return write_base(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three labelled files; do not change them."""
    return write_sources(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="session")
def run_dir(base: Path, data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run; do not change it."""
    return train(
        tiny_recipe(), data_dir=data_dir, run_dir=tmp_path_factory.mktemp("run"), base=base
    )


@pytest.fixture(scope="session")
def model_dir(run_dir: Path, data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run's model folder. So small a model has near ties: the gate on flips stands open."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline, "MAX_FLIPS", 1.0)
        return export_run(run_dir, tmp_path_factory.mktemp("model"), data_dir=data_dir)

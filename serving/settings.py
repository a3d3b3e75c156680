"""Settings from ``TINGFENG_*`` variables and ``tingfeng.toml``; the variable wins.

The README lists each one with its default and meaning.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)


class Settings(BaseSettings):
    """Everything that can be set outside the command line."""

    model_config = SettingsConfigDict(
        env_prefix="TINGFENG_", toml_file="tingfeng.toml", extra="forbid"
    )

    home: Path = Field(
        Path("var"), description="folder of the store, the key and other run-time files"
    )
    store: str | None = Field(
        None, description="store URL; without it tingfeng.duckdb in the home folder"
    )
    identity_rules: Path | None = Field(
        None, description="file of identity rules; without it the ones of the package"
    )
    model: str = Field(
        "small",
        description="a shipped model's name, a model folder, or fake (word rules without weights)",
    )
    engine: Literal["openvino", "onnxruntime", "cuda"] = Field(
        "openvino", description="what runs the model; cuda is a GPU"
    )
    precision: Literal["auto", "bf16", "f32"] = Field(
        "auto", description="arithmetic of OpenVINO; auto is bf16 where the processor has it"
    )
    threads: int | None = Field(
        None, ge=1, description="threads of the model; without it one per core"
    )
    sources_dir: Path | None = Field(
        None, description="folder of YAML files with your own sources for ingest"
    )
    data_dir: Path | None = Field(
        None, description="folder of labelled sets for train and evaluate"
    )
    weights_dir: Path | None = Field(None, description="folder of base encoders for train")

    douyin_base_url: str | None = Field(
        None, description="base address of the Douyin Open Platform's API; needed by fetch douyin"
    )
    douyin_client_key: str | None = Field(None, description="the application's key there")
    douyin_client_secret: SecretStr | None = Field(
        None, description="the application's secret there; better in the environment"
    )
    douyin_app: Literal["web", "mini"] = Field(
        "web", description="kind of the application there: web (and mobile), or mini"
    )
    douyin_requests_per_s: float = Field(
        5.0, gt=0, le=1000, description="requests a second to that API at most"
    )
    douyin_timeout_s: float = Field(30.0, gt=0, description="longest wait for one answer of it")
    douyin_attempts: int = Field(
        6, ge=1, le=20, description="requests for one answer, where it is busy or cut off"
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then variables, then the file."""
        del dotenv_settings, file_secret_settings
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

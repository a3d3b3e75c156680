"""Settings from ``TINGFENG_*`` variables and ``tingfeng.toml``; the variable wins.

The README lists each one with its default and meaning.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, Literal

from pydantic import Field, SecretStr
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

MAX_TEXTS: Final = 256
MAX_CHARS: Final = 100_000
MAX_BODY_BYTES: Final = 2_000_000


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
    spark_memory: str = Field(
        "2g", pattern=r"^\d+[kmgt]$", description="memory of the Spark driver, for a Spark store"
    )
    min_group: int = Field(
        10, ge=1, description="smallest group of persons whose count is published"
    )
    identity_rules: Path | None = Field(
        None, description="file of identity rules; without it the ones of the package"
    )
    packs: list[str] = Field(
        ["apparel", "b2b", "beauty", "digital", "health", "mother_baby", "snacks"],
        description="industry packs whose fields and tags are made: names, or paths of YAML files",
    )
    tags: Path | None = Field(None, description="file of your own business tags")
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

    channels_file: Path | None = Field(
        None, description="YAML or TOML file of the alert channels; without it [alerts] here"
    )
    alerts: dict[str, Any] | None = Field(
        None, description="channels of alerts, as in the channels file under alerts"
    )

    public_url: str | None = Field(
        None,
        pattern=r"^https?://[^\s/]+[^\s]*$",
        description="address under which people reach the service; messages link to it",
    )

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

    env: Literal["development", "production"] = Field(
        "development", description="production asks for a key everywhere but for health"
    )
    allowed_hosts: str | None = Field(
        None, description="host names, parted by commas, under which the service answers"
    )
    cors_origins: str | None = Field(
        None, description="origins, parted by commas, whose pages may call the service"
    )
    public_docs: bool | None = Field(
        None, description="/docs without a key; without it only outside production"
    )
    public_metrics: bool | None = Field(
        None, description="/metrics without a key; without it only outside production"
    )
    max_texts: int = Field(MAX_TEXTS, ge=1, description="texts of one call")
    max_chars: int = Field(MAX_CHARS, ge=1, description="characters of one text")
    max_body_bytes: int = Field(MAX_BODY_BYTES, ge=1, description="bytes of one body")
    max_json_depth: int = Field(32, ge=2, le=200, description="nesting of a JSON body")
    max_header_bytes: int = Field(16_384, ge=256, description="bytes of all headers of a call")
    body_timeout_s: float = Field(10.0, gt=0, description="time for a body of a few kB to come in")
    request_timeout_s: float = Field(20.0, gt=0, le=25, description="time for one answer")
    deadline_ms: int = Field(2_000, ge=1, description="time for scoring, unless the call says")
    queue_wait_ms: int = Field(
        150, ge=1, description="predicted wait above which a call is refused"
    )
    queue_tokens: int = Field(200_000, ge=1, description="tokens that may wait to be scored")
    batch_tokens: int = Field(512, ge=256, description="tokens that are scored together")
    cache_bytes: int = Field(64_000_000, ge=0, description="memory for results of equal texts")
    key_requests_per_min: int = Field(
        6_000, ge=1, description="calls a minute of a key without a rate of its own"
    )
    store_threads: int = Field(4, ge=1, le=64, description="calls on the store at a time")
    job_max_bytes: int = Field(2_000_000_000, ge=1, description="bytes of one job's body")
    job_max_waiting: int = Field(20, ge=1, description="unfinished jobs of one tenant")
    job_keep_days: float = Field(7.0, gt=0, description="how long a finished job is kept")
    log_level: Literal["info", "warning", "error"] = Field(
        "info", description="what the service logs; info has a line for every call"
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

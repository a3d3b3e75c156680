"""A Spark session for scoring, or one line about what it lacks."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from serving.errors import ServingError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

LOCAL: Final = "local[*]"
DEFAULTS: Final = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.log.level": "ERROR",
}


def open_session(master: str | None = None, conf: Mapping[str, str] | None = None) -> SparkSession:
    """The session at ``master`` (``local[*]`` without one, unless spark-submit says another).

    Raises:
        ServingError: no Java, no pyspark, or no session to be had there.
    """
    check_java()
    if find_spec("pyspark") is None:
        raise ServingError(
            "--engine spark: expected the package pyspark, found it not installed; "
            "run `pip install 'tingfeng[spark]'`"
        )
    from pyspark.errors import PySparkException
    from pyspark.sql import SparkSession

    submitted = "PYSPARK_GATEWAY_PORT" in os.environ  # spark-submit has made the session's settings
    address = master or (None if submitted else LOCAL)
    options = dict(DEFAULTS)
    if address is not None and address.startswith("local"):
        options |= _local_options()
    builder = SparkSession.builder.appName("tingfeng score")
    for key, value in (options | dict(conf or {})).items():
        builder = builder.config(key, value)
    try:
        return (builder.master(address) if address else builder).getOrCreate()
    except (PySparkException, OSError, RuntimeError) as error:
        raise ServingError(
            f"--master: expected a Spark session at {address}, found {error}; check the address"
        ) from error
    except Exception as error:  # py4j's own, which it does not share with anyone
        if type(error).__module__.partition(".")[0] != "py4j":
            raise
        reason = str(error).strip().splitlines()[-1] if str(error).strip() else "no answer"
        raise ServingError(
            f"--master: expected a Spark session at {address}, found {reason}; check the address"
        ) from error


def check_java() -> None:
    """Raises ServingError when there is no Java to run Spark with."""
    home = os.environ.get("JAVA_HOME")
    if (home and Path(home, "bin", "java").is_file()) or shutil.which("java"):
        return
    raise ServingError(
        "--engine spark: expected Java 17 or later, found none; install it (on Debian: apt install "
        "openjdk-17-jre-headless) or set JAVA_HOME"
    )


def _local_options() -> dict[str, str]:
    """Executors on this machine use this Python, this package and the loopback address."""
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    root = str(Path(__file__).resolve().parents[2])
    paths = [root, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    return {"spark.executorEnv.PYTHONPATH": os.pathsep.join(dict.fromkeys(paths))}

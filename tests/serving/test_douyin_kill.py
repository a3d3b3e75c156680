"""A fetch killed without warning at any page goes on and ends with the rows of an unkilled one."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from serving.sources.douyin_login import log_in
from serving.sources.douyin_sender import App, Sender
from serving.sources.douyin_tokens import TokenStore
from serving.sources.errors import SourceError
from serving.sources.pacing import Pacer
from serving.sources.resumable import ResumableOutput
from tests.serving.fake_douyin import KEY, SECRET, Platform, comment, start

ROOT = Path(__file__).resolve().parents[2]
ITEMS = ("@v1", "@v2")
PATIENCE_S = 300
DRIVER = """
import sys
from pathlib import Path
from serving.sources.douyin_client import DouyinClient
from serving.sources.douyin_fetch import CommentsQuery, fetch_comments
from serving.sources.douyin_sender import App, Sender
from serving.sources.douyin_tokens import TokenStore
from serving.sources.pacing import Pacer
from serving.sources.resumable import ResumableOutput

base, key, secret, home, out, per_s = sys.argv[1:]
app = App(base_url=base, client_key=key, client_secret=secret)
sender = Sender(app=app, pacer=Pacer(per_s=float(per_s)), attempts=3, timeout_s=30)
client = DouyinClient(sender, TokenStore(Path(home)))
query = CommentsQuery(items=["@v1", "@v2"], replies=True, count=3)
with ResumableOutput(Path(out), query.identity("account1"), resume=True) as output:
    summary = fetch_comments(client, query, output)
    output.finish()
print(summary.rows, summary.resumed, len(summary.faults))
"""


@pytest.fixture
def platform() -> Iterator[Platform]:
    """Two items of 20 comments, two of them given twice, every third answered by 5."""
    known = Platform()
    for base, name in enumerate(ITEMS):
        rows = [comment(1000 * base + n, reply_comment_total=5 * (n % 3 == 0)) for n in range(20)]
        known.comments[name] = [*rows[:7], *rows[5:]]  # two rows come twice
        for row in rows[::3]:
            first = 10_000 + 100 * row["digg_count"]
            known.replies[row["comment_id"]] = [comment(first + n) for n in range(5)]
    server = start(known)
    yield known
    server.shutdown()
    server.server_close()


def log_in_at(platform: Platform, home: Path) -> None:
    app = App(base_url=platform.base_url, client_key=KEY, client_secret=SECRET)
    sender = Sender(app=app, pacer=Pacer(per_s=1000), attempts=1, timeout_s=30)
    log_in(sender, TokenStore(home), "code1", time.time())


def fetch(platform: Platform, home: Path, out: Path, per_s: float) -> subprocess.Popen[str]:
    given = [platform.base_url, KEY, SECRET, str(home), str(out), str(per_s)]
    command = [sys.executable, "-c", DRIVER, *given]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_killed_and_resumed_fetch_has_the_bytes_of_an_unkilled_one(
    platform: Platform, tmp_path: Path
) -> None:
    log_in_at(platform, tmp_path)
    whole, killed = tmp_path / "whole.jsonl", tmp_path / "killed.jsonl"
    printed, _ = fetch(platform, tmp_path, whole, 1000).communicate(timeout=PATIENCE_S)
    assert printed.split() == ["110", "0", "0"]  # 2 x (20 comments + 7 x 5 replies)
    rng = random.Random(3)
    for pages in (4, 9, 13):
        process, before = fetch(platform, tmp_path, killed, 100), len(platform.asked)
        deadline_s = time.monotonic() + PATIENCE_S
        while len(platform.asked) < before + pages:
            assert process.poll() is None and time.monotonic() < deadline_s
            time.sleep(0.001)
        time.sleep(rng.uniform(0, 0.02))
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=PATIENCE_S)
        assert process.returncode == -signal.SIGKILL and not killed.exists()
    before = len(platform.asked)
    printed, _ = fetch(platform, tmp_path, killed, 1000).communicate(timeout=PATIENCE_S)
    rows, resumed, faults = map(int, printed.split())
    assert (rows, faults) == (110, 0) and resumed > 20
    assert killed.read_bytes() == whole.read_bytes()
    assert not [p for p in tmp_path.iterdir() if p.suffix == ".fetch"]


def row(number: int) -> dict[str, Any]:
    return {"comment_id": f"c{number}"}


def interrupted(out: Path, **state: Any) -> None:
    """A fetch that wrote one page and half of another."""
    with ResumableOutput(out, {"of": 1}, resume=True) as output:
        output.append([row(1), row(2)], state)
    with (out.with_name(out.name + ".fetch") / "rows.jsonl").open("ab") as file:
        file.write(b'{"comment_id": "c3"}\n{"comm')


def test_half_a_page_is_cut_off_and_the_state_is_given_back(tmp_path: Path) -> None:
    out = tmp_path / "o.jsonl"
    interrupted(out, cursor=7)
    with ResumableOutput(out, {"of": 1}, resume=True) as output:
        assert output.state == {"cursor": 7} and list(output.rows()) == [row(1), row(2)]
        output.append([row(3)], {})
        output.finish()
    assert out.read_text("utf-8").splitlines() == [f'{{"comment_id":"c{n}"}}' for n in (1, 2, 3)]


def test_fetch_of_other_things_is_not_gone_on_with(tmp_path: Path) -> None:
    out = tmp_path / "o.jsonl"
    interrupted(out)
    with (
        pytest.raises(SourceError, match="--no-resume to drop it"),
        ResumableOutput(out, {"of": 2}, resume=True),
    ):
        pass
    with ResumableOutput(out, {"of": 2}, resume=False) as output:
        assert output.state == {} and list(output.rows()) == []


def test_second_fetch_into_the_same_output_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "o.jsonl"
    with (
        ResumableOutput(out, {}, resume=True),
        pytest.raises(SourceError, match="found one at work"),
        ResumableOutput(out, {}, resume=True),
    ):
        pass


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [("cursor.json", b"{", "the cursor of a fetch"), ("rows.jsonl", b"", "found 0; start over")],
)
def test_spoiled_folder_says_to_start_over(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    out = tmp_path / "o.jsonl"
    interrupted(out)
    (tmp_path / "o.jsonl.fetch" / name).write_bytes(content)
    with (
        pytest.raises(SourceError, match=message),
        ResumableOutput(out, {"of": 1}, resume=True),
    ):
        pass

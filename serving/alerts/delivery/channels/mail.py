"""E-mail over SMTP with TLS: plain text and HTML.

An incident's mails are one thread; a repeated mail has the same Message-ID.
"""

from __future__ import annotations

import smtplib
import ssl
import threading
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import format_datetime
from html import escape as html_escape
from pathlib import Path
from typing import Final

from serving.alerts.delivery.channels.base import Channel, fingerprint
from serving.alerts.delivery.message.brief import Brief, Limits
from serving.alerts.delivery.message.escape import clean, plain
from serving.alerts.delivery.message.text import plain_text
from serving.alerts.delivery.outcome import Outcome
from serving.alerts.delivery.wire import shut
from serving.alerts.notice import Notice

TIMEOUT_S: Final = 10.0
TOTAL_S: Final = 25.0
_TEMPORARY: Final = range(400, 500)


@dataclass(frozen=True, kw_only=True)
class Mail(Channel):
    """Recipients behind a mail server."""

    host: str
    port: int
    tls: str
    sender: str
    recipients: tuple[str, ...]
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: Path | None = None

    def render(self, notice: Notice, *, withheld: bool = False) -> str:
        """The plain part with its subject."""
        message = self.message(notice)
        body = message.get_body(("plain",))
        del withheld
        return f"Subject: {message['Subject']}\n\n{body.get_content() if body else ''}"

    def message(self, notice: Notice) -> EmailMessage:
        """The mail: repeats have the same Message-ID, and an incident's mails are one thread."""
        bare = self.brief(notice, plain, Limits(quotes=10, quote_chars=400))
        found = EmailMessage()
        found["Subject"] = f"{bare.mark}【{bare.tag}】{bare.title}"
        found["From"], found["To"] = self.sender, ", ".join(self.recipients)
        found["Date"] = format_datetime(notice.at)
        domain = self.sender.rpartition("@")[2]
        found["Message-ID"] = f"<{fingerprint(self.name, notice.dedup_key)}@{domain}>"
        found["References"] = f"<{fingerprint(self.name, 'incident', notice.incident_id)}@{domain}>"
        found["Auto-Submitted"] = "auto-generated"
        found["X-Tingfeng-Dedup-Key"] = clean(notice.dedup_key)[:200]
        found.set_content(plain_text(bare, bare.footer))
        limits = Limits(quotes=10, quote_chars=400)
        found.add_alternative(html(self.brief(notice, clean, limits)), subtype="html")
        return found

    def send(self, notice: Notice, *, now: float, withheld: bool = False) -> Outcome:
        """What became of one attempt; 4xx answers pass, 5xx stay."""
        del now, withheld
        try:
            refused = self._send(self.message(notice))
        except smtplib.SMTPRecipientsRefused as error:
            return self._refused(list(error.recipients.values()))
        except smtplib.SMTPResponseException as error:
            return self._refused([(error.smtp_code, error.smtp_error)])
        except smtplib.SMTPNotSupportedError:
            told = "expected STARTTLS and AUTH, found a server without; see tls in docs/channels.md"
            return Outcome(result="final", code="smtp", message=told)
        except (smtplib.SMTPException, OSError, ValueError) as error:
            told = self.redact(f"{type(error).__name__}: {error}")
            return Outcome(result="retry", code="network", message=told[:200])
        told = f"{len(refused)} of {len(self.recipients)} recipients refused" if refused else ""
        return Outcome(result="sent", code="250", message=told)

    def _refused(self, answers: list[tuple[int, bytes | str]]) -> Outcome:
        code, raw = answers[0]
        text = raw.decode(errors="replace") if isinstance(raw, bytes) else raw
        passing = any(one[0] in _TEMPORARY for one in answers)
        told = self.redact(clean(text))[:200]
        return Outcome(result="retry" if passing else "final", code=str(code), message=told)

    def _send(self, message: EmailMessage) -> dict[str, tuple[int, bytes]]:
        context = ssl.create_default_context(cafile=self.ca_file)
        with self._server(context) as server:
            watch = threading.Timer(TOTAL_S, _end, (server,))
            watch.daemon = True
            watch.start()
            try:
                if self.tls == "starttls":
                    server.starttls(context=context)
                if self.user and self.password:
                    server.login(self.user, self.password)
                return server.send_message(message)
            finally:
                watch.cancel()

    def _server(self, context: ssl.SSLContext) -> smtplib.SMTP:
        if self.tls == "implicit":
            return smtplib.SMTP_SSL(self.host, self.port, timeout=TIMEOUT_S, context=context)
        return smtplib.SMTP(self.host, self.port, timeout=TIMEOUT_S)


def _end(server: smtplib.SMTP) -> None:
    if server.sock is not None:
        shut(server.sock)


def html(brief: Brief) -> str:
    """The paragraphs as HTML; every text is escaped here."""
    safe = html_escape
    rows = "".join(
        f"<tr><td style='color:#888'>{safe(label)}</td><td>{safe(text)}</td></tr>"
        for label, text in brief.facts
    )
    quotes = "".join(
        f"<blockquote style='border-left:3px solid #ccc;margin:8px 0;padding-left:10px'>"
        f"「{safe(one.text)}」<br><small style='color:#888'>{safe(one.note)}</small></blockquote>"
        for one in brief.quotes
    )
    steps = "".join(f"<li>{safe(text)}</li>" for text in brief.steps)
    link = f'<p><a href="{safe(brief.link)}">查看事件与全部评论</a></p>' if brief.link else ""
    parts = [
        f"<h3>{brief.mark}【{safe(brief.tag)}】{safe(brief.title)}</h3>",
        f"<p><b>{safe(brief.lead)}</b><br>{safe(brief.since)}</p>",
        f"<table>{rows}</table>" if rows else "",
        f"<h4>代表评论</h4>{quotes}" if quotes else "",
        f"<p>{safe(brief.more_quotes)}</p>" if brief.more_quotes else "",
        f"<h4>建议下一步</h4><ol>{steps}</ol>" if steps else "",
        f"<p>{safe(brief.more_steps)}</p>" if brief.more_steps else "",
        link,
        f"<p style='color:#888'><small>{safe(brief.footer)}</small></p>",
    ]
    return '<!doctype html><html lang="zh-CN"><body>' + "".join(parts) + "</body></html>"

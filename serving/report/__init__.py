"""The report for people who decide: one self-contained HTML page, or one workbook.

The page is in Chinese and makes no request: styles, script and charts are inside it. Each number
can be opened into the comments behind it.
"""

from serving.report.errors import ReportError
from serving.report.page import build_report
from serving.report.workbook import build_report_xlsx

# stored tables that a report is made of
READ_TABLES = (
    *("comments", "contents", "content_insights", "persons", "profiles", "person_identifiers"),
    *("users", "events", "orders", "content_topics", "runs", "touched", "meta"),
)

__all__ = ["READ_TABLES", "ReportError", "build_report", "build_report_xlsx"]

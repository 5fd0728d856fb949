"""The audit log: search, and export as CSV."""

from datetime import UTC, datetime
from typing import Any

from flask import Response, jsonify, render_template
from pydantic import Field

from whisper_appliance.accounts.audit import AuditEntry, AuditFilter, csv_lines
from whisper_appliance.admin.admin_only import ADMIN, ADMIN_ERRORS, admin_only, admin_page
from whisper_appliance.core.schema import Schema
from whisper_appliance.web.auth.audit import record
from whisper_appliance.web.content_disposition import attachment
from whisper_appliance.web.context import appliance
from whisper_appliance.web.lazy_openapi import LazyBlueprint
from whisper_appliance.web.openapi import error_responses, text_response
from whisper_appliance.web.schemas.transcript import UtcTime

blueprint = admin_only(LazyBlueprint("admin_audit", __name__, abp_tags=[ADMIN]))

DAY_REGEX = r"^(\d{4}-\d\d-\d\d)?$"


class AuditFilterQuery(Schema):
    """Which records are wanted."""

    who: str = Field("", max_length=200, description="Part of a name, or the id of a user.")
    action: str = Field("", max_length=60, description="E.g. `share.link`, or `share` for all that begin so.")
    object: str = Field("", max_length=200, description="Id of what something was done to.")
    since: str = Field("", pattern=DAY_REGEX, description="First day (UTC), 2026-03-01.")
    until: str = Field("", pattern=DAY_REGEX, description="Last day (UTC), included.")

    def to_filter(self) -> AuditFilter:
        """The filter of the audit log. "U" follows "T", so all times of the last day are before "<day>U"."""
        return AuditFilter(self.who, self.action, self.object, self.since, self.until and self.until + "U")


class AuditQuery(AuditFilterQuery):
    """Which records are wanted, and how many."""

    before: int | None = Field(None, ge=1, lt=2**63, description="`next` of the page before.")
    limit: int = Field(100, ge=1, le=500, description="Most records in one answer.")


class AuditRecordResponse(Schema):
    """Something that was done."""

    number: int
    time: str = UtcTime
    actor: str = Field(description="Id of who did it; empty for nobody.")
    actor_name: str
    address: str
    action: str
    object: str
    details: dict[str, Any]


class AuditPage(Schema):
    """Records, newest first."""

    records: list[AuditRecordResponse]
    next: int | None = Field(None, description="`before` of the next page; null on the last one.")
    actions: list[str] = Field(description="Every action there are records of.")


@blueprint.get(
    "/admin/audit",
    responses=admin_page("What was done, by whom."),
    operation_id="admin_audit_page_admin_audit_get",
)
def audit_page() -> str:
    """What was done, by whom, when and from where."""
    return render_template("admin/audit.html", days=appliance().settings.audit_days)


@blueprint.get("/api/admin/audit", responses={200: AuditPage, **error_responses(400, *ADMIN_ERRORS, 503)})
def list_records(query: AuditQuery) -> Response:
    """What was done, newest first, page by page."""
    records = appliance().audit.page(query.to_filter(), limit=query.limit, before=query.before)
    return jsonify(
        {
            "records": [_record_response(each) for each in records],
            "next": records[-1].number if len(records) == query.limit else None,
            "actions": appliance().audit.actions(),
        }
    )


@blueprint.get(
    "/api/admin/audit.csv",
    responses={
        200: text_response("The records as a table.", "text/csv"),
        **error_responses(400, *ADMIN_ERRORS, 503),
    },
    operation_id="admin_audit_table_api_admin_audit_csv_get",
)
def export_csv(query: AuditFilterQuery) -> Response:
    """What was done, as a table for a spreadsheet."""
    record("audit.export")
    response = Response(csv_lines(appliance().audit.iterate(query.to_filter())), mimetype="text/csv")
    day = datetime.now(UTC).date().isoformat()
    response.headers["Content-Disposition"] = attachment(f"audit log {day}.csv")
    return response


def _record_response(record: AuditEntry) -> dict[str, object]:
    return AuditRecordResponse.model_validate(record, from_attributes=True).model_dump()

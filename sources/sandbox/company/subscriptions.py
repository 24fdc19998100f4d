"""Subscriptions and what they delivered."""

from __future__ import annotations

from datetime import datetime, timedelta

from sources.sandbox.company.canaries import Pen, written
from sources.sandbox.company.vocabulary import INSIGHT_NAMES, SUBSCRIPTION_TITLES
from sources.sandbox.models import Row

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
PERIOD = {"daily": 1, "weekly": 7, "monthly": 30, "yearly": 365}


def subscription(pen: Pen, index: int, people: list[int]) -> Row:
    """The index decides the kind, so that every kind is there in the smallest company."""
    target = ("email", "email", "slack", "email", "webhook", "email")[index % 6]
    frequency = ("daily", "weekly", "daily", "monthly", "daily", "weekly", "yearly")[index % 7]
    on_dashboard = index % 3 == 2
    created = pen.ago(600)
    return {
        "id": pen.world.next_number("subscriptions"),
        "dashboard": 300 + index if on_dashboard else None,
        "insight": None if on_dashboard else 5000 + index,
        "insight_short_id": None if on_dashboard else f"{pen.dice.getrandbits(32):08x}",
        "resource_name": pen.one(INSIGHT_NAMES),
        "dashboard_export_insights": [5100 + index, 5200 + index] if on_dashboard else [],
        "target_type": target,
        "target_value": _target(pen, target),
        "frequency": frequency,
        "interval": pen.one((1, 1, 2)),
        "byweekday": pen.dice.sample(DAYS, 2) if frequency == "weekly" else None,
        "bysetpos": pen.one((-1, 1)) if frequency == "monthly" else None,
        "count": pen.one((None, None, 100)),
        "start_date": written(created.replace(microsecond=0)),
        "until_date": None,
        "created_at": written(created),
        "created_by": None if index % 11 == 10 else pen.one(people),
        "deleted": index % 6 == 5,
        "enabled": index % 8 != 7,
        "title": SUBSCRIPTION_TITLES[index % len(SUBSCRIPTION_TITLES)],
        "summary": f"sent every {PERIOD[frequency]} day(s)" if PERIOD[frequency] > 1 else "sent every day",
        "next_delivery_date": written(pen.world.now + timedelta(days=PERIOD[frequency], hours=1)),
        "integration_id": 40 + index if target == "slack" else None,
        "invite_message": None,
        "summary_enabled": index % 4 == 1,
        "summary_prompt_guide": "",
        "resource_type": "dashboard" if on_dashboard else "insight",
        "prompt": None,
    }


def _target(pen: Pen, kind: str) -> str:
    if kind == "slack":
        return f"C0{pen.dice.getrandbits(32):08X}|#{pen.recipient('growth')}"
    if kind == "webhook":
        return pen.secret("https://hooks.partner.example/posthog/")
    names = pen.dice.sample(("cfo", "investor", "agency", "press", "ops", "vertrieb"), pen.dice.randint(1, 3))
    return ",".join(pen.recipient(f"{name}@partner{pen.dice.randint(1, 9)}.example") for name in names)


def history(pen: Pen, owner: Row, number: int) -> list[Row]:
    """So many deliveries, the newest some hours ago; now and then one that never finished."""
    apart = timedelta(days=PERIOD[str(owner["frequency"])]) if number < 40 else timedelta(days=1)
    rows = []
    for back in range(number):
        at = pen.world.now - apart * back - timedelta(seconds=pen.dice.uniform(300, 18_000))
        fresh = back == 0 and pen.chance(0.5)
        stuck = number > 60 and back == 57
        rows.append(delivery(pen, owner, at, "starting" if fresh or stuck else _ending(pen)))
    return rows


def _ending(pen: Pen) -> str:
    return pen.dice.choices(("completed", "failed", "skipped"), (85, 10, 5))[0]


def delivery(pen: Pen, owner: Row, at: datetime, status: str) -> Row:
    """One delivery in the state it has at the moment."""
    ident = pen.uuid()
    row: Row = {
        "id": ident,
        "subscription": owner["id"],
        "temporal_workflow_id": f"subscription-delivery-{owner['id']}-{ident[:8]}",
        "idempotency_key": f"{owner['id']}-{ident[-12:]}",
        "trigger_type": pen.dice.choices(("scheduled", "manual", "target_change"), (90, 5, 5))[0],
        "scheduled_at": written(at.replace(microsecond=0)),
        "target_type": owner["target_type"],
        "target_value": owner["target_value"],
        "exported_asset_ids": [],
        "content_snapshot": {},
        "recipient_results": [],
        "status": "starting",
        "error": None,
        "created_at": written(at),
        "last_updated_at": written(at),
        "finished_at": None,
        "change_summary": None,
        "ai_report": None,
        "ai_report_diagnostics": [],
        "ai_report_prompt": None,
    }
    if row["trigger_type"] != "scheduled":
        row["scheduled_at"] = None
    return row if status == "starting" else {**row, **outcome(pen, row, at, status)}


def outcome(pen: Pen, row: Row, at: datetime, status: str) -> Row:
    """What a delivery's end changes in its row."""
    end = at + timedelta(seconds=pen.dice.uniform(1, 90))
    failed = status == "failed"
    addresses = str(row["target_value"]).split(",")
    results = [
        {
            "recipient": address,
            "status": "failed" if failed else "success",
            **({"error": {"message": f"Mailbox of {address} is full"}} if failed else {}),
        }
        for address in addresses
    ]
    if status == "completed" and len(results) > 1 and pen.chance(0.1):
        results[-1]["status"] = "partial"
    with_report = status == "completed" and pen.chance(0.15)
    return {
        "status": status,
        "finished_at": written(end),
        "last_updated_at": written(end),
        "exported_asset_ids": [pen.dice.randint(10_000, 99_999) for _ in range(pen.dice.randint(1, 3))],
        "recipient_results": [] if status == "skipped" else results,
        "error": {"type": "SMTPRecipientsRefused", "message": f"Delivery to {addresses[0]} was refused"}
        if failed
        else None,
        "content_snapshot": _snapshot(pen) if status == "completed" else {},
        "change_summary": "Up 4 % on the week before" if pen.chance(0.1) else None,
        "ai_report": pen.customer("report: most visits came from Acme") if with_report else None,
        "ai_report_diagnostics": [{"step": "query", "note": pen.customer("top account Acme")}]
        if with_report
        else [],
        "ai_report_prompt": pen.customer("What did Acme do last week?") if with_report else None,
    }


def _snapshot(pen: Pen) -> Row:
    insights = [
        {
            "id": 5000 + at,
            "name": pen.one(INSIGHT_NAMES),
            "query_hash": f"{pen.dice.getrandbits(64):016x}",
            "cache_key": f"cache_{pen.dice.getrandbits(64):016x}",
            "query_error": None,
            "query_results": [
                {"label": pen.customer("acme.example"), "data": [pen.dice.randint(0, 999) for _ in range(7)]}
            ],
        }
        for at in range(pen.dice.randint(1, 2))
    ]
    return {"dashboard": None, "insights": insights, "total_insight_count": len(insights)}

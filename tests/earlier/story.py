"""What happened in the company while an earlier hogsync read it."""

from __future__ import annotations

from tests.earlier.company import Company

HOST = "http://posthog.earlier"
"""Stands in the datasets for the address at which the company is served."""
PROJECT = "projects/101/"
COMMENTS = f"{PROJECT}comments/"
PARTLY_READ = COMMENTS
"""The list of which the last run read the first page only."""
TABLES = (
    "organizations",
    "projects",
    "organization_members",
    "organization_activity_logs",
    "users",
    "subscriptions",
    "subscription_deliveries",
    "cohorts",
    "comments",
    "event_definitions",
    "property_definitions",
    "group_types",
)


def beginning(company: Company) -> Company:
    """Take away what came after the first run."""
    company.lists[COMMENTS] = company.lists[COMMENTS][4:]
    return company


def later(company: Company) -> Company:
    """Let happen what the second run met: names and lists changed, rows came and went."""
    company.lists[COMMENTS] = Company().lists[COMMENTS]
    company.lists[f"{PROJECT}cohorts/"][0] |= {"name": "Renamed", "experiment_set": [919, 920]}
    company.lists[f"{PROJECT}subscriptions/"][0] |= {"title": "Weekly report"}
    events = company.lists[f"{PROJECT}event_definitions/"]
    events[0] |= {"tags": ["kpi"], "description": "Now described"}
    del events[-1], company.lists[f"{PROJECT}property_definitions/?type=event"][-1]
    return company

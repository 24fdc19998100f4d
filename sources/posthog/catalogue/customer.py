"""Endpoints of data about the customers' own users: groups, persons, recordings and interviews.

None is read by default. Numbers, flags and times of the class customer are JSON and texts, for columns of
other types hold no hash.
"""

from __future__ import annotations

from sources.posthog.catalogue.endpoint import Endpoint
from sources.posthog.catalogue.fields import (
    boolean,
    ignored,
    integer,
    items,
    json,
    person,
    secret,
    text,
    timestamp,
)

GROUPS = Endpoint(
    table="groups",
    group="customer",
    paths=("projects/{project_id}/groups/?group_type_index={group_type_index}",),
    key=("project_id", "group_type_index", "group_key"),
    scope="group:read",
    doc="Groups of the customers' users, such as companies, by kind of group.",
    requires="group analytics; 404 on FOSS builds",
    by_default=False,
    pagination="cursor",
    fields=(
        *text(group_key="The id that the customer's programs give the group."),  # a key is always stored
        *text("created_at", privacy="customer"),
        *json(group_properties="What is known of the group.", privacy="customer", volatile=True),
        *ignored("group_type_index"),
    ),
)

PERSON_FIELDS = (
    *text(uuid="PostHog's id of the person."),  # a key is always stored
    *text("created_at", privacy="customer"),
    *text(
        name="Under which name PostHog shows the person: an e-mail address, a name or an id.",
        last_seen_at="When an event of the person last came in.",
        privacy="customer",
        volatile=True,
    ),
    *json(
        distinct_ids="The ids under which programs report the person's events.",
        properties="What is known of the person.",
        is_identified="Whether a program ever said who the person is.",
        privacy="customer",
        volatile=True,
    ),
    *ignored("id", "type", "matched_recordings", "value_at_data_point"),
)
"""Of a person, in each list of persons."""

PERSONS = Endpoint(
    table="persons",
    group="customer",
    paths=("projects/{project_id}/persons/",),
    key=("project_id", "uuid"),
    scope="person:read",
    doc="The customers' users; for many of them use PostHog's batch exports.",
    by_default=False,
    fields=PERSON_FIELDS,
)

COHORT_PERSONS = Endpoint(
    table="cohort_persons",
    group="customer",
    paths=("projects/{project_id}/cohorts/{cohort_id}/persons/",),
    key=("project_id", "cohort_id", "uuid"),
    scope="cohort:read",
    doc="Who is in each cohort; a query of PostHog's for each page of each cohort.",
    requires="also the scope person:read",
    by_default=False,
    fields=PERSON_FIELDS,
)

SESSION_RECORDINGS = Endpoint(
    table="session_recordings",
    group="customer",
    paths=("projects/{project_id}/session_recordings/",),
    scope="session_recording:read",
    doc="Recorded visits; the first sync reads those of the last three days, later ones what began since.",
    by_default=False,
    pagination="has_next",
    plan="since",
    cursor_field="start_time",
    cursor_params=("date_from", "date_to"),
    detects_deletes=False,
    fields=(
        *text(id="The id of the session."),  # a key is always stored
        *timestamp(start_time="When it began."),  # stored, for later syncs begin at the newest
        *timestamp(expiry_time="When PostHog deletes it."),
        *integer(retention_period_days="How many days PostHog keeps it."),
        *boolean(has_summary="Whether a language model summed it up."),
        *text(
            distinct_id="The id under which programs report the person's events.",
            end_time="When it ended.",
            start_url="The page on which it began.",
            snapshot_source="Whether a browser or an app was recorded.",
            snapshot_library="The program that recorded it.",
            privacy="customer",
        ),
        *json(
            person="The person who was recorded.",
            recording_duration="How many seconds it lasts.",
            active_seconds="For how many of them the person did something.",
            inactive_seconds="For how many of them the person did nothing.",
            click_count="How many clicks it has.",
            keypress_count="How many keys were pressed.",
            mouse_activity_count="How many movements of the mouse it has.",
            console_log_count="How many messages the page logged.",
            console_warn_count="How many warnings the page logged.",
            console_error_count="How many errors the page logged.",
            activity_score="How much happens in it; more is higher.",
            ongoing="Whether it is still being recorded.",
            summary_outcome="What the person achieved, in the words of a language model.",
            privacy="customer",
        ),
        *json(viewers="Which other colleagues watched it: their e-mail addresses.", privacy="person"),
        *ignored("viewed", "external_references", "matches_filters", "recording_ttl", "user_access_level"),
        *ignored("storage"),
    ),
)

USER_INTERVIEWS = Endpoint(
    table="user_interviews",
    group="customer",
    paths=("projects/{project_id}/user_interviews/",),
    scope="user_interview:read",
    doc="Conversations with the customers' users, with what was said.",
    requires="PostHog's alpha of user interviews",
    by_default=False,
    fields=(
        *text("id", topic="The id of the subject that was talked about."),
        *text(
            interviewee_identifier="Who was asked: an e-mail address or an id.",
            transcript="What was said.",
            summary="What was said, summed up.",
            privacy="customer",
        ),
        *json(interviewee_emails="The addresses of those who were asked.", privacy="customer"),
        *items(classifications="How people or PostHog filed it, such as abandoned.", ordered=False),
        *timestamp("created_at"),
        *person("created_by"),
        *secret("audio"),
    ),
)

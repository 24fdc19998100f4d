"""What a key may see, from one run to the next."""

from tests.faults.fault import Fault, Kind

STAY = "rows stay as they are, the run is good, and the table says what is refused"
HELD = "deaths are held, with the reason, until a person accepts them or the key is the old one again"

ACCESS = Kind(
    "access",
    "Access that changes",
    (
        Fault("access.scope_removed", "a scope is taken from the key", f"{STAY}; elsewhere {HELD}"),
        Fault(
            "access.narrowed_to_project", "the key is narrowed to one project", "all other rows stay; " + HELD
        ),
        Fault(
            "access.narrowed_to_organization",
            "the key is narrowed to one organization",
            "all other rows stay; " + HELD,
        ),
        Fault(
            "access.discovery_refused",
            "the key may no longer list organizations, or that list fails",
            "what hangs below is unavailable or failed, no row dies",
        ),
        Fault(
            "access.key_untold",
            "PostHog does not tell what the key may do",
            "lists are read, deaths are held",
        ),
        Fault(
            "access.revoked",
            "the key is revoked, before or in the middle of a run",
            "exit 3, rows stay, a record says so",
        ),
        Fault(
            "access.rolled",
            "the key is replaced by one of the same owner and rights",
            "deletions are believed at once",
        ),
        Fault("access.other_owner", "the key is replaced by one of another owner", HELD),
        Fault(
            "access.owner_leaves",
            "the owner leaves an organization",
            "it and its projects are noted as no longer listed, all rows below them stay",
        ),
        Fault("access.owner_deactivated", "the owner's account is deactivated", "exit 3, rows stay"),
        Fault("access.organization_deactivated", "an organization is deactivated", STAY),
        Fault("access.plan", "the plan is downgraded: 402", STAY),
        Fault("access.role", "a list is refused to the role: 403", STAY),
        Fault("access.feature_removed", "the feature or the server's version has no such list: 404", STAY),
        Fault("access.level", "the owner's role is narrowed, and rows vanish without an error", HELD),
        Fault("access.rows_hidden", "an organization begins to hide members from its plain members", HELD),
        Fault(
            "access.object_rules",
            "an access rule hides single objects from the key's owner",
            "many at once, or all, are held; a few die, and live again when they are shown again",
            unprovoked="PostHog tells a few hidden rows in no way from deleted ones; many are lists.many_gone",
        ),
        Fault(
            "access.projects_unknown",
            "a project that `--project` or `[projects] only` names is not there, alone or beside others",
            "exit 2, naming it and those that the key reaches",
        ),
        Fault(
            "access.nowhere",
            "the key reaches no organization and no project, whether they are refused or none is listed",
            "exit 3 with the reason, also where `users` answers; rows stay",
        ),
        Fault(
            "access.told",
            "nobody watches while access is lost, a plan ends, deletes are held",
            "a warning of every run while it lasts: record, `--json`, stderr also with `--quiet`; exit 1 if strict",
        ),
        Fault("access.staff", "the owner is staff no longer: `users` shrinks to one row", HELD),
        Fault("access.project_unreachable", "a project is no longer listed", "noted; its rows stay"),
        Fault(
            "access.lost_in_mid_run",
            "a project goes while its lists are read",
            "the list that was begun has failed, those not begun are unavailable, the others load; its rows stay",
        ),
        Fault(
            "access.returns",
            "what was lost comes back",
            "read on from where it stood; deletions meanwhile are seen",
        ),
        Fault(
            "access.posthog_moved",
            "a self-hosted PostHog moves to another address",
            "exit 2 until a person says so (`reset --origin`); then it is read in full, and ends no row by itself "
            "before nothing was missing",
        ),
    ),
)

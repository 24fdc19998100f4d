"""The company's vocabulary."""

from __future__ import annotations

FIRST_NAMES = ("Ada", "Noor", "Jürgen", "Chloé", "Mateusz", "Ingrid", "Kwame", "陽子", "Søren", "Priya", "Tomás",
               "Freya", "Omar", "Léa", "Danica", "Yusuf", "Zoë", "Anders", "Mei", "Bruno")
LAST_NAMES = ("Okafor", "Lindqvist", "Müller", "Dubois", "Nowak", "Haugen", "Mensah", "田中", "Østergaard", "Raman",
              "Peña", "Sinclair", "Haddad", "Moreau", "Kovač", "Demir", "van Dijk", "Berg", "Zhang", "Costa")
ROLES = ("engineering", "data", "product", "founder", "leadership", "marketing", "sales", "other", None)

SUBSCRIPTION_TITLES = (
    "Weekly signup funnel", "Daily active users", "Churn watch", "Board metrics", "Revenue by plan",
    "Onboarding drop-off", "Umsatz pro Woche", "Feature adoption", "Support load", "新規登録 (週次)",
    "Retention for investors", "Checkout health", "Mobile crashes", "Trial conversions", None,
    "Marketing attribution", "Release 4.2 impact", "API usage by customer", "Panier abandonné", "Search quality",
)
INSIGHT_NAMES = ("Signup funnel", "DAU / MAU", "Retention by cohort", "Revenue by plan", "Checkout conversion",
                 "Time to first value", "Crash-free sessions", "Top referrers", "Aktive Nutzer", "Errors by release")

COHORT_NAMES = ("Power users", "Churned last quarter", "Trial users", "Internal staff", "Beta testers",
                "Enterprise accounts", "Kunden in DACH", "Signed up, never activated", "Newsletter readers",
                "Mobile only", "早期ユーザー", "Paying customers", "Users with errors", "Invited by a colleague",
                "Free plan > 30 days", "High support load", "Clients français", "Watched the demo", "Admins",
                "Came back after 90 days")

COMMENTS = ("Why does this drop on Sundays?", "Looks right to me.", "Let's ship it 🚀", "Can we split this by plan?",
            "The spike is the campaign from Tuesday.", "Ça me semble juste, merci.", "Bitte vor Freitag prüfen.",
            "This insight is broken since the SDK upgrade.", "これは正しいですか?", "Ask finance before we show this.",
            "Filtered out the office network, numbers moved by 3 %.", "Rage clicks here, see minute 2:31.",
            "TODO: rename this flag.", "The control group is too small.", "Nice work!\n\nTwo questions though:\n1. …")
EMOJI = ("👍", "🎉", "❤️", "👀", "🦔")
COMMENT_SCOPES = ("Insight", "Dashboard", "FeatureFlag", "Replay", "recording", "Notebook", "Survey", "Experiment")

AREAS = ("account", "billing", "checkout", "search", "editor", "invite", "report", "mobile", "admin", "support",
         "import", "integration")
THINGS = ("page", "form", "plan", "seat", "invoice", "file", "filter", "dashboard", "message", "project", "webhook",
          "coupon", "address", "team", "order", "tour", "profile", "video", "export", "template")
DEEDS = ("viewed", "created", "updated", "deleted", "shared", "opened", "failed", "completed", "cancelled", "started")
DEFAULT_EVENTS = ("$pageview", "$pageleave", "$autocapture", "$identify", "$groupidentify", "$feature_flag_called",
                  "$rageclick", "$web_vitals", "$exception", "$screen", "$opt_in", "survey sent", "user signed up",
                  "Bestellung abgeschlossen", "commande passée", "注文完了", "purchase ✅", "legacy:User.SignUp")
TAGS = ("core", "growth", "billing", "mobile", "deprecated", "needs-review", "verantwortlich: Team Süd", "kpi", "ios",
        "experiment")

EVENT_PROPERTIES = ("$browser", "$browser_version", "$os", "$os_version", "$device_type", "$current_url", "$pathname",
                    "$host", "$referrer", "$referring_domain", "$screen_height", "$screen_width", "$lib",
                    "$lib_version", "$insert_id", "$time", "$device_id", "$user_id", "$session_id", "$window_id",
                    "$geoip_city_name", "$geoip_country_code", "$timezone", "$feature/new-checkout",
                    "$feature/pricing-test", "$active_feature_flags", "distinct_id", "$set", "$set_once", "$groups",
                    "$initial_referrer", "$group_0", "$group_1", "$session_entry_url", "währung", "金額")
PERSON_PROPERTIES = ("email", "name", "$initial_browser", "$initial_os", "$initial_current_url", "$geoip_city_name",
                     "$creator_event_uuid", "$initial_utm_source", "plan", "role", "company", "Sprache", "signup_at")
SESSION_PROPERTIES = ("$start_timestamp", "$end_timestamp", "$session_duration", "$pageview_count", "$entry_pathname",
                      "$end_pathname", "$is_bounce", "$channel_type", "$entry_referring_domain", "$autocapture_count",
                      "$entry_utm_source", "$entry_utm_campaign")
GROUP_PROPERTIES = ("name", "industry", "employees", "arr", "plan", "country", "created_at", "seats", "health_score")
VIRTUAL_PROPERTIES = {
    "person": (("$virt_initial_channel_type", "String"), ("$virt_initial_referring_domain_type", "String"),
               ("$virt_revenue", "Numeric"), ("$virt_mrr", "Numeric")),
    "group": (("$virt_revenue", "Numeric"), ("$virt_mrr", "Numeric")),
}
PROPERTY_TYPES = ("String", "String", "String", "Numeric", "Boolean", "DateTime", "Duration", None)

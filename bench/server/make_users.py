"""make_users.py FOLDER: writes the users of the static server.

FOLDER/APP/users/ID is a user, FOLDER/APP/users.json a list of 500 as the service lists them, and FOLDER/APP/users.txt
names them for those that can't ask: an id and an e-mail address a line. The same bytes each time.
"""

import copy
import json
import pathlib
import sys

USERS = 500

DEVICE = {
    "id": "Xk29dLwq0PzR",
    "cred_id": "m5gxRWC3kI9sJ2q8VnB0Tw",
    "friendly_name": "Chrome on Mac",
    "type": "passkey",
    "usage_count": 17,
    "created_at": "2023-01-20T15:05:00Z",
    "updated_at": "2024-03-11T09:21:43Z",
    "last_login_at": "2024-03-11T09:21:43Z",
    "icons": {"light": None, "dark": None},
}
EVENT = {
    "id": "evt_8aT3",
    "type": "passkey_login",
    "action": "login",
    "status": "complete",
    "created_at": "2024-03-11T09:21:43Z",
    "completed_at": "2024-03-11T09:21:44Z",
    "ip_addr": "203.0.113.17",
    "user_agent": "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15",
    "user_agent_display": "Chrome on Mac",
    "social_login_type": None,
}
SUMMARY = {
    "created_at": "2023-01-20T15:04:05.123456Z",
    "updated_at": "2024-03-11T09:21:44.001827Z",
    "last_login_at": "2024-03-11T09:21:43.998112Z",
    "email_verified": True,
    "phone": "+15005550006",
    "phone_verified": False,
    "external_id": "",
    "login_count": 42,
    "status": "active",
}
METADATA = {"plan": "pro", "seats": 5, "beta": True}


def icon(colour):
    """A picture as browsers send them: a data URL of about a kilobyte."""
    return "data:image/svg+xml;base64," + (f"PHN2Zy{colour}" * 200)[:1150]


def small(number):
    """A user with one device and one event."""
    return {
        "id": f"h7dOU3v2QkrhVNcdBuTK{number:04}",
        "email": f"jane.doe{number:04}@example.com",
        **SUMMARY,
        "webauthn": True,
        "webauthn_types": ["passkey"],
        "webauthn_devices": [copy.deepcopy(DEVICE)],
        "recent_events": [copy.deepcopy(EVENT)],
        "social_connections": {},
        "user_metadata": METADATA,
    }


def large(number):
    """A user with three devices, their pictures, and ten events."""
    user = small(number)
    user["webauthn_devices"] = [
        {**DEVICE, "id": f"Xk29dLwq0Pz{each}", "icons": {"light": icon("light"), "dark": icon("dark")}}
        for each in range(3)
    ]
    user["recent_events"] = [{**EVENT, "id": f"evt_8aT{each}"} for each in range(10)]
    return user


def compact(value):
    return json.dumps(value, separators=(",", ":"))


def listed(user):
    left_out = {"webauthn", "webauthn_types", "webauthn_devices", "recent_events", "social_connections"}
    return {name: value for name, value in user.items() if name not in left_out}


for app, make in {"small": small, "large": large}.items():
    users = [make(number) for number in range(USERS)]
    folder = pathlib.Path(sys.argv[1], app)
    (folder / "users").mkdir(parents=True)
    for user in users:
        (folder / "users" / user["id"]).write_text(compact({"user": user}))
    (folder / "users.txt").write_text("".join(f"{user['id']} {user['email']}\n" for user in users))
    href = {"href": f"/v1/apps/{app}/users?page=1&limit={USERS}&created_before=1710148904"}
    page = {
        "_links": {name: href for name in ("first", "last", "self")} | {"next": {"href": ""}, "previous": {"href": ""}},
        "created_before": 1710148904,
        "limit": USERS,
        "page": 1,
        "total_users": USERS,
        "users": [listed(user) for user in users],
    }
    (folder / "users.json").write_text(compact(page))

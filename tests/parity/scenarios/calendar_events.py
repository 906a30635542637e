"""Events of calendars: create, list, search, change, move, delete, and the replies of attendees."""

from itertools import count

from parity.steps import delete, flatten_steps, get, post, refused_steps

_C = "/api/v1/calendars"
_E = f"{_C}/events"
_ONE = f"{_E}/${{event}}"
_MS = 1_000_000
#: 2027-03-01 09:00 UTC, a Monday.
_START = 1_803_891_600_000 * _MS
_HOUR = 3_600_000 * _MS
_DAY = 24 * _HOUR
_MINUTE = 60_000 * _MS
#: No two events start together: the order of such events is not defined.
_offsets = count()
_RANGE = {"start": "2027-03-01T00:00:00Z", "end": "2027-04-01T00:00:00Z"}


def _make_form(calendar: str = "work", **more: object) -> dict[str, object]:
    start = _START + next(_offsets) * _MINUTE
    return {"calendar_id": f"${{{calendar}}}", "title": "Standup", "start_at": start, **more}


def _make_round(permission: str):
    """Return what cy gets from each operation on an event with one permission on its calendar."""
    grants = [{"principal_type": "user", "principal_id": "${cy.id}", "permission": permission}] if permission else []
    return [
        post("bob", f"{_C}/${{work}}/access/update", {"access_grants": grants}),
        *(
            step
            for who in ("cy", "ada", "pending", "anonymous")
            for step in (
                get(who, _ONE),
                post(who, f"{_ONE}/update", {"color": "#222222"}),
                post(who, f"{_E}/create", _make_form(title=f"From {who}")),
                post(who, f"{_ONE}/rsvp", {"status": "accepted"}),
                get(who, _E, query=_RANGE),
                get(who, f"{_E}/search", query={"query": "STAND"}),
            )
        ),
    ]


STEPS = flatten_steps(
    get("bob", f"{_C}/", save={"own": "$[0].id"}),
    get("cy", f"{_C}/", save={"theirs": "$[0].id"}),
    post("bob", f"{_C}/create", {"name": "Work"}, save={"work": "$.id"}),
    refused_steps("anonymous pending", "POST", f"{_E}/create", _make_form()),
    post("bob", f"{_E}/create", {}),
    post("bob", f"{_E}/create", _make_form(start_at="x", all_day="maybe", attendees={}, data=[], title=None)),
    post("bob", f"{_E}/create", {"calendar_id": "none", "title": "x", "start_at": 1}),
    post("bob", f"{_E}/create", {"calendar_id": "__scheduled_tasks__", "title": "x", "start_at": 1}),
    post("bob", f"{_E}/create", _make_form("theirs")),
    post(
        "bob",
        f"{_E}/create",
        _make_form(
            description="Daily",
            end_at=_START + _HOUR,
            location="Room 1",
            color="#00ff00",
            data={"a": 1},
            meta={"alert_minutes": 5},
        ),
        save={"event": "$.id"},
    ),
    get("bob", _ONE),
    get("bob", f"{_E}/none"),
    *[_make_round(permission) for permission in ("", "read", "write")],
    # Changes
    post("bob", f"{_ONE}/update", {"title": "Weekly", "description": None, "data": {"b": 2}, "meta": {"c": 3}}),
    post("bob", f"{_ONE}/update", {"all_day": True, "location": "", "end_at": None, "start_at": _START + _DAY}),
    post("bob", f"{_ONE}/update", {"data": None, "meta": None, "attendees": None}),
    post("bob", f"{_ONE}/update", {"start_at": "soon", "is_cancelled": 7}),
    post("bob", f"{_ONE}/update", {"calendar_id": "none"}),
    post("bob", f"{_ONE}/update", {"calendar_id": "${theirs}"}),
    post("bob", f"{_ONE}/update", {"calendar_id": "${own}"}),
    post("bob", f"{_E}/none/update", {}),
    # Attendees
    post("bob", f"{_ONE}/update", {"attendees": [{"user_id": "${cy.id}", "status": "accepted", "meta": {"a": 1}}]}),
    post("cy", f"{_ONE}/rsvp", {"status": "perhaps"}),
    post("cy", f"{_ONE}/rsvp", {}),
    post("cy", f"{_ONE}/rsvp", {"status": "tentative"}),
    get("cy", _E, query=_RANGE),
    get("cy", f"{_E}/search"),
    get("cy", _ONE),
    post("cy", f"{_ONE}/rsvp", {"status": "declined"}),
    get("cy", _E, query=_RANGE),
    post(
        "bob",
        f"{_ONE}/update",
        {"attendees": [{"user_id": "${ada.id}"}, {"user_id": "${cy.id}"}]},
        unordered=("$.attendees",),
    ),
    post("ada", f"{_ONE}/rsvp", {"status": "accepted"}),
    post("bob", f"{_ONE}/rsvp", {"status": "accepted"}),
    post("bob", f"{_ONE}/update", {"attendees": []}),
    post("cy", f"{_E}/none/rsvp", {"status": "accepted"}),
    # Recurrence
    post(
        "bob",
        f"{_E}/create",
        _make_form("own", title="Run", end_at=_START + _HOUR, rrule="FREQ=WEEKLY;BYDAY=MO,WE"),
        save={"series": "$.id"},
    ),
    post("bob", f"{_E}/create", _make_form("own", rrule="RRULE:FREQ=DAILY;COUNT=3", title="Three")),
    post("bob", f"{_E}/create", _make_form("own", rrule="FREQ=MONTHLY;BYMONTHDAY=31", title="Last")),
    post(
        "bob",
        f"{_E}/create",
        _make_form("own", rrule="DTSTART:20270301T090000\nRRULE:FREQ=DAILY;UNTIL=20270304T000000", title="Until"),
    ),
    post("bob", f"{_E}/create", _make_form("own", rrule="FREQ=HOURLY")),
    post("bob", f"{_E}/create", _make_form("own", rrule="FREQ=DAILY;BYHOUR=9,10")),
    post("bob", f"{_E}/create", _make_form("own", rrule="nonsense")),
    post("bob", f"{_E}/create", _make_form("own", rrule="FREQ=SOMETIMES")),
    post("bob", f"{_E}/create", _make_form("own", rrule="FREQ=DAILY;EXRULE=1")),
    post("bob", f"{_E}/create", _make_form("own", rrule="RRULE:FREQ=DAILY\nRRULE:FREQ=WEEKLY")),
    post("bob", f"{_E}/create", _make_form("own", rrule="", title="Once"), save={"once": "$.id"}),
    post("bob", f"{_E}/${{once}}/update", {"rrule": "FREQ=MINUTELY"}),
    post("bob", f"{_E}/${{once}}/update", {"rrule": "FREQ=YEARLY"}),
    post("bob", f"{_E}/${{once}}/update", {"rrule": None}),
    get("bob", _E, query={"start": "2027-03-01T00:00:00Z", "end": "2027-03-16T00:00:00Z"}),
    get(
        "bob",
        _E,
        query={"start": "2028-03-01T00:00:00+00:00", "end": "2028-03-05T00:00:00+00:00", "calendar_ids": "${own}"},
    ),
    get("bob", _E, query={**_RANGE, "calendar_ids": "${theirs},none"}),
    get("bob", _E, query={"start": "soon", "end": "later"}),
    get("bob", _E, query={"start": "2027-03-01"}),
    get("bob", _E, query={"start": "2027-04-01T00:00:00Z", "end": "2027-03-01T00:00:00Z"}),
    # Search
    get("bob", f"{_E}/search", query={"query": "ROOM", "limit": "1"}),
    get("bob", f"{_E}/search", query={"skip": "1", "limit": "2"}),
    get("bob", f"{_E}/search", query={"limit": "x", "skip": "-"}),
    get("bob", f"{_E}/search", query={"query": "nothing like it"}),
    # Cancelled, deleted
    post("bob", f"{_E}/${{series}}/update", {"is_cancelled": True}),
    get("bob", _E, query={"start": "2027-03-01T00:00:00Z", "end": "2027-03-03T00:00:00Z"}),
    get("bob", f"{_E}/search", query={"query": "run"}),
    refused_steps("anonymous pending cy", "DELETE", f"{_ONE}/delete"),
    delete("bob", f"{_ONE}/delete"),
    delete("bob", f"{_ONE}/delete"),
    delete("ada", f"{_E}/${{once}}/delete"),
    delete("bob", f"{_C}/${{work}}/delete"),
    get("bob", _E, query=_RANGE),
)

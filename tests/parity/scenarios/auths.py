"""The first account, signing in and out, sessions by header and by cookie, profile and password."""

from parity.steps import PASSWORD, delete, flat, get, post

CAST = False
_ADA = {"name": "Ada", "email": "Ada@Example.com", "password": PASSWORD}
_SIGNIN = "/api/v1/auths/signin"
_SIGNUP = "/api/v1/auths/signup"

STEPS = flat(
    get("anonymous", "/api/config"),
    get("anonymous", "/api/v1/auths/"),
    post("anonymous", _SIGNIN, {"email": "ada@example.com", "password": PASSWORD}),
    post("anonymous", _SIGNUP, {"name": "Ada", "email": "not an address", "password": PASSWORD}),
    post("anonymous", _SIGNUP, {"name": "Ada", "email": "ada@example.com"}),
    post("anonymous", _SIGNUP, {"name": "Ada", "email": "ada@example.com", "password": "x" * 73}),
    post("anonymous", _SIGNUP, {**_ADA, "profile_image_url": "javascript:alert(1)"}),
    post("anonymous", _SIGNUP, _ADA, save={"ada.token": "$.token", "ada.id": "$.id"}),
    get("anonymous", "/api/config"),
    get("ada", "/api/v1/auths/"),
    get("ada", "/api/v1/auths/", cookie=True),
    get("anonymous", "/api/v1/auths/", headers={"authorization": "Bearer nonsense"}),
    get("anonymous", "/api/v1/auths/", headers={"authorization": "Basic YTpi"}),
    get("anonymous", "/api/v1/auths/", headers={"authorization": "Bearer sk-nonsense"}),
    # The door closes behind the first.
    post("anonymous", _SIGNUP, {"name": "Bob", "email": "bob@example.com", "password": PASSWORD}),
    post("anonymous", _SIGNUP, _ADA),
    post("anonymous", _SIGNIN, {"email": "ADA@example.com", "password": PASSWORD}, save={"again.token": "$.token"}),
    post("anonymous", _SIGNIN, {"email": "ada@example.com", "password": "wrong"}),
    post("anonymous", _SIGNIN, {"email": "nobody@example.com", "password": PASSWORD}),
    post("anonymous", _SIGNIN, {"email": "ada@example.com"}),
    post("anonymous", _SIGNIN, {}),
    post("anonymous", _SIGNIN, raw=b"{", headers={"content-type": "application/json"}),
    post("anonymous", _SIGNIN, raw=b"", headers={"content-type": "application/json"}),
    post("anonymous", _SIGNIN, [1]),
    post("anonymous", _SIGNIN, {"email": 1, "password": None}),
    post("again", "/api/v1/auths/update/timezone", {"timezone": "Europe/Berlin"}),
    post("again", "/api/v1/auths/update/timezone", {}),
    post("anonymous", "/api/v1/auths/update/timezone", {"timezone": "Europe/Berlin"}),
    post(
        "ada",
        "/api/v1/auths/update/profile",
        {
            "name": "Ada L.",
            "profile_image_url": "/user.png",
            "bio": "Numbers.",
            "gender": "female",
            "date_of_birth": "1815-12-10",
        },
    ),
    post("ada", "/api/v1/auths/update/profile", {"name": "Ada"}),
    post("ada", "/api/v1/auths/update/profile", {"name": "Ada", "profile_image_url": "javascript:alert(1)"}),
    post("ada", "/api/v1/auths/update/profile", {"profile_image_url": "", "name": "Ada", "date_of_birth": "soon"}),
    post("anonymous", "/api/v1/auths/update/profile", {"name": "x", "profile_image_url": ""}),
    get("ada", "/api/v1/auths/"),
    post("ada", "/api/v1/auths/update/password", {"password": "wrong", "new_password": "new password 1"}),
    post("ada", "/api/v1/auths/update/password", {"password": PASSWORD, "new_password": "é" * 40}),
    post("ada", "/api/v1/auths/update/password", {"password": PASSWORD}),
    post("anonymous", "/api/v1/auths/update/password", {"password": PASSWORD, "new_password": "new password 1"}),
    post("ada", "/api/v1/auths/update/password", {"password": PASSWORD, "new_password": "new password 1"}),
    get("ada", "/api/v1/auths/"),
    get("again", "/api/v1/auths/"),
    post("anonymous", _SIGNIN, {"email": "ada@example.com", "password": PASSWORD}),
    post("anonymous", _SIGNIN, {"email": "ada@example.com", "password": "new password 1"}, save={"n.token": "$.token"}),
    get("n", "/api/v1/auths/"),
    post("n", "/api/v1/auths/signout"),
    get("n", "/api/v1/auths/", ignore=("status",), why="the reference forgets a signed-out token only with Redis"),
    post("anonymous", "/api/v1/auths/signout"),
    post("n", "/api/v1/auths/signout", cookie=True),
    delete("anonymous", "/api/v1/auths/signin"),
)

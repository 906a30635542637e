"""Second factors: the policy, enrolling, signing in with codes, recovery codes, replacing the app."""

from typing import Any

from parity.steps import PASSWORD, Merged, Step, flatten_steps, get, post, refused_steps

_CONFIG = "/api/v1/auths/admin/config"
_IMPORT = "/api/v1/configs/import"
_SIGNIN = "/api/v1/auths/signin"
_MFA = "/api/v1/auths/mfa"
_STATUS = f"{_MFA}/status"
_UNKNOWN = f"nobody.{'x' * 43}"
_SECONDS = "seconds that remain"


def _sign_in(name: str) -> Step:
    body = {"email": f"{name}@example.com", "password": PASSWORD}
    save = {f"{name}.challenge": "$.challenge_token"}
    return post("anonymous", _SIGNIN, body, save=save, ignore=("$.expires_in",), why=_SECONDS)


def _start(name: str) -> Step:
    return post(
        "anonymous",
        f"{_MFA}/enroll/start",
        {"challenge_token": f"${{{name}.challenge}}"},
        save={f"{name}.key": "$.manual_key"},
        ignore=("$.manual_key", "$.qr_code"),
        why="the key is random",
    )


def _send(name: str, path: str, code: str = "${code}", recovery: bool = False, **more: Any) -> Step:
    body = {"challenge_token": f"${{{name}.challenge}}", "code": code, **({"recovery": True} if recovery else {})}
    return post("anonymous", f"{_MFA}{path}", body, **more)


def _confirm(name: str, **more: Any) -> Step:
    save = {f"{name}.token": "$.token", f"{name}.recovery": "$.recovery_codes[0]"}
    return _send(name, "/enroll/confirm", code_of=f"{name}.key", save=save, **more)


def _verify(name: str, **more: Any) -> Step:
    return _send(name, "/verify", code_of=f"{name}.key", save={f"{name}.token": "$.token"}, **more)


STEPS = flatten_steps(
    # Without the policy.
    refused_steps("anonymous", "GET", _STATUS),
    get("bob", _STATUS),
    get("pending", _STATUS),
    refused_steps("anonymous ada bob", "POST", f"{_MFA}/replace", {"code": "123456"}),
    refused_steps("anonymous ada bob", "POST", f"{_MFA}/recovery/codes", {"code": "123456"}),
    post("anonymous", f"{_MFA}/challenge"),
    post("anonymous", f"{_MFA}/challenge", headers={"origin": "${server}"}),
    post("anonymous", f"{_MFA}/enroll/start", {"challenge_token": _UNKNOWN}),
    post("anonymous", f"{_MFA}/enroll/start", {"challenge_token": "x" * 30}),
    post("anonymous", f"{_MFA}/enroll/start", {"challenge_token": f"${{bob.id}}.{'x' * 43}"}),
    post("anonymous", f"{_MFA}/enroll/start", {"challenge_token": "short"}),
    post("anonymous", f"{_MFA}/enroll/start", {}),
    post("anonymous", f"{_MFA}/verify", {"challenge_token": _UNKNOWN, "code": ""}),
    post("anonymous", f"{_MFA}/verify", {"challenge_token": _UNKNOWN, "code": "1", "more": 1}),
    post("anonymous", f"{_MFA}/recover", {"challenge_token": _UNKNOWN, "reset_token": "x" * 43}),
    post("anonymous", f"{_MFA}/recover", [1]),
    # The policy.
    get("ada", _CONFIG, save={"config": "$"}),
    post("ada", "/api/v1/auths/api_key", save={"ada.key": "$.api_key"}),
    post("key:ada.key", _CONFIG, Merged("${config}", {"ENABLE_MFA": True})),
    post("key:ada.key", _IMPORT, {"config": {"auth.mfa.enable": True}}),
    post("bob", _CONFIG, Merged("${config}", {"ENABLE_MFA": True})),
    post("ada", _CONFIG, Merged("${config}", {"ENABLE_MFA": "yes"})),
    post("ada", _CONFIG, Merged("${config}", {"ENABLE_MFA": None})),
    post("ada", _CONFIG, Merged("${config}", {"MFA_ALLOW_OAUTH_BYPASS": 1})),
    post("ada", _IMPORT, {"config": {"auth.mfa.enable": "yes"}}),
    post("ada", _CONFIG, Merged("${config}", {"MFA_ALLOW_OAUTH_BYPASS": False})),
    post("ada", _CONFIG, Merged("${config}", {"ENABLE_MFA": True})),
    refused_steps("ada bob pending", "GET", "/api/v1/auths/"),
    get("key:ada.key", "/api/models"),
    get("key:ada.key", _STATUS),
    # Enrolling.
    _sign_in("pending"),
    _sign_in("ada"),
    _send("ada", "/verify", "123456"),
    _send("ada", "/enroll/confirm", "123456"),
    _start("ada"),
    _send("ada", "/enroll/confirm", "12345"),
    _send("ada", "/enroll/confirm", "ABCDEF"),
    _confirm("ada"),
    _send("ada", "/enroll/confirm"),
    get("ada", "/api/v1/auths/"),
    get("ada", _STATUS),
    post("ada", "/api/v1/auths/add", {"name": "Di", "email": "di@example.com", "password": PASSWORD, "role": "user"}),
    _sign_in("bob"),
    _start("bob"),
    _start("bob"),
    _confirm("bob"),
    get("bob", _STATUS),
    get("bob", "/api/models"),
    # Signing in with codes; the code of the enrolment has been used.
    _sign_in("bob"),
    _send("bob", "/enroll/confirm"),
    _send("bob", "/verify"),
    _send("bob", "/verify", "nonsense"),
    _send("bob", "/verify", "${bob.recovery}"),
    _verify("bob"),
    get("bob", "/api/v1/auths/"),
    _send("bob", "/verify"),
    _sign_in("bob"),
    _send("bob", "/verify", "${bob.recovery}", recovery=True, save={"bob.token": "$.token"}),
    get("bob", _STATUS),
    _sign_in("bob"),
    _send("bob", "/verify", "${bob.recovery}", recovery=True),
    # Replacing the recovery codes and the app.
    _sign_in("cy"),
    _start("cy"),
    _confirm("cy"),
    post("cy", f"{_MFA}/recovery/codes", {"code": "123456"}),
    post("cy", f"{_MFA}/replace", {"code": "123456", "recovery": False}),
    post("cy", f"{_MFA}/recovery/codes", {"code": "${code}"}, code_of="cy.key", pause=30),
    get("cy", _STATUS),
    _sign_in("cy"),
    _verify("cy"),
    post(
        "cy",
        f"{_MFA}/replace",
        {"code": "${code}"},
        code_of="cy.key",
        pause=30,
        save={"cy.challenge": "$.challenge_token"},
        ignore=("$.expires_in",),
        why=_SECONDS,
    ),
    _send("cy", "/verify"),
    _start("cy"),
    _send("cy", "/enroll/confirm", code_of="cy.key"),
    refused_steps("cy", "GET", "/api/v1/auths/"),
    _sign_in("cy"),
    _verify("cy"),
    get("cy", _STATUS),
    # Guessing.
    _sign_in("ada"),
    [_send("ada", "/verify", "000000") for _ in range(6)],
    [post("anonymous", _SIGNIN, {"email": "di@example.com", "password": "wrong"}) for _ in range(11)],
    # Without the policy again, enrolled users sign in without codes.
    post("ada", _CONFIG, Merged("${config}", {"ENABLE_MFA": False})),
    post("anonymous", _SIGNIN, {"email": "bob@example.com", "password": PASSWORD}, save={"bob.token": "$.token"}),
    get("bob", _STATUS),
    get("bob", "/api/v1/auths/"),
)

"""Running code on a Jupyter server, without one."""

from parity.steps import Merged, flat, get, post, refused

_RUN = "/api/v1/utils/code/execute"
_CONFIG = "/api/v1/configs/code_execution"

STEPS = flat(
    refused("anonymous pending", "POST", _RUN, {"code": "1"}),
    post("bob", _RUN, {"code": "1"}),
    post("bob", _RUN, {}),
    get("ada", _CONFIG, save={"config": "$"}),
    post(
        "ada",
        _CONFIG,
        Merged("${config}", {"CODE_EXECUTION_ENGINE": "jupyter", "CODE_EXECUTION_JUPYTER_URL": "http://127.0.0.1:9"}),
    ),
    post("bob", _RUN, {"code": "1"}, ignore=("$.stderr",), why="how a connection fails is said in other words"),
    post("ada", _CONFIG, Merged("${config}", {"ENABLE_CODE_EXECUTION": False})),
    post("bob", _RUN, {"code": "1"}),
)

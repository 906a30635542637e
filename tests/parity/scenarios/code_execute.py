"""Code execution on a Jupyter server that does not exist."""

from parity.steps import Merged, flatten_steps, get, post, refused_steps

_RUN = "/api/v1/utils/code/execute"
_CONFIG = "/api/v1/configs/code_execution"

STEPS = flatten_steps(
    refused_steps("anonymous pending", "POST", _RUN, {"code": "1"}),
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

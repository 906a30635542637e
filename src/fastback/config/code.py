"""Running code: keys, variables, defaults."""

from fastback.config.key import Key

KEYS = [
    Key("code_execution.enable", ("ENABLE_CODE_EXECUTION",), True),
    Key("code_execution.engine", ("CODE_EXECUTION_ENGINE",), "pyodide"),
    Key("code_execution.jupyter.url", ("CODE_EXECUTION_JUPYTER_URL",), ""),
    Key("code_execution.jupyter.auth", ("CODE_EXECUTION_JUPYTER_AUTH",), ""),
    Key("code_execution.jupyter.auth_token", ("CODE_EXECUTION_JUPYTER_AUTH_TOKEN",), ""),
    Key("code_execution.jupyter.auth_password", ("CODE_EXECUTION_JUPYTER_AUTH_PASSWORD",), ""),
    Key("code_execution.jupyter.timeout", ("CODE_EXECUTION_JUPYTER_TIMEOUT",), 60),
    Key("code_interpreter.enable", ("ENABLE_CODE_INTERPRETER",), True),
    Key("code_interpreter.engine", ("CODE_INTERPRETER_ENGINE",), "pyodide"),
    Key("code_interpreter.prompt_template", ("CODE_INTERPRETER_PROMPT_TEMPLATE",), ""),
    Key("code_interpreter.jupyter.url", ("CODE_INTERPRETER_JUPYTER_URL", "CODE_EXECUTION_JUPYTER_URL"), ""),
    Key("code_interpreter.jupyter.auth", ("CODE_INTERPRETER_JUPYTER_AUTH", "CODE_EXECUTION_JUPYTER_AUTH"), ""),
    Key(
        "code_interpreter.jupyter.auth_token",
        ("CODE_INTERPRETER_JUPYTER_AUTH_TOKEN", "CODE_EXECUTION_JUPYTER_AUTH_TOKEN"),
        "",
    ),
    Key(
        "code_interpreter.jupyter.auth_password",
        ("CODE_INTERPRETER_JUPYTER_AUTH_PASSWORD", "CODE_EXECUTION_JUPYTER_AUTH_PASSWORD"),
        "",
    ),
    Key("code_interpreter.jupyter.timeout", ("CODE_INTERPRETER_JUPYTER_TIMEOUT", "CODE_EXECUTION_JUPYTER_TIMEOUT"), 60),
]

"""Keys of code execution."""

from fastback.config.key import define_key

CODE_EXECUTION_ENABLE = define_key("code_execution.enable", ("ENABLE_CODE_EXECUTION",), True)
CODE_EXECUTION_ENGINE = define_key("code_execution.engine", ("CODE_EXECUTION_ENGINE",), "pyodide")
CODE_EXECUTION_JUPYTER_URL = define_key("code_execution.jupyter.url", ("CODE_EXECUTION_JUPYTER_URL",), "")
CODE_EXECUTION_JUPYTER_AUTH = define_key("code_execution.jupyter.auth", ("CODE_EXECUTION_JUPYTER_AUTH",), "")
CODE_EXECUTION_JUPYTER_AUTH_TOKEN = define_key(
    "code_execution.jupyter.auth_token", ("CODE_EXECUTION_JUPYTER_AUTH_TOKEN",), ""
)
CODE_EXECUTION_JUPYTER_AUTH_PASSWORD = define_key(
    "code_execution.jupyter.auth_password", ("CODE_EXECUTION_JUPYTER_AUTH_PASSWORD",), ""
)
CODE_EXECUTION_JUPYTER_TIMEOUT = define_key("code_execution.jupyter.timeout", ("CODE_EXECUTION_JUPYTER_TIMEOUT",), 60)
CODE_INTERPRETER_ENABLE = define_key("code_interpreter.enable", ("ENABLE_CODE_INTERPRETER",), True)
CODE_INTERPRETER_ENGINE = define_key("code_interpreter.engine", ("CODE_INTERPRETER_ENGINE",), "pyodide")
CODE_INTERPRETER_PROMPT_TEMPLATE = define_key(
    "code_interpreter.prompt_template", ("CODE_INTERPRETER_PROMPT_TEMPLATE",), ""
)
CODE_INTERPRETER_JUPYTER_URL = define_key(
    "code_interpreter.jupyter.url", ("CODE_INTERPRETER_JUPYTER_URL", "CODE_EXECUTION_JUPYTER_URL"), ""
)
CODE_INTERPRETER_JUPYTER_AUTH = define_key(
    "code_interpreter.jupyter.auth", ("CODE_INTERPRETER_JUPYTER_AUTH", "CODE_EXECUTION_JUPYTER_AUTH"), ""
)
CODE_INTERPRETER_JUPYTER_AUTH_TOKEN = define_key(
    "code_interpreter.jupyter.auth_token",
    ("CODE_INTERPRETER_JUPYTER_AUTH_TOKEN", "CODE_EXECUTION_JUPYTER_AUTH_TOKEN"),
    "",
)
CODE_INTERPRETER_JUPYTER_AUTH_PASSWORD = define_key(
    "code_interpreter.jupyter.auth_password",
    ("CODE_INTERPRETER_JUPYTER_AUTH_PASSWORD", "CODE_EXECUTION_JUPYTER_AUTH_PASSWORD"),
    "",
)
CODE_INTERPRETER_JUPYTER_TIMEOUT = define_key(
    "code_interpreter.jupyter.timeout", ("CODE_INTERPRETER_JUPYTER_TIMEOUT", "CODE_EXECUTION_JUPYTER_TIMEOUT"), 60
)

"""OpenAI's Responses API, converted to and from chat completions: for connections with `api_type: responses`."""

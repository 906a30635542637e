"""Clients of image engines: OpenAI, Gemini, AUTOMATIC1111 and ComfyUI."""

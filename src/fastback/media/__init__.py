"""Clients of image, speech-to-text and text-to-speech engines."""

"""Speech: engines that speak texts, and engines that transcribe recordings."""

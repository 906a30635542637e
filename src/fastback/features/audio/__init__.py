"""Speech: its settings, models and voices; texts are spoken, recordings transcribed, and calls connected."""

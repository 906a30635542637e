"""Speech: settings of its engines, and the models and voices of text to speech."""

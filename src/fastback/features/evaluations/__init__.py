"""Evaluations: the feedback of users on answers, and the leaderboard of models computed from it."""

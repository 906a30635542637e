"""What people think of answers: their feedback, and the leaderboard of models made out of it."""

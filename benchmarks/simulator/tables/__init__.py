"""Real learning curves: tables of trainings that this project has done, and the tasks that answer by them."""

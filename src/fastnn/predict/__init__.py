"""``fastnn predict``: a network over files of any size, read and written a block of rows at a time."""

"""Measure fastnn beside what the processor can do at most: ``fastnn bench``."""

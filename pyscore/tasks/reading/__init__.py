"""Where records of questions lie: kinds of files, packed files, places, and tables in memory."""

from pyscore.tasks.reading.place import Place
from pyscore.tasks.reading.places import places_of
from pyscore.tasks.reading.record import Record, required, whole

__all__ = ["Place", "Record", "places_of", "required", "whole"]

"""Questions, the prompt templates that wrap them, loaders for the published formats, and the bundled sample."""

from pyscore.tasks.loaders import FORMATS, load_questions, sample_questions
from pyscore.tasks.question import Question
from pyscore.tasks.templates import TEMPLATES, render

__all__ = ["FORMATS", "TEMPLATES", "Question", "load_questions", "render", "sample_questions"]

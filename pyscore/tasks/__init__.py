"""Questions, the prompt templates that wrap them, loaders for the published formats, and the bundled sample."""

from .loaders import FORMATS, load_questions, sample_questions
from .question import Question
from .templates import TEMPLATES, render

__all__ = ["FORMATS", "TEMPLATES", "Question", "load_questions", "render", "sample_questions"]

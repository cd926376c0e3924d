"""Questions, the prompt templates that wrap them, loaders for the published formats, and the bundled sample."""

from .chat import ChatTemplate
from .loaders import (
    BLANKS,
    FORMATS,
    load_completions,
    load_questions,
    paired_questions,
    sample_questions,
    with_whole_sentences,
)
from .p_true import p_true_questions
from .question import Question
from .templates import TEMPLATES, read_template, render

__all__ = [
    "BLANKS",
    "FORMATS",
    "TEMPLATES",
    "ChatTemplate",
    "Question",
    "load_completions",
    "load_questions",
    "p_true_questions",
    "paired_questions",
    "read_template",
    "render",
    "sample_questions",
    "with_whole_sentences",
]

"""Questions, the prompt templates that wrap them, loaders for the published formats, and the bundled sample."""

from pyscore.tasks.chat import ChatTemplate
from pyscore.tasks.formats import FORMATS, Format
from pyscore.tasks.loaders import (
    BLANKS,
    iter_questions,
    load_completions,
    load_questions,
    paired_questions,
    sample_questions,
    with_whole_sentences,
)
from pyscore.tasks.p_true import p_true_questions
from pyscore.tasks.question import Question
from pyscore.tasks.templates import TEMPLATES, read_template, render

__all__ = [
    "BLANKS",
    "FORMATS",
    "TEMPLATES",
    "ChatTemplate",
    "Format",
    "Question",
    "iter_questions",
    "load_completions",
    "load_questions",
    "p_true_questions",
    "paired_questions",
    "read_template",
    "render",
    "sample_questions",
    "with_whole_sentences",
]

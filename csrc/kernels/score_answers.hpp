// Ragged token log-probabilities -> answers -> questions, in float64.
#pragma once

#include <cstdint>

namespace pyscore {

enum class Sets { max, sum };
enum class Ties { half, strict, first };

// Question q has answers question_offsets[q] .. [q + 1], answer a has tokens answer_offsets[a] .. [a + 1].
template <class Float> struct AnswersProblem {
    const Float *token_logprob = nullptr;
    const std::int64_t *answer_offsets = nullptr;
    const std::int64_t *question_offsets = nullptr;
    const bool *is_matching = nullptr;
    const double *divisor = nullptr;       // [A], null: all 1
    const double *unconditional = nullptr; // [A], null: all 0
    std::int64_t questions = 0;
    Sets sets = Sets::max;
    Ties ties = Ties::half;
};

// One entry a question; see pyscore.Comparison.
template <class Float> struct AnswersResults {
    Float *probability, *probability_raw, *coverage, *log_odds, *margin, *prefers;
    bool *tie;
    std::int64_t *predicted;
};

template <class Float>
void score_answers(const AnswersProblem<Float> &problem, const AnswersResults<Float> &results, int threads);

} // namespace pyscore

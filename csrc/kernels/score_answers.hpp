// Ragged token log-probabilities -> answers -> questions, in float64.
#pragma once

#include <array>
#include <cstdint>

#include "result_memory.hpp"

namespace pyscore {

enum class Sets { max, sum };
enum class Ties { half, strict, first, share };

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

// One entry a question: the fields of pyscore.ops.request.ComparisonTensors.
template <class Float> struct AnswersResults {
    using Memory = std::array<ResultMemory, 8>; // as Python passes them
    Float *probability, *probability_raw, *coverage, *log_odds, *margin, *prefers;
    bool *tie;
    std::int64_t *predicted;

    AnswersResults(const Memory &out, std::int64_t n)
        : probability(result_in<Float>(out[0], n, "probability")),
          probability_raw(result_in<Float>(out[1], n, "probability_raw")),
          coverage(result_in<Float>(out[2], n, "coverage")), log_odds(result_in<Float>(out[3], n, "log_odds")),
          margin(result_in<Float>(out[4], n, "margin")), prefers(result_in<Float>(out[5], n, "prefers")),
          tie(result_in<bool>(out[6], n, "tie")), predicted(result_in<std::int64_t>(out[7], n, "predicted")) {}
};

template <class Float>
void score_answers(const AnswersProblem<Float> &problem, const AnswersResults<Float> &results, int threads);

} // namespace pyscore

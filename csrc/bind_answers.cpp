// score_answers.
#include <pybind11/stl.h>

#include "arrays.hpp"
#include "kernels/score_answers.hpp"
#include "register.hpp"

namespace py = pybind11;

namespace pyscore {
namespace {

Sets parse_sets(const std::string &sets) {
    require(sets == "max" || sets == "sum", "sets", "max or sum");
    return sets == "max" ? Sets::max : Sets::sum;
}

Ties parse_ties(const std::string &ties) {
    require(ties == "half" || ties == "strict" || ties == "first", "ties", "half, strict or first");
    return ties == "half" ? Ties::half : ties == "strict" ? Ties::strict : Ties::first;
}

template <class Float>
py::tuple bind_score_answers(const Vector<Float> &token_logprob, const Vector<std::int64_t> &answer_offsets,
                             const Vector<std::int64_t> &question_offsets, const Vector<bool> &is_matching,
                             const OptionalVector<double> &divisor, const OptionalVector<double> &unconditional,
                             const std::string &sets, const std::string &ties, int threads) {
    require(token_logprob.ndim() == 1, "token_logprob", "a vector");
    require(is_matching.ndim() == 1, "is_matching", "a vector");
    require(question_offsets.ndim() == 1 && question_offsets.shape(0) > 0, "question_offsets", "a vector");
    const std::int64_t answers = is_matching.shape(0), questions = question_offsets.shape(0) - 1;
    AnswersProblem<Float> problem;
    problem.token_logprob = token_logprob.data();
    problem.answer_offsets = offsets_data(answer_offsets, answers, token_logprob.shape(0), "answer_offsets");
    problem.question_offsets = offsets_data(question_offsets, questions, answers, "question_offsets");
    problem.is_matching = is_matching.data();
    problem.divisor = vector_data(divisor, answers, "divisor");
    problem.unconditional = vector_data(unconditional, answers, "unconditional");
    problem.questions = questions;
    problem.sets = parse_sets(sets);
    problem.ties = parse_ties(ties);
    py::array_t<Float> probability(questions), probability_raw(questions), coverage(questions), log_odds(questions),
        margin(questions), prefers(questions);
    py::array_t<bool> tie(questions);
    py::array_t<std::int64_t> predicted(questions);
    const AnswersResults<Float> results{
        probability.mutable_data(), probability_raw.mutable_data(), coverage.mutable_data(), log_odds.mutable_data(),
        margin.mutable_data(),      prefers.mutable_data(),         tie.mutable_data(),      predicted.mutable_data()};
    {
        const Computing computing;
        score_answers(problem, results, threads);
    }
    return py::make_tuple(probability, probability_raw, coverage, log_odds, margin, prefers, tie, predicted);
}

template <class Float> void define_score_answers(py::module_ &m) {
    m.def("score_answers", &bind_score_answers<Float>, py::arg("token_logprob").noconvert(),
          py::arg("answer_offsets").noconvert(), py::arg("question_offsets").noconvert(),
          py::arg("is_matching").noconvert(), py::arg("divisor").noconvert(), py::arg("unconditional").noconvert(),
          py::arg("sets"), py::arg("ties"), py::arg("threads"), "The fields of ComparisonTensors.");
}

} // namespace

void register_answers(py::module_ &m) {
    define_score_answers<float>(m);
    define_score_answers<double>(m);
}

} // namespace pyscore

// score_answers.
#include <numeric>
#include <vector>

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
    if (ties == "half") {
        return Ties::half;
    }
    if (ties == "strict") {
        return Ties::strict;
    }
    require(ties == "first" || ties == "share", "ties", "half, strict, first or share");
    return ties == "first" ? Ties::first : Ties::share;
}

// How answers are compared, of pyscore.ops.request.AnswerRequest; holds the tensors while the kernel reads them.
struct AnswerRequest {
    TensorVector<std::int64_t> answer_offsets, question_offsets;
    TensorVector<bool> is_matching;
    TensorVector<double> divisor, unconditional;
    Sets sets;
    Ties ties;
};

template <class Float>
void bind_score_answers(const Vector<Float> &token_logprob, const AnswerRequest &request,
                        const typename AnswersResults<Float>::Memory &out, int threads) {
    require(token_logprob.ndim() == 1, "token_logprob", "a vector");
    require(request.is_matching.size() >= 0, "is_matching", "a vector");
    require(request.question_offsets.size() > 0, "question_offsets", "a vector");
    const std::int64_t answers = request.is_matching.size(), questions = request.question_offsets.size() - 1;
    AnswersProblem<Float> problem;
    problem.token_logprob = token_logprob.data();
    std::vector<std::int64_t> each; // the offsets of answers of one token
    const std::int64_t *answer_offsets = request.answer_offsets.data(answers + 1, "answer_offsets");
    if (!request.answer_offsets) {
        each.resize(static_cast<std::size_t>(answers) + 1);
        std::iota(each.begin(), each.end(), std::int64_t{0});
        answer_offsets = each.data();
    }
    problem.answer_offsets = checked_offsets(answer_offsets, answers, token_logprob.shape(0), "answer_offsets");
    problem.question_offsets = checked_offsets(request.question_offsets.data(questions + 1, "question_offsets"),
                                               questions, answers, "question_offsets");
    problem.is_matching = request.is_matching.data(answers, "is_matching");
    problem.divisor = request.divisor.data(answers, "divisor");
    problem.unconditional = request.unconditional.data(answers, "unconditional");
    problem.questions = questions;
    problem.sets = request.sets;
    problem.ties = request.ties;
    const AnswersResults<Float> results(out, questions);
    const Computing computing;
    score_answers(problem, results, threads);
}

template <class Float> void define_score_answers(py::module_ &m) {
    m.def("score_answers", &bind_score_answers<Float>, py::arg("token_logprob").noconvert(), py::arg("request"),
          py::arg("out"), py::arg("threads"), "Fills the fields of ComparisonTensors.");
}

} // namespace

void register_answers(py::module_ &m) {
    py::class_<AnswerRequest>(m, "AnswerRequest", plain_class(), "How score_answers compares; see pyscore.ops.request.")
        .def(py::init([](const PassedTensor &answer_offsets, const PassedTensor &question_offsets,
                         const PassedTensor &is_matching, const PassedTensor &divisor,
                         const PassedTensor &unconditional, const std::string &sets, const std::string &ties) {
                 return AnswerRequest{TensorVector<std::int64_t>(answer_offsets),
                                      TensorVector<std::int64_t>(question_offsets),
                                      TensorVector<bool>(is_matching),
                                      TensorVector<double>(divisor),
                                      TensorVector<double>(unconditional),
                                      parse_sets(sets),
                                      parse_ties(ties)};
             }),
             py::arg("answer_offsets"), py::arg("question_offsets"), py::arg("is_matching"), py::arg("divisor"),
             py::arg("unconditional"), py::arg("sets"), py::arg("ties"));
    define_score_answers<float>(m);
    define_score_answers<double>(m);
}

} // namespace pyscore

// score_answers.
#include <array>

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

// How answers are compared, of pyscore.ops.request.AnswerRequest; holds the arrays while the kernel reads them.
struct AnswerRequest {
    Vector<std::int64_t> answer_offsets, question_offsets;
    Vector<bool> is_matching;
    OptionalVector<double> divisor, unconditional;
    Sets sets;
    Ties ties;
};

template <class Float>
void bind_score_answers(const Vector<Float> &token_logprob, const AnswerRequest &request,
                        const std::array<std::uintptr_t, 8> &out, int threads) {
    require(token_logprob.ndim() == 1, "token_logprob", "a vector");
    require(request.is_matching.ndim() == 1, "is_matching", "a vector");
    require(request.question_offsets.ndim() == 1 && request.question_offsets.shape(0) > 0, "question_offsets",
            "a vector");
    const std::int64_t answers = request.is_matching.shape(0), questions = request.question_offsets.shape(0) - 1;
    AnswersProblem<Float> problem;
    problem.token_logprob = token_logprob.data();
    problem.answer_offsets = offsets_data(request.answer_offsets, answers, token_logprob.shape(0), "answer_offsets");
    problem.question_offsets = offsets_data(request.question_offsets, questions, answers, "question_offsets");
    problem.is_matching = request.is_matching.data();
    problem.divisor = vector_data(request.divisor, answers, "divisor");
    problem.unconditional = vector_data(request.unconditional, answers, "unconditional");
    problem.questions = questions;
    problem.sets = request.sets;
    problem.ties = request.ties;
    const AnswersResults<Float> results{
        result_at<Float>(out[0]), result_at<Float>(out[1]), result_at<Float>(out[2]), result_at<Float>(out[3]),
        result_at<Float>(out[4]), result_at<Float>(out[5]), result_at<bool>(out[6]),  result_at<std::int64_t>(out[7])};
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
        .def(py::init([](Vector<std::int64_t> answer_offsets, Vector<std::int64_t> question_offsets,
                         Vector<bool> is_matching, OptionalVector<double> divisor, OptionalVector<double> unconditional,
                         const std::string &sets, const std::string &ties) {
                 return AnswerRequest{std::move(answer_offsets), std::move(question_offsets), std::move(is_matching),
                                      std::move(divisor),        std::move(unconditional),    parse_sets(sets),
                                      parse_ties(ties)};
             }),
             py::arg("answer_offsets").noconvert(), py::arg("question_offsets").noconvert(),
             py::arg("is_matching").noconvert(), py::arg("divisor").noconvert(), py::arg("unconditional").noconvert(),
             py::arg("sets"), py::arg("ties"));
    define_score_answers<float>(m);
    define_score_answers<double>(m);
}

} // namespace pyscore

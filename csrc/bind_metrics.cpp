// bootstrap_means and summary_moments.
#include <pybind11/stl.h>

#include "arrays.hpp"
#include "kernels/bootstrap.hpp"
#include "kernels/moments.hpp"
#include "register.hpp"
#include "scores.hpp"

namespace py = pybind11;

namespace pyscore {
namespace {

py::array_t<double> bind_bootstrap_means(const Vector<double> &sums, const OptionalVector<double> &weights,
                                         std::int64_t resamples, std::uint64_t seed, int threads) {
    require(sums.ndim() == 2 && sums.shape(0) > 0 && sums.shape(0) < (std::int64_t{1} << 32), "sums",
            "a matrix with rows");
    require(resamples >= 0, "resamples", "at least 0");
    BootstrapProblem problem;
    problem.sums = sums.data();
    problem.units = sums.shape(0);
    problem.columns = sums.shape(1);
    problem.weights = vector_data(weights, problem.units, "weights");
    problem.resamples = resamples;
    problem.seed = seed;
    py::array_t<double> means({resamples, problem.columns});
    {
        const Computing computing;
        bootstrap_means(problem, means.mutable_data(), threads);
    }
    return means;
}

template <class Float>
py::dict bind_summary_moments(const Vector<Float> &probability, const Vector<Float> &prefers,
                              const Vector<Float> &probability_raw, const Vector<Float> &log_odds,
                              const Vector<Float> &coverage, const Vector<bool> &tie, int threads) {
    const auto problem = scores_problem(probability, prefers, probability_raw, log_odds, coverage, tie);
    Moments found;
    {
        const Computing computing;
        found = moments(problem, threads);
    }
    py::dict result;
    result["valid"] = found.valid;
    result["mean"] = py::array_t<double>(kScores, found.mean);
    result["m2"] = py::array_t<double>(kScores, found.m2);
    result["infinite"] = py::make_tuple(found.positive_infinite, found.negative_infinite);
    result["counts"] = py::array_t<std::int64_t>(kCalibrationBins, found.counts);
    result["gaps"] = py::array_t<double>(kCalibrationBins, found.gaps);
    result["gap_squares"] = py::array_t<double>(kCalibrationBins, found.gap_squares);
    result["expected"] = py::array_t<double>(kCalibrationBins, found.expected);
    return result;
}

template <class Float> void define_summary_moments(py::module_ &m) {
    m.def("summary_moments", &bind_summary_moments<Float>, py::arg("probability").noconvert(),
          py::arg("prefers").noconvert(), py::arg("probability_raw").noconvert(), py::arg("log_odds").noconvert(),
          py::arg("coverage").noconvert(), py::arg("tie").noconvert(), py::arg("threads"),
          "What SummaryState keeps of a comparison.");
}

} // namespace

void register_metrics(py::module_ &m) {
    m.def("bootstrap_means", &bind_bootstrap_means, py::arg("sums").noconvert(), py::arg("weights").noconvert(),
          py::arg("resamples"), py::arg("seed"), py::arg("threads"),
          "Means of units drawn with replacement, [resamples, columns].");
    define_summary_moments<float>(m);
    define_summary_moments<double>(m);
}

} // namespace pyscore

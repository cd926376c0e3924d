// logprobs, target_logits, linear_logprobs.
#include <pybind11/stl.h>

#include "arrays.hpp"
#include "kernels/linear_logprobs.hpp"
#include "kernels/logprobs.hpp"
#include "register.hpp"

namespace py = pybind11;

namespace pyscore {
namespace {

using Ids = Vector<std::int64_t>;
using OptionalIds = OptionalVector<std::int64_t>;
using OptionalFloats = OptionalVector<float>;

// Strides in elements of a matrix of float32 or of 16-bit floats' bits.
struct MatrixView {
    const void *data;
    std::int64_t rows, columns, row_stride, column_stride;

    MatrixView(const py::array &array, DType dtype, const char *argument) : data(array.data()) {
        const std::int64_t itemsize = info(dtype).itemsize;
        require(array.ndim() == 2, argument, "a matrix");
        require(array.itemsize() == itemsize, argument, "of the item size of its dtype");
        require(array.strides(0) % itemsize == 0 && array.strides(1) % itemsize == 0, argument, "aligned");
        // ids within a row are kept in 32 bits
        require(array.shape(1) <= std::numeric_limits<std::int32_t>::max(), argument, "less than 2^31 wide");
        rows = array.shape(0);
        columns = array.shape(1);
        row_stride = array.strides(0) / itemsize;
        column_stride = array.strides(1) / itemsize;
    }
};

// Without offsets every row has as many targets; `even` then holds their offsets, and has to outlive the result.
Targets read_targets(const Ids &ids, const OptionalIds &offsets, std::int64_t rows, std::int64_t columns,
                     std::int64_t ignore_index, std::int64_t vocab_start, std::vector<std::int64_t> &even) {
    const std::int64_t n = ids.ndim() == 1 ? ids.shape(0) : -1;
    if (!offsets) {
        const std::int64_t each = rows == 0 ? 0 : n / rows;
        require(n == each * rows, "targets", "as many for every row where there are no target_offsets");
        even.resize(static_cast<std::size_t>(rows + 1));
        for (std::int64_t row = 0; row <= rows; ++row) {
            even[static_cast<std::size_t>(row)] = row * each;
        }
    }
    return {vector_data(ids, n, "targets"), offsets ? offsets_data(*offsets, rows, n, "target_offsets") : even.data(),
            ignore_index, vocab_start, columns};
}

LinearProblem read_linear(const py::array &hidden, const py::array &weight, const std::string &dtype_tag,
                          const OptionalFloats &bias, const Ids &targets, const OptionalIds &target_offsets,
                          const OptionalFloats &temperature, std::optional<float> softcap, float logit_scale,
                          std::int64_t ignore_index, std::int64_t vocab_start, std::vector<std::int64_t> &even) {
    const DType dtype = parse_dtype(dtype_tag);
    const MatrixView h(hidden, dtype, "hidden"), w(weight, dtype, "weight");
    require(h.columns == w.columns, "hidden", "as wide as weight");
    require(h.rows == 0 || h.columns <= 1 || h.column_stride == 1, "hidden", "contiguous along its rows");
    require(w.rows == 0 || w.columns <= 1 || w.column_stride == 1, "weight", "contiguous along its rows");
    require(w.rows <= std::numeric_limits<std::int32_t>::max(), "weight", "less than 2^31 rows");
    LinearProblem problem;
    problem.hidden = h.data;
    problem.weight = w.data;
    problem.bias = vector_data(bias, w.rows, "bias");
    problem.dtype = dtype;
    problem.rows = h.rows;
    problem.columns = w.rows;
    problem.depth = h.columns;
    problem.hidden_stride = h.row_stride;
    problem.weight_stride = w.row_stride;
    problem.logit_scale = logit_scale;
    problem.transform = {softcap.value_or(0.0F), vector_data(temperature, h.rows, "temperature")};
    problem.targets = read_targets(targets, target_offsets, h.rows, w.rows, ignore_index, vocab_start, even);
    return problem;
}

// The arrays of TokenTensors; those that were not asked for are empty.
struct TokenArrays {
    py::array_t<float> logprob, logsumexp, max_logit, entropy, top_logprobs;
    py::array_t<std::int64_t> argmax, rank, top_ids;
    TokenResults results;

    TokenArrays(std::int64_t rows, std::int64_t targets, bool with_entropy, bool with_rank, std::int64_t top_k)
        : logprob(targets), logsumexp(rows), max_logit(rows), entropy(with_entropy ? rows : 0),
          top_logprobs({rows, top_k}), argmax(rows), rank(with_rank ? targets : 0), top_ids({rows, top_k}) {
        results.logprob = logprob.mutable_data();
        results.logsumexp = logsumexp.mutable_data();
        results.max_logit = max_logit.mutable_data();
        results.argmax = argmax.mutable_data();
        results.entropy = with_entropy ? entropy.mutable_data() : nullptr;
        results.rank = with_rank ? rank.mutable_data() : nullptr;
        results.top_k = top_k;
        results.top_ids = top_ids.mutable_data();
        results.top_logprobs = top_logprobs.mutable_data();
    }

    [[nodiscard]] py::tuple tuple() const {
        return py::make_tuple(logprob, logsumexp, max_logit, argmax, entropy, rank, top_ids, top_logprobs);
    }
};

py::tuple bind_logprobs(const py::array &logits, const std::string &dtype, const Ids &targets,
                        const OptionalIds &target_offsets, const OptionalFloats &temperature,
                        std::optional<float> softcap, std::int64_t ignore_index, std::int64_t vocab_start, bool entropy,
                        bool rank, std::int64_t top_k, int threads) {
    const Variant &variant = chosen_variant();
    require(threads >= 1, "threads", "at least 1");
    std::vector<std::int64_t> even;
    LogitsProblem problem;
    problem.dtype = parse_dtype(dtype);
    const MatrixView view(logits, problem.dtype, "logits");
    problem.data = view.data;
    problem.rows = view.rows;
    problem.columns = view.columns;
    problem.row_stride = view.row_stride;
    problem.column_stride = view.column_stride;
    problem.transform = {softcap.value_or(0.0F), vector_data(temperature, view.rows, "temperature")};
    problem.targets = read_targets(targets, target_offsets, view.rows, view.columns, ignore_index, vocab_start, even);
    require(top_k >= 0 && top_k <= view.columns, "top_k", "from 0 to the size of the vocabulary");
    const TokenArrays arrays(view.rows, targets.shape(0), entropy, rank, top_k);
    {
        const Computing computing;
        logprobs(variant, problem, arrays.results, threads);
    }
    return arrays.tuple();
}

py::array_t<float> bind_target_logits(const py::array &hidden, const py::array &weight, const std::string &dtype,
                                      const OptionalFloats &bias, const Ids &targets, const OptionalIds &target_offsets,
                                      const OptionalFloats &temperature, std::optional<float> softcap,
                                      float logit_scale, std::int64_t ignore_index, std::int64_t vocab_start,
                                      int threads) {
    const Variant &variant = chosen_variant();
    require(threads >= 1, "threads", "at least 1");
    std::vector<std::int64_t> even;
    const LinearProblem problem = read_linear(hidden, weight, dtype, bias, targets, target_offsets, temperature,
                                              softcap, logit_scale, ignore_index, vocab_start, even);
    py::array_t<float> found(targets.shape(0));
    float *out = found.mutable_data();
    {
        const Computing computing;
        target_logits(variant, problem, out, threads);
    }
    return found;
}

py::tuple bind_linear_logprobs(const py::array &hidden, const py::array &weight, const std::string &dtype,
                               const OptionalFloats &bias, const Ids &targets, const OptionalIds &target_offsets,
                               const OptionalFloats &temperature, std::optional<float> softcap, float logit_scale,
                               std::int64_t ignore_index, std::int64_t vocab_start, const OptionalFloats &target_logit,
                               bool entropy, bool rank, std::int64_t top_k, int threads) {
    const Variant &variant = chosen_variant();
    require(threads >= 1, "threads", "at least 1");
    std::vector<std::int64_t> even;
    const LinearProblem problem = read_linear(hidden, weight, dtype, bias, targets, target_offsets, temperature,
                                              softcap, logit_scale, ignore_index, vocab_start, even);
    const float *given = vector_data(target_logit, targets.shape(0), "target_logit");
    std::vector<float> found(target_logit ? 0 : static_cast<std::size_t>(targets.shape(0)));
    require(top_k >= 0 && top_k <= problem.columns, "top_k", "from 0 to the size of the vocabulary");
    const TokenArrays arrays(problem.rows, targets.shape(0), entropy, rank, top_k);
    {
        const Computing computing;
        if (!target_logit) {
            target_logits(variant, problem, found.data(), threads);
            given = found.data();
        }
        linear_logprobs(variant, problem, given, arrays.results, threads);
    }
    return arrays.tuple();
}

} // namespace

void register_tokens(py::module_ &m) {
    m.def("logprobs", &bind_logprobs, py::arg("logits"), py::arg("dtype"), py::arg("targets").noconvert(),
          py::arg("target_offsets").noconvert(), py::arg("temperature").noconvert(), py::arg("softcap"),
          py::arg("ignore_index"), py::arg("vocab_start"), py::arg("entropy"), py::arg("rank"), py::arg("top_k"),
          py::arg("threads"), "The fields of TokenTensors under ready logits.");
    m.def("target_logits", &bind_target_logits, py::arg("hidden"), py::arg("weight"), py::arg("dtype"),
          py::arg("bias").noconvert(), py::arg("targets").noconvert(), py::arg("target_offsets").noconvert(),
          py::arg("temperature").noconvert(), py::arg("softcap"), py::arg("logit_scale"), py::arg("ignore_index"),
          py::arg("vocab_start"), py::arg("threads"), "Final logits of the targets alone.");
    m.def("linear_logprobs", &bind_linear_logprobs, py::arg("hidden"), py::arg("weight"), py::arg("dtype"),
          py::arg("bias").noconvert(), py::arg("targets").noconvert(), py::arg("target_offsets").noconvert(),
          py::arg("temperature").noconvert(), py::arg("softcap"), py::arg("logit_scale"), py::arg("ignore_index"),
          py::arg("vocab_start"), py::arg("target_logit").noconvert(), py::arg("entropy"), py::arg("rank"),
          py::arg("top_k"), py::arg("threads"), "The fields of TokenTensors under hidden @ weight.T.");
}

} // namespace pyscore

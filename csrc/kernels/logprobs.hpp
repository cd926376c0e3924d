// Log-probabilities of targets under ready logits.
#pragma once

#include "problem.hpp"
#include "variants.hpp"

namespace pyscore {

void logprobs(const Variant &variant, const LogitsProblem &problem, const TokenResults &results, int threads);

} // namespace pyscore

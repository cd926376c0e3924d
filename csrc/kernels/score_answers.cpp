#include "score_answers.hpp"

#include <cmath>
#include <limits>
#include <vector>

#include "../thread_pool.hpp"

namespace pyscore {
namespace {

constexpr double kNegativeInf = -std::numeric_limits<double>::infinity();

struct Answer {
    double total; // sum of token log-probabilities
    double score; // (total - unconditional) / divisor: what is compared
    bool matching;
};

// The matching answers of a question, or the others.
struct Side {
    double best = kNegativeInf;
    double sum = 0; // of exp(score - best): 1 where there is one answer
    double mass = 0;
    std::int64_t first = -1, first_best = -1, n_best = 0;
};

template <class Float>
void read_answers(const AnswersProblem<Float> &problem, std::int64_t question, std::vector<Answer> &answers) {
    answers.clear();
    bool all_impossible = true;
    for (std::int64_t a = problem.question_offsets[question]; a < problem.question_offsets[question + 1]; ++a) {
        double total = 0;
        for (std::int64_t t = problem.answer_offsets[a]; t < problem.answer_offsets[a + 1]; ++t) {
            total += static_cast<double>(problem.token_logprob[t]);
        }
        const double unconditional = problem.unconditional == nullptr ? 0 : problem.unconditional[a];
        const double divisor = problem.divisor == nullptr ? 1 : problem.divisor[a];
        answers.push_back({total, (total - unconditional) / divisor, problem.is_matching[a]});
        all_impossible = all_impossible && answers.back().score == kNegativeInf;
    }
    // The limit of answers that become impossible together: they compare as equals.
    for (Answer &answer : answers) {
        answer.score = all_impossible ? 0 : answer.score;
    }
}

Side side_of(const std::vector<Answer> &answers, bool matching) {
    Side side;
    for (std::size_t k = 0; k < answers.size(); ++k) {
        const Answer &answer = answers[k];
        if (answer.matching != matching) {
            continue;
        }
        const auto index = static_cast<std::int64_t>(k);
        side.mass += std::exp(answer.total);
        side.first = side.first < 0 ? index : side.first;
        if (answer.score > side.best || side.first_best < 0) {
            side.best = answer.score;
            side.first_best = index;
            side.n_best = 0;
        }
        side.n_best += answer.score == side.best ? 1 : 0;
    }
    side.sum = 1; // of the best answer itself
    for (std::size_t k = 0; k < answers.size(); ++k) {
        const Answer &answer = answers[k];
        const bool counts = answer.matching == matching && static_cast<std::int64_t>(k) != side.first_best;
        if (counts && answer.score != kNegativeInf) {
            side.sum += std::exp(answer.score - side.best);
        }
    }
    return side;
}

double sigmoid(double x) {
    const double small = std::exp(-std::abs(x)); // never overflows
    return (x < 0 ? small : 1) / (1 + small);
}

// `share`: of the candidates that tie, how many match.
double preference(double lead, Ties ties, bool matching_first, double share) {
    if (lead != 0) {
        return lead > 0 ? 1 : 0;
    }
    switch (ties) {
    case Ties::half:
        return 0.5;
    case Ties::strict:
        return 0;
    case Ties::share:
        return share;
    case Ties::first:
        break;
    }
    return matching_first ? 1 : 0;
}

template <class Float>
void compare(const std::vector<Answer> &answers, Sets sets, Ties ties, std::int64_t q,
             const AnswersResults<Float> &results) {
    const Side matching = side_of(answers, true), other = side_of(answers, false);
    const double margin = matching.best - other.best;
    // Not a difference of two logsumexps: under a large common offset those lose the logarithms' digits.
    const double log_odds = margin + (std::log(matching.sum) - std::log(other.sum));
    const double lead = sets == Sets::max ? margin : log_odds;
    const bool matching_first =
        sets == Sets::max ? matching.first_best < other.first_best : matching.first < other.first;
    // Sums that are equal are two candidates of which one matches.
    const double share =
        sets == Sets::max ? static_cast<double>(matching.n_best) / static_cast<double>(matching.n_best + other.n_best)
                          : 0.5;
    const bool matching_predicted =
        matching.best > other.best || (matching.best == other.best && matching.first_best < other.first_best);
    results.probability[q] = static_cast<Float>(sigmoid(log_odds));
    results.probability_raw[q] = static_cast<Float>(matching.mass);
    results.coverage[q] = static_cast<Float>(matching.mass + other.mass);
    results.log_odds[q] = static_cast<Float>(log_odds);
    results.margin[q] = static_cast<Float>(margin);
    results.prefers[q] = static_cast<Float>(preference(lead, ties, matching_first, share));
    results.tie[q] = lead == 0;
    results.predicted[q] = matching_predicted ? matching.first_best : other.first_best;
}

} // namespace

template <class Float>
void score_answers(const AnswersProblem<Float> &problem, const AnswersResults<Float> &results, int threads) {
    constexpr std::int64_t kQuestionsWorthAThread = 512;
    parallel_for(problem.questions, kQuestionsWorthAThread, threads, [&](std::int64_t begin, std::int64_t end, int) {
        std::vector<Answer> answers;
        for (std::int64_t q = begin; q < end; ++q) {
            read_answers(problem, q, answers);
            compare(answers, problem.sets, problem.ties, q, results);
        }
    });
}

template void score_answers(const AnswersProblem<float> &, const AnswersResults<float> &, int);
template void score_answers(const AnswersProblem<double> &, const AnswersResults<double> &, int);

} // namespace pyscore

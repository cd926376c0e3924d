#include "text.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "../thread_pool.hpp"

namespace pyscore {
namespace {

// An n-gram's last token in the upper half, where the n-gram begins in the lower one. Sorted, equal n-grams with a
// common prefix are neighbours, in the order of the texts. No hash is involved, so nothing can collide.
using Entry = std::uint64_t;

Entry make_entry(std::int32_t token, std::int64_t begin) {
    return static_cast<Entry>(token) << 32U | static_cast<Entry>(begin);
}
std::uint32_t token_of(Entry entry) { return static_cast<std::uint32_t>(entry >> 32U); }
std::uint32_t begin_of(Entry entry) { return static_cast<std::uint32_t>(entry); }

// All occurrences of one n-gram.
struct Group {
    const Entry *first, *last;

    [[nodiscard]] const Entry *begin() const { return first; }
    [[nodiscard]] const Entry *end() const { return last; }
    [[nodiscard]] std::int64_t size() const { return last - first; }
};

class Texts {
  public:
    explicit Texts(const TextsProblem &problem)
        : problem_(problem), text_of_(problem.offsets[problem.texts]), starts_(problem.vocabulary + 1),
          entries_(text_of_.size()) {
        for (std::int64_t text = 0; text < problem.texts; ++text) {
            std::fill(text_of_.begin() + problem.offsets[text], text_of_.begin() + problem.offsets[text + 1],
                      static_cast<std::uint32_t>(text));
        }
        // a counting sort by token
        const auto n = static_cast<std::int64_t>(text_of_.size());
        for (std::int64_t i = 0; i < n; ++i) {
            ++starts_[problem.tokens[i] + 1];
        }
        for (std::int64_t token = 0; token < problem.vocabulary; ++token) {
            starts_[token + 1] += starts_[token];
        }
        std::vector<std::int64_t> next(starts_);
        for (std::int64_t i = 0; i < n; ++i) {
            entries_[next[problem.tokens[i]]++] = make_entry(problem.tokens[i], i);
        }
    }

    [[nodiscard]] std::int64_t size() const { return static_cast<std::int64_t>(text_of_.size()); }
    [[nodiscard]] std::uint32_t text_of(Entry entry) const { return text_of_[begin_of(entry)]; }

    // How many tokens there are from the n-gram's first to the end of its text.
    [[nodiscard]] std::int64_t room(Entry entry) const {
        return problem_.offsets[text_of(entry) + 1] - static_cast<std::int64_t>(begin_of(entry));
    }

    // Calls visit(n, group, worker) for every n-gram, n = 1 .. max_order; those that begin with a group's n-gram are
    // left out where it returns false. An n-gram belongs to one thread alone, and so do the tokens at which it begins.
    template <class Visit> void for_each_ngram(int threads, const Visit &visit) const {
        std::vector<Buffers> buffers(std::max(threads, 1));
        // One token at a time: those that are met first are often the most frequent by far.
        parallel_for(problem_.vocabulary, 1, threads, [&](std::int64_t token, std::int64_t, int worker) {
            const Entry *const entries = entries_.data();
            const Group group{entries + starts_[token], entries + starts_[token + 1]};
            if (group.size() > 0) {
                descend(group, 1, buffers[worker], [&](int n, const Group &ngram) { return visit(n, ngram, worker); });
            }
        });
    }

  private:
    using Buffers = std::array<std::vector<Entry>, kMaxOrder>;

    template <class Visit> void descend(const Group &group, int n, Buffers &buffers, const Visit &visit) const {
        if (!visit(n, group) || n == problem_.max_order) {
            return;
        }
        std::vector<Entry> &longer = buffers[n];
        longer.clear();
        for (const Entry entry : group) {
            if (room(entry) > n) {
                longer.push_back(
                    make_entry(problem_.tokens[begin_of(entry) + static_cast<std::int64_t>(n)], begin_of(entry)));
            }
        }
        std::sort(longer.begin(), longer.end());
        const Entry *const end = longer.data() + longer.size();
        for (const Entry *first = longer.data(); first != end;) {
            const std::uint32_t token = token_of(*first);
            const Entry *const last = std::find_if(first, end, [&](Entry entry) { return token_of(entry) != token; });
            descend({first, last}, n + 1, buffers, visit);
            first = last;
        }
    }

    const TextsProblem &problem_;
    std::vector<std::uint32_t> text_of_; // [tokens]
    std::vector<std::int64_t> starts_;   // [vocabulary + 1], where each token's entries begin
    std::vector<Entry> entries_;         // [tokens]
};

// Calls body(text, first, last) for the occurrences of an n-gram in each text that has it.
template <class Body> void for_each_text(const Texts &texts, const Group &group, const Body &body) {
    for (const Entry *first = group.begin(); first != group.end();) {
        const std::uint32_t text = texts.text_of(*first);
        const Entry *const last =
            std::find_if(first, group.end(), [&](Entry entry) { return texts.text_of(entry) != text; });
        body(text, first, last);
        first = last;
    }
}

// Marks what of an n-gram's occurrences in each text the other texts match; false where a single text has it.
bool mark_matches(const Texts &texts, const Group &group, std::uint32_t bit, std::vector<std::uint32_t> &marks) {
    std::int64_t most = 0, second = 0; // of the counts in each text
    std::uint32_t owner = 0;           // of the first
    for_each_text(texts, group, [&](std::uint32_t text, const Entry *first, const Entry *last) {
        const std::int64_t count = last - first;
        if (count > most) {
            second = most;
            most = count;
            owner = text;
        } else {
            second = std::max(second, count);
        }
    });
    if (second == 0) {
        return false;
    }
    for_each_text(texts, group, [&](std::uint32_t text, const Entry *first, const Entry *last) {
        const std::int64_t matched = std::min(last - first, text == owner ? second : most);
        std::for_each(first, first + matched, [&](Entry entry) { marks[begin_of(entry)] |= bit; });
    });
    return true;
}

} // namespace

void match_ngrams(const TextsProblem &problem, std::int64_t *matches, int threads) {
    const Texts texts(problem);
    std::vector<std::uint32_t> marks(texts.size());
    texts.for_each_ngram(threads, [&](int n, const Group &group, int) {
        return mark_matches(texts, group, std::uint32_t{1} << static_cast<unsigned>(n - 1), marks);
    });
    constexpr std::int64_t kTextsWorthAThread = 1024;
    parallel_for(problem.texts, kTextsWorthAThread, threads, [&](std::int64_t begin, std::int64_t end, int) {
        std::fill(matches + begin * problem.max_order, matches + end * problem.max_order, 0);
        for (std::int64_t text = begin; text < end; ++text) {
            for (std::int64_t i = problem.offsets[text]; i < problem.offsets[text + 1]; ++i) {
                for (int n = 0; n < problem.max_order; ++n) {
                    matches[text * problem.max_order + n] += marks[i] >> static_cast<unsigned>(n) & 1U;
                }
            }
        }
    });
}

void count_distinct_ngrams(const TextsProblem &problem, std::int64_t *distinct, int threads) {
    const Texts texts(problem);
    std::vector<std::array<std::int64_t, kMaxOrder>> counts(std::max(threads, 1));
    texts.for_each_ngram(threads, [&](int n, const Group &group, int worker) {
        // Longer n-grams that begin with one that occurs once occur once too: one a length that its text has room for.
        const bool once = group.size() == 1;
        const std::int64_t longest = once ? std::min<std::int64_t>(problem.max_order, texts.room(*group.begin())) : n;
        for (std::int64_t length = n; length <= longest; ++length) {
            ++counts[worker][length - 1];
        }
        return !once;
    });
    for (int n = 0; n < problem.max_order; ++n) {
        distinct[n] = 0;
        for (const auto &count : counts) {
            distinct[n] += count[n];
        }
    }
}

} // namespace pyscore

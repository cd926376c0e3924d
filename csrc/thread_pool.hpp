// parallel_for over fixed shares: what a share holds depends on the problem alone, so results never depend on the
// number of threads.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>

#include "float_environment.hpp"

namespace pyscore {

// Calls work(0), work(1) .. at once on up to `threads` threads, the caller's among them, of which `useful` find
// something to do; returns when all have returned.
//
// The threads are those of the OpenMP runtime that torch has loaded. Between parallel regions they spin for some
// milliseconds: threads of our own would have to share the cores with them, and took up to twice as long right after
// an op of torch. The whole team is woken each time, because libgomp ends the threads that a smaller team leaves over.
// As in torch, each thread that calls has a team of its own, and a system that is out of threads ends the process.
//
// A pool of our own serves where torch has no such runtime, and in a child of fork(), where the runtime would wait for
// threads that only the parent has. The pool's threads sleep between calls.
void run_on_threads(int threads, int useful, const std::function<void(int)> &work);

// Calls body(begin, end, worker) for consecutive shares of [0, n), each of `grain` items but the last, on up to
// `threads` threads, the caller's among them; worker < threads tells them apart. Waking a thread costs about 10
// microseconds, and callers choose the grain so that a share is worth more than that. The first exception is rethrown
// here once every thread has stopped.
template <class Body> void parallel_for(std::int64_t n, std::int64_t grain, int threads, const Body &body) {
    if (n <= 0) {
        return;
    }
    grain = std::max<std::int64_t>(grain, 1);
    const std::int64_t shares = (n - 1) / grain + 1;
    std::atomic<std::int64_t> next{0};
    std::exception_ptr failure;
    std::mutex failure_lock;
    const auto work = [&](int worker) {
        const DefaultFloatEnvironment environment;
        for (std::int64_t share = next++; share < shares; share = next++) {
            try {
                body(share * grain, std::min(n, (share + 1) * grain), worker);
            } catch (...) {
                const std::lock_guard<std::mutex> lock(failure_lock);
                failure = failure ? failure : std::current_exception();
                next = shares;
            }
        }
    };
    if (threads > 1 && shares > 1) {
        run_on_threads(threads, static_cast<int>(std::min<std::int64_t>(threads, shares)), work);
    } else {
        work(0);
    }
    if (failure) {
        std::rethrow_exception(failure);
    }
}

} // namespace pyscore

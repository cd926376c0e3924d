#include "thread_pool.hpp"

#include <system_error>
#include <thread>

#include <pthread.h>

namespace pyscore {
namespace {

// Never deleted: its threads sleep in it until the process ends, and a child of fork() can't end its parent's.
std::atomic<ThreadPool *> pool{nullptr};

} // namespace

ThreadPool &ThreadPool::instance() {
    static const bool made = [] {
        pool = new ThreadPool;
        pthread_atfork(nullptr, nullptr, [] { pool = new ThreadPool; }); // the child has none of the threads
        return true;
    }();
    static_cast<void>(made);
    return *pool;
}

void ThreadPool::run(int helpers, const std::function<void(int)> &work) {
    const std::unique_lock<std::mutex> mine(busy_, std::try_to_lock);
    if (!mine.owns_lock()) {
        work(0);
        return;
    }
    {
        const std::lock_guard<std::mutex> guard(lock_);
        start(helpers);
        work_ = &work;
        tickets_ = std::min(helpers, threads_);
    }
    wake_.notify_all();
    work(0);
    std::unique_lock<std::mutex> guard(lock_);
    tickets_ = 0; // who has not woken by now finds nothing left to do
    done_.wait(guard, [this] { return running_ == 0; });
}

void ThreadPool::start(int threads) {
    try {
        for (; threads_ < threads; ++threads_) {
            std::thread([this] { help(); }).detach();
        }
    } catch (const std::system_error &) {
        // The system is out of threads: those that started, and the caller's, do all the work.
    }
}

void ThreadPool::help() {
    std::unique_lock<std::mutex> guard(lock_);
    for (;;) {
        wake_.wait(guard, [this] { return tickets_ > 0; });
        const int worker = tickets_--;
        ++running_;
        guard.unlock();
        (*work_)(worker);
        guard.lock();
        if (--running_ == 0) {
            done_.notify_one();
        }
    }
}

} // namespace pyscore

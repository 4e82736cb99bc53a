#pragma once
// A system call that blocks and knows neither a descriptor nor a deadline (msgrcv(2), msgsnd(2)),
// made in a thread of its own: one at a time, and a bell rings when it is over.
// It is ended by a signal to that thread alone, whose handler does nothing: these calls then fail
// with EINTR, and never restart (signal(7)). A signal that comes just before the call begins is
// lost, so it is sent until the thread says that it is out. Owned by one thread.

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

#include "adapters/bell.h"

namespace spoolmq::adapters {

class BlockedCall {
 public:
  BlockedCall();
  ~BlockedCall();  // ends what is under way
  BlockedCall(const BlockedCall&) = delete;
  BlockedCall& operator=(const BlockedCall&) = delete;

  // `call` returns 0 or an errno, EINTR where a signal ended it. Nothing may be under way.
  void start(std::function<int()> call);
  [[nodiscard]] bool is_idle() const;
  // What it returned, once; nullopt: nothing is over.
  std::optional<int> take_result();
  // Ends it; what it returned. Nullopt: nothing was under way or over.
  std::optional<int> end();

  // Readable from when the call is over until take_result() or end().
  [[nodiscard]] int descriptor() const { return bell_.descriptor(); }

 private:
  void run();

  Bell bell_;
  mutable std::mutex mutex_;  // guards all below
  std::condition_variable changed_;
  std::function<int()> call_;  // under way
  std::optional<int> result_;
  bool quit_ = false;
  bool ending_ = false;  // a call that was not ended by its signal is not made again
  std::thread thread_;   // from the first start() on
};

}  // namespace spoolmq::adapters

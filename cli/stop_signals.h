#pragma once
// SIGTERM and SIGINT as a descriptor that becomes readable. They are blocked while this lives, in
// its thread and in those started from then on: make it before anything that has threads.
// One thread owns it; any may wait for the descriptor.

#include <csignal>

namespace spoolmq::cli {

class StopSignals {
 public:
  StopSignals();  // throws Error
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;
  ~StopSignals();  // takes those that are pending: they have done their work

  [[nodiscard]] int descriptor() const { return descriptor_; }
  [[nodiscard]] const sigset_t& mask_before() const { return before_; }
  // How many have arrived since the last call.
  [[nodiscard]] int take() const;

 private:
  sigset_t before_{};
  int descriptor_ = -1;
};

}  // namespace spoolmq::cli

#pragma once
// A named pipe for whatever program opens it. It is open for reading too, so that a missing reader
// is no error and what a reader left in it waits for the next one; when it is full the tail waits.
// The path is looked at again every second: one that was removed is made anew.

#include <cstdint>
#include <string>

#include "adapters/tail_pipe.h"
#include "adapters/tail_target.h"

namespace spoolmq::adapters {

class TailFifo final : public TailTarget {
 public:
  TailFifo(std::string path, TargetPlace place);

  void attend(At at) override;
  [[nodiscard]] bool has_room() const override;
  void put(TailPiece& piece) override;
  [[nodiscard]] bool is_behind() const override { return !pipe_.cursor().is_done(); }
  [[nodiscard]] bool has_news() override { return false; }
  void wait(Milliseconds longest) override { pipe_.wait(-1, longest); }
  [[nodiscard]] std::size_t messages_waiting() const override {
    return pipe_.cursor().messages_left();
  }
  TailMoved take_moved() override { return pipe_.take_moved(); }

 private:
  void open();
  void close();
  [[nodiscard]] bool is_at_path() const;

  const std::string path_;
  const TargetPlace place_;
  TailPipe pipe_;
  std::uint64_t device_ = 0;
  std::uint64_t inode_ = 0;
  std::int64_t look_boot_ms_ = 0;  // at the path again
};

}  // namespace spoolmq::adapters

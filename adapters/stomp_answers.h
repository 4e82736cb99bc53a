#pragma once
// What a client is still to be told, in the order of its frames: a RECEIPT goes out once its frame
// and every one before it was carried out, so that it vouches for all of them. Pure; belongs to one
// thread.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>

namespace spoolmq::adapters {

class StompAnswers {
 public:
  struct Answer {
    std::optional<std::string> receipt;  // that was asked for
    std::optional<std::string> failure;  // why the frame could not be obeyed
    bool ends = false;                   // nothing comes behind it: a DISCONNECT
  };
  // A frame whose end is awaited; `bytes` that it keeps in memory until then. Returns its number.
  std::uint64_t expect(std::optional<std::string> receipt, std::size_t bytes);
  // One that is done already.
  void add(Answer answer);
  // Its end. Numbers that are not awaited (any more) are ignored.
  void settle(std::uint64_t number, std::optional<std::string> failure);
  // The next that may be told; nullopt: it is not known yet, or there is none.
  std::optional<Answer> next();

  [[nodiscard]] std::size_t awaited() const { return waiting_.size(); }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  void clear();

 private:
  struct Waiting {
    Answer answer;
    std::size_t bytes = 0;
    bool is_known = false;
  };
  std::deque<Waiting> waiting_;
  std::uint64_t first_ = 1;  // the number of waiting_.front()
  std::size_t bytes_ = 0;
};

}  // namespace spoolmq::adapters

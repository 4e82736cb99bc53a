#pragma once
// Byte 0 of `lock`: whoever holds it may write the index. Held for microseconds, a checkpoint or a
// rebuild; its holder's pid, purpose and start stand in the file first, so that whoever waits in
// vain can name it. Waiting is bounded: F_OFD_SETLKW has no time-out, so this polls with a back-off
// of 20 µs … 2 ms, or longer where hundreds of handles are open. Threads that share one queue on a
// mutex before they meet the kernel's lock.
// Who has a request that another's transaction can carry out leaves it on the board meanwhile.
//
//   WriterLock::Hold hold = lock.take(Purpose::kSend);   // throws Error(kTryAgain) naming the
//   holder

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>

#include "core/clock.h"
#include "core/file_system.h"
#include "store/layout.h"
#include "store/request_board.h"

namespace spoolmq {

class WriterLock {
 public:
  // `file` is `lock`, opened for this handle alone. `subject` names the queue in errors.
  // `board` is told when byte 0 is free again.
  WriterLock(std::unique_ptr<File> file, const Clock& clock, std::string subject,
             std::chrono::milliseconds longest_wait, RequestBoard& board);

  class Hold {
   public:
    Hold(Hold&& other) noexcept;
    Hold& operator=(Hold&&) = delete;
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;
    ~Hold();
    [[nodiscard]] const layout::LockHeader& header() const { return header_; }
    // Writes the header's fields, the holder's excepted.
    void write_header(const layout::LockHeader& header);

   private:
    friend class WriterLock;
    Hold(WriterLock& lock, std::unique_lock<std::timed_mutex> in_process);
    WriterLock* lock_;
    std::unique_lock<std::timed_mutex> in_process_;
    layout::LockHeader header_;
  };

  Hold take(layout::Purpose purpose);
  // nullopt: whoever had it has answered `post`.
  std::optional<Hold> take_or_post(layout::Purpose purpose, RequestBoard::Post& post);
  // nullopt at once, or after `wait`, if someone else has it.
  std::optional<Hold> try_take(layout::Purpose purpose,
                               std::chrono::milliseconds wait = std::chrono::milliseconds{0});
  // The header as it is now, without holding anything; zeros if the file is new.
  layout::LockHeader peek();
  // Under byte 0, before a lease is ended that another may be acknowledging: whoever does so
  // without byte 0 looks at the epoch once that is durable. Returns the new one.
  std::uint64_t raise_lease_epoch();
  void set_incarnation(std::uint64_t incarnation) { incarnation_ = incarnation; }

  // Bytes 1 (maintenance) and 2 (watch): tried, never waited for.
  bool try_byte(std::uint64_t byte);
  void release_byte(std::uint64_t byte);

  File& file() { return *file_; }
  void abandon_after_fork();

 private:
  std::string holder_text();
  std::optional<Hold> take_within(layout::Purpose purpose, std::chrono::milliseconds wait,
                                  RequestBoard::Post* post);
  std::chrono::microseconds longest_pause();
  bool lock_file(std::chrono::milliseconds wait, RequestBoard::Post* post);
  void write_holder(layout::Purpose purpose);

  std::unique_ptr<File> file_;
  const Clock& clock_;
  const std::string subject_;
  const std::uint32_t pid_;
  const std::chrono::milliseconds longest_wait_;
  RequestBoard& board_;
  std::uint64_t incarnation_ = 0;
  std::timed_mutex in_process_;  // taken before byte 0; also guards the index connection
};

}  // namespace spoolmq

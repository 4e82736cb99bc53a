#pragma once
// What a workload says outside the image about what it was promised, and what is found there after
// the remount. One line per event, each by one raw write(2), in the order of the events:
//   send KEY      about to be sent        sent KEY     confirmed
//   ack KEY       about to be acked       acked KEY    confirmed
//   park KEY      about to be held or rejected; parked, unpark, unparked KEY likewise
//   created Q     confirmed
// and of the process that looks afterwards:
//   got KEY       delivered, and whole    torn TEXT    delivered or kept, but not what was sent
//   is-parked KEY held or dead, and whole
//   fsck TEXT     a finding               fault TEXT   an error where none may be

#include <map>
#include <string>
#include <vector>

namespace powercut {

// The body that belongs to a key, to the byte.
std::string body_of(const std::string& key, std::size_t size);
// The key of a body that is whole; empty otherwise.
std::string key_of(const std::string& body);

class Ledger {
 public:
  // Appends to `path`, past whatever is preloaded; ends the process if it cannot.
  explicit Ledger(const std::string& path);
  ~Ledger();
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;
  [[nodiscard]] int descriptor() const { return fd_; }
  void say(const std::string& word, const std::string& subject) const;

 private:
  int fd_;
};

struct Verdict {
  std::size_t confirmed = 0;  // sends and acks whose outcome was looked for
  std::vector<std::string> lost;
  std::vector<std::string> torn;
  std::vector<std::string> repeated;  // delivered twice, or after a confirmed ack
  std::vector<std::string> disordered;
  std::vector<std::string> faults;
  [[nodiscard]] bool is_good() const {
    return lost.empty() && torn.empty() && repeated.empty() && disordered.empty() && faults.empty();
  }
  [[nodiscard]] std::string text() const;
};

enum class Order { kAny, kOfKeys };

// Reads both files: every confirmed send is there exactly once unless acked, no confirmed ack is
// delivered again, what is there is whole.
Verdict judge(const std::string& promised_path, const std::string& found_path, Order order);

}  // namespace powercut

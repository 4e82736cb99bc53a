#pragma once
// One run of a workload: where its files lie, what it tells its ledger, and the acts whose promises
// it tells: each says what it is about to do, does it, and says that it was confirmed.
// Thread-safe as far as the queues are.

#include <atomic>
#include <string>

#include "spoolmq/queue.h"
#include "tests/crash/powercut_ledger.h"

namespace powercut {

inline constexpr const char* kQueue = "q";
inline constexpr const char* kOtherQueue = "other/q";
inline constexpr std::size_t kInlineBytes = 1 << 20;  // setting body-inline of the queues here
inline constexpr std::size_t kLargeBytes = kInlineBytes + 6000;
inline constexpr spoolmq::Milliseconds kPatience{20'000};  // for anything that must happen

class Phase {
 public:
  Phase(std::string mount, std::string ledger, int first_key);
  [[nodiscard]] std::string root() const { return mount_ + "/root"; }
  [[nodiscard]] std::string beside_root(const std::string& name) const {
    return mount_ + "/" + name;
  }
  void say(const std::string& word, const std::string& subject) { ledger_.say(word, subject); }
  // Another one each time, until 10,000 are used up.
  std::string key();
  // For a process of one's own that runs a scenario of its own: the words after its name.
  [[nodiscard]] std::vector<std::string> words(const std::string& scenario, int number) const;

 private:
  const std::string mount_;
  const std::string ledger_path_;
  const Ledger ledger_;
  const int first_key_;
  std::atomic<int> keys_{0};
};

spoolmq::Settings settings_of(spoolmq::Format format);
spoolmq::OpenOptions quiet();
spoolmq::Root make_queue(Phase& phase, const char* name, spoolmq::Format format);

void send(Phase& phase, spoolmq::Queue& queue, std::size_t size, bool dedupe = false);
void send_batch(Phase& phase, spoolmq::Queue& queue, std::size_t count, std::size_t size);
void send_large(Phase& phase, spoolmq::Queue& queue, std::size_t size);

std::string body_of(const spoolmq::Delivery& delivery);
// Acknowledges up to `count`, in one batch or one by one; returns how many there were.
std::size_t take(Phase& phase, spoolmq::Queue& queue, std::size_t count, bool together,
                 spoolmq::Milliseconds wait = spoolmq::Milliseconds{0});

}  // namespace powercut

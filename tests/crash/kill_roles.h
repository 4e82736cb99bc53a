#pragma once
// What the processes of the kill tests do. Each role is one run of the driver program; a role ends
// with its process.

#include <cstdint>
#include <string>

namespace spoolmq::test {

struct StormRole {
  std::string root;
  std::string queue;
  std::string log;     // appended to, one write per line, so its order is the order of events
  std::string worker;  // a name nobody else has
  std::uint64_t seed = 0;
};

int produce(const StormRole& role);  // until SIGTERM
int consume(const StormRole& role);  // until SIGTERM

// Answers what is in the queue `in` to topics, in transactions; says "ready" (kill_answer_role.cc).
int answer_questions(const std::string& root);

// Opens the queue, says "open", then answers each line of its input with one line.
int obey(const std::string& root, const std::string& queue);

// Takes byte 0 of the queue's lock file as a handle would, says "locked", and stops itself.
int stop_inside_lock(const std::string& lock_file);

}  // namespace spoolmq::test

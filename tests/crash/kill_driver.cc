// The program behind the kill tests: one process, one role.
#include <signal.h>
#include <sys/prctl.h>

#include <cstdio>
#include <string>
#include <vector>

#include "tests/crash/kill_roles.h"

int main(int count, char** arguments) {
  using namespace spoolmq::test;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // who has started us may be ended in the middle
  const std::vector<std::string> words(arguments + 1, arguments + count);
  try {
    if (words.size() == 6 && (words[0] == "produce" || words[0] == "consume")) {
      const StormRole role{words[1], words[2], words[3], words[4], std::stoull(words[5])};
      return words[0] == "produce" ? produce(role) : consume(role);
    }
    if (words.size() == 3 && words[0] == "agent") return obey(words[1], words[2]);
    if (words.size() == 2 && words[0] == "answer") return answer_questions(words[1]);
    if (words.size() == 2 && words[0] == "stop-inside-lock") return stop_inside_lock(words[1]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "kill_driver: %s\n", error.what());
    return 70;
  }
  std::fprintf(stderr, "kill_driver: unknown role\n");
  return 64;
}

// A real queue, on the in-memory twin, beside a plain model of one (tests/store/queue_player.h):
// the bytes choose what is done, and after each act the queue must be what the model says.

#include "tests/fuzz/target.h"
#include "tests/store/queue_player.h"

namespace spoolmq::fuzz {

void queue(std::string_view input) {
  constexpr int kMostActs = 200;
  Choices choices(input);
  test::QueuePlayer player([&](int most) {
    int number = choices.below(255);
    if (most > 254) number = number * 255 + choices.below(255);
    return number % (most + 1);
  });
  for (int act = 0; act < kMostActs && !choices.rest().empty(); ++act) {
    player.act();
    player.compare();
  }
}

}  // namespace spoolmq::fuzz

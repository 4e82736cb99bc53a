// The outward bridge of message queues against a queue that is quicker than the bridge.

#include "adapters/box_out.h"

#include <gtest/gtest.h>

#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "tests/adapters/turning_rig.h"

namespace spoolmq::adapters::test {
namespace {

// What the two boxes share: the answer to what was put last.
struct Exchange {
  std::mutex mutex;
  std::optional<std::string> answer;
};

class PlainBox : public MessageBox {
 public:
  [[nodiscard]] std::size_t most_bytes() override { return 8192; }
  [[nodiscard]] std::string_view size_limit() const override { return "a limit"; }
  void gather(Want, std::vector<pollfd>&) override {}
  void set_rank(Message&, std::int64_t) const override {}
  [[nodiscard]] std::optional<std::int64_t> rank_of(const Message&, std::string&) const override {
    return 0;
  }
  [[nodiscard]] std::int64_t answer_rank(std::string_view) const override { return 0; }
  std::optional<BoxItem> take() override { return std::nullopt; }
  Put put(std::string_view, std::int64_t) override { return Put::kDone; }
};

// Its peer has taken and answered a message before the bridge hears that the queue has it.
class QuickBox final : public PlainBox {
 public:
  explicit QuickBox(Exchange& exchange) : exchange_(exchange) {}
  Put put(std::string_view body, std::int64_t) override {
    if (std::exchange(has_it_, !has_it_)) return Put::kDone;
    const std::lock_guard lock(exchange_.mutex);
    exchange_.answer = std::string(body.substr(0, body.find(' '))) + " ok";
    return Put::kLater;
  }

 private:
  Exchange& exchange_;
  bool has_it_ = false;
};

class AnswerBox final : public PlainBox {
 public:
  explicit AnswerBox(Exchange& exchange) : exchange_(exchange) {}
  std::optional<BoxItem> take() override {
    const std::lock_guard lock(exchange_.mutex);
    if (!exchange_.answer) return std::nullopt;
    return BoxItem{*std::exchange(exchange_.answer, std::nullopt), 0, false};
  }

 private:
  Exchange& exchange_;
};

TEST(BoxOut, TakesAnAnswerThatIsThereBeforeItKnowsOfThePut) {
  Exchange exchange;
  BoxSettings settings;
  settings.open = [&](const Clock&) { return std::make_unique<QuickBox>(exchange); };
  settings.open_answers = [&](const Clock&) { return std::make_unique<AnswerBox>(exchange); };
  TurningRig rig;
  for (int i = 0; i < 3; ++i) {
    Message message;
    message.body = "x";
    rig.world.queue().send(std::move(message));
  }
  rig.start<BoxOut>(settings, true);
  EXPECT_TRUE(rig.ends());
  EXPECT_EQ(rig.counters.moved, 3);
  EXPECT_EQ(rig.world.queue().stats().totals.failures, 0);
}

}  // namespace
}  // namespace spoolmq::adapters::test

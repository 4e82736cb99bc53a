#pragma once
// From a message queue of the kernel's into a queue of ours. What is taken from the kernel is in
// this process only until it is durable, so that no more is taken than goes out with one sync, and
// nothing while the queue refuses; what it then holds goes back when the bridge ends.
// With answers each message gets one, once it is durable.

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "adapters/box_settings.h"
#include "adapters/intake.h"
#include "adapters/polled_adapter.h"

namespace spoolmq::adapters {

class BoxIn final : public PolledAdapter {
 public:
  BoxIn(const std::string& queue, const BoxSettings& settings, AdapterPlace place);
  ~BoxIn() override;

 private:
  struct Kept {  // of a message until it is durable
    std::string tag;
    std::int64_t rank = 0;
  };
  struct Line {
    std::string text;
    std::int64_t rank = 0;
  };
  Step step() override;
  void gather(std::vector<pollfd>& waited) override;

  bool take_some();
  void accept(BoxItem item);
  void refuse(const std::string& tag, const std::string& why);
  void flush();
  void answer_all(const std::vector<Intake::Taken>& taken);
  void answer(const std::string& tag, std::string line);
  void send_answers();
  void put_back();
  [[nodiscard]] bool may_take() const;

  const BoxSettings settings_;
  const AdapterPlace place_;
  Queue queue_;
  std::unique_ptr<MessageBox> box_;
  std::unique_ptr<MessageBox> answers_;  // null: not acknowledged
  Intake intake_;
  std::uint64_t last_token_ = 0;
  std::unordered_map<std::uint64_t, Kept> kept_;
  std::deque<Line> lines_;  // not in the kernel yet
};

}  // namespace spoolmq::adapters

#pragma once
// From a queue of ours into a message queue of the kernel's. A message is acknowledged once it is
// the kernel's; with answers, once the peer answered it: each message then begins with its id and
// a blank, and each answer likewise; without an answer in time it failed. One that the kernel never
// takes (too long, no type) goes dead and holds up no other; one that finds no room stays leased
// until there is some.

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>

#include "adapters/box_settings.h"
#include "adapters/outflow.h"
#include "adapters/polled_adapter.h"

namespace spoolmq::adapters {

class BoxOut final : public PolledAdapter {
 public:
  BoxOut(const std::string& queue, const BoxSettings& settings, AdapterPlace place);
  ~BoxOut() override;

 private:
  Step step() override;
  void gather(std::vector<pollfd>& waited) override;

  void read_answers();
  void apply(std::string_view line);
  // Those that waited in vain fail; when the next one will have.
  std::int64_t give_up_late();
  void put_all();
  void begin_patience(const MessageId& id);
  bool load_next();
  bool load(const Delivery& delivery, const std::string& tag);

  const BoxSettings settings_;
  const AdapterPlace place_;
  Queue queue_;
  std::unique_ptr<MessageBox> box_;
  std::unique_ptr<MessageBox> answers_;  // null: not acknowledged
  // Ids, and until when (boot ms), kNever for the one that is being put: whoever takes it from the
  // kernel may answer before we know that it is there. Twice the same where a lease was lost and
  // the message came again.
  std::unordered_multimap<std::string, std::int64_t> unanswered_;
  // The message that is being put; not nil: body_ and rank_ are its.
  MessageId putting_;
  std::string body_;
  std::int64_t rank_ = 0;
  Outflow outflow_;  // last: what is under way is released before the rest goes
};

}  // namespace spoolmq::adapters

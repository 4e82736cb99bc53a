#pragma once
// Work in several queues, written down under ROOT/topics before any of it begins (FORMAT.md
// section 11). Its name is the commit point: from then on everything of it happens, by us or by
// whoever finds the name after our death. A record lock on the file (byte 0) tells a living writer
// from a dead one. Not thread-safe.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/file_system.h"
#include "spoolmq/topic.h"
#include "store/queue_impl.h"
#include "store/topics_dir.h"

namespace spoolmq {

struct Work {
  struct Sends {
    std::string queue;
    SendOptions options;
    std::vector<std::size_t> messages;  // indices of Work::messages
  };
  struct Acks {
    std::string queue;
    std::vector<Receipt> receipts;
  };
  std::vector<Message> messages;  // with ids, times and senders: equal at every attempt
  std::vector<Sends> sends;
  std::vector<Acks> acks;
};

class Intent {
 public:
  // Each is durable on return. An Error means that nothing is committed; kIo, that the power may
  // still decide otherwise.
  // The messages stand in the intent, whose bytes carry the checksums of `file`.
  static Intent of_work(TopicsDir& topics, const Work& work, const MessageId& file);
  static Intent of_move(TopicsDir& topics, std::string_view from, std::string_view to,
                        std::span<const MessageId> ids);
  // One message for several queues: the intent is the sealed file itself, the queues are in a route
  // that stays for the next message to the same ones.
  static Intent of_message(TopicsDir& topics, const std::vector<std::string>& queues,
                           QueueImpl::Draft draft);

  [[nodiscard]] const std::string& name() const { return name_; }
  File& file() { return *file_; }
  void done();  // durably forgotten

 private:
  Intent(TopicsDir& topics, std::string name, std::unique_ptr<File> file,
         std::unique_ptr<File> under_way)
      : topics_(topics),
        name_(std::move(name)),
        file_(std::move(file)),
        under_way_(std::move(under_way)) {}

  static Intent of_bytes(TopicsDir& topics, std::span<const std::byte> bytes);
  void publish();

  TopicsDir& topics_;
  std::string name_;
  std::unique_ptr<File> file_;       // with the lock
  std::unique_ptr<File> under_way_;  // with the lock of intents
  std::unique_ptr<File> route_;      // with the lock of routes, where one is in use
};

// ---- Reading, by whoever finishes it

// nullopt: not the name of a sealed message.
struct SealedName {
  std::uint64_t route = 0;
  MessageId file;
  names::SpoolKind kind = names::SpoolKind::kBinary;
};
std::optional<SealedName> parse_sealed_name(std::string_view name);
// nullopt: it does not verify.
std::optional<std::vector<std::string>> read_route(TopicsDir& topics, std::uint64_t route);
std::optional<Work> read_work(File& file);
// Those that no intent names; left alone while anybody is sending.
void remove_unused_routes(TopicsDir& topics);

inline constexpr std::string_view kIntentPrefix = "intent-";
inline constexpr std::string_view kNewPrefix = ".new-";  // where O_TMPFILE is not supported

}  // namespace spoolmq

#pragma once
// What one tail adapter does, as the keys of spoolmq.toml say it. A plain value.

#include <cstdint>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "adapters/adapter_keys.h"
#include "spoolmq/tail.h"

namespace spoolmq::adapters {

// How messages stand in the stream of bytes.
enum class Framing : std::uint8_t {
  kLine,  // the body, and an end of line where it has none of its own
  kNull,  // the body and a NUL
  kJson,  // a line of JSON, as `tail --json` prints it
};

// Where they go.
struct CommandPlace {
  std::vector<std::string> words;  // the program, looked up in $PATH, and its arguments
};
struct FifoPlace {
  std::string path;
};
struct SocketPlace {
  std::string path;
};
using TailPlace = std::variant<CommandPlace, FifoPlace, SocketPlace>;

struct TailSettings {
  std::string queue;
  std::string directory;  // for people: the path, or the command's words
  TailPlace place;
  Framing framing = Framing::kLine;
  TailOptions::Start from = TailOptions::Start::kNow;
};

// The keys, but for type and queue, which every adapter has. It has no directory.
std::span<const AdapterKey> tail_keys();
// Checks each value, and that there is one place. Throws Error(kUsage).
TailSettings parse_tail_settings(std::string queue, const std::string& directory,
                                 std::span<const KeyValue> given);

}  // namespace spoolmq::adapters

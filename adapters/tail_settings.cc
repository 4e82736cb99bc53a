#include "adapters/tail_settings.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "adapters/place_key.h"

namespace spoolmq::adapters {
namespace {

constexpr std::array<std::string_view, 3> kPlaces{"command", "fifo", "socket"};

// ---- Readers of one key

void read_fifo(TailSettings& settings, const KeyValue& given) {
  settings.place = FifoPlace{parse_file_path(given)};
}

void read_socket(TailSettings& settings, const KeyValue& given) {
  settings.place = SocketPlace{parse_file_path(given)};
}

// One word after the other.
void read_command(TailSettings& settings, const KeyValue& given) {
  if (given.value.find('\0') != std::string::npos) throw bad_value(given, "there is a NUL in it");
  auto* command = std::get_if<CommandPlace>(&settings.place);
  if (command == nullptr) command = &settings.place.emplace<CommandPlace>();
  command->words.push_back(given.value);
}

void read_framing(TailSettings& settings, const KeyValue& given) {
  constexpr std::array<std::string_view, 3> kWords{"line", "null", "json"};
  settings.framing = static_cast<Framing>(parse_choice(given, kWords));
}

void read_from(TailSettings& settings, const KeyValue& given) {
  constexpr std::array<std::string_view, 2> kWords{"now", "oldest"};
  settings.from = static_cast<TailOptions::Start>(parse_choice(given, kWords));
}

// ---- The table

struct TailKey {
  AdapterKey key;
  void (*read)(TailSettings&, const KeyValue&);
};

constexpr auto kTable = std::to_array<TailKey>({
    {{"command", "WORD", "a program and its arguments, an array: it reads them from its stdin",
      KeyTimes::kMany},
     read_command},
    {{"fifo", "PATH", "a named pipe, made (0600) if it is not there"}, read_fifo},
    {{"socket", "PATH", "a Unix stream socket (0600): who connects gets what comes from then on"},
     read_socket},
    {{"framing", "line|null|json", "how messages are told apart (default line)"}, read_framing},
    {{"from", "now|oldest", "with what it begins when it is started (default now)"}, read_from},
});

constexpr auto kKeys = [] {
  std::array<AdapterKey, kTable.size()> keys{};
  for (std::size_t i = 0; i < keys.size(); ++i) keys[i] = kTable[i].key;
  return keys;
}();

// ---- What goes together

void check_place(std::span<const KeyValue> given) {
  for (std::size_t i = 0; i < kPlaces.size(); ++i) {
    for (std::size_t j = i + 1; j < kPlaces.size(); ++j) refuse_both(given, kPlaces[i], kPlaces[j]);
  }
  const bool any = std::ranges::any_of(
      kPlaces, [given](std::string_view key) { return find_value(given, key) != nullptr; });
  if (any) return;
  throw Error(ErrorCode::kUsage, kClashOperation, "command, fifo or socket",
              "a tail needs one of them");
}

void check_command(const CommandPlace& command, std::span<const KeyValue> given) {
  const KeyValue& first = *std::ranges::find(given, "command", &KeyValue::key);
  const std::string& program = command.words.front();
  if (program.empty()) throw bad_value(first, "a program and its arguments are needed");
  if (command.words.size() == 1 && program.find(' ') != std::string::npos) {
    throw bad_value(first, R"(it must be an array of words such as ["tee", "-a", "/tmp/log"])");
  }
}

std::string place_text(const TailPlace& place) {
  if (const auto* const fifo = std::get_if<FifoPlace>(&place)) return fifo->path;
  if (const auto* const socket = std::get_if<SocketPlace>(&place)) return socket->path;
  std::string text;
  for (const std::string& word : std::get<CommandPlace>(place).words) {
    text.append(text.empty() ? "" : " ").append(word);
  }
  return text;
}

}  // namespace

std::span<const AdapterKey> tail_keys() { return kKeys; }

TailSettings parse_tail_settings(std::string queue, const std::string& /*directory*/,
                                 std::span<const KeyValue> given) {
  TailSettings settings;
  settings.queue = std::move(queue);
  for (const KeyValue& value : given) {
    const auto row = std::ranges::find_if(
        kTable, [&value](const TailKey& one) { return one.key.name == value.key; });
    if (row == kTable.end()) throw bad_value(value, "a tail has no such key");
    row->read(settings, value);
  }
  check_place(given);
  if (const auto* const command = std::get_if<CommandPlace>(&settings.place)) {
    check_command(*command, given);
  }
  settings.directory = place_text(settings.place);
  return settings;
}

}  // namespace spoolmq::adapters

#include "adapters/fifo_settings.h"

#include <array>
#include <utility>

#include "adapters/fifo_in.h"
#include "adapters/fifo_out.h"
#include "adapters/key_table.h"
#include "adapters/place_key.h"
#include "adapters/user_key.h"

namespace spoolmq::adapters {
namespace {

constexpr std::string_view kIn = "fifo-in";
constexpr std::string_view kOut = "fifo-out";
constexpr std::uint64_t kMostWindow = 4096;
constexpr std::size_t kDefaultWindow = 256;
constexpr std::size_t kDefaultAnsweredWindow = 16;
constexpr std::uint32_t kPermissionBits = 0777;

// ---- Readers of one key

void read_path(FifoSettings& settings, const KeyValue& given) {
  settings.fifo.path = parse_file_path(given);
}

void read_answers(FifoSettings& settings, const KeyValue& given) {
  settings.answers.emplace().path = parse_file_path(given);
}

void read_framing(FifoSettings& settings, const KeyValue& given) {
  settings.framing.kind = static_cast<FrameKind>(parse_choice(given, kFrameWords));
}

void read_most_bytes(FifoSettings& settings, const KeyValue& given) {
  settings.framing.most_bytes = parse_most_bytes(given);
}

void read_mode(FifoSettings& settings, const KeyValue& given) {
  settings.fifo.mode = parse_mode(given);
  if ((*settings.fifo.mode & ~kPermissionBits) != 0) throw bad_value(given, "at most 0777");
}

void read_owner(FifoSettings& settings, const KeyValue& given) {
  settings.fifo.owner = parse_user_key(given);
}

void read_format(FifoSettings& settings, const KeyValue& given) {
  settings.format = static_cast<ReceivedFormat>(parse_choice(given, kReceivedFormatWords));
}

void read_window(FifoSettings& settings, const KeyValue& given) {
  settings.window = parse_count(given, 1, kMostWindow);
}

void read_answer_timeout(FifoSettings& settings, const KeyValue& given) {
  settings.answer_timeout_ms = parse_duration_ms(given);
  if (settings.answer_timeout_ms == 0) throw bad_value(given, "it must be longer than nothing");
}

// ---- The tables

using Row = KeyRow<FifoSettings>;

constexpr Row kPath{{"path", "PATH", "the FIFO, made (0600) if it is not there"}, read_path};
constexpr Row kFraming{{"framing", "line|null|netstring|length|octet-count",
                        "how messages are told apart (default line)"},
                       read_framing};
constexpr Row kMostBytes{{"max-bytes", "SIZE", "the longest message (default 10M, at most 64M)"},
                         read_most_bytes};
constexpr Row kMode{
    {"mode", "OCTAL", "permissions of FIFOs that are ours (default 0600); also what others may do"},
    read_mode};
constexpr Row kOwner{{"owner", "USER", "who may own a FIFO beside this user and the superuser"},
                     read_owner};

constexpr auto kInTable = std::to_array<Row>({
    kPath,
    {{"answers", "PATH", "a second FIFO: a line per message, once it is durable"}, read_answers},
    kFraming,
    {{"format", "raw|syslog", "what a message is made of (default raw: its bytes are the body)"},
     read_format},
    kMostBytes,
    kMode,
    kOwner,
});

constexpr auto kOutTable = std::to_array<Row>({
    kPath,
    {{"answers", "PATH", "a second FIFO: the reader's verdict on each message, a line each"},
     read_answers},
    {{"answer-timeout", "D", "a message without an answer for so long has failed (default: never)"},
     read_answer_timeout},
    {{"window", "N", "messages under way at a time (default 256; with answers 16)"}, read_window},
    kFraming,
    kMostBytes,
    kMode,
    kOwner,
});

template <std::size_t kSize>
FifoSettings parse(std::span<const KeyValue> given, const std::array<Row, kSize>& table,
                   std::string_view type) {
  FifoSettings settings;
  static_cast<void>(required_value(given, "path", type));
  read_keys(settings, given, table, type);
  if (settings.answers) {
    if (settings.answers->path == settings.fifo.path) {
      throw clash(*find_value(given, "answers"), "it is the FIFO of the messages");
    }
    settings.answers->mode = settings.fifo.mode;
    settings.answers->owner = settings.fifo.owner;
  } else if (const KeyValue* const timeout = find_value(given, "answer-timeout")) {
    throw clash(*timeout, "it needs answers");
  }
  if (settings.window == 0) {
    settings.window = settings.answers ? kDefaultAnsweredWindow : kDefaultWindow;
  }
  return settings;
}

template <typename Made>
std::shared_ptr<const BridgePlan> plan(std::string queue, FifoSettings settings) {
  std::string place = settings.fifo.path;
  return std::make_shared<PlanOf<FifoSettings, Made>>(std::move(queue), std::move(place),
                                                      std::move(settings));
}

}  // namespace

std::span<const AdapterKey> fifo_in_keys() {
  static constexpr auto keys = keys_of(kInTable);
  return keys;
}

std::span<const AdapterKey> fifo_out_keys() {
  static constexpr auto keys = keys_of(kOutTable);
  return keys;
}

FifoSettings parse_fifo_in_settings(std::span<const KeyValue> given) {
  return parse(given, kInTable, kIn);
}

FifoSettings parse_fifo_out_settings(std::span<const KeyValue> given) {
  return parse(given, kOutTable, kOut);
}

std::shared_ptr<const BridgePlan> plan_fifo_in(std::string queue, std::span<const KeyValue> given) {
  return plan<FifoIn>(std::move(queue), parse_fifo_in_settings(given));
}

std::shared_ptr<const BridgePlan> plan_fifo_out(std::string queue,
                                                std::span<const KeyValue> given) {
  return plan<FifoOut>(std::move(queue), parse_fifo_out_settings(given));
}

}  // namespace spoolmq::adapters

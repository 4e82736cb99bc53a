#include "adapters/datagram_settings.h"

#include <array>
#include <utility>

#include "adapters/datagram_in.h"
#include "adapters/datagram_out.h"
#include "adapters/key_table.h"
#include "adapters/place_key.h"
#include "adapters/user_key.h"

namespace spoolmq::adapters {
namespace {

constexpr std::string_view kIn = "datagram-in";
constexpr std::string_view kOut = "datagram-out";
constexpr std::size_t kMostUdpBytes = 65507;          // 65535 less the headers of IPv4 and UDP
constexpr std::size_t kDefaultMostBytes = 256 << 10;  // above what a Unix socket's sender may send
constexpr std::uint64_t kMostReceiveBuffer = 1 << 30;
constexpr std::uint64_t kMostWindow = 1024;
constexpr std::uint32_t kPermissionBits = 0777;

// ---- Readers of one key

void read_unix(DatagramSettings& settings, const KeyValue& given) {
  settings.unix_path = parse_file_path(given);
  settings.place = "unix:" + settings.unix_path;
}

void read_udp(DatagramSettings& settings, const KeyValue& given) {
  const std::optional<HostAndPort> place = parse_host_and_port(given.value);
  if (!place) throw bad_value(given, "not HOST:PORT, [V6]:PORT or *:PORT");
  settings.udp = *place;
  settings.place = "udp:" + given.value;
}

void read_most_bytes(DatagramSettings& settings, const KeyValue& given) {
  settings.most_bytes = parse_most_bytes(given);
}

void read_answers(DatagramSettings& settings, const KeyValue& given) {
  settings.answered = parse_flag(given) ? Answered::kYes : Answered::kNo;
}

void read_insecure(DatagramSettings& settings, const KeyValue& given) {
  settings.insecure = parse_flag(given);
}

void read_mode(DatagramSettings& settings, const KeyValue& given) {
  settings.mode = parse_mode(given);
  if ((settings.mode & ~kPermissionBits) != 0) throw bad_value(given, "at most 0777");
}

void read_allowed_user(DatagramSettings& settings, const KeyValue& given) {
  if (!settings.allowed_users) settings.allowed_users.emplace();
  settings.allowed_users->push_back(parse_user_key(given));
}

void read_receive_buffer(DatagramSettings& settings, const KeyValue& given) {
  settings.receive_buffer = parse_bytes(given);
  if (settings.receive_buffer < 1 || settings.receive_buffer > kMostReceiveBuffer) {
    throw bad_value(given, "not from 1 byte to 1G");
  }
}

void read_format(DatagramSettings& settings, const KeyValue& given) {
  settings.format = static_cast<ReceivedFormat>(parse_choice(given, kReceivedFormatWords));
}

void read_window(DatagramSettings& settings, const KeyValue& given) {
  settings.window = parse_count(given, 1, kMostWindow);
}

void read_answer_timeout(DatagramSettings& settings, const KeyValue& given) {
  settings.answer_timeout_ms = parse_duration_ms(given);
  if (settings.answer_timeout_ms == 0) throw bad_value(given, "it must be longer than nothing");
}

// ---- The tables

using Row = KeyRow<DatagramSettings>;

constexpr Row kMostBytes{
    {"max-bytes", "SIZE", "the longest message (default and most: 65507 by UDP; else 256K)"},
    read_most_bytes};
constexpr Row kInsecure{{"insecure", "", "UDP from or to other machines: anybody can forge it"},
                        read_insecure};

constexpr auto kInTable = std::to_array<Row>({
    {{"unix", "PATH", "a Unix socket of datagrams, made there"}, read_unix},
    {{"udp", "HOST:PORT", "the address where UDP is received; *:PORT is all of them"}, read_udp},
    {{"format", "raw|syslog", "what a message is made of (default raw: its bytes are the body)"},
     read_format},
    {{"answers", "", "datagrams are KEY BODY; the sender is told ok KEY ID once it is durable"},
     read_answers},
    kMostBytes,
    {{"receive-buffer", "SIZE", "what the kernel keeps for us (default: the system's)"},
     read_receive_buffer},
    {{"mode", "OCTAL", "permissions of the Unix socket (default 0600)"}, read_mode},
    {{"allow-users", "USER", "who may send by the Unix socket (default: whom its mode lets)",
      KeyTimes::kMany},
     read_allowed_user},
    kInsecure,
});

constexpr auto kOutTable = std::to_array<Row>({
    {{"unix", "PATH", "the Unix socket of datagrams of who receives"}, read_unix},
    {{"udp", "HOST:PORT", "the address of who receives by UDP"}, read_udp},
    {{"answers", "", "datagrams are ID BODY; the receiver says ok ID, no ID …; else again"},
     read_answers},
    {{"answer-timeout", "D", "without an answer it is sent again (default 1s)"},
     read_answer_timeout},
    {{"window", "N", "messages under way at a time (default 64)"}, read_window},
    kMostBytes,
    kInsecure,
});

void refuse_of_unix(std::span<const KeyValue> given) {
  for (const std::string_view key : {"mode", "allow-users"}) {
    if (const KeyValue* const one = find_value(given, key)) throw clash(*one, "it needs unix");
  }
}

template <std::size_t kSize>
DatagramSettings parse(std::span<const KeyValue> given, const std::array<Row, kSize>& table,
                       std::string_view type) {
  DatagramSettings settings;
  read_keys(settings, given, table, type);
  refuse_both(given, "unix", "udp");
  if (settings.place.empty()) {
    throw Error(ErrorCode::kUsage, kClashOperation, "unix or udp",
                std::string(type) + " needs one of them");
  }
  const bool is_udp = settings.unix_path.empty();
  if (is_udp) refuse_of_unix(given);
  if (settings.most_bytes == 0) settings.most_bytes = is_udp ? kMostUdpBytes : kDefaultMostBytes;
  if (is_udp && settings.most_bytes > kMostUdpBytes) {
    throw clash(*find_value(given, "max-bytes"), "UDP carries at most 65507 bytes");
  }
  const KeyValue* const timeout = find_value(given, "answer-timeout");
  if (timeout != nullptr && settings.answered == Answered::kNo) {
    throw clash(*timeout, "it needs answers");
  }
  return settings;
}

template <typename Made>
std::shared_ptr<const BridgePlan> plan(std::string queue, DatagramSettings settings) {
  std::string place = settings.place;
  return std::make_shared<PlanOf<DatagramSettings, Made>>(std::move(queue), std::move(place),
                                                          std::move(settings));
}

}  // namespace

std::span<const AdapterKey> datagram_in_keys() {
  static constexpr auto keys = keys_of(kInTable);
  return keys;
}

std::span<const AdapterKey> datagram_out_keys() {
  static constexpr auto keys = keys_of(kOutTable);
  return keys;
}

DatagramSettings parse_datagram_in_settings(std::span<const KeyValue> given) {
  return parse(given, kInTable, kIn);
}

DatagramSettings parse_datagram_out_settings(std::span<const KeyValue> given) {
  return parse(given, kOutTable, kOut);
}

DatagramAddress resolve(const DatagramSettings& settings, AddressUse use) {
  const DatagramAddress address = resolve_udp(settings.udp, use);
  if (address.is_local() || settings.insecure) return address;
  throw Error(ErrorCode::kConfiguration, use == AddressUse::kListen ? "receive at" : "send to",
              address.text(), "it is not this machine's loopback; `insecure` would allow it");
}

std::shared_ptr<const BridgePlan> plan_datagram_in(std::string queue,
                                                   std::span<const KeyValue> given) {
  return plan<DatagramIn>(std::move(queue), parse_datagram_in_settings(given));
}

std::shared_ptr<const BridgePlan> plan_datagram_out(std::string queue,
                                                    std::span<const KeyValue> given) {
  return plan<DatagramOut>(std::move(queue), parse_datagram_out_settings(given));
}

}  // namespace spoolmq::adapters

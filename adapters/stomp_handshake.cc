#include "adapters/stomp_handshake.h"

#include <algorithm>
#include <charconv>

namespace spoolmq::adapters {
namespace {

constexpr std::int64_t kLongestHeartBeatMs = 24LL * 3600 * 1000;

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

// Absent: 1.0, which knew no such header. nullopt: none that we know.
std::optional<StompVersion> choose_version(const std::string* accepted) {
  if (accepted == nullptr) return StompVersion::k10;
  std::optional<StompVersion> best;
  std::string_view rest = *accepted;
  while (true) {
    const std::size_t comma = rest.find(',');
    const std::string_view one = trimmed(rest.substr(0, comma));
    for (const StompVersion known : {StompVersion::k10, StompVersion::k11, StompVersion::k12}) {
      if (one == stomp_version_text(known) && (!best || known > *best)) best = known;
    }
    if (comma == std::string_view::npos) return best;
    rest.remove_prefix(comma + 1);
  }
}

std::optional<std::int64_t> parse_ms(std::string_view text) {
  text = trimmed(text);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0) return std::nullopt;
  return std::min(value, kLongestHeartBeatMs);
}

std::int64_t agreed_ms(std::int64_t wanted_ms) {
  return wanted_ms == 0 ? 0 : std::max(wanted_ms, kLeastHeartBeatMs);
}

// "cx,cy": the client can send every cx, and wants something every cy.
std::optional<StompHeartBeat> agree(const std::string* wanted) {
  if (wanted == nullptr) return StompHeartBeat{};
  const std::string_view text = *wanted;
  const std::size_t comma = text.find(',');
  if (comma == std::string_view::npos) return std::nullopt;
  const auto theirs_ms = parse_ms(text.substr(0, comma));
  const auto ours_ms = parse_ms(text.substr(comma + 1));
  if (!theirs_ms || !ours_ms) return std::nullopt;
  return StompHeartBeat{agreed_ms(*ours_ms), agreed_ms(*theirs_ms)};
}

}  // namespace

std::variant<StompHandshake, StompRefusal> stomp_handshake(const StompFrame& connect) {
  const std::optional<StompVersion> version = choose_version(connect.header("accept-version"));
  if (!version) return StompRefusal{"supported versions are 1.0, 1.1 and 1.2"};
  const std::optional<StompHeartBeat> heart_beat = agree(connect.header("heart-beat"));
  if (!heart_beat) return StompRefusal{"heart-beat is two numbers of milliseconds: 10000,10000"};
  return StompHandshake{*version, *heart_beat};
}

StompFrame stomp_connected(const StompHandshake& handshake, std::string_view session) {
  StompFrame frame;
  frame.command = "CONNECTED";
  frame.add("version", stomp_version_text(handshake.version));
  frame.add("server", "spoolmq/" SPOOLMQ_VERSION);
  frame.add("session", session);
  frame.add("heart-beat", std::to_string(handshake.heart_beat.ours_ms) + "," +
                              std::to_string(handshake.heart_beat.theirs_ms));
  return frame;
}

}  // namespace spoolmq::adapters

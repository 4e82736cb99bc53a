// The STOMP codec, in both roles: what comes in pieces is read as what comes whole; limits hold;
// what was read is written and read again as it was, where its version has a way to say it.

#include <optional>
#include <string>
#include <vector>

#include "adapters/stomp_codec.h"
#include "tests/fuzz/target.h"

namespace spoolmq::fuzz {
namespace {

using adapters::StompDecoder;
using adapters::StompFound;
using adapters::StompFrame;
using adapters::StompLimits;
using adapters::StompVersion;

struct Read {
  std::vector<StompFrame> frames;
  std::string why;
  std::string broken_receipt;
  std::size_t left = 0;
  bool operator==(const Read&) const = default;
};

Read read(std::string_view bytes, std::optional<StompVersion> version, std::size_t piece,
          const StompLimits& limits) {
  StompDecoder decoder(limits);
  if (version) decoder.set_version(*version);
  Read all;
  StompFound found = StompFound::kNothing;
  for (std::size_t at = 0; at < bytes.size() && found != StompFound::kBroken; at += piece) {
    decoder.feed(bytes.substr(at, piece));
    StompFrame frame;
    while ((found = decoder.next(frame)) == StompFound::kFrame) all.frames.push_back(frame);
  }
  SPOOLMQ_CHECK((found == StompFound::kBroken) == !decoder.why().empty());
  all.why = decoder.why();
  all.broken_receipt = decoder.broken_receipt();
  all.left = decoder.buffered_bytes();
  return all;
}

void check_limits(const StompFrame& frame, const StompLimits& limits) {
  SPOOLMQ_CHECK(!frame.command.empty());
  SPOOLMQ_CHECK(frame.headers.size() <= limits.headers);
  SPOOLMQ_CHECK(frame.body.size() <= limits.body_bytes);
  std::size_t head_bytes = frame.command.size();
  for (const auto& header : frame.headers) head_bytes += header.name.size() + header.value.size();
  SPOOLMQ_CHECK(head_bytes <= limits.head_bytes);
}

}  // namespace

void stomp(std::string_view input) {
  Choices choices(input);
  const std::uint8_t chosen = choices.below(4);
  std::optional<StompVersion> version;
  if (chosen < 3) version = static_cast<StompVersion>(chosen);
  StompLimits limits;
  if (choices.below(2) == 1) limits = {.headers = 4, .head_bytes = 96, .body_bytes = 24};
  const std::string_view bytes = choices.rest();

  const Read whole = read(bytes, version, bytes.size() + 1, limits);
  SPOOLMQ_CHECK(whole == read(bytes, version, 1, limits));
  SPOOLMQ_CHECK(whole == read(bytes, version, 7, limits));

  for (const StompFrame& frame : whole.frames) {
    check_limits(frame, limits);
    const StompVersion as = version.value_or(StompVersion::k12);
    std::string once;
    adapters::append_stomp(once, frame, as);
    const Read again = read(once, as, once.size(), {.headers = 2000, .head_bytes = 1 << 20});
    SPOOLMQ_CHECK(again.frames.size() == 1 && again.why.empty());
    SPOOLMQ_CHECK(again.frames[0].command == frame.command && again.frames[0].body == frame.body);
    std::string twice;
    adapters::append_stomp(twice, again.frames[0], as);
    SPOOLMQ_CHECK(once == twice);
  }
}

}  // namespace spoolmq::fuzz

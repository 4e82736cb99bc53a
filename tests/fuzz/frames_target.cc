// Every framing of frame_codec: pieces are read as the whole is, no body is above the limit, and a
// body that is framed comes back.

#include <string>
#include <vector>

#include "adapters/frame_codec.h"
#include "tests/fuzz/target.h"

namespace spoolmq::fuzz {
namespace {

using adapters::Found;
using adapters::FrameReader;
using adapters::FrameRules;

struct Read {
  std::vector<std::string> bodies;
  std::size_t too_long = 0;
  std::string why;
  bool operator==(const Read&) const = default;
};

Read read(std::string_view bytes, const FrameRules& rules, std::size_t piece) {
  FrameReader reader(rules);
  Read all;
  std::string body;
  Found found = Found::kNothing;
  const auto note = [&] {
    if (found == Found::kFrame) all.bodies.push_back(body);
    if (found == Found::kTooLong) ++all.too_long;
    return found == Found::kFrame || found == Found::kTooLong;
  };
  for (std::size_t at = 0; at < bytes.size() && found != Found::kBroken; at += piece) {
    reader.feed(bytes.substr(at, piece));
    do found = reader.next(body);
    while (note());
  }
  if (found != Found::kBroken) {
    do found = reader.next_at_end(body);
    while (note());
  }
  all.why = reader.why();
  return all;
}

}  // namespace

void frames(std::string_view input) {
  Choices choices(input);
  FrameRules rules;
  rules.kind =
      static_cast<adapters::FrameKind>(choices.below(std::uint8_t{adapters::kFrameWords.size()}));
  if (choices.below(2) == 1) rules.most_bytes = 16;
  const std::string_view bytes = choices.rest();

  const Read whole = read(bytes, rules, bytes.size() + 1);
  SPOOLMQ_CHECK(whole == read(bytes, rules, 1));
  for (const std::string& body : whole.bodies) {
    SPOOLMQ_CHECK(body.size() <= rules.most_bytes);
    std::string framed;
    if (!adapters::append_frame(framed, rules.kind, body)) continue;
    const Read again = read(framed, rules, framed.size());
    SPOOLMQ_CHECK(again.bodies.size() == 1 && again.bodies[0] == body && again.why.empty());
  }
}

}  // namespace spoolmq::fuzz

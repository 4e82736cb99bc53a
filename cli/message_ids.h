#pragma once
// Ids as they are given on a command line: whole, or shortened to the end of one.

#include <cstddef>
#include <istream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "spoolmq/queue.h"

namespace spoolmq::cli {

inline constexpr std::size_t kMinTailLength = 6;

// A whole id, or at least 6 characters of one's end, dashes or not.
// nullopt: neither.
struct IdText {
  std::optional<MessageId> whole;
  std::string tail;  // lower-case hexadecimal digits; empty when `whole` is set
};
std::optional<IdText> parse_id_text(std::string_view text);

// nullopt: no message has this tail. A whole id is not looked up. Throws Error(kUsage) for what is
// no id, and for a tail of several messages, naming them.
std::optional<MessageId> look_up_id(Queue& queue, std::string_view operation,
                                    std::string_view text);
// The same, and Error(kNotFound) for a tail of none.
MessageId find_id(Queue& queue, std::string_view operation, std::string_view text);
// The same, and a whole id is looked up as well: Error(kNotFound) where there is no such message.
MessageStatus find_message(Queue& queue, std::string_view operation, std::string_view text);

// The words of the stream, each at most 36 bytes long; Error(kBadData) names the line of another.
std::vector<std::string> read_id_words(std::istream& input, std::string_view operation);

}  // namespace spoolmq::cli

// Receipts, as people and programs hand them back: what is read as one is written as it came, but
// for the case of its digits.

#include <algorithm>

#include "spoolmq/queue.h"
#include "tests/fuzz/target.h"

namespace spoolmq::fuzz {

void receipts(std::string_view input) {
  if (const auto receipt = Receipt::parse(input)) {
    const std::string text = receipt->text();
    SPOOLMQ_CHECK(Receipt::parse(text) == receipt);
    SPOOLMQ_CHECK(std::ranges::equal(text, input, [](char ours, char theirs) {
      return ours == theirs || (theirs >= 'A' && theirs <= 'F' && ours == theirs - 'A' + 'a');
    }));
  }
  // And any receipt there is: every part of its text counts.
  Choices choices(input);
  Receipt receipt;
  std::array<std::uint8_t, MessageId::kBytes> id{};
  for (std::uint8_t& byte : id) byte = choices.below(255);
  receipt.id = MessageId(id);
  for (int i = 0; i < 8; ++i) receipt.token = receipt.token << 8 | choices.below(255);
  std::string text = receipt.text();
  SPOOLMQ_CHECK(Receipt::parse(text) == receipt);
  const std::size_t hit = choices.below(255) % text.size();
  const std::uint8_t put = choices.below(255);
  if (text[hit] == static_cast<char>(put)) return;
  text[hit] = static_cast<char>(put);
  const auto other = Receipt::parse(text);
  const bool is_other_case = other && other->text() == receipt.text();
  SPOOLMQ_CHECK(!other || is_other_case || other != receipt);
}

}  // namespace spoolmq::fuzz

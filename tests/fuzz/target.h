#pragma once
// A fuzz target is a function that hands untrusted bytes to one parser and checks what the parser
// promises. A promise that does not hold is an SPOOLMQ_CHECK; whatever else a target lets through
// (an exception, a signal, a report of a sanitizer) is a defect too. Targets keep no state between
// inputs.

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>

#include "core/check.h"
#include "spoolmq/error.h"

namespace spoolmq::fuzz {

struct Target {
  std::string_view name;  // its corpus is corpus/NAME
  void (*run)(std::string_view input);
  // Whether a shorter beginning of an input is read differently, or is but a part of the same work.
  enum class Beginning : std::uint8_t { kAnother, kPartOfIt } beginning = Beginning::kAnother;
};
std::span<const Target> targets();
const Target* find_target(std::string_view name);  // nullptr: there is none

// Takes choices (a version, a limit) from the front of an input; what is left is the text. An input
// that is too short chooses 0.
class Choices {
 public:
  explicit Choices(std::string_view input) : rest_(input) {}
  std::uint8_t below(std::uint8_t bound) {
    if (rest_.empty()) return 0;
    const auto byte = static_cast<std::uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return static_cast<std::uint8_t>(byte % bound);
  }
  [[nodiscard]] std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

// For parsers that refuse by an Error: whether this one did. A bug of ours is no refusal.
template <typename Parse>
bool is_refused(const Parse& parse) {
  try {
    parse();
    return false;
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kInternal) throw;
    SPOOLMQ_CHECK(!error.why().empty());
    return true;
  }
}

void stomp(std::string_view input);
void stomp_meaning(std::string_view input);
void frames(std::string_view input);
void answers(std::string_view input);
void syslog(std::string_view input);
void split(std::string_view input);
void names(std::string_view input);
void patterns(std::string_view input);
void units(std::string_view input);
void selector(std::string_view input);
void settings(std::string_view input);
void templates(std::string_view input);
void acks(std::string_view input);
void addresses(std::string_view input);
void xml(std::string_view input);
void record(std::string_view input);
void configuration(std::string_view input);  // not with libFuzzer: it needs every adapter
void segment(std::string_view input);
void verdicts(std::string_view input);
void handles(std::string_view input);
void receipts(std::string_view input);
void ring(std::string_view input);
void rows(std::string_view input);
void passwords(std::string_view input);
void queue(std::string_view input);

}  // namespace spoolmq::fuzz

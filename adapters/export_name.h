#pragma once
// The names of exported files: a template that the operator wrote, filled with values that a
// stranger sent. Pure.
//
//   {id} {seq} {name} {stem} {ext} {date:%Y%m%d} {header:NAME}     {{ and }} are braces
//
// {name} is the header `name`, or the id where there is none; {stem} and {ext} are its parts before
// and behind the last dot. {date:…} is the time of sending in UTC, as strftime(3) writes it.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "spoolmq/message.h"

namespace spoolmq::adapters {

inline constexpr std::size_t kMaxFileNameBytes = 255;  // NAME_MAX of Linux file systems
inline constexpr std::string_view kDefaultNameTemplate = "{name}";

class NameTemplate {
 public:
  // Throws Error(kUsage) naming the column of what it does not understand.
  static NameTemplate parse(std::string_view text);

  [[nodiscard]] bool uses_sequence() const { return uses(Part::kSequence); }
  // Literal text and dates: a name that no message is needed for.
  [[nodiscard]] bool is_of_no_message() const;
  // Always a name that safe_file_name would leave as it is.
  [[nodiscard]] std::string render(const Message& message, std::int64_t sequence) const;
  // Of a template that is_of_no_message: its dates are those of this moment.
  [[nodiscard]] std::string render_at(std::int64_t wall_ms) const;

 private:
  enum class Part : std::uint8_t {
    kText,
    kId,
    kSequence,
    kName,
    kStem,
    kExtension,
    kDate,
    kHeader
  };
  struct Piece {
    Part part = Part::kText;
    std::string argument;  // the text, the date's format, or the header's name
  };
  [[nodiscard]] bool uses(Part part) const;
  static Piece placeholder(std::string_view inside, std::string_view whole, std::size_t column);
  std::vector<Piece> pieces_;
};

// One name inside one directory, whatever `wanted` holds: no '/', no control characters, valid
// UTF-8, no leading dot, 1 to 255 bytes (the stem is cut, between characters). `otherwise` stands
// in for an empty one.
std::string safe_file_name(std::string_view wanted, std::string_view otherwise);

// "report.csv" → "report.1.csv": the name to try next where the other is taken. 255 bytes at most.
std::string numbered_file_name(std::string_view name, std::uint64_t number);
// And back: the number that makes `numbered` of `name`; nullopt where none does.
std::optional<std::uint64_t> number_of_file_name(std::string_view name, std::string_view numbered);

// The file that stands beside `name`: `beside` is a template of {name} {stem} {ext}.
std::string name_beside(std::string_view name, std::string_view beside);

}  // namespace spoolmq::adapters

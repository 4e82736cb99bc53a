#pragma once
// A text made from the place and name of an imported file:
//   {name} {stem} {ext}   of the file itself ("a.tar.gz": stem "a.tar", ext "gz")
//   {path}                relative to the imported directory ("2026/lyon/a.xml")
//   {path:N}              its N-th part, from 1; negative: from the end, -1 being the name
//   {date:FORMAT}         strftime(3), of the moment of import, local time; at most 256 bytes
//   {header:NAME}         for export's templates only: refused here
// A brace itself is written twice. Text that is not there is empty. A plain value.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace spoolmq::adapters {

class PathTemplate {
 public:
  // Throws Error(kUsage) naming text, column and what is allowed.
  static PathTemplate parse(std::string_view text);
  // Bytes that are not UTF-8 are shown as '?'.
  [[nodiscard]] std::string render(std::string_view relative_path, std::int64_t wall_ms) const;
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  enum class Part : std::uint8_t { kText, kName, kStem, kExtension, kPath, kPathPart, kDate };
  struct Piece {
    Part part = Part::kText;
    std::string argument;
    int number = 0;  // of kPathPart
  };
  static Piece placeholder(std::string_view inside, std::string_view whole, std::size_t column);
  std::string text_;
  std::vector<Piece> pieces_;
};

}  // namespace spoolmq::adapters

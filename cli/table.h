#pragma once
// Aligned columns for people. Widths are counted in code points and only ever grow, so a long
// result can be printed in blocks, each held in memory alone, under one header.
//
//   Table table({{"ID"}, {"SIZE", Align::kRight}});
//   table.add({id, rough_size(bytes)});
//   write_out(table.take());

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "spoolmq/message.h"

namespace spoolmq::cli {

enum class Align : std::uint8_t { kLeft, kRight };

struct Column {
  std::string_view title;  // in capitals; outlives the table
  Align align = Align::kLeft;
};

class Table {
 public:
  explicit Table(std::vector<Column> columns);

  // One row, as many cells as columns. Control characters and invalid UTF-8 become '?'; an empty
  // cell is shown as "-", so that columns can be cut by white space.
  void add(std::vector<std::string> cells);
  [[nodiscard]] std::size_t rows() const { return rows_.size(); }
  // The rows since the last take, the header before the first of all; no line ends in spaces.
  // Empty where no row was ever added.
  std::string take();

 private:
  void append_line(const std::vector<std::string>& cells, std::string& out) const;

  std::vector<Column> columns_;
  std::vector<std::size_t> widths_;
  std::vector<std::vector<std::string>> rows_;
  bool header_taken_ = false;
};

// Code points of valid UTF-8.
std::size_t code_points(std::string_view text);
// At most `limit` code points of it, "…" standing for what was cut off.
std::string shortened(std::string_view text, std::size_t limit);

// The largest unit that fits, cut to a whole number: "0s" "59s" "3m" "2h" "9d".
std::string rough_duration(std::int64_t duration_ms);
// Powers of 1024, one decimal under ten: "512" "1.5K" "12M".
std::string rough_size(std::uint64_t bytes);
// Who sent it: the name, else "uid:N".
std::string sender_text(const Sender& from);

}  // namespace spoolmq::cli

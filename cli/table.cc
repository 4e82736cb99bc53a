#include "cli/table.h"

#include <algorithm>
#include <array>
#include <utility>

#include "core/check.h"
#include "core/text.h"

namespace spoolmq::cli {
namespace {

bool continues_code_point(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; }

}  // namespace

Table::Table(std::vector<Column> columns) : columns_(std::move(columns)) {
  for (const Column& column : columns_) widths_.push_back(code_points(column.title));
}

void Table::add(std::vector<std::string> cells) {
  SPOOLMQ_CHECK(cells.size() == columns_.size());
  for (std::size_t i = 0; i < cells.size(); ++i) {
    cells[i] = cells[i].empty() ? "-" : printable(cells[i]);
    widths_[i] = std::max(widths_[i], code_points(cells[i]));
  }
  rows_.push_back(std::move(cells));
}

std::string Table::take() {
  std::string out;
  if (rows_.empty()) return out;
  if (!header_taken_) {
    std::vector<std::string> titles;
    for (const Column& column : columns_) titles.emplace_back(column.title);
    append_line(titles, out);
    header_taken_ = true;
  }
  for (const auto& row : rows_) append_line(row, out);
  rows_.clear();
  return out;
}

void Table::append_line(const std::vector<std::string>& cells, std::string& out) const {
  std::size_t owed = 0;  // spaces that only a following cell makes worth writing
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const std::size_t fill = widths_[i] - code_points(cells[i]);
    const bool right = columns_[i].align == Align::kRight;
    out.append(owed + (right ? fill : 0), ' ').append(cells[i]);
    owed = (right ? 0 : fill) + 2;
  }
  while (out.ends_with(' ')) out.pop_back();  // a last cell may end in spaces of its own
  out.push_back('\n');
}

std::size_t code_points(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return !continues_code_point(c); }));
}

std::string shortened(std::string_view text, std::size_t limit) {
  if (code_points(text) <= limit) return std::string(text);
  std::size_t end = 0;
  for (std::size_t seen = 0; end < text.size(); ++end) {
    if (!continues_code_point(text[end]) && ++seen == limit) break;
  }
  return std::string(text.substr(0, end)) + "…";
}

std::string rough_duration(std::int64_t duration_ms) {
  const std::int64_t seconds = std::max<std::int64_t>(duration_ms, 0) / 1000;
  if (seconds < 60) return std::to_string(seconds) + "s";
  if (seconds < 3600) return std::to_string(seconds / 60) + "m";
  if (seconds < 86'400) return std::to_string(seconds / 3600) + "h";
  return std::to_string(seconds / 86'400) + "d";
}

std::string rough_size(std::uint64_t bytes) {
  static constexpr std::array<char, 6> kUnits = {'K', 'M', 'G', 'T', 'P', 'E'};
  if (bytes < 1024) return std::to_string(bytes);
  std::size_t unit = 0;
  std::uint64_t rest = 0;
  for (rest = bytes; rest >= 1024U * 1024U; rest /= 1024U) ++unit;
  const std::uint64_t tenths = (rest * 10) / 1024;
  std::string text = std::to_string(tenths / 10);
  if (tenths < 100 && tenths % 10 != 0) text.append(".").append(std::to_string(tenths % 10));
  text.push_back(kUnits[unit]);
  return text;
}

std::string sender_text(const Sender& from) {
  return from.name.empty() ? "uid:" + std::to_string(from.uid) : from.name;
}

}  // namespace spoolmq::cli

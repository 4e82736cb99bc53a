#pragma once
// The splitters that make_splitter chooses from, and what they have in common.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "adapters/split.h"
#include "adapters/split_xml_path.h"

namespace spoolmq::adapters {

std::unique_ptr<Splitter> make_line_splitter(std::size_t max_record_bytes, BodySource source);
std::unique_ptr<Splitter> make_csv_splitter(std::size_t max_record_bytes, BodySource source);
std::unique_ptr<Splitter> make_xml_splitter(XmlPath path, std::size_t max_record_bytes,
                                            BodySource source);

// What a reader must keep of a piece: a whole record and its line end, and of a bad one, however
// long, what is shown.
inline std::size_t kept_bytes(std::size_t max_record_bytes) {
  constexpr std::size_t kLineEnd = 2;
  return std::max(std::min(max_record_bytes, SIZE_MAX - kLineEnd) + kLineEnd, kMaxShownBadBytes);
}

inline std::string too_long(std::size_t max_record_bytes) {
  return "it is longer than " + std::to_string(max_record_bytes) + " bytes";
}

}  // namespace spoolmq::adapters

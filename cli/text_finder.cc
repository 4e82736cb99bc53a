#include "cli/text_finder.h"

#include <algorithm>
#include <utility>

#include "core/check.h"

namespace spoolmq::cli {

TextFinder::TextFinder(std::string text)
    : text_(std::move(text)), searcher_(text_.begin(), text_.end()) {
  SPOOLMQ_CHECK(!text_.empty());
}

bool TextFinder::in(std::string_view whole) const {
  return std::search(whole.begin(), whole.end(), searcher_) != whole.end();
}

bool TextFinder::feed(std::string_view piece) {
  const std::size_t overlap = text_.size() - 1;
  if (in(piece)) return true;
  // What may begin in the bytes kept ends in the first bytes of this piece.
  kept_.append(piece.substr(0, overlap));
  if (in(kept_)) return true;
  if (piece.size() >= overlap) {
    kept_.assign(piece.substr(piece.size() - overlap));
  } else if (kept_.size() > overlap) {
    kept_.erase(0, kept_.size() - overlap);
  }
  return false;
}

}  // namespace spoolmq::cli

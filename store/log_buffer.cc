#include "store/log_buffer.h"

namespace spoolmq {
namespace {

// Bytes 4 to 7 of a frame's header: the size of the database in pages, 0 but in a commit's frame.
bool ends_transaction(const char* header) {
  return (header[4] | header[5] | header[6] | header[7]) != 0;
}

}  // namespace

int LogBuffer::write(sqlite3_file* file, const void* from, int amount, sqlite3_int64 offset) {
  const auto* const bytes = static_cast<const char*>(from);
  const bool continues =
      offset == begin_ + static_cast<sqlite3_int64>(frames_.size()) && !frames_.empty();
  const bool is_page = continues && page_bytes_left_ > 0 && amount == page_bytes_left_;
  const bool is_header = page_bytes_left_ == 0 && amount == kFrameHeaderBytes;
  if (!is_page && !is_header) {
    const int code = flush(file);
    return code == SQLITE_OK ? file->pMethods->xWrite(file, from, amount, offset) : code;
  }
  if (is_header && (!continues || frames_.size() >= kMostBytes)) {
    if (const int code = flush(file); code != SQLITE_OK) return code;
    begin_ = offset;
  }
  frames_.append(bytes, static_cast<std::size_t>(amount));
  if (is_header) {
    page_bytes_left_ = kPageBytes;
    is_commit_ = ends_transaction(bytes);
    return SQLITE_OK;
  }
  page_bytes_left_ = 0;
  return is_commit_ ? flush(file) : SQLITE_OK;
}

// Gone whatever comes of it: a transaction whose frames were refused is rolled back.
int LogBuffer::flush(sqlite3_file* file) {
  page_bytes_left_ = 0;
  if (frames_.empty()) return SQLITE_OK;
  const int code =
      file->pMethods->xWrite(file, frames_.data(), static_cast<int>(frames_.size()), begin_);
  frames_.clear();
  return code;
}

}  // namespace spoolmq

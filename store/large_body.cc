#include "store/large_body.h"

#include <xxhash.h>

#include <algorithm>
#include <array>
#include <vector>

namespace spoolmq {
namespace {

constexpr std::size_t kPieceBytes = 256 << 10;

// XXH3-64 over pieces.
class Checksum {
 public:
  Checksum() : state_(XXH3_createState()) {
    if (state_ == nullptr) throw std::bad_alloc();
    XXH3_64bits_reset(state_);
  }
  ~Checksum() { XXH3_freeState(state_); }
  Checksum(const Checksum&) = delete;
  Checksum& operator=(const Checksum&) = delete;
  void add(const void* bytes, std::size_t count) { XXH3_64bits_update(state_, bytes, count); }
  [[nodiscard]] std::uint64_t value() const { return XXH3_64bits_digest(state_); }

 private:
  XXH3_state_t* state_;
};

class FileBodyReader final : public BodyReader {
 public:
  FileBodyReader(std::unique_ptr<File> file, const LargeBody& body, std::string subject)
      : file_(std::move(file)), body_(body), subject_(std::move(subject)) {}

  std::size_t read(std::span<char> into) override {
    const std::uint64_t left = body_.length - at_;
    const std::size_t want = std::min<std::uint64_t>(into.size(), left);
    const std::size_t got = file_->read_at(std::as_writable_bytes(into.first(want)), at_);
    checksum_.add(into.data(), got);
    at_ += got;
    if (got < want) {
      throw Error(ErrorCode::kBadData, "read the body", subject_,
                  "it ends after " + std::to_string(at_) + " of " + std::to_string(body_.length) +
                      " bytes");
    }
    if (at_ == body_.length && body_.checksum != 0 && checksum_.value() != body_.checksum) {
      throw Error(ErrorCode::kBadData, "read the body", subject_, "its checksum is wrong");
    }
    return got;
  }

 private:
  std::unique_ptr<File> file_;
  LargeBody body_;
  std::string subject_;
  Checksum checksum_;
  std::uint64_t at_ = 0;
};

class InlineBodyReader final : public BodyReader {
 public:
  explicit InlineBodyReader(std::string body) : body_(std::move(body)) {}
  std::size_t read(std::span<char> into) override {
    const std::size_t count = body_.copy(into.data(), into.size(), at_);
    at_ += count;
    return count;
  }

 private:
  std::string body_;
  std::size_t at_ = 0;
};

}  // namespace

LargeBody write_large_body(File& file, const BodySource& source) {
  std::vector<char> piece(kPieceBytes);
  Checksum checksum;
  LargeBody body;
  while (const std::size_t got = source(piece)) {
    checksum.add(piece.data(), got);
    file.write_at(std::as_bytes(std::span(piece).first(got)), body.length);
    body.length += got;
  }
  body.checksum = checksum.value();
  return body;
}

LargeBody measure_large_body(File& file) {
  std::vector<std::byte> piece(kPieceBytes);
  Checksum checksum;
  LargeBody body;
  while (const std::size_t got = file.read_at(piece, body.length)) {
    checksum.add(piece.data(), got);
    body.length += got;
  }
  body.checksum = checksum.value();
  return body;
}

std::unique_ptr<BodyReader> read_large_body(std::unique_ptr<File> file, const LargeBody& body,
                                            std::string subject) {
  return std::make_unique<FileBodyReader>(std::move(file), body, std::move(subject));
}

std::unique_ptr<BodyReader> read_inline_body(std::string body) {
  return std::make_unique<InlineBodyReader>(std::move(body));
}

}  // namespace spoolmq

#include "adapters/body_feed.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

constexpr std::size_t kPieceBytes = 64 << 10;  // what a pipe holds

void close_once(int& descriptor) {
  if (descriptor >= 0) ::close(std::exchange(descriptor, -1));
}

// A shortage of ours must not condemn the message.
[[noreturn]] void rethrow(const Error& error) {
  switch (error.code()) {
    case ErrorCode::kBadData:
    case ErrorCode::kNotFound:
    case ErrorCode::kIo:
      throw BadBody(error.what());
    default:
      throw error;
  }
}

}  // namespace

BodyPieces::BodyPieces(const Delivery& delivery) : inline_body_(delivery.message().body) {
  if (!delivery.message().large_body) return;
  try {
    reader_ = delivery.open_body();
  } catch (const Error& error) {
    rethrow(error);
  }
  piece_.resize(kPieceBytes);
}

std::string_view BodyPieces::next() {
  if (!reader_) return std::exchange(inline_body_, {});
  try {
    return {piece_.data(), reader_->read(piece_)};
  } catch (const Error& error) {
    rethrow(error);
  }
}

BodyFeed::BodyFeed(const Delivery& delivery) : pieces_(delivery) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw Error::from_errno(errno, "make", "pipe");
  read_end_ = ends[0];
  write_end_ = ends[1];
  // Of our end only: a command is not to find its standard input non-blocking.
  if (::fcntl(write_end_, F_SETFL, O_NONBLOCK) != 0) {
    const int error_number = errno;
    close_read_end();
    close_write_end();
    throw Error::from_errno(error_number, "make", "pipe");
  }
}

BodyFeed::~BodyFeed() {
  close_read_end();
  close_write_end();
}

void BodyFeed::close_read_end() { close_once(read_end_); }
void BodyFeed::close_write_end() { close_once(write_end_); }

void BodyFeed::feed() {
  while (write_end_ >= 0) {
    if (piece_.empty()) piece_ = pieces_.next();
    if (piece_.empty()) {
      close_write_end();
      return;
    }
    const ssize_t count = ::write(write_end_, piece_.data(), piece_.size());
    if (count >= 0) {
      piece_.remove_prefix(static_cast<std::size_t>(count));
    } else if (errno == EAGAIN) {
      return;
    } else if (errno == EPIPE) {
      close_write_end();
    } else if (errno != EINTR) {
      throw Error::from_errno(errno, "write", "pipe");
    }
  }
}

}  // namespace spoolmq::adapters

#pragma once
// A stream whose other side is the test: what it sends, how much it takes, when it ends.

#include <poll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <deque>
#include <string>
#include <utility>

#include "adapters/stream.h"

namespace spoolmq::adapters::test {

struct OtherSide {
  std::deque<std::string> sent;  // each is one read, at most
  bool ended = false;            // behind it
  bool broke = false;            // likewise
  std::size_t takes = SIZE_MAX;  // so many bytes more
  std::string got;
  bool saw_end = false;
};

class FakeStream final : public Stream {
 public:
  explicit FakeStream(OtherSide& other)
      : Stream(Descriptor(::eventfd(0, EFD_CLOEXEC))), other_(other) {}

  Moved open() override { return Moved::kDone; }
  Transfer read_some(std::span<char> into) override {
    if (other_.sent.empty()) {
      if (other_.broke) return {failed("it broke")};
      return {other_.ended ? Moved::kEnd : Moved::kLater};
    }
    std::string& front = other_.sent.front();
    const std::size_t bytes = std::min(front.size(), into.size());
    std::copy_n(front.begin(), bytes, into.begin());
    front.erase(0, bytes);
    if (front.empty()) other_.sent.pop_front();
    return {Moved::kDone, bytes, false};
  }
  Transfer write_some(std::string_view bytes) override {
    if (other_.broke) return {failed("it broke")};
    const std::size_t taken = std::min(bytes.size(), other_.takes);
    if (taken == 0 && !bytes.empty()) return {Moved::kLater};
    other_.takes -= taken;
    other_.got.append(bytes.substr(0, taken));
    return {Moved::kDone, taken};
  }
  Moved finish_writing() override {
    other_.saw_end = true;
    return Moved::kDone;
  }
  [[nodiscard]] short events(Direction direction) const override {
    return direction == Direction::kRead ? POLLIN : POLLOUT;
  }

 private:
  OtherSide& other_;
};

}  // namespace spoolmq::adapters::test

#include "adapters/datagram_batch.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

constexpr std::size_t kMostBytes = 8 << 20;  // of all buffers, if a datagram allows more than one
constexpr std::size_t kMostDatagrams = 64;
constexpr std::size_t kControlBytes = CMSG_SPACE(sizeof(ucred)) + CMSG_SPACE(sizeof(std::uint32_t));

// Nobody is to fill our table of descriptors.
void close_passed(const cmsghdr& header) {
  const std::size_t count = (header.cmsg_len - CMSG_LEN(0)) / sizeof(int);
  for (std::size_t i = 0; i < count; ++i) {
    int number = -1;
    std::memcpy(&number, CMSG_DATA(&header) + i * sizeof number, sizeof number);
    ::close(number);
  }
}

void read_control(msghdr& message, Datagram& datagram) {
  for (cmsghdr* one = CMSG_FIRSTHDR(&message); one != nullptr; one = CMSG_NXTHDR(&message, one)) {
    if (one->cmsg_level != SOL_SOCKET) continue;
    if (one->cmsg_type == SCM_RIGHTS) {
      close_passed(*one);
    } else if (one->cmsg_type == SCM_CREDENTIALS && one->cmsg_len == CMSG_LEN(sizeof(ucred))) {
      std::memcpy(&datagram.sender.emplace(), CMSG_DATA(one), sizeof(ucred));
    } else if (one->cmsg_type == SO_RXQ_OVFL) {
      std::memcpy(&datagram.dropped, CMSG_DATA(one), sizeof datagram.dropped);
    }
  }
}

}  // namespace

DatagramBatch::DatagramBatch(std::size_t most_bytes)
    : most_bytes_(most_bytes),
      count_(std::clamp<std::size_t>(kMostBytes / most_bytes, 1, kMostDatagrams)),
      bytes_(std::make_unique_for_overwrite<char[]>(most_bytes * count_)),
      addresses_(count_),
      controls_(count_, std::vector<char>(kControlBytes)),
      pieces_(count_),
      headers_(count_) {}

const std::vector<Datagram>& DatagramBatch::receive(int socket) {
  for (std::size_t i = 0; i < count_; ++i) {
    pieces_[i] = {bytes_.get() + i * most_bytes_, most_bytes_};
    msghdr& header = headers_[i].msg_hdr;
    header = {};
    header.msg_name = &addresses_[i].bytes;
    header.msg_namelen = sizeof addresses_[i].bytes;
    header.msg_iov = &pieces_[i];
    header.msg_iovlen = 1;
    header.msg_control = controls_[i].data();
    header.msg_controllen = controls_[i].size();
  }
  received_.clear();
  // MSG_TRUNC: the length that it had, whatever there is room for.
  const int got = ::recvmmsg(socket, headers_.data(), static_cast<unsigned>(count_),
                             MSG_DONTWAIT | MSG_CMSG_CLOEXEC | MSG_TRUNC, nullptr);
  if (got < 0 && errno != EAGAIN && errno != EINTR) {
    throw Error::from_errno(errno, "receive", "datagrams");
  }
  for (int i = 0; i < got; ++i)
    note(headers_[static_cast<std::size_t>(i)], static_cast<std::size_t>(i));
  return received_;
}

void DatagramBatch::note(const mmsghdr& received, std::size_t i) {
  msghdr message = received.msg_hdr;
  Datagram datagram;
  datagram.whole_size = received.msg_len;
  datagram.bytes = {bytes_.get() + i * most_bytes_,
                    std::min<std::size_t>(received.msg_len, most_bytes_)};
  datagram.from = addresses_[i];
  datagram.from.length = message.msg_namelen;
  read_control(message, datagram);
  received_.push_back(datagram);
}

}  // namespace spoolmq::adapters

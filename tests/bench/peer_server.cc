#include "tests/bench/peer_server.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <stdexcept>
#include <thread>

#include "cli/bench/bench_place.h"

namespace spoolmq::bench {
namespace {

constexpr double kLongestStartSeconds = 5;
constexpr std::size_t kReadBytes = 16 << 10;

// A connected socket, or -1.
int connected(const std::string& socket) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_un address {};
  address.sun_family = AF_UNIX;
  if (socket.size() >= sizeof address.sun_path) throw std::runtime_error(socket + ": too long");
  std::memcpy(address.sun_path, socket.data(), socket.size());
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
  ::close(fd);
  return -1;
}

}  // namespace

std::string program_path(std::string_view name) {
  for (const char* directory : {"/usr/local/bin/", "/usr/bin/", "/usr/local/sbin/", "/usr/sbin/"}) {
    std::string path = directory + std::string(name);
    if (::access(path.c_str(), X_OK) == 0) return path;
  }
  return {};
}

PeerServer::PeerServer(const std::vector<std::string>& command, std::string socket)
    : socket_(std::move(socket)) {
  std::vector<char*> words;
  for (const std::string& word : command) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  const int error = ::posix_spawn(&child_, words[0], &actions, nullptr, words.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) throw std::runtime_error(command[0] + ": " + std::strerror(error));
  const double began = now_seconds();
  while (!PeerConnection::can_connect(socket_)) {
    if (now_seconds() - began > kLongestStartSeconds) {
      ::kill(child_, SIGKILL);
      ::waitpid(child_, nullptr, 0);
      throw std::runtime_error(command[0] + " does not listen at " + socket_);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

PeerServer::~PeerServer() {
  ::kill(child_, SIGTERM);
  ::waitpid(child_, nullptr, 0);
}

bool PeerConnection::can_connect(const std::string& socket) {
  const int fd = connected(socket);
  if (fd >= 0) ::close(fd);
  return fd >= 0;
}

PeerConnection::PeerConnection(const std::string& socket) : fd_(connected(socket)) {
  must(fd_ >= 0, "connect");
}

PeerConnection::~PeerConnection() { ::close(fd_); }

// Reads meanwhile: a peer that cannot get rid of its answers takes no more requests.
void PeerConnection::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
      continue;
    }
    must(errno == EAGAIN, "write");
    struct pollfd ready {
      fd_, POLLIN | POLLOUT, 0
    };
    must(::poll(&ready, 1, -1) == 1, "poll");
    if ((ready.revents & POLLIN) != 0) read_some();
  }
}

void PeerConnection::read_some() {
  char bytes[kReadBytes];
  const ssize_t got = ::read(fd_, bytes, sizeof bytes);
  if (got <= 0) throw std::runtime_error("the peer is gone");
  unread_.append(bytes, static_cast<std::size_t>(got));
}

std::string PeerConnection::read_line() {
  std::size_t end = 0;
  while ((end = unread_.find("\r\n")) == std::string::npos) read_some();
  std::string line = unread_.substr(0, end);
  unread_.erase(0, end + 2);
  return line;
}

std::string PeerConnection::read_bytes(std::size_t count) {
  while (unread_.size() < count + 2) read_some();
  std::string bytes = unread_.substr(0, count);
  unread_.erase(0, count + 2);
  return bytes;
}

}  // namespace spoolmq::bench

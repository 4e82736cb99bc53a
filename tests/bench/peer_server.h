#pragma once
// A server of somebody else's for the length of one measurement, and a connection to it.

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

namespace spoolmq::bench {

// Empty where no such program is in the usual directories.
std::string program_path(std::string_view name);

// Runs until the end of the scope, then is ended by its process id.
class PeerServer {
 public:
  // `socket`: a Unix socket that it makes; returns once it listens there. Its output is not shown.
  PeerServer(const std::vector<std::string>& command, std::string socket);
  PeerServer(const PeerServer&) = delete;
  PeerServer& operator=(const PeerServer&) = delete;
  ~PeerServer();
  [[nodiscard]] const std::string& socket() const { return socket_; }

 private:
  std::string socket_;
  pid_t child_ = -1;
};

// A stream of lines and counted bytes. Throws std::runtime_error where it ends.
class PeerConnection {
 public:
  explicit PeerConnection(const std::string& socket);
  PeerConnection(const PeerConnection&) = delete;
  PeerConnection& operator=(const PeerConnection&) = delete;
  ~PeerConnection();
  // Whether somebody listens there.
  static bool can_connect(const std::string& socket);

  void write(std::string_view bytes);
  std::string read_line();                    // without its CR LF
  std::string read_bytes(std::size_t count);  // and the CR LF behind them

 private:
  void read_some();
  int fd_;
  std::string unread_;
};

}  // namespace spoolmq::bench

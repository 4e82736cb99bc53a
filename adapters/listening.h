#pragma once
// Where a stream server listens: a path, an internet address, or what a service manager opened.
// Belongs to one thread.

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/descriptor.h"
#include "adapters/socket_address.h"

namespace spoolmq::adapters {

// One of `path`, `address` and `activation` is set. A value.
struct ListenPlace {
  std::string path;
  std::uint32_t mode = 0600;   // of the path
  std::optional<gid_t> group;  // of the path; ours
  std::optional<HostPort> address;
  std::string activation;  // the socket's name
  // What other machines reach may be plain: it is under TLS, or somebody said so.
  bool may_be_exposed = false;

  [[nodiscard]] std::string text() const;
};

inline constexpr std::string_view kExposed =
    "other machines reach it, and it is plain: set tls-certificate and tls-key, or insecure";

class Listening {
 public:
  // Throws Error; kConfiguration for what other machines reach and may not.
  explicit Listening(const ListenPlace& place);
  Listening(Listening&&) noexcept = default;
  Listening& operator=(Listening&&) = delete;
  ~Listening();  // its own path is free again

  [[nodiscard]] const std::vector<Descriptor>& sockets() const { return sockets_; }
  // nullopt: nobody is there. Throws Error; kOsResource where this process has no descriptor left.
  [[nodiscard]] std::optional<Descriptor> accept(std::size_t socket) const;
  // Its path has another file, or none: nobody finds it any more.
  [[nodiscard]] bool is_lost() const;
  // Every one is a Unix socket, so that the kernel vouches for who connects.
  [[nodiscard]] bool are_local() const;

 private:
  void listen_at_path(const ListenPlace& place);
  void listen_at_address(const ListenPlace& place);
  void tell(const ListenPlace& place) const;

  std::string path_;  // ours to remove
  dev_t device_ = 0;
  ino_t inode_ = 0;
  std::vector<Descriptor> sockets_;
};

}  // namespace spoolmq::adapters

#pragma once
// Tells systemd how the service is: sd_notify(3) by hand, for a unit of Type=notify-reload. Without
// $NOTIFY_SOCKET nothing is told and nothing fails. One datagram per call; what the other side does
// not take within a second is dropped, and that is logged once.
// Not thread-safe.

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace spoolmq::cli {

class Notifier {
 public:
  // Takes $NOTIFY_SOCKET and $WATCHDOG_USEC (unless $WATCHDOG_PID names another process) out of the
  // environment: what we start must not speak in our name.
  static Notifier from_environment();
  // A path, or "@NAME" of the abstract name space; empty: nobody listens.
  explicit Notifier(std::string socket,
                    std::optional<std::chrono::microseconds> watchdog = std::nullopt);
  Notifier(Notifier&& other) noexcept;
  Notifier& operator=(Notifier&& other) noexcept;
  ~Notifier();

  void ready(std::string_view status);
  void reloading();  // with the time, by which systemd tells it from an earlier one; then ready()
  void stopping(std::string_view status);
  void status(std::string_view status);
  void watchdog();

  // systemd ends a service that is silent for so long; nullopt: it does not watch.
  [[nodiscard]] std::optional<std::chrono::microseconds> watchdog_limit() const {
    return watchdog_;
  }

 private:
  void tell(const std::string& message);

  std::string socket_;
  std::optional<std::chrono::microseconds> watchdog_;
  int descriptor_ = -1;
  bool failed_ = false;  // logged
};

}  // namespace spoolmq::cli

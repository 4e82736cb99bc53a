#include "cli/control_client.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <nlohmann/json.hpp>

#include "adapters/unix_socket.h"
#include "core/names.h"
#include "spoolmq/error.h"

namespace spoolmq::cli {
namespace {

constexpr std::chrono::seconds kPatience{10};
constexpr std::size_t kMaxReplyBytes = 16 << 20;
constexpr std::size_t kPieceBytes = 16 << 10;

class Line {
 public:
  Line(int descriptor, std::string path)
      : descriptor_(descriptor),
        path_(std::move(path)),
        deadline_(std::chrono::steady_clock::now() + kPatience) {}
  Line(const Line&) = delete;
  Line& operator=(const Line&) = delete;
  ~Line() { ::close(descriptor_); }

  void send(std::string_view text) {
    while (!text.empty()) {
      wait(POLLOUT);
      const ssize_t sent = ::send(descriptor_, text.data(), text.size(), MSG_NOSIGNAL);
      if (sent > 0) {
        text.remove_prefix(static_cast<std::size_t>(sent));
      } else if (errno == EPIPE || errno == ECONNRESET) {
        return;  // it may have said why before it hung up
      } else if (errno != EAGAIN && errno != EINTR) {
        throw Error::from_errno(errno, "ask the service", path_);
      }
    }
  }

  std::string receive() {
    std::string received;
    char piece[kPieceBytes];
    while (received.size() < kMaxReplyBytes) {
      wait(POLLIN);
      const ssize_t got = ::recv(descriptor_, piece, sizeof piece, 0);
      if (got < 0 && (errno == EAGAIN || errno == EINTR)) continue;
      if (got <= 0) throw unavailable("it hung up");
      received.append(piece, static_cast<std::size_t>(got));
      if (const std::size_t end = received.find('\n'); end != std::string::npos) {
        received.resize(end);
        return received;
      }
    }
    throw unavailable("its answer has no end");
  }

  [[nodiscard]] Error unavailable(std::string_view why) const {
    return {ErrorCode::kUnavailable, "ask the service", path_, why};
  }

 private:
  void wait(short event) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline_ - std::chrono::steady_clock::now());
    pollfd one{descriptor_, event, 0};
    const int ready = ::poll(&one, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0)));
    if (ready == 0) throw unavailable("it does not answer");
    if (ready < 0 && errno != EINTR) throw Error::from_errno(errno, "ask the service", path_);
  }

  int descriptor_;
  std::string path_;
  std::chrono::steady_clock::time_point deadline_;
};

}  // namespace

std::optional<nlohmann::json> ask_service(const std::string& root_path,
                                          const nlohmann::json& request) {
  const std::string path = root_path + "/" + std::string(names::kRun) + "/control";
  const std::optional<int> connected = adapters::connect_to(path);
  if (!connected) return std::nullopt;
  Line line(*connected, path);
  line.send(request.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
  nlohmann::json reply = nlohmann::json::parse(line.receive(), nullptr, false);
  if (!reply.is_object()) throw line.unavailable("its answer is not a JSON object");
  const auto error = reply.find("error");
  if (error == reply.end()) return reply;
  if (!error->is_object() || !error->value("code", nlohmann::json()).is_number_integer()) {
    throw line.unavailable("its answer is no answer");
  }
  throw Error(static_cast<ErrorCode>((*error)["code"].get<std::uint8_t>()),
              error->value("operation", ""), error->value("subject", ""), error->value("why", ""));
}

}  // namespace spoolmq::cli

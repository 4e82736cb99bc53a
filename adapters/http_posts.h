#pragma once
// Many POST requests at a time, by libcurl's multi interface, none of which blocks.
//   posts.start(request); poll(posts.descriptor(), …, posts.next_boot_ms()); posts.move() -> done
// Connections are kept and used again. Proxies and passwords of the environment and of ~/.netrc are
// not looked at. Belongs to one thread; requests that are under way when it ends are given up.

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "adapters/curl_library.h"
#include "adapters/descriptor.h"
#include "adapters/webhook_settings.h"
#include "core/clock.h"
#include "spoolmq/id.h"

namespace spoolmq::adapters {

struct HttpPost {
  MessageId id;
  std::vector<std::string> headers;  // lines
  std::string body;
};

struct HttpAnswer {
  MessageId id;
  bool came = false;     // there is a whole answer: status, body and retry_after are its
  bool reached = false;  // without one: a connection was there, and the request may have arrived
  long status = 0;
  std::string body;  // its first 4 KiB
  std::string retry_after;
  std::string why;  // there is none
};

class HttpPosts {
 public:
  // Throws Error(kConfiguration, kOsResource).
  HttpPosts(const WebhookSettings& settings, const Clock& clock);
  ~HttpPosts();
  HttpPosts(const HttpPosts&) = delete;
  HttpPosts& operator=(const HttpPosts&) = delete;

  void start(HttpPost post);
  // What came to its end, by what its sockets have to say now.
  std::vector<HttpAnswer> move();
  [[nodiscard]] std::size_t under_way() const { return running_.size(); }
  // Readable: move() has something to do; as it has at next_boot_ms().
  [[nodiscard]] int descriptor() const { return epoll_.number(); }
  [[nodiscard]] std::int64_t next_boot_ms() const { return next_boot_ms_; }

 private:
  struct Running;
  struct FreeMulti {
    void operator()(CURLM* multi) const { Curl::get().multi_cleanup(multi); }
  };
  static int watch(CURL* easy, curl_socket_t socket, int what, void* self, void* unused);
  static int set_timer(CURLM* multi, long timeout_ms, void* self);
  void set_options(Running& running) const;
  void finish(CURL* easy, CURLcode code, std::vector<HttpAnswer>& answers);

  const WebhookSettings settings_;
  const Clock& clock_;
  const Curl& curl_;
  Descriptor epoll_;
  std::int64_t next_boot_ms_ = INT64_MAX;
  std::list<Running> running_;
  std::unique_ptr<CURLM, FreeMulti> multi_;
};

}  // namespace spoolmq::adapters

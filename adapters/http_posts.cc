#include "adapters/http_posts.h"

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <new>
#include <string_view>

#include "core/check.h"
#include "core/text.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

constexpr std::size_t kMostAnswerBytes = 1 << 20;  // more is not read: the request has failed
constexpr std::size_t kKeptAnswerBytes = 4096;
constexpr int kMostEvents = 64;
constexpr std::string_view kRetryAfter = "retry-after:";

struct FreeEasy {
  void operator()(CURL* easy) const { Curl::get().easy_cleanup(easy); }
};
struct FreeList {
  void operator()(curl_slist* list) const { Curl::get().slist_free_all(list); }
};

template <typename Value>
void set(CURL* easy, CURLoption option, Value value) {
  const CURLcode code = Curl::get().easy_setopt(easy, option, value);
  if (code == CURLE_OK) return;
  throw Error(ErrorCode::kConfiguration, "set up", "libcurl", Curl::get().easy_strerror(code));
}

// Nobody can have got the request.
bool never_arrived(CURLcode code) {
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE:
      return true;
    default:
      return false;
  }
}

}  // namespace

struct HttpPosts::Running {
  HttpPost post;
  HttpAnswer answer;
  std::size_t answer_bytes = 0;
  std::array<char, CURL_ERROR_SIZE> error{};
  std::unique_ptr<curl_slist, FreeList> headers;
  std::unique_ptr<CURL, FreeEasy> easy;

  static std::size_t take_body(char* bytes, std::size_t one, std::size_t count, void* self) {
    auto& running = *static_cast<Running*>(self);
    const std::size_t size = one * count;
    running.answer_bytes += size;
    if (running.answer_bytes > kMostAnswerBytes) return CURL_WRITEFUNC_ERROR;
    std::string& body = running.answer.body;
    body.append(bytes, std::min(size, kKeptAnswerBytes - body.size()));
    return size;
  }
  static std::size_t take_header(char* bytes, std::size_t one, std::size_t count, void* self) {
    auto& running = *static_cast<Running*>(self);
    const std::string_view line(bytes, one * count);
    if (line.starts_with("HTTP/")) running.answer.retry_after.clear();  // of a redirect
    if (ascii_lower(line.substr(0, kRetryAfter.size())) == kRetryAfter) {
      running.answer.retry_after = line.substr(kRetryAfter.size());
    }
    return line.size();
  }
};

HttpPosts::HttpPosts(const WebhookSettings& settings, const Clock& clock)
    : settings_(settings),
      clock_(clock),
      curl_(Curl::get()),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  if (!epoll_.is_open()) throw Error::from_errno(errno, "open", "epoll");
  multi_.reset(curl_.multi_init());
  if (!multi_) throw std::bad_alloc();
  curl_.multi_setopt(multi_.get(), CURLMOPT_SOCKETFUNCTION, &HttpPosts::watch);
  curl_.multi_setopt(multi_.get(), CURLMOPT_SOCKETDATA, this);
  curl_.multi_setopt(multi_.get(), CURLMOPT_TIMERFUNCTION, &HttpPosts::set_timer);
  curl_.multi_setopt(multi_.get(), CURLMOPT_TIMERDATA, this);
  curl_.multi_setopt(multi_.get(), CURLMOPT_MAXCONNECTS, static_cast<long>(settings.concurrency));
}

HttpPosts::~HttpPosts() {
  for (Running& one : running_) curl_.multi_remove_handle(multi_.get(), one.easy.get());
  running_.clear();
  multi_.reset();  // while epoll_ is there: it is told of sockets that close
}

void HttpPosts::start(HttpPost post) {
  Running& running = running_.emplace_back();
  running.post = std::move(post);
  running.answer.id = running.post.id;
  try {
    set_options(running);
    SPOOLMQ_CHECK(curl_.multi_add_handle(multi_.get(), running.easy.get()) == CURLM_OK);
  } catch (...) {
    running_.pop_back();
    throw;
  }
}

void HttpPosts::set_options(Running& running) const {
  running.easy.reset(curl_.easy_init());
  if (!running.easy) throw std::bad_alloc();
  CURL* const easy = running.easy.get();
  for (const std::string& line : running.post.headers) {
    curl_slist* const longer = curl_.slist_append(running.headers.get(), line.c_str());
    if (longer == nullptr) throw std::bad_alloc();
    static_cast<void>(running.headers.release());
    running.headers.reset(longer);
  }
  set(easy, CURLOPT_PRIVATE, &running);
  set(easy, CURLOPT_URL, settings_.url.c_str());
  set(easy, CURLOPT_POST, 1L);
  set(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(running.post.body.size()));
  set(easy, CURLOPT_POSTFIELDS, running.post.body.data());
  set(easy, CURLOPT_HTTPHEADER, running.headers.get());
  set(easy, CURLOPT_USERAGENT, "spoolmq");
  set(easy, CURLOPT_ERRORBUFFER, running.error.data());
  set(easy, CURLOPT_WRITEFUNCTION, &Running::take_body);
  set(easy, CURLOPT_WRITEDATA, &running);
  set(easy, CURLOPT_HEADERFUNCTION, &Running::take_header);
  set(easy, CURLOPT_HEADERDATA, &running);
  set(easy, CURLOPT_NOSIGNAL, 1L);
  set(easy, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
  set(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(settings_.timeout_ms));
  set(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(settings_.connect_ms));
  set(easy, CURLOPT_PROXY, settings_.proxy.c_str());  // "": none, whatever $https_proxy says
  set(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  set(easy, CURLOPT_REDIR_PROTOCOLS_STR, settings_.insecure ? "http,https" : "https");
  set(easy, CURLOPT_FOLLOWLOCATION, settings_.redirects > 0 ? 1L : 0L);
  set(easy, CURLOPT_MAXREDIRS, settings_.redirects);
  set(easy, CURLOPT_POSTREDIR, static_cast<long>(CURL_REDIR_POST_ALL));
  set(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  if (!settings_.tls.authorities.empty()) {
    set(easy, CURLOPT_CAINFO, settings_.tls.authorities.c_str());
    set(easy, CURLOPT_CAPATH, static_cast<char*>(nullptr));  // none of the system's beside it
  }
  if (!settings_.tls.certificate.empty()) {
    set(easy, CURLOPT_SSLCERT, settings_.tls.certificate.c_str());
    set(easy, CURLOPT_SSLKEY, settings_.tls.key.c_str());
  }
}

std::vector<HttpAnswer> HttpPosts::move() {
  std::array<epoll_event, kMostEvents> events{};
  const int count = ::epoll_wait(epoll_.number(), events.data(), kMostEvents, 0);
  int under_way = 0;
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    const int what = ((event.events & EPOLLIN) != 0 ? CURL_CSELECT_IN : 0) |
                     ((event.events & EPOLLOUT) != 0 ? CURL_CSELECT_OUT : 0) |
                     ((event.events & (EPOLLERR | EPOLLHUP)) != 0 ? CURL_CSELECT_ERR : 0);
    curl_.multi_socket_action(multi_.get(), event.data.fd, what, &under_way);
  }
  if (clock_.boot_ms() >= next_boot_ms_) {
    next_boot_ms_ = INT64_MAX;
    curl_.multi_socket_action(multi_.get(), CURL_SOCKET_TIMEOUT, 0, &under_way);
  }
  std::vector<HttpAnswer> answers;
  int left = 0;
  while (const CURLMsg* const told = curl_.multi_info_read(multi_.get(), &left)) {
    if (told->msg == CURLMSG_DONE) finish(told->easy_handle, told->data.result, answers);
  }
  return answers;
}

void HttpPosts::finish(CURL* easy, CURLcode code, std::vector<HttpAnswer>& answers) {
  const auto found =
      std::ranges::find_if(running_, [easy](const Running& one) { return one.easy.get() == easy; });
  SPOOLMQ_CHECK(found != running_.end());
  HttpAnswer& answer = found->answer;
  curl_.easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &answer.status);
  answer.came = code == CURLE_OK;
  if (!answer.came) {
    curl_off_t connected_us = 0;
    curl_.easy_getinfo(easy, CURLINFO_PRETRANSFER_TIME_T, &connected_us);
    answer.reached = !never_arrived(code) && connected_us > 0;
    answer.why = found->error[0] != '\0' ? found->error.data() : curl_.easy_strerror(code);
  }
  answers.push_back(std::move(answer));
  curl_.multi_remove_handle(multi_.get(), easy);
  running_.erase(found);
}

// ---- What curl tells us

int HttpPosts::watch(CURL* /*easy*/, curl_socket_t socket, int what, void* self, void* /*unused*/) {
  const int epoll = static_cast<HttpPosts*>(self)->epoll_.number();
  if (what == CURL_POLL_REMOVE) {
    ::epoll_ctl(epoll, EPOLL_CTL_DEL, socket, nullptr);
    return 0;
  }
  epoll_event event{};
  event.data.fd = socket;
  if ((what & CURL_POLL_IN) != 0) event.events |= EPOLLIN;
  if ((what & CURL_POLL_OUT) != 0) event.events |= EPOLLOUT;
  if (::epoll_ctl(epoll, EPOLL_CTL_MOD, socket, &event) != 0) {
    if (::epoll_ctl(epoll, EPOLL_CTL_ADD, socket, &event) != 0) return -1;
  }
  return 0;
}

int HttpPosts::set_timer(CURLM* /*multi*/, long timeout_ms, void* self) {
  auto& posts = *static_cast<HttpPosts*>(self);
  posts.next_boot_ms_ = timeout_ms < 0 ? INT64_MAX : posts.clock_.boot_ms() + timeout_ms;
  return 0;
}

}  // namespace spoolmq::adapters

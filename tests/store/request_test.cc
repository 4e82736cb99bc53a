// Request and reply: who gets an answer, how often, and where answers go that nobody waits for.
#include "spoolmq/request.h"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "core/clock.h"
#include "tests/store/store_world.h"

namespace spoolmq::test {
namespace {

using namespace std::chrono_literals;
using Bodies = std::vector<std::string>;

class RealRoot {
 public:
  RealRoot() {
    std::string name = (std::filesystem::temp_directory_path() / "spoolmq-test-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    path_ = name;
    root_.emplace(Root::open(path_ + "/root"));
    root_->create_queue("q");
  }
  RealRoot(const RealRoot&) = delete;
  RealRoot& operator=(const RealRoot&) = delete;
  ~RealRoot() {
    root_.reset();
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Root& root() { return *root_; }
  Queue open(const std::string& name = "q") { return root_->open_queue(name); }
  std::vector<std::string> mailboxes() {
    std::vector<std::string> found = root_->queues();
    std::erase_if(found, [](const std::string& name) { return !name.starts_with("reply/"); });
    return found;
  }

 private:
  std::string path_;
  std::optional<Root> root_;
};

// Answers in a thread of its own until it goes.
class Server {
 public:
  Server(RealRoot& place, Handler handler)
      : queue_(place.open()), thread_([this, &place, handler = std::move(handler)] {
          ServeOptions options;
          options.cancelled = [this] { return stop_.load(); };
          serve(place.root(), queue_, handler, options);
        }) {}
  ~Server() { stop_ = true; }

 private:
  std::atomic<bool> stop_{false};
  Queue queue_;
  std::jthread thread_;
};

RequestOptions within(Milliseconds timeout) {
  RequestOptions options;
  options.timeout = timeout;
  return options;
}

Message twice(const Message& asked) {
  Message reply;
  reply.body = asked.body + asked.body;
  return reply;
}

std::vector<Message> dead_in(Queue& queue) {
  std::vector<Message> dead;
  for (const MessageStatus& one : queue.scan({{State::kDead}, -1, 1000})) {
    dead.push_back(queue.load(one.id).value_or(Message{}));
  }
  return dead;
}

std::string only_reason(Queue& queue) {
  const auto page = queue.scan({{State::kDead}, -1, 1000});
  return page.size() == 1 ? page[0].reason : std::to_string(page.size()) + " are dead";
}

TEST(Request, IsAnsweredOnce) {
  RealRoot place;
  const Server server(place, [](Delivery& request) { return twice(request.message()); });
  Requester requester(place.root(), "q", "asker");
  for (const std::string body : {"a", "b", "c"}) {
    Answer answer = requester.request(text(body), within(20s));
    ASSERT_TRUE(answer.reply);
    EXPECT_EQ(answer.reply->message().body, body + body);
    EXPECT_EQ(reply_status(answer.reply->message()), ReplyStatus::kOk);
    EXPECT_EQ(*answer.reply->message().header(kReplyRequestHeader), answer.request.text());
    answer.reply->ack();
  }
  requester.close();
  EXPECT_EQ(place.mailboxes(), Bodies{});
  Queue queue = place.open();
  EXPECT_TRUE(dead_in(queue).empty());
}

TEST(Request, HasAMailboxThatIsItsOwn) {
  RealRoot place;
  const Requester one(place.root(), "q");
  const Requester other(place.root(), "q");
  EXPECT_NE(one.mailbox(), other.mailbox());
  EXPECT_EQ(place.mailboxes().size(), 2U);
  EXPECT_EQ(place.open(one.mailbox()).settings().mode, 0600U);
}

TEST(Request, IsWithdrawnIfNobodyTookItInTime) {
  RealRoot place;
  Requester requester(place.root(), "q");
  const Answer answer = requester.request(text("x"), within(10ms));
  EXPECT_FALSE(answer.reply);
  EXPECT_TRUE(answer.withdrawn);
  Queue queue = place.open();
  EXPECT_FALSE(queue.status(answer.request));
  EXPECT_FALSE(queue.receive());
}

TEST(Request, StaysWithWhoTookIt) {
  RealRoot place;
  Queue queue = place.open();
  Requester requester(place.root(), "q");
  std::optional<Delivery> taken;
  RequestOptions options = within(20s);
  options.cancelled = [&] { return taken || (taken = queue.receive()); };
  const Answer answer = requester.request(text("x"), options);
  EXPECT_FALSE(answer.reply);
  EXPECT_FALSE(answer.withdrawn);
  ASSERT_TRUE(taken);
  EXPECT_EQ(taken->message().body, "x");
  // Too late for it: the requester has gone by now.
  requester.close();
  Replier replier(place.root(), queue);
  EXPECT_EQ(replier.send(*taken, text("late")), Replier::Sent::kDead);
  taken->ack();
  EXPECT_EQ(only_reason(queue), kNoRequester);
  const Message late = dead_in(queue).at(0);
  EXPECT_EQ(late.body, "late");
  EXPECT_EQ(late.correlation_id, taken->message().correlation_id);
  EXPECT_EQ(*late.header(kReplyMailboxHeader), taken->message().reply_to);
}

TEST(Request, IsToldThatItIsBad) {
  RealRoot place;
  const Server server(place, [](Delivery&) { return Refusal{"no such article"}; });
  Requester requester(place.root(), "q");
  Answer answer = requester.request(text("x"), within(20s));
  ASSERT_TRUE(answer.reply);
  EXPECT_EQ(reply_status(answer.reply->message()), ReplyStatus::kRejected);
  EXPECT_EQ(*answer.reply->message().header(kReplyReasonHeader), "no such article");
  Queue queue = place.open();
  // The verdict follows the answer.
  EXPECT_EQ(queue.wait_settled(answer.request, 20s), Settled::kDead);
  EXPECT_EQ(only_reason(queue), "rejected: no such article");
}

TEST(Request, IsToldThatItFailedForTheLastTime) {
  RealRoot place;
  place.open().configure(
      std::vector<SettingText>{{"max-failures", "2"}, {"backoff", "1ms"}, {"backoff-max", "1ms"}});
  std::atomic<int> tries = 0;
  const Server server(place, [&tries](Delivery&) -> Message {
    ++tries;
    throw std::runtime_error("out of paper");
  });
  Requester requester(place.root(), "q");
  Answer answer = requester.request(text("x"), within(20s));
  ASSERT_TRUE(answer.reply);
  EXPECT_EQ(tries, 2);
  EXPECT_EQ(reply_status(answer.reply->message()), ReplyStatus::kFailed);
}

// A replier that died between its reply and the acknowledgement has a successor.
TEST(Reply, SentAgainReachesItsRequesterOnce) {
  RealRoot place;
  Queue queue = place.open();
  Requester requester(place.root(), "q");
  Replier replier(place.root(), queue);
  RequestOptions options = within(20s);
  bool sent = false;
  options.cancelled = [&] {
    if (std::exchange(sent, true)) return false;
    std::optional<Delivery> first = queue.receive();
    EXPECT_EQ(replier.send(*first, text("first")), Replier::Sent::kToMailbox);
    first->release();
    std::optional<Delivery> second = queue.receive();
    EXPECT_EQ(replier.send(*second, text("second")), Replier::Sent::kToMailbox);
    second->ack();
    return false;
  };
  Answer answer = requester.request(text("x"), options);
  ASSERT_TRUE(answer.reply);
  EXPECT_EQ(answer.reply->message().body, "first");
  answer.reply->ack();
  Queue mailbox = place.open(requester.mailbox());
  EXPECT_FALSE(mailbox.receive());
  mailbox.close();
  requester.close();
  EXPECT_TRUE(dead_in(queue).empty());
}

TEST(Reply, ToARequeuedRequestIsAnother) {
  RealRoot place;
  place.root().create_queue("answers");
  Queue queue = place.open();
  Message asked = text("x");
  asked.reply_to = "answers";
  const MessageId id = queue.send(asked);
  Replier replier(place.root(), queue);
  std::optional<Delivery> first = queue.receive();
  replier.reject(*first, "bad day");
  queue.requeue({&id, 1});
  std::optional<Delivery> second = queue.receive();
  ASSERT_TRUE(second);
  replier.send(*second, text("good day"));
  second->ack();
  Queue answers = place.open("answers");
  EXPECT_EQ(drain(answers), (Bodies{"", "good day"}));
}

TEST(Reply, WithoutAMailboxIsADeadMessageOfTheQueue) {
  for (const std::string reply_to : {"", "reply/gone", "no//name"}) {
    RealRoot place;
    Queue queue = place.open();
    // Nothing of the queue's own keeps it out.
    queue.configure(std::vector<SettingText>{{"capacity", "1"}, {"check", "json"}});
    Message asked = text("{}");
    asked.reply_to = reply_to;
    const MessageId id = queue.send(asked);
    std::optional<Delivery> request = queue.receive();
    EXPECT_EQ(Replier(place.root(), queue).send(*request, text("not json")), Replier::Sent::kDead);
    request->ack();
    EXPECT_EQ(only_reason(queue), kNoRequester) << reply_to;
    const Message dead = dead_in(queue).at(0);
    EXPECT_EQ(dead.body, "not json");
    EXPECT_EQ(dead.correlation_id, id.text());
    EXPECT_FALSE(queue.receive()) << "a reply was delivered as a request";
  }
}

TEST(Reply, OfALateAnswerGoesToTheDeadAndTheNextIsTheRightOne) {
  RealRoot place;
  Queue queue = place.open();
  Requester requester(place.root(), "q");
  Replier replier(place.root(), queue);
  std::optional<Delivery> early;
  RequestOptions options = within(20s);
  options.cancelled = [&] { return early || (early = queue.receive()); };
  EXPECT_FALSE(requester.request(text("1"), options).reply);
  replier.send(*early, text("to 1"));
  early->ack();
  bool sent = false;
  options.cancelled = [&] {
    if (!std::exchange(sent, true)) {
      std::optional<Delivery> next = queue.receive();
      replier.send(*next, text("to 2"));
      next->ack();
    }
    return false;
  };
  Answer answer = requester.request(text("2"), options);
  ASSERT_TRUE(answer.reply);
  EXPECT_EQ(answer.reply->message().body, "to 2");
  answer.reply->ack();
  EXPECT_EQ(only_reason(queue), kNoRequester);
  EXPECT_EQ(dead_in(queue).at(0).body, "to 1");
}

TEST(Reply, OfAnySizeComesWhole) {
  RealRoot place;
  place.open();
  const std::string large(12 << 20, 'L');  // above body-inline
  const Server server(place, [&large](Delivery&) { return text(large); });
  Requester requester(place.root(), "q");
  Answer answer = requester.request(text("x"), within(30s));
  ASSERT_TRUE(answer.reply);
  EXPECT_EQ(answer.reply->message().body_size(), large.size());
  std::string whole;
  std::string piece(1 << 20, '\0');
  const auto body = answer.reply->open_body();
  while (const std::size_t got = body->read(piece)) whole.append(piece, 0, got);
  EXPECT_TRUE(whole == large);
  // Not acknowledged: it is not lost with its requester, either.
  answer.reply->release();
  requester.close();
  Queue queue = place.open();
  EXPECT_EQ(only_reason(queue), kNoRequester);
  EXPECT_EQ(dead_in(queue).at(0).body_size(), large.size());
}

TEST(Serve, TakesNoReplyForARequest) {
  RealRoot place;
  Message stray = text("x");
  stray.headers.emplace_back(kReplyRequestHeader, "an id");
  Queue queue = place.open();
  const MessageId id = queue.send(stray);
  std::atomic<int> handled = 0;
  const Server server(place, [&handled](Delivery& request) {
    ++handled;
    return twice(request.message());
  });
  EXPECT_EQ(queue.wait_settled(id, 20s), Settled::kDead);
  EXPECT_EQ(handled, 0);
}

// ---- Mailboxes of requesters that died

constexpr std::int64_t kLaterMs = kMailboxAge.count() + 60'000;

// As a requester leaves it that is killed: no handle, its replies inside.
std::string abandoned(RealRoot& place, const std::string& body, std::int64_t expires_at_ms) {
  std::string name;
  {
    const Requester requester(place.root(), "q");
    name = requester.mailbox();
  }
  place.root().create_queue(name);
  if (body.empty()) return name;
  Message reply = text(body);
  reply.expires_at_ms = expires_at_ms;
  reply.headers.emplace_back(kReplyQueueHeader, "q");
  place.open(name).send(reply);
  return name;
}

TEST(SweptMailboxes, LeaveTheirRepliesWithTheQueue) {
  RealRoot place;
  const std::int64_t now_ms = SystemClock().wall_ms();
  abandoned(place, "over", now_ms);
  abandoned(place, "", 0);
  EXPECT_EQ(sweep_mailboxes(place.root(), now_ms), 0U) << "they are young";
  EXPECT_EQ(place.mailboxes().size(), 2U);
  EXPECT_EQ(sweep_mailboxes(place.root(), now_ms + kLaterMs), 2U);
  EXPECT_EQ(place.mailboxes(), Bodies{});
  Queue queue = place.open();
  EXPECT_EQ(only_reason(queue), kNoRequester);
  EXPECT_EQ(dead_in(queue).at(0).body, "over");
  EXPECT_FALSE(queue.receive());
}

TEST(SweptMailboxes, KeepWhatMayStillBeWanted) {
  RealRoot place;
  const std::int64_t now_ms = SystemClock().wall_ms();
  const std::string waiting = abandoned(place, "waits", now_ms + 3'600'000);
  const std::string foreign = abandoned(place, "nobody's", now_ms);
  {
    Queue mailbox = place.open(foreign);
    mailbox.sweep();
    Message nameless = text("from where?");
    nameless.expires_at_ms = now_ms;
    mailbox.send(nameless);
  }
  const Requester alive(place.root(), "q");
  EXPECT_EQ(sweep_mailboxes(place.root(), now_ms + kLaterMs), 0U);
  EXPECT_EQ(place.mailboxes().size(), 3U);
  Queue mailbox = place.open(waiting);
  EXPECT_EQ(take(mailbox), "waits");
}

}  // namespace
}  // namespace spoolmq::test

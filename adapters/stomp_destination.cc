#include "adapters/stomp_destination.h"

#include <array>
#include <optional>

#include "core/names.h"
#include "core/text.h"
#include "spoolmq/id.h"
#include "spoolmq/topic.h"

namespace spoolmq::adapters {
namespace {

using Kind = StompDestination::Kind;

struct Prefix {
  std::string_view text;
  Kind kind;
};
constexpr std::array<Prefix, 5> kPrefixes{{{"/queue/", Kind::kQueue},
                                           {"/topic/", Kind::kTopic},
                                           {"/temp-queue/", Kind::kTempQueue},
                                           {"/reply/", Kind::kReply},
                                           {"/dead/", Kind::kDead}}};
constexpr std::string_view kMailbox = "reply/";  // of <spoolmq/request.h>

StompRefusal refused(std::string_view text, std::string_view why) {
  return {"destination " + printable(text) + ": " + std::string(why)};
}

std::variant<StompDestination, StompRefusal> parse_reply(std::string_view text,
                                                         std::string_view rest) {
  const std::size_t slash = rest.find('/');
  const std::optional<MessageId> mailbox = MessageId::parse(rest.substr(0, slash));
  if (!mailbox || slash == std::string_view::npos) {
    return refused(text, "not /reply/UUID/QUEUE, as a reply-to has it");
  }
  const std::string_view request = rest.substr(slash + 1);
  if (const auto why = names::refuse_queue_name(request)) return refused(text, *why);
  return StompDestination{Kind::kReply, std::string(kMailbox) + mailbox->text(),
                          std::string(request)};
}

}  // namespace

std::variant<StompDestination, StompRefusal> parse_stomp_destination(std::string_view text) {
  Kind kind = Kind::kQueue;
  std::string_view name = text;
  if (text.starts_with('/')) {
    const Prefix* found = nullptr;
    for (const Prefix& one : kPrefixes) {
      if (text.starts_with(one.text)) found = &one;
    }
    if (found == nullptr) {
      return refused(text, "it begins with none of /queue/ /topic/ /temp-queue/ /dead/");
    }
    kind = found->kind;
    name = text.substr(found->text.size());
  }
  if (kind == Kind::kReply) return parse_reply(text, name);
  // What a topic is called, the store says.
  if (kind == Kind::kTopic && !name.empty() && name.size() <= kMaxTopicBytes) {
    return StompDestination{kind, std::string(name), {}};
  }
  if (const auto why = names::refuse_queue_name(name)) return refused(text, *why);
  return StompDestination{kind, std::string(name), {}};
}

std::string stomp_queue_text(std::string_view queue) { return "/queue/" + std::string(queue); }

std::string stomp_reply_text(std::string_view reply_to, std::string_view request) {
  if (!reply_to.starts_with(kMailbox)) return stomp_queue_text(reply_to);
  return "/" + std::string(reply_to) + "/" + std::string(request);
}

}  // namespace spoolmq::adapters

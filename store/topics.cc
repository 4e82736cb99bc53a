// Bindings: which queues a topic's messages go to.
#include <algorithm>

#include "core/names.h"
#include "core/text.h"
#include "spoolmq/topic.h"
#include "store/intent.h"
#include "store/root_impl.h"
#include "store/topic_names.h"
#include "store/topics_dir.h"

namespace spoolmq {

void Root::bind(std::string_view pattern, std::string_view queue) {
  require_pattern(pattern);
  impl_->refuse_in_backup("bind");
  if (const auto why = names::refuse_queue_name(queue)) {
    throw Error(ErrorCode::kUsage, "name a queue", printable(queue), *why);
  }
  const Binding wanted{std::string(pattern), std::string(queue)};
  TopicsDir topics = TopicsDir::made_in(impl_->dir());
  topics.change_bindings([&](std::vector<Binding>& bindings) {
    // Under the lock: whoever removes the queue takes its bindings away first.
    if (!has_queue(queue)) {
      throw Error(ErrorCode::kNotFound, "bind", queue, "no such queue under " + path());
    }
    if (std::find(bindings.begin(), bindings.end(), wanted) != bindings.end()) return false;
    bindings.push_back(wanted);
    return true;
  });
  remove_unused_routes(topics);
}

bool Root::unbind(std::string_view pattern, std::string_view queue) {
  require_pattern(pattern);
  std::optional<TopicsDir> topics = TopicsDir::look_in(impl_->dir());
  bool was_there = false;
  if (!topics) return was_there;
  const Binding unwanted{std::string(pattern), std::string(queue)};
  topics->change_bindings([&](std::vector<Binding>& bindings) {
    was_there = std::erase(bindings, unwanted) > 0;
    return was_there;
  });
  remove_unused_routes(*topics);
  return was_there;
}

std::vector<Binding> Root::bindings() {
  std::optional<TopicsDir> topics = TopicsDir::look_in(impl_->dir());
  return topics ? topics->bindings() : std::vector<Binding>{};
}

std::vector<std::string> Root::queues_of_topic(std::string_view topic) {
  return impl_->queues_of_topic(topic);
}

std::vector<std::string> RootImpl::queues_of_topic(std::string_view topic) {
  require_topic(topic);
  std::vector<std::string> queues;
  std::optional<TopicsDir> topics = TopicsDir::look_in(*dir_);
  if (!topics) return queues;
  for (Binding& one : topics->bindings()) {
    if (topic_matches(one.pattern, topic)) queues.push_back(std::move(one.queue));
  }
  std::sort(queues.begin(), queues.end());
  queues.erase(std::unique(queues.begin(), queues.end()), queues.end());
  std::erase_if(queues, [&](const std::string& name) { return !has_queue(name); });
  return queues;
}

void RootImpl::unbind_queue(std::string_view queue) {
  std::optional<TopicsDir> topics = TopicsDir::look_in(*dir_);
  if (!topics || topics->bindings().empty()) return;
  topics->change_bindings([&](std::vector<Binding>& bindings) {
    return std::erase_if(bindings, [&](const Binding& one) { return one.queue == queue; }) > 0;
  });
  remove_unused_routes(*topics);
}

}  // namespace spoolmq

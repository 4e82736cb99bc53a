#pragma once
// A root's directory and what all its queues share.

#include <memory>
#include <optional>
#include <string>

#include "core/clock.h"
#include "core/file_system.h"
#include "spoolmq/queue.h"

namespace spoolmq {

class TopicsDir;
struct Work;

class RootImpl {
 public:
  RootImpl(std::shared_ptr<Dir> dir, std::shared_ptr<Clock> clock)
      : dir_(std::move(dir)), clock_(std::move(clock)) {}

  Dir& dir() { return *dir_; }
  const std::shared_ptr<Clock>& clock() { return clock_; }  // null: the system's
  std::unique_ptr<Dir> queues();                            // nullptr before the first queue
  bool has_queue(std::string_view name);
  bool is_backup();
  // Error(kPermission) if this root is a backup.
  void refuse_in_backup(std::string_view what);
  std::shared_ptr<QueueImpl> open_queue(std::string_view name, OpenOptions options);

  // multi_queue.cc
  FixResult move(QueueImpl& from, std::span<const MessageId> ids, QueueImpl& to);
  FixResult copy(QueueImpl& from, std::span<const MessageId> ids, QueueImpl& to);
  // roll_forward.cc: finishes what processes that died had committed; nothing to do costs one look
  // at a directory.
  void roll_forward();

  // topics.cc
  std::vector<std::string> queues_of_topic(std::string_view topic);
  void unbind_queue(std::string_view queue);

 private:
  void roll_forward(TopicsDir& topics, const std::string& name);
  void finish_move(std::string_view json);
  void finish_work(const Work& work);
  bool finish_message(TopicsDir& topics, File& file, const std::string& name);
  std::shared_ptr<QueueImpl> open_to_finish(const std::string& name);
  void move_slice(QueueImpl& from, std::span<const MessageId> ids, QueueImpl& to,
                  FixResult& result);

  std::shared_ptr<Dir> dir_;
  std::shared_ptr<Clock> clock_;
};

// Sends a copy of each to `to`, under the same ids, durable on return. Ids whose bytes could not be
// read are left out of the result. Each arrives: a dedupe key that stands for another message there
// stays with that one, and the copy goes without.
struct Copied {
  std::vector<MessageId> ids;
  std::vector<QueueImpl::KeyOf> dedupe_keys;
};
Copied copy_messages(QueueImpl& from, std::span<const MessageId> ids, QueueImpl& to);

}  // namespace spoolmq

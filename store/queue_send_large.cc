// Bodies that may not fit into memory: streamed, cloned, or taken over.
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>

#include "store/large_body.h"
#include "store/message_check.h"
#include "store/queue_impl.h"

namespace spoolmq {

SendResult QueueImpl::send_stream(Message message, const BodySource& source,
                                  const SendOptions& options) {
  const Settings settings = settings_for(options);
  const auto limit = static_cast<std::size_t>(settings.body_inline);
  std::string head;
  bool ended = false;
  std::vector<char> piece(256 << 10);
  while (!ended && head.size() <= limit) {
    const std::size_t got = source(piece);
    head.append(piece.data(), got);
    ended = got == 0;
  }
  std::vector<Message> one;
  if (ended && head.size() <= limit) {
    message.body = std::move(head);
    one.push_back(std::move(message));
    return send_batch(std::move(one), options).front();
  }
  if (settings.check != BodyCheck::kNone) {
    throw Error(ErrorCode::kBadData, "send", name(),
                "the body is larger than body-inline and cannot be checked");
  }
  check_send_allowed(head.size(), options);
  auto file = std::make_unique<NewFile>(dir_, ids_->next().shard(), handles_);
  std::size_t at = 0;
  message.large_body = write_large_body(file->file(), [&](std::span<char> into) -> std::size_t {
    if (at == head.size()) {
      const std::size_t got = source(into);
      admission_.check(got);
      return got;
    }
    const std::size_t count = head.copy(into.data(), into.size(), at);
    at += count;
    return count;
  });
  return send_large(std::move(message), std::move(file), options);
}

SendResult QueueImpl::send_large(Message message, std::unique_ptr<NewFile> body,
                                 const SendOptions& options) {
  sync_meter_.time([&] { body->file().sync_data(); });
  const Settings settings = settings_for(options);
  std::vector<Outgoing> outgoing(1);
  outgoing[0].message = std::move(message);
  outgoing[0].body = std::move(body);
  prepare(outgoing[0], options, settings, sender());
  check_send_allowed(0, options);
  reserve(outgoing, options, settings);
  if (outgoing[0].result.duplicate) return outgoing[0].result;
  std::vector<Outgoing*> fresh{&outgoing[0]};
  try {
    write_out(fresh, options.format.value_or(settings.format),
              options.durability.value_or(settings.durability));
  } catch (...) {
    return_reservations(fresh);
    throw;
  }
  if (!options.dead.empty()) bury(outgoing, options.dead);
  ring_for(outgoing);
  if (settings.capacity == 0) wait_taken(outgoing[0], options.timeout);
  return outgoing[0].result;
}

SendResult QueueImpl::send_file(Message message, int descriptor, BodyFile how,
                                const SendOptions& options) {
  off_t at = 0;
  const auto read_on = [&](std::span<char> into) -> std::size_t {
    const ssize_t got = ::pread(descriptor, into.data(), into.size(), at);
    if (got < 0) throw Error::from_errno(errno, "read", "the body's file");
    at += got;
    return static_cast<std::size_t>(got);
  };
  const off_t size = ::lseek(descriptor, 0, SEEK_END);
  if (size <= static_cast<off_t>(settings().body_inline) || settings().check != BodyCheck::kNone) {
    return send_stream(std::move(message), read_on, options);
  }
  check_send_allowed(0, options);
  if (std::unique_ptr<NewFile> taken = take_file(descriptor, how)) {
    File& file = taken->file();
    message.large_body =
        how == BodyFile::kTakeTrusted ? LargeBody{file.status().size, 0} : measure_large_body(file);
    return send_large(std::move(message), std::move(taken), options);
  }
  auto file = std::make_unique<NewFile>(dir_, ids_->next().shard(), handles_);
  if (file->file().clone_from(*adopt_posix_file(descriptor, "the body's file"))) {
    message.large_body = measure_large_body(file->file());
  } else {
    check_send_allowed(static_cast<std::uint64_t>(size), options);
    message.large_body = write_large_body(file->file(), read_on);
  }
  return send_large(std::move(message), std::move(file), options);
}

// Its bytes become the message's by one more name: nothing is copied. nullptr: they must be copied.
std::unique_ptr<NewFile> QueueImpl::take_file(int descriptor, BodyFile how) {
  if (how == BodyFile::kCopy) return nullptr;
  std::unique_ptr<File> given = adopt_posix_file(descriptor, "the body's file");
  const FileStatus status = given->status();
  const FileStatus queue = dir_.dir().status();
  if (status.kind != FileKind::kRegular || status.device != queue.device || status.links != 1) {
    return nullptr;
  }
  if (status.uid != geteuid() && geteuid() != 0) {
    if (how != BodyFile::kTakeTrusted) return nullptr;
    // It keeps its owner and mode: who reads the queue by its group must be able to read it too.
    const std::uint32_t needed = dir_.mode() & 0044;
    const bool group_fits = (needed & 0040) == 0 || status.gid == queue.gid;
    if ((status.mode & needed) != needed || !group_fits) return nullptr;
  }
  std::optional<NewFile> file =
      NewFile::adopt(dir_, ids_->next().shard(), handles_, std::move(given));
  return file ? std::make_unique<NewFile>(std::move(*file)) : nullptr;
}

}  // namespace spoolmq

#pragma once
// Names and leftovers of the mailboxes that replies are sent to. A mailbox is a queue
// `reply/<uuid>`; the uuid says when it was made. What is left in one becomes a dead message
// elsewhere, never nothing.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "spoolmq/queue.h"

namespace spoolmq::mailbox {

// A new name.
std::string make_name();
// When the mailbox of that name was made, wall clock; nullopt: it is not a mailbox's name.
std::optional<std::int64_t> made_at_ms(std::string_view queue_name);

// How a handle on a mailbox, or on a queue for a single message, is opened.
OpenOptions briefly(std::string_view name = {});

// One reply, dead in `to` on return, durable. `mailbox` is where it should have gone.
void bury(Queue& to, Message reply, std::string_view mailbox, const BodySource& body);
// The same for one that is read from its mailbox.
void bury_from(Queue& mailbox, const Message& reply, Queue& to);
// All that is dead in `mailbox` moves to the queues its messages name; where they name none, to
// `otherwise`, and without that it stays.
void bury_dead(Root& root, Queue& mailbox, Queue* otherwise);

}  // namespace spoolmq::mailbox

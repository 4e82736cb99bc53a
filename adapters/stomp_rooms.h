#pragma once
// Queues that are made for STOMP connections, and go with them: mailboxes of requesters and what a
// topic's subscriber reads from. Every call may take a while, and throws Error.

#include <cstdint>
#include <string>

#include "adapters/stomp_backend.h"
#include "spoolmq/queue.h"

namespace spoolmq::adapters {

// What the opening needs is there: its queue, and its binding.
void make_room(Root& root, const StompOpening& opening);
// It goes, and its binding. What is left in a mailbox becomes dead in the queues of the requests.
void remove_room(Root& root, const StompOpening& opening);
// Those that a server of before left behind, as nobody has them open. A mailbox has to be older
// than kMailboxAge, and none of its messages may have a time at which it expires: those are swept
// as any requester's are (sweep_mailboxes).
void remove_abandoned_rooms(Root& root, std::int64_t wall_ms);

// A reply to `mailbox`, which is not there: a dead message of the queue of its request, where a
// replier's are too (<spoolmq/request.h>). Returns its id.
MessageId bury_reply(Root& root, const std::string& request, const std::string& mailbox,
                     Message reply);

}  // namespace spoolmq::adapters

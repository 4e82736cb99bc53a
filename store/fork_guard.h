#pragma once
// A forked child must not keep its parent's record locks alive, nor touch its SQLite connection:
// a pthread_atfork handler closes the lock descriptors in the child and marks every handle dead.
// (posix_spawn and exec are not concerned: descriptors are closed on exec, and no handler runs.)

namespace spoolmq {

class QueueImpl;

// Thread-safe; the registry is the one thing here that outlives main's objects.
void watch_fork(QueueImpl* queue);
void unwatch_fork(QueueImpl* queue);

}  // namespace spoolmq

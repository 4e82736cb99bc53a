/* The bounded buffer that `spoolmq shm-in` and `shm-out` share with programs like these, with
 * sync = mutex. adapters/PROTOCOL.md, section "Shared memory", has every byte of it. */
#ifndef SEGMENT_H
#define SEGMENT_H

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { HEADER_BYTES = 4096, ENTRY_HEADER_BYTES = 64, SYNC_MUTEX = 1 };

struct segment {
  _Atomic uint64_t magic; /* "SPQSHM01", written last */
  uint32_t sync;
  uint32_t entries;
  uint32_t entry_bytes;
  uint32_t zero;
  uint64_t total_bytes;
  alignas(64) _Atomic uint64_t put;   /* entries put, ever */
  alignas(64) _Atomic uint64_t freed; /* entries freed, ever */
  alignas(64) pthread_mutex_t mutex;
  alignas(64) _Atomic uint32_t news; /* raised, and woken, after entries were put */
  alignas(64) _Atomic uint32_t room; /* likewise after entries were freed */
};

struct entry {
  uint64_t number; /* of this entry, + 1 */
  uint32_t length;
  uint32_t priority; /* 0 ... 32767 */
  uint8_t id[16];
  uint32_t verdict; /* of whoever frees it: 0 done, 65 bad, 75 again */
  uint8_t zero[28];
  char body[];
};

static void fail(const char *what) {
  perror(what);
  exit(74);
}

/* Waits until somebody has made it: `create = true`, or the option --create, of the bridge. */
static struct segment *open_segment(const char *name) {
  int file = shm_open(name, O_RDWR, 0);
  if (file < 0) fail(name);
  struct stat status;
  if (fstat(file, &status) != 0) fail(name);
  if (status.st_size < HEADER_BYTES) {
    fprintf(stderr, "%s: it is no segment\n", name);
    exit(65);
  }
  struct segment *made =
      mmap(NULL, (size_t)status.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (made == MAP_FAILED) fail(name);
  close(file);
  if (memcmp(&made->magic, "SPQSHM01", 8) != 0 || made->sync != SYNC_MUTEX ||
      made->total_bytes > (uint64_t)status.st_size) {
    fprintf(stderr, "%s: it is no segment of this layout with sync = mutex\n", name);
    exit(65);
  }
  return made;
}

static struct entry *entry_at(struct segment *segment, uint64_t number) {
  char *first = (char *)segment + HEADER_BYTES;
  return (struct entry *)(first + number % segment->entries * segment->entry_bytes);
}

/* Whoever died with the lock left nothing half done that counts: what `put` does not cover was
 * never there. So there is nothing to mend. */
static void lock_segment(struct segment *segment) {
  int error = pthread_mutex_lock(&segment->mutex);
  if (error == EOWNERDEAD) error = pthread_mutex_consistent(&segment->mutex);
  if (error != 0) {
    errno = error;
    fail("lock");
  }
}

static void unlock_segment(struct segment *segment) { pthread_mutex_unlock(&segment->mutex); }

/* With the lock held, which it gives up while it waits. A bound, so that the death of whoever was
 * to wake us costs a second and no more. Look at the counters again afterwards. */
static void wait_for(struct segment *segment, _Atomic uint32_t *event) {
  uint32_t seen = atomic_load(event);
  unlock_segment(segment);
  struct timespec second = {.tv_sec = 1, .tv_nsec = 0};
  syscall(SYS_futex, event, FUTEX_WAIT, seen, &second, NULL, 0);
  lock_segment(segment);
}

static void announce(_Atomic uint32_t *event) {
  atomic_fetch_add(event, 1);
  syscall(SYS_futex, event, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

#endif

#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <syslog.h>

void clinux_set_thread_name(const char *name) { prctl(PR_SET_NAME, name, 0, 0, 0); }

int clinux_fallocate(int descriptor, int mode, int64_t offset, int64_t length) {
  return fallocate(descriptor, mode, offset, length) == 0 ? 0 : -errno;
}

int clinux_punch_hole(int descriptor, int64_t offset, int64_t length) {
  return clinux_fallocate(descriptor, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, length);
}

int clinux_lock_exclusive(int descriptor) { return flock(descriptor, LOCK_EX | LOCK_NB) == 0 ? 0 : -errno; }

int clinux_random(void *buffer, size_t count) {
  char *cursor = buffer;
  while (count > 0) {
    ssize_t got = getrandom(cursor, count, 0);
    if (got < 0) {
      if (errno == EINTR) continue;
      return -errno;
    }
    cursor += got;
    count -= (size_t)got;
  }
  return 0;
}

void clinux_syslog(int priority, const char *message) {
  openlog("zarrfs", LOG_PID, LOG_DAEMON);
  syslog(priority, "%s", message);
}

// What the Glibc module leaves out or hides behind variadics, as plain functions.
// Feature macros stay in the .c file: in a header they make module maps clash.
#pragma once
#include "CLinuxProcess.h"
#include <stdint.h>
#include <sys/types.h>

/// prctl(PR_SET_NAME) for the calling thread; at most 15 bytes are kept.
void clinux_set_thread_name(const char *name);
/// fallocate(2); 0 or -errno.
int clinux_fallocate(int descriptor, int mode, int64_t offset, int64_t length);
/// FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE over the range; 0 or -errno.
int clinux_punch_hole(int descriptor, int64_t offset, int64_t length);
/// flock(2) LOCK_EX | LOCK_NB; 0 or -errno.
int clinux_lock_exclusive(int descriptor);
/// getrandom(2); 0 or -errno.
int clinux_random(void *buffer, size_t count);
/// openlog(3) + syslog(3) with a constant "%s" format. `priority` is LOG_ERR and the like.
void clinux_syslog(int priority, const char *message);

#include "CLinuxBeneath.h"

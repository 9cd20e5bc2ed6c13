#define _GNU_SOURCE
#include "CLinuxProcess.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

void clinux_forbid_dumps(void) {
  const struct rlimit none = {0, 0};
  setrlimit(RLIMIT_CORE, &none);
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

void clinux_raise_descriptor_limit(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

void clinux_limit_malloc_arenas(int count) { mallopt(M_ARENA_MAX, count); }

void clinux_ignore_sigpipe(void) { signal(SIGPIPE, SIG_IGN); }

int clinux_wait_for_exit(pid_t pid, int milliseconds) {
  int descriptor = (int)syscall(SYS_pidfd_open, pid, 0);
  if (descriptor < 0) return errno == ESRCH ? 0 : -errno;
  struct pollfd wait = {.fd = descriptor, .events = POLLIN};
  int count = poll(&wait, 1, milliseconds);
  int result = count > 0 ? 0 : count == 0 ? -ETIMEDOUT : -errno;
  close(descriptor);
  return result;
}

int clinux_command_name(pid_t pid, char *buffer, size_t size) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/comm", (int)pid);
  int descriptor = open(path, O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return -errno;
  ssize_t count = read(descriptor, buffer, size - 1);
  int result = count < 0 ? -errno : 0;
  close(descriptor);
  if (count < 0) count = 0;
  while (count > 0 && buffer[count - 1] == '\n') count--;
  buffer[count] = 0;
  return result;
}

int clinux_exit_status(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status); }

int clinux_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC); }

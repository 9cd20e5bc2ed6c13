// What a daemon asks of its own process.
#pragma once
#include <sys/types.h>

/// prctl(PR_SET_DUMPABLE, 0) and RLIMIT_CORE 0: no core file and no debugger of another process sees the memory.
void clinux_forbid_dumps(void);
/// Raises RLIMIT_NOFILE to its hard limit.
void clinux_raise_descriptor_limit(void);
/// mallopt(M_ARENA_MAX): at most so many heaps of glibc, whatever the number of threads.
void clinux_limit_malloc_arenas(int count);
/// signal(SIGPIPE, SIG_IGN).
void clinux_ignore_sigpipe(void);
/// Waits until the process has ended, or until the time is over: 0, -ETIMEDOUT, or -errno. Any process, not only a child.
int clinux_wait_for_exit(pid_t pid, int milliseconds);
/// /proc/PID/comm, NUL-terminated; 0 or -errno.
int clinux_command_name(pid_t pid, char *buffer, size_t size);
/// WIFEXITED and WEXITSTATUS: the exit status, or minus the signal that ended it.
int clinux_exit_status(int status);
/// pipe2(O_CLOEXEC); 0 or -1.
int clinux_pipe(int ends[2]);
